"""One step of the `flow` generator: what happens to a batch, nothing about files."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gath.data import Batch
from gath.estimator import Estimator
from gath.generator import FlowGenerator, Motion, compose, up
from gath.losses import au_loss, flow_loss, weighted_l1
from gath.mesh import INNER_LIP, OUTER_LIP
from gath.motion import LandmarkMover, MotionJudge, carry, splat, surroundings, wish_error

# MediaPipe mesh points on the outlines of the eyelids (right, left).
LIDS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398,
)  # fmt: skip
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
UPPER_LIDS_WEIGHT = 4.0  # where the lids meet, the moving one decides, or the eye would close halfway
SHAKE = 2  # pixels
LIPS_WEIGHT, LIDS_WEIGHT, OUTSIDE_WEIGHT = 2.0, 4.0, 0.1  # against 1 for the rest of the face
# What a mouth is read from: a wish has none to look at, because lips and what they hide are drawn elsewhere.
BY_MOUTH = ("Jaw", "Mouth", "Lips", "Chin", "Puff")


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    pixel: float = 1.0
    flow: float = 0.2
    au: float = 1.0
    units: float = 1.0
    carried: float = 0.0


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


def polygons(points: Tensor, ring: tuple[int, ...], size: int) -> Tensor:
    """Filled outlines [B, 1, size, size], one inside."""
    corners = (points[:, list(ring)] * size - 0.5).round().int().cpu().numpy()
    masks = np.zeros((len(points), size, size), np.float32)
    for mask, outline in zip(masks, corners):
        cv2.fillPoly(mask, [outline], 1.0)
    return torch.from_numpy(masks)[:, None].to(points.device)


def without_mouth(weight: Tensor, points: Tensor) -> Tensor:
    """`weight` [B, 1, S, S] but for the lips of faces with landmarks `points` [B, 478, 2] and all between them: these
    are drawn at the photograph's own resolution, and no flow has to answer for teeth."""
    return weight * (1 - polygons(points, OUTER_LIP, weight.shape[-1]))


def generator_losses(
    generator: FlowGenerator,
    mover: LandmarkMover,
    batch: Batch,
    weights: Weights,
    autocast: torch.autocast,
    estimator: Estimator | None = None,
    judge_motion: MotionJudge | None = None,
) -> dict[str, Tensor]:
    """Weighted loss terms by name. `estimator` must be frozen; without one nothing judges the picture of a wish."""
    half = batch.source.shape[-1] // 2
    wished = mover(batch.source_points, batch.source_units, batch.wish)
    teacher, look = teacher_flow(batch.source_points, batch.target_points, half)
    teacher_wished, look_wished = teacher_flow(batch.source_points, wished, half)
    with autocast:
        code = generator.encode(batch.source, batch.source_units)
    flow, wish_flow = generator.flow(code, batch.target_units), generator.flow(code, batch.wish)
    frame = compose(batch.source, Motion(up(flow)))
    weight = without_mouth(F.interpolate(look, scale_factor=2, mode="bilinear"), batch.target_points)
    losses = {
        "pixel": weights.pixel * weighted_l1(frame, batch.target, weight),
        "flow": weights.flow * flow_loss(flow, teacher, look),
        "flow_wish": weights.flow * flow_loss(wish_flow, teacher_wished, look_wished),
    }
    if weights.carried:
        losses["carried"] = weights.carried * carried_units_loss(judge_motion, batch, wish_flow)
    if estimator is not None:
        wish = compose(batch.source, Motion(up(wish_flow)))
        losses |= unit_losses(estimator, batch, frame, wish, weights, autocast)
    return losses


def carried_units_loss(judge_motion: MotionJudge, batch: Batch, wish_flow: Tensor) -> Tensor:
    """Squared error of the units that the source shows once the flow of a wish has carried its landmarks.

    Real targets are not asked: there the pixels say where everything has to go.
    """
    shown = judge_motion(batch.source_points, carry(batch.source_points, wish_flow), batch.source_units)
    return wish_error(shown, batch.source_units, batch.wish)


def unit_losses(
    estimator: Estimator, batch: Batch, frame: Tensor, wish: Tensor, weights: Weights, autocast: torch.autocast
) -> dict[str, Tensor]:
    """What the estimator says: a frame shows its target's features (4), frame and wish show their units, of the wish
    those that are not read from its mouth.

    The estimator's error on the source is known and not held against the generator. All pictures are shaken alike, so
    that what pleases it has to please it in more than one alignment.
    """
    frame = torch.where(polygons(batch.target_points, OUTER_LIP, frame.shape[-1]) > 0, batch.target, frame)
    shift = torch.randint(-SHAKE, SHAKE + 1, (2,)).tolist()
    frame, wish, source, target = (torch.roll(x, shift, (2, 3)) for x in (frame, wish, batch.source, batch.target))
    with autocast:
        features = estimator.features(frame)
        shown, wished = estimator.judge(features), estimator(wish)
        with torch.no_grad():
            target_features = estimator.features(target)
            error = estimator(source) - batch.source_units
    beside = [i for i, name in enumerate(estimator.unit_names) if not name.startswith(BY_MOUTH)]
    off = (shown - batch.target_units - error).square().mean()
    off = off + (wished - batch.wish - error)[:, beside].square().mean()
    return {"au": weights.au * au_loss(features, target_features), "units": weights.units * off}
