"""Patterns that persons are set before while the network of their outlines learns: what a matte takes for hair."""

from __future__ import annotations

import cv2
import numpy as np

SHARPEST = 40.0  # of stripes' edges: steepness of the tangent that they are
LEAVES = 5  # octaves of foliage


def pattern(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stripes, a lattice, foliage, books or a gradient, float32 [size, size, 3] in levels of 0 to 255."""
    kind = rng.choice(5, p=(0.35, 0.15, 0.2, 0.15, 0.15))
    if kind == 2:
        return _foliage(rng, size)
    if kind == 3:
        return _books(rng, size)
    angle = rng.uniform(0, np.pi)
    along = _across(angle, size)
    if kind < 2:
        along = _bars(rng, along)
    if kind == 1:
        other = _bars(rng, _across(angle + rng.normal(np.pi / 2, 0.2), size))
        along = np.abs(along - other) if rng.random() < 0.5 else np.maximum(along, other)
    a, b = rng.uniform(0, 255, (2, 3))
    return (a + along.clip(0, 1)[..., None] * (b - a)).astype(np.float32)


def _across(angle: float, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    return np.cos(angle) * x + np.sin(angle) * y


def _bars(rng: np.random.Generator, along: np.ndarray) -> np.ndarray:
    """0 between bars, 1 on them."""
    period, steep = rng.uniform(0.03, 0.35), np.exp(rng.uniform(np.log(3), np.log(SHARPEST)))
    wave = np.sin(2 * np.pi * (along / period + rng.random())) - rng.uniform(-0.7, 0.7)
    return 0.5 + 0.5 * np.tanh(steep * wave)


def _foliage(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blobs of every size, in two colours and a third for the gaps."""
    light = np.zeros((size, size), np.float32)
    for octave in range(LEAVES):
        few = 3 << octave
        light += cv2.resize(rng.normal(0, 0.75**octave, (few, few)).astype(np.float32), (size, size))
    light = 0.5 + 0.5 * np.tanh(light * rng.uniform(0.7, 3))
    gaps = cv2.resize(rng.random((24, 24), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    a, b, c = rng.uniform(0, 255, (3, 3)).astype(np.float32)
    leaves = a + light[..., None] * (b - a)
    return np.where((gaps > rng.uniform(0.6, 0.9))[..., None], c, leaves)


def _books(rng: np.random.Generator, size: int) -> np.ndarray:
    """Upright rectangles of all colours on shelves."""
    out, dark = np.empty((size, size, 3), np.float32), rng.uniform(0, 120)
    top = int(-rng.integers(0, size // 4))
    while top < size:
        height = int(rng.integers(size // 6, size // 2))
        out[max(top, 0) : top + height] = dark
        left = 0
        while left < size:
            width, low = int(rng.integers(3, size // 10)), int(rng.integers(0, height // 4))
            out[max(top + low, 0) : max(top + height - 2, 0), left : left + width] = rng.uniform(0, 255, 3)
            left += width + int(rng.random() < 0.3)
        top += height
    return out
