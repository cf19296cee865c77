"""Sound to a fixed grid of feature vectors, one per video frame; the same streaming code in training and in use.

Each frame of `1 / fps` seconds is cut into `steps` equal steps, and each step is a short-time spectrum centred on the
middle of the step, so that vector k describes the middle of frame k, the time (k + 0.5) / fps. Two kinds:

* `logmel` (the default): log-mel bands with their first and second time differences, and two numbers per step that
  say how loud the step is: below the recent peak, and above the recent noise floor.
* `pham2017`: 13 MFCC with two differences, log-mel bands, 12 chroma, as in Pham et al., CVPR-W 2017 (read: 537 values
  from three steps and 128 bands, at 44.1 kHz; the steps here fit the frame grid and 24 kHz).

Voices, microphones and gains differ; the log-mel bands are normalised for that by `Normaliser`, causally. Differences
look two steps ahead, which is why vector k is ready one frame late (`LOOK_AHEAD`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

AT_ONCE = 256  # frames whose spectra are made at once
LOOK_AHEAD = 1  # frames that must have been heard after the one described
QUANTISATION = 1e-9  # mean power per bin, -90 dB re full scale: 16-bit files' own noise, which is no sound
SMALL = 1e-16

# The normaliser's constants, in natural-log power (1 = 4.3 dB).
DEPTH = 8.0  # everything further than this (35 dB) below the recent peak counts as silence
QUIETEST_PEAK = -13.8  # -60 dB re full scale: what never rises above this is silence at any gain
QUIETEST_FLOOR = -16.1  # -70 dB: room noise after digital silence must not look like speech
PEAK_FALL = 0.92  # per second of speech (4 dB), so that a loud word is forgotten within a sentence
ACTIVE_BELOW_PEAK, ACTIVE_ABOVE_FLOOR = 4.6, 1.4  # 20 dB and 6 dB: where both hold, someone is speaking
FLOOR_SECONDS = 2.0  # the noise floor is the quietest moment of this window
SMOOTHING_SECONDS = 0.06
SPECTRUM_SECONDS = (0.5, 3.0)  # weight of the prior mean spectrum, and memory of the running one
TILT = 2.07  # prior mean spectrum of speech: flat to 500 Hz, then 9 dB down per octave
LOUDEST_ABOVE_FLOOR = 12.0

# Over five steps: the slope of the local straight line, and the second derivative of the local parabola.
_DIFFERENCES = np.array([[-0.2, -0.1, 0, 0.1, 0.2], [2 / 7, -1 / 7, -2 / 7, -1 / 7, 2 / 7]], np.float32)


@dataclass(frozen=True)
class FeatureConfig:
    """What a feature vector is made of; kept in the weights' metadata."""

    kind: str = "logmel"
    """`logmel` or `pham2017`."""
    sample_rate: int = 16000
    """Samples per second the sound must have."""
    fps: int = 25
    """Feature vectors, and so unit vectors, per second."""
    steps: int = 2
    """Spectra per frame, at least 2."""
    n_fft: int = 512
    """Samples of the Hann window and of its Fourier transform."""
    n_mels: int = 40
    """Mel bands."""
    fmin: float = 80.0
    """Lower edge of the first band, Hz."""
    fmax: float = 7600.0
    """Upper edge of the last band, Hz."""

    def __post_init__(self) -> None:
        if self.kind not in ("logmel", "pham2017"):
            raise ValueError(f"feature kind {self.kind!r}: must be logmel or pham2017")
        if self.steps < 2:
            raise ValueError(f"steps = {self.steps}: must be 2 or more")
        if self.sample_rate % (2 * self.fps * self.steps):
            raise ValueError(f"sample_rate {self.sample_rate} must be a multiple of 2 * fps * steps")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(f"bands from {self.fmin} to {self.fmax} Hz do not fit {self.sample_rate} samples/s")

    @property
    def hop(self) -> int:
        """Samples per step."""
        return self.sample_rate // (self.fps * self.steps)

    @property
    def dimension(self) -> int:
        """Values per frame."""
        per_step = 3 * self.n_mels + 2 if self.kind == "logmel" else 3 * 13 + self.n_mels + 12
        return self.steps * per_step


def _to_mel(hertz: np.ndarray) -> np.ndarray:
    hertz = np.asarray(hertz, float)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) * 27 / np.log(6.4))


def _to_hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


def band_edges(config: FeatureConfig) -> np.ndarray:
    """Edges and centres of the mel bands (Slaney's scale), [n_mels + 2] Hz; band b is a triangle over b, b+1, b+2."""
    return _to_hertz(np.linspace(_to_mel(config.fmin), _to_mel(config.fmax), config.n_mels + 2))


def mel_filters(config: FeatureConfig, warp: float = 1.0) -> np.ndarray:
    """Triangular filters [n_mels, n_fft // 2 + 1], each of sum 1: a band is a mean power per bin.

    `warp` moves every band to `warp` times its frequency, which makes a vocal tract of the other length (training).
    """
    edges = band_edges(config) * warp
    bins = np.arange(config.n_fft // 2 + 1) * config.sample_rate / config.n_fft
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)
    return (filters / np.maximum(filters.sum(1, keepdims=True), 1e-9)).astype(np.float32)


def chroma_filters(config: FeatureConfig) -> np.ndarray:
    """Weights [12, n_fft // 2 + 1] of each bin's power in the twelve pitch classes from C, as librosa has them.

    A bin belongs to the classes around its own pitch by a Gaussian as wide as the bin (a semitone at least), of unit
    energy over the classes; octaves count by a Gaussian of deviation two around the one of A at 880 Hz.
    """
    hertz = np.arange(1, config.n_fft) * config.sample_rate / config.n_fft
    pitch = 12 * np.log2(hertz / 27.5)  # semitones above the lowest A
    pitch = np.concatenate([[pitch[0] - 18], pitch])  # no pitch at 0 Hz: one and a half octaves below the next bin
    width = np.append(np.maximum(np.diff(pitch), 1), 1)
    distance = (pitch - np.arange(12)[:, None] + 6) % 12 - 6
    weights = np.exp(-2 * (distance / width) ** 2)
    weights /= np.sqrt((weights**2).sum(0))
    weights *= np.exp(-(((pitch / 12 - 5) / 2) ** 2) / 2)
    return np.roll(weights, -3, axis=0)[:, : config.n_fft // 2 + 1].astype(np.float32)


class Normaliser:
    """Causal level and spectrum normalisation of log-mel bands: what gain, distance and microphone do is taken out.

    Subtracts a follower of the recent peak level (instant rise, slow fall while someone speaks) and the running mean
    spectrum of the speech so far. Only speech moves either, so a pause of any length changes nothing, and a pause is
    as deep below the peak as it was in the room. Digital silence gives the constant -DEPTH.
    """

    def __init__(self, config: FeatureConfig) -> None:
        rate = config.fps * config.steps
        centres = np.maximum(band_edges(config)[1:-1], 500)
        self._spectrum = (-TILT * np.log2(centres / 500)).astype(np.float32)
        self._heard, self._memory = (seconds * rate for seconds in SPECTRUM_SECONDS)
        self._peak = QUIETEST_PEAK
        self._fall = PEAK_FALL / rate
        self._smoothing = 1 / max(1.0, SMOOTHING_SECONDS * rate)
        self._level: float | None = None
        self._recent: deque[float] = deque(maxlen=int(FLOOR_SECONDS * rate))

    def __call__(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bands' mean power [n, n_mels] of the next steps -> normalised log bands [n, n_mels], loudness [n, 2] (both
        >= -1)."""
        power = np.maximum(power - QUANTISATION, 0)
        bands, means = np.log(power + SMALL), np.log(power.mean(-1) + SMALL)
        known, loudness = np.empty_like(bands), np.empty((len(bands), 2), np.float32)
        for k, level in enumerate(means.tolist()):
            self._level = level if self._level is None else self._level + self._smoothing * (level - self._level)
            self._recent.append(self._level)
            above_floor = level - max(min(self._recent), QUIETEST_FLOOR)
            self._peak = max(self._peak, self._level)
            below_peak = level - self._peak
            if below_peak > -ACTIVE_BELOW_PEAK and above_floor > ACTIVE_ABOVE_FLOOR:
                self._peak = max(self._peak - self._fall, QUIETEST_PEAK)
                self._heard = min(self._heard + 1, self._memory)
                self._spectrum = self._spectrum + (np.maximum(bands[k] - level, -DEPTH) - self._spectrum) / self._heard
            known[k] = self._peak + self._spectrum
            loudness[k] = max(below_peak, -DEPTH) / DEPTH, min(max(above_floor, 0.0), LOUDEST_ABOVE_FLOOR) / DEPTH
        return np.logaddexp(bands - known, -DEPTH).astype(np.float32), loudness


class FeatureStream:
    """Push sound in pieces of any size, get the vectors that are ready; the numbers do not depend on the pieces.

    Before its first sample the sound counts as silent, and after `finish` again. `filters` [n_mels, n_fft // 2 + 1]
    replaces the mel filters (training: another vocal tract, another microphone).
    """

    def __init__(self, config: FeatureConfig, filters: np.ndarray | None = None) -> None:
        self.config = config
        self.frames = 0  # vectors given so far
        self._filters = (mel_filters(config) if filters is None else filters).T.copy()
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.n_fft) / config.n_fft)
        self._window = (window / np.sqrt((window**2).sum())).astype(np.float32)
        self._normaliser = Normaliser(config)
        self._samples = np.zeros(config.n_fft // 2 - config.hop // 2, np.float32)
        steps = np.arange(config.steps)[:, None]
        self._windows = config.hop * steps + np.arange(config.n_fft)
        self._neighbours = config.steps - 2 + steps + np.arange(5)
        silent = np.full((config.steps, config.n_mels), -DEPTH, np.float32)
        self._blocks: list[np.ndarray] = [silent]  # normalised bands of the frames before, at and after the next one
        self._extras: list[np.ndarray] = []
        if config.kind == "pham2017":
            self._chroma = chroma_filters(config).T.copy()
            k = np.arange(config.n_mels)
            cosines = np.cos(np.pi * np.outer(np.arange(13), k + 0.5) / config.n_mels) * np.sqrt(2 / config.n_mels)
            cosines[0] /= np.sqrt(2)
            self._cosines = cosines.T.astype(np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """`samples` [N] in [-1, 1] at the config's rate -> the vectors now ready, [t, dimension] float32."""
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise ValueError(f"samples must be one channel, [N]; got shape {samples.shape}")
        self._samples = np.concatenate([self._samples, samples])
        config = self.config
        advance = config.hop * config.steps
        span = advance - config.hop + config.n_fft
        count = max((len(self._samples) - span) // advance + 1, 0)
        vectors = []
        for first in range(0, count, AT_ONCE):
            frames = np.arange(first, min(first + AT_ONCE, count))
            vectors += self._blocks_of(self._samples[advance * frames[:, None, None] + self._windows])
        self._samples = self._samples[advance * count :].copy()
        self.frames += len(vectors)
        return np.array(vectors, np.float32).reshape(-1, config.dimension)

    def finish(self, frames: int) -> np.ndarray:
        """The remaining vectors, so that `frames` have been given in all: silence follows the sound."""
        missing = frames - self.frames
        if missing <= 0:
            return np.zeros((0, self.config.dimension), np.float32)
        advance = self.config.hop * self.config.steps
        padding = np.zeros((missing + LOOK_AHEAD) * advance + self.config.n_fft, np.float32)
        return self.push(padding)[:missing]

    def _blocks_of(self, samples: np.ndarray) -> list[np.ndarray]:
        """The samples of frames' steps in, [n, steps, n_fft]; the vectors of the frames before them out, none of the
        one before the first."""
        config = self.config
        spectrum = np.fft.rfft(samples * self._window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        bands, extras = self._normaliser((power @ self._filters).reshape(-1, config.n_mels))
        if config.kind == "pham2017":
            chroma = power @ self._chroma
            extras = chroma / np.maximum(chroma.max(-1, keepdims=True), SMALL)
        out = []
        for block, extra in zip(*(part.reshape(len(samples), config.steps, -1) for part in (bands, extras))):
            self._blocks.append(block)
            self._extras.append(extra)
            if len(self._blocks) == 3:
                out.append(self._vector(np.concatenate(self._blocks), self._extras.pop(0)))
                del self._blocks[0]
        return out

    def _vector(self, history: np.ndarray, extras: np.ndarray) -> np.ndarray:
        steps = self.config.steps
        base = history if self.config.kind == "logmel" else history @ self._cosines
        differences = _DIFFERENCES @ base[self._neighbours]
        parts = [base[steps : 2 * steps], differences[:, 0], differences[:, 1]]
        if self.config.kind == "pham2017":
            parts.append(history[steps : 2 * steps])
        return np.concatenate([*parts, extras], axis=1).reshape(-1)


def features(samples: np.ndarray, config: FeatureConfig, filters: np.ndarray | None = None) -> np.ndarray:
    """All feature vectors of a whole sound: [frames, dimension], frames = the sound's length rounded up to frames."""
    stream = FeatureStream(config, filters)
    ready = stream.push(samples)
    return np.concatenate([ready, stream.finish(frame_count(len(samples), config))])


def frame_count(samples: int, config: FeatureConfig) -> int:
    """Frames that cover `samples` samples: rounded up, so the picture never ends before the sound."""
    return -(-samples * config.fps // config.sample_rate)
