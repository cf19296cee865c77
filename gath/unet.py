"""The small U-Net of matte and closed lips: a picture's channels in, others of the same size out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gath.generator import Residual, conv, up


class UNet(nn.Module):
    """On 2x2 pixels side by side; `gath.layers.Layers.unet` is the same at work, without torch."""

    def __init__(self, seen: int, made: int, widths: tuple[int, int, int, int]):
        """From `seen` to `made` channels; `widths` at half, a quarter, an eighth and a sixteenth of the size."""
        super().__init__()
        half, quarter, eighth, low = widths
        self.at_half = conv(4 * seen, half)
        self.at_quarter = conv(half, quarter, stride=2)
        self.at_eighth = conv(quarter, eighth, stride=2, norm=True)
        self.low = nn.Sequential(conv(eighth, low, stride=2, norm=True), Residual(low), Residual(low))
        self.up_eighth = conv(low + eighth, eighth, norm=True)
        self.up_quarter = conv(eighth + quarter, quarter)
        self.up_half = conv(quarter + half, half)
        self.out = nn.Conv2d(half, 4 * made, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, seen, H, W], sides multiples of 16, to [B, made, H, W]."""
        half = self.at_half(nn.functional.pixel_unshuffle(x, 2))
        quarter = self.at_quarter(half)
        eighth = self.at_eighth(quarter)
        x = self.up_eighth(torch.cat([up(self.low(eighth)), eighth], 1))
        x = self.up_quarter(torch.cat([up(x), quarter], 1))
        x = self.up_half(torch.cat([up(x), half], 1))
        return nn.functional.pixel_shuffle(self.out(x), 2)

    def metadata(self) -> dict[str, object]:
        return {}
