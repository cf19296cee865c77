"""The paper's own generator (section 4.1): a portrait and units in, the pixels of the frame out.

Read in the paper: a 100x100 RGB picture in [-1, 1]; an encoder of four blocks, each convolution, batch norm and leaky
ReLU 0.1; the units tiled over space and concatenated to the fourth block's output; a decoder of one convolution block,
six ResNet blocks, two transposed-convolution blocks and an output convolution; a residual connection from the encoder's
output to the end of the bottleneck.
Leads, which nobody has confirmed: kernels, strides and channels, which follow StarGAN's generator, the nearest
published relative (two transposed convolutions imply a bottleneck at a quarter of the size, hence two strides of 2);
tanh at the end; leaky ReLU in the decoder, too; what is inside a ResNet block.
Ours: `width` scales the channels (64 is the lead), and frames fade into the photograph at the border when a renderer
composes them (`decode`); `forward` is the paper's G, all pixels its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gath.generator import Motion, fade


@dataclass(frozen=True)
class PaperConfig:
    """Everything needed to build the network; saved with its weights."""

    unit_names: tuple[str, ...]
    size: int = 100  # side of the aligned crop, pixels; a multiple of 4
    width: int = 64  # channels of the encoder's first block
    blocks: int = 6  # ResNet blocks in the bottleneck


class PaperCode(NamedTuple):
    """What the encoder knows of one portrait: its output, [B, 4 * width, S/4, S/4]."""

    features: Tensor


def normalised(layer: nn.Module, channels: int) -> nn.Sequential:
    """A block of the paper: a (transposed) convolution, batch norm, leaky ReLU 0.1."""
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.LeakyReLU(0.1, inplace=True))


class ResNetBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = normalised(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.second(self.first(x)))


class Decoder(nn.Module):
    """f_G.de of section 3.1: the encoder's output and units to pixels."""

    def __init__(self, c: PaperConfig):
        super().__init__()
        w, k = c.width, len(c.unit_names)
        self.join = normalised(nn.Conv2d(4 * w + k, 4 * w, 3, padding=1, bias=False), 4 * w)
        self.bottleneck = nn.Sequential(*(ResNetBlock(4 * w) for _ in range(c.blocks)))
        self.up = nn.Sequential(
            normalised(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), 2 * w),
            normalised(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), w),
        )
        self.out = nn.Conv2d(w, 3, 7, padding=3)

    def forward(self, features: Tensor, units: Tensor) -> Tensor:
        tiled = units.to(features.dtype)[..., None, None].expand(-1, -1, *features.shape[-2:])
        x = self.bottleneck(self.join(torch.cat([features, tiled], 1)))
        return torch.tanh(self.out(self.up(x + features)).float())


class PaperGenerator(nn.Module):
    """G(x_src, e_tgt) of section 3.1. Batch norm uses the batch in training and running statistics after `eval()`."""

    warps = False  # every pixel is painted

    def __init__(self, config: PaperConfig):
        """Raises ValueError if the size is no multiple of 4: two halvings could not be undone."""
        super().__init__()
        if config.size % 4:
            raise ValueError(f"size {config.size} is not a multiple of 4")
        self.config = config
        w = config.width
        self.encoder = nn.Sequential(
            normalised(nn.Conv2d(3, w, 7, padding=3, bias=False), w),
            normalised(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), 2 * w),
            normalised(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), 4 * w),
            normalised(nn.Conv2d(4 * w, 4 * w, 3, padding=1, bias=False), 4 * w),
        )
        self.decoder = Decoder(config)
        self.register_buffer("window", fade(config.size), persistent=False)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.config.unit_names

    def encode(self, picture: Tensor, units: Tensor | None = None) -> PaperCode:
        """Once per portrait: `picture` [B, 3, S, S] RGB in [-1, 1]. Its own units are not asked for: the encoder is to
        find an identity free of expression (section 3.1)."""
        return PaperCode(self.encoder(picture))

    def paint(self, code: PaperCode, units: Tensor) -> Tensor:
        """Pixels [N, 3, S, S] in [-1, 1] for `units` [N, K] in [0, 1]; `code` of one portrait or of N."""
        return self.decoder(code.features.expand(len(units), -1, -1, -1), units)

    def decode(self, code: PaperCode, units: Tensor) -> Motion:
        """The same as a motion that moves nothing: `paint`'s pixels behind a mask that fades at the border."""
        colour = self.paint(code, units)
        flow = colour.new_zeros(len(units), 2, *colour.shape[-2:])
        return Motion(flow, self.window.expand(len(units), -1, -1, -1), colour)

    def forward(self, picture: Tensor, own_units: Tensor | None, units: Tensor) -> Tensor:
        """x_tgt, [B, 3, S, S] in [-1, 1], as the paper's losses see it. `own_units` are not used."""
        return self.paint(self.encode(picture), units)

    def metadata(self) -> dict[str, object]:
        return asdict(self.config)
