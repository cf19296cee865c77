"""The `flow` generator on a processor, without torch: aligned faces and units in, motions out, all numpy arrays.

The same network as `gath.generator.FlowGenerator`, layer by layer, whatever its weights and sizes; torch remains for
training, for the paper's generator and for other devices. OpenVINO runs the convolutions, the painter's in bfloat16
where the processor multiplies that, and is there in a tenth of the time that importing torch takes. What needs exact
coordinates (flow, warps, the last sums) is in single precision at all times.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import openvino
from openvino import opset13

from gath.flow_config import MARGIN, PAINTED, PERSONAL_FLOW, RESIDUAL_FLOW, FlowConfig
from gath.layers import Layers, leaky, request, transposed, up


class LeanCode(NamedTuple):
    """What the encoder knows of one portrait; S is the crop's side, K the number of units, C of features."""

    picture: np.ndarray  # [S, S, 3] the aligned crop, in [-1, 1]
    units: np.ndarray  # [K] the portrait's own units
    basis: np.ndarray  # [K, S/2 * S/2 * 2] backward flow per unit, (x, y) in fractions of the side
    features: list[np.ndarray]  # [S/2, S/2, 4] each, the last with empty channels up to four


class LeanFlow:
    """G(x_src, e_tgt) of the paper's section 3.1: `encode` once per portrait, `decode` per frame."""

    warps = True  # frames are the portrait's own pixels, moved, and paint is the exception

    def __init__(self, config: FlowConfig, state: dict[str, np.ndarray]):
        """`state` has the network's parameters by torch's names; ValueError or KeyError where they don't fit."""
        self.config, self.unit_names = config, config.unit_names
        side, half, k = config.size, config.size // 2, len(config.unit_names)
        self._mean_basis = state["mean_basis"].reshape(k, 2, half, half).transpose(0, 2, 3, 1)
        self._encoder = Layers(state, "encoder.")
        seen = [-1, half, half, config.features + 12 + 2]
        self._painter = request(_painter(Layers(state, "painter."), seen, 2 * k), precise=False)
        self._painting, self._looking = threading.Lock(), threading.Lock()  # a request does one thing at a time
        window, rows = _fade(side), (np.arange(side, dtype=np.float32) + 0.5) / side
        self._half_window = window.reshape(half, 2, half, 2).mean((1, 3))[..., None]
        self._paints = window * (1 - ((rows - PAINTED[0]) / (PAINTED[1] - PAINTED[0])).clip(0, 1))[:, None]
        self._half_grid, self._grid = _grid(half), _grid(side)

    @cached_property
    def _looker(self) -> openvino.InferRequest:
        side, k = self.config.size, len(self.unit_names)
        return request(_encoder(self._encoder, [1, side, side, 3], k, self.config.blocks))

    def encode(self, face: np.ndarray, units: np.ndarray) -> LeanCode:
        """Once per portrait: the aligned crop, RGB uint8 [S, S, 3], and its own `units` [K] in [0, 1]."""
        side, k = self.config.size, len(self.unit_names)
        picture, units = face.astype(np.float32) / 127.5 - 1, units.astype(np.float32)
        with self._looking:
            found = self._looker.infer([picture[None], units[None]])[0][0]
        personal = found[..., : 2 * k].reshape(side // 2, side // 2, k, 2).transpose(2, 0, 1, 3)
        basis = self._mean_basis + np.float32(PERSONAL_FLOW) * personal
        return LeanCode(picture, units, basis.reshape(k, -1), _by_fours(found[..., 2 * k :]))

    def decode(self, code: LeanCode, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`units` [N, K] -> flow [N, 2, S, S] in fractions of the side, mask [N, 1, S, S] in [0, 1] and colour
        [N, 3, S, S] in [-1, 1], as `gath.generator.Motion`; in memory the channels lie together."""
        units, half = units.astype(np.float32), self.config.size // 2
        flow = ((units - code.units) @ code.basis).reshape(-1, half, half, 2) * self._half_window
        seen = np.stack([self._look(code, one) for one in flow])
        told = np.concatenate([units, np.broadcast_to(code.units, units.shape)], 1)
        with self._painting:
            painted = self._painter.infer([seen, told], share_inputs=True)[0]
        flow += np.float32(RESIDUAL_FLOW) * np.tanh(painted[..., :2]) * self._half_window
        mask, colour = _shuffled(painted[..., 2:6]), _shuffled(painted[..., 6:])
        mask = self._paints / (1 + np.exp(-mask[..., 0]))
        flow = np.stack([_doubled(one) for one in flow])
        return flow.transpose(0, 3, 1, 2), mask[:, None], np.tanh(colour).transpose(0, 3, 1, 2)

    def _look(self, code: LeanCode, flow: np.ndarray) -> np.ndarray:
        """What the painter sees: the moved features, the moved picture's 2x2 pixels side by side, and the flow."""
        half = self.config.size // 2
        where = self._half_grid + half * flow
        features = [_moved(four, where) for four in code.features]
        spare = 4 * len(features) - self.config.features
        features[-1] = features[-1][..., : 4 - spare]
        picture = _moved(code.picture, self._grid + 2 * half * _doubled(flow))
        # Channel by channel its four pixels, as torch's pixel_unshuffle has them.
        picture = picture.reshape(half, 2, half, 2, 3).transpose(0, 2, 4, 1, 3).reshape(half, half, 12)
        return np.concatenate([*features, picture, 10 * flow], -1)


def _by_fours(maps: np.ndarray) -> list[np.ndarray]:
    """Maps [h, w, C] in fours: cv2 reads one, three or four channels exactly, other numbers to 1/32 of a pixel."""
    maps = np.pad(maps, ((0, 0), (0, 0), (0, -maps.shape[2] % 4)))
    return [np.ascontiguousarray(maps[..., i : i + 4]) for i in range(0, maps.shape[2], 4)]


def _moved(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    return cv2.remap(picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _doubled(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)


def _shuffled(maps: np.ndarray) -> np.ndarray:
    """[N, h, w, 4 * C] to [N, 2 * h, 2 * w, C], as torch's pixel_shuffle."""
    n, h, w, c = maps.shape
    return maps.reshape(n, h, w, c // 4, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * h, 2 * w, c // 4)


def _grid(side: int) -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2), -1)


def _fade(side: int) -> np.ndarray:
    """[side, side] weight: one inside, falling smoothly to zero over MARGIN at the border."""
    t = (np.arange(side) + 0.5) / side
    ramp = (np.minimum(t, 1 - t) / MARGIN).clip(0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.outer(ramp, ramp).astype(np.float32)


def _encoder(layers: Layers, shape: list[int], units: int, blocks: int) -> openvino.Model:
    """`gath.generator.Encoder`: picture [1, S, S, 3] and units [1, K] to maps [1, S/2, S/2, 2 * K + C]."""
    picture = opset13.parameter(shape, np.float32)
    own = opset13.parameter([1, units], np.float32)
    x = opset13.space_to_depth(transposed(picture, 0, 3, 1, 2), "depth_first", 2)
    quarter = layers.block(layers.block(x, "to_half"), "to_quarter", 2)
    x = opset13.add(layers.block(quarter, "to_eighth", 2), layers.tell(own, "tell"))
    for i in range(blocks):
        x = layers.residual(x, f"bottleneck.{i}")
    x = layers.conv(layers.block(opset13.concat([up(x), quarter], 1), "join"), "head")
    x = opset13.depth_to_space(x, "depth_first", 2)
    return openvino.Model([transposed(x, 0, 2, 3, 1)], [picture, own])


def _painter(layers: Layers, shape: list[int], told: int) -> openvino.Model:
    """`gath.generator.Painter`: what it sees [N, S/2, S/2, C] and is told [N, 2 * K] to maps [N, S/2, S/2, 18]."""
    seen = opset13.parameter(shape, np.float32)
    wish = opset13.parameter([-1, told], np.float32)
    x = layers.conv(transposed(seen, 0, 3, 1, 2), "look")
    x = leaky(opset13.add(x, layers.tell(wish, "tell")))
    low = opset13.add(layers.block(x, "down", 2), layers.tell(wish, "tell_low"))
    low = layers.conv(layers.residual(low, "low.0"), "low.1")
    x = layers.conv(layers.block(opset13.concat([up(low), x], 1), "join"), "out")
    return openvino.Model([transposed(x, 0, 2, 3, 1)], [seen, wish])
