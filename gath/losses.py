"""Training losses. Numbers in brackets are equations of the paper; the rest belong to the `flow` generator."""

from __future__ import annotations

from torch import Tensor


def discriminator_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """(9), first term: least squares, real toward 1 and fake toward 0; each list is scores of any shape."""
    return sum((1 - r).square().mean() for r in real) / len(real) + sum(f.square().mean() for f in fake) / len(fake)


def adversarial_loss(fake: list[Tensor]) -> Tensor:
    """Generator's side of (6) as CycleGAN has it, (1 - D(G))^2: (10) as printed, -(D(G))^2, has no minimum."""
    return sum((1 - f).square().mean() for f in fake) / len(fake)


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
