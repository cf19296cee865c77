"""Frame rates and clocks, in exact fractions so that an hour does not drift."""

from __future__ import annotations

import math
import re
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

DEFAULT_FPS = 25
MAX_FPS = 240
# What these decimals stand for in video: 29.97 is short for 30000/1001.
NTSC = {Fraction(text): Fraction(n, 1001) for text, n in (
    ("23.976", 24000), ("23.98", 24000), ("29.97", 30000), ("47.952", 48000), ("59.94", 60000), ("119.88", 120000),
)}  # fmt: skip


_RATE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20}|/[0-9]{1,20})?")


def frame_rate(value: str | float | Fraction) -> Fraction:
    """25, "25", 29.97, "30000/1001" as an exact rate. Raises ValueError outside 1 to MAX_FPS, or if it is no number."""
    text = str(value).strip()
    try:
        if not _RATE.fullmatch(text):  # 1e999999999 would take for ever
            raise ValueError
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    if not 1 <= fps <= MAX_FPS:
        raise ValueError(f"a frame rate of {value} is outside 1 to {MAX_FPS}")
    return NTSC.get(fps, fps)


def frames_in(seconds: Fraction | float, fps: Fraction) -> int:
    """Frames that cover so many seconds; at least one, so that an empty sound still gives a picture."""
    return max(1, math.ceil(Fraction(seconds) * fps))


class Resampler:
    """Action units from one frame rate to another by linear interpolation, as they come in.

    Vector k of the input belongs to the middle of frame k, at (k + 0.5) / source seconds, and frame i of the output is
    read at its own middle; at equal rates the numbers pass through unchanged.
    """

    def __init__(self, source: Fraction | float, target: Fraction):
        ratio = Fraction(source) / target
        # Whole numbers of ticks, so many to an input vector: fractions are exact too, but take ten times as long.
        self._step, self._ticks = 2 * ratio.numerator, 2 * ratio.denominator
        self._held: deque[np.ndarray] = deque()
        self._first = 0  # number of the input vector held longest
        self._given = 0

    def push(self, vectors: np.ndarray) -> list[np.ndarray]:
        """Take the next input vectors [t, K]; return the output vectors now certain."""
        self._held.extend(vectors)
        out = []
        while self._held and self._position <= (self._first + len(self._held) - 1) * self._ticks:
            out.append(self._next())
        return out

    def finish(self, frames: int) -> list[np.ndarray]:
        """The output vectors still owed so that there are `frames` in all; the last input vector stands still."""
        return [self._next() for _ in range(frames - self._given)] if self._held else []

    @property
    def _position(self) -> int:
        """Where the next output vector lies among the input vectors, in ticks."""
        return max(0, self._given * self._step + (self._step - self._ticks) // 2)

    def _next(self) -> np.ndarray:
        position = self._position
        while len(self._held) > 1 and (self._first + 1) * self._ticks <= position:
            self._held.popleft()
            self._first += 1
        after = self._held[min(1, len(self._held) - 1)]
        weight = min((position - self._first * self._ticks) / self._ticks, 1.0)
        self._given += 1
        return self._held[0] + weight * (after - self._held[0])
