"""The files of other face trackers, read into tables of numbers; docs/convert.md describes each kind.

| kind | file | numbers | clock |
| --- | --- | --- | --- |
| arkit | CSV, camelCase names | ARKit's 52 blendshapes, 0 to 1, 3 angles | `time`, `timestamp` (seconds) or `frame` |
| livelink | CSV of Live Link Face, PascalCase | the same, and 9 angles of head and eyes | `Timecode` HH:MM:SS:FF.fff |
| openface | CSV of OpenFace 2 | 17 intensities `AU01_r`, 0 to 5, the head's pose | `timestamp` (seconds) or `frame` |
| mediapipe | JSON of Face Landmarker | 51 of ARKit's blendshapes, `_neutral`, matrices | `timestamp_ms`, or `fps` |

units/foreign_pose.py knows what the angles and matrices mean.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from talkinghead.errors import UnitsError
from talkinghead.media.timing import DEFAULT_FPS
from talkinghead.units.foreign_pose import from_livelink, from_mediapipe, from_openface, mediapipe_matrix
from talkinghead.units.names import INDEX
from talkinghead.units.track import cell_number

ARKIT, LIVELINK, OPENFACE, MEDIAPIPE = "arkit", "livelink", "openface", "mediapipe"
_EYE = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


# ARKit's 52, in the order of Live Link Face.
BLENDSHAPES = (
    *(name + "Left" for name in _EYE), *(name + "Right" for name in _EYE),
    "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight",
    "mouthLeft", *_sides("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"), "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", *_sides("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp", *_sides("browOuterUp"), "cheekPuff", *_sides("cheekSquint", "noseSneer"), "tongueOut",
)  # fmt: skip
ANGLES = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
HEAD_ANGLES, EYE_ANGLES = ANGLES[:3], ANGLES[3:]
ROTATION, TRANSLATION = (tuple(f"pose_{of}{axis}" for axis in "xyz") for of in "RT")  # OpenFace's
NEUTRAL = "_neutral"  # MediaPipe's first score
MEDIAPIPE_SCORES = (NEUTRAL, *sorted(set(BLENDSHAPES) - {"tongueOut"}))
INTENSITIES = tuple(f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
MAX_INTENSITY = 5.0
MIN_CONFIDENCE = 0.5  # of OpenFace: below, a row is no better than none

CLOCKS = ("time", "timestamp", "frame")
LIVELINK_FPS = 60  # what the app counts by unless told otherwise, and what is written here
# Frame rates that a highest frame number may stand for.
TIMECODE_RATES = (24, 25, 30, 48, 50, 60, 120)
DAY = 24 * 3600
_TIMECODE = re.compile(r"(\d{1,2}):(\d\d):(\d\d)[:;](\d+(?:\.\d+)?)")
# eyeBlinkLeft, EyeBlinkLeft and eyeBlink_L are one: the app, ARKit and older exports.
_SPELLINGS = {spelling: name for name in BLENDSHAPES for spelling in
              (name.lower(), re.sub("(left|right)$", lambda side: f"_{side[1][0]}", name.lower()))}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows of one file: `times` [T] float64 seconds, increasing; `values` [T, K] in [0, 1], a column per name of
    `names`, blendshapes or OpenFace's AUs; `notes` say what of the file is not in them; `pose` [T, 6] is ours, or None.
    """

    kind: str
    times: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    notes: list[str] = field(default_factory=list)
    pose: np.ndarray | None = None


def kind_of(path: Path) -> str | None:
    """The kind of a file by its first characters, None where it is none of these (ours, or nothing known)."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        start = file.read(1 << 16).lstrip()
    if start.startswith(("{", "[")):
        return MEDIAPIPE
    try:
        header = [name.strip() for name in next(csv.reader(io.StringIO(start, newline="")), [])]
    except csv.Error:  # no text
        return None
    if any(re.fullmatch(r"AU\d\d_[rc]", name) for name in header):
        return OPENFACE
    if "timecode" in (name.lower() for name in header):
        return LIVELINK
    names = [name for name in header if name not in CLOCKS]
    foreign = [name for name in names if name.lower() in _SPELLINGS and name not in INDEX]
    return ARKIT if foreign and len(foreign) >= len(names) / 2 else None  # five names are in ours, too


def read_table(path: Path, kind: str, fps: Fraction | float | None = None) -> Table:
    """Read a file of one of the kinds. `fps` is for clocks that count frames: DEFAULT_FPS if None, but Live Link's
    rate is then seen from its timecodes. Raises UnitsError in one line naming row (from 1) and column, or frame."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            if kind == MEDIAPIPE:
                return _read_mediapipe(path, file.read(), fps)
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows)]
            for i, name in enumerate(header):
                if name and name in header[:i]:
                    raise UnitsError(f"{path}: row 1: column {name} stands there twice")
            reader = {ARKIT: _read_arkit, LIVELINK: _read_livelink, OPENFACE: _read_openface}[kind]
            return reader(path, header, _numbered(path, header, rows, kind == LIVELINK), fps)
    except (UnicodeDecodeError, csv.Error):
        raise UnitsError(f"{path}: not a text file of the kind {kind}; export it again") from None


Rows = Iterator[tuple[int, list[str]]]
Pose = tuple | None  # a function of foreign_pose and its arguments, lists of numbers by row


def _numbered(path: Path, header: list[str], rows: Iterator[list[str]], may_be_short: bool) -> Rows:
    for number, row in enumerate(rows, 2):
        if any(cell.strip() for cell in row):
            blind = may_be_short and len(row) == 2 and row[1].strip() == "0"  # Live Link Face sees no face
            if len(row) != len(header) and not blind:
                raise UnitsError(f"{path}: row {number} has {len(row)} columns, the header {len(header)}")
            yield number, row


def _checked(path: Path, row: int, column: str, cell: str, most: float = 1.0) -> float:
    value = cell_number(path, row, column, cell)
    if not 0 <= value <= most:
        raise UnitsError(f"{path}: row {row}, column {column}: {cell.strip()} is outside 0 to {most:g}")
    return value / most


def _table(
    path: Path, kind: str, rows: list[tuple[int, str, float]], clock: str, names, values, notes, pose: Pose = None
) -> Table:
    """`rows` are (row number, the clock's cell, seconds); `pose` is what its function makes of the numbers with it."""
    if not rows:
        raise UnitsError(f"{path}: no row with a face below the header")
    for (_, _, before), (number, cell, time) in zip([(0, "", -math.inf), *rows], rows):
        if time < 0 or time <= before:
            raise UnitsError(
                f"{path}: row {number}, column {clock}: {cell.strip()} does not come after the row above;"
                " sort the rows by time"
            )
    times, poses = np.array([time for *_, time in rows]), pose and pose[0](*map(np.array, pose[1:]))
    return Table(kind, times, tuple(names), np.array(values, np.float64), notes, poses)


def _shapes(path: Path, header: list[str], others: tuple[str, ...]) -> dict[int, str]:
    """Column -> blendshape; raises where a column is neither that nor one of `others` (lower case)."""
    found = {i: _SPELLINGS[name.lower()] for i, name in enumerate(header) if name.lower() in _SPELLINGS}
    for i, name in enumerate(header):
        if i not in found and name.lower() not in others:
            raise UnitsError(f"{path}: row 1, column {i + 1}: there is no ARKit blendshape {name!r}; remove it")
        if i in found and found[i] in [found.get(j) for j in range(i)]:
            raise UnitsError(f"{path}: row 1, column {i + 1}: {name} stands there twice, in two spellings")
    return found


def _columns_of(header: list[str], names: tuple[str, ...]) -> list[int | None]:
    """The column of each name, whatever its case; None where there is none."""
    lower = [name.lower() for name in header]
    return [lower.index(name.lower()) if name.lower() in lower else None for name in names]


def _numbers(path: Path, row: int, header: list[str], cells: list[str], columns: list[int | None]) -> list[float]:
    """What stands in those columns, zero for None."""
    return [0.0 if i is None else cell_number(path, row, header[i], cells[i]) for i in columns]


def _clock(path: Path, header: list[str]) -> int:
    for name in CLOCKS:
        if name in header:
            return header.index(name)
    raise UnitsError(f"{path}: row 1: no column `time` or `timestamp` (seconds) or `frame`; add one")


def _seconds(path: Path, number: int, name: str, cell: str, fps: Fraction | float | None) -> float:
    value = cell_number(path, number, name, cell)
    return float(Fraction(value) / Fraction(fps or DEFAULT_FPS)) if name == "frame" else value


def _read_arkit(path: Path, header: list[str], rows: Rows, fps) -> Table:
    clock, shapes = _clock(path, header), _shapes(path, header, (*CLOCKS, *map(str.lower, HEAD_ANGLES)))
    times, values, turned, angles = [], [], [], _columns_of(header, HEAD_ANGLES)
    for number, row in rows:
        times.append((number, row[clock], _seconds(path, number, header[clock], row[clock], fps)))
        values.append([_checked(path, number, header[i], row[i]) for i in shapes])
        turned.append(_numbers(path, number, header, row, angles))
    return _table(path, ARKIT, times, header[clock], shapes.values(), values, [], (from_livelink, turned))


def _read_livelink(path: Path, header: list[str], rows: Rows, fps) -> Table:
    lower = [name.lower() for name in header]
    others = ("timecode", "blendshapecount", *(name.lower() for name in ANGLES))
    shapes, clock = _shapes(path, header, others), lower.index("timecode")
    head, eyes = _columns_of(header, HEAD_ANGLES), _columns_of(header, EYE_ANGLES)
    codes, values, turned, looked, blind = [], [], [], set(), 0
    for number, row in rows:
        if len(row) < len(header) or "blendshapecount" in lower and row[lower.index("blendshapecount")].strip() == "0":
            blind += 1
            continue
        if not (code := _TIMECODE.fullmatch(row[clock].strip())):
            raise UnitsError(f"{path}: row {number}, column Timecode: {row[clock].strip()!r} is not HH:MM:SS:FF.fff")
        hours, minutes, seconds = (int(part) for part in code.groups()[:3])
        codes.append((number, row[clock], 3600 * hours + 60 * minutes + seconds, float(code[4])))
        values.append([_checked(path, number, header[i], row[i]) for i in shapes])
        turned.append(_numbers(path, number, header, row, head))
        angles = _numbers(path, number, header, row, eyes)
        looked |= {name for name, angle in zip(EYE_ANGLES, angles) if angle}
    rate = float(fps) if fps else _timecode_rate(codes)
    times, start, day = [], None, 0
    for number, cell, whole, frames in codes:
        if frames >= rate:
            raise UnitsError(
                f"{path}: row {number}, column Timecode: {cell.strip()} has no place at {rate:g} frames a second;"
                " give the right --fps"
            )
        time = whole + frames / rate
        start = time if start is None else start
        if times and time + day - start < times[-1][2] - DAY / 2:  # past midnight
            day += DAY
        times.append((number, cell, time + day - start))
    notes = [f"{blind} rows without a face"] * bool(blind) + [name for name in EYE_ANGLES if name in looked]
    return _table(path, LIVELINK, times, "Timecode", shapes.values(), values, notes, (from_livelink, turned))


def _timecode_rate(codes: list[tuple[int, str, int, float]]) -> float:
    """Frames a second, from the highest frame number; files shorter than a second do not tell."""
    if not codes or (codes[-1][2] - codes[0][2]) % DAY < 2:
        return LIVELINK_FPS
    highest = max(frames for *_, frames in codes)
    return next((rate for rate in TIMECODE_RATES if highest < rate), math.ceil(highest + 1))


def _read_openface(path: Path, header: list[str], rows: Rows, fps) -> Table:
    clock = header.index("timestamp") if "timestamp" in header else _clock(path, header)
    columns = {header.index(f"{au}_r"): au for au in INTENSITIES if f"{au}_r" in header}
    if not columns:
        raise UnitsError(f"{path}: row 1: no column of intensities such as AU01_r; run OpenFace with -aus")
    face, success, confidence = (header.index(n) if n in header else None for n in ("face_id", "success", "confidence"))
    rotation, translation = _columns_of(header, ROTATION), _columns_of(header, TRANSLATION)
    turned, places = [], []
    times, values, first, others, poor = [], [], None, 0, 0
    for number, row in rows:
        sure = confidence is None or cell_number(path, number, "confidence", row[confidence]) >= MIN_CONFIDENCE
        if not sure or success is not None and cell_number(path, number, "success", row[success]) == 0:
            poor += 1
            continue
        if face is not None:
            first = row[face].strip() if first is None else first
            if row[face].strip() != first:
                others += 1
                continue
        times.append((number, row[clock], _seconds(path, number, header[clock], row[clock], fps)))
        values.append([_checked(path, number, header[i], row[i], MAX_INTENSITY) for i in columns])
        turned.append(_numbers(path, number, header, row, rotation))
        places.append(_numbers(path, number, header, row, translation))
    notes = [f"{poor} rows that OpenFace was not sure of"] * bool(poor)
    notes += [f"{others} rows of other faces"] * bool(others)
    notes += ["gaze"] * any(name.startswith("gaze_") for name in header)
    pose = None if None in rotation + translation else (from_openface, turned, places)
    notes += ["part of the head's pose"] * (pose is None and any(name.startswith("pose_") for name in header))
    return _table(path, OPENFACE, times, header[clock], columns.values(), values, notes, pose)


def _read_mediapipe(path: Path, text: str, fps) -> Table:
    try:
        data = json.loads(text, parse_int=float)
    except (ValueError, RecursionError) as error:
        reason = f"line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise UnitsError(f"{path}: not JSON ({reason}); write it with json.dumps") from None
    frames = data.get("frames") if isinstance(data, dict) else data
    if not isinstance(frames, list):
        raise UnitsError(f"{path}: no list of frames; docs/convert.md shows the shape")
    rate = (data.get("fps") if isinstance(data, dict) else None) or fps or DEFAULT_FPS
    if not isinstance(rate, (int, float, Fraction)) or not 0 < rate < math.inf:
        raise UnitsError(f"{path}: fps: {rate!r} is not a frame rate")
    times, values, matrices, blind, others = [], [], [], 0, 0
    for number, frame in enumerate(frames, 1):
        faces = _faces(path, number, frame)
        if not faces:
            blind += 1
            continue
        others += len(faces) - 1
        stamp = frame.get("timestamp_ms", frame.get("timestampMs")) if isinstance(frame, dict) else None
        if stamp is not None and (not isinstance(stamp, (int, float)) or not math.isfinite(stamp)):
            raise UnitsError(f"{path}: frame {number}, timestamp_ms: {stamp!r} is not a number")
        time = float((number - 1) / Fraction(rate)) if stamp is None else stamp / 1000
        if times and time <= times[-1] or time < 0:
            raise UnitsError(f"{path}: frame {number}, timestamp_ms: {stamp} does not come after the frame before")
        times.append(time)
        values.append(_scores(path, number, faces[0]))
        matrices.append(_matrix(path, number, frame))
    if not times:
        raise UnitsError(f"{path}: no frame with a face")
    notes = [f"{blind} frames without a face"] * bool(blind) + [f"{others} further faces"] * bool(others)
    lost = sum(matrix is None for matrix in matrices)
    pose = None if lost else from_mediapipe(np.array(matrices))
    notes += ["matrices that not every face has"] * (0 < lost < len(matrices))
    return Table(MEDIAPIPE, np.array(times), MEDIAPIPE_SCORES, np.array(values), notes, pose)


def _matrix(path: Path, number: int, frame: Any) -> np.ndarray | None:
    names = ("facial_transformation_matrixes", "facialTransformationMatrixes")
    found = next((frame[name] for name in names if frame.get(name)), None) if isinstance(frame, dict) else None
    try:
        return None if found is None else mediapipe_matrix(found[0])
    except (TypeError, KeyError, ValueError):
        raise UnitsError(f"{path}: frame {number}: a transformation matrix is not 4 x 4 numbers") from None


def _faces(path: Path, number: int, frame: Any) -> list[list]:
    """The lists of categories of one frame: a result's `face_blendshapes`, or such a list itself, or one face's."""
    if isinstance(frame, dict):
        frame = frame.get("face_blendshapes", frame.get("faceBlendshapes"))
    if not isinstance(frame, list):
        raise UnitsError(f"{path}: frame {number}: no list face_blendshapes; docs/convert.md shows the shape")
    if frame and isinstance(frame[0], dict) and "categories" not in frame[0]:
        frame = [frame]
    return [face.get("categories") if isinstance(face, dict) else face for face in frame]


def _scores(path: Path, number: int, face: Any) -> list[float]:
    """One face's categories as numbers in the order of MEDIAPIPE_SCORES."""
    if not isinstance(face, list):
        raise UnitsError(f"{path}: frame {number}: a face is not a list of categories; docs/convert.md shows the shape")
    out = dict.fromkeys(MEDIAPIPE_SCORES, 0.0)
    for category in face:
        known = category if isinstance(category, dict) else {}
        name, score = known.get("category_name", known.get("categoryName")), known.get("score")
        if name not in out:
            raise UnitsError(f"{path}: frame {number}: there is no MediaPipe blendshape {name!r}")
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
            raise UnitsError(f"{path}: frame {number}, {name}: {score!r} is not a number from 0 to 1")
        out[name] = score
    return list(out.values())
