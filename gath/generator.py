"""The `flow` generator: look at a portrait once, predict that face's own motion basis, then every frame is cheap.

The encoder is of the same kind as the paper's (section 4.1: strided convolutions, residual bottleneck, transposed
steps), but it ends in one backward flow field per action unit instead of pixels. A frame is a linear combination of
those fields; a small painter then corrects the flow and paints what the photograph never showed (teeth, tongue,
closed lids) behind a mask. Flow and mask are smooth, so a renderer may apply them at the photograph's own resolution.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gath.flow_config import GROUP, LEAK, MARGIN, PAINTED, PERSONAL_FLOW, RESIDUAL_FLOW, FlowConfig
from gath.motion import warp


class Code(NamedTuple):
    """What the encoder knows of one portrait."""

    picture: Tensor  # [B, 3, S, S] the aligned crop, in [-1, 1]
    units: Tensor  # [B, K] the portrait's own units
    basis: Tensor  # [B, K, 2, S/2, S/2] backward flow per unit, fractions of the side
    features: Tensor  # [B, C, S/2, S/2]


class Motion(NamedTuple):
    """How to make a frame from the portrait: out(p) = (1 - mask) * picture(p + flow(p)) + mask * colour."""

    flow: Tensor  # [N, 2, S, S] fractions of the side
    mask: Tensor  # [N, 1, S, S] in [0, 1]
    colour: Tensor  # [N, 3, S, S] in [-1, 1]


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
    """Portrait and its units to the motion basis and the painter's features, both at half the crop's resolution."""

    def __init__(self, c: FlowConfig):
        super().__init__()
        w, k = c.width, len(c.unit_names)
        self.to_half = conv(12, w)  # on 2x2 pixels side by side: three channels alone make a slow convolution
        self.to_quarter = conv(w, 2 * w, stride=2)
        self.to_eighth = conv(2 * w, 3 * w, stride=2, norm=True)
        self.tell = nn.Linear(k, 3 * w)
        self.bottleneck = nn.Sequential(*(Residual(3 * w) for _ in range(c.blocks)))
        self.join = conv(3 * w + 2 * w, 2 * w)
        self.head = nn.Conv2d(2 * w, 4 * (2 * k + c.features), 1)
        self.flow_channels = 2 * k

    def forward(self, picture: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.to_quarter(self.to_half(F.pixel_unshuffle(picture, 2)))
        x = self.bottleneck(self.to_eighth(quarter) + self.tell(units)[..., None, None])
        x = F.pixel_shuffle(self.head(self.join(torch.cat([up(x), quarter], 1))), 2)
        return x[:, : self.flow_channels], x[:, self.flow_channels :]


class Painter(nn.Module):
    """A small U-Net that looks at the warped portrait and the wanted units: residual flow, mask, colour."""

    def __init__(self, c: FlowConfig):
        super().__init__()
        p, k = c.painter, len(c.unit_names)
        self.tell = nn.Linear(2 * k, p)
        self.look = nn.Conv2d(c.features + 12 + 2, p, 3, padding=1)
        self.down = conv(p, 2 * p, stride=2)
        self.tell_low = nn.Linear(2 * k, 2 * p)
        self.low = nn.Sequential(Residual(2 * p), nn.Conv2d(2 * p, p, 1))
        self.join = conv(2 * p, p)
        self.out = nn.Conv2d(p, 2 + 4 + 12, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.bias[2:6] = -3.0  # starts as the plain warp

    def forward(self, features: Tensor, warped: Tensor, flow: Tensor, told: Tensor) -> Tensor:
        x = torch.cat([features, F.pixel_unshuffle(warped, 2), flow * 10], 1)
        x = F.leaky_relu(self.look(x) + self.tell(told)[..., None, None], LEAK)
        low = self.low(self.down(x) + self.tell_low(told)[..., None, None])
        return self.out(self.join(torch.cat([up(low), x], 1)))


class FlowGenerator(nn.Module):
    """G(x_src, e_tgt) of the paper's section 3.1, in two steps: `encode` once per portrait, `decode` per frame."""

    warps = True  # frames are the portrait's own pixels, moved, and paint is the exception

    def __init__(self, config: FlowConfig, mean_basis: Tensor | None = None):
        """`mean_basis` [K, 2, S/2, S/2] is the average face's motion basis; the encoder adds what is personal."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.painter = Painter(config)
        half, k = config.size // 2, len(config.unit_names)
        self.mean_basis = nn.Parameter(torch.zeros(k, 2, half, half) if mean_basis is None else mean_basis.clone())
        nn.init.zeros_(self.encoder.head.weight[: 8 * k])  # the flow channels, before the 2x2 shuffle
        nn.init.zeros_(self.encoder.head.bias)
        self.register_buffer("window", fade(config.size), persistent=False)
        rows = (torch.arange(config.size) + 0.5) / config.size
        above = 1 - ((rows - PAINTED[0]) / (PAINTED[1] - PAINTED[0])).clamp(0, 1)
        self.register_buffer("paints", self.window * above[:, None], persistent=False)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.config.unit_names

    def encode(self, picture: Tensor, units: Tensor) -> Code:
        """Once per portrait: `picture` [B, 3, S, S] RGB in [-1, 1] and its own `units` [B, K] in [0, 1]."""
        delta, features = self.encoder(picture, units)
        b, k = units.shape
        half = self.config.size // 2
        basis = self.mean_basis + PERSONAL_FLOW * delta.float().view(b, k, 2, half, half)
        return Code(picture, units, basis, features)

    def basis_flow(self, code: Code, units: Tensor) -> Tensor:
        """The linear part of the motion, [N, 2, S/2, S/2]; one portrait per row of `units` or one for all."""
        change = units - code.units
        if code.basis.shape[0] == 1:
            return (change @ code.basis[0].flatten(1)).view(-1, *code.basis.shape[2:])
        return torch.einsum("nk,nkchw->nchw", change, code.basis)

    def decode(self, code: Code, units: Tensor) -> Motion:
        """`units` [N, K] in [0, 1]; `code` of one portrait (shared by all N frames) or of N. Returns the N motions."""
        n = units.shape[0]
        window = self.window
        half_window = F.avg_pool2d(window, 2)
        flow = self.basis_flow(code, units) * half_window
        picture, features = code.picture.expand(n, -1, -1, -1), code.features.expand(n, -1, -1, -1)
        warped = warp(picture, up(flow))
        told = torch.cat([units, code.units.expand(n, -1)], 1)
        painted = self.painter(warp(features, flow), warped, flow, told).float()
        residual, mask, colour = painted.split((2, 4, 12), 1)
        flow = flow + RESIDUAL_FLOW * torch.tanh(residual) * half_window
        mask, colour = F.pixel_shuffle(mask, 2), F.pixel_shuffle(colour, 2)
        return Motion(up(flow), torch.sigmoid(mask) * self.paints, torch.tanh(colour))

    def forward(self, picture: Tensor, own_units: Tensor, units: Tensor) -> Tensor:
        """The frame itself at the crop's resolution, [B, 3, S, S] in [-1, 1]."""
        return compose(picture, self.decode(self.encode(picture, own_units), units))

    def metadata(self) -> dict[str, object]:
        return asdict(self.config)


def compose(picture: Tensor, motion: Motion) -> Tensor:
    """Apply a motion to the crop [N or 1, 3, S, S] it was predicted from."""
    warped = warp(picture.expand(motion.flow.shape[0], -1, -1, -1), motion.flow)
    return (1 - motion.mask) * warped + motion.mask * motion.colour


def fade(size: int) -> Tensor:
    """[1, 1, size, size] weight: one inside, falling smoothly to zero over MARGIN at the border."""
    t = (torch.arange(size) + 0.5) / size
    ramp = (torch.minimum(t, 1 - t) / MARGIN).clamp(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return (ramp[:, None] * ramp[None, :])[None, None]
