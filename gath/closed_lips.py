"""The network that paints closed lips: a mouth that is hidden and where its lips lie in, the mouth as it may look out.

It is trained here in torch (recipes.train_closed_lips); talkinghead/face/closed_lips.py runs it without.
"""

from __future__ import annotations

from torch import Tensor

from gath.unet import UNet

CHANNELS = 6  # RGB without the mouth, what is hidden, upper and lower lip


class ClosedLipsNet(UNet):
    """Its answer is added to the picture."""

    def __init__(self):
        super().__init__(CHANNELS, 3, (32, 48, 64, 96))

    def forward(self, seen: Tensor) -> Tensor:
        """`seen` [B, CHANNELS, H, W], RGB in [-1, 1], the rest in [0, 1], sides multiples of 16; returns RGB
        [B, 3, H, W], of which only what is hidden means anything."""
        return seen[:, :3] + super().forward(seen)
