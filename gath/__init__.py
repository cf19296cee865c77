"""The face: a portrait and action units in, frames out. `ready()` gives the generator that ships, at work.

Importing this package, and what `ready` gives on a processor, need no torch; `load` gives a torch module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gath.files import DEFAULT, LIPS, load, load_estimator, load_lips, save

if TYPE_CHECKING:
    from gath.lean_lips import LeanLips
    from gath.runtime import Generator

__all__ = ["DEFAULT", "LIPS", "load", "load_estimator", "load_lips", "ready", "ready_lips", "save"]


def ready(source: Any = None, device: str = "auto") -> Generator:
    """A generator at work on numpy arrays, see `gath.runtime.ready`."""
    from gath.runtime import ready as make_ready

    return make_ready(source, device)


def ready_lips() -> LeanLips:
    """The lip mover that ships, at work on numpy arrays."""
    from gath.lean_lips import ready_lips as make_ready

    return make_ready()
