"""Training examples of a Mixture by their seeds, kept on disk, and the growing pool that a training draws from."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import torch

from audio2au.data import Mixture

CHUNK = 256  # examples that go to the device at once


def stacked(examples: list[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*examples))


def batch_of(mixture: Mixture, seeds: list[list[int]]) -> tuple[torch.Tensor, ...]:
    return stacked([mixture.example(np.random.default_rng(seed)) for seed in seeds])


class Pool:
    """The examples [seed, 0], [seed, 1], ... of a mixture in half precision, each made once and kept in `folder`.

    Worker processes, if any, make them ahead of the training; those of several runs that keep theirs in one folder
    share them. What is in an example depends on its number alone, whoever makes it.
    """

    def __init__(self, mixture: Mixture, seed: int, count: int, folder: Path, device: str, without: str = "") -> None:
        """`without` names sources, separated by commas, whose examples are not drawn."""
        self._mixture, self._seed, self._count, self._folder = mixture, seed, count, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._left_out = [s for s in without.split(",") if s]
        self._device, self._rows = device, torch.empty(0)  # the device is not touched before workers were forked
        self._drawn: list[int] = []  # numbers of the loaded examples that may be drawn
        self._loaded = 0

    def start(self, workers: int) -> None:
        """Processes that make all examples in the order of their numbers, until this one ends."""
        context = multiprocessing.get_context("fork")
        for first in range(workers):
            context.Process(target=self._make, args=(range(first, self._count, workers),), daemon=True).start()

    def grow(self, least: int, waiting: bool) -> None:
        """Load the first `least` examples (all, if there are fewer), made here where no worker has made them, and with
        `waiting` those that lie ready beyond them."""
        least = min(least, self._count)
        while self._loaded < self._count:
            stop = min(self._loaded + CHUNK, self._count if waiting else least)
            found = []
            for number in range(self._loaded, stop):
                if number >= least and not self._path(number).exists():
                    break
                found.append(self._example(number))
            if not found:
                return
            self._append(np.stack(found))

    def draw(self, rng: np.random.Generator, size: int) -> tuple[torch.Tensor, ...]:
        """Vectors, units and weight, float32, and phones, as Mixture.example gives them, of `size` loaded examples."""
        chosen = torch.as_tensor(rng.choice(self._drawn, size), device=self._device)
        rows, units = self._rows[chosen], self._mixture.units
        vectors, labels, weight, phones = rows.split([rows.shape[-1] - 2 * units - 1, units, units, 1], -1)
        return vectors.float(), labels.float(), weight.float(), phones[..., 0].long()

    def _append(self, rows: np.ndarray) -> None:
        if not len(self._rows):
            shape = (self._count, *rows.shape[1:])
            self._rows = torch.empty(shape, dtype=torch.float16, device=self._device)
        stop = self._loaded + len(rows)
        self._rows[self._loaded : stop] = torch.from_numpy(rows).to(self._device)
        for number in range(self._loaded, stop):
            if self._mixture.source(self._rng(number)) not in self._left_out:
                self._drawn.append(number)
        self._loaded = stop

    def _make(self, numbers: range) -> None:
        torch.set_num_threads(1)
        os.nice(5)
        for number in numbers:
            if not self._path(number).exists():
                self._example(number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._seed}_{number}.npy"

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, number])

    def _example(self, number: int) -> np.ndarray:
        """[frames, dimension + 2 units + 1] float16; made and kept if it is not there."""
        path = self._path(number)
        if not path.exists():
            vectors, units, weight, phones = self._mixture.example(self._rng(number))
            rows = np.concatenate([vectors, units, weight, phones[:, None]], axis=1).astype(np.float16)
            partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
            with open(partial, "wb") as file:
                np.save(file, rows)
            partial.replace(path)
        return np.load(path)
