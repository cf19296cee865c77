"""What the tracker sees of a warp: photographs of the training split warped at random, tracked, and learned from.

Landmarks say what was moved, and MediaPipe's scores are a function of landmarks; but the tracker finds its landmarks in
a picture, and of a mouth narrowed by a warp it finds six tenths. So the units that a warp shows are measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from gath.data import Sampler, to_tensor
from gath.motion import LandmarkMover, WarpReader, warp
from gath.training import teacher_flow
from recipes.parts.reading import Reader
from recipes.parts.synthesis import from_tensor
from talkinghead.units.names import INDEX

BATCH = 32  # photographs warped at once
POOL = 6000  # pairs of frames whose motion is lent to photographs
LENT = 0.5  # of the warps are such motion; the others are the mover's, of wishes
STRENGTH = (0.5, 2.5)  # times the motion: the answer has to be known beyond what natural faces do
BACKWARD = 1 / 3  # of the lent motions
FRONTAL = 20.0  # degrees of yaw
# What lent motion shows most often: lips have the most to teach, and natural faces funnel and pucker them least.
FAVOURED = {
    "LipsPucker": 3, "LipsFunnel": 6, "LipsUpperClose": 2, "LipsLowerClose": 2, "JawOpen": 1, "LipsLowerOpen": 1,
    "LipsUpperOpen": 1, "MouthSmile_L": 1, "LipsLowerDown": 1, "LipsUpperUp": 1,
}  # fmt: skip
EVERY_TENTH = 10  # person is held out of the fit
FIT_BATCH = 256


class Warps(NamedTuple):
    """Of N warped photographs."""

    row: np.ndarray  # [N] of the pack
    displacement: np.ndarray  # [N, 478, 2] of its landmarks, fractions of the side
    units: np.ndarray  # [N, 46] read in the warped picture


def track_warps(sampler: Sampler, mover: LandmarkMover, count: int) -> Warps:
    """Warp `count` photographs and read the units of those in which the tracker finds a face."""
    pack, rng, t = sampler.pack, sampler.rng, torch.from_numpy
    photos = sampler.photos[(pack.group[sampler.photos] < 0) & (np.abs(pack.pose[sampler.photos, 0]) < FRONTAL)]
    first, second = np.array([sampler.pair() for _ in range(POOL)]).T
    units, weight = [INDEX[name] for name in FAVOURED], np.array(list(FAVOURED.values()), float)
    p = np.abs(pack.units[second][:, units] - pack.units[first][:, units]) @ weight + 0.05
    p /= p.sum()
    parts = []
    with Reader(0) as reader:
        for _ in range(count // BATCH):
            row = rng.choice(photos, BATCH)
            points, own = pack.landmarks[row].astype(np.float32), pack.units[row]
            moved = mover(t(points), t(own), t(sampler.wishes(own))).numpy()
            displacement = (moved - points) * rng.uniform(*STRENGTH, (BATCH, 1, 1))
            lent = rng.choice(POOL, round(LENT * BATCH), p=p)
            sign = np.where(rng.random((len(lent), 1, 1)) < BACKWARD, -1, 1)
            motion = pack.landmarks[second[lent]] - pack.landmarks[first[lent]]
            displacement[: len(lent)] = motion * sign * rng.uniform(*STRENGTH, (len(lent), 1, 1))
            displacement = displacement.astype(np.float32)
            frames = warped(to_tensor(pack.images[row]), t(points), t(displacement))
            read = reader.read(from_tensor(frames))
            parts.append([x[read.found] for x in (row, displacement, read.units)])
    return Warps(*(np.concatenate(column) for column in zip(*parts)))


@torch.inference_mode()
def warped(pictures: torch.Tensor, points: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Pictures [B, 3, S, S] whose landmarks [B, 478, 2] have been displaced, as training's teacher would."""
    flow, _ = teacher_flow(points, points + displacement, pictures.shape[-1] // 2)
    return warp(pictures, F.interpolate(flow, scale_factor=2, mode="bilinear"))


def principal(rows: np.ndarray, count: int) -> torch.Tensor:
    """The first `count` principal directions of rows [N, D], each over its deviation: [D, count]."""
    _, s, vt = np.linalg.svd(rows, full_matrices=False)
    deviation = s[:count, None] / np.sqrt(len(rows))
    return torch.from_numpy(np.ascontiguousarray((vt[:count] / deviation).T))


def fit_reader(sampler: Sampler, warps: Warps, steps: int) -> WarpReader:
    """Learn from `warps`, and print how well units of people left out are known."""
    pack, t, rng = sampler.pack, torch.from_numpy, np.random.default_rng(0)
    points, own = pack.landmarks[warps.row].astype(np.float32), pack.units[warps.row]
    people = pack.person[warps.row]
    held_out = np.isin(people, np.unique(people)[::EVERY_TENTH])
    rows = np.flatnonzero(~held_out)
    model = WarpReader(points.shape[1], own.shape[1])
    some = rng.permutation(rows)[:4000]
    flat = points.reshape(len(points), -1)
    model.mean.copy_(t(flat.mean(0)))
    model.looks.copy_(principal(flat[some] - flat.mean(0), model.looks.shape[1]))
    model.motions.copy_(principal(warps.displacement[some].reshape(len(some), -1), model.motions.shape[1]))
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    data = [t(x) for x in (points, warps.displacement, own, warps.units)]
    for _ in range(steps):
        batch = rng.choice(rows, FIT_BATCH)
        *given, read = (x[batch] for x in data)
        loss = (model(*given) - read).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval().requires_grad_(False)
    *given, read = (x[held_out] for x in data)
    rmse, still = ((x - read).square().mean().sqrt() for x in (model(*given).clamp(0, 1), given[2]))
    print(f"units of {len(read)} warps of people left out, rmse: {rmse:.4f}, as if nothing had moved {still:.4f}")
    return model
