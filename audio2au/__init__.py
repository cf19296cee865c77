"""Speech to facial action units. `audio2au.load()` gives the trained network; see `audio2au.model`.

Importing this package alone does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio2au.model import AudioToUnits

__all__ = ["load"]


def load(path=None, device: str = "cpu") -> AudioToUnits:
    """The trained network, see `audio2au.model.load`."""
    from audio2au.model import load as load_weights

    return load_weights(path, device)
