"""Aligned faces with their labels, and the batches that training draws from them (DESIGN: clips and back-translation).

A pack is a folder of plain arrays, memory-mapped: `images.npy` [N, S, S, 3] uint8 RGB, `landmarks.npy` [N, 478, 2] in
fractions of the side, `units.npy` [N, K], `pose.npy` [N, 3] degrees, `group.npy` [N] (one number per clip, -1 for a
photograph), `person.npy` [N] (one number per identity), `source.npy` [N] (one number per data set).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ARRAYS = ("images", "landmarks", "units", "pose", "group", "person", "source")
MAX_YAW = 30.0  # degrees; beyond it half of the face is hidden
SAME_POSE = 7.0  # degrees of yaw and pitch within which two frames of a clip count as one pose


class Pack:
    """A folder of memory-mapped arrays, see the module's text; every array is an attribute."""

    def __init__(self, folder: Path):
        for name in ARRAYS:
            setattr(self, name, np.load(Path(folder) / f"{name}.npy", mmap_mode="r" if name == "images" else None))

    def __len__(self) -> int:
        return len(self.units)


@dataclass
class Batch:
    """Source faces, their real targets, and wishes without a target.

    `source`, `target` [B, 3, S, S] in [-1, 1]; `source_points`, `target_points` [B, 478, 2] fractions; `source_units`,
    `target_units`, `wish` [B, K]; `back` [B] bool: the source is still the target, to be back-translated.
    """

    source: Tensor
    source_units: Tensor
    source_points: Tensor
    target: Tensor
    target_units: Tensor
    target_points: Tensor
    wish: Tensor
    back: Tensor


def mirror_points(landmarks: np.ndarray) -> np.ndarray:
    """Index of each mesh point's mirror image, found on the mean of many faces: [478] int64."""
    mean = landmarks.mean(0)
    flipped = mean * [-1, 1] + [1, 0]
    for _ in range(2):  # centre the mirror axis on the mean face itself
        order = np.linalg.norm(mean[:, None] - flipped[None], axis=-1).argmin(0)
        flipped = flipped - (flipped - mean[order]).mean(0)
    return order


def mirror_units(names: tuple[str, ...]) -> np.ndarray:
    """Index that swaps left and right units: `units[:, mirror_units(names)]` are those of the mirrored face."""

    def other(name: str) -> str:
        for a, b in (("_L", "_R"), ("_R", "_L"), ("Left", "Right"), ("Right", "Left")):
            if name.endswith(a):
                return name[: -len(a)] + b
        return name

    return np.array([names.index(other(n)) for n in names])


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 [B, S, S, 3] to float [B, 3, S, S] in [-1, 1]."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


class Sampler:
    """Draws batches; its whole state is one NumPy generator, so that a resumed run draws what the lost one would have."""

    def __init__(self, pack: Pack, names: tuple[str, ...], seed: int, back_share: float):
        """`back_share`: share of a batch that is back-translated photographs; the rest are pairs from clips."""
        self.pack, self.names, self.back_share = pack, names, back_share
        self.rng = np.random.default_rng(seed)
        self.points_mirror = mirror_points(pack.landmarks[np.abs(pack.pose[:, 0]) < 10])
        self.units_mirror = mirror_units(names)
        usable = (np.abs(pack.pose[:, 0]) < MAX_YAW) & (np.abs(pack.pose[:, 1] - np.median(pack.pose[:, 1])) < MAX_YAW)
        self.photos = np.flatnonzero(usable)  # clip frames are photographs too, at less weight
        opening = pack.units[:, names.index("LipsLowerOpen")] + pack.units[:, names.index("LipsUpperOpen")]
        closing = pack.units[:, [names.index("EyeBlink_L"), names.index("EyeBlink_R")]].max(1)
        interest = 0.3 + opening + 0.5 * pack.units[:, names.index("LipsPucker")]
        weight = interest * np.where(pack.group < 0, 1.0, 0.05)
        self.photo_p = weight[self.photos] / weight[self.photos].sum()
        self.clips = [np.flatnonzero(usable & (pack.group == g)) for g in np.unique(pack.group[pack.group >= 0])]
        self.clips = [c for c in self.clips if len(c) >= 8]
        per_person = {p: sum(pack.person[c[0]] == p for c in self.clips) for p in {pack.person[c[0]] for c in self.clips}}
        p = np.array([len(c) ** 0.25 / per_person[pack.person[c[0]]] ** 0.6 for c in self.clips])
        self.clip_p = p / p.sum()
        # Frames with closed lids are rare and hard: as targets they come up several times as often as they occur.
        self.target_weight = 0.3 + 2.0 * (closing > 0.45) + opening + np.abs(pack.units - pack.units.mean(0)).mean(1) * 4
        clip_frames = np.concatenate(self.clips)
        p = (0.2 + np.abs(pack.units - pack.units.mean(0)).mean(1))[clip_frames]
        self.wish_frames, self.wish_p = clip_frames, p / p.sum()

    def wishes(self, own: np.ndarray) -> np.ndarray:
        """Units nobody photographed: other people's expressions, or a few units alone on top of the portrait's own."""
        out = self.pack.units[self.rng.choice(self.wish_frames, len(own), p=self.wish_p)].copy()
        for i in np.flatnonzero(self.rng.random(len(own)) < 0.35):
            out[i] = own[i] if self.rng.random() < 0.6 else 0.0
            for k in self.rng.choice(own.shape[1], self.rng.integers(1, 4), replace=False):
                out[i, k] = self.rng.random()
                if self.rng.random() < 0.8:
                    out[i, self.units_mirror[k]] = out[i, k]
        return out

    def _pair(self) -> tuple[int, int]:
        clip = self.clips[self.rng.choice(len(self.clips), p=self.clip_p)]
        source = self.rng.choice(clip)
        near = np.abs(self.pack.pose[clip, :2] - self.pack.pose[source, :2]).max(1) < SAME_POSE
        near = clip[near]
        p = self.target_weight[near]
        return source, self.rng.choice(near, p=p / p.sum())

    def draw(self, size: int) -> Batch:
        back = np.arange(size) < round(size * self.back_share)
        pairs = [(i, i) for i in self.rng.choice(self.photos, back.sum(), p=self.photo_p)]
        pairs += [self._pair() for _ in range(size - len(pairs))]
        a, b = np.array(pairs).T
        pack = self.pack
        source, target = pack.images[a], pack.images[b]
        pa, pb, ua, ub = pack.landmarks[a], pack.landmarks[b], pack.units[a], pack.units[b]
        wish = self.wishes(ua)
        flip = self.rng.random(size) < 0.5
        source, target = np.where(flip[:, None, None, None], source[:, :, ::-1], source), np.where(
            flip[:, None, None, None], target[:, :, ::-1], target
        )
        mirror = lambda p: p[:, self.points_mirror] * np.float32([-1, 1]) + np.float32([1, 0])  # noqa: E731
        pa, pb = (np.where(flip[:, None, None], mirror(p), p) for p in (pa, pb))
        ua, ub, wish = (np.where(flip[:, None], u[:, self.units_mirror], u) for u in (ua, ub, wish))
        gain = torch.from_numpy(self.rng.uniform(0.8, 1.2, (size, 1, 1, 1)).astype(np.float32))
        tint = torch.from_numpy(self.rng.uniform(-0.1, 0.1, (size, 3, 1, 1)).astype(np.float32))
        colour = lambda x: (to_tensor(x) * gain + tint).clamp(-1, 1)  # noqa: E731  the same for both of a pair
        t = lambda x: torch.from_numpy(np.ascontiguousarray(x, np.float32))  # noqa: E731
        return Batch(
            colour(source), t(ua), t(pa), colour(target), t(ub), t(pb), t(wish), torch.from_numpy(back)
        )
