"""A portrait that speaks while someone speaks: sound in pieces, frames out, in constant memory.

    live = Live(TalkingHead(), "portrait.jpg")
    for samples in microphone:                   # float32 [N], one channel at live.sample_rate
        for frame in live.push(samples):         # RGB uint8 [live.height, live.width, 3]
            ...
    rest = live.finish()

`Live` gives every frame, the same as `TalkingHead.speak`, and knows no time. `Player` shows them at a constant delay
behind the sound, and where the machine is too slow it leaves frames out, so that the picture never falls behind.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from talkinghead.options import FrameOptions
from talkinghead.pipeline import Picture, TalkingHead
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import Motion

BLOCK_SECONDS = 0.02  # of sound taken at once
BACKLOG_SECONDS = 1.0  # of sound that waits beyond the delay; a source that runs ahead, such as a file, is held up
PROBE_SECONDS = 2.0  # in which the rates of video, units and sound fall together in every way but for NTSC's
# Time for drawing in the delay: so many frames, or so many times what a frame takes at the start, if that is more, but
# no more than so many seconds.
SPARE_FRAMES, SPARE_DRAWS, MAX_SPARE_SECONDS = 3, 3, 1.0
TRIAL_DRAWS = 3
LATE = 0.5  # frames: what would be shown later than this is left out
# A sound card's clock is not ours, and samples may be lost. The promptest block of a window tells where the sound is:
# late by GAP_SECONDS it was interrupted; for less, which a busy machine brings about as well, so many windows must
# agree. What is further ahead than AHEAD_SECONDS does not come from a microphone and keeps our time.
WINDOW_SECONDS, DRIFT_WINDOWS = 2.0, 5
GAP_SECONDS, AHEAD_SECONDS = 0.1, 0.25


class Live:
    """One portrait and one unending sound; `rate` is the sound's samples a second (default: those of the speech model).

    The options are those of `TalkingHead.speak`, and so are the errors. What is pushed at the model's own rate
    gives the frames that `speak` gives for a file of the same samples, however it is cut into pieces; at other rates
    the sound is resampled. (`speak` decodes eight frames at once, for which torch may round a few pixels otherwise.)
    """

    def __init__(
        self,
        head: TalkingHead,
        portrait: Picture,
        /,
        options: FrameOptions | None = None,
        *,
        rate: int | None = None,
        **changes: Any,
    ):
        options = FrameOptions.of(options, changes)
        self.fps, self._head, self._options = options.rate, head, options
        self._puppet = head.prepare(portrait, options.look)
        self.width, self.height = self._puppet.width, self._puppet.height
        self.sample_rate = rate or head.speech.sample_rate
        self._ear = self._new_ear()

    def _new_ear(self) -> Ear:
        return Ear(self._head.listen(self._puppet, self._options), self.sample_rate)

    def push(self, samples: np.ndarray) -> list[np.ndarray]:
        """`samples` float32 [N], one channel in [-1, 1] -> the frames now certain, RGB uint8 [height, width, 3]."""
        return [self.draw(motion) for motion in self.hear(samples)]

    def finish(self) -> list[np.ndarray]:
        """The frames still owed: ceil(seconds * fps) in all, at least one. Nothing may be pushed afterwards."""
        return [self.draw(motion) for motion in self.hear_out()]

    def hear(self, samples: np.ndarray) -> list[Motion]:
        """`push` without drawing: what moves the frames now certain."""
        return self._ear.push(samples)

    def hear_out(self) -> list[Motion]:
        """`finish` without drawing."""
        return self._ear.finish()

    def draw(self, motion: Motion) -> np.ndarray:
        """One frame."""
        return self._puppet.frame(self._puppet.borne(motion), planar=False)

    def draw_rest(self) -> np.ndarray:
        """The face when nobody speaks."""
        return self.draw(Motion(self._puppet.rest))

    @cached_property
    def latency(self) -> float:
        """Algorithmic latency in seconds: from the beginning of a frame, k / fps, to the sound after which it is known.

        It holds the frame itself, what the network and its features look ahead, half a window, and what resampling
        takes. It is found by pushing silence a millisecond at a time, and is the same for every sound.
        """
        ear, step = self._new_ear(), max(1, self.sample_rate // 1000)
        silence, known, worst = np.zeros(step, np.float32), 0, 0.0
        for heard in range(step, round(PROBE_SECONDS * self.sample_rate), step):
            for _ in ear.push(silence):
                worst = max(worst, heard / self.sample_rate - float(known / self.fps))
                known += 1
        return worst


class Ear:
    """A SpeechStream that takes sound at another rate, resampled as it comes."""

    def __init__(self, stream: SpeechStream, rate: int):
        self._stream, self._resample = stream, None
        if rate != stream.sample_rate:
            from soxr import ResampleStream

            self._resample = ResampleStream(rate, stream.sample_rate, 1, dtype="float32").resample_chunk

    def push(self, samples: np.ndarray) -> list[Motion]:
        # NaN or infinity would never leave a recurrent network again.
        samples = np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        return self._stream.push(self._resample(samples) if self._resample else samples)

    def finish(self) -> list[Motion]:
        tail = self._stream.push(self._resample(np.zeros(0, np.float32), last=True)) if self._resample else []
        return tail + self._stream.finish()


class Clock:
    """Seconds since some moment, and a way to wait; tests have one of their own."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.now()))


class Source(Protocol):
    """Where sound comes from."""

    def read(self, until: float | None) -> tuple[np.ndarray, float] | None:
        """The next samples and when they came; no samples if none came `until` then (None: for ever); None at the
        end of the sound."""


class Sink(Protocol):
    """Where frames go. Raises StopPlaying where nobody looks any more."""

    def encode(self, frame: np.ndarray) -> Any:
        """What `show` will need, made ahead of time."""

    def show(self, number: int, payload: Any) -> None:
        """Show frame `number` now; numbers left out were dropped."""

    def close(self, frames: int) -> None:
        """The end, after a sound of so many frames."""


class StopPlaying(Exception):
    """Nobody looks any more."""


class SoundClock:
    """When the sound began, on our clock."""

    def __init__(self, rate: int, tolerance: float):
        self.start: float | None = None
        self._rate, self._tolerance, self._samples = rate, tolerance, 0
        self._lateness = [np.inf]  # the least of each window, in seconds

    def heard(self, samples: int, moment: float) -> None:
        """So many samples more had come at that moment."""
        self._samples += samples
        began = moment - self._samples / self._rate
        if self.start is None:
            self.start, self._since = began, moment
        self._lateness[-1] = min(self._lateness[-1], began - self.start)
        if moment - self._since < WINDOW_SECONDS:
            return
        self._since = moment
        least = min(self._lateness)
        drift = len(self._lateness) == DRIFT_WINDOWS and abs(least) > self._tolerance and least > -AHEAD_SECONDS
        if self._lateness[-1] > GAP_SECONDS:
            self._move(self._lateness[-1])
        elif drift:
            self._move(least)
        elif len(self._lateness) == DRIFT_WINDOWS:
            self._lateness = [np.inf]
        else:
            self._lateness.append(np.inf)

    def _move(self, seconds: float) -> None:
        self.start += seconds
        self._lateness = [np.inf]


@dataclass
class Report:
    """What became of the frames. Latency runs from the moment a frame describes, k / fps in the sound, to its being
    shown; `worst_sync` is the largest distance from the constant delay, in seconds."""

    delay: float
    frames: int = 0
    dropped: int = 0
    worst_sync: float = 0.0
    milliseconds: Counter = field(default_factory=Counter)  # latency -> frames; its size does not grow with time

    def latency(self, quantile: float) -> float:
        """Seconds of latency that this share of the frames stayed within."""
        wanted, seen = quantile * self.milliseconds.total(), 0
        for value, count in sorted(self.milliseconds.items()):
            seen += count
            if seen >= wanted:
                return value / 1000
        return 0.0

    def __str__(self) -> str:
        middle, most = (round(1000 * self.latency(q)) for q in (0.5, 0.95))
        shown = f"{self.frames} frames, {self.dropped} of them dropped"
        return f"{shown}; total latency {middle} ms (median), {most} ms (95th percentile)"


class Player:
    """Shows frame k at `delay` seconds after the moment k / fps of the sound, or not at all.

    `delay` None is the algorithmic latency, one block of sound, and spare time for drawing as measured at the start.
    Frames that would come more than LATE late are dropped, as few and as early as can be told.
    """

    def __init__(self, live: Live, source: Source, sink: Sink, clock: Clock | None = None, delay: float | None = None):
        self._live, self._source, self._sink, self._clock = live, source, sink, clock or Clock()
        self._period = float(1 / live.fps)
        known = live.latency + BLOCK_SECONDS
        self._sink.encode(live.draw_rest())  # the first one takes longer
        self._cost = min(self._measure() for _ in range(TRIAL_DRAWS))
        if delay is None:
            delay = known + min(max(SPARE_FRAMES * self._period, SPARE_DRAWS * self._cost), MAX_SPARE_SECONDS)
        self.report = Report(delay)
        # A frame is never known much earlier than this before it is due; one that needs longer is tried all the same,
        # or nothing would ever be shown again.
        self._spare = max(0.0, delay - known)
        self._sound = SoundClock(live.sample_rate, LATE * self._period)
        self._pending: deque[tuple[int, Motion]] = deque()
        self._ready: tuple[int, Any] | None = None
        self._ended = False

    def _measure(self) -> float:
        before = self._clock.now()
        self._sink.encode(self._live.draw_rest())
        return self._clock.now() - before

    def run(self) -> Report:
        """Play to the end of the sound, or until nobody looks any more."""
        try:
            while self._step():
                pass
        except StopPlaying:
            pass
        finally:
            self._sink.close(self.report.frames)
        return self.report

    def _step(self) -> bool:
        """Whatever is to be done next; False when nothing is left."""
        self._drop_late()
        if self._ready and self._clock.now() >= self._due(self._ready[0]):
            self._show()
        elif self._pending and not self._ready:
            self._draw()
        elif self._ended and not self._ready:
            return False
        else:
            self._listen(self._due(self._ready[0]) if self._ready else None)
        return True

    def _due(self, number: int) -> float:
        return self._sound.start + float(number / self._live.fps) + self.report.delay

    def _drop_late(self) -> None:
        soonest = self._clock.now() + min(self._cost, self._spare)
        while self._pending and not self._ready and soonest > self._due(self._pending[0][0]) + LATE * self._period:
            self._pending.popleft()
            self.report.dropped += 1

    def _draw(self) -> None:
        number, motion = self._pending.popleft()
        before = self._clock.now()
        self._ready = number, self._sink.encode(self._live.draw(motion))
        self._cost += 0.5 * (min(self._clock.now() - before, self._spare) - self._cost)

    def _show(self) -> None:
        (number, payload), self._ready = self._ready, None
        if self._clock.now() > self._due(number) + LATE * self._period:
            self.report.dropped += 1
            return
        self._sink.show(number, payload)
        error = self._clock.now() - self._due(number)
        self.report.worst_sync = max(self.report.worst_sync, abs(error))
        self.report.milliseconds[round(1000 * (self.report.delay + error))] += 1

    def _listen(self, until: float | None) -> None:
        if self._ended or len(self._pending) * self._period >= self.report.delay + BACKLOG_SECONDS:
            self._clock.sleep_until(until)
            return
        came = self._source.read(until)
        if came is None:
            self._ended, motions = True, self._live.hear_out()
            if self._sound.start is None:  # an empty sound is one frame of a face at rest
                self._sound.heard(0, self._clock.now())
        else:
            samples, moment = came
            if not len(samples):
                return
            self._sound.heard(len(samples), moment)
            motions = self._live.hear(samples)
        for motion in motions:
            self._pending.append((self.report.frames, motion))
            self.report.frames += 1
