"""Blinks of natural statistics, because speech does not tell when a person blinks.

What is known of spontaneous blinks and kept here: an adult at rest or in conversation blinks about 15 to 20 times a
minute; the intervals vary widely and are skewed to the right, with many short ones and a long tail; the lid falls
faster than it rises, and the whole blink lasts about 300 ms. The generator is seeded and knows nothing of frames, so
one seed blinks at the same moments at any frame rate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from talkinghead.units.names import INDEX

SHORTEST_INTERVAL = 1.0  # seconds from onset to onset, doubles apart
LONGEST_INTERVAL = 7.5  # people who listen or read go without for longer, but a talker would seem to stare
MEAN_INTERVAL = 4.5  # of blinks that are not doubles, longer ones included; the mean of all becomes 3.75 seconds
SPREAD = 0.55  # standard deviation of the logarithm of what an interval has beyond the shortest
DOUBLE_CHANCE = 0.08
DOUBLE_INTERVAL = (0.45, 0.65)
CLOSING = (0.09, 0.11)  # seconds
CLOSED = (0.045, 0.065)  # longer than a frame at 24 fps, so that every blink is seen closed
OPENING = (0.15, 0.20)
AMPLITUDE = (0.92, 1.0)
EARLY = 1.2  # seconds by which a cue may bring a blink forward
# What the units around a closed lid do: their means over 1,263 frames of the corpus with EyeBlink above 0.6, where
# EyeBlink itself averages 0.69. EyeBlink alone would stop short of closing the eye.
RAISES = {"EyeBlink": 1.0, "EyeDown": 1.0, "EyeSquint": 0.66 / 0.69}
LOWERS = ("EyeUp", "EyeOpen")


@dataclass(frozen=True)
class Blink:
    """One blink: its onset and the length of its phases in seconds, and how far the lid closes, 1 being shut."""

    onset: float
    closing: float
    closed: float
    opening: float
    amplitude: float

    @property
    def end(self) -> float:
        return self.onset + self.closing + self.closed + self.opening

    def closure(self, time: float) -> float:
        """Lid closure in [0, 1] at a time in seconds; the lid starts and stops gently."""
        since = time - self.onset
        falling = min(max(since / self.closing, 0.0), 1.0)
        rising = min(max((self.end - time) / self.opening, 0.0), 1.0)
        return self.amplitude * 0.5 * (1.0 - math.cos(math.pi * min(falling, rising)))


def events(seed: int) -> Iterator[Blink]:
    """The endless blinks of one seed, in order of time, never overlapping. The first onset is one interval after 0."""
    random = np.random.default_rng(seed)
    location = math.log(MEAN_INTERVAL - SHORTEST_INTERVAL) - SPREAD**2 / 2  # of the log-normal with that mean
    onset = 0.0
    for number in itertools.count():
        is_double = random.random() < DOUBLE_CHANCE and number > 0
        interval, quick = math.inf, random.uniform(*DOUBLE_INTERVAL)
        while interval > LONGEST_INTERVAL:
            interval = SHORTEST_INTERVAL + random.lognormal(location, SPREAD)
        onset += quick if is_double else interval
        yield Blink(onset, *(float(random.uniform(*phase)) for phase in (CLOSING, CLOSED, OPENING, AMPLITUDE)))


def blinks(fps: Fraction | float, seed: int) -> Iterator[float]:
    """Lid closure in [0, 1] of frame 0, 1, 2, ... without end; frame k is the lid at k / fps seconds."""
    coming = events(seed)
    blink = next(coming)
    for frame in itertools.count():
        time = float(frame / fps)
        while time > blink.end:
            blink = next(coming)
        yield blink.closure(time)


class CuedBlinks:
    """The blinks of one seed, of which one that is nearly due comes at once where it is cued: when the eyes jump, or a
    phrase ends. The intervals that follow are those drawn."""

    def __init__(self, seed: int):
        self._events = events(seed)
        self._drawn = self._blink = next(self._events)

    def closure(self, time: float, cued: bool) -> float:
        """Lid closure in [0, 1] at a time in seconds; times must not go back."""
        while time > self._blink.end:
            following = next(self._events)
            onset = self._blink.onset + following.onset - self._drawn.onset
            self._drawn, self._blink = following, replace(following, onset=onset)
        if cued and self._blink.onset - EARLY < time < self._blink.onset:
            self._blink = replace(self._blink, onset=time)
        return self._blink.closure(time)


def close_lids(units: np.ndarray, lid: float) -> np.ndarray:
    """`units` [46], changed in place: both lids closed by `lid` in [0, 1] at least, the gaze down, as in people."""
    for side in "LR":
        for name, ratio in RAISES.items():
            k = INDEX[f"{name}_{side}"]
            units[k] = max(units[k], min(ratio * lid, 1.0))
        for name in LOWERS:
            units[INDEX[f"{name}_{side}"]] *= 1 - lid
    return units
