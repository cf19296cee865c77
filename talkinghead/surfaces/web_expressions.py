"""What the page offers to click on: groups of units, and expressions as values for all 46 of them."""

from __future__ import annotations

import numpy as np

from talkinghead.units.moods import MOODS, Mood
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.track import UnitTrack

# The beginnings of the names of each group's units; together they cover all 46, none twice.
GROUPS: dict[str, tuple[str, ...]] = {
    "Eyes": ("Eye",),
    "Brows": ("Brows",),
    "Jaw": ("Jaw",),
    "Mouth": ("Mouth",),
    "Lips": ("Lips",),
    "Cheeks, nose and chin": ("Puff", "Sneer", "Chin"),
}
# Expressions by the units they set; the others keep the portrait's own values.
PRESETS: dict[str, dict[str, float]] = {
    "Smile": {"MouthSmile_L": 0.8, "MouthSmile_R": 0.8, "EyeSquint_L": 0.4, "EyeSquint_R": 0.4},
    "Ah": {"JawOpen": 0.5, "LipsUpperOpen": 0.6, "LipsLowerOpen": 0.9},
    "Oo": {"LipsPucker": 0.9, "LipsFunnel": 0.3, "JawOpen": 0.05},
    "Surprise": {
        "BrowsU_C": 0.9, "BrowsU_L": 0.9, "BrowsU_R": 0.9, "EyeOpen_L": 0.6, "EyeOpen_R": 0.6, "JawOpen": 0.35,
        "LipsUpperOpen": 0.4, "LipsLowerOpen": 0.6,
    },
    "Frown": {"BrowsD_L": 0.9, "BrowsD_R": 0.9, "MouthFrown_L": 0.6, "MouthFrown_R": 0.6},
    "Eyes closed": {"EyeBlink_L": 0.9, "EyeBlink_R": 0.9},
    "Wink": {"EyeBlink_L": 0.9, "MouthSmile_L": 0.5},
}  # fmt: skip


def group(name: str) -> list[str]:
    """The units of one of GROUPS."""
    return [unit for unit in UNIT_NAMES if unit.startswith(GROUPS[name])]


def expressions(own: dict[str, float]) -> dict[str, dict[str, float]]:
    """PRESETS, and the moods, as values for all units of a portrait whose own they are given."""
    units = np.array([own[name] for name in UNIT_NAMES], np.float32)
    moods = {mood.capitalize(): Mood(mood)(units) for mood in MOODS if mood != "neutral"}
    tables = {name: dict(zip(UNIT_NAMES, map(float, vector))) for name, vector in moods.items()}
    return {**{name: own | units for name, units in PRESETS.items()}, **tables}


def liveliest(track: UnitTrack, count: int = 6) -> list[str]:
    """The units that vary most over a clip, most first."""
    return [UNIT_NAMES[i] for i in np.argsort(-track.units.std(0), kind="stable")[:count]]


def telling(track: UnitTrack) -> list[str]:
    """Six units that tell what a talking face does: the four liveliest of its mouth, a brow and a lid; of pairs the
    left."""
    order = [name for name in liveliest(track, len(UNIT_NAMES)) if not name.endswith("_R")]
    mouth = [name for name in order if name.startswith(("Jaw", "Mouth", "Lips"))]
    return [*mouth[:4], next(name for name in order if name.startswith("Brows")), "EyeBlink_L"]
