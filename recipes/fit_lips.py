"""Learn where the lips go under given units, on landmarks alone: minutes on one core. The mouth is drawn by it.

    python -m recipes.fit_lips DATA [--steps N] [--out WEIGHTS]

Reads DATA/train and DATA/val (packs, see gath/data.py); writes the lip mover (gath/lips.py), by default over the one
that ships. Real pairs of frames teach how lips move together; wishes nobody photographed are checked by an estimator of
the mouth's units from the same landmarks, fitted first and thrown away.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import typer
from torch import Tensor

import gath
from gath.data import Pack, Sampler
from gath.lips import LipConfig, LipMover
from gath.mesh import INNER_LIP
from gath.mesh import MOUTH as POINTS
from gath.motion import LandmarkEstimator, fit_unit_map
from gath.purse import PURSING, width
from recipes.parts.clips import clip_list
from talkinghead.units.moods import REGIONS
from talkinghead.units.names import INDEX, UNIT_NAMES

BATCH = 256
SVD_ROWS = 6000
FARTHEST = 0.999  # of talkers' frames lie within a component's range
LIMIT = 1.5  # times that range is the farthest a mouth is ever drawn from where it was photographed
REAL_PURSE = 0.5  # of the pursing that is drawn is what people do: of a drawn one trackers see about half
TRACKER_NOISE = 0.0007  # fractions of the side: a tenth of a pixel of 128
MIDDLES = (INNER_LIP.index(13), INNER_LIP.index(14))
MOUTH = [i for i, name in enumerate(UNIT_NAMES) if name.startswith(REGIONS["jaw"] + REGIONS["mouth"])]
INNER = slice(0, len(INNER_LIP))
# Lips of a clip are pursed where either unit passes its number, plain where both and a smile stay under theirs; so many
# frames of each are enough.
PURSED, PLAIN, FRAMES = (0.7, 0.25), {"LipsPucker": 0.1, "LipsFunnel": 0.04, "MouthSmile_L": 0.3}, 6
OPENNESS = [INDEX[name] for name in ("JawOpen", "LipsUpperOpen", "LipsLowerOpen")]


class Mouths:
    """Draws mouths from a pack: pairs of frames of one clip, and portraits with wishes; half of all mirrored."""

    def __init__(self, pack: Pack, seed: int):
        self.sampler, self.rng = Sampler(pack, UNIT_NAMES, seed, 0.0), np.random.default_rng(seed)
        self.points = pack.landmarks[:, POINTS]
        self.mirrored = pack.landmarks[:, self.sampler.points_mirror[list(POINTS)]] * [-1, 1] + [1, 0]
        self.units, self.swapped = pack.units, pack.units[:, self.sampler.units_mirror]

    def take(self, rows: np.ndarray, flip: np.ndarray) -> tuple[Tensor, Tensor]:
        points = np.where(flip[:, None, None], self.mirrored[rows], self.points[rows]).astype(np.float32)
        return torch.from_numpy(points), torch.from_numpy(np.where(flip[:, None], self.swapped[rows], self.units[rows]))

    def pairs(self, count: int) -> tuple[Tensor, ...]:
        """Points and units of `count` sources and of their targets."""
        source, target = np.array([self.sampler.pair() for _ in range(count)]).T
        flip = self.rng.random(count) < 0.5
        return *self.take(source, flip), *self.take(target, flip)

    def wishes(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Points and units of `count` portraits, and units wished for."""
        rows = self.sampler.rng.choice(self.sampler.photos, count, p=self.sampler.photo_p)
        points, units = self.take(rows, self.rng.random(count) < 0.5)
        return points, units, torch.from_numpy(self.sampler.wishes(units.numpy()))


def optimise(model: torch.nn.Module, loss_of, steps: int) -> None:
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, steps)
    for _ in range(steps):
        loss = loss_of()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def fit_estimator(mouths: Mouths, steps: int) -> LandmarkEstimator:
    """Units of jaw and mouth from the mouth's points, with the centre of the points known: chin against lips."""
    model = LandmarkEstimator(len(POINTS), len(MOUTH), 256)
    flat = torch.from_numpy(mouths.points.reshape(len(mouths.points), -1))
    model.mean.copy_(flat.mean(0))
    model.std.copy_(flat.std(0).clamp_min(1e-4))

    def loss() -> Tensor:
        points, units, _ = mouths.wishes(BATCH)
        return (model(points + TRACKER_NOISE * torch.randn_like(points)) - units[:, MOUTH]).square().mean()

    optimise(model, loss, steps)
    return model.eval().requires_grad_(False)


def fit_shapes(clips: list) -> np.ndarray:
    """How pursed mouths differ from plain ones that are as open, for each of PURSING, in widths of the mouth: the
    middle of what people do, the same on both sides, [2, P, 2]."""
    ring, chin = len(INNER_LIP), np.arange(3 * len(INNER_LIP), len(POINTS))
    turned = (ring // 2 - np.arange(ring)) % ring  # each ring begins in a corner
    mirror = np.concatenate([turned, turned + ring, turned + 2 * ring, chin])
    shapes = np.zeros((len(PURSING), len(POINTS), 2), np.float32)
    for k, (name, least) in enumerate(zip(PURSING, PURSED)):
        found = []
        for points, units, _ in clips:
            pursed = units[:, INDEX[name]] > least
            plain = np.all([units[:, INDEX[other]] < most for other, most in PLAIN.items()], axis=0)
            if min(pursed.sum(), plain.sum()) < FRAMES:
                continue
            known = np.column_stack([np.ones(len(units)), units[:, OPENNESS]])
            solution, *_ = np.linalg.lstsq(known[plain], points[plain].reshape(plain.sum(), -1), rcond=None)
            motion = (points[pursed].reshape(pursed.sum(), -1) - known[pursed] @ solution).mean(0)
            found.append(motion.reshape(-1, 2) / width(points[plain]).mean())
        if found:
            shape = np.median(found, 0)
            shapes[k] = (shape + shape[mirror] * [-1, 1]) / 2
    return shapes


def gap(points: Tensor) -> Tensor:
    """How far the middles of the inner lips are apart, signed, [B]."""
    return points[:, MIDDLES[1], 1] - points[:, MIDDLES[0], 1]


def fit_mover(mouths: Mouths, clips: list, estimator: LandmarkEstimator, steps: int) -> LipMover:
    """`clips` as fit_unit_map takes them, of the mouth's points alone."""
    mover = LipMover(LipConfig(UNIT_NAMES))
    moving = np.concatenate([(points - points.mean(0)).reshape(len(points), -1) for points, _, _ in clips])
    _, _, axes = np.linalg.svd(
        moving[np.random.default_rng(0).permutation(len(moving))[:SVD_ROWS]], full_matrices=False
    )
    axes = axes[: mover.config.components]
    far = np.quantile(np.abs(moving @ axes.T), FARTHEST, axis=0)
    components = axes * far[:, None]  # a coefficient of one is as far as talkers go
    mover.shapes.copy_(torch.from_numpy(fit_shapes(clips)))
    mover.mean.copy_(torch.from_numpy(mouths.points.mean(0)).flatten())
    mover.components.copy_(torch.from_numpy(components))
    mover.limit.fill_(LIMIT)
    unit_map = fit_unit_map(clips).reshape(len(UNIT_NAMES), -1)
    mover.unit_map.copy_(torch.from_numpy(unit_map @ (axes / far[:, None]).T))

    def loss() -> Tensor:
        points, own, wish = mouths.wishes(BATCH)
        moved = mover(points, own, wish, REAL_PURSE)
        asked = (estimator(moved) - wish[:, MOUTH]).square().mean()
        crossed = torch.relu(-gap(moved)).square().mean()
        source, source_units, target, target_units = mouths.pairs(BATCH // 2)
        found = mover(source, source_units, target_units, REAL_PURSE)
        error = (found - target).square()
        real = error.mean() + 2 * error[:, INNER].mean() + 2 * (gap(found) - gap(target)).square().mean()
        return asked + 100 * real + 300 * crossed + 0.001 * mover.correction(points, own, wish).square().mean()

    optimise(mover, loss, steps)
    return mover.eval()


@torch.inference_mode()
def report(mover: LipMover, mouths: Mouths, count: int = 2000) -> None:
    """Errors in inter-ocular distances (0.36 of the side), on pairs of frames of people nobody trained on."""
    source, own, target, wish = mouths.pairs(count)
    linear = source + ((wish - own) @ mover.unit_map @ mover.components).unflatten(1, (-1, 2))
    for name, found in (("still", source), ("linear", linear), ("mover", mover(source, own, wish, REAL_PURSE))):
        inner = (found - target)[:, INNER].norm(dim=-1).mean() / 0.36
        parted = (gap(found) - gap(target)).abs().mean() / 0.36
        print(f"{name}: inner lip {inner:.4f}, gap {parted:.4f}")


def main(data: Path, steps: int = 6000, out: Path = gath.LIPS) -> None:
    torch.manual_seed(0)
    train = Pack(data / "train")
    clips = [(landmarks[:, POINTS], units, pose) for landmarks, units, pose in clip_list(train)]
    mouths = Mouths(train, 0)
    mover = fit_mover(mouths, clips, fit_estimator(mouths, (steps + 1) // 2), steps)
    report(mover, Mouths(Pack(data / "val"), 1))
    gath.save(mover, out, steps=steps)


if __name__ == "__main__":
    typer.run(main)
