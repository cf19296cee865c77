"""Aligned faces with their labels, and the batches that training draws from them (DESIGN: clips and back-translation).

A pack is a folder of plain arrays, memory-mapped: `images.npy` [N, S, S, 3] uint8 RGB, `landmarks.npy` [N, 478, 2] in
fractions of the side, `units.npy` [N, K], `pose.npy` [N, 3] degrees, `group.npy` [N] (one number per clip, -1 for a
photograph), `person.npy` [N] (one number per identity), `source.npy` [N] (one number per data set).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ARRAYS = ("images", "landmarks", "units", "pose", "group", "person", "source")
MAX_YAW = 30.0  # degrees; beyond it half of the face is hidden
FRONTAL = 10.0  # degrees of yaw of the faces that say which mesh points mirror each other
SAME_POSE = 7.0  # degrees of yaw and pitch within which two frames of a clip count as one pose
SHORTEST_CLIP = 8  # frames
FRAME_AS_PHOTO = 0.05  # weight of a clip's frame among photographs
CLOSED_LIDS = 0.45  # EyeBlink from which lids count as closed
NEUTRAL_SHARE = 0.1  # of the wishes are no expression at all
ALONE_SHARE = 0.35  # of the wishes change a few units only


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
    """Draws batches. Its whole state is one NumPy generator: a resumed run draws what the lost one would have."""

    def __init__(self, pack: Pack, names: tuple[str, ...], seed: int, back_share: float):
        """`back_share`: share of a batch that is back-translated photographs; the rest are pairs from clips."""
        self.pack, self.back_share = pack, back_share
        self.rng = np.random.default_rng(seed)
        self.points_mirror = mirror_points(pack.landmarks[np.abs(pack.pose[:, 0]) < FRONTAL])
        self.units_mirror = mirror_units(names)
        units = {name: pack.units[:, i] for i, name in enumerate(names)}
        nod = np.abs(pack.pose[:, 1] - np.median(pack.pose[:, 1]))
        usable = (np.abs(pack.pose[:, 0]) < MAX_YAW) & (nod < MAX_YAW)
        opening = units["LipsLowerOpen"] + units["LipsUpperOpen"]
        closing = np.maximum(units["EyeBlink_L"], units["EyeBlink_R"])
        expressive = np.abs(pack.units - pack.units.mean(0)).mean(1)

        # Photographs: open and puckered mouths first, they have something to teach. Clip frames count as some, too.
        self.photos = np.flatnonzero(usable)
        weight = (0.3 + opening + 0.5 * units["LipsPucker"]) * np.where(pack.group < 0, 1.0, FRAME_AS_PHOTO)
        self.photo_p = weight[self.photos] / weight[self.photos].sum()

        # Clips: one speaker has a thousand, others one; neither equal clips nor equal people, but in between.
        clips = [np.flatnonzero(usable & (pack.group == g)) for g in np.unique(pack.group[pack.group >= 0])]
        self.clips = [frames for frames in clips if len(frames) >= SHORTEST_CLIP]
        clips_of = Counter(pack.person[frames[0]] for frames in self.clips)
        p = np.array([len(frames) ** 0.25 / clips_of[pack.person[frames[0]]] ** 0.6 for frames in self.clips])
        self.clip_p = p / p.sum()

        # Frames with closed lids are rare and hard: as targets they come up several times as often as they occur.
        self.target_weight = 0.3 + 2.0 * (closing > CLOSED_LIDS) + opening + 4 * expressive
        self.wish_frames = np.concatenate(self.clips)
        p = 0.2 + expressive[self.wish_frames]
        self.wish_p = p / p.sum()

    def wishes(self, own: np.ndarray) -> np.ndarray:
        """Units nobody photographed: other people's expressions, or a few units alone on top of the portrait's own."""
        out = self.pack.units[self.rng.choice(self.wish_frames, len(own), p=self.wish_p)].copy()
        out[self.rng.random(len(own)) < NEUTRAL_SHARE] = 0
        for i in np.flatnonzero(self.rng.random(len(own)) < ALONE_SHARE):
            out[i] = own[i] if self.rng.random() < 0.6 else 0.0
            for k in self.rng.choice(own.shape[1], self.rng.integers(1, 4), replace=False):
                out[i, k] = self.rng.random()
                if self.rng.random() < 0.8:  # faces are mostly symmetric
                    out[i, self.units_mirror[k]] = out[i, k]
        return out

    def pair(self) -> tuple[int, int]:
        """Two frames of one clip in about the same pose, as indices into the pack: source and target."""
        clip = self.clips[self.rng.choice(len(self.clips), p=self.clip_p)]
        source = self.rng.choice(clip)
        near = clip[np.abs(self.pack.pose[clip, :2] - self.pack.pose[source, :2]).max(1) < SAME_POSE]
        p = self.target_weight[near]
        return source, self.rng.choice(near, p=p / p.sum())

    def draw(self, size: int) -> Batch:
        """A batch of `size`, photographs first; half of it mirrored, each pair in a light and tint of its own."""
        pack = self.pack
        back = np.arange(size) < round(size * self.back_share)
        pairs = [(i, i) for i in self.rng.choice(self.photos, back.sum(), p=self.photo_p)]
        pairs += [self.pair() for _ in range(size - len(pairs))]
        a, b = np.array(pairs).T
        wish = self.wishes(pack.units[a])
        flip = self.rng.random(size) < 0.5
        gain = torch.from_numpy(self.rng.uniform(0.8, 1.2, (size, 1, 1, 1)).astype(np.float32))
        tint = torch.from_numpy(self.rng.uniform(-0.1, 0.1, (size, 3, 1, 1)).astype(np.float32))

        def picture(images: np.ndarray) -> Tensor:
            images = np.where(flip[:, None, None, None], images[:, :, ::-1], images)
            return (to_tensor(images) * gain + tint).clamp(-1, 1)

        def points(landmarks: np.ndarray) -> Tensor:
            mirrored = landmarks[:, self.points_mirror] * [-1, 1] + [1, 0]
            return torch.from_numpy(np.where(flip[:, None, None], mirrored, landmarks).astype(np.float32))

        def units(vectors: np.ndarray) -> Tensor:
            return torch.from_numpy(np.where(flip[:, None], vectors[:, self.units_mirror], vectors))

        return Batch(
            source=picture(pack.images[a]),
            source_units=units(pack.units[a]),
            source_points=points(pack.landmarks[a]),
            target=picture(pack.images[b]),
            target_units=units(pack.units[b]),
            target_points=points(pack.landmarks[b]),
            wish=units(wish),
            back=torch.from_numpy(back),
        )
