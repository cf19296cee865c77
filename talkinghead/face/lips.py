"""The mouth at rest: a portrait's own units in, those of the same face with closed lips out.

Speech moves the lips from the portrait's own expression, but one photographed with an open laugh must close when nobody
speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
LAUGH_LIMITS = {"MouthSmile_L": 0.35, "MouthSmile_R": 0.35, "LipsUpperUp": 0.05, "LipsUpperOpen": 0.15}
SURE = 0.01  # inter-ocular distances by which speech must part the lips beyond their rest before it shows


@dataclass(frozen=True)
class Lips:
    """One portrait's lips: `rest` its units [46] with the mouth closed, `shut` the gap in inter-ocular distances up to
    which its lips touch."""

    rest: np.ndarray
    shut: float

    @classmethod
    def of(cls, units: np.ndarray, photographed: float, gap: Callable[[np.ndarray], float]) -> Lips:
        """Those of a portrait with these own units [46], `photographed` with that gap between the lips; `gap` tells the
        one of other units."""
        rest = units.copy()
        laughing = photographed > PHOTOGRAPHED_OPEN
        for name, limit in (REST_LIMITS | LAUGH_LIMITS if laughing else REST_LIMITS).items():
            rest[INDEX[name]] = min(rest[INDEX[name]], limit)
        return cls(rest, max(gap(rest), 0.0) + SURE)
