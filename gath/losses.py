"""Training losses. Numbers in brackets are equations of the paper; the rest belong to the `flow` generator.

The paper prints sums and does not say over what. Here every term is a mean (over faces, pixels, channels, features), so
that neither the batch nor the size of a picture or network changes what a weight means. The composite losses, (3), (9)
and (10), are put together in gath/paper_training.py.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

Judged = tuple[Tensor, Tensor]  # scores, and how much each of them counts (same shape, or a broadcast one)
NOBODY = -1  # identity of a face that the classifier has no class for


def au_loss(made: Tensor, target: Tensor) -> Tensor:
    """(4): squared distance of the estimator's features f_au of the made face and of the target, [B, C, h, w]."""
    return (made.float() - target.float()).square().mean()


def reconstruction_loss(made: Tensor, source: Tensor) -> Tensor:
    """(5): L1 between what was made and its source, [B, 3, S, S]."""
    return (made - source).abs().mean()


def classification_loss(logits: Tensor, identity: Tensor) -> Tensor:
    """(7), either term: cross entropy of logits [B, C] with identities [B]; faces of NOBODY do not count."""
    total = F.cross_entropy(logits, identity, ignore_index=NOBODY, reduction="sum")
    return total / (identity != NOBODY).sum().clamp_min(1)


def discriminator_loss(real: Judged, fakes: list[Judged]) -> Tensor:
    """(6), the discriminator's side, and first term of (9): least squares, real toward 1 and fakes toward 0."""
    return _squares(1 - real[0], real[1]) + sum(_squares(f, weight) for f, weight in fakes) / len(fakes)


def adversarial_loss(fakes: list[Judged]) -> Tensor:
    """Generator's side of (6) as CycleGAN has it, (1 - D(G))^2: (10) as printed, -(D(G))^2, has no minimum."""
    return sum(_squares(1 - f, weight) for f, weight in fakes) / len(fakes)


def _squares(error: Tensor, weight: Tensor) -> Tensor:
    return (error.square() * weight).mean() / weight.mean().clamp_min(1e-6)


def total_variation(image: Tensor) -> Tensor:
    """(8): squared differences of neighbours, a mean per pixel and channel so that size does not matter."""
    dx = (image[..., :, 1:] - image[..., :, :-1]).square().mean()
    dy = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
    return dx + dy


def weighted_l1(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 on colours and, half as much, on horizontal and vertical differences, each pixel by its weight."""
    error = output - target
    dx, dy = error[..., :, 1:] - error[..., :, :-1], error[..., 1:, :] - error[..., :-1, :]
    total = (
        (error.abs() * weight).mean()
        + 0.5 * (dx.abs() * weight[..., 1:]).mean()
        + 0.5 * (dy.abs() * weight[..., 1:, :]).mean()
    )
    return total / weight.mean()


def flow_loss(flow: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    """Distance of a flow to the landmarks' own, [B, 2, h, w] in fractions of the side, as a percentage of it."""
    return 100 * ((flow - teacher).square().sum(1, keepdim=True) + 1e-8).sqrt().mul(weight).mean() / weight.mean()
