"""The networks that paint closed lips and closed lids: a picture of which part is hidden, and where what is wanted
lies, in; what may be there out.

They are trained here in torch (recipes.train_closed_lips, recipes.train_closed_lids); talkinghead/face/painter.py runs
them without.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from gath.unet import UNet

CHANNELS = 6  # RGB without what is hidden; that; where upper and lower lip lie, or the lashes and how dark they are
WIDTHS = 48, 72, 96, 144


class Painter(UNet):
    """Its answer is added to the picture."""

    def __init__(self):
        super().__init__(CHANNELS, 3, WIDTHS)

    def forward(self, seen: Tensor) -> Tensor:
        """`seen` [B, CHANNELS, H, W], RGB in [-1, 1], the rest in [0, 1], sides multiples of 16; returns RGB
        [B, 3, H, W], of which only what is hidden means anything."""
        return seen[:, :3] + super().forward(seen)


class ClosedLipsNet(Painter):
    """Paints mouths."""


class ClosedLidsNet(Painter):
    """Paints eyes."""


class Critic(nn.Module):
    """A painter's opponent in training: sees a picture and where what is wanted lies, and scores patches of it, high
    those that it takes for photographed."""

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
