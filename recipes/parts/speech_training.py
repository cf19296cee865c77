"""What the training of speech to units strives for: its objective, and the sentences that it is judged by."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import max_pool1d, softplus

from audio2au.data import CLOSED, REST, Mixture, Recording, level_to
from audio2au.features import FeatureConfig, features
from audio2au.model import AudioToUnits
from audio2au.phones import BILABIAL, LABIAL, PHONES, ROUNDED, VOWELS
from recipes.parts.examples import batch_of
from recipes.parts.lip_reading import OPEN, SPREAD
from recipes.parts.speech_config import Config
from talkinghead.units.names import INDEX, LIP_OPENING_SCALE, UNIT_NAMES

MOUTH = ["JawOpen", "JawChew", "LipsUpperOpen", "LipsLowerOpen", "LipsUpperUp", "LipsLowerDown"]
MOUTH += ["LipsUpperClose", "LipsLowerClose", "LipsFunnel", "LipsPucker"]
CLOSING = ["JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsUpperClose", "LipsLowerClose"]
STD_FLOOR = 0.03  # a unit that hardly moves must not outweigh the mouth
VALIDATION_EXAMPLES = 24
BEGUN = 0.08  # of a recording's peak: where its first word begins
LONGEST = 125  # frames of a validation sentence


def unit_std(recordings: list[Recording]) -> np.ndarray:
    """Standard deviation of each unit over all frames, at least STD_FLOOR: [U]."""
    return np.maximum(np.nanstd(np.concatenate([r.units for r in recordings]), axis=0), STD_FLOOR)


class Objective:
    """Squared error in each unit's standard deviations, plus that of frame-to-frame differences; and Contrasts."""

    def __init__(self, config: Config, std: np.ndarray) -> None:
        self._config = config
        weight = np.ones(len(UNIT_NAMES), np.float32)
        weight[[INDEX[u] for u in MOUTH]] = config.mouth
        self._scale = torch.from_numpy((np.sqrt(weight / weight.mean()) / std).astype(np.float32)).to(config.device)
        self._closure = torch.ones(len(UNIT_NAMES), device=config.device)
        self._closure[[INDEX[u] for u in CLOSING]] = config.closure
        self._contrasts = Contrasts(config.device)

    def __call__(
        self, predicted: torch.Tensor, units: torch.Tensor, weight: torch.Tensor, phones: torch.Tensor | None = None
    ) -> torch.Tensor:
        """[B, T, U] each; `weight` 0 without label, 1 speech, REST or CLOSED. `predicted` is already shifted. `phones`
        [B, T], -1 where nobody knows, for contrasts."""
        weight = torch.where(weight == REST, self._config.rest, torch.where(weight == CLOSED, self._closure, weight))
        error = (predicted - units) * self._scale
        both = torch.minimum(weight[:, 1:], weight[:, :-1])
        loss = (weight * error**2).mean()
        loss = loss + self._config.difference * (both * error.diff(dim=1) ** 2).mean()
        if self._config.contrasts and phones is not None:
            loss = loss + self._config.contrasts * self._contrasts(predicted, phones)
        return loss


class Contrasts:
    """What a lip reader tells apart, whatever the size: the jaw falls further in open vowels than in close ones, lips
    come nearer at p, b, m than in vowels, and purse more in rounded sounds than in spread ones; at f, v the lower lip
    rolls in beyond the upper one, as in no other sound.

    Squared error alone lets a network that is not sure answer with the mean of all vowels. Here every pair of a kind in
    one example counts by the logistic function of its difference, of which UNSURE is one unit.
    """

    UNSURE = 0.04

    def __init__(self, device: str) -> None:
        others = set(PHONES) - LABIAL - {"SIL"}
        kinds = [OPEN, set(VOWELS) - OPEN, set(VOWELS), BILABIAL, ROUNDED, SPREAD, LABIAL, others]
        told = [[name in kind for name in PHONES] + [False] for kind in kinds]  # the last for what nobody knows
        self._kinds = torch.tensor(told, device=device)

    def __call__(self, predicted: torch.Tensor, phones: torch.Tensor) -> torch.Tensor:
        """Units [B, T, U] and phones [B, T], -1 where nobody knows."""
        begins = torch.ones_like(phones, dtype=torch.bool)
        begins[:, 1:] = phones[:, 1:] != phones[:, :-1]
        number = begins.flatten().cumsum(0) - 1  # of the phone that each frame belongs to
        first = begins.flatten().nonzero()[:, 0]
        example, kinds = first // phones.shape[1], self._kinds[:, phones.flatten()[first]]
        upper, lower = (predicted[..., INDEX[name]] for name in ("LipsUpperOpen", "LipsLowerOpen"))
        near = -(LIP_OPENING_SCALE[0] * upper + LIP_OPENING_SCALE[1] * lower) / sum(LIP_OPENING_SCALE)
        purse = predicted[..., INDEX["LipsPucker"]] + predicted[..., INDEX["LipsFunnel"]]
        tuck = predicted[..., INDEX["LipsLowerClose"]] - predicted[..., INDEX["LipsUpperClose"]]
        jaw, near, purse, tuck = (
            torch.full_like(first, -1e3, dtype=shown.dtype).scatter_reduce(0, number, _around(shown).flatten(), "amax")
            for shown in (predicted[..., INDEX["JawOpen"]], near, purse, tuck)
        )
        open_, narrow, vowel, bilabial, rounded, spread, labial, others = kinds
        told = (jaw, open_, narrow), (near, bilabial, vowel), (purse, rounded, spread), (tuck, labial, others)
        return torch.stack([self._pairs(shown, example, more, less) for shown, more, less in told]).sum()

    def _pairs(self, shown: torch.Tensor, example: torch.Tensor, more: torch.Tensor, less: torch.Tensor):
        alike = example[more][:, None] == example[less]
        lacking = (shown[less] - shown[more][:, None])[alike] / self.UNSURE
        return softplus(lacking).mean() if len(lacking) else shown.sum() * 0


def shifted(model: AudioToUnits, vectors: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The model's answers for frames [0, T - delay), what its output layer saw, and the same frames of the others."""
    delay = model.config.delay
    hidden, _ = model.hidden(vectors)
    hidden = hidden[:, delay:]
    return torch.sigmoid(model.output(hidden)), hidden, *(other[:, : other.shape[1] - delay] for other in others)


def whole(recordings: list[Recording], sound: FeatureConfig) -> tuple[torch.Tensor, ...]:
    """Recordings as they are, cut to LONGEST frames or filled up without label: vectors, units, weight, phones."""
    frames = min(LONGEST, max(len(r.units) for r in recordings))
    vectors = np.zeros((len(recordings), frames, sound.dimension), np.float32)
    units = np.full((len(recordings), frames, len(UNIT_NAMES)), np.nan, np.float32)
    phones = np.full((len(recordings), frames), -1)
    for i, r in enumerate(recordings):
        heard = features(r.samples, sound)[:frames]
        vectors[i, : len(heard)] = heard
        units[i, : min(frames, len(r.units))] = r.units[:frames]
        if r.phones is not None:
            phones[i, : min(frames, len(r.phones))] = r.phones[:frames]
    weight = np.isfinite(units).astype(np.float32)
    return tuple(torch.from_numpy(a) for a in (vectors, np.nan_to_num(units), weight, phones))


def _around(shown: torch.Tensor) -> torch.Tensor:
    """Values [B, T], half of each being the greatest of it and its two neighbours: a lip reader looks beyond a phone's
    edges."""
    return (shown + max_pool1d(shown[:, None], 3, 1, 1)[:, 0]) / 2


class Levels:
    """What a recording's level changes in the units: nothing, wherever the microphone stood.

    A network may take quiet sound at a beginning, whose level it has nothing to compare with, for noise. Here the same
    first words, after a little hiss, are heard loud and up to QUIETER decibels quieter; the squared difference counts.
    """

    PAIRS, FRAMES, BEFORE, QUIETER, HISS = 480, 40, (5, 25), 30, (-85, -45)

    def __init__(self, recordings: list[Recording], config: Config, std: np.ndarray) -> None:
        rng, sound = np.random.default_rng([config.seed, 2**34]), config.features()
        length, pairs = self.FRAMES * sound.sample_rate // sound.fps, []
        for i in rng.choice(len(recordings), self.PAIRS):
            hiss = rng.standard_normal(length) * 10 ** (rng.uniform(*self.HISS) / 20)
            said = recordings[i].samples
            begins = int(np.argmax(np.abs(said) > BEGUN * np.abs(said).max()))
            silent = int(rng.integers(*self.BEFORE)) * sound.sample_rate // sound.fps
            samples = np.pad(np.resize(level_to(said, -15)[begins:], length - silent), (silent, 0))
            samples = (samples + hiss).astype(np.float32)
            quieter = samples * np.float32(10 ** (-rng.uniform(0, self.QUIETER) / 20))
            pairs.append(np.stack([features(samples, sound), features(quieter, sound)]))
        self._pairs = torch.from_numpy(np.stack(pairs)).to(config.device)
        self._scale = torch.from_numpy((1 / std).astype(np.float32)).to(config.device)

    def __call__(self, model: AudioToUnits, rng: np.random.Generator, size: int) -> torch.Tensor:
        chosen = self._pairs[torch.as_tensor(rng.choice(self.PAIRS, size), device=self._pairs.device)]
        hidden, _ = model.hidden(chosen.flatten(0, 1))
        loud, quiet = torch.sigmoid(model.output(hidden)).unflatten(0, (-1, 2)).unbind(1)
        return (((loud - quiet) * self._scale) ** 2).mean()


class Validation:
    """The objective on val sentences: as recorded, as other voices in other rooms (always the same ones), and on voices
    that do not train, if there are any."""

    def __init__(self, recordings: list[Recording], config: Config, objective: Objective) -> None:
        self._objective, device = objective, config.device
        clips = [r for r in recordings if r.source == "clips"]
        mixture = Mixture(clips, {"clips": 1.0}, config.features(), config.frames)
        changed = batch_of(mixture, [[config.seed, 2**32 + i] for i in range(VALIDATION_EXAMPLES)])
        others = [r for r in recordings if r.source != "clips"]
        parts = [whole(clips, config.features()), changed, *([whole(others, config.features())] if others else [])]
        self._parts = [tuple(tensor.to(device) for tensor in part) for part in parts]

    @torch.inference_mode()
    def __call__(self, model: AudioToUnits) -> list[float]:
        """The losses."""
        model.eval()
        losses = []
        for part in self._parts:
            predicted, _, units, weight, phones = shifted(model, *part)
            losses.append(float(self._objective(predicted, units, weight, phones)))
        model.train()
        return losses
