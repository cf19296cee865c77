"""Action units in a CSV file: a header of unit names and `time` or `frame`, then one row per frame.

    time,JawOpen,MouthSmile_L
    0.00,0.10,0
    0.04,0.35,0

Columns may stand in any order, units left out are zero. `time` is in seconds, `frame` counts whole frames; with both,
`time` counts. The six of units/pose.py, `HeadYaw` and so on, may stand there as well: with any of them the others are
those of a head at rest. A column `relative`, 1 in every row, says that all this was asked of a portrait, from whose own
pose these count, as what `--save-au` writes; without it (or 0) it is a driver's own.
"""

from __future__ import annotations

import csv
import itertools
import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkinghead.errors import OutputError, UnitsError
from talkinghead.media.ffmpeg import existing_file
from talkinghead.media.outputs import check_output, partial_of
from talkinghead.media.timing import DEFAULT_FPS
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.pose import LIMITS, NEUTRAL, POSE_NAMES
from talkinghead.units.track import CLOCKS, UnitTrack, cell_number, check_unit

RELATIVE = "relative"


def read_own(path: str | Path, fps: Fraction | float = DEFAULT_FPS) -> UnitTrack:
    """Read a CSV of our units; `fps` turns a column `frame` into seconds.

    Raises UnitsError naming row (from 1, the header) and column: unknown, doubled or missing columns, a value that is
    empty, not a number or outside [0, 1], time that does not increase, no rows.
    """
    path = existing_file(Path(path), UnitsError)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return _parse(path, csv.reader(file), fps)
    except (UnicodeDecodeError, csv.Error):
        raise UnitsError(f"{path}: not a CSV file; write one with `talkinghead track`") from None


def _parse(path: Path, rows: Iterator[list[str]], fps: Fraction | float) -> UnitTrack:
    header = [name.strip() for name in next(rows, [])]
    clock, columns = _columns(path, header)
    turned = [(column, POSE_NAMES.index(name)) for column, name in enumerate(header) if name in POSE_NAMES]
    times, values, poses, relative = array("d"), array("f"), array("f"), None
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise UnitsError(f"{path}: row {number} has {len(row)} columns, the header {len(header)}")
        numbers = [cell_number(path, number, name, cell) for name, cell in zip(header, row)]
        time = numbers[clock]
        if header[clock] == "frame":
            if time != int(time):
                raise UnitsError(f"{path}: row {number}, column frame: {row[clock].strip()} is not a whole number")
            time = float(int(time) / Fraction(fps))
        if time < 0 or times and time <= times[-1]:
            raise UnitsError(
                f"{path}: row {number}, column {header[clock]}: {row[clock].strip()} does not come after the row above;"
                " sort the rows by time, from zero up"
            )
        times.append(time)
        full = [0.0] * len(UNIT_NAMES)
        for column, unit in columns:
            if not 0 <= numbers[column] <= 1:
                raise UnitsError(
                    f"{path}: row {number}, column {header[column]}: {row[column].strip()} is outside 0 to 1"
                )
            full[unit] = numbers[column]
        values.extend(full)
        poses.extend(_pose(path, number, header, turned, numbers))
        relative = _is_relative(path, number, header, numbers, relative)
    if not times:
        raise UnitsError(f"{path}: no rows below the header")
    units = np.array(values, np.float32).reshape(-1, len(UNIT_NAMES))
    pose = np.array(poses, np.float32).reshape(len(units), -1) if turned else None
    return UnitTrack(np.array(times), units, pose, bool(relative))


def _is_relative(path: Path, row: int, header: list[str], numbers: list[float], before: bool | None) -> bool:
    """What the column RELATIVE says, if there is one; `before` is what it said so far."""
    value = numbers[header.index(RELATIVE)] if RELATIVE in header else 0.0
    if value not in (0, 1) or before is not None and value != before:
        raise UnitsError(f"{path}: row {row}, column {RELATIVE}: must be 1 in every row, or 0 in every row")
    return bool(value)


def _pose(path: Path, row: int, header: list[str], columns: list[tuple[int, int]], numbers: list[float]) -> list[float]:
    """The pose of one row, [6], or nothing where there are no `columns` (column, number in POSE_NAMES) of it."""
    if not columns:
        return []
    out = NEUTRAL.tolist()
    for column, i in columns:
        low, high = LIMITS[:, i]
        if not low <= numbers[column] <= high:
            raise UnitsError(
                f"{path}: row {row}, column {header[column]}: {numbers[column]:g} is outside {low:g} to {high:g}"
            )
        out[i] = numbers[column]
    return out


def _columns(path: Path, header: list[str]) -> tuple[int, list[tuple[int, int]]]:
    """The column of the clock, and (column, unit) of each unit."""
    if not any(header):
        raise UnitsError(f"{path}: the file is empty; its first row must name `time` and action units")
    for i, name in enumerate(header):
        if name in header[:i]:
            raise UnitsError(f"{path}: row 1: column {name} stands there twice")
        if name not in (*CLOCKS, *POSE_NAMES, RELATIVE):
            try:
                check_unit(name)
            except UnitsError as error:
                raise UnitsError(f"{path}: row 1, column {i + 1}: {error}") from None
    clocks = [header.index(name) for name in CLOCKS if name in header]
    if not clocks:
        raise UnitsError(f"{path}: row 1: no column `time` (seconds) or `frame`; add one")
    return clocks[0], [(i, INDEX[name]) for i, name in enumerate(header) if name in INDEX]


class CsvWriter:
    """Units into a CSV, row by row, in a `with` block: whole when the block ends well, else not at all.

    Row i stands at i / fps seconds. With `pose` the six columns of the head's pose come last, and with `relative` one
    that says that it was asked of a portrait. An existing file is kept unless `force`. Raises OutputError.
    """

    def __init__(
        self, path: str | Path, fps: Fraction | float, force: bool = False, pose: bool = False, relative: bool = False
    ):
        self.path, self._step = Path(path), 1 / Fraction(fps)
        self._names = (*UNIT_NAMES, *(POSE_NAMES if pose else ()), *((RELATIVE,) if relative else ()))
        self._end = ",1\n" if self._names[-1] == RELATIVE else "\n"
        self._target = check_output(path, force, (".csv",))
        self._partial = partial_of(self._target, ".csv")
        self._rows = 0

    def __enter__(self) -> CsvWriter:
        with self._failing_clearly():
            self._file = open(self._partial, "w", encoding="utf-8")
            self._file.write(",".join(("time", *self._names)) + "\n")
        return self

    def write(self, units: np.ndarray, pose: Iterable[float] = ()) -> None:
        """Append the units [46] of one frame, and its pose [6]."""
        with self._failing_clearly():
            time = float(self._rows * self._step)
            self._file.write(f"{time:.6f}," + ",".join(f"{value:.5f}" for value in (*units, *pose)) + self._end)
        self._rows += 1

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        try:
            with self._failing_clearly():
                self._file.close()
                if kind is None:
                    os.replace(self._partial, self._target)
        finally:
            self._partial.unlink(missing_ok=True)

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None


def write_csv(
    path: str | Path,
    units: Iterable[np.ndarray],
    fps: Fraction | float,
    force: bool = False,
    pose: Iterable[np.ndarray] | None = None,
) -> None:
    """Write units [T, 46] (an array or any iterable of rows) that run at `fps`, and poses [T, 6], so that `read_own`
    gives them back to within 1e-5. Raises OutputError."""
    with CsvWriter(path, fps, force, pose is not None) as file:
        turned: Iterable[Iterable[float]] = itertools.repeat(()) if pose is None else pose
        for row, place in zip(units, turned):
            file.write(row, place)
