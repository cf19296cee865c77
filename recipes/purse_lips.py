"""Teach the lip mover that ships to purse and smile as far as the tracker sees it: two minutes on one core.

    python -m recipes.purse_lips DATA [--steps N] [--lips FILE] [--out FILE]

Reads DATA/train and DATA/val and DATA/motion.pt (recipes.fit_motion). The lip mover learns from landmarks, and pursed
lips that are right by their landmarks are hardly found in a picture whose lips merely moved (recipes/parts/warps.py).
So what LipsPucker, LipsFunnel and MouthSmile do is taken from the mover that was fitted on tracked pictures, and
everything else, lips that touch above all, from the lip mover as it was.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
import typer
from torch import Tensor

import gath
from gath.data import Pack
from gath.lips import LipMover
from gath.mesh import MOUTH as POINTS
from gath.motion import LandmarkMover
from recipes.parts.gath_systems import load_motion
from recipes.parts.mouths import BATCH, INNER, Mouths, gap, optimise, report
from talkinghead.units.names import INDEX

ALONE = (("LipsPucker",), ("LipsFunnel",), ("MouthSmile_L", "MouthSmile_R"))
TAUGHT = [INDEX[name] for names in ALONE for name in names]
ALONE_SHARE = 0.4  # of the wishes ask for one of ALONE and leave the rest as it is


class Faces(Mouths):
    """Mouths with all the landmarks of their faces."""

    def wishes(self, count: int) -> tuple[Tensor, ...]:
        """Points of `count` portraits, all [B, 478, 2], their units, and units wished for."""
        sampler, pack = self.sampler, self.sampler.pack
        rows = sampler.rng.choice(sampler.photos, count, p=sampler.photo_p)
        own = pack.units[rows]
        wish = sampler.wishes(own)
        for i in np.flatnonzero(self.rng.random(count) < ALONE_SHARE):
            wish[i] = own[i]
            wish[i, [INDEX[name] for name in ALONE[self.rng.integers(len(ALONE))]]] = self.rng.random()
        return tuple(torch.from_numpy(x) for x in (pack.landmarks[rows].astype(np.float32), own, wish))


@torch.no_grad()
def taught(lips: LipMover, mover: LandmarkMover, face: Tensor, own: Tensor, wish: Tensor) -> Tensor:
    """Where the mouth's points should go: as `lips` says of all but TAUGHT, and from there as `mover` says of these."""
    rest = wish.clone()
    rest[:, TAUGHT] = own[:, TAUGHT]
    points = list(POINTS)
    change = mover(face, own, wish)[:, points] - mover(face, own, rest)[:, points]
    return lips(face[:, points], own, rest) + change


def main(data: Path, steps: int = 2000, lips: Path = gath.LIPS, out: Path = gath.LIPS) -> None:
    torch.manual_seed(0)
    faces, mover = Faces(Pack(data / "train"), 0), load_motion(data / "motion.pt").mover
    before = gath.load_lips(lips).eval().requires_grad_(False)
    after = copy.deepcopy(before).train().requires_grad_(True)

    def loss() -> Tensor:
        face, own, wish = faces.wishes(BATCH)
        target = taught(before, mover, face, own, wish)
        found = after(face[:, list(POINTS)], own, wish)
        error = (found - target).square()
        crossed = torch.relu(-gap(found)).square().mean()
        parted = (gap(found) - gap(target)).square().mean()
        return 100 * (error.mean() + 2 * error[:, INNER].mean() + 2 * parted + 3 * crossed)

    optimise(after, loss, steps)
    report(after.eval(), Mouths(Pack(data / "val"), 1))
    gath.save(after, out, steps=steps)


if __name__ == "__main__":
    typer.run(main)
