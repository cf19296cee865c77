"""The mouth at rest: a portrait's own units in, those of the same face with closed lips out.

Speech moves the lips from the portrait's own expression, but one photographed with an open laugh must close when nobody
speaks.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.moods import CLOSED_SMILE
from talkinghead.units.names import INDEX

PHOTOGRAPHED_OPEN = 0.025  # inter-ocular distances from which lips count as open in the photograph
# How open a mouth at rest may be: about the highest values that 9 of 10 portraits with a closed mouth stay under (5,900
# of the corpus), lower for smiles, which would keep the lips from meeting.
REST_LIMITS = {
    "JawOpen": 0.02, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.4, "LipsUpperUp": 0.2, "LipsLowerDown": 0.07,
    "LipsFunnel": 0.02, "LipsPucker": 0.2, "MouthSmile_L": CLOSED_SMILE, "MouthSmile_R": CLOSED_SMILE,
}  # fmt: skip
# Lips that a smile drew apart close under a narrower one.
LAUGH_LIMITS = {
    "MouthSmile_L": 0.35, "MouthSmile_R": 0.35, "LipsUpperUp": 0.05, "LipsUpperOpen": 0.05, "LipsLowerOpen": 0.12,
}  # fmt: skip


def rest_units(units: np.ndarray, photographed: float) -> np.ndarray:
    """The units [46] of a portrait at rest whose own are given, `photographed` with this gap between its lips."""
    rest = units.copy()
    laughing = photographed > PHOTOGRAPHED_OPEN
    for name, limit in (REST_LIMITS | LAUGH_LIMITS if laughing else REST_LIMITS).items():
        rest[INDEX[name]] = min(rest[INDEX[name]], limit)
    return rest
