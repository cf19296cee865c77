"""The `flow` generator: look at a portrait once, predict that face's own motion basis, then every frame is a sum.

The encoder is of the same kind as the paper's (section 4.1: strided convolutions, residual bottleneck, transposed
steps), but it ends in one backward flow field per action unit instead of pixels. A frame is a linear combination of
those fields. They are smooth, so a renderer may apply them at the photograph's own resolution; what a photograph never
showed (teeth, closed lids) is drawn there, too, not here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gath.flow_config import GROUP, LEAK, MARGIN, PERSONAL_FLOW, FlowConfig
from gath.motion import warp


class Code(NamedTuple):
    """What the encoder knows of one portrait."""

    picture: Tensor  # [B, 3, S, S] the aligned crop, in [-1, 1]
    units: Tensor  # [B, K] the portrait's own units
    basis: Tensor  # [B, K, 2, S/2, S/2] backward flow per unit, fractions of the side


class Motion(NamedTuple):
    """How to make a frame from the portrait: out(p) = (1 - mask) * picture(p + flow(p)) + mask * colour, the moved
    picture alone where there is no mask."""

    flow: Tensor  # [N, 2, S, S] fractions of the side
    mask: Tensor | None = None  # [N, 1, S, S] in [0, 1]
    colour: Tensor | None = None  # [N, 3, S, S] in [-1, 1]


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, norm: bool = False) -> nn.Sequential:
    """Convolution and leaky ReLU 0.1, as the paper's; normalised only in the bottleneck, where it is cheap."""
    layers: list[nn.Module] = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=not norm)]
    if norm:
        layers.append(nn.GroupNorm(c_out // GROUP, c_out))
    return nn.Sequential(*layers, nn.LeakyReLU(LEAK, inplace=True))


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = conv(channels, channels, norm=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


def up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Encoder(nn.Module):
    """Portrait and its units to what is personal of the motion basis, at half the crop's resolution."""

    def __init__(self, c: FlowConfig):
        super().__init__()
        w, k = c.width, len(c.unit_names)
        self.to_half = conv(12, w)  # on 2x2 pixels side by side: three channels alone make a slow convolution
        self.to_quarter = conv(w, 2 * w, stride=2)
        self.to_eighth = conv(2 * w, 3 * w, stride=2, norm=True)
        self.tell = nn.Linear(k, 3 * w)
        self.bottleneck = nn.Sequential(*(Residual(3 * w) for _ in range(c.blocks)))
        self.join = conv(3 * w + 2 * w, 2 * w)
        self.head = nn.Conv2d(2 * w, 4 * 2 * k, 1)

    def forward(self, picture: Tensor, units: Tensor) -> Tensor:
        quarter = self.to_quarter(self.to_half(F.pixel_unshuffle(picture, 2)))
        x = self.bottleneck(self.to_eighth(quarter) + self.tell(units)[..., None, None])
        return F.pixel_shuffle(self.head(self.join(torch.cat([up(x), quarter], 1))), 2)


class FlowGenerator(nn.Module):
    """G(x_src, e_tgt) of the paper's section 3.1, in two steps: `encode` once per portrait, `decode` per frame."""

    warps = True  # frames are the portrait's own pixels, moved

    def __init__(self, config: FlowConfig, mean_basis: Tensor | None = None):
        """`mean_basis` [K, 2, S/2, S/2] is the average face's motion basis; the encoder adds what is personal."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        half, k = config.size // 2, len(config.unit_names)
        self.mean_basis = nn.Parameter(torch.zeros(k, 2, half, half) if mean_basis is None else mean_basis.clone())
        nn.init.zeros_(self.encoder.head.weight)
        nn.init.zeros_(self.encoder.head.bias)
        self.register_buffer("window", F.avg_pool2d(fade(config.size), 2), persistent=False)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.config.unit_names

    def encode(self, picture: Tensor, units: Tensor) -> Code:
        """Once per portrait: `picture` [B, 3, S, S] RGB in [-1, 1] and its own `units` [B, K] in [0, 1]."""
        b, k = units.shape
        half = self.config.size // 2
        personal = self.encoder(picture, units).float().view(b, k, 2, half, half)
        return Code(picture, units, self.mean_basis + PERSONAL_FLOW * personal)

    def flow(self, code: Code, units: Tensor) -> Tensor:
        """The motion at half the crop's resolution, [N, 2, S/2, S/2], of one portrait per row of `units` or of one."""
        change = units - code.units
        if code.basis.shape[0] == 1:
            return (change @ code.basis[0].flatten(1)).view(-1, *code.basis.shape[2:]) * self.window
        return torch.einsum("nk,nkchw->nchw", change, code.basis) * self.window

    def decode(self, code: Code, units: Tensor) -> Motion:
        """`units` [N, K] in [0, 1]; `code` of one portrait (shared by all N frames) or of N. Returns the N motions."""
        return Motion(up(self.flow(code, units)))

    def forward(self, picture: Tensor, own_units: Tensor, units: Tensor) -> Tensor:
        """The frame itself at the crop's resolution, [B, 3, S, S] in [-1, 1]."""
        return compose(picture, self.decode(self.encode(picture, own_units), units))

    def metadata(self) -> dict[str, object]:
        return asdict(self.config)


def compose(picture: Tensor, motion: Motion) -> Tensor:
    """Apply a motion to the crop [N or 1, 3, S, S] it was predicted from."""
    warped = warp(picture.expand(motion.flow.shape[0], -1, -1, -1), motion.flow)
    if motion.mask is None:
        return warped
    return (1 - motion.mask) * warped + motion.mask * motion.colour


def fade(size: int) -> Tensor:
    """[1, 1, size, size] weight: one inside, falling smoothly to zero over MARGIN at the border."""
    t = (torch.arange(size) + 0.5) / size
    ramp = (torch.minimum(t, 1 - t) / MARGIN).clamp(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return (ramp[:, None] * ramp[None, :])[None, None]
