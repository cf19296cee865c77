"""Speech to action units at work, without torch: sound in pieces in, units in [0, 1] per video frame out.

    speech = audio2au.ready()
    stream = speech.stream()
    for block in blocks:                 # float32 [N] at speech.sample_rate
        units = stream.push(block)       # [t, 46]: the frames now ready
    rest = stream.finish(frames)         # the frames still owed

Vector k is the face in the middle of frame k, at (k + 0.5) / fps seconds. The LSTM answers `delay` frames late and
the features one, so a frame is given once `look_ahead` frames of sound after it (and half a window, some
milliseconds) have been heard. Units count from the
speaker's face at rest: zero everywhere is a closed, resting mouth, and silence gives (almost) that. Blinks and gaze
are not in the voice; those units are (almost) zero.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from audio2au.blocks import BlockStream
from audio2au.features import LOOK_AHEAD, FeatureStream, frame_count
from audio2au.recurrent import BLOCK, CONTEXT, ModelConfig, Settled, halved, moved_on, sigmoid

WEIGHTS = Path(__file__).parent / "weights" / "audio2au.safetensors"
FILE_WEIGHTS = WEIGHTS.with_name("audio2au_files.safetensors")  # of the network that reads a sound both ways
BASELINE = "rest"  # what zero means, written into the weights
PURSE = "LipPurse"  # what some networks have besides LipsPucker, which is what people do: how far drawn lips purse


class Streaming:
    """What the network at work and the network in training have in common; `config` and `stream` are theirs."""

    config: ModelConfig

    @property
    def sample_rate(self) -> int:
        return self.config.features.sample_rate

    @property
    def fps(self) -> float:
        return float(self.config.features.fps)

    @property
    def look_ahead(self) -> int:
        """Frames of sound after a frame that must have been heard before it is given."""
        return (BLOCK + CONTEXT if self.config.both_ways else self.config.delay) + LOOK_AHEAD

    def stream(self) -> UnitStream | BlockStream:
        """A new stream; any number can run at once."""
        raise NotImplementedError

    def predict(self, samples: np.ndarray, frames: int | None = None) -> np.ndarray:
        """A whole sound at once: the same numbers as a stream, [frames, U] float32."""
        stream = self.stream()
        ready = stream.push(samples)
        return np.concatenate([ready, stream.finish(frames)])[:frames]


class Speech(Streaming):
    """The network's numbers and the names of its outputs."""

    def __init__(self, config: ModelConfig, unit_names: tuple[str, ...], state: dict[str, np.ndarray]) -> None:
        """`state` are the parameters of `audio2au.model.AudioToUnits` by torch's names, float32."""
        self.config, self.unit_names, self.state = config, tuple(unit_names), state

    def stream(self) -> UnitStream | BlockStream:
        return stream_of(self.config, self.state)

    def drawn(self, units: np.ndarray) -> np.ndarray:
        """What a drawn face is to do for units [T, U] of a stream, see recurrent.Settled and PURSE."""
        drawn = Settled(self.state).drawn(units)
        if PURSE in self.unit_names:
            drawn[..., self.unit_names.index("LipsPucker")] = drawn[..., self.unit_names.index(PURSE)]
        return drawn


def stream_of(config: ModelConfig, state: dict[str, np.ndarray]) -> UnitStream | BlockStream:
    """A stream of the kind that the network needs."""
    return BlockStream(config, state) if config.both_ways else UnitStream(config, state)


class UnitStream:
    """Sound in, units out, in pieces of any size; memory does not grow with the length of the sound.

    Frames go through the network one at a time, so the numbers are exactly those of `Speech.predict`. The matrices are
    multiplied by numpy: for one frame a call into torch's LSTM costs ten times the arithmetic. (`vecdot` because `@`
    wakes a thread per core for each of these small products.)
    """

    def __init__(self, config: ModelConfig, state: dict[str, np.ndarray]) -> None:
        self._config, w = config, state
        self._features = FeatureStream(config.features)
        self._mean, self._scale = w["mean"], w["scale"]
        self._output = w["output.weight"], w["output.bias"]
        self._units, self._settled = len(w["output.bias"]), Settled(w)
        self._layers = [
            (
                halved(np.hstack([w[f"lstm.weight_ih_l{i}"], w[f"lstm.weight_hh_l{i}"]])),
                halved(w[f"lstm.bias_ih_l{i}"] + w[f"lstm.bias_hh_l{i}"]),
            )
            for i in range(config.layers)
        ]
        self._hidden, self._cells = np.zeros((2, config.layers, config.hidden), np.float32)
        self._skip = config.delay  # outputs that belong to no frame
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
        return self._settled(np.array(out, np.float32).reshape(-1, self._units))

    def _step(self, vector: np.ndarray) -> np.ndarray:
        """One vector through the LSTM."""
        x = (vector - self._mean) * self._scale
        for layer, (weight, bias) in enumerate(self._layers):
            gates = np.vecdot(weight, np.concatenate([x, self._hidden[layer]])) + bias
            x, self._cells[layer] = moved_on(gates, self._cells[layer])
            self._hidden[layer] = x
        weight, bias = self._output
        return sigmoid(np.vecdot(weight, x) + bias)


def read(path: str | Path | None = None) -> Speech:
    """The trained network in a file, ready to use. Default: the causal one that ships, which live sound needs;
    FILE_WEIGHTS is the better one for a sound that is there as a whole.

    Raises FileNotFoundError if there is none, ValueError if the file holds something else.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path or WEIGHTS)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights; train them with recipes.train_audio2au")
    try:
        with safe_open(path, "np") as file:
            about = file.metadata() or {}
            if not {"config", "unit_names"} <= about.keys() or about.get("baseline") != BASELINE:
                raise ValueError(f"{path}: not weights of audio2au")
            state = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
            state.setdefault("knee", np.zeros_like(state["output.bias"]))  # weights from before there were these
            state.setdefault("shut", state["knee"])
            state.setdefault("less", np.zeros((2, len(state["knee"])), np.float32))
    except SafetensorError as error:
        raise ValueError(f"{path}: cannot be read as safetensors ({error})") from error
    return Speech(ModelConfig.from_json(about["config"]), tuple(json.loads(about["unit_names"])), state)
