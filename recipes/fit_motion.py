"""Learn how landmarks move with units, on landmarks alone: minutes on one core. `train_gath` borrows the result.

    python -m recipes.fit_motion DATA [--steps N]

Reads DATA/train and DATA/val (packs, see gath/data.py); writes DATA/motion.pt with the linear unit map, the landmark
estimator (units from landmarks) and the landmark mover (landmarks from units).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import typer

from gath.data import Pack, Sampler, mirror_points, mirror_units
from gath.motion import LandmarkEstimator, LandmarkMover, fit_unit_map
from recipes.parts.clips import clip_list
from talkinghead.units.names import UNIT_NAMES

COMPONENTS = 48  # of expression displacement
SVD_ROWS = 6000
BATCH = 256


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


def fit_mover(train: Pack, val: Pack, unit_map: np.ndarray, estimator: LandmarkEstimator, steps: int) -> LandmarkMover:
    moving = [landmarks - landmarks.mean(0) for landmarks, _, _ in clip_list(train)]
    moving = np.concatenate(moving).reshape(-1, unit_map[0].size)
    some = moving[np.random.default_rng(0).permutation(len(moving))[:SVD_ROWS]]
    _, s, vt = np.linalg.svd(some, full_matrices=False)
    deviations = s[:COMPONENTS, None] / np.sqrt(len(some))
    components = (vt[:COMPONENTS] * deviations).reshape(COMPONENTS, -1, 2)
    mover = LandmarkMover(torch.from_numpy(unit_map), torch.from_numpy(components.astype(np.float32)))
    mover.mean.copy_(torch.from_numpy(train.landmarks.mean(0)).flatten())
    estimator.requires_grad_(False)
    sampler = Sampler(train, UNIT_NAMES, 1, back_share=0.0)
    optimiser = torch.optim.AdamW(mover.parameters(), 1e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, steps)
    t = torch.from_numpy
    for step in range(steps):
        i = sampler.rng.choice(sampler.photos, BATCH, p=sampler.photo_p)
        own, wish = train.units[i], sampler.wishes(train.units[i])
        points = t(train.landmarks[i])
        moved = mover(points, t(own), t(wish))
        asked = (estimator(moved) - t(wish)).square().mean()
        a, b = np.array([sampler.pair() for _ in range(BATCH // 4)]).T
        guess = mover(t(train.landmarks[a]), t(train.units[a]), t(train.units[b]))
        real_loss = (guess - t(train.landmarks[b])).square()
        small = mover.correction(points, t(own), t(wish)).square().mean()
        loss = asked + 100 * real_loss.mean() + 0.004 * small
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    mover.eval()
    report(mover, estimator, val, sampler)
    return mover


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


def main(data: Path, steps: int = 4000) -> None:
    torch.manual_seed(0)
    train, val = Pack(data / "train"), Pack(data / "val")
    unit_map = fit_unit_map(clip_list(train))
    estimator = fit_estimator(train, val, steps)
    mover = fit_mover(train, val, unit_map, estimator, steps)
    torch.save({"estimator": estimator.state_dict(), "mover": mover.state_dict()}, data / "motion.pt")


if __name__ == "__main__":
    typer.run(main)
