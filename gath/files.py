"""Weights files of all networks here: a path in, a torch module or bare parameters out; and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERSION = 1
DEFAULT = Path(__file__).parent / "weights" / "flow.safetensors"
LIPS = Path(__file__).parent / "weights" / "lips.safetensors"
# class -> the kind that its files say in `format`
KINDS = {
    "FlowGenerator": "flow", "PaperGenerator": "paper", "Estimator": "estimator", "MatteNet": "matte",
    "LipMover": "lips", "ClosedLipsNet": "closed_lips", "ClosedLidsNet": "closed_lids",
}  # fmt: skip


def load(path: str | Path | None = None, device: str = "cpu"):
    """The generator in a safetensors file as a torch module in evaluation mode (default: the one that ships).

    Raises OSError where the file cannot be read and ValueError where it is not a generator of this version.
    """
    from gath.generator import FlowConfig, FlowGenerator
    from gath.paper import PaperConfig, PaperGenerator

    kinds = {"flow": (FlowConfig, FlowGenerator), "paper": (PaperConfig, PaperGenerator)}
    return _read(path or DEFAULT, kinds, "generator", device)


def load_estimator(path: str | Path, device: str = "cpu"):
    """The action-unit estimator in a safetensors file, ready for inference. Raises as `load` does."""
    from gath.estimator import Estimator, EstimatorConfig

    return _read(path, {"estimator": (EstimatorConfig, Estimator)}, "unit estimator", device)


def load_lips(path: str | Path | None = None, device: str = "cpu"):
    """The lip mover in a safetensors file as a torch module (default: the one that ships). Raises as `load` does."""
    from gath.lips import LipConfig, LipMover

    return _read(path or LIPS, {"lips": (LipConfig, LipMover)}, "lip mover", device)


def read(path: str | Path) -> tuple[str, str, dict[str, Any]]:
    """Kind, config (JSON) and float32 numpy parameters of a safetensors file of this version, without torch.

    Raises OSError and ValueError.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from error
    for kind in KINDS.values():
        if metadata.get("format") == f"talkinghead-{kind}-{VERSION}":
            return kind, metadata["config"], state
    raise ValueError(f"{path}: not weights of format {VERSION}")


def _read(path: str | Path, kinds: dict[str, tuple[type, type]], wanted: str, device: str):
    """The model in a file, built by the config and model classes of its kind; `wanted` is for the error message."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from error
    formats = {f"talkinghead-{kind}-{VERSION}": classes for kind, classes in kinds.items()}
    if metadata.get("format") not in formats:
        raise ValueError(f"{path}: not a {wanted} of format {VERSION}")
    make_config, make_model = formats[metadata["format"]]
    config = json.loads(metadata["config"])
    config["unit_names"] = tuple(config["unit_names"])
    model = make_model(make_config(**config))
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def save(model, path: str | Path, **notes: object) -> None:
    """Write a network of KINDS as half-precision safetensors, with its config (and `notes`) in the metadata."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    state = {name: (v.half() if v.is_floating_point() else v).contiguous() for name, v in state.items()}
    kind = KINDS[type(model).__name__]
    metadata = {"format": f"talkinghead-{kind}-{VERSION}", "config": json.dumps(model.metadata())}
    save_file(state, str(path), metadata | {key: str(value) for key, value in notes.items()})
