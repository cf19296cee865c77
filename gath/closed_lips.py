"""The network that paints closed lips: a mouth that is hidden and where its lips lie in, the mouth as it may look out.

It is trained here in torch (recipes.train_closed_lips); talkinghead/face/closed_lips.py runs it without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gath.generator import Residual, conv, up

CHANNELS = 6  # RGB without the mouth, what is hidden, upper and lower lip


class ClosedLipsNet(nn.Module):
    """A small U-Net on 2x2 pixels side by side, whose answer is added to the picture."""

    def __init__(self):
        super().__init__()
        self.at_half = conv(4 * CHANNELS, 32)
        self.at_quarter = conv(32, 48, stride=2)
        self.at_eighth = conv(48, 64, stride=2, norm=True)
        self.low = nn.Sequential(conv(64, 96, stride=2, norm=True), Residual(96), Residual(96))
        self.up_eighth = conv(96 + 64, 64, norm=True)
        self.up_quarter = conv(64 + 48, 48)
        self.up_half = conv(48 + 32, 32)
        self.out = nn.Conv2d(32, 12, 3, padding=1)

    def forward(self, seen: Tensor) -> Tensor:
        """`seen` [B, CHANNELS, H, W], RGB in [-1, 1], the rest in [0, 1], sides multiples of 16; returns RGB
        [B, 3, H, W], of which only what is hidden means anything."""
        half = self.at_half(nn.functional.pixel_unshuffle(seen, 2))
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        x = self.up_eighth(torch.cat([up(self.low(eighth)), eighth], 1))
        x = self.up_quarter(torch.cat([up(x), quarter], 1))
        x = self.up_half(torch.cat([up(x), half], 1))
        return seen[:, :3] + nn.functional.pixel_shuffle(self.out(x), 2)

    def metadata(self) -> dict[str, object]:
        return {}
