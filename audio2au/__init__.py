"""Speech to facial action units. `audio2au.ready()` gives the trained network at work, see `audio2au.speech`.

Importing this package, and what `ready` gives, need no torch; `load` gives the network as a torch module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio2au.model import AudioToUnits
    from audio2au.speech import Speech

__all__ = ["load", "ready"]


def ready(path=None, whole: bool = False) -> Speech:
    """The trained network at work, see `audio2au.speech.read`; of those that ship the causal one, or with `whole` the
    one for sounds that are there as a whole."""
    from audio2au.speech import FILE_WEIGHTS, read

    return read(FILE_WEIGHTS if path is None and whole else path)


def load(path=None, device: str = "cpu") -> AudioToUnits:
    """The trained network as a torch module, see `audio2au.model.load`."""
    from audio2au.model import load as load_weights

    return load_weights(path, device)
