"""Weights in, a checked model out: it speaks of the tracker's action units, and stands on the device asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from talkinghead.errors import ModelError
from talkinghead.units.names import UNIT_NAMES


def load_model(package: str, source: Any, device: str) -> Any:
    """A model of `gath` or `audio2au`: from a weights file, as it is if it is a model already, or None for the one that
    ships. Raises ModelError."""
    model = source
    if source is None or isinstance(source, str | Path):
        check_device(device)
        try:
            model = import_module(package).load(source, device)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            where = f" from {source}" if source else ""
            raise ModelError(
                f"weights of {package} do not load{where} ({reason}); use weights trained by this version"
            ) from None
    if tuple(model.unit_names) != UNIT_NAMES:
        odd = sorted(set(model.unit_names) ^ set(UNIT_NAMES)) or ["only their order"]
        raise ModelError(
            f"the weights of {package} speak of other action units than the tracker ({', '.join(odd[:5])}...);"
            " use weights trained by this version"
        )
    return model


def check_device(name: str) -> None:
    """Raises ModelError unless numbers can be sent to torch's device of this name and come back."""
    import torch

    try:
        torch.zeros(1, device=name).add(1).item()  # `meta` takes numbers and never gives one back
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        raise ModelError(f"there is no device {name!r} here; leave --device out for the CPU") from None
