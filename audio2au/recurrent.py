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


class Settled:
    """From what a network says to units as people have them, and from those to what is drawn.

    Free talkers' lips are nearer at small openings than a network's mean of open and shut is, and open less where they
    round; drawn lips that did so would be read less well, so `drawn` takes both back.
    """

    MOST = 0.8  # less is at most so much of an opening

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        """`state` are a network's numbers: `knee` [U], see `firm`; `shut` [U], the knee of what is drawn, and `less`
        [2, U]: which units open less, and by how much of themselves for how much of which others."""
        self._knee = state["knee"]
        self._shut, self._less = state["shut"], state["less"]

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """What the network says [..., U] -> units as people have them."""
        units = firm(units, self._knee)
        return units * self._left(units)

    def drawn(self, units: np.ndarray) -> np.ndarray:
        """What `__call__` gave -> units for a face that is drawn, [..., U]."""
        units = units / self._left(units)
        return firm(np.where(units < self._knee, np.sqrt(self._knee * units), units), self._shut)

    def _left(self, units: np.ndarray) -> np.ndarray:
        return 1 - self._less[0] * np.minimum(units @ self._less[1], self.MOST)[..., None]


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
