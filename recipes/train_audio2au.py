"""Train speech to units on clips with sound.

    python -m recipes.train_audio2au pack=PACK.npz [FILE.json] [key=value ...] [--max-minutes M]
    python -m recipes.train_audio2au pack=PACK.npz both_ways=true delay=0 device=cuda workers=8 minutes=10 batch=64
    python -m recipes.train_audio2au data=DATA corpus=CORPUS voices=VOICES [key=value ...]
    python -m recipes.train_audio2au data=DATA sets=ravdess,vidtimit facegood=0 [key=value ...]

The first trains the causal network, for live sound, the second the one for files, which reads it both ways;
`recipes/audio2au_pham2017.json` as FILE.json selects the features of Pham et al. 2017. Settings:
`recipes/parts/speech_config.py`.

PACK is what `recipes.pack_speech` wrote. Without one, DATA has the manifest and the tracks that `recipes.prepare` wrote
(a DATA without a manifest was made from CORPUS, whose own is read), CORPUS the FACEGOOD coefficients, VOICES what
`recipes.make_voices` wrote. OUT (key `out`) receives `config.json`,
`metrics.csv`, `latest.pt` (for going on: run the same command again) and the weights, `audio2au.safetensors`. The
weights are those of the step that did best on the validation split. A run that was killed and taken up again gives
the same numbers as one that was not.
"""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path

import numpy as np
import torch
import typer
from torch.nn.functional import cross_entropy

from audio2au.data import Mixture
from audio2au.model import AudioToUnits, load
from audio2au.phones import PHONES
from recipes.parts import runs
from recipes.parts.config import parse, save
from recipes.parts.examples import Pool, batch_of
from recipes.parts.speech_config import Config
from recipes.parts.speech_pack import SPLITS, gather, unpack
from recipes.parts.speech_training import Levels, Objective, Validation, shifted, unit_std
from talkinghead.units.names import INDEX, UNIT_NAMES

NORMALISING_EXAMPLES = 48
SOURCES = ("clips", "facegood", "talkers", "synthetic", "natural")
VALIDATED = ("val", "val_changed_voices", "val_other_voices")


class Run:
    """A training that can be killed at any moment and taken up again."""

    def __init__(self, config: Config, begun: float) -> None:
        """`begun` is the time.monotonic() of the program's start."""
        self.config, self.out, sound = config, Path(config.out), config.features()
        if config.pack:
            train, val = (unpack(Path(config.pack), sound, split) for split in SPLITS)
        else:
            voices = [Path(folder) for folder in config.voices.split(",") if folder]
            train, val = gather(
                Path(config.corpus), Path(config.data), voices, config.sets, sound, config.facegood > 0,
                config.talkers > 0,
            )  # fmt: skip
        present = {r.source for r in train}
        shares = {s: share for s in SOURCES if (share := getattr(config, s)) and s in present}
        self.mixture = Mixture(train, shares, sound, config.frames)
        kept = Path(config.kept or self.out / "examples")
        self.pool = Pool(self.mixture, config.seed, config.examples, kept, config.device, config.without)
        self.pool.start(config.workers)  # before anything touches the device
        std = unit_std([r for r in train if r.source == "clips"])
        self.objective = Objective(config, std)
        self.levels = Levels(train, config, std) if config.levels else None
        self.validate = Validation(val, config, self.objective)
        torch.manual_seed(config.seed)
        self.model = AudioToUnits(config.model(), UNIT_NAMES).to(config.device)
        self.model.lstm.requires_grad_(not config.output_only)
        self.namer = torch.nn.Linear(self.model.output.in_features, len(PHONES)).to(config.device)
        parameters = [*self.model.parameters(), *self.namer.parameters()]
        self.optimiser = torch.optim.Adam(parameters, config.learning_rate, weight_decay=config.weight_decay)
        self.step, self.best, self.best_state, self.rows, self.recent = 0, math.inf, None, [], []
        self.seconds, self.begun = 0.0, begun  # of runs before, and when this one began
        if (self.out / "latest.pt").exists():
            self.resume()
        elif config.start:
            self.model.load_state_dict(trained(load(config.start)))
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

    @property
    def progress(self) -> float:
        """The share of the training that is done."""
        if not self.config.minutes:
            return self.step / self.config.steps if self.config.steps else 1.0
        return (self.seconds + time.monotonic() - self.begun) / 60 / self.config.minutes

    def resume(self) -> None:
        kept = torch.load(self.out / "latest.pt", weights_only=True, map_location="cpu")
        self.model.load_state_dict(kept["model"])
        self.namer.load_state_dict(kept["namer"])
        self.optimiser.load_state_dict(kept["optimiser"])
        torch.set_rng_state(kept["rng"])
        if kept["cuda_rng"]:
            torch.cuda.set_rng_state_all(kept["cuda_rng"])
        for key in ("step", "best", "best_state", "rows", "recent", "seconds"):
            setattr(self, key, kept[key])

    def save(self) -> None:
        """Everything that the next step depends on; batches are a function of the seed and the step alone."""
        kept = {
            "model": self.model.state_dict(), "namer": self.namer.state_dict(),
            "optimiser": self.optimiser.state_dict(), "rng": torch.get_rng_state(), "step": self.step,
            "cuda_rng": torch.cuda.get_rng_state_all() if self.config.device == "cuda" else [],
            "best": self.best, "best_state": self.best_state, "rows": self.rows,
            "recent": [float(loss) for loss in self.recent],
            "seconds": self.seconds + time.monotonic() - self.begun,
        }  # fmt: skip
        runs.replace(self.out / "latest.pt", lambda path: torch.save(kept, path))
        with open(self.out / "metrics.csv", "w", newline="") as file:
            csv.writer(file).writerows([["step", "train", *VALIDATED], *self.rows])

    def train(self, deadline: float) -> None:
        self.model.train()
        while self.progress < 1 and time.monotonic() < deadline:
            self.recent.append(self.advance())
            self.check(self.recent[-2:-1])  # the last one may still be on its way
            if self.step % self.config.validate_every == 0:
                self.judge()
            if self.step % self.config.save_every == 0:
                self.export()
                self.save()
        if self.progress >= 1 and self.recent:
            self.judge()
        self.save()

    def check(self, losses: list[torch.Tensor]) -> None:
        """Ends the program if the last of the losses before this step's is not finite."""
        if losses and not math.isfinite(losses[-1]):
            last = self.step - 2
            raise SystemExit(f"step {last}: the loss is {float(losses[-1])}; lower learning_rate or look at the data")

    def advance(self) -> torch.Tensor:
        """One optimiser step; returns the loss."""
        config = self.config
        early = 0.0 if config.minutes else config.warmup / max(1, config.steps)
        late = (self.progress - early) / max(1e-6, 1 - early)
        rate = min((self.step + 1) / max(1, config.warmup), 0.5 + 0.5 * math.cos(math.pi * min(1.0, max(0.0, late))))
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * rate
        predicted, hidden, units, weight, phones = shifted(self.model, *self.batch())
        loss = self.objective(predicted, units, weight, phones)
        if config.naming:
            named = self.namer(hidden).flatten(0, 1)
            missed = cross_entropy(named, phones.flatten(), ignore_index=-1, reduction="sum")
            loss = loss + config.naming * missed / (phones >= 0).sum().clamp_min(1)
        if self.levels:
            rng = np.random.default_rng([config.seed, self.step, 1])
            loss = loss + config.levels * self.levels(self.model, rng, max(1, config.batch // 4))
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimiser.step()
        self.step += 1
        return loss.detach()

    def batch(self) -> tuple[torch.Tensor, ...]:
        config = self.config
        least = config.batch if config.minutes else config.batch + (config.fresh or config.batch) * self.step
        self.pool.grow(least, waiting=config.minutes > 0)
        return self.pool.draw(np.random.default_rng([config.seed, self.step]), config.batch)

    def judge(self) -> None:
        train, self.recent = float(np.mean([float(loss) for loss in self.recent])), []
        losses = self.validate(self.model)
        self.rows.append([self.step, *(round(value, 5) for value in (train, *losses))])
        named = "  ".join(f"{name} {value:.4f}" for name, value in zip(VALIDATED, losses))
        print(f"step {self.step}  train {train:.4f}  {named}", flush=True)
        if sum(losses) < self.best:
            self.best = sum(losses)
            self.best_state = {k: v.cpu().clone() for k, v in self.model.state_dict().items()}

    def export(self) -> Path:
        """The best weights so far, for `audio2au.load`."""
        best = AudioToUnits(self.model.config, self.model.unit_names)
        best.load_state_dict(self.best_state or self.model.state_dict())
        for knee in (best.knee, best.shut):
            knee[[INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]] = self.config.knee
        path = self.out / "audio2au.safetensors"
        best.save(path, steps=str(self.step))
        return path


def trained(model: AudioToUnits) -> dict[str, torch.Tensor]:
    """A network's state without what recipes.fit_outputs has added to it."""
    state = model.state_dict()
    named = "output.weight", "output.bias", "knee", "shut"
    return state | {n: state[n][: len(UNIT_NAMES)] for n in named} | {"less": state["less"][:, : len(UNIT_NAMES)]}


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
    run = Run(config, start)
    print(f"at step {run.step} of {config.steps}", flush=True)
    run.train(start + 60 * max_minutes)
    print(f"wrote {run.export()}")


if __name__ == "__main__":
    typer.run(main)
