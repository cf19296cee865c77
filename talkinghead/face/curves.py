"""Smooth curves and fields through a few points: landmarks in, what lies between them out."""

from __future__ import annotations

from functools import cache

import numpy as np

SMOOTH = 4  # points on a curve for each between two landmarks
SCALE = np.float32(10)  # points are fractions of a side; the spline likes numbers about one
STIFF = 2e-3  # how little the spline cares for a single point


def curve(points: np.ndarray) -> np.ndarray:
    """Points [N, 2] joined by a spline of Catmull and Rom, [(N - 1) * SMOOTH + 1, 2]."""
    return _joined(len(points)) @ points


@cache
def _joined(n: int) -> np.ndarray:
    """How much each of `n` points counts at each of their curve's, [(n - 1) * SMOOTH + 1, n]."""
    points = np.eye(n)
    padded = np.vstack([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = (np.arange(SMOOTH) / SMOOTH)[:, None, None]
    a, b, c, d = (padded[k : k + n - 1] for k in range(4))
    out = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.vstack([out.transpose(1, 0, 2).reshape(-1, n), points[-1:]])


def rise(t: np.ndarray) -> np.ndarray:
    """From 0 at zero smoothly to 1 at one."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def spline(at: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A thin-plate spline (Bookstein 1989) near `values` [N, C] at points [N, 2], on `grid` [M, 2]: [M, C] float32."""
    n, at, grid = len(at), at * SCALE, grid * SCALE
    system = np.zeros((n + 3, n + 3), np.float32)
    system[:n, :n] = _kernel(at, at) + STIFF * np.eye(n, dtype=np.float32)
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :], system[n + 1 :, :n] = at, at.T
    right = np.vstack([values, np.zeros((3, values.shape[1]))])
    weights = np.linalg.solve(system.astype(np.float64), right).astype(np.float32)
    return _kernel(grid, at) @ weights[:n] + weights[n] + grid @ weights[n + 1 :]


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    np.maximum(square, np.float32(1e-9), out=square)
    return square * np.log(square)
