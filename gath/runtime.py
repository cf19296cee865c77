"""A generator at work: weights or a model in; out comes what looks at faces and gives motions, all numpy arrays.

The `flow` generator, of which a frame is a sum, needs no torch (`gath.lean`) and no device but the processor; of the
paper's, torch does the work behind the same two methods.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gath.files import DEFAULT, load, read
from gath.flow_config import FlowConfig

AUTO = "auto"


class Generator(Protocol):
    """S is the crop's side, K the number of units."""

    config: Any
    unit_names: tuple[str, ...]
    warps: bool  # whether frames are the portrait's own pixels, moved, and nothing is painted

    def encode(self, face: np.ndarray, units: np.ndarray) -> Any:
        """Once per portrait: the aligned crop, RGB uint8 [S, S, 3], and its own `units` [K] in [0, 1]."""

    def decode(self, code: Any, units: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """`units` [N, K] -> flow [N, 2, S, S], and mask [N, 1, S, S] and colour [N, 3, S, S] of one that paints, see
        gath.generator.Motion."""


class OnTorch:
    """A torch model of gath as a Generator, on the device where its parameters are."""

    def __init__(self, model: Any):
        self._model, self._device = model, next(model.parameters()).device
        self.config, self.unit_names, self.warps = model.config, model.unit_names, model.warps

    def encode(self, face: np.ndarray, units: np.ndarray) -> Any:
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(face)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            return self._model.encode(picture.to(self._device), torch.from_numpy(units)[None].to(self._device))

    def decode(self, code: Any, units: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        import torch

        with torch.inference_mode():
            motion = self._model.decode(code, torch.from_numpy(units).to(self._device))
            return tuple(None if part is None else part.float().cpu().numpy() for part in motion)


def ready(source: Any = None, device: str = AUTO) -> Generator:
    """The generator in a safetensors file (None: the one that ships), or a model of gath, ready for work.

    `device` is torch's name of one, for the paper's generator, which paints; "auto" is the first NVIDIA device where
    there are one and a torch built for it. Raises OSError and ValueError as `gath.load`, ImportError where torch is
    needed and missing, and what torch raises for a device that is not there.
    """
    if source is not None and not isinstance(source, str | Path):
        return OnTorch(source) if hasattr(source, "parameters") else source
    kind, config, state = read(source or DEFAULT)
    if kind == "flow":
        from gath.lean import LeanFlow

        return LeanFlow(FlowConfig.from_json(config), state)
    return OnTorch(load(source, chosen(device)))


def chosen(device: str) -> str:
    """`device`, or what "auto" comes to here for a network that paints."""
    if device != AUTO:
        return device
    if not nvidia_devices():
        return "cpu"
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def nvidia_devices() -> int:
    """How many the driver knows; asking it takes a millisecond where there is none, importing torch a second."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int()
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0
