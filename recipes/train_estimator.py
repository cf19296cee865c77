"""Train the action-unit estimator (AUE) of the paper's section 3.2 on tracked faces.

    python -m recipes.train_estimator data=DATA run=RUN [key=value ...]
    torchrun --nproc-per-node 2 -m recipes.train_estimator data=DATA run=RUN [key=value ...]

Reads DATA/train and DATA/val (recipes.prepare). RUN receives the resolved settings (config.json), metrics.csv, val.csv
(figures on the people of DATA/val who are not in DATA/train, every `check_every` steps), latest.pt to resume from,
weights.safetensors (the moving average) and best.safetensors (the moving average when its mean r in val.csv was best).
DATA/test is left to recipes.evaluate_estimator.

A run whose folder holds latest.pt goes on from it: model, average, optimiser, step, random state and data position
come from the checkpoint, every setting from the command line; the settings that changed are printed. The learning rate
follows the step alone, so a run that was stopped and resumed equals one that was not. Under torchrun every process
draws `batch` faces of its own and gradients are averaged; resume with as many processes as before.
"""

from __future__ import annotations

import csv
import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import gath
from gath.data import Pack, Pictures, mirror_units
from gath.estimator import Estimator, EstimatorConfig
from gath.metrics import VARIES, summarise, unit_scores
from recipes.parts.config import parse
from recipes.parts.distortion import distorted
from recipes.parts.estimator_scores import predict, print_table, strangers, summary_line
from recipes.parts.runs import Log, Peers, move_average, replace
from talkinghead.units.names import UNIT_NAMES

WARM_UP = 100  # steps over which the learning rate rises from nothing
SHAPE = ("size", "width", "hidden")  # settings that a checkpoint cannot be read without


@dataclass(frozen=True)
class Config:
    """Settings of one run."""

    data: Path  # folder made by recipes.prepare
    run: Path  # folder of this run
    steps: int = 2500  # the learning rate falls to its end over these
    max_minutes: float = 60.0  # stop cleanly, with a checkpoint, after this long
    batch: int = 32  # faces a step and process
    rate: float = 6e-4  # Adam's learning rate, after a short rise
    final_rate: float = 2e-5  # reached at `steps`, along half a cosine
    decay: float = 0.01  # AdamW's weight decay
    normalise: float = 0.0  # 0: (2) as it is; 1: errors in each unit's own deviation; else in a power of it
    photo_share: float = 0.4  # share of photographs among the faces drawn, the rest are frames of clips
    size: int = 100  # side of the estimator's picture, pixels
    width: int = 32  # channels of its first convolutions (64 is the paper's, see gath/estimator.py)
    hidden: int = 512  # outputs of its hidden dense layers (1024 is the paper's)
    ema: float = 0.998  # decay of the moving average
    threads: int = 1
    bfloat16: bool = True
    compile: bool = False  # torch.compile
    device: str = "cpu"
    seed: int = 0
    checkpoint_every: int = 250  # steps
    check_every: int = 500  # steps


class Faces:
    """Draws faces, distorted, with their units. Its whole state is one NumPy generator."""

    def __init__(
        self, pack: Pack, names: tuple[str, ...], seed: int, photo_share: float, size: int, device: str = "cpu"
    ):
        """Of two people with n and 4n pictures the second comes up twice as often: one speaker fills half the clips. On
        a `device` that is no processor all pictures lie in its memory."""
        self.pack, self.size, self.device = pack, size, device
        self.pictures = Pictures(pack.images, device)
        self.rng = np.random.default_rng(seed)
        self.mirror = mirror_units(names)
        _, person, count = np.unique(pack.person, return_inverse=True, return_counts=True)
        weight, photo = count[person] ** -0.5, pack.group < 0
        for kind, share in (photo, photo_share), (~photo, 1 - photo_share):
            weight[kind] *= share / max(weight[kind].sum(), 1e-9)
        self.weight = weight / weight.sum()

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Pictures [count, 3, size, size] in [-1, 1] and units [count, K], on the device."""
        rng = self.rng
        rows = rng.choice(len(self.pack), count, p=self.weight)
        flip = rng.random(count) < 0.5
        pictures = distorted(self.pictures(rows), rng, flip, self.size)
        units = self.pack.units[rows]
        units = np.where(flip[:, None], units[:, self.mirror], units)
        return pictures, torch.from_numpy(units).to(self.device)


def rate_at(config: Config, step: int) -> float:
    """Learning rate of a step: a short rise, then half a cosine."""
    done = min(1.0, step / config.steps)
    rate = config.final_rate + (config.rate - config.final_rate) * (1 + np.cos(np.pi * done)) / 2
    return rate * min(1.0, (step + 1) / WARM_UP)


def squared_loss(predicted: Tensor, true: Tensor, deviation: Tensor | float = 1.0) -> Tensor:
    """(2), a mean over faces and units so that neither count matters; errors in units of `deviation` [K]."""
    return ((predicted - true) / deviation).square().mean()


class Run:
    """Everything that changes while training, and how it is saved and restored."""

    def __init__(self, config: Config, peers: Peers):
        self.config, self.peers = config, peers
        torch.manual_seed(config.seed)
        pack = Pack(config.data / "train")
        self.constant = pack.units.mean(0)
        deviation = np.maximum(pack.units.std(0), VARIES)  # units that hardly vary are not worth more than that
        self.deviation = torch.from_numpy(deviation**config.normalise).to(config.device)
        shape = EstimatorConfig(UNIT_NAMES, config.size, config.width, config.hidden)
        self.estimator = Estimator(shape, torch.from_numpy(self.constant))
        self.average = Estimator(shape).requires_grad_(False)
        self.average.load_state_dict(self.estimator.state_dict())
        for model in (self.estimator, self.average):
            model.to(config.device, memory_format=torch.channels_last)
        if config.compile:
            self.estimator.compile()
        self.optimiser = torch.optim.AdamW(self.estimator.parameters(), config.rate, weight_decay=config.decay)
        self.faces = Faces(pack, UNIT_NAMES, config.seed + peers.rank, config.photo_share, config.size, config.device)
        self.val = Pack(config.data / "val")
        self.val_rows = strangers(self.val, pack.person)
        if not len(self.val_rows):
            raise SystemExit(f"{config.data / 'val'}: nobody there who is not in {config.data / 'train'} as well")
        self.step, self.best = 0, -1.0
        self.parts = {"estimator": self.estimator, "average": self.average, "optimiser": self.optimiser}

    def save(self) -> None:
        random = self.peers.gather((torch.get_rng_state(), self.faces.rng.bit_generator.state))
        if self.peers.rank:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "best": self.best, "random": random, "config": dataclasses.asdict(self.config)}
        replace(self.config.run / "latest.pt", lambda path: torch.save(state, path))
        self.export("weights.safetensors")

    def export(self, name: str) -> None:
        replace(self.config.run / name, lambda path: gath.save(self.average, path, steps=self.step))

    def restore(self) -> None:
        path = self.config.run / "latest.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.config.device, weights_only=False)
        now = dataclasses.asdict(self.config)
        changed = {k: (v, now[k]) for k, v in state["config"].items() if now.get(k) != v}
        if fixed := [f"{k}={changed[k][0]}" for k in SHAPE if k in changed]:
            raise SystemExit(f"{path} holds an estimator of another shape: resume with {' '.join(fixed)}")
        if len(state["random"]) != self.peers.count:
            raise SystemExit(f"{path} is of {len(state['random'])} processes; resume with as many")
        if self.peers.rank == 0:
            for key, (old, new) in changed.items():
                print(f"{key}: was {old}, goes on with {new}")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.best = state["step"], state["best"]
        torch_state, self.faces.rng.bit_generator.state = state["random"][self.peers.rank]
        torch.set_rng_state(torch_state.cpu())

    def train_step(self) -> dict[str, float]:
        c = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(c, self.step)
        pictures, units = self.faces.draw(c.batch)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(c.device, torch.bfloat16, enabled=c.bfloat16):
            predicted = self.estimator(pictures)
        loss = squared_loss(predicted, units, self.deviation)
        if not torch.isfinite(loss):
            raise SystemExit(f"step {self.step}: loss 'squared' is {float(loss.detach())}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.peers.average_gradients(self.estimator)
        nn.utils.clip_grad_norm_(self.estimator.parameters(), 1.0)
        self.optimiser.step()
        move_average(self.average, self.estimator, c.ema, self.step)
        self.step += 1
        values = {"squared": float(loss.detach()), "rmse": float(squared_loss(predicted.detach(), units).sqrt())}
        return self.peers.mean(values)

    def check(self, table: bool = False) -> None:
        """Score the average on people of DATA/val that training does not see; keep it if it is the best so far."""
        with torch.autocast(self.config.device, torch.bfloat16, enabled=self.config.bfloat16):
            predicted = predict(self.average, self.val.images, self.val_rows)
        scores = unit_scores(predicted, self.val.units[self.val_rows], self.constant)
        if table:
            print_table(UNIT_NAMES, scores)
        print(f"step {self.step}  {summary_line('val, people not in training', len(predicted), scores)}", flush=True)
        summary = summarise(scores)
        path, row = self.config.run / "val.csv", [self.step, *(f"{x:.5f}" for x in summary)]
        rows = list(csv.reader(path.read_text().splitlines()))[1:] if path.exists() else []
        rows = [r for r in rows if int(r[0]) < self.step]  # a resumed run comes by here again
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([["step", *summary._fields], *rows, row])
        if summary.correlation > self.best:
            self.best = summary.correlation
            self.export("best.safetensors")


def main(words: list[str]) -> None:
    config = parse(Config, words)
    config.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    peers = Peers()
    run = Run(config, peers)
    run.restore()
    log = Log(config, config.batch) if peers.rank == 0 else None
    start = time.monotonic()
    while run.step < config.steps and peers.agree((time.monotonic() - start) / 60) < config.max_minutes:
        values = run.train_step()
        if log:
            log(run.step, values, peers.count)
        if log and run.step % config.check_every == 0 and run.step < config.steps:
            run.check()
        if run.step % config.checkpoint_every == 0:
            run.save()
    if log:
        run.check(table=True)
    run.save()
    peers.close()


if __name__ == "__main__":
    main(sys.argv[1:])
