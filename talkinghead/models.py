"""Weights in, a checked model out: it speaks of the tracker's action units, and stands on the device asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from talkinghead.errors import ModelError
from talkinghead.units.names import HEARD, UNIT_NAMES

if TYPE_CHECKING:
    import numpy as np

WITHOUT_TORCH = ("auto", "cpu")
NEEDS_TORCH = "needs torch: pip install 'talkinghead[torch]'"


def load_generator(source: Any, device: str) -> Any:
    """A generator at work, see `gath.runtime.Generator`: from a weights file, from a model of gath, or None for the one
    that ships. Raises ModelError."""
    if device not in WITHOUT_TORCH:
        check_device(device)
    return _load("gath", source, lambda gath: gath.ready(source, device))


def load_speech(source: Any, whole: bool = False) -> Any:
    """A speech network at work, see `audio2au.speech.Speech`: likewise, or as it is if it is one already. With `whole`
    the one that ships is the better one, for sounds that are there as a whole."""
    return _load("audio2au", source, lambda audio2au: audio2au.ready(source, whole) if _is_path(source) else source)


def recite(symbols: list[tuple[str, float, float]], alphabet: str, samples: np.ndarray, sample_rate: int) -> Any:
    """What moves the lips by phones that a synthesiser told, (symbol, start, end) in seconds, see media.synthesis.Said,
    instead of by its sound (`samples` float32 [N])."""
    from audio2au.phones import from_symbols
    from audio2au.reciting import Reciter

    return Reciter(from_symbols(symbols, alphabet), samples, sample_rate)


def load_lips() -> Any:
    """The lip mover that ships with the generator, see `gath.lean_lips.LeanLips`. Raises ModelError."""
    return _load("gath", None, lambda gath: gath.ready_lips())


def _is_path(source: Any) -> bool:
    return source is None or isinstance(source, str | Path)


def _load(package: str, source: Any, make: Callable[[ModuleType], Any]) -> Any:
    try:
        model = make(import_module(package))
    except ImportError as error:
        raise ModelError(f"{source or package} {NEEDS_TORCH} ({error})") from None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        where = f" from {source}" if source else ""
        raise ModelError(
            f"weights of {package} do not load{where} ({reason}); use weights trained by this version"
        ) from None
    if tuple(model.unit_names) not in [(*UNIT_NAMES, *HEARD[:k]) for k in range(len(HEARD) + 1)]:
        odd = sorted(set(model.unit_names) ^ set(UNIT_NAMES)) or ["only their order"]
        raise ModelError(
            f"the weights of {package} speak of other action units than the tracker ({', '.join(odd[:5])}...);"
            " use weights trained by this version"
        )
    return model


def check_device(name: str) -> None:
    """Raises ModelError unless numbers can be sent to torch's device of this name and come back."""
    try:
        import torch
    except ImportError:
        raise ModelError(f"--device {name} {NEEDS_TORCH}") from None
    try:
        if torch.device(name).type == "cuda":
            _check_cuda(torch.device(name).index or 0)
        else:
            torch.ones(1, device=name).cpu()  # `meta` takes numbers and gives none back
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        raise ModelError(f"there is no device {name!r} here; leave --device out for the CPU") from None


def _check_cuda(index: int) -> None:
    """Raises RuntimeError unless there is that GPU. The driver's list is asked, for processes that are forked later
    could not use a GPU which this one had touched."""
    import torch

    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        raise RuntimeError("no such GPU")
