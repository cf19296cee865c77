"""Train speech to units on clips with sound.

    python -m recipes.train_audio2au data=DATA corpus=CORPUS voices=VOICES [FILE.json] [key=value ...] [--max-minutes M]
    python -m recipes.train_audio2au data=DATA corpus=CORPUS voices=VOICES both_ways=true delay=0 hidden=192
    python -m recipes.train_audio2au data=DATA sets=ravdess,vidtimit facegood=0 [key=value ...]

The first trains the causal network, for live sound, the second the one for files, which reads it both ways; VOICES is
what `recipes.make_voices` wrote. `recipes/audio2au_pham2017.json` as FILE.json selects the
features of Pham et al. 2017.

DATA has the manifest and the tracks that `recipes.prepare` wrote (a DATA without a manifest was made from CORPUS, whose
own is read), CORPUS the FACEGOOD coefficients. OUT (key `out`) receives `config.json`,
`metrics.csv`, `latest.pt` (for going on: run the same command again) and the weights, `audio2au.safetensors`. The
weights are those of the step that did best on the validation split. A run that was killed and taken up again gives
the same numbers as one that was not.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import typer
from torch.nn.functional import cross_entropy

from audio2au.data import CLOSED, REST, Mixture, Recording, shut_in_pauses
from audio2au.features import FeatureConfig, features
from audio2au.model import AudioToUnits, load
from audio2au.phones import PHONES
from audio2au.recurrent import ModelConfig
from recipes.parts import runs
from recipes.parts.config import parse, save
from recipes.parts.examples import batch_of, kept_example, stacked
from recipes.parts.speech_data import read_facegood
from recipes.parts.spoken import read_set, read_talkers, read_voices
from talkinghead.units.names import INDEX, UNIT_NAMES

MOUTH = ["JawOpen", "JawChew", "LipsUpperOpen", "LipsLowerOpen", "LipsUpperUp", "LipsLowerDown"]
MOUTH += ["LipsUpperClose", "LipsLowerClose", "LipsFunnel", "LipsPucker"]
CLOSING = ["JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsUpperClose", "LipsLowerClose"]
STD_FLOOR = 0.03  # a unit that hardly moves must not outweigh the mouth
NORMALISING_EXAMPLES = 48
VALIDATION_EXAMPLES = 24


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    data: str
    """Folder that recipes.prepare wrote."""
    corpus: str = ""
    """Folder of the corpus; needed for `facegood`."""
    sets: str = "grid"
    """Sets whose clips with sound train and validate, separated by commas."""
    out: str = "runs/audio2au"
    """Folder of this run."""
    kind: str = "logmel"
    """Sound features: logmel or pham2017 (audio2au/features.py)."""
    sample_rate: int = 16000
    """Samples per second of the sound."""
    steps_per_frame: int = 2
    """Spectra per video frame."""
    n_fft: int = 512
    """Samples per spectrum."""
    n_mels: int = 40
    """Mel bands."""
    fmin: float = 80.0
    """Lower edge of the bands, Hz."""
    fmax: float = 7600.0
    """Upper edge of the bands, Hz."""
    hidden: int = 256
    """Width of the LSTM's layers."""
    layers: int = 2
    """LSTM layers."""
    dropout: float = 0.1
    """In training, between layers and before the output."""
    delay: int = 2
    """Frames the LSTM hears beyond the one it describes."""
    both_ways: bool = False
    """Whether a second LSTM reads the sound backwards (for files)."""
    voices: str = ""
    """Folder of recipes.make_voices; needed for `synthetic`."""
    frames: int = 125
    """Frames per example."""
    batch: int = 16
    """Examples per step."""
    steps: int = 600
    """Optimiser steps."""
    learning_rate: float = 1.5e-3
    """Adam's peak, after `warmup`; falls to zero along a half cosine."""
    warmup: int = 60
    """Steps of linear warm-up."""
    weight_decay: float = 1e-4
    """As in Pham et al. 2018 (read)."""
    clip: float = 3.0
    """Largest norm of the gradient, as in Pham et al. 2018 (read)."""
    difference: float = 0.5
    """Weight of the squared error of frame-to-frame differences."""
    mouth: float = 3.0
    """Weight of the units that shape the mouth's opening, against 1 of the others."""
    rest: float = 2.0
    """Weight of frames in which nobody speaks."""
    closure: float = 6.0
    """Weight of the lips' opening in frames where p, b, m shut them: the eye sees a lost closure first."""
    knee: float = 0.15
    """Lip openings below it are drawn towards 0 in what is exported (audio2au.speech.firm)."""
    naming: float = 0.2
    """Weight of the cross entropy of naming the phone from what the output layer sees."""
    clips: float = 0.45
    """Share of examples from the clips of `sets`."""
    talkers: float = 0.0
    """Share of examples from styletalk_talk, but for HELD_OUT."""
    synthetic: float = 0.4
    """Share of examples from `voices`."""
    facegood: float = 0.15
    """Share of examples from the FACEGOOD rig weights."""
    start: str = ""
    """Weights of the same shape to begin from, instead of chance."""
    examples: int = 0
    """Different examples, drawn again and again and kept on disk in `kept`; 0: never the same one twice."""
    kept: str = ""
    """Folder of kept examples; runs that draw from the same sounds share them."""
    validate_every: int = 50
    """Steps between validations."""
    save_every: int = 50
    """Steps between checkpoints."""
    threads: int = 1
    """CPU threads; more than one may change the last digits from run to run."""
    seed: int = 0
    """Of everything random."""

    def features(self) -> FeatureConfig:
        return FeatureConfig(
            self.kind, self.sample_rate, steps=self.steps_per_frame, n_fft=self.n_fft, n_mels=self.n_mels,
            fmin=self.fmin, fmax=self.fmax,
        )  # fmt: skip

    def model(self) -> ModelConfig:
        return ModelConfig(self.features(), self.hidden, self.layers, self.dropout, self.delay, self.both_ways)


def unit_std(recordings: list[Recording]) -> np.ndarray:
    """Standard deviation of each unit over all frames, at least STD_FLOOR: [U]."""
    return np.maximum(np.nanstd(np.concatenate([r.units for r in recordings]), axis=0), STD_FLOOR)


class Objective:
    """Squared error in each unit's standard deviations, plus that of frame-to-frame differences."""

    def __init__(self, config: Config, std: np.ndarray) -> None:
        self._config = config
        weight = np.ones(len(UNIT_NAMES), np.float32)
        weight[[INDEX[u] for u in MOUTH]] = config.mouth
        self._scale = torch.from_numpy((np.sqrt(weight / weight.mean()) / std).astype(np.float32))
        self._closure = torch.ones(len(UNIT_NAMES))
        self._closure[[INDEX[u] for u in CLOSING]] = config.closure

    def __call__(self, predicted: torch.Tensor, units: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """[B, T, U] each; `weight` 0 without label, 1 speech, REST or CLOSED. `predicted` is already shifted."""
        weight = torch.where(weight == REST, self._config.rest, torch.where(weight == CLOSED, self._closure, weight))
        error = (predicted - units) * self._scale
        both = torch.minimum(weight[:, 1:], weight[:, :-1])
        loss = (weight * error**2).mean()
        return loss + self._config.difference * (both * error.diff(dim=1) ** 2).mean()


def shifted(model: AudioToUnits, vectors: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The model's answers for frames [0, T - delay), what its output layer saw, and the same frames of the others."""
    delay = model.config.delay
    hidden, _ = model.hidden(vectors)
    hidden = hidden[:, delay:]
    return torch.sigmoid(model.output(hidden)), hidden, *(other[:, : other.shape[1] - delay] for other in others)


class Validation:
    """The objective on val sentences, as recorded and as other voices in other rooms (always the same ones)."""

    def __init__(self, recordings: list[Recording], config: Config, objective: Objective) -> None:
        self._objective = objective
        frames = min(config.frames, min(len(r.units) for r in recordings))
        mixture = Mixture(recordings, {"clips": 1.0}, config.features(), config.frames)
        self._other = batch_of(mixture, [[config.seed, 2**32 + i] for i in range(VALIDATION_EXAMPLES)])
        vectors = np.stack([features(r.samples, config.features())[:frames] for r in recordings])
        units = np.stack([r.units[:frames] for r in recordings])
        weight = np.isfinite(units).astype(np.float32)
        phones = np.full(units.shape[:2], -1)
        self._own = tuple(torch.from_numpy(a) for a in (vectors, np.nan_to_num(units), weight, phones))

    @torch.inference_mode()
    def __call__(self, model: AudioToUnits) -> tuple[float, float]:
        """Loss on the speaker's own voice, and on the changed ones."""
        model.eval()
        losses = []
        for part in (self._own, self._other):
            predicted, _, units, weight, _ = shifted(model, *part)
            losses.append(float(self._objective(predicted, units, weight)))
        model.train()
        return losses[0], losses[1]


class Run:
    """A training that can be killed at any moment and taken up again."""

    def __init__(self, config: Config) -> None:
        self.config, self.out = config, Path(config.out)
        corpus, data, sound = Path(config.corpus), Path(config.data), config.features()
        clips, val = (
            [
                replace(shut_in_pauses(r, sound.sample_rate, sound.fps), source="clips")
                for source in config.sets.split(",")
                for r in read_set(corpus, data, split, sound, source)
            ]
            for split in ("train", "val")
        )
        if not clips or not val:
            raise SystemExit(f"{data}: no {'val' if clips else 'train'} clips with sound of {config.sets}; change sets")
        recordings = clips + (read_facegood(corpus, sound, clips) if config.facegood else [])
        recordings += read_voices(Path(config.voices), sound) if config.voices and config.synthetic else []
        recordings += read_talkers(corpus, data, sound) if config.talkers else []
        present = {r.source for r in recordings}
        shares = {s: getattr(config, s) for s in ("clips", "facegood", "talkers", "synthetic") if s in present}
        self.mixture = Mixture(recordings, shares, sound, config.frames)
        self.objective = Objective(config, unit_std(clips))
        self.validate = Validation(val, config, self.objective)
        torch.manual_seed(config.seed)
        self.model = AudioToUnits(config.model(), UNIT_NAMES)
        self.namer = torch.nn.Linear(self.model.output.in_features, len(PHONES))
        parameters = [*self.model.parameters(), *self.namer.parameters()]
        self.optimiser = torch.optim.Adam(parameters, config.learning_rate, weight_decay=config.weight_decay)
        self.step, self.best, self.best_state, self.rows, self.recent = 0, math.inf, None, [], []
        if (self.out / "latest.pt").exists():
            self.resume()
        elif config.start:
            self.model.load_state_dict(load(config.start).state_dict())
        else:
            self.normalise()

    def normalise(self) -> None:
        """Scale of the inputs, and outputs that begin at the units' mean."""
        seeds = [[self.config.seed, 2**33 + i] for i in range(NORMALISING_EXAMPLES)]
        vectors, units, *_ = batch_of(self.mixture, seeds)
        self.model.mean.copy_(vectors.mean((0, 1)))
        self.model.scale.copy_(1 / vectors.std((0, 1)).clamp_min(1e-3))
        with torch.no_grad():
            self.model.output.bias.copy_(torch.logit(units.mean((0, 1)).clamp(0.003, 0.5)))

    def resume(self) -> None:
        kept = torch.load(self.out / "latest.pt", weights_only=True)
        self.model.load_state_dict(kept["model"])
        self.namer.load_state_dict(kept["namer"])
        self.optimiser.load_state_dict(kept["optimiser"])
        torch.set_rng_state(kept["rng"])
        for key in ("step", "best", "best_state", "rows", "recent"):
            setattr(self, key, kept[key])

    def save(self) -> None:
        """Everything that the next step depends on; batches are a function of the seed and the step alone."""
        kept = {
            "model": self.model.state_dict(), "namer": self.namer.state_dict(),
            "optimiser": self.optimiser.state_dict(), "rng": torch.get_rng_state(), "step": self.step,
            "best": self.best, "best_state": self.best_state, "rows": self.rows, "recent": self.recent,
        }  # fmt: skip
        runs.replace(self.out / "latest.pt", lambda path: torch.save(kept, path))
        with open(self.out / "metrics.csv", "w", newline="") as file:
            csv.writer(file).writerows([["step", "train", "val", "val_other_voices"], *self.rows])

    def train(self, deadline: float) -> None:
        self.model.train()
        while self.step < self.config.steps and time.monotonic() < deadline:
            self.recent.append(self.advance())
            if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                self.judge()
            if self.step % self.config.save_every == 0:
                self.save()
        self.save()

    def advance(self) -> float:
        """One optimiser step; returns the loss. Ends the program if it is not finite."""
        config = self.config
        late = (self.step - config.warmup) / max(1, config.steps - config.warmup)
        rate = min((self.step + 1) / max(1, config.warmup), 0.5 + 0.5 * math.cos(math.pi * max(0.0, late)))
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * rate
        predicted, hidden, units, weight, phones = shifted(self.model, *self.batch())
        loss = self.objective(predicted, units, weight)
        if config.naming and (phones >= 0).any():
            named = self.namer(hidden).flatten(0, 1)
            loss = loss + config.naming * cross_entropy(named, phones.flatten(), ignore_index=-1)
        if not torch.isfinite(loss):
            raise SystemExit(f"step {self.step}: the loss is {loss.item()}; lower learning_rate or look at the data")
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimiser.step()
        self.step += 1
        return loss.item()

    def batch(self) -> tuple[torch.Tensor, ...]:
        config = self.config
        if not config.examples:
            return batch_of(self.mixture, [[config.seed, self.step, i] for i in range(config.batch)])
        folder = Path(config.kept or self.out / "examples")
        folder.mkdir(parents=True, exist_ok=True)
        drawn = np.random.default_rng([config.seed, self.step]).integers(config.examples, size=config.batch)
        return stacked([kept_example(self.mixture, [config.seed, int(i)], folder) for i in drawn])

    def judge(self) -> None:
        train, self.recent = float(np.mean(self.recent)), []
        own, other = self.validate(self.model)
        self.rows.append([self.step, round(train, 5), round(own, 5), round(other, 5)])
        print(f"step {self.step}  train {train:.4f}  val {own:.4f}  other voices {other:.4f}", flush=True)
        if own + other < self.best:
            self.best = own + other
            self.best_state = {k: v.clone() for k, v in self.model.state_dict().items()}

    def export(self) -> Path:
        """The best weights so far, for `audio2au.load`."""
        best = AudioToUnits(self.model.config, self.model.unit_names)
        best.load_state_dict(self.best_state or self.model.state_dict())
        best.knee[[INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]] = self.config.knee
        path = self.out / "audio2au.safetensors"
        best.save(path, steps=str(self.step))
        return path


def main(words: list[str], max_minutes: float = math.inf) -> None:
    start = time.monotonic()
    config = parse(Config, words)
    torch.set_num_threads(config.threads)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    if (out / "latest.pt").exists():
        if parse(Config, [str(out / "config.json")]) != config:
            raise SystemExit(f"{out} holds a run with other settings; choose another out= or remove the folder")
    save(config, out / "config.json")
    run = Run(config)
    print(f"at step {run.step} of {config.steps}", flush=True)
    run.train(start + 60 * max_minutes)
    print(f"wrote {run.export()}")


if __name__ == "__main__":
    typer.run(main)
