"""Learn how landmarks move with units: a quarter of an hour on one core. `train_gath` borrows the result.

    python -m recipes.fit_motion DATA [--steps N] [--warps N]

Reads DATA/train and DATA/val (packs, see gath/data.py); writes DATA/motion.pt with the landmark estimator (units from
landmarks), the landmark mover (landmarks from units, beginning with a linear map) and the warp reader (units that the
tracker finds in a photograph whose landmarks were moved). The mover learns twice: first what shows the units by its
landmarks, then, from `--warps` tracked photographs that it has moved, what shows them in a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import typer

from gath.data import Pack, Sampler, mirror_points, mirror_units
from gath.motion import LandmarkEstimator, LandmarkMover, MotionJudge, fit_unit_map, wish_error
from recipes.parts.clips import clip_list
from recipes.parts.gath_systems import EYES
from recipes.parts.warps import fit_reader, track_warps
from talkinghead.units.names import UNIT_NAMES

COMPONENTS = 48  # of expression displacement
SVD_ROWS = 6000
BATCH = 256
ALONE = 0.7  # of the wishes the mover learns from change a few units only: natural faces hardly ever do
CORRECTION = 0.0008  # weight of the size of the personal correction
REACH, LEAST_REACH = 1.6, 0.002  # times the linear map's motion, and fractions of the side

Judge = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]  # points, moved, own units: units shown


def fit_estimator(train: Pack, val: Pack, steps: int) -> LandmarkEstimator:
    points, units = train.landmarks.shape[1], train.units.shape[1]
    model = LandmarkEstimator(points, units)
    flat = torch.from_numpy(train.landmarks.reshape(len(train), -1))
    model.mean.copy_(flat.mean(0))
    model.std.copy_(flat.std(0).clamp_min(1e-4))
    x, y = train.landmarks, train.units
    mp, mu = mirror_points(x[np.abs(train.pose[:, 0]) < 10]), mirror_units(UNIT_NAMES)
    rng = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, steps)
    p = np.where(train.group < 0, 1.0, 0.5)
    p /= p.sum()
    for step in range(steps):
        i = rng.choice(len(x), BATCH, p=p)
        a, b = x[i], y[i]
        flip = rng.random(BATCH) < 0.5
        a = np.where(flip[:, None, None], a[:, mp] * np.float32([-1, 1]) + np.float32([1, 0]), a)
        b = np.where(flip[:, None], b[:, mu], b)
        a = a + rng.normal(0, 0.0007, a.shape)  # a tenth of a pixel of 128: the tracker's own noise
        loss = (model(torch.from_numpy(a.astype(np.float32))) - torch.from_numpy(b)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()
    with torch.inference_mode():
        out = model(torch.from_numpy(val.landmarks)).numpy()
    rmse, base = np.sqrt(((out - val.units) ** 2).mean()), np.sqrt(((val.units - train.units.mean(0)) ** 2).mean())
    print(f"landmark estimator on val: rmse {rmse:.4f}, constant {base:.4f}")
    return model


def first_mover(train: Pack, unit_map: np.ndarray) -> LandmarkMover:
    """The linear map, and the components that its personal correction will be made of."""
    moving = [landmarks - landmarks.mean(0) for landmarks, _, _ in clip_list(train)]
    moving = np.concatenate(moving).reshape(-1, unit_map[0].size)
    some = moving[np.random.default_rng(0).permutation(len(moving))[:SVD_ROWS]]
    _, s, vt = np.linalg.svd(some, full_matrices=False)
    deviations = s[:COMPONENTS, None] / np.sqrt(len(some))
    components = (vt[:COMPONENTS] * deviations).reshape(COMPONENTS, -1, 2)
    mover = LandmarkMover(torch.from_numpy(unit_map), torch.from_numpy(components.astype(np.float32)))
    mover.mean.copy_(torch.from_numpy(train.landmarks.mean(0)).flatten())
    return mover


def fit_mover(mover: LandmarkMover, judge: Judge, sampler: Sampler, steps: int, real: float, far: float) -> None:
    """Teach `mover` to show wishes to `judge`, and real pairs of frames with weight `real`.

    `far` is the weight of whatever goes beyond REACH times the linear map's motion under the units that change: a
    judge of numbers is also pleased by a pucker that narrows the head.
    """
    train, rng, t = sampler.pack, sampler.rng, torch.from_numpy
    optimiser = torch.optim.AdamW(mover.parameters(), 1.5e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.5e-3, steps)
    lengths = mover.unit_map.norm(dim=-1)
    for _ in range(steps):
        i = rng.choice(sampler.photos, BATCH, p=sampler.photo_p)
        own, wish = t(train.units[i]), t(sampler.wishes(train.units[i]))
        points = t(train.landmarks[i])
        moved = mover(points, own, wish)
        asked = wish_error(judge(points, moved, own), own, wish)
        a, b = np.array([sampler.pair() for _ in range(BATCH // 4)]).T
        guess = mover(t(train.landmarks[a]), t(train.units[a]), t(train.units[b]))
        off = (guess - t(train.landmarks[b])).square().mean()
        small = mover.correction(points, own, wish).square().mean()
        reach = REACH * (wish - own).abs() @ lengths + LEAST_REACH
        beyond = ((moved - points).norm(dim=-1) - reach).clamp_min(0).square().mean()
        loss = asked + real * off + CORRECTION * small + far * beyond
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.inference_mode()
def report(mover: LandmarkMover, estimator: LandmarkEstimator, val: Pack, sampler: Sampler) -> None:
    i = np.flatnonzero(val.group < 0)
    own, points = val.units[i], torch.from_numpy(val.landmarks[i])
    wish = sampler.pack.units[sampler.rng.choice(sampler.wish_frames, len(i))]
    rmse = lambda a: float(np.sqrt(((a - wish) ** 2).mean()))  # noqa: E731
    linear = points + torch.einsum("bk,kpc->bpc", torch.from_numpy(wish - own), mover.unit_map)
    moved = mover(points, torch.from_numpy(own), torch.from_numpy(wish))
    print(f"units on val, rmse: still {rmse(own):.4f}, linear {rmse(estimator(linear).numpy()):.4f}, ", end="")
    print(f"mover {rmse(estimator(moved).numpy()):.4f} (all by the landmark estimator)")


def main(data: Path, steps: int = 4000, warps: int = 19200) -> None:
    torch.manual_seed(0)
    train, val = Pack(data / "train"), Pack(data / "val")
    estimator = fit_estimator(train, val, steps).requires_grad_(False)
    mover = first_mover(train, fit_unit_map(clip_list(train)))
    sampler = Sampler(train, UNIT_NAMES, 1, back_share=0.0, alone=ALONE)
    fit_mover(mover, lambda points, moved, own: estimator(moved), sampler, steps, real=100.0, far=0.0)
    report(mover.eval(), estimator, val, sampler)
    reader = fit_reader(sampler, track_warps(sampler, mover.requires_grad_(False), warps), steps // 2)
    judge = MotionJudge(estimator, reader, EYES)
    fit_mover(mover.train().requires_grad_(True), judge, sampler, steps // 2, real=12.0, far=4000.0)
    report(mover.eval(), estimator, val, sampler)
    models = {"estimator": estimator, "mover": mover, "reader": reader}
    torch.save({name: model.state_dict() for name, model in models.items()}, data / "motion.pt")


if __name__ == "__main__":
    typer.run(main)
