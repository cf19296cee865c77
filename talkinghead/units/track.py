"""Action units over time, and the checks that every reader of unit files shares: names and numbers in, errors out."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from talkinghead.errors import UnitsError
from talkinghead.media.timing import DEFAULT_FPS
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.pose import NEUTRAL, POSE_NAMES, relative

CLOCKS = ("time", "frame")


class Motion(NamedTuple):
    """What moves one frame: `units` [46] float32, the `pose` [6] of the head relative to the portrait, and how far the
    tip of the `tongue` is raised: 0 where it lies, 0.6 behind the upper teeth (l, n, d, t), 1 between them (th)."""

    units: np.ndarray
    pose: np.ndarray = NEUTRAL
    tongue: float = 0.0


@dataclass(frozen=True)
class UnitTrack:
    """Action units over time: `times` [T] float64 seconds, increasing; `units` [T, 46] float32, each in [0, 1]; `pose`
    [T, 6] float32 of the head, see units/pose.py, or None where nobody knows. A track that is `relative` was asked of a
    portrait, and its pose counts from the photograph; any other is somebody's, and moves a portrait by the distance
    from its own mean."""

    times: np.ndarray
    units: np.ndarray
    pose: np.ndarray | None = None
    relative: bool = False

    @property
    def duration(self) -> float:
        """Seconds from zero to the end of the last row, which lasts as long as rows commonly do."""
        step = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1 / DEFAULT_FPS
        return float(self.times[-1]) + step

    def at(self, times: np.ndarray) -> np.ndarray:
        """Units [N, 46] float32 at `times` [N] in seconds, interpolated linearly; beyond the ends they stand still."""
        return self._at(times, self.units)

    def pose_at(self, times: np.ndarray) -> np.ndarray | None:
        """Poses [N, 6] float32 in the same way."""
        return None if self.pose is None else self._at(times, self.pose)

    def motion_at(self, time: float, head: float = 1.0) -> Motion:
        """What moves a portrait at one time: the units, and how far the pose is from its origin, `head` times."""
        units, pose = self.at(np.array([time]))[0], self.pose_at(np.array([time]))
        return Motion(units) if pose is None else Motion(units, relative(pose[0], self._origin, head))

    @cached_property
    def _origin(self) -> np.ndarray:
        return NEUTRAL if self.relative or self.pose is None else self.pose.mean(0)

    def _at(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        times = np.asarray(times, np.float64)
        after = np.searchsorted(self.times, times).clip(1, max(len(self.times) - 1, 1))
        before, after = after - 1, np.minimum(after, len(self.times) - 1)
        span = np.maximum(self.times[after] - self.times[before], 1e-12)
        weight = ((times - self.times[before]) / span).clip(0, 1)[..., None]
        return ((1 - weight) * values[before] + weight * values[after]).astype(np.float32)


def check_unit(name: str) -> str:
    """`name` if it is one of the 46; otherwise UnitsError with the one that looks most like it."""
    if name in INDEX:
        return name
    lower = {known.lower(): known for known in (*UNIT_NAMES, *POSE_NAMES)}
    close = difflib.get_close_matches(name.lower(), lower, 1, 0.5)
    hint = f"did you mean {lower[close[0]]}?" if close else "`talkinghead aus` lists them"
    raise UnitsError(f"there is no action unit {name!r}; {hint}")


def cell_number(path: Path, row: int, column: str, cell: str) -> float:
    """The finite number that a cell holds. Raises UnitsError naming row (from 1, the header) and column."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        what = f"{cell.strip()!r} is not a number" if cell.strip() else "empty"
        raise UnitsError(f"{path}: row {row}, column {column}: {what}; every row needs a number there")
    return value
