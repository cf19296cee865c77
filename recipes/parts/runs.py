"""What every training run needs beside its models: the processes of torchrun, a log of its losses, whole files."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import torch
import torch.distributed as dist
from torch import Tensor, nn

from recipes.parts.config import save

LOG_EVERY = 50  # steps


class Peers:
    """The processes of one run: alone, or those that torchrun started."""

    def __init__(self):
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if self.count > 1:
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")

    def average_gradients(self, model: nn.Module) -> None:
        """Gradients of all processes, and batch norm's running statistics, become their means."""
        running = [b for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var"))]
        self.average([p.grad for p in model.parameters() if p.grad is not None] + running)

    def average(self, tensors: list[Tensor]) -> None:
        """Every tensor, in place, becomes its mean over the processes; all send the same shapes."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([t.detach().flatten() for t in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors])):
            tensor.detach().copy_(part.view_as(tensor))

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The same names with the means over the processes."""
        if self.count == 1:
            return values
        means = torch.tensor(list(values.values()), dtype=torch.float64)
        self.average([means])
        return dict(zip(values, means.tolist()))

    def gather(self, value: object) -> list[object]:
        """`value` of every process, in order of rank."""
        if self.count == 1:
            return [value]
        values: list[object] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def agree(self, value: float) -> float:
        """What the first process says: clocks differ, and all must stop at the same step."""
        if self.count == 1:
            return value
        said = torch.tensor([value])
        dist.broadcast(said, 0)
        return float(said)

    def close(self) -> None:
        """Leave together: a process that goes while another still talks takes it down."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()


class Log:
    """Means of every loss over some steps, to metrics.csv and the terminal; the settings beside them.

    metrics.csv has the columns step, faces_per_second (of all processes, since the row before) and one per loss. A run
    that goes on from a checkpoint replaces the rows after it; a file of other columns is kept under another name.
    """

    def __init__(self, config: object, batch: int, every: int = LOG_EVERY):
        """`config` is any recipe's settings with a folder `run`; `batch` faces or sequences a step and process."""
        save(config, config.run / "config.json")
        self.path, self.batch, self.every = config.run / "metrics.csv", batch, every
        self.start, self.sums, self.steps = time.monotonic(), {}, 0  # fewer than `every` steps just after a resume
        self.file: TextIO | None = None

    def __call__(self, step: int, values: dict[str, float], processes: int) -> None:
        self.steps += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if step % self.every:
            return
        rate = self.steps * self.batch * processes / (time.monotonic() - self.start)
        means = {name: float(f"{total / self.steps:.5g}") for name, total in self.sums.items()}
        row = {"step": step, "faces_per_second": round(rate, 2)} | means
        self.file = self.file or self.open(list(row), step)
        csv.writer(self.file).writerow(row.values())
        self.file.flush()
        print(f"step {step}  {rate:.1f} faces/s  {means}", flush=True)
        self.start, self.sums, self.steps = time.monotonic(), {}, 0

    def open(self, columns: list[str], step: int) -> TextIO:
        """The file with the rows before `step`, ready for more."""
        rows = list(csv.reader(self.path.read_text().splitlines())) if self.path.exists() else []
        if rows and rows[0] != columns:
            self.path.rename(self.path.with_name(f"metrics_before_{step}.csv"))
            rows = []
        file = open(self.path, "w", newline="")
        csv.writer(file).writerows([columns, *(row for row in rows[1:] if int(row[0]) < step)])
        return file


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file, which appears at `path` whole or not at all."""
    partial = path.with_name(path.name + ".part")
    write(partial)
    os.replace(partial, path)


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """One step of an exponential moving average: quicker at the start, parameters only; buffers are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    for a, b in zip(average.parameters(), model.parameters()):
        a.lerp_(b, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers()):
        a.copy_(b)
