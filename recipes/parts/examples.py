"""Training examples of a Mixture by their seeds, stacked into batches, kept on disk where they are drawn again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from audio2au.data import Mixture


def stacked(examples: list[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*examples))


def batch_of(mixture: Mixture, seeds: list[list[int]]) -> tuple[torch.Tensor, ...]:
    return stacked([mixture.example(np.random.default_rng(seed)) for seed in seeds])


def kept_example(mixture: Mixture, seed: list[int], folder: Path) -> tuple[np.ndarray, ...]:
    """The example of a seed, made once and kept in half precision."""
    path = folder / ("_".join(map(str, seed)) + ".npz")
    if not path.exists():
        vectors, units, weight, phones = mixture.example(np.random.default_rng(seed))
        small = {"vectors": vectors.astype(np.float16), "units": units.astype(np.float16)}
        small |= {"weight": weight.astype(np.int8), "phones": phones.astype(np.int8)}
        partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with open(partial, "wb") as file:
            np.savez(file, **small)
        partial.replace(path)
    with np.load(path) as file:
        first = tuple(file[key].astype(np.float32) for key in ("vectors", "units", "weight"))
        return *first, file["phones"].astype(np.int64)
