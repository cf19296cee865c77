"""One step of the paper's generator and one of its joint discriminator-classifier (section 3.3).

Unpaired faces are the paper's own setting. A pair, two frames of one clip or a back-translated photograph, differs in
one thing only: its reconstruction (5) is asked of the real target instead of the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gath.data import Unpaired
from gath.discriminator import DiscriminatorClassifier
from gath.estimator import Estimator
from gath.losses import (
    Judged,
    adversarial_loss,
    au_loss,
    classification_loss,
    discriminator_loss,
    reconstruction_loss,
    total_variation,
)
from gath.paper import PaperGenerator


@dataclass(frozen=True)
class PaperWeights:
    """The lambdas of (3) as in section 4.2. GATH-C has no classification, GATH-DC no adversary either."""

    au: float = 1.0
    reconstruction: float = 1.0
    adversarial: float = 0.05
    classification: float = 0.05
    variation: float = 1.0

    @property
    def players(self) -> bool:
        """Whether there is anybody to play against."""
        return bool(self.adversarial or self.classification)


def generator_losses(
    generator: PaperGenerator,
    estimator: Estimator,
    players: DiscriminatorClassifier | None,
    batch: Unpaired,
    weights: PaperWeights,
    autocast: torch.autocast,
) -> tuple[dict[str, Tensor], Tensor]:
    """Weighted terms of (10) by name, whose sum the generator minimises, and the faces made [B, 3, S, S].

    The adversarial term is (1 - D(G))^2: see gath.losses.adversarial_loss. The estimator must be frozen.
    """
    with autocast:
        made = generator(batch.source, None, batch.target_units)
        features = estimator.features(made)
        with torch.no_grad():
            target_features = estimator.features(batch.target)
    paired = batch.paired.view(-1, 1, 1, 1)
    losses = {
        "au": weights.au * au_loss(features, target_features),
        "reconstruction": weights.reconstruction
        * reconstruction_loss(made, torch.where(paired, batch.target, batch.source)),
        "variation": weights.variation * total_variation(made),
    }
    if players is None:
        return losses, made
    with autocast:
        scores, logits = players(made)
    if weights.adversarial:
        losses["adversarial"] = weights.adversarial * adversarial_loss([even(scores)])
    if weights.classification:
        losses["classification"] = weights.classification * classification_loss(logits, batch.identity)
    return losses, made


def discriminator_losses(
    players: DiscriminatorClassifier, batch: Unpaired, made: Tensor, weights: PaperWeights, autocast: torch.autocast
) -> dict[str, Tensor]:
    """Weighted terms of (9) by name, whose sum the joint network minimises; the generator gets no gradient.

    The classifier learns from real faces alone.
    """
    with autocast:
        real, logits = players(batch.real)
    losses = {}
    if weights.adversarial:
        with autocast:
            fake, _ = players(made.detach())
        losses["discriminator"] = weights.adversarial * discriminator_loss(even(real), [even(fake)])
    if weights.classification:
        losses["classifier"] = weights.classification * classification_loss(logits, batch.real_identity)
    return losses


def even(scores: Tensor) -> Judged:
    """Scores that all count alike."""
    return scores, scores.new_ones(1)
