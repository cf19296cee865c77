"""What of a voice moves a head: loudness, pitch, stressed syllables, where phrases begin and end.

Sound comes in in pieces of any size and one `Beat` goes out for every 25th of a second, LOOK_AHEAD frames behind the
sound; the numbers do not depend on the pieces, and memory does not grow.

A syllable's nucleus is a peak of loudness between 250 and 3500 Hz, where vowels are strong. How stressed it is, is told
by its rise above the valley before it, its loudness and its pitch, each against what this voice has done of late (after
Mermelstein 1975 and Silipo & Greenberg 1999, who found loudness and length, then pitch, to make stress in English).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

FPS = 25
LOOK_AHEAD = 3  # frames of sound after the one described, as audio2au needs them too
BAND = (250.0, 3500.0)  # Hz
PITCH = (65.0, 420.0)  # Hz
VOICED = 0.5  # normalised autocorrelation from which a frame has a pitch
# Loudness in decibels. The floor follows the quietest moment and rises slowly; the peak falls slowly, in speech only.
QUIETEST_PEAK, QUIETEST_FLOOR = -52.0, -75.0
FLOOR_RISE, PEAK_FALL = 3.0, 2.0  # dB a second
ABOVE_FLOOR, BELOW_PEAK = 8.0, 28.0  # where level 0 lies, whichever is louder
RISE = 0.08  # of the level, from the valley to the nucleus: less is no syllable
REFRACTORY = 3  # frames from one nucleus to the next
MEMORY = 12.0  # nuclei whose mean is what a voice has done of late
SPEAKING = 0.2  # level
PAUSE = 0.24  # seconds of silence that end a phrase
PHRASE = 0.5  # seconds of speech that make one


class Beat(NamedTuple):
    """One frame of a voice. `level` is 0 in silence and 1 at the voice's loudest; `stress` is 0 except one frame before
    the nucleus of a syllable, where 1 is this voice's usual; `begins` and `ends` are true where a phrase does; `silent`
    is the seconds since the last speech."""

    level: float
    stress: float
    begins: bool
    ends: bool
    silent: float


class Prosody:
    """Float32 sound at `sample_rate` in, Beats out."""

    def __init__(self, sample_rate: int):
        self._rate = sample_rate
        self._window = np.hanning(round(sample_rate / FPS) + 2)[1:-1]
        size = 1 << (2 * len(self._window) - 1).bit_length()
        self._size, hertz = size, np.arange(size // 2 + 1) * sample_rate / size
        self._band = (hertz >= BAND[0]) & (hertz <= BAND[1])
        self._shape = np.fft.irfft(np.abs(np.fft.rfft(self._window, size)) ** 2)  # the window's own autocorrelation
        self._held, self._heard, self._given = np.zeros(0, np.float32), 0, 0
        self._peak, self._floor = QUIETEST_PEAK, 0.0
        self._levels: deque[float] = deque([0.0] * (2 * LOOK_AHEAD), maxlen=2 * LOOK_AHEAD + 1)
        self._pitches: deque[float] = deque([0.0] * (2 * LOOK_AHEAD), maxlen=2 * LOOK_AHEAD + 1)
        self._usual_pitch, self._usual_stress, self._valley = 0.0, 0.0, 0.0
        self._since = REFRACTORY
        self._spoken, self._silent, self._in_phrase = 0, round(FPS * PAUSE), False

    def push(self, samples: np.ndarray) -> list[Beat]:
        """The Beats now certain."""
        self._held = np.concatenate([self._held, samples])
        out, start = [], 0
        while (end := start + self._length(self._heard)) <= len(self._held):
            out += self._hear(self._held[start:end])
            start = end
        self._held = self._held[start:]
        return out

    def finish(self, frames: int) -> list[Beat]:
        """The Beats still owed so that there are `frames` in all; beyond the sound there is silence."""
        out: list[Beat] = []
        while self._given < frames:
            silence = np.zeros(self._length(self._heard) - len(self._held), np.float32)
            out += self.push(silence)
        return out

    def _length(self, frame: int) -> int:
        return (frame + 1) * self._rate // FPS - frame * self._rate // FPS

    def _hear(self, samples: np.ndarray) -> list[Beat]:
        """One more frame of sound; the Beat LOOK_AHEAD frames before it."""
        self._heard += 1
        window = self._window[: len(samples)]
        spectrum = np.abs(np.fft.rfft(window * samples[: len(window)], self._size)) ** 2
        power = spectrum[self._band].sum() / (self._size * (self._window**2).sum())
        self._levels.append(self._level(10 * np.log10(2 * power + 1e-10)))
        self._pitches.append(self._pitch(spectrum) if self._levels[-1] > SPEAKING else 0.0)
        if self._heard <= LOOK_AHEAD:
            return []
        self._given += 1
        return [self._beat()]

    def _level(self, decibels: float) -> float:
        self._floor = max(min(self._floor + FLOOR_RISE / FPS, decibels), QUIETEST_FLOOR)
        speech = decibels > self._peak - BELOW_PEAK
        self._peak = max(self._peak - PEAK_FALL / FPS * speech, decibels, QUIETEST_PEAK)
        bottom = min(max(self._floor + ABOVE_FLOOR, self._peak - BELOW_PEAK), self._peak - 6.0)
        return float(np.clip((decibels - bottom) / (self._peak - bottom), 0.0, 1.0))

    def _pitch(self, spectrum: np.ndarray) -> float:
        """Octaves above 1 Hz, 0 where there is no pitch; by autocorrelation, less the window's own."""
        correlation = np.fft.irfft(spectrum) / np.maximum(self._shape, 1e-6 * self._shape[0])
        low, high = int(self._rate / PITCH[1]), int(self._rate / PITCH[0])
        lag = low + int(correlation[low:high].argmax())
        clear = correlation[lag] > VOICED * correlation[0] > 0
        return float(np.log2(self._rate / lag)) if clear else 0.0

    def _beat(self) -> Beat:
        levels = list(self._levels)
        smooth = [(a + 2 * b + c) / 4 for a, b, c in zip(levels, levels[1:], levels[2:])]
        level = levels[LOOK_AHEAD]
        stress = self._stress(*smooth[LOOK_AHEAD - 1 :])
        begins, ends = self._phrases(level)
        return Beat(level, stress, begins, ends, self._silent / FPS)

    def _stress(self, before: float, level: float, after: float) -> float:
        """That of a nucleus in the next frame, whose smoothed level is given, and its neighbours'; 0 where there is
        none."""
        self._valley, self._since = min(self._valley, level), self._since + 1
        rise = level - self._valley
        if not before <= level > after or rise < RISE or level < SPEAKING or self._since < REFRACTORY:
            return 0.0
        self._since, self._valley = 0, level
        found = [p for p in list(self._pitches)[LOOK_AHEAD:] if p]
        higher = 0.0
        if found:
            pitch = float(np.median(found))
            higher = pitch - self._usual_pitch if self._usual_pitch else 0.0
            self._usual_pitch += higher / MEMORY if self._usual_pitch else pitch
        weight = max(rise + 0.5 * level + 1.0 * min(max(higher, -0.4), 0.4), 0.05)
        self._usual_stress += (weight - self._usual_stress) / MEMORY if self._usual_stress else weight
        return weight / self._usual_stress

    def _phrases(self, level: float) -> tuple[bool, bool]:
        """Whether a phrase begins, or has ended, here."""
        if level > SPEAKING:
            self._spoken, self._silent = self._spoken + 1, 0
        else:
            self._silent += 1
        paused = self._silent >= round(FPS * PAUSE)
        begins = not self._in_phrase and self._silent == 0 and self._spoken >= 2
        ends = self._in_phrase and paused and self._spoken >= FPS * PHRASE
        self._in_phrase = begins or self._in_phrase and not paused
        if paused:
            self._spoken = 0
        return begins, ends
