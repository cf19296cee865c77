"""One step of the `flow` generator and one of its discriminator: what happens to a batch, nothing about files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gath.back_translation import polygons
from gath.data import Batch
from gath.discriminator import PatchDiscriminator
from gath.estimator import Estimator
from gath.generator import FlowGenerator, Motion, compose
from gath.losses import Judged, adversarial_loss, au_loss, discriminator_loss, flow_loss, weighted_l1
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
SKIN_WEIGHT = 2.0  # up to here neither lips nor lids
LIPS_WEIGHT, LIDS_WEIGHT, OUTSIDE_WEIGHT = 2.0, 4.0, 0.1  # against 1 for the rest of the face
# What a mouth is read from: a wish has none to look at, because lips and what they hide are drawn elsewhere.
BY_MOUTH = ("Jaw", "Mouth", "Lips", "Chin", "Puff")


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    pixel: float = 1.0
    flow: float = 0.2
    adversarial: float = 0.0
    matching: float = 0.0
    au: float = 1.0
    units: float = 1.0
    carried: float = 0.0
    mask: float = 0.0

    @property
    def adversary(self) -> bool:
        return bool(self.adversarial or self.matching)


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


class Shown(NamedTuple):
    """What the discriminator gets to see: pictures [B, 3, S, S], and where to look, [B, 1, S/2, S/2]."""

    picture: Tensor
    look: Tensor


def without_mouth(weight: Tensor, points: Tensor) -> Tensor:
    """`weight` [B, 1, S, S] but for the lips of faces with landmarks `points` [B, 478, 2] and all between them: these
    are drawn at the photograph's own resolution, and no flow has to answer for teeth."""
    return weight * (1 - polygons(points, OUTER_LIP, weight.shape[-1]))


def generator_losses(
    generator: FlowGenerator,
    mover: LandmarkMover,
    discriminator: PatchDiscriminator,
    batch: Batch,
    weights: Weights,
    autocast: torch.autocast,
    estimator: Estimator | None = None,
    judge_motion: MotionJudge | None = None,
) -> tuple[dict[str, Tensor], list[Shown]]:
    """Weighted loss terms by name, and what was made: frames for the real targets, then frames for the wishes.

    With neither an adversary nor an estimator, which must be frozen, nothing judges the picture of a wish, so that
    only its motion is asked for.
    """
    half = batch.source.shape[-1] // 2
    wished = mover(batch.source_points, batch.source_units, batch.wish)
    teacher, look = teacher_flow(batch.source_points, batch.target_points, half)
    teacher_wished, look_wished = teacher_flow(batch.source_points, wished, half)
    with autocast:
        code = generator.encode(batch.source, batch.source_units)
        motion = generator.decode(code, batch.target_units)
    made = [Shown(compose(batch.source, motion), look)]
    weight = without_mouth(F.interpolate(look, scale_factor=2, mode="bilinear"), batch.target_points)
    losses = {
        "pixel": weights.pixel * weighted_l1(made[0].picture, batch.target, weight),
        "basis": 0.5 * weights.flow * flow_loss(generator.basis_flow(code, batch.target_units), teacher, look),
        "basis_wish": weights.flow * flow_loss(generator.basis_flow(code, batch.wish), teacher_wished, look_wished),
        "flow": weights.flow * flow_loss(F.avg_pool2d(motion.flow, 2), teacher, look),
    }
    if weights.mask:
        losses["mask"] = weights.mask * (motion.mask * skin(weight)).mean()
    if not weights.adversary and estimator is None and not weights.carried:
        return losses, made
    with autocast:
        wish_motion = generator.decode(code, batch.wish)
    if weights.carried:
        losses["carried"] = weights.carried * carried_units_loss(judge_motion, batch, wish_motion.flow)
    losses["flow_wish"] = weights.flow * flow_loss(F.avg_pool2d(wish_motion.flow, 2), teacher_wished, look_wished)
    made.append(Shown(compose(batch.source, wish_motion), look_wished))
    if estimator is not None:
        frame, wish = moved(batch.source, motion), moved(batch.source, wish_motion)
        frame = torch.where(polygons(batch.target_points, OUTER_LIP, frame.shape[-1]) > 0, batch.target, frame)
        losses |= unit_losses(estimator, batch, frame, wish, weights, autocast)
    if not weights.adversary:
        return losses, made
    judged, features = zip(*(judge(discriminator, shown, autocast) for shown in made))
    with torch.no_grad():
        _, real_features = judge(discriminator, Shown(batch.target, look), autocast)
    distance = sum(feature_distance(a, b, look) for a, b in zip(features[0], real_features))
    losses["adversarial"] = weights.adversarial * adversarial_loss(judged)
    losses["matching"] = weights.matching * distance
    return losses, made


def skin(weight: Tensor) -> Tensor:
    """One where `teacher_flow`'s weight is neither the lips' nor the lids': there the photograph's own texture is best,
    and whatever is painted costs sharpness."""
    return (weight < OUTSIDE_WEIGHT + SKIN_WEIGHT).float()


def carried_units_loss(judge_motion: MotionJudge, batch: Batch, wish_flow: Tensor) -> Tensor:
    """Squared error of the units that the source shows once the flow of a wish has carried its landmarks.

    Real targets are not asked: there the pixels say where everything has to go.
    """
    shown = judge_motion(batch.source_points, carry(batch.source_points, wish_flow), batch.source_units)
    return wish_error(shown, batch.source_units, batch.wish)


def moved(source: Tensor, motion: Motion) -> Tensor:
    """The frame as `compose` makes it, but only its flow gets a gradient.

    What is painted is learned from photographs alone: where the estimator had a say in it, eyes turned blue and mouths
    grey to please it (recipes/RESULTS.md).
    """
    return compose(source, motion._replace(mask=motion.mask.detach(), colour=motion.colour.detach()))


def unit_losses(
    estimator: Estimator, batch: Batch, frame: Tensor, wish: Tensor, weights: Weights, autocast: torch.autocast
) -> dict[str, Tensor]:
    """What the estimator says: a frame shows its target's features (4), frame and wish show their units, of the wish
    those that are not read from its mouth.

    The estimator's error on the source is known and not held against the generator. All pictures are shaken alike, so
    that what pleases it has to please it in more than one alignment.
    """
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


def discriminator_losses(
    discriminator: PatchDiscriminator, batch: Batch, made: list[Shown], autocast: torch.autocast
) -> Tensor:
    """The discriminator's loss on photographs and on what was made; the generator gets no gradient.

    A pseudo-face made by back-translation may be a target of the generator, yet is no photograph.
    """
    photographs = Shown(batch.target, made[0].look * batch.real.view(-1, 1, 1, 1))
    real, _ = judge(discriminator, photographs, autocast)
    fakes = [judge(discriminator, Shown(shown.picture.detach(), shown.look), autocast)[0] for shown in made]
    return discriminator_loss(real, fakes)


def judge(discriminator: PatchDiscriminator, shown: Shown, autocast: torch.autocast) -> tuple[Judged, list[Tensor]]:
    """Scores with the weight of each, and the hidden features."""
    with autocast:
        score, hidden = discriminator(shown.picture)
    return (score.float(), F.adaptive_avg_pool2d(shown.look, score.shape[-1])), hidden


def feature_distance(made: Tensor, real: Tensor, look: Tensor) -> Tensor:
    """L1 between two feature maps [B, C, h, w], weighted by where to look."""
    weight = F.interpolate(look, made.shape[-2:], mode="area")
    return ((made.float() - real.float()).abs() * weight).mean() / weight.mean()
