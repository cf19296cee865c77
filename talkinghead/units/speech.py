"""A voice in pieces of any size to the units and the pose of every video frame, for files and live sound alike."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from talkinghead.media.timing import Resampler, frames_in
from talkinghead.units.blink import blinks, close_lids
from talkinghead.units.life import Life
from talkinghead.units.moods import Mood
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.track import Motion
from talkinghead.units.width import Width, drawn, with_jaw, with_tuck


class SpeechStream:
    """Sound at `sample_rate` in, absolute units out, in constant memory; the numbers do not depend on the pieces.

    `model` is an audio2au network; what it gives counts from a face at rest, parts the lips as its jaw falls, is
    multiplied by `gain` (a number, or one for each unit, [46]) and added to `rest` [46]; `width`, which follows the
    voice as it goes on, sets how far the mouth opens, and `shown`, of units above rest so many seconds into the
    video, sees to it that the lips are seen so (Puppet.stream);
    `mood` comes on top, then `life`, or without it blinks that `seed` draws, None leaving them out.
    Motion k belongs to frame k of a video at `fps`.
    """

    def __init__(
        self,
        model: Any,
        rest: np.ndarray,
        fps: Fraction,
        gain: float | np.ndarray = 1.0,
        seed: int | None = 0,
        mood: Mood | None = None,
        life: Life | None = None,
        width: Width | None = None,
        shown: Callable[[np.ndarray, float], np.ndarray] | None = None,
    ):
        self.sample_rate, self.fps, self.samples = model.sample_rate, fps, 0
        self._rest, self._gain, self._mood = rest, gain, mood or Mood()
        self._model_fps = Fraction(model.fps)
        self._model, self._stream, self._resampler = model, model.stream(), Resampler(self._model_fps, fps)
        self._lids = None if seed is None or life is not None else blinks(fps, seed)
        self._life, self._width, self._shown = life, width, shown or (lambda units, seconds: units)
        self._frames = 0  # that the model has given
        # Of frames whose life is not known yet, and the other way round.
        self._heard, self._lived = deque[np.ndarray](), deque[np.ndarray]()

    def push(self, samples: np.ndarray) -> list[Motion]:
        """`samples` float32 [N], one channel in [-1, 1] -> what moves the frames now certain."""
        return list(self.pushed(samples))

    def pushed(self, samples: np.ndarray) -> Iterator[Motion]:
        """The same, each when it is asked for: the first few can be told sooner."""
        self.samples += len(samples)
        if self._life is not None:
            self._lived.extend(self._life.push(samples))
        return self._drive(self._resampler.push(self._widened(self._stream.push(samples))))

    def finish(self) -> list[Motion]:
        """What is still owed, so that the frames cover the sound: ceil(seconds * fps) in all, at least one."""
        return list(self.finished())

    def finished(self) -> Iterator[Motion]:
        """The same, each when it is asked for."""
        if self._life is not None:
            self._lived.extend(self._life.finish())
        seconds = Fraction(self.samples, self.sample_rate)
        owed = self._resampler.push(self._widened(self._stream.finish(frames_in(seconds, self._model_fps))))
        return self._drive(owed + self._resampler.finish(frames_in(seconds, self.fps)))

    def _widened(self, units: np.ndarray) -> np.ndarray:
        """The model's outputs [T, 46 to 49] as they are drawn, as wide as the voice up to each of them wants it."""
        units = drawn(self._model, units)
        if self._width is None:
            return units
        for vector in (units := units.copy()):
            self._width.hear(vector[None])
            vector[: len(UNIT_NAMES)] *= self._width.factors
        return units

    def _said(self, heard: np.ndarray) -> Motion:
        """The face that the model gives for one frame: [46], and what it knows besides (names.HEARD)."""
        units, besides = heard[: len(UNIT_NAMES)], heard[len(UNIT_NAMES) :]
        tongue, tuck = (float(besides[k]) if len(besides) > k else None for k in range(2))
        excess = self._shown(self._gain * with_tuck(with_jaw(units), tuck), float(self._frames / self.fps))
        self._frames += 1
        units = self._mood((self._rest + excess).clip(0, 1).astype(np.float32), self._rest)
        return Motion(units, tongue=tongue or 0.0)

    def _drive(self, heard: list[np.ndarray]) -> Iterator[Motion]:
        if self._life is None:
            return (self._with_lids(self._said(vector)) for vector in heard)
        self._heard.extend(heard)
        pairs = [(self._heard.popleft(), self._lived.popleft()) for _ in range(min(len(self._heard), len(self._lived)))]
        return (self._alive(self._said(vector), life) for vector, life in pairs)

    def _with_lids(self, said: Motion) -> Motion:
        return said if self._lids is None else said._replace(units=close_lids(said.units, next(self._lids)))

    def _alive(self, said: Motion, vector: np.ndarray) -> Motion:
        assert self._life is not None
        return self._life.applied(said.units, vector, self._gain)._replace(tongue=said.tongue)
