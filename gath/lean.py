"""The `flow` generator on a processor, without torch: aligned faces and units in, motions out, all numpy arrays.

The same network as `gath.generator.FlowGenerator`, layer by layer, whatever its weights and sizes; torch remains for
training, for the paper's generator and for other devices. OpenVINO runs the convolutions, and is there in a tenth of
the time that importing torch takes.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from gath.flow_config import MARGIN, PERSONAL_FLOW, FlowConfig
from gath.layers import Layers, request, transposed, up
from gath.ov import InferRequest, Model, opset13


class LeanCode(NamedTuple):
    """What the encoder knows of one portrait; S is the crop's side, K the number of units."""

    units: np.ndarray  # [K] the portrait's own units
    basis: np.ndarray  # [K, S/2 * S/2 * 2] backward flow per unit, (x, y) in fractions of the side


class LeanFlow:
    """G(x_src, e_tgt) of the paper's section 3.1: `encode` once per portrait, `decode` per frame."""

    warps = True  # frames are the portrait's own pixels, moved
    forks = True  # numpy alone decodes, which a process that was forked may do as well

    def __init__(self, config: FlowConfig, state: dict[str, np.ndarray]):
        """`state` has the network's parameters by torch's names; ValueError or KeyError where they don't fit."""
        self.config, self.unit_names = config, config.unit_names
        half, k = config.size // 2, len(config.unit_names)
        self._mean_basis = state["mean_basis"].reshape(k, 2, half, half).transpose(0, 2, 3, 1)
        self._encoder = Layers(state, "encoder.")
        self._looking = threading.Lock()  # a request does one thing at a time
        self._window = _fade(config.size).reshape(half, 2, half, 2).mean((1, 3))[..., None]

    @cached_property
    def _looker(self) -> InferRequest:
        side, k = self.config.size, len(self.unit_names)
        return request(_encoder(self._encoder, [1, side, side, 3], k, self.config.blocks))

    def encode(self, face: np.ndarray, units: np.ndarray) -> LeanCode:
        """Once per portrait: the aligned crop, RGB uint8 [S, S, 3], and its own `units` [K] in [0, 1]."""
        side, k = self.config.size, len(self.unit_names)
        picture, units = face.astype(np.float32) / 127.5 - 1, units.astype(np.float32)
        with self._looking:
            found = self._looker.infer([picture[None], units[None]])[0][0]
        personal = found.reshape(side // 2, side // 2, k, 2).transpose(2, 0, 1, 3)
        basis = (self._mean_basis + np.float32(PERSONAL_FLOW) * personal) * self._window
        return LeanCode(units, basis.reshape(k, -1))

    def decode(self, code: LeanCode, units: np.ndarray) -> tuple[np.ndarray, None, None]:
        """`units` [N, K] -> flow [N, 2, S, S] in fractions of the side, neither mask nor colour, as
        `gath.generator.Motion`; in memory x and y lie together."""
        half = self.config.size // 2
        flow = ((units.astype(np.float32) - code.units) @ code.basis).reshape(-1, half, half, 2)
        doubled = [cv2.resize(one, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR) for one in flow]
        return np.stack(doubled).transpose(0, 3, 1, 2), None, None


def _fade(side: int) -> np.ndarray:
    """[side, side] weight: one inside, falling smoothly to zero over MARGIN at the border."""
    t = (np.arange(side) + 0.5) / side
    ramp = (np.minimum(t, 1 - t) / MARGIN).clip(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.outer(ramp, ramp).astype(np.float32)


def _encoder(layers: Layers, shape: list[int], units: int, blocks: int) -> Model:
    """`gath.generator.Encoder`: picture [1, S, S, 3] and units [1, K] to maps [1, S/2, S/2, 2 * K]."""
    picture = opset13.parameter(shape, np.float32)
    own = opset13.parameter([1, units], np.float32)
    x = opset13.space_to_depth(transposed(picture, 0, 3, 1, 2), "depth_first", 2)
    quarter = layers.block(layers.block(x, "to_half"), "to_quarter", 2)
    x = opset13.add(layers.block(quarter, "to_eighth", 2), layers.tell(own, "tell"))
    for i in range(blocks):
        x = layers.residual(x, f"bottleneck.{i}")
    x = layers.conv(layers.block(opset13.concat([up(x), quarter], 1), "join"), "head")
    x = opset13.depth_to_space(x, "depth_first", 2)
    return Model([transposed(x, 0, 2, 3, 1)], [picture, own])
