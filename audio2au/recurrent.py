"""What both kinds of network share at work: how one is described, and the arithmetic of its units."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from audio2au.features import FeatureConfig

BLOCK, CONTEXT = 50, 25  # frames that a network which reads both ways gives at once, and hears beyond them


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build the network; kept as JSON in the weights."""

    features: FeatureConfig = field(default_factory=FeatureConfig)
    """The sound features read."""
    hidden: int = 256
    """Width of each LSTM layer."""
    layers: int = 2
    """LSTM layers."""
    dropout: float = 0.1
    """Between the layers and before the output, in training only."""
    delay: int = 2
    """Frames the LSTM hears beyond the one it describes; the features hear one more."""
    both_ways: bool = False
    """Whether a second LSTM reads the sound backwards: for files, where all of it is there. Needs no `delay`."""

    def __post_init__(self) -> None:
        if self.both_ways and self.delay:
            raise ValueError(f"delay = {self.delay}: must be 0 where the sound is read both ways")

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        values = json.loads(text)
        return cls(**{**values, "features": FeatureConfig(**values["features"])})


def firm(units: np.ndarray, knee: np.ndarray) -> np.ndarray:
    """Units [..., U] with those below their `knee` [U] drawn towards 0, by the square; 0 leaves a unit as it is.

    A network that is not sure whether lips touch answers with the mean of shut and open; eyes want one of the two.
    """
    return np.where(units < knee, units * units / np.maximum(knee, 1e-6), units)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def halved(parameters: np.ndarray) -> np.ndarray:
    """Weights or biases [4 * width, ...] of a layer's gates, in torch's order (input, forget, candidate, output), as
    `moved_on` wants them: those of the three sigmoids halved, so that one tanh does for all four."""
    parts = parameters.reshape(4, -1, *parameters.shape[1:]) * np.float32(0.5)
    parts[2] *= 2
    return parts.reshape(parameters.shape)


def moved_on(gates: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step of an LSTM, from `gates` [..., 4 * width] and `cell` [..., width] to the hidden state and the cell."""
    bent = np.tanh(gates).reshape(*cell.shape[:-1], 4, cell.shape[-1])
    share = np.float32(0.5) * bent + np.float32(0.5)
    cell = share[..., 1, :] * cell + share[..., 0, :] * bent[..., 2, :]
    return share[..., 3, :] * np.tanh(cell), cell
