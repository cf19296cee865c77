"""A network that reads sound both ways, at work without torch, block by block in constant memory: `BlockStream`.

Latency-controlled bidirectional LSTM (Zhang et al., "Highway LSTM RNNs for distant speech recognition", 2016): the
forward half carries its state on, the backward half starts anew a second beyond each block.
"""

from __future__ import annotations

import numpy as np

from audio2au.features import FeatureStream, frame_count
from audio2au.recurrent import BLOCK, CONTEXT, ModelConfig, Settled, halved, moved_on, sigmoid


class BlockStream:
    """As UnitStream, for a network that reads both ways: BLOCK frames at a time, the backward half from CONTEXT frames
    beyond them, the forward half on from where it was. The blocks lie on a fixed grid, so the numbers do not depend on
    the pieces.
    """

    def __init__(self, config: ModelConfig, state: dict[str, np.ndarray]) -> None:
        self._config, w = config, state
        self._features = FeatureStream(config.features)
        self._mean, self._scale = w["mean"], w["scale"]
        self._output = w["output.weight"].T.copy(), w["output.bias"]
        self._units, self._settled = len(w["output.bias"]), Settled(w)
        self._layers = [
            (
                _stacked(w, f"weight_ih_l{i}"),
                _stacked(w, f"weight_hh_l{i}").transpose(0, 2, 1).copy(),
                _stacked(w, f"bias_ih_l{i}") + _stacked(w, f"bias_hh_l{i}"),
            )
            for i in range(config.layers)
        ]
        self._states = [np.zeros((2, config.hidden), np.float32) for _ in self._layers]
        self._vectors = np.zeros((0, config.features.dimension), np.float32)
        self._samples = 0
        self._given = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """`samples` float32 [N] in [-1, 1], one channel at `sample_rate` -> the frames now ready, [t, U] float32."""
        self._samples += len(samples)
        return self._take(self._features.push(samples), least=BLOCK + CONTEXT)

    def finish(self, frames: int | None = None) -> np.ndarray:
        """The frames still owed, [t, U], so that `frames` have been given in all, as UnitStream.finish."""
        frames = frame_count(self._samples, self._config.features) if frames is None else frames
        missing = max(frames - self._given, 0)
        return self._take(self._features.finish(frames), least=1)[:missing]

    def _take(self, vectors: np.ndarray, least: int) -> np.ndarray:
        self._vectors = np.concatenate([self._vectors, (vectors - self._mean) * self._scale])
        out = [np.zeros((0, self._units), np.float32)]
        while len(self._vectors) >= least:
            out.append(self._block(self._vectors[: BLOCK + CONTEXT])[:BLOCK])
            self._vectors = self._vectors[BLOCK:].copy()
        given = np.concatenate(out)
        self._given += len(given)
        return given

    def _block(self, x: np.ndarray) -> np.ndarray:
        """The units of normalised vectors [T, dimension]; the forward state goes on from frame BLOCK."""
        for i, layer in enumerate(self._layers):
            x, self._states[i] = _read(x, *layer, self._states[i])
        weight, bias = self._output
        return self._settled(sigmoid(x @ weight + bias))


def _stacked(w: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A layer's parameters of both directions, forward first, for `moved_on`."""
    return np.stack([halved(w[f"lstm.{name}{way}"]) for way in ("", "_reverse")])


def _read(
    x: np.ndarray, into: np.ndarray, again: np.ndarray, bias: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One layer over [T, d], both ways at once -> hidden [T, 2 * width], and the forward half's state [2, width] after
    frame BLOCK."""
    hidden, cell = (np.stack([part, np.zeros_like(part)]) for part in state)
    kept, out = state, np.empty((len(x), *hidden.shape), np.float32)
    both = np.stack([x, x[::-1]]) @ into.transpose(0, 2, 1) + bias[:, None]
    for t in range(len(x)):
        hidden, cell = moved_on(both[:, t] + np.matmul(hidden[:, None], again)[:, 0], cell)
        out[t] = hidden
        if t == BLOCK - 1:
            kept = np.stack([hidden[0], cell[0]])
    return np.hstack([out[:, 0], out[::-1, 1]]), kept
