"""A run that trains one small network, its moving average beside it: resumed, it equals one that was never stopped.

What a step draws depends on its number alone, so that other processes may draw it ahead.
"""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gath import files
from recipes.parts.runs import Log, move_average, replace

WARM_UP = 100  # steps over which the learning rate rises


@dataclass(frozen=True)
class Settings:
    """Of one run; a recipe's Config begins with these, its own defaults in place of some."""

    data: Path  # the folder of its material
    run: Path
    start: str = ""  # weights (safetensors) to begin with
    steps: int = 4000
    max_minutes: float = 60.0
    batch: int = 16
    rate: float = 2e-3  # Adam's learning rate, falls along half a cosine
    ema: float = 0.998
    threads: int = 1
    device: str = "cpu"
    workers: int = 0  # processes that draw what the next steps learn from
    bfloat16: bool = True
    seed: int = 0
    checkpoint_every: int = 250  # steps


class NetRun(Dataset):
    """Everything that changes while training, and how it is saved and restored. A recipe adds what a step draws, what
    it learns from that, and a check."""

    def __init__(self, config: Settings, make: Callable[[], nn.Module], betas: tuple[float, float] = (0.9, 0.999)):
        self.settings, self.step = config, 0
        torch.manual_seed(config.seed)
        self.net, self.average = make(), make().requires_grad_(False)
        if config.start:
            self.net.load_state_dict({k: torch.from_numpy(v) for k, v in files.read(config.start)[2].items()})
        self.average.load_state_dict(self.net.state_dict())
        for net in (self.net, self.average):
            net.to(config.device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(self.net.parameters(), config.rate, betas=betas)
        self.parts: dict[str, Any] = {"net": self.net, "average": self.average, "optimiser": self.optimiser}

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """What that step learns from."""
        raise NotImplementedError

    def train_step(self, *drawn: Tensor) -> dict[str, Tensor]:
        """One step, from what was drawn for it; its losses."""
        raise NotImplementedError

    def check(self) -> None:
        """Look at the average on material of `val`."""
        raise NotImplementedError

    def batches(self) -> DataLoader:
        """What the steps that are left learn from, one after the other."""
        c = self.settings
        fork = "fork" if c.workers else None  # large arrays are shared, not sent
        return DataLoader(
            self, None, sampler=range(self.step, c.steps), num_workers=c.workers, multiprocessing_context=fork
        )

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.settings.device, torch.bfloat16, enabled=self.settings.bfloat16)

    def descend(self, loss: Tensor) -> None:
        """One step of the network down its loss, and of its average."""
        self.optimise(self.optimiser, loss)
        move_average(self.average, self.net, self.settings.ema, self.step)
        self.step += 1

    def optimise(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        c = self.settings
        rate = c.rate * (1 + np.cos(np.pi * min(1.0, self.step / c.steps))) / 2
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def note(self, figures: dict[str, float]) -> None:
        """A check's figures, to val.csv and the terminal."""
        path, columns = self.settings.run / "val.csv", ["step", *figures]
        rows = list(csv.reader(path.read_text().splitlines()))[1:] if path.exists() else []
        rows = [r for r in rows if int(r[0]) < self.step]  # a resumed run comes by here again
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([columns, *rows, [self.step, *(f"{x:.5f}" for x in figures.values())]])
        print(f"step {self.step}  " + "  ".join(f"{n} {x:.4f}" for n, x in figures.items()), flush=True)

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "config": dataclasses.asdict(self.settings)}
        replace(self.settings.run / "latest.pt", lambda path: torch.save(state, path))
        weights = self.settings.run / "weights.safetensors"
        replace(weights, lambda path: files.save(self.average, path, steps=self.step))

    def restore(self) -> None:
        path = self.settings.run / "latest.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.settings.device, weights_only=False)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step = state["step"]


def train(config: Settings, make: Callable[[], NetRun]) -> None:
    """Go on with the run until its steps or its time are over."""
    config.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    run = make()
    run.restore()
    log, start = Log(config, config.batch), time.monotonic()
    for drawn in run.batches():
        if (time.monotonic() - start) / 60 >= config.max_minutes:
            break
        values = run.train_step(*(part.to(config.device, non_blocking=True) for part in drawn))
        log(run.step, {name: float(value) for name, value in values.items()}, 1)
        if run.step % config.checkpoint_every == 0:
            run.save()
            run.check()
    run.save()
    run.check()
