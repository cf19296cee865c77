"""Between our CSV of units and the files of other face trackers: what of one is what of the other.

Two vocabularies stand beside our 46 units: ARKit's blendshapes (three kinds of file) and OpenFace's 17 intensities.
Files of one vocabulary are copied number by number; otherwise the numbers pass through our units. docs/convert.md lists
what belongs to what, and what is lost on the way, which every conversion also says.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkinghead.errors import OutputError, UnitsError
from talkinghead.media.ffmpeg import existing_file
from talkinghead.media.outputs import check_output, partial_of
from talkinghead.media.timing import DEFAULT_FPS
from talkinghead.units.foreign import (
    ANGLES,
    ARKIT,
    BLENDSHAPES,
    HEAD_ANGLES,
    INTENSITIES,
    LIVELINK,
    LIVELINK_FPS,
    MAX_INTENSITY,
    MEDIAPIPE,
    MEDIAPIPE_SCORES,
    NEUTRAL,
    OPENFACE,
    ROTATION,
    TRANSLATION,
    Table,
    kind_of,
    read_table,
)
from talkinghead.units.foreign_pose import to_livelink, to_mediapipe, to_openface
from talkinghead.units.names import INDEX, SOURCES, UNIT_NAMES
from talkinghead.units.pose import POSE_NAMES
from talkinghead.units.track import UnitTrack
from talkinghead.units.unit_csv import read_own

OURS = "ours"
SUFFIXES = {OURS: ".csv", ARKIT: ".csv", LIVELINK: ".csv", OPENFACE: ".csv", MEDIAPIPE: ".json"}
NAMES = {
    OURS: UNIT_NAMES, ARKIT: BLENDSHAPES, LIVELINK: BLENDSHAPES, OPENFACE: INTENSITIES, MEDIAPIPE: MEDIAPIPE_SCORES
}  # fmt: skip
EXACT = 1e-4  # differences below this are no loss


Groups = dict[str, tuple[str, ...]]  # a name of one vocabulary -> those of the other that it is the mean of


def _both(name: str) -> tuple[str, str]:
    return f"{name}_L", f"{name}_R"


# The units whose mean an intensity is. Lip tightener (AU23) and rolled lips look alike: less of the lips' red shows.
# The cheek raiser (AU06) has no unit.
OPENFACE_UNITS: Groups = {
    "AU01": ("BrowsU_C",), "AU02": _both("BrowsU"), "AU04": _both("BrowsD"), "AU05": _both("EyeOpen"), "AU06": (),
    "AU07": _both("EyeSquint"), "AU09": ("Sneer",), "AU10": ("LipsUpperUp",), "AU12": _both("MouthSmile"),
    "AU14": _both("MouthDimple"), "AU15": _both("MouthFrown"), "AU17": ("ChinLowerRaise",),
    "AU20": _both("LipsStretch"), "AU23": ("LipsUpperClose", "LipsLowerClose"),
    "AU25": ("LipsUpperOpen", "LipsLowerOpen"), "AU26": ("JawOpen",), "AU45": _both("EyeBlink"),
}  # fmt: skip
UNIT_SCORES = {unit: scores for unit, (scores, _) in SOURCES.items()}
# No blendshape measures the lips' opening. Least squares over 18,000 frames of the corpus's train split; on 1,285 of
# val r is 0.74 for the upper lip (root mean square error 0.20) and 0.96 for the lower (0.08). The last is a constant.
LIPS_FROM = ("JawOpen", "JawChew", "LipsUpperUp", "LipsLowerDown", "MouthSmile_L", "MouthSmile_R", "LipsFunnel")
LIPS_WEIGHTS = {
    "LipsUpperOpen": (0.98, -1.60, 0.52, 0.32, -0.21, -0.21, 0.34, 0.09),
    "LipsLowerOpen": (0.79, -0.81, 0.05, 0.63, 0.165, 0.165, 0.27, 0.08),
}


def read_csv(path: str | Path, fps: Fraction | float = DEFAULT_FPS) -> UnitTrack:
    """Read a file of units, ours or another face tracker's (docs/convert.md), known by its header.

    `fps` turns frame numbers into seconds. What is lost by conversion is said by a warning. Raises UnitsError, see
    `unit_csv.read_own`.
    """
    path = existing_file(Path(path), UnitsError)
    kind = kind_of(path)
    if kind is None:
        return read_own(path, fps)
    return read_units(path, kind, None if kind == LIVELINK else fps)  # its timecodes tell their own rate


def read_units(path: str | Path, kind: str, fps: Fraction | float | None = None) -> UnitTrack:
    """The units in a file of another tracker, of a kind that `kind_of` told; what is lost is said by a warning.
    For `fps` see `foreign.read_table`. Raises UnitsError."""
    table = read_table(Path(path), kind, fps)
    units, lost = _translate(table, OURS)
    _say(path, kind, OURS, table.notes + lost)
    return UnitTrack(units.times, units.values.astype(np.float32), units.pose)


def convert(
    source: str | Path,
    target: str | Path,
    to: str | None = None,
    fps: Fraction | float | None = None,
    force: bool = False,
) -> None:
    """Read `source`, of whatever kind it looks, and write `target` as the kind `to` (None: by its suffix, a .csv is
    ours), whole or not at all. `fps` is the rate of a source whose clock counts frames.

    What is lost is said in one warning. Raises UnitsError and OutputError, in one line.
    """
    if to is None:
        to = MEDIAPIPE if Path(target).suffix.lower() == SUFFIXES[MEDIAPIPE] else OURS
    goal = check_output(target, force, (SUFFIXES[to],))
    source = existing_file(Path(source), UnitsError)
    kind = kind_of(source) or OURS
    if kind == to == OURS:
        raise UnitsError(f"{source}: holds our units already; name another kind with --to")
    if kind == OURS:
        track = read_own(source, fps or DEFAULT_FPS)
        table = Table(OURS, track.times, UNIT_NAMES, track.units.astype(np.float64), pose=track.pose)
    else:
        table = read_table(source, kind, fps)
    translated, lost = _translate(table, to)
    _write_whole(target, goal, lines(translated))
    _say(source, kind, to, table.notes + lost)


def _say(path: str | Path, kind: str, to: str, lost: list[str]) -> None:
    if lost:
        warnings.warn(f"{path}: from {kind} to {to} is lost: {', '.join(lost)}")


def _translate(table: Table, to: str) -> tuple[Table, list[str]]:
    """`table` as the kind `to`, with all of its names, and what was lost."""
    lost: list[str] = []
    names, values = table.names, table.values
    if table.kind == OPENFACE and to != OPENFACE:
        names, values = UNIT_NAMES, _spread(names, values, OPENFACE_UNITS, UNIT_NAMES, lost)
    elif table.kind not in (OURS, OPENFACE) and to in (OURS, OPENFACE):
        names, values = UNIT_NAMES, _units_from_scores(names, values, lost)
    if names == UNIT_NAMES and to == OPENFACE:
        names, values = INTENSITIES, _mean(names, values, OPENFACE_UNITS, lost)
    elif names == UNIT_NAMES and to != OURS:
        names, values = BLENDSHAPES, _spread(names, values, UNIT_SCORES, BLENDSHAPES, lost)
    lost += [n for k, n in enumerate(names) if n not in (*NAMES[to], NEUTRAL) and values[:, k].max() > EXACT]
    full = np.zeros((len(values), len(NAMES[to])))
    for k, name in enumerate(NAMES[to]):
        if name in names:
            full[:, k] = values[:, names.index(name)]
    if to in (ARKIT, LIVELINK) and table.pose is not None and np.ptp(table.pose[:, 3:], 0).max() > EXACT:
        lost.append("the head's place and size")
    return Table(to, table.times, NAMES[to], full, pose=table.pose), lost


def _mean(names: tuple[str, ...], values: np.ndarray, groups: Groups, lost: list[str]) -> np.ndarray:
    """The means [T, len(groups)] of groups of columns; columns in no group, and differences in one, are lost."""
    out, apart = np.zeros((len(values), len(groups))), []
    for k, members in enumerate(groups.values()):
        columns = values[:, [names.index(name) for name in members if name in names]]
        if columns.size:
            out[:, k] = columns.mean(1)
            if np.ptp(columns, 1).max() > EXACT:
                apart.append("/".join(members))
    lost += [f"differences within {', '.join(apart)}"] * bool(apart)
    used = {name for members in groups.values() for name in members}
    lost += [name for k, name in enumerate(names) if name not in (*used, NEUTRAL) and values[:, k].max() > EXACT]
    return out


def _spread(
    names: tuple[str, ...], values: np.ndarray, groups: Groups, into: tuple[str, ...], lost: list[str]
) -> np.ndarray:
    """Columns [T, len(into)] where all members of a group are the group's own; groups without members are lost."""
    out = np.zeros((len(values), len(into)))
    for k, name in enumerate(names):
        out[:, [into.index(member) for member in groups[name]]] = values[:, k, None]
        if not groups[name] and values[:, k].max() > EXACT:
            lost.append(name)
    return out


def _units_from_scores(names: tuple[str, ...], values: np.ndarray, lost: list[str]) -> np.ndarray:
    units = _mean(names, values, UNIT_SCORES, lost)
    features = np.c_[units[:, [INDEX[name] for name in LIPS_FROM]], np.ones(len(units))]
    for name, weights in LIPS_WEIGHTS.items():
        units[:, INDEX[name]] = (features @ weights).clip(0, 1)
    lost.append("how far the lips part (LipsUpperOpen and LipsLowerOpen are estimated)")
    return units


def _write_whole(path: str | Path, goal: Path, text: Iterator[str]) -> None:
    partial = partial_of(goal, Path(path).suffix)
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in text)
        os.replace(partial, goal)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    finally:
        partial.unlink(missing_ok=True)


def lines(table: Table) -> Iterator[str]:
    """The lines of a file of `table`'s kind; its columns are those of NAMES."""
    header, row = {
        OURS: _our_row, ARKIT: _arkit_row, LIVELINK: _livelink_row, OPENFACE: _openface_row, MEDIAPIPE: _mediapipe_row
    }[table.kind](table)  # fmt: skip
    yield header
    yield from map(row, range(len(table.times)))
    if table.kind == MEDIAPIPE:
        yield "]}"


Row = tuple[str, Callable[[int], str]]  # the header, and what gives the line of row i


def _our_row(table: Table) -> Row:
    return _plain_row(table, POSE_NAMES, table.pose)


def _arkit_row(table: Table) -> Row:
    camel = [name[0].lower() + name[1:] for name in HEAD_ANGLES]
    return _plain_row(table, camel, None if table.pose is None else to_livelink(table.pose))


def _plain_row(table: Table, names: Sequence[str], pose: np.ndarray | None) -> Row:
    values = table.values if pose is None else np.c_[table.values, pose]
    header = ("time", *table.names, *(names if pose is not None else ()))
    return ",".join(header), lambda i: f"{table.times[i]:.6f}," + _joined(values[i], 6)


def _livelink_row(table: Table) -> Row:
    pascal = (name[0].upper() + name[1:] for name in table.names)
    angles = np.zeros((len(table.times), len(ANGLES)))
    if table.pose is not None:
        angles[:, : len(HEAD_ANGLES)] = to_livelink(table.pose)
    count = len(BLENDSHAPES) + len(ANGLES)
    return (
        ",".join(("Timecode", "BlendshapeCount", *pascal, *ANGLES)),
        lambda i: f"{timecode(float(table.times[i]))},{count}," + _joined([*table.values[i], *angles[i]], 8),
    )


def timecode(seconds: float) -> str:
    """HH:MM:SS:FF.fff, where FF.fff counts frames at LIVELINK_FPS."""
    whole, thousandths = divmod(round(seconds * LIVELINK_FPS * 1000), LIVELINK_FPS * 1000)
    frames, part = divmod(thousandths, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frames:02d}.{part:03d}"


def _openface_row(table: Table) -> Row:
    values, pose = table.values * MAX_INTENSITY, [] if table.pose is None else [*TRANSLATION, *ROTATION]
    if table.pose is not None:
        values = np.c_[to_openface(table.pose), values]
    header = ("frame", "face_id", "timestamp", "confidence", "success", *pose, *(f"{au}_r" for au in table.names))
    return ",".join(header), lambda i: f"{i + 1},0,{table.times[i]:.6f},1,1," + _joined(values[i], 5)


def _mediapipe_row(table: Table) -> Row:
    matrices = None if table.pose is None else to_mediapipe(table.pose).round(6)

    def row(i: int) -> str:
        face = [
            {"index": k, "score": round(float(value), 6), "display_name": "", "category_name": name}
            for k, (name, value) in enumerate(zip(table.names, table.values[i]))
        ]
        frame = {"timestamp_ms": round(float(table.times[i]) * 1000, 3), "face_blendshapes": [face]}
        if matrices is not None:
            frame["facial_transformation_matrixes"] = [matrices[i].tolist()]
        return json.dumps(frame) + "," * (i + 1 < len(table.times))

    return '{"frames": [', row


def _joined(values: Iterable[float], digits: int) -> str:
    return ",".join(f"{value:.{digits}f}" for value in values)
