"""Moods and regions: an expression that colours speech, and how strongly each part of the face moves.

A mood is an offset to the 46 units, learned from actors (recipes/fit_moods.py, docs/moods.md) and kept in
`assets/moods.csv`. It is added after speech, and speech wins at the mouth: as far as the lips are closed, nothing of a
mood opens them, and lips that speech opens stay at least half as open. Each frame stands for itself, so streams need
no look-ahead.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap

# RAVDESS's eight, in the order of its file names.
MOODS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
MAX_STRENGTH = 2.0
MAX_GAIN = 10.0
# The beginnings of the names of each region's units; together they cover all 46, none twice.
REGIONS: dict[str, tuple[str, ...]] = {
    "eyes": ("Eye",),
    "brows": ("Brows",),
    "nose": ("Sneer",),
    "cheeks": ("Puff",),
    "jaw": ("Jaw",),
    "mouth": ("Mouth", "Lips", "Chin"),
}

# More of these opens the lips; more of those closes them.
OPENING = ("JawOpen", "LipsUpperUp", "LipsLowerDown", "LipsUpperOpen", "LipsLowerOpen", "LipsFunnel")
CLOSING = ("JawChew", "LipsUpperClose", "LipsLowerClose", "ChinLowerRaise")
# Of the gaps (action_units.lip_gap) that the shipped speech model gives where a talker's lips really were closed (16
# held-out sentences), 95 % lie under SHUT; where they were clearly open, half lie over PARTED.
SHUT, PARTED = 0.04, 0.09
CLOSED_SMILE = 0.6  # the broadest that most lips can be closed under
KEPT = 0.5  # of the opening that speech asks for, whatever the mood

_OPENING, _CLOSING = ([INDEX[name] for name in names] for names in (OPENING, CLOSING))
_SMILE = [INDEX["MouthSmile_L"], INDEX["MouthSmile_R"]]


@cache
def offsets() -> dict[str, np.ndarray]:
    """What each mood adds to the units at full strength: name -> [46] float32 in [-1, 1]."""
    with (files("talkinghead") / "assets" / "moods.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["mood"]: np.array([float(row[name]) for name in UNIT_NAMES], np.float32) for row in rows}


def parse_mood(mood: str | dict[str, float] | None) -> dict[str, float]:
    """`happy`, `happy:0.5` or `happy:0.3,surprised:0.2` as names and strengths in [0, MAX_STRENGTH], 1 where none is
    given. Raises ValueError in one line."""
    if isinstance(mood, str):
        pairs = [part.partition(":") for part in mood.split(",")]
        mood = {name.strip(): _number(value, name.strip()) if colon else 1.0 for name, colon, value in pairs}
    for name, strength in (mood or {}).items():
        if name not in MOODS:
            raise ValueError(f"there is no mood {name!r}; the moods are {', '.join(MOODS)}")
        if not 0 <= strength <= MAX_STRENGTH:
            raise ValueError(f"{name}: a strength of {strength:g} is outside 0 to {MAX_STRENGTH:g}")
    return dict(mood or {})


def gain_vector(gain: float | str | dict[str, float]) -> np.ndarray:
    """A number for the whole face, `mouth=1.2,brows=0.5`, or `1.2,brows=0.5` (the plain number is for all regions not
    named) as a factor for each unit, [46] float32; `auto` instead of the plain number is 1 here, see `is_auto`. Raises
    ValueError in one line, also outside [0, MAX_GAIN]."""
    if isinstance(gain, str):
        pairs = [part.rpartition("=") for part in gain.split(",") if part.strip() != "auto"]
        gain = {name.strip(): _number(value, name.strip() or "gain") for name, _, value in pairs}
    elif not isinstance(gain, dict):
        gain = {"": float(gain)}
    out = np.full(len(UNIT_NAMES), gain.get("", 1.0), np.float32)
    for region, value in gain.items():
        if region and region not in REGIONS:
            raise ValueError(f"there is no region {region!r}; the regions are {', '.join(REGIONS)}")
        if not 0 <= value <= MAX_GAIN:
            raise ValueError(f"{region or 'gain'}: a gain of {value:g} is outside 0 to {MAX_GAIN:g}")
        if region:
            out[[i for i, name in enumerate(UNIT_NAMES) if name.startswith(REGIONS[region])]] = value
    return out


def is_auto(gain: float | str | dict[str, float]) -> bool:
    """Whether the mouth is to open as widely as people's do, whatever the voice (units.width)."""
    return isinstance(gain, str) and "auto" in (part.strip() for part in gain.split(","))


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: {text.strip()!r} is not a number") from None


def openness(units: np.ndarray, rest: np.ndarray | float = 0.0) -> float:
    """How open the lips are, 0 shut to 1 parted, under `units` [46]; `rest` are those of the same face closed."""
    gap = float(lip_gap(units - rest))
    return min(max((gap - SHUT) / (PARTED - SHUT), 0.0), 1.0)


class Mood:
    """A mixture of moods, ready to be added to one frame's units after another. See `parse_mood` for the argument."""

    def __init__(self, mood: str | dict[str, float] | None = None):
        strengths = parse_mood(mood)
        self.offset = np.zeros(len(UNIT_NAMES), np.float32)
        for name, strength in strengths.items():
            self.offset += strength * offsets()[name]

    def __call__(self, spoken: np.ndarray, rest: np.ndarray | float = 0.0) -> np.ndarray:
        """The units [46] of a frame, in [0, 1], with the mood on top of what is `spoken` [46].

        `rest` [46] is the same face with its mouth closed, 0 where nobody knows: lips count as open from there.
        """
        if not self.offset.any():
            return spoken
        open_ = openness(spoken, rest)
        offset = self.offset.copy()
        offset[_OPENING] *= open_
        offset[_CLOSING] = np.maximum(offset[_CLOSING], open_ * offset[_CLOSING])
        out = spoken + offset
        out[_OPENING] = np.maximum(out[_OPENING], KEPT * spoken[_OPENING])
        # A smile may spread the lips as far as they still close, or as far as speech itself does; wholly once parted.
        bound = np.maximum(spoken[_SMILE], CLOSED_SMILE)
        out[_SMILE] = np.minimum(out[_SMILE], bound + open_ * np.maximum(out[_SMILE] - bound, 0))
        return out.clip(0, 1).astype(np.float32)
