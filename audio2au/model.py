"""Speech to action units: an LSTM over feature vectors, one vector of units in [0, 1] per video frame.

    model = audio2au.load()
    stream = model.stream()
    for block in blocks:                 # float32 [N] at model.sample_rate
        units = stream.push(block)       # [t, 46]: the frames now ready
    rest = stream.finish(frames)         # the frames still owed

Vector k is the face in the middle of frame k, at (k + 0.5) / fps seconds. The LSTM answers `delay` frames late and
the features one, so a frame is given once `look_ahead` frames of sound after it (and half a window, some
milliseconds) have been heard. Units count from the
speaker's face at rest: zero everywhere is a closed, resting mouth, and silence gives (almost) that. Blinks and gaze
are not in the voice; those units are (almost) zero.

Pham et al. 2017 (LSTM on sound features) and 2018 (sigmoid output, loss) are followed where docstrings say so.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from audio2au.features import LOOK_AHEAD, FeatureConfig, FeatureStream, frame_count

WEIGHTS = Path(__file__).parent / "weights" / "audio2au.safetensors"
VERSION = "1"
BASELINE = "rest"  # what zero means, written into the weights


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

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        values = json.loads(text)
        return cls(**{**values, "features": FeatureConfig(**values["features"])})


class AudioToUnits(nn.Module):
    """The network, the names of its outputs and the scale of its inputs."""

    def __init__(self, config: ModelConfig, unit_names: tuple[str, ...]) -> None:
        super().__init__()
        self.config, self.unit_names = config, tuple(unit_names)
        dimension = config.features.dimension
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(dimension, config.hidden, config.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, len(unit_names))

    @property
    def sample_rate(self) -> int:
        return self.config.features.sample_rate

    @property
    def fps(self) -> float:
        return float(self.config.features.fps)

    @property
    def look_ahead(self) -> int:
        """Frames of sound after a frame that must have been heard before it is given."""
        return self.config.delay + LOOK_AHEAD

    def forward(self, features: torch.Tensor, state: tuple | None = None) -> tuple[torch.Tensor, tuple]:
        """`features` [B, T, dimension] -> units [B, T, U] in [0, 1] and the LSTM's state.

        Output t is the face of input t - delay; the first `delay` outputs belong to no frame.
        """
        hidden, state = self.lstm((features - self.mean) * self.scale, state)
        return torch.sigmoid(self.output(self.dropout(hidden))), state

    def stream(self) -> UnitStream:
        """A new stream; any number can run at once."""
        return UnitStream(self)

    def predict(self, samples: np.ndarray, frames: int | None = None) -> np.ndarray:
        """A whole sound at once: the same numbers as a stream, [frames, U] float32."""
        stream = self.stream()
        ready = stream.push(samples)
        return np.concatenate([ready, stream.finish(frames)])[:frames]

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


class UnitStream:
    """Sound in, units out, in pieces of any size; memory does not grow with the length of the sound.

    Frames go through the network one at a time, so the numbers are exactly those of `AudioToUnits.predict`. The
    matrices are multiplied by numpy on the CPU whatever the model's device: for one frame a call into torch's LSTM
    costs ten times the arithmetic. (`vecdot` because `@` wakes a thread per core for each of these small products.)
    """

    def __init__(self, model: AudioToUnits) -> None:
        self._config, self._units = model.config, len(model.unit_names)
        self._features = FeatureStream(model.config.features)
        w = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
        self._mean, self._scale = w["mean"], w["scale"]
        self._output = w["output.weight"], w["output.bias"]
        self._layers = [
            (
                np.hstack([w[f"lstm.weight_ih_l{i}"], w[f"lstm.weight_hh_l{i}"]]),
                w[f"lstm.bias_ih_l{i}"] + w[f"lstm.bias_hh_l{i}"],
            )
            for i in range(model.config.layers)
        ]
        self._hidden, self._cells = np.zeros((2, model.config.layers, model.config.hidden), np.float32)
        self._skip = model.config.delay  # outputs that belong to no frame
        self._samples = 0
        self._given = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """`samples` float32 [N] in [-1, 1], one channel at `sample_rate` -> the frames now ready, [t, U] float32."""
        self._samples += len(samples)
        return self._run(self._features.push(samples))

    def finish(self, frames: int | None = None) -> np.ndarray:
        """The frames still owed, [t, U], so that `frames` have been given in all.

        Default: as many as cover the sound, rounded up. Beyond the end of the sound there is silence. Frames that
        were given already are not taken back.
        """
        frames = frame_count(self._samples, self._config.features) if frames is None else frames
        missing = max(frames - self._given, 0)
        return self._run(self._features.finish(frames + self._config.delay))[:missing]

    def _run(self, vectors: np.ndarray) -> np.ndarray:
        out = [self._step(vector) for vector in vectors]
        skipped = min(self._skip, len(out))
        self._skip -= skipped
        out = out[skipped:]
        self._given += len(out)
        return np.array(out, np.float32).reshape(-1, self._units)

    def _step(self, vector: np.ndarray) -> np.ndarray:
        """One vector through the LSTM (torch's order of gates: input, forget, candidate, output)."""
        x = (vector - self._mean) * self._scale
        for layer, (weight, bias) in enumerate(self._layers):
            gates = np.vecdot(weight, np.concatenate([x, self._hidden[layer]])) + bias
            let_in, keep, candidate, let_out = gates.reshape(4, -1)
            self._cells[layer] = _sigmoid(keep) * self._cells[layer] + _sigmoid(let_in) * np.tanh(candidate)
            x = self._hidden[layer] = _sigmoid(let_out) * np.tanh(self._cells[layer])
        weight, bias = self._output
        return _sigmoid(np.vecdot(weight, x) + bias)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def load(path: str | Path | None = None, device: str = "cpu") -> AudioToUnits:
    """The trained network, ready to use; `path` defaults to the weights that ship with the package.

    `device` is where `AudioToUnits.forward` runs; streams always run on the CPU.

    Raises FileNotFoundError if there are none, ValueError if the file holds something else.
    """
    path = Path(path or WEIGHTS)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights; train them with recipes.train_audio2au")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            if not {"config", "unit_names"} <= about.keys() or about.get("baseline") != BASELINE:
                raise ValueError(f"{path}: not weights of audio2au")
            model = AudioToUnits(ModelConfig.from_json(about["config"]), tuple(json.loads(about["unit_names"])))
            model.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
    except SafetensorError as error:
        raise ValueError(f"{path}: cannot be read as safetensors ({error})") from error
    return model.eval().to(device)
