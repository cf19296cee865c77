"""Phones that are known, played as if they were heard: for a synthesiser that says what it speaks."""

from __future__ import annotations

import numpy as np

from audio2au.phones import Articulation, Phone, loudness, tongue, with_pauses


class Reciter:
    """Stands where `audio2au.speech.Speech` does; its streams count the sound and do not listen to it."""

    fps = 25.0
    look_ahead = 0

    def __init__(
        self, phones: list[Phone], samples: np.ndarray, sample_rate: int, table: Articulation | None = None
    ) -> None:
        """`samples` float32 [N] are the whole sound, which tells how loud each vowel is."""
        table = table or Articulation.load()
        self.sample_rate, self.unit_names = sample_rate, (*table.unit_names, "TongueUp")
        frames = -(-len(samples) * int(self.fps) // sample_rate)
        phones = with_pauses(phones, frames / self.fps)
        units = table(phones, frames, self.fps, loudness(phones, samples, sample_rate))
        self._units = np.column_stack([units, tongue(phones, frames, self.fps)])

    def stream(self) -> RecitedStream:
        return RecitedStream(self._units, self.sample_rate / self.fps)


class RecitedStream:
    """As `audio2au.speech.UnitStream`: a frame is given when its sound has been pushed; after the last, rest."""

    def __init__(self, units: np.ndarray, samples_per_frame: float) -> None:
        self._units, self._per_frame, self._samples, self._given = units, samples_per_frame, 0, 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        self._samples += len(samples)
        return self._give(int(self._samples / self._per_frame))

    def finish(self, frames: int | None = None) -> np.ndarray:
        return self._give(len(self._units) if frames is None else frames)

    def _give(self, until: int) -> np.ndarray:
        given = self._units[self._given : max(until, self._given)]
        missing = max(until - self._given, 0) - len(given)
        self._given = max(until, self._given)
        return np.concatenate([given, np.zeros((missing, self._units.shape[1]), np.float32)])
