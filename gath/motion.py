"""How units move landmarks, and how moved landmarks move pixels: the geometry that training borrows.

None of this runs at inference: it gives the generator a first motion basis and makes real targets out of unpaired
photographs (back-translation). Coordinates are fractions of the aligned face's side, x to the right and y down.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# Gaussian radii in fractions of the side, and how much each counts where a finer one has something to say.
SPLAT_SIGMAS = (0.012, 0.035, 0.1)
SPLAT_WEIGHTS = (1.0, 0.02, 0.0004)


ASKED = 8.0  # weight of units that a wish changes, against 1 of those that it leaves alone
CHANGED = 0.02  # from this difference on a unit counts as changed
FEW = 8  # units: a wish that changes more is a whole expression, in which all count alike

# MediaPipe mesh points along the outline of the face, and how much wider than it the ring that must not move is.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
SURROUNDINGS = 1.3


def fit_unit_map(clips: list[tuple[np.ndarray, np.ndarray, np.ndarray]], ridge: float = 3.0) -> np.ndarray:
    """Least-squares map from units to aligned landmark displacement, over clips of single people.

    `clips`: (landmarks [T, P, 2], units [T, K], pose [T, 3] degrees) each; every clip is centred on its own mean, so
    that only motion counts, and the pose is regressed along so that units are not blamed for head turns. Each clip
    weighs at most 500 frames. Returns [K, P, 2], displacement per unit.
    """
    xs, ys = [], []
    for landmarks, units, pose in clips:
        weight = min(1.0, (500 / len(units)) ** 0.5)
        x = np.hstack([units, pose / 30.0])
        xs.append((x - x.mean(0)) * weight)
        y = landmarks.reshape(len(landmarks), -1)
        ys.append((y - y.mean(0)) * weight)
    x, y = np.concatenate(xs).astype(np.float64), np.concatenate(ys).astype(np.float64)
    solution = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    count = clips[0][1].shape[1]
    return solution[:count].reshape(count, -1, 2).astype(np.float32)


def _gaussian_blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    radius = max(1, int(3 * sigma + 0.5))
    t = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    c = x.shape[1]
    x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(c, 1, 1, -1), padding=(0, radius), groups=c)
    return F.conv2d(x, kernel.view(1, 1, -1, 1).expand(c, 1, -1, 1), padding=(radius, 0), groups=c)


def splat(points: torch.Tensor, values: torch.Tensor, size: int, trust: torch.Tensor | None = None) -> torch.Tensor:
    """Dense field from values known at points: splat bilinearly on a grid, blur at a few scales, normalise.

    `points` [B, P, 2] in fractions, `values` [B, P, C], `trust` [B, P, 1] how much each point counts against its
    neighbours (default: all alike); returns [B, C, size, size]. The border of the grid is pinned
    to zero, so that the field dies out toward the edge of the crop.
    """
    b, _, c = values.shape
    edge = torch.linspace(0, 1, 17, device=points.device, dtype=points.dtype)
    zero, one = torch.zeros_like(edge), torch.ones_like(edge)
    border = torch.cat([torch.stack(s, -1) for s in ((edge, zero), (edge, one), (zero, edge), (one, edge))])
    points = torch.cat([points, border.expand(b, -1, -1)], 1)
    values = torch.cat([values, values.new_zeros(b, len(border), c)], 1)
    counts = torch.ones_like(values[..., :1])  # the last channel
    if trust is not None:
        counts[:, : trust.shape[1]] = trust
    known = torch.cat([values * counts, counts], -1)
    xy = (points * size - 0.5).clamp(0, size - 1.001)
    low = xy.floor()
    frac = xy - low
    low = low.long()
    grid = known.new_zeros(b, size * size, c + 1)
    for dx in (0, 1):
        for dy in (0, 1):
            w = (frac[..., 0] if dx else 1 - frac[..., 0]) * (frac[..., 1] if dy else 1 - frac[..., 1])
            index = (low[..., 1] + dy) * size + low[..., 0] + dx
            grid.scatter_add_(1, index[..., None].expand(-1, -1, c + 1), known * w[..., None])
    grid = grid.transpose(1, 2).reshape(b, c + 1, size, size)
    total = torch.zeros_like(grid)
    for sigma, weight in zip(SPLAT_SIGMAS, SPLAT_WEIGHTS):
        total = total + weight * _gaussian_blur(grid, sigma * size) / (sigma * size) ** 2
    return total[:, :c] / total[:, c:].clamp_min(1e-12)


def surroundings(points: torch.Tensor) -> torch.Tensor:
    """A ring of points [B, 36, 2] around the face [B, 478, 2]: hair and background, which expressions do not move."""
    oval = points[:, list(FACE_OVAL)]
    centre = oval.mean(1, keepdim=True)
    return centre + SURROUNDINGS * (oval - centre)


def backward_flow(source: torch.Tensor, target: torch.Tensor, size: int) -> torch.Tensor:
    """Flow [B, 2, size, size] with `target(p) = source(p + flow(p))`, from two landmark sets [B, P, 2]."""
    return splat(target, source - target, size)


def warp(picture: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """`picture` [B, C, H, W] read at p + flow(p); `flow` [B, 2, h, w] in fractions of the side; gives [B, C, h, w]."""
    h, w = flow.shape[-2:]
    ys = (torch.arange(h, device=flow.device, dtype=flow.dtype) + 0.5) / h
    xs = (torch.arange(w, device=flow.device, dtype=flow.dtype) + 0.5) / w
    x = xs.view(1, 1, w) + flow[:, 0]
    y = ys.view(1, h, 1) + flow[:, 1]
    grid = torch.stack([x, y], -1) * 2 - 1
    # In single precision also under autocast: bfloat16 coordinates would be half a pixel off.
    with torch.autocast(picture.device.type, enabled=False):
        return F.grid_sample(picture.float(), grid.float(), padding_mode="border", align_corners=False)


def carry(points: torch.Tensor, flow: torch.Tensor, steps: int = 4) -> torch.Tensor:
    """Where points of the source lie in the frame: q with q + flow(q) = p, by fixed-point steps.

    `points` [B, P, 2] and `flow` [B, 2, h, w], backward as in `warp`, in fractions of the side; returns [B, P, 2].
    The last step alone has a gradient: that of the flow where the points arrive.
    """
    at = points
    for step in range(steps):
        grid = (at.detach() * 2 - 1)[:, None]
        there = F.grid_sample(flow, grid, padding_mode="border", align_corners=False)[:, :, 0].transpose(1, 2)
        at = points - there
    return at


class LandmarkEstimator(nn.Module):
    """Units from aligned landmarks: MediaPipe's own scores are a function of its landmarks, and this learns it.

    It lets training ask "which units would this motion show?" in a space where no picture can cheat.
    """

    def __init__(self, points: int, units: int, hidden: int = 384):
        super().__init__()
        self.register_buffer("mean", torch.zeros(points * 2))
        self.register_buffer("std", torch.ones(points * 2))
        self.net = nn.Sequential(
            nn.Linear(points * 2, hidden), nn.GELU(),
            nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, units),
        )  # fmt: skip

    def forward(self, landmarks: torch.Tensor) -> torch.Tensor:
        """`landmarks` [B, P, 2] in fractions of the aligned face; returns [B, K] units (not clamped)."""
        return self.net((landmarks.flatten(1) - self.mean) / self.std)


class WarpReader(nn.Module):
    """Units that the tracker reads in a photograph whose landmarks a warp has displaced, learned from tracked warps.

    Not what `LandmarkEstimator` says of the displaced landmarks: the tracker looks at a picture, in which stretched
    texture is still a closed mouth's, and finds only part of what was moved. Judge of units that a warp can show by
    itself; lids, which are drawn elsewhere, are none.
    """

    def __init__(self, points: int, units: int, displacements: int = 80, looks: int = 40, hidden: int = 256):
        """`displacements` and `looks` are how many principal components of motion and of faces it sees."""
        super().__init__()
        self.register_buffer("motions", torch.zeros(points * 2, displacements))
        self.register_buffer("looks", torch.zeros(points * 2, looks))
        self.register_buffer("mean", torch.zeros(points * 2))
        self.net = nn.Sequential(
            nn.Linear(displacements + looks + units, hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, units),
        )  # fmt: skip

    def coordinates(self, displacement: torch.Tensor) -> torch.Tensor:
        """Displacements [B, P, 2] in standard deviations of those it learned from, [B, D]."""
        return displacement.flatten(1) @ self.motions

    def forward(self, points: torch.Tensor, displacement: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Units [B, K] read (not clamped) of faces with landmarks and displacements [B, P, 2], own units [B, K]."""
        look = (points.flatten(1) - self.mean) @ self.looks
        return own + self.net(torch.cat([self.coordinates(displacement), look, own], 1))

    def change(self, points: torch.Tensor, displacement: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """What the displacement changes of the units, [B, K]: its error on the source is not held against a warp."""
        still = torch.zeros_like(displacement)
        return self(points, displacement, own) - self(points, still, own)


class MotionJudge(nn.Module):
    """Units that a face shows once its landmarks have moved: lids and eyes by the landmarks, the rest as tracked."""

    def __init__(self, landmarks: LandmarkEstimator, warps: WarpReader, eyes: torch.Tensor):
        """`eyes` [K] bool: the units that are judged by the landmarks alone."""
        super().__init__()
        self.landmarks, self.warps = landmarks, warps
        self.register_buffer("eyes", eyes)

    def forward(self, points: torch.Tensor, moved: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Landmarks before and after [B, P, 2], units before [B, K]; returns units after [B, K] (not clamped)."""
        by_landmarks = self.landmarks(moved) - self.landmarks(points)
        return own + torch.where(self.eyes, by_landmarks, self.warps.change(points, moved - points, own))


def wish_error(shown: torch.Tensor, own: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
    """Mean squared error of units `shown` [B, K] where `wish` was asked of faces that had `own`.

    Where a wish changes few units, these count ASKED times as much as the rest: alone, a wrong unit that stays would be
    forgotten among 45 that do.
    """
    changed = ((wish - own).abs() > CHANGED).float()
    weight = 1 + (ASKED - 1) * changed * (changed.sum(1, keepdim=True) <= FEW)
    return (weight * (shown - wish).square()).mean()


class LandmarkMover(nn.Module):
    """Where a face's landmarks go when its units change: the linear unit map plus a learned, personal correction."""

    def __init__(self, unit_map: torch.Tensor, components: torch.Tensor, hidden: int = 256):
        """`unit_map` [K, P, 2] from `fit_unit_map`; `components` [C, P, 2], displacements at one deviation."""
        super().__init__()
        self.register_buffer("unit_map", unit_map)
        self.register_buffer("components", components)
        self.register_buffer("mean", torch.zeros(unit_map[0].numel()))
        k, c = unit_map.shape[0], components.shape[0]
        self.look = nn.Linear(unit_map[0].numel(), 64)
        self.net = nn.Sequential(
            nn.Linear(64 + 2 * k, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, c)
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def correction(self, landmarks: torch.Tensor, own: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Coefficients [B, C] of the expression components, added to the linear motion; zero when nothing changes."""
        look = self.look((landmarks.flatten(1) - self.mean) * 10)
        moved = self.net(torch.cat([look, own, wish], 1))
        still = self.net(torch.cat([look, own, own], 1))
        return moved - still

    def forward(self, landmarks: torch.Tensor, own: torch.Tensor, wish: torch.Tensor) -> torch.Tensor:
        """Landmarks [B, P, 2] of the same face showing `wish` instead of its `own` units, both [B, K]."""
        step = torch.einsum("bk,kpc->bpc", wish - own, self.unit_map)
        return landmarks + step + torch.einsum("bc,cpd->bpd", self.correction(landmarks, own, wish), self.components)
