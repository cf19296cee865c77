"""One step of the `flow` generator and one of its discriminator: what happens to a batch, nothing about files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gath.back_translation import INNER_LIP, OUTER_LIP
from gath.data import Batch
from gath.discriminator import PatchDiscriminator
from gath.generator import FlowGenerator, compose
from gath.losses import adversarial_loss, discriminator_loss, flow_loss, weighted_l1
from gath.motion import LandmarkMover, splat, surroundings

# MediaPipe mesh points on the outlines of the eyelids (right, left).
LIDS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398,
)  # fmt: skip
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
UPPER_LIDS_WEIGHT = 4.0  # where the lids meet, the moving one decides, or the eye would close halfway
LIPS_WEIGHT, LIDS_WEIGHT, OUTSIDE_WEIGHT = 5.0, 4.0, 0.1  # against 1 for the rest of the face


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    pixel: float = 1.0
    flow: float = 0.2
    adversarial: float = 0.0
    matching: float = 0.0


@torch.no_grad()
def teacher_flow(source: Tensor, target: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The landmarks' own backward flow [B, 2, size, size], and how much each pixel of the target face matters.

    The weight [B, 1, size, size] is little outside the face, more inside, most at the mouth and the eyes.
    """
    value = target.new_ones(*target.shape[:2], 1)
    value[:, list(OUTER_LIP + INNER_LIP)] = LIPS_WEIGHT
    value[:, list(LIDS)] = LIDS_WEIGHT
    trust = torch.ones_like(value)
    trust[:, list(UPPER_LIDS)] = UPPER_LIDS_WEIGHT
    ring = surroundings(source)
    still = ring.new_zeros(*ring.shape[:2], 3)  # neither moves nor matters
    known = torch.cat([torch.cat([source - target, value], 2), still], 1)
    dense = splat(torch.cat([target, ring], 1), known, size, trust)
    return dense[:, :2], OUTSIDE_WEIGHT + dense[:, 2:]


def generator_losses(
    generator: FlowGenerator,
    mover: LandmarkMover,
    discriminator: PatchDiscriminator,
    batch: Batch,
    weights: Weights,
    autocast: torch.autocast,
) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
    """Weighted loss terms by name, the frames made for the real targets, and those made for the wishes.

    Without an adversary nothing judges the picture of a wish, so that only its motion is asked for: the last is None.
    """
    half = batch.source.shape[-1] // 2
    wished = mover(batch.source_points, batch.source_units, batch.wish)
    teacher, look = teacher_flow(batch.source_points, batch.target_points, half)
    teacher_wished, look_wished = teacher_flow(batch.source_points, wished, half)
    with autocast:
        code = generator.encode(batch.source, batch.source_units)
        motion = generator.decode(code, batch.target_units)
    frames, wish_frames = compose(batch.source, motion), None
    weight = F.interpolate(look, scale_factor=2, mode="bilinear")
    losses = {
        "pixel": weights.pixel * weighted_l1(frames, batch.target, weight),
        "basis": 0.5 * weights.flow * flow_loss(generator.basis_flow(code, batch.target_units), teacher, look),
        "basis_wish": weights.flow * flow_loss(generator.basis_flow(code, batch.wish), teacher_wished, look_wished),
        "flow": weights.flow * flow_loss(F.avg_pool2d(motion.flow, 2), teacher, look),
    }
    if weights.adversarial or weights.matching:
        with autocast:
            wish_motion = generator.decode(code, batch.wish)
        wish_frames = compose(batch.source, wish_motion)
        losses["flow_wish"] = weights.flow * flow_loss(F.avg_pool2d(wish_motion.flow, 2), teacher_wished, look_wished)
        with autocast:
            score, hidden = discriminator(frames)
            wish_score, _ = discriminator(wish_frames)
            with torch.no_grad():
                _, real_hidden = discriminator(batch.target)
        losses["adversarial"] = weights.adversarial * adversarial_loss([score.float(), wish_score.float()])
        losses["matching"] = (
            weights.matching
            * sum(
                (a.float() - b.float()).abs().mul(F.adaptive_avg_pool2d(weight, a.shape[-1])).mean()
                for a, b in zip(hidden, real_hidden)
            )
            / weight.mean()
        )
    return losses, frames, wish_frames


def discriminator_losses(
    discriminator: PatchDiscriminator, real: Tensor, fakes: list[Tensor], autocast: torch.autocast
) -> Tensor:
    """The discriminator's loss on real photographs and finished frames; the frames get no gradient."""
    with autocast:
        real_score = discriminator(real)[0].float()
        fake_scores = [discriminator(f.detach())[0].float() for f in fakes]
    return discriminator_loss([real_score], fake_scores)
