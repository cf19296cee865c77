"""The network of speech to action units, to train: an LSTM over feature vectors, one vector of units per video frame.

In use the same numbers run without torch, see `audio2au.speech`, which also says what the vectors mean.
Pham et al. 2017 (LSTM on sound features) and 2018 (sigmoid output, loss) are followed where docstrings say so.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from audio2au.blocks import BlockStream
from audio2au.recurrent import ModelConfig, Settled
from audio2au.speech import BASELINE, Streaming, UnitStream, read, stream_of

VERSION = "1"


class AudioToUnits(Streaming, nn.Module):
    """The network, the names of its outputs and the scale of its inputs."""

    def __init__(self, config: ModelConfig, unit_names: tuple[str, ...]) -> None:
        super().__init__()
        self.config, self.unit_names = config, tuple(unit_names)
        dimension = config.features.dimension
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        for name, shape in (("knee", ()), ("shut", ()), ("less", (2,))):  # see recurrent.Settled; training has none
            self.register_buffer(name, torch.zeros(*shape, len(unit_names)))
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            dimension, config.hidden, config.layers, batch_first=True, dropout=between, bidirectional=config.both_ways
        )
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden * (2 if config.both_ways else 1), len(unit_names))

    def forward(self, features: torch.Tensor, state: tuple | None = None) -> tuple[torch.Tensor, tuple]:
        """`features` [B, T, dimension] -> units [B, T, U] in [0, 1] and the LSTM's state.

        Output t is the face of input t - delay; the first `delay` outputs belong to no frame.
        """
        hidden, state = self.hidden(features, state)
        return self.units(hidden), state

    def units(self, hidden: torch.Tensor) -> torch.Tensor:
        """From what the output layer sees, [..., width], to units as people have them, [..., U]."""
        units = torch.sigmoid(self.output(hidden))
        units = torch.where(units < self.knee, units * units / self.knee.clamp_min(1e-6), units)
        return units * (1 - self.less[0] * (units @ self.less[1]).clamp_max(Settled.MOST)[..., None])

    def hidden(self, features: torch.Tensor, state: tuple | None = None) -> tuple[torch.Tensor, tuple]:
        """What the output layer sees, [B, T, width], and the LSTM's state; training names phones from it."""
        hidden, state = self.lstm((features - self.mean) * self.scale, state)
        return self.dropout(hidden), state

    def stream(self) -> UnitStream | BlockStream:
        return stream_of(
            self.config, {name: value.detach().float().cpu().numpy() for name, value in self.state_dict().items()}
        )

    def save(self, path: Path, **metadata: str) -> None:
        """Write half-precision weights with config, unit names, rates and `metadata` inside, whole or not at all."""
        tensors = {name: tensor.detach().cpu().half().contiguous() for name, tensor in self.state_dict().items()}
        about = {
            "config": json.dumps(asdict(self.config)),
            "unit_names": json.dumps(self.unit_names),
            "fps": str(self.fps),
            "sample_rate": str(self.sample_rate),
            "baseline": BASELINE,
            "version": VERSION,
            **metadata,
        }
        partial = Path(path).with_suffix(".part")
        partial.write_bytes(save(tensors, about))
        partial.replace(path)


def load(path: str | Path | None = None, device: str = "cpu") -> AudioToUnits:
    """The trained network as a module on `device`, in evaluation mode. Raises as `audio2au.speech.read`."""
    found = read(path)
    model = AudioToUnits(found.config, found.unit_names)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in found.state.items()})
    return model.eval().to(device)
