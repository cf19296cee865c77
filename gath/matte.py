"""The network that tells a person from what is behind: an upright picture of a head in, logits of opacity out.

It is trained here in torch (recipes.train_matte); talkinghead/face/matte.py runs it without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gath.generator import Residual, conv, up


class MatteNet(nn.Module):
    """A small U-Net on 2x2 pixels side by side."""

    def __init__(self):
        super().__init__()
        self.at_half = conv(12, 24)
        self.at_quarter = conv(24, 40, stride=2)
        self.at_eighth = conv(40, 56, stride=2, norm=True)
        self.low = nn.Sequential(conv(56, 80, stride=2, norm=True), Residual(80), Residual(80))
        self.up_eighth = conv(80 + 56, 56, norm=True)
        self.up_quarter = conv(56 + 40, 40)
        self.up_half = conv(40 + 24, 24)
        self.out = nn.Conv2d(24, 4, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """`picture` [B, 3, S, S] RGB in [-1, 1], S a multiple of 16; returns [B, 1, S, S]."""
        half = self.at_half(nn.functional.pixel_unshuffle(picture, 2))
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        x = self.up_eighth(torch.cat([up(self.low(eighth)), eighth], 1))
        x = self.up_quarter(torch.cat([up(x), quarter], 1))
        x = self.up_half(torch.cat([up(x), half], 1))
        return nn.functional.pixel_shuffle(self.out(x), 2)

    def metadata(self) -> dict[str, object]:
        return {}
