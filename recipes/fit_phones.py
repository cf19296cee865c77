"""Fit what a mouth does for each phone (audio2au/phones.py) to tracked lips, held by what phonetics says of them.

    python -m recipes.fit_phones CORPUS DATA [--out audio2au/weights/phones.json] [--steps 400]

The lips are those of GRID's s1 (training sentences), whose words are known and aligned to their sound. He says 51
words, opens his mouth moderately and hardly purses his lips as the tracker sees it, so every number begins at, and is
pulled back to, `PRIOR`: vowels open by their height, p, b, m shut, f, v tuck the lower lip, rounded vowels, w and the
hushes purse. A phone that he never says stays there. Prints the error and r on his validation sentences for the prior
alone and for the fit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import typer

from audio2au.data import Recording, shut_in_pauses
from audio2au.features import FeatureConfig
from audio2au.metrics import correlation
from audio2au.phones import BILABIAL, CORE, PHONES, TABLE, VOWELS, Articulation, Phone, loudness, with_pauses
from recipes.parts.spoken import read_grid
from talkinghead.units.names import INDEX, UNIT_NAMES

GROUPS = {
    "opening": ("JawOpen", "LipsLowerOpen", "LipsUpperOpen", "LipsLowerDown", "LipsUpperUp"),
    "shape": ("LipsPucker", "LipsFunnel", "LipsStretch_L", "LipsStretch_R", "MouthSmile_L", "MouthSmile_R"),
    "closure": ("LipsUpperClose", "LipsLowerClose", "JawChew", "ChinLowerRaise"),
}
FITTED = ("JawOpen", "LipsLowerOpen", "LipsUpperOpen", "LipsPucker", "LipsUpperClose", "LipsLowerClose", "JawChew")

# Jaw, lower lip, upper lip, pucker, funnel, stretch; then the strengths of opening, shape and closure.
PRIOR = {
    "SIL": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.5, 0.0, 0.0),
    "AA": (0.38, 0.34, 0.36, 0.00, 0.04, 0.00, 1.0, 0.0, 0.0),
    "AE": (0.34, 0.33, 0.36, 0.00, 0.00, 0.05, 1.0, 0.6, 0.0),
    "AH": (0.28, 0.26, 0.28, 0.00, 0.00, 0.00, 0.7, -0.5, 0.0),
    "AO": (0.31, 0.26, 0.26, 0.24, 0.14, 0.00, 1.0, 1.0, 0.0),
    "AW": (0.34, 0.30, 0.31, 0.14, 0.08, 0.00, 1.0, 0.7, 0.0),
    "AY": (0.33, 0.31, 0.34, 0.00, 0.00, 0.02, 1.0, 0.3, 0.0),
    "EH": (0.29, 0.28, 0.32, 0.00, 0.00, 0.04, 1.0, 0.6, 0.0),
    "ER": (0.24, 0.21, 0.22, 0.12, 0.08, 0.00, 0.8, 0.5, 0.0),
    "EY": (0.26, 0.26, 0.30, 0.00, 0.00, 0.06, 1.0, 0.8, 0.0),
    "IH": (0.12, 0.18, 0.23, 0.00, 0.00, 0.03, 0.8, 0.6, 0.0),
    "IY": (0.07, 0.16, 0.22, 0.00, 0.00, 0.08, 1.0, 0.9, 0.0),
    "OW": (0.14, 0.16, 0.16, 0.40, 0.16, 0.00, 1.0, 1.4, 0.0),
    "OY": (0.28, 0.23, 0.22, 0.30, 0.14, 0.00, 1.0, 1.2, 0.0),
    "UH": (0.10, 0.13, 0.15, 0.32, 0.10, 0.00, 0.8, 1.0, 0.0),
    "UW": (0.06, 0.08, 0.09, 0.52, 0.14, 0.00, 1.0, 1.6, 0.0),
    "UE": (0.06, 0.09, 0.10, 0.52, 0.14, 0.00, 1.0, 1.6, 0.0),
    "OE": (0.17, 0.17, 0.17, 0.40, 0.16, 0.00, 1.0, 1.4, 0.0),
    "UX": (0.08, 0.12, 0.13, 0.12, 0.02, 0.00, 0.8, 0.4, 0.0),
    "B": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 2.6, -1.0, 2.4),
    "P": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 2.6, -1.0, 2.4),
    "M": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 2.6, -1.0, 2.4),
    "F": (0.04, 0.02, 0.10, 0.00, 0.00, 0.02, 1.8, 0.0, 2.2),
    "V": (0.04, 0.02, 0.10, 0.00, 0.00, 0.02, 1.8, 0.0, 2.2),
    "W": (0.06, 0.06, 0.06, 0.55, 0.14, 0.00, 1.4, 1.7, 0.0),
    "CH": (0.06, 0.14, 0.18, 0.22, 0.20, 0.00, 0.9, 0.9, 0.0),
    "JH": (0.06, 0.14, 0.18, 0.22, 0.20, 0.00, 0.9, 0.9, 0.0),
    "SH": (0.06, 0.14, 0.18, 0.24, 0.22, 0.00, 0.9, 1.0, 0.0),
    "ZH": (0.06, 0.14, 0.18, 0.24, 0.22, 0.00, 0.9, 1.0, 0.0),
    "S": (0.05, 0.12, 0.16, 0.00, 0.00, 0.05, 0.8, 0.4, 0.0),
    "Z": (0.05, 0.12, 0.16, 0.00, 0.00, 0.05, 0.8, 0.4, 0.0),
    "T": (0.09, 0.14, 0.18, 0.00, 0.00, 0.00, 0.2, -0.8, 0.0),
    "D": (0.09, 0.14, 0.18, 0.00, 0.00, 0.00, 0.2, -0.8, 0.0),
    "N": (0.10, 0.14, 0.18, 0.00, 0.00, 0.00, 0.2, -0.8, 0.0),
    "L": (0.16, 0.19, 0.22, 0.00, 0.00, 0.00, 0.2, -0.8, 0.0),
    "TH": (0.11, 0.15, 0.18, 0.00, 0.00, 0.00, 0.5, -0.4, 0.0),
    "DH": (0.11, 0.15, 0.18, 0.00, 0.00, 0.00, 0.4, -0.4, 0.0),
    "K": (0.14, 0.17, 0.20, 0.00, 0.00, 0.00, -0.6, -1.0, 0.0),
    "G": (0.14, 0.17, 0.20, 0.00, 0.00, 0.00, -0.6, -1.0, 0.0),
    "NG": (0.14, 0.17, 0.20, 0.00, 0.00, 0.00, -0.6, -1.0, 0.0),
    "HH": (0.18, 0.20, 0.22, 0.00, 0.00, 0.00, -1.0, -1.0, 0.0),
    "R": (0.12, 0.13, 0.15, 0.20, 0.10, 0.00, 0.3, 0.5, 0.0),
    "Y": (0.09, 0.16, 0.20, 0.00, 0.00, 0.05, 0.3, 0.4, 0.0),
}  # fmt: skip
CLOSED = {"LipsUpperClose": 0.16, "LipsLowerClose": 0.16, "JawChew": 0.06}  # of p, b, m
TUCKED = {"LipsLowerClose": 0.22, "LipsUpperUp": 0.03}  # of f, v
REACH = ((0.06, 0.06), (0.11, 0.08), (0.03, 0.03))  # lips purse early
BY_HEIGHT = 0.75  # the prior's share in how far vowels open
HOLD = 3e-4  # weight of the squared distance from the prior, in units of targets...
HOLD_STRENGTH = 2e-5  # ...and of log strengths


def prior() -> Articulation:
    targets = np.zeros((len(PHONES), len(UNIT_NAMES)))
    columns = [INDEX[n] for n in ("JawOpen", "LipsLowerOpen", "LipsUpperOpen", "LipsPucker", "LipsFunnel")]
    for i, phone in enumerate(PHONES):
        targets[i, columns] = PRIOR[phone][:5]
        targets[i, [INDEX["LipsStretch_L"], INDEX["LipsStretch_R"]]] = PRIOR[phone][5]
        for name, value in (CLOSED if phone in BILABIAL else TUCKED if phone in "FV" else {}).items():
            targets[i, INDEX[name]] = value
    strengths = np.array([PRIOR[phone][6:] for phone in PHONES])
    return Articulation(UNIT_NAMES, GROUPS, targets, strengths, np.array(REACH), 0.25, 0.1)


class Batch:
    """Recordings of one length and their phones, as tensors."""

    def __init__(self, pairs: list[tuple[Recording, list[Phone]]], sound: FeatureConfig) -> None:
        frames = max(len(recording.units) for recording, _ in pairs)
        said = [with_pauses(phones, frames / sound.fps) for _, phones in pairs]
        size = max(map(len, said))
        self.which, edges, levels = (np.zeros((len(pairs), size, *rest)) for rest in ((), (2,), ()))
        edges += 1e3  # what fills up is far away
        units = np.full((len(pairs), frames, len(FITTED)), np.nan, np.float32)
        for i, ((recording, _), phones) in enumerate(zip(pairs, said)):
            self.which[i, : len(phones)] = [PHONES.index(phone.name) for phone in phones]
            edges[i, : len(phones)] = [phone[1:] for phone in phones]
            levels[i, : len(phones)] = loudness(phones, recording.samples, sound.sample_rate)
            units[i, : len(recording.units)] = recording.units[:, [INDEX[name] for name in FITTED]]
        self.which = torch.from_numpy(self.which).long()
        start, end = torch.from_numpy(edges).float()[:, None].unbind(-1)
        time = (torch.arange(frames) + 0.5)[:, None] / sound.fps
        self.before = (start + CORE * (end - start) - time).clamp(0, 9)
        self.after = (time - end + CORE * (end - start)).clamp(0, 9)
        self.levels, self.seconds = torch.from_numpy(levels).float(), (end - start)[:, 0].clamp_min(0.02)
        self.vowel = (self.which >= 1) & (self.which <= len(VOWELS))
        self.units = torch.from_numpy(units)


class Fit(torch.nn.Module):
    """Articulation's own formula with parameters that learn; the columns are `FITTED`."""

    def __init__(self, table: Articulation) -> None:
        super().__init__()
        self.start = table
        kept = table.targets[:, [INDEX[name] for name in FITTED]]
        self.targets = torch.nn.Parameter(torch.tensor(kept, dtype=torch.float32))
        self.strengths = torch.nn.Parameter(torch.tensor(table.strengths, dtype=torch.float32))
        self.reach = torch.nn.Parameter(torch.tensor(table.reach, dtype=torch.float32).log())
        self.vowels = torch.nn.Parameter(torch.tensor([table.louder, table.longer]))
        self.group = [next(g for g, names in enumerate(GROUPS.values()) if name in names) for name in FITTED]

    def forward(self, batch: Batch) -> torch.Tensor:
        reach, scale = self.reach.exp(), 1.0
        scale = torch.exp(self.vowels[0] * batch.levels) * (batch.seconds / 0.1) ** self.vowels[1]
        scale = torch.where(batch.vowel, scale, 1).clamp(0.6, 1.4)
        out = []
        for column, group in enumerate(self.group):
            log = self.strengths[:, group][batch.which][:, None]
            log = log - batch.before / reach[group, 0] - batch.after / reach[group, 1]
            targets = self.targets[:, column][batch.which] * (scale if group == 0 else 1)
            out.append((log.softmax(-1) @ targets[..., None])[..., 0])
        return torch.stack(out, -1)

    def held(self) -> torch.Tensor:
        """The distance from where it began."""
        kept = torch.tensor(self.start.targets[:, [INDEX[name] for name in FITTED]], dtype=torch.float32)
        strengths = torch.tensor(self.start.strengths, dtype=torch.float32)
        return HOLD * ((self.targets - kept) ** 2).sum() + HOLD_STRENGTH * ((self.strengths - strengths) ** 2).sum()

    def table(self) -> Articulation:
        """The fit, with p, b, m and f, v no further open and no less tucked than the prior has them, and vowels open
        for the most part as the prior has them by their height: s1 says his i in the names of letters alone, wide
        and slowly."""
        targets = self.start.targets.copy()
        targets[:, [INDEX[name] for name in FITTED]] = self.targets.detach().clamp(0, 1).numpy()
        strengths = self.strengths.detach().numpy().copy()
        opening = np.ix_([PHONES.index(vowel) for vowel in VOWELS], [INDEX[name] for name in GROUPS["opening"]])
        targets[opening] += BY_HEIGHT * (self.start.targets[opening] - targets[opening])
        for phone in (*BILABIAL, "F", "V"):
            i, first = PHONES.index(phone), self.start.targets[PHONES.index(phone)]
            for name in (*GROUPS["opening"], *GROUPS["closure"]):
                least = name in GROUPS["opening"]
                targets[i, INDEX[name]] = (min if least else max)(targets[i, INDEX[name]], first[INDEX[name]])
            strengths[i] = np.maximum(strengths[i], self.start.strengths[i])
        louder, longer = self.vowels.detach().tolist()
        return replace(
            self.start, targets=targets, strengths=strengths, reach=self.reach.detach().exp().numpy(), louder=louder,
            longer=longer,
        )  # fmt: skip


def report(title: str, table: Articulation, pairs: list[tuple[Recording, list[Phone]]], sound: FeatureConfig) -> None:
    given = [
        table(p := with_pauses(phones, len(r.units) / 25), len(r.units), 25, loudness(p, r.samples, sound.sample_rate))
        for r, phones in pairs
    ]
    given, seen = np.concatenate(given), np.concatenate([r.units for r, _ in pairs])
    r = {name: correlation(given[:, INDEX[name]], seen[:, INDEX[name]]) for name in FITTED}
    print(f"{title:12s} " + "  ".join(f"{name} {value:.2f}" for name, value in r.items()), flush=True)


def main(corpus: Path, data: Path, out: Path = TABLE, steps: int = 400, threads: int = 1) -> None:
    torch.set_num_threads(threads)
    sound = FeatureConfig()
    train, val = (
        [(shut_in_pauses(r, sound.sample_rate, sound.fps), p) for r, p in read_grid(corpus, data, split, sound)]
        for split in ("train", "val")
    )
    report("prior", prior(), val, sound)
    torch.manual_seed(0)
    fit = Fit(prior())
    batches = [Batch(train[i::6], sound) for i in range(6)]
    spread = torch.tensor(np.nanstd(np.concatenate([r.units for r, _ in train]), axis=0)[[INDEX[n] for n in FITTED]])
    optimiser = torch.optim.Adam(fit.parameters(), 0.02)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / steps)
        batch = batches[step % len(batches)]
        error = torch.where(batch.units.isnan(), 0, fit(batch) - batch.units.nan_to_num()) / spread
        loss = error.square().mean() + fit.held() / 0.01
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 49:
            print(f"step {step + 1}  loss {loss.item():.4f}", flush=True)
    table = fit.table()
    report("fitted", table, val, sound)
    table.save(out)
    print(f"wrote {out}")


if __name__ == "__main__":
    typer.run(main)
