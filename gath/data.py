"""Aligned faces with their labels, and the batches that training draws from them (DESIGN: clips and back-translation).

A pack is a folder of plain arrays, memory-mapped: `images.npy` [N, S, S, 3] uint8 RGB, `landmarks.npy` [N, 478, 2] in
fractions of the side, `units.npy` [N, K], `pose.npy` [N, 3] degrees, `group.npy` [N] (one number per clip, -1 for a
photograph), `person.npy` [N] (one number per identity), `source.npy` [N] (one number per data set).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gath.losses import NOBODY

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


class Pictures:
    """Called with rows of a pack [B], gives their pictures [B, 3, S, S] in [-1, 1] on `device`, in whose memory all lie
    unless it is the processor, which reads them as they are needed."""

    def __init__(self, images: np.ndarray, device: str):
        self._images, self._device = images, device
        self._resident = None if device == "cpu" else torch.from_numpy(np.array(images)).to(device)

    def __call__(self, rows: np.ndarray) -> Tensor:
        if self._resident is None:
            return to_tensor(self._images[rows])
        images = self._resident[torch.from_numpy(rows).to(self._device)]
        return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


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


@dataclass
class Unpaired:
    """The paper's notations (section 3.1): faces of the source set, and frames of others with the units asked for.

    `source` x_src and `target` y_tgt [B, 3, S, S] in [-1, 1], `target_units` e_tgt [B, K], `real` x_re like `source`;
    `identity` and `real_identity` [B] classes of the source set (or NOBODY); `paired` [B] bool: the target is what the
    source should become.
    """

    source: Tensor
    identity: Tensor
    target: Tensor
    target_units: Tensor
    real: Tensor
    real_identity: Tensor
    paired: Tensor


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


def resize(picture: Tensor, size: int) -> Tensor:
    """[B, C, S, S] at another size, each pixel the mean of what it covers; the same tensor if it has that size."""
    if picture.shape[-1] == size:
        return picture
    return F.interpolate(picture, (size, size), mode="bilinear", align_corners=False, antialias=True)


def cumulative(weight: np.ndarray) -> np.ndarray:
    """Shares [N] of the whole up to each: where a number in [0, 1) falls, without summing the weights
    anew for every draw, as `Generator.choice` does."""
    share = np.cumsum(weight / weight.sum())
    share[-1] = 1.0
    return share


class Sampler:
    """Draws batches. Its whole state is one NumPy generator: a resumed run draws what the lost one would have.

    The processes of one run, `rank` of `count`, draw the same numbers for the batch of them all, and each takes every
    `count`-th face of it: together they see what one process alone would with a batch as large.
    """

    def __init__(
        self,
        pack: Pack,
        names: tuple[str, ...],
        seed: int,
        back_share: float,
        rank: int = 0,
        count: int = 1,
        alone: float = ALONE_SHARE,
        device: str = "cpu",
    ):
        """`back_share`: share of a batch that is back-translated photographs; the rest are pairs from clips. `alone`:
        share of the wishes that change a few units only. On a `device` that is no processor all pictures of the pack
        lie in its memory."""
        self.pack, self.back_share, self.alone, self.device = pack, back_share, alone, device
        self.pictures = Pictures(pack.images, device)
        self.rank, self.count = rank, count
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
        self.clip_share = cumulative(p)

        # Frames with closed lids are rare and hard: as targets they come up several times as often as they occur.
        self._targets: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # of every source drawn so far
        self.target_weight = 0.3 + 2.0 * (closing > CLOSED_LIDS) + opening + 4 * expressive
        self.wish_frames = np.concatenate(self.clips)
        p = 0.2 + expressive[self.wish_frames]
        self.wish_p = p / p.sum()

    def wishes(self, own: np.ndarray) -> np.ndarray:
        """Units nobody photographed: other people's expressions, or a few units alone on top of the portrait's own."""
        out = self.pack.units[self.rng.choice(self.wish_frames, len(own), p=self.wish_p)].copy()
        out[self.rng.random(len(own)) < NEUTRAL_SHARE] = 0
        for i in np.flatnonzero(self.rng.random(len(own)) < self.alone):
            out[i] = own[i] if self.rng.random() < 0.6 else 0.0
            for k in self.rng.choice(own.shape[1], self.rng.integers(1, 4), replace=False):
                out[i, k] = self.rng.random()
                if self.rng.random() < 0.8:  # faces are mostly symmetric
                    out[i, self.units_mirror[k]] = out[i, k]
        return out

    def pair(self) -> tuple[int, int]:
        """Two frames of one clip in about the same pose, as indices into the pack: source and target."""
        clip = self.clips[np.searchsorted(self.clip_share, self.rng.random(), "right")]
        source = int(self.rng.choice(clip))
        if source not in self._targets:
            near = clip[np.abs(self.pack.pose[clip, :2] - self.pack.pose[source, :2]).max(1) < SAME_POSE]
            self._targets[source] = near, cumulative(self.target_weight[near])
        near, share = self._targets[source]
        return source, int(near[np.searchsorted(share, self.rng.random(), "right")])

    def draw(self, size: int) -> Batch:
        """This process's `size` faces, photographs first; half of all mirrored, each pair in a light of its own."""
        pack, size, mine = self.pack, size * self.count, slice(self.rank, None, self.count)
        back = np.arange(size) < round(size * self.back_share)
        pairs = [(i, i) for i in self.rng.choice(self.photos, back.sum(), p=self.photo_p)]
        pairs += [self.pair() for _ in range(size - len(pairs))]
        a, b = np.array(pairs).T
        wish = self.wishes(pack.units[a])
        flip = self.rng.random(size) < 0.5
        gain = torch.from_numpy(self.rng.uniform(0.8, 1.2, (size, 1, 1, 1)).astype(np.float32))
        tint = torch.from_numpy(self.rng.uniform(-0.1, 0.1, (size, 3, 1, 1)).astype(np.float32))
        back, a, b, wish, flip, gain, tint = (x[mine] for x in (back, a, b, wish, flip, gain, tint))

        device = self.device
        flip, gain, tint = torch.from_numpy(flip).to(device), gain.to(device), tint.to(device)

        def picture(rows: np.ndarray) -> Tensor:
            images = self.pictures(rows)
            return (torch.where(flip[:, None, None, None], images.flip(3), images) * gain + tint).clamp(-1, 1)

        def points(rows: np.ndarray) -> Tensor:
            found = torch.from_numpy(pack.landmarks[rows].astype(np.float32)).to(device)
            mirrored = found[:, self.points_mirror] * found.new_tensor([-1, 1]) + found.new_tensor([1, 0])
            return torch.where(flip[:, None, None], mirrored, found)

        def units(vectors: np.ndarray) -> Tensor:
            vectors = torch.from_numpy(vectors).to(device)
            return torch.where(flip[:, None], vectors[:, self.units_mirror], vectors)

        return Batch(
            source=picture(a),
            source_units=units(pack.units[a]),
            source_points=points(a),
            target=picture(b),
            target_units=units(pack.units[b]),
            target_points=points(b),
            wish=units(wish),
            back=torch.from_numpy(back).to(device),
        )


class UnpairedSampler:
    """Draws from the paper's source set (photographs with identities) and target set (frames with units), section 4.2.

    Random numbers, processes, and which faces are turned too far are those of `pairs`.
    """

    def __init__(self, pairs: Sampler, mix: float, least_photos: int):
        """`mix`: share of the source set that is frames of the target set's people; `least_photos`: people with fewer
        photographs are left out of the source set, for the classifier learns nothing from a class of one.
        """
        self.pairs, self.mix, pack = pairs, mix, pairs.pack
        photos = pairs.photos[pack.group[pairs.photos] < 0]
        people, count = np.unique(pack.person[photos], return_counts=True)
        self.photos = photos[np.isin(pack.person[photos], people[count >= least_photos])]
        if not len(self.photos):
            raise ValueError(f"nobody has {least_photos} photographs")
        self.frames = np.concatenate(pairs.clips)
        self.frame_p = np.concatenate([np.full(len(f), p / len(f)) for f, p in zip(pairs.clips, pairs.clip_p)])
        classes = np.unique(np.r_[pack.person[self.photos], pack.person[self.frames]])
        self.class_of = np.full(pack.person.max() + 1, NOBODY)
        self.class_of[classes] = np.arange(len(classes))
        self.identities = len(classes)

    def faces(self, size: int) -> np.ndarray:
        """Rows of the pack: a random part of the source set."""
        rng = self.pairs.rng
        mixed = rng.random(size) < self.mix
        return np.where(mixed, rng.choice(self.frames, size, p=self.frame_p), rng.choice(self.photos, size))

    def draw(self, size: int, reals: int) -> Unpaired:
        """This process's `size` sources and targets, and `reals` faces for the discriminator and classifier."""
        pack, count, mine = self.pairs.pack, self.pairs.count, slice(self.pairs.rank, None, self.pairs.count)
        source, real = self.faces(size * count)[mine], self.faces(reals * count)[mine]
        target = self.pairs.rng.choice(self.frames, size * count, p=self.frame_p)[mine]
        return Unpaired(
            source=to_tensor(pack.images[source]),
            identity=torch.from_numpy(self.class_of[pack.person[source]]),
            target=to_tensor(pack.images[target]),
            target_units=torch.from_numpy(pack.units[target]),
            real=to_tensor(pack.images[real]),
            real_identity=torch.from_numpy(self.class_of[pack.person[real]]),
            paired=torch.zeros(len(source), dtype=torch.bool),
        )


def with_pairs(batch: Unpaired, pairs: Batch) -> Unpaired:
    """`batch` with the (back-translated) pairs added; they have no class."""
    cat = torch.cat
    return replace(
        batch,
        source=cat([batch.source, pairs.source]),
        identity=cat([batch.identity, torch.full_like(pairs.back, NOBODY, dtype=batch.identity.dtype)]),
        target=cat([batch.target, pairs.target]),
        target_units=cat([batch.target_units, pairs.target_units]),
        paired=cat([batch.paired, torch.ones_like(pairs.back)]),
    )
