"""The lip mover at work without torch: landmarks and units in, landmarks out, all numpy arrays. See gath.lips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gath.files import LIPS, read
from gath.purse import PURSING, pursing, width

Parameters = dict[str, np.ndarray]


class LeanLips:
    """What `gath.lips.LipMover` computes, one row at a time: sums of a batch would be rounded otherwise, and a stream
    is to equal a file."""

    def __init__(self, config: str, state: Parameters):
        """`config` JSON and `state` as `gath.files.read` gives them."""
        self.unit_names = tuple(json.loads(config)["unit_names"])
        self._state = state
        self._pursing = [self.unit_names.index(name) for name in PURSING]

    def __call__(self, points: np.ndarray, own: np.ndarray, wish: np.ndarray) -> np.ndarray:
        """`points` [P, 2] of a face with its `own` units [K]; where they are under `wish` [N, K]: [N, P, 2] float32."""
        s, purse = self._state, self._pursing
        look = (points.reshape(-1) - s["mean"]) * 10 @ s["look.weight"].T + s["look.bias"]
        still = self._net(np.concatenate([look, own, own]))
        unpursed = width(points) * pursing(own[purse], s["shapes"])
        rows = []
        for units in wish:
            others = units.copy()
            others[purse] = own[purse]
            much = (others - own) @ s["unit_map"] + self._net(np.concatenate([look, own, others])) - still
            much = much / (1 + (much / s["limit"]) ** 4) ** 0.25
            moved = points + (much @ s["components"]).reshape(-1, 2)
            rows.append(moved + width(moved) * pursing(units[purse], s["shapes"]) - unpursed)
        return np.array(rows, np.float32).reshape(len(wish), *points.shape)

    def _net(self, x: np.ndarray) -> np.ndarray:
        s = self._state
        for layer in (0, 2):
            x = _gelu(s[f"net.{layer}.weight"] @ x + s[f"net.{layer}.bias"])
        return s["net.4.weight"] @ x + s["net.4.bias"]


def ready_lips(path: str | Path | None = None) -> LeanLips:
    """The lip mover in a safetensors file (default: the one that ships). Raises OSError and ValueError."""
    kind, config, state = read(path or LIPS)
    if kind != "lips":
        raise ValueError(f"{path}: not a lip mover")
    return LeanLips(config, state)


def _gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x**3)))
