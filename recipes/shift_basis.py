"""Bring a trained generator's motion basis nearer to a new teacher's, in a minute instead of a thousand steps.

    python -m recipes.shift_basis DATA IN.safetensors OUT.safetensors [--share 0.5] [--unit LipsPucker=0.9 ...]

The mean basis of `flow` is one field per unit that all portraits share. For `--faces` photographs of the training split
the mover (DATA/motion.pt, recipes.fit_motion) says how each unit alone should move them; the mean difference to how
they do, times `--share`, is added. Units of the eyes keep their fields: lids are painted, and the painter knows those.
Which shares are best is for validation to say, since the painter adds a motion of its own (recipes/RESULTS.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

import gath
from gath.data import Pack, Sampler, to_tensor
from gath.generator import FlowGenerator
from gath.motion import LandmarkMover
from gath.training import teacher_flow
from recipes.parts.gath_systems import EYES, load_motion
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.track import check_unit

FRONTAL = 15.0  # degrees of yaw
ASKED = 0.75  # of a unit that the portrait shows less than LOW of; of one that it shows more of, none at all
LOW = 0.4


@torch.inference_mode()
def basis_error(generator: FlowGenerator, mover: LandmarkMover, sampler: Sampler, faces: int) -> torch.Tensor:
    """The mover's motion of each unit alone less the generator's, per unit asked: [K, 2, S/2, S/2]."""
    pack, count = sampler.pack, len(UNIT_NAMES)
    photos = sampler.photos[(pack.group[sampler.photos] < 0) & (np.abs(pack.pose[sampler.photos, 0]) < FRONTAL)]
    total, weights = torch.zeros_like(generator.mean_basis), torch.zeros(count, 1, 1, 1)
    for row in sampler.rng.choice(photos, min(faces, len(photos)), replace=False):
        own, points = torch.from_numpy(pack.units[row]), torch.from_numpy(pack.landmarks[row][None])
        step = torch.where(own < LOW, ASKED - own, -own)
        wishes, points = own + torch.diag(step), points.expand(count, -1, -1)
        flow, _ = teacher_flow(points, mover(points, own.expand(count, -1), wishes), generator.config.size // 2)
        basis = generator.encode(to_tensor(pack.images[row][None]), own[None]).basis[0]
        step = step.view(-1, 1, 1, 1)
        total += (flow / step - basis) * step.square()
        weights += step.square()
    return total / weights


def shares(share: float, units: list[str]) -> torch.Tensor:
    """What is added of each unit's difference, [K, 1, 1, 1]; `units` are words like LipsPucker=0.9."""
    out = torch.where(EYES, 0.0, share)
    for word in units:
        name, _, value = word.partition("=")
        out[INDEX[check_unit(name)]] = float(value)
    return out.view(-1, 1, 1, 1)


def main(
    data: Path,
    weights: Path,
    out: Path,
    share: float = 0.5,
    unit: Annotated[list[str] | None, typer.Option()] = None,
    faces: int = 100,
    steps: Annotated[int, typer.Option(help="training steps to note in the file")] = 0,
) -> None:
    generator = gath.load(weights)
    sampler = Sampler(Pack(data / "train"), UNIT_NAMES, 5, back_share=0.0)
    error = basis_error(generator, load_motion(data / "motion.pt").mover, sampler, faces)
    generator.mean_basis.data += shares(share, unit or []) * error
    gath.save(generator, out, steps=steps)


if __name__ == "__main__":
    typer.run(main)
