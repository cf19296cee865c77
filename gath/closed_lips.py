"""The network that paints closed lips: a mouth that is hidden and where its lips lie in, the mouth as it may look out.

It is trained here in torch (recipes.train_closed_lips); talkinghead/face/closed_lips.py runs it without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from gath.unet import UNet

CHANNELS = 6  # RGB without the mouth, what is hidden, upper and lower lip
WIDTHS = 48, 72, 96, 144


class ClosedLipsNet(UNet):
    """Its answer is added to the picture."""

    def __init__(self):
        super().__init__(CHANNELS, 3, WIDTHS)

    def forward(self, seen: Tensor) -> Tensor:
        """`seen` [B, CHANNELS, H, W], RGB in [-1, 1], the rest in [0, 1], sides multiples of 16; returns RGB
        [B, 3, H, W], of which only what is hidden means anything."""
        return seen[:, :3] + super().forward(seen)


class Critic(nn.Module):
    """The painter's opponent in training: sees a mouth and where its lips lie, and scores patches of it, high those
    that it takes for photographed."""

    def __init__(self, widths: tuple[int, ...] = (48, 96, 192, 192)):
        super().__init__()
        shapes = zip((CHANNELS, *widths), widths)
        self.hidden = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in shapes)
        self.score = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor, where: Tensor) -> Tensor:
        """`picture` [B, 3, H, W] in [-1, 1], `where` [B, 3, H, W] as the painter sees it; returns [B, 1, h, w]."""
        x = torch.cat([picture, where], 1)
        for layer in self.hidden:
            x = leaky_relu(layer(x), 0.2)
        return self.score(x)
