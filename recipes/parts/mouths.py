"""Mouths of a pack as the lip mover's recipes draw them, how they optimise, and what they report."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gath.data import Pack, Sampler
from gath.lips import LipMover
from gath.mesh import INNER_LIP
from gath.mesh import MOUTH as POINTS
from talkinghead.units.names import UNIT_NAMES

BATCH = 256
MIDDLES = (INNER_LIP.index(13), INNER_LIP.index(14))
INNER = slice(0, len(INNER_LIP))


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


def gap(points: Tensor) -> Tensor:
    """How far the middles of the inner lips are apart, signed, [B]."""
    return points[:, MIDDLES[1], 1] - points[:, MIDDLES[0], 1]


@torch.inference_mode()
def report(mover: LipMover, mouths: Mouths, count: int = 2000) -> None:
    """Errors in inter-ocular distances (0.36 of the side), on pairs of frames of people nobody trained on."""
    source, own, target, wish = mouths.pairs(count)
    linear = source + ((wish - own) @ mover.unit_map @ mover.components).unflatten(1, (-1, 2))
    for name, found in (("still", source), ("linear", linear), ("mover", mover(source, own, wish))):
        inner = (found - target)[:, INNER].norm(dim=-1).mean() / 0.36
        parted = (gap(found) - gap(target)).abs().mean() / 0.36
        print(f"{name}: inner lip {inner:.4f}, gap {parted:.4f}")
