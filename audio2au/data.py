"""Training examples: recordings with units, made into other voices, rooms and microphones.

The audio-visual corpus is mostly one man in one room. An example is a few seconds of one recording under one random
condition, and the units follow every change of time:

* voice: pitch, formants and tempo change independently. Resampling moves all three, a phase vocoder gives back the
  tempo, and warped mel filters (vocal-tract-length perturbation) give back part of the formants;
* hurry: some that are known to shut their lips at p, b, m say it all faster, and shut them there no less;
* room and microphone: reverberation, a random response over frequency (applied to the mel filters), band limits,
  gain, clipping;
* noise: coloured, humming, or other voices far away (babble: nobody in the picture speaks, so the units do not move);
* now and then music behind the voice, or the few bits of a telephone line;
* silence before, between and after sentences, and examples of nothing but noise, all with a face at rest.

Everything random comes from the generator passed in, so an example is a function of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from scipy.ndimage import median_filter
from scipy.signal import fftconvolve
from torchaudio.functional import phase_vocoder, resample

from audio2au.features import FeatureConfig, band_edges, features, mel_filters

PITCH = (0.7, 1.9)  # s1 is a man of about 115 Hz: from deep men to children's voices
FORMANTS = (0.88, 1.25)
TEMPO = (0.8, 1.25)
HURRY, HURRIED = (1.2, 1.7), 0.25  # times as fast, and the share of examples
RINGS = 3  # seconds after which a chord is not heard any more
VOCODER = 512  # samples of its window
REST_PERCENTILE = 10  # of the quiet frames' units: what the face is like when it says nothing
SPEECH_LEVEL = 0.45  # of the way from the 10th to the 95th percentile of the log level: above it someone speaks
REST, CLOSED = 2, 3  # weights that mean frames of rest, and lips that touch
FULL_FRAMES, REST_FRAMES = 3, 7  # distance from speech at which a mouth may still be open, and must be at rest


@dataclass(frozen=True)
class Recording:
    """One sentence or longer of one voice."""

    samples: np.ndarray
    """float32 [N], one channel, at the features' sample rate."""
    units: np.ndarray
    """float32 [T, U] at the features' frame rate, counted from rest; NaN where the tracker had lost the face."""
    known: np.ndarray
    """bool [U]: units that this recording has labels for."""
    source: str
    """Name of the set it comes from, which `Mixture` draws by."""
    phones: np.ndarray | None = None
    """int [T], the phone in the middle of each frame as an index in phones.PHONES; None where nobody knows."""
    closed: np.ndarray | None = None
    """bool [T], frames in which a p, b or m shuts the lips; None: nobody knows."""
    many_voiced: bool = False
    """One of many voices, which needs no change of pitch and tempo."""


def above_rest(units: np.ndarray, samples: np.ndarray, sample_rate: int, fps: float) -> np.ndarray:
    """Units [T, U] counted from the speaker's own resting face, clipped to [0, 1].

    Rest is each unit's median over the frames far from speech if they are at least a tenth of all frames, else its
    10th percentile over all frames. A face's constant brow, lid and lip position is the face's, not the voice's.
    """
    quiet = from_speech(samples, len(units), sample_rate, fps) > FULL_FRAMES
    if quiet.mean() >= 0.1:
        rest = np.nanmedian(units[quiet], axis=0)
    else:
        rest = np.nanpercentile(units, REST_PERCENTILE, axis=0)
    return (units - rest).clip(0, 1).astype(np.float32)


def from_speech(samples: np.ndarray, frames: int, sample_rate: int, fps: float) -> np.ndarray:
    """Distance of each frame from the nearest one with speech, in frames, [frames]."""
    level = np.nan_to_num(frame_level(samples, frames, sample_rate, fps), nan=np.log(1e-4))
    level = median_filter(level, 5, mode="nearest")  # a click or a gust is not speech
    low, high = np.percentile(level, [10, 95])
    speech = np.flatnonzero(level > low + SPEECH_LEVEL * (high - low))
    if not len(speech):
        return np.full(frames, np.inf)
    return np.abs(np.arange(frames)[:, None] - speech).min(1)


def shut_in_pauses(recording: Recording, sample_rate: int, fps: float) -> Recording:
    """The recording with a face that comes to rest 0.3 s from speech.

    People open their mouths long before they speak and idle after it. Nothing in the sound tells when, so a network
    learns to open the mouth because it has been silent for a while.
    """
    distance = from_speech(recording.samples, len(recording.units), sample_rate, fps)
    fade = ((REST_FRAMES - distance) / (REST_FRAMES - FULL_FRAMES)).clip(0, 1).astype(np.float32)
    return replace(recording, units=recording.units * fade[:, None])


def frame_level(samples: np.ndarray, frames: int, sample_rate: int, fps: float) -> np.ndarray:
    """Log root-mean-square of the sound under each frame, floored at -80 dB: [frames], NaN beyond the sound's end."""
    edges = np.round(np.arange(frames + 1) * sample_rate / fps).astype(int)
    total = np.concatenate([[0.0], np.cumsum(np.asarray(samples, np.float64) ** 2)])
    inside = edges[1:] <= len(samples)
    edges = np.minimum(edges, len(samples))
    mean = (total[edges[1:]] - total[edges[:-1]]) / np.maximum(np.diff(edges), 1)
    return np.where(inside, np.log(1e-4 + np.sqrt(np.maximum(mean, 0))), np.nan)


def at_frames(units: np.ndarray, times: np.ndarray, frames: int, fps: float) -> np.ndarray:
    """`units` [T, U] known at `times` -> linearly interpolated to the middles of `frames` frames, ends held."""
    middle = (np.arange(frames) + 0.5) / fps
    return np.stack([np.interp(middle, times, column) for column in units.T], axis=1).astype(np.float32)


def change_voice(samples: np.ndarray, pitch: float, tempo: float) -> np.ndarray:
    """Pitch and formants times `pitch`, duration divided by `tempo`."""
    ratio = Fraction(1 / pitch).limit_denominator(12)
    moved = resample(torch.from_numpy(np.float32(samples)), ratio.denominator, ratio.numerator)
    rate = tempo * float(ratio)  # resampling has already divided the duration by 1 / ratio
    if abs(rate - 1) < 0.03:
        return moved.numpy()
    grid = {"n_fft": VOCODER, "hop_length": VOCODER // 4, "window": torch.hann_window(VOCODER)}
    turn = torch.linspace(0, torch.pi * VOCODER // 4, VOCODER // 2 + 1)[:, None]  # of a bin's phase in one hop
    return torch.istft(phase_vocoder(torch.stft(moved, **grid, return_complex=True), rate, turn), **grid).numpy()


def coloured_noise(rng: np.random.Generator, length: int, sample_rate: int) -> np.ndarray:
    """Unit-power noise [length]: a random slope from blue to brown, often humming, often swelling and fading."""
    size = 1 << int(np.ceil(np.log2(max(length, 2))))
    shape = np.arange(1, size // 2 + 2, dtype=np.float32) ** -rng.uniform(-0.3, 1.1)
    shape[: size * 40 // sample_rate + 1] = 0
    phases = rng.random(size // 2 + 1, np.float32) * np.float32(2 * np.pi)
    noise = np.fft.irfft(shape * np.exp(1j * phases), size)[:length]
    noise /= noise.std() + 1e-9
    time = np.arange(length) / sample_rate
    if rng.random() < 0.3:
        base = rng.choice([50.0, 60.0, 100.0, rng.uniform(80, 400)])
        hum = sum(np.sin(2 * np.pi * (base * k * time + rng.random())) / k for k in range(1, 6))
        noise = noise + rng.uniform(0.2, 2) * hum
    if rng.random() < 0.4:
        noise = noise * (1 + rng.uniform(0, 0.8) * np.sin(2 * np.pi * (rng.uniform(0.05, 1.5) * time + rng.random())))
    return (noise / (noise.std() + 1e-9)).astype(np.float32)


def music(rng: np.random.Generator, length: int, sample_rate: int) -> np.ndarray:
    """Chords that are struck and fade, with a bass and a drum on the beat: [length]."""
    time = np.arange(length, dtype=np.float32) / np.float32(sample_rate)  # sines of doubles cost most of an example
    out = np.zeros(length, np.float32)
    beat, root = rng.uniform(0.25, 0.7), 55 * 2 ** (rng.integers(12) / 12)
    for start in np.arange(0, length / sample_rate, beat):
        first = int(start * sample_rate)
        t = time[: min(length - first, RINGS * sample_rate)]
        bass = root * 2 ** (rng.choice([0, 5, 7]) / 12)
        tones = [bass, *(bass * 4 * 2 ** (k / 12) for k in rng.choice([0, 3, 4, 7, 12], 3))]
        struck = sum(np.sin(np.float32(2 * np.pi * tone * k) * t) / k**1.3 for tone in tones for k in range(1, 5))
        ringing = out[first : first + len(t)]
        ringing += struck * np.exp(-t / np.float32(rng.uniform(0.2, 0.8)))
        ringing += rng.standard_normal(len(t)) * np.exp(-t / 0.03) * rng.uniform(0, 4)
    return out


def few_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    """The sound kept with `bits` and a sign per sample on a logarithmic scale (mu-law), as on a telephone line."""
    peak = np.abs(samples).max() + 1e-9
    small = np.sign(samples) * np.log1p(255 * np.abs(samples) / peak) / np.log(256)
    small = np.round(small * 2**bits) / 2**bits
    return (np.sign(small) * peak * (256 ** np.abs(small) - 1) / 255).astype(np.float32)


def reverberate(rng: np.random.Generator, samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Sound in a random room: direct sound and an exponentially decaying tail of 0.1 to 0.7 s."""
    decay = rng.uniform(0.1, 0.7)
    time = np.arange(int(decay * sample_rate)) / sample_rate
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / decay)
    tail[: int(0.003 * sample_rate)] = 0
    tail *= rng.uniform(0.1, 0.8) / (np.sqrt((tail**2).sum()) + 1e-9)
    tail[0] = 1
    return fftconvolve(np.float32(samples), np.float32(tail))[: len(samples)]


def random_filters(rng: np.random.Generator, config: FeatureConfig, warp: float) -> np.ndarray:
    """Mel filters of a random vocal tract (`warp`) heard through a random microphone: tilt, ripple, band limits."""
    filters = mel_filters(config, warp)
    frequency = band_edges(config)[1:-1]
    octave = np.log2(frequency / 1000)
    place = np.linspace(0, 1, len(octave))
    ripple = sum(rng.normal(0, 0.6) * np.cos(np.pi * k * (place + rng.random())) for k in range(1, 5))
    gain = np.exp(rng.normal(0, 0.35) * octave + ripple)
    if rng.random() < 0.15:  # a telephone, or a low-rate file
        gain *= np.where((frequency > rng.uniform(50, 350)) & (frequency < rng.uniform(3200, 5500)), 1, 1e-6)
    return (filters * gain[:, None]).astype(np.float32)


def level_to(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Scaled so that the loud parts (root-mean-square of the louder half) are at `decibels` re full scale."""
    power = samples.astype(np.float64) ** 2
    power = power[power >= np.median(power)].mean()
    return samples * np.float32(10 ** (decibels / 20) / np.sqrt(power + 1e-12))


class Mixture:
    """Draws training examples from recordings; `weights` gives each source its share of the examples."""

    def __init__(self, recordings: list[Recording], weights: dict[str, float], config: FeatureConfig, frames: int):
        self.config, self.frames = config, frames
        self._groups = {s: [r for r in recordings if r.source == s] for s in weights}
        if empty := [s for s, group in self._groups.items() if not group]:
            raise ValueError(f"no recordings of {', '.join(empty)}")
        self._sources = list(weights)
        self.units = recordings[0].units.shape[1]
        self._share = np.array(list(weights.values())) / sum(weights.values())

    def source(self, rng: np.random.Generator) -> str:
        """The source that `example` draws from, given the same random state."""
        return self._sources[rng.choice(len(self._sources), p=self._share)]

    def example(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Features [frames, dimension], units [frames, U], their weight [frames, U] (0 without label, REST, CLOSED)
        and phones [frames] (-1: not known)."""
        config, rate = self.config, self.config.sample_rate
        group = self._groups[self.source(rng)]
        length = self.frames * rate // config.fps
        pitch, formants = self._voice(rng)
        if group[0].many_voiced:
            pitch, formants = 1.0, formants / pitch if rng.random() < 0.5 else 1.0
            formants = float(np.clip(formants, 0.85, 1.2))
        if rng.random() < 0.08:  # nobody speaks
            count = group[0].units.shape[1]
            speech = np.zeros(length, np.float32)
            units, weight = np.zeros((self.frames, count), np.float32), np.full((self.frames, count), REST, np.float32)
            phones = np.zeros(self.frames, np.int64)
        else:
            speech, units, weight, phones = self._sentences(rng, group, pitch, length)
        loudness = rng.uniform(-45, -12)
        speech = level_to(speech, loudness) if speech.any() else speech
        if rng.random() < 0.35:
            speech = reverberate(rng, speech, rate)
        sound = speech + self._background(rng, group, length, loudness)
        if rng.random() < 0.1:
            peak = np.abs(sound).max() + 1e-6
            sound = sound.clip(-peak * rng.uniform(0.2, 0.9), peak)
        if rng.random() < 0.1:
            sound = few_bits(sound, rng.choice([3, 4, 5, 6]))
        vectors = features(sound, config, random_filters(rng, config, pitch / formants))[: self.frames]
        return vectors, units, weight, phones

    def _voice(self, rng: np.random.Generator) -> tuple[float, float]:
        """Pitch and formant factor; a third of the examples keep the speaker's own."""
        if rng.random() < 0.33:
            return 1.0, 1.0
        return float(np.exp(rng.uniform(*np.log(PITCH)))), float(np.exp(rng.uniform(*np.log(FORMANTS))))

    def _sentences(self, rng, group, pitch: float, length: int) -> tuple[np.ndarray, ...]:
        """Sentences and pauses end to end from a random moment on: samples [length], units and weight [frames, U],
        phones [frames]."""
        rate, fps = self.config.sample_rate, self.config.fps
        per_frame = rate // fps
        sound, units, weight, phones, total = [], [], [], [], 0
        tempo = float(np.exp(rng.uniform(*np.log(TEMPO)))) if pitch != 1.0 else 1.0
        if group[0].closed is not None and rng.random() < HURRIED:
            tempo = float(rng.uniform(*HURRY))
        while total < self.frames:
            recording = group[rng.integers(len(group))]
            count = recording.units.shape[1]
            pause = int(rng.exponential(0.5) * fps) if rng.random() < 0.6 else 0
            start = int(rng.integers(max(1, len(recording.units) - self.frames + 1)))
            rows = recording.units[start : start + self.frames]
            piece = recording.samples[start * per_frame : (start + len(rows)) * per_frame]
            if (pitch, tempo) != (1.0, 1.0):
                piece = change_voice(piece, pitch, tempo)
            frames = len(piece) // per_frame
            times = (np.arange(len(rows)) + 0.5) / fps * frames / len(rows)
            source = start + np.arange(frames) * len(rows) // max(frames, 1)
            shut = np.flatnonzero([] if recording.closed is None else recording.closed[start : start + len(rows)])
            told, rows = rows, at_frames(rows, times, frames, fps)
            now = (times[shut] * fps).astype(int).clip(0, frames - 1)  # between two frames of now a closure is none
            rows[now] = told[shut]
            known = np.where(np.isfinite(rows), recording.known, 0).astype(np.float32)
            known[now] *= CLOSED
            phones.append(np.full(pause, 0))
            phones.append(np.full(frames, -1) if recording.phones is None else recording.phones[source])
            sound += [np.zeros(pause * per_frame, np.float32), piece[: frames * per_frame]]
            units += [np.zeros((pause, count), np.float32), np.nan_to_num(rows)]
            weight += [np.full((pause, count), REST, np.float32), known]
            total += pause + frames
        first = int(rng.integers(total - self.frames + 1))
        cut = slice(first, first + self.frames)
        whole = np.concatenate(sound)[first * per_frame :][:length]
        return whole, np.concatenate(units)[cut], np.concatenate(weight)[cut], np.concatenate(phones)[cut]

    def _background(self, rng, group, length: int, loudness: float) -> np.ndarray:
        """Noise from inaudible to 5 dB below the voice, and now and then other voices far away."""
        rate = self.config.sample_rate
        if rng.random() < 0.2:  # digital silence behind the voice, dithered or not
            return rng.standard_normal(length).astype(np.float32) * np.float32(rng.choice([0, 1e-5]))
        noise = coloured_noise(rng, length, rate) * np.float32(10 ** ((loudness - rng.uniform(8, 45)) / 20))
        if rng.random() < 0.15:
            noise = noise + level_to(music(rng, length, rate), loudness - rng.uniform(6, 25))
        if rng.random() < 0.15:
            voices = np.zeros(length, np.float32)
            for _ in range(4):
                other = group[rng.integers(len(group))].samples
                voices += np.roll(np.resize(other, length), int(rng.integers(length)))
            noise = noise + level_to(reverberate(rng, voices, rate), loudness - rng.uniform(12, 30))
        if rng.random() < 0.25:  # a recording that is switched on, or off, within the example
            first, last = np.sort(rng.integers(length, size=2))
            noise[:first] = 0
            noise[last if rng.random() < 0.5 else length :] = 0
        return noise
