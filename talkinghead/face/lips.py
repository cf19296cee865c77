"""Lips that meet when nobody speaks and part when somebody does, on every portrait.

How far units really part the lips depends on the portrait: one photographed in a laugh keeps a gap where a calm one has
none, and lips that were shut begin to part late. So a few trial frames of the face are drawn once, the tracker measures
the gap in them, and from then on the resting mouth and every frame's opening are corrected by what was found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from talkinghead.units.moods import CLOSED_SMILE, REGIONS
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap

# How open a mouth at rest may be. Speech moves the lips from the portrait's own expression, but one photographed with
# an open laugh must close when nobody speaks: these are about the highest values that 9 of 10 portraits with a closed
# mouth stay under (5,900 of the corpus), lower for smiles, which would keep the lips from meeting.
REST_LIMITS = {
    "JawOpen": 0.02, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.4, "LipsUpperUp": 0.2, "LipsLowerDown": 0.07,
    "LipsFunnel": 0.02, "LipsPucker": 0.2, "MouthSmile_L": CLOSED_SMILE, "MouthSmile_R": CLOSED_SMILE,
}  # fmt: skip
# What a portrait may have to give up until its lips meet: its mouth's expression, kept in these shares. Where that is
# not enough the mouth is drawn below zero, further closed than it was labelled open, by these multiples of PART.
KEPT = (1.0, 0.75, 0.5, 0.25, 0.0)
BELOW = (0.25, 0.5, 0.75, 1.0)
CLOSED = 0.012  # inter-ocular distances: three times the median gap of closed lips in the corpus's clips
PHOTOGRAPHED_OPEN = 0.03  # from this gap on a portrait's lips count as open in the photograph
# How talkers open their mouths: about these units at JawOpen near 0.3, less those at closed lips (3,500 frames).
PART = {"JawOpen": 0.30, "LipsUpperOpen": 0.33, "LipsLowerOpen": 0.30}
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # multiples of PART that are tried
LEAST_RESPONSE = 0.03  # a face whose gap grows by less under all of PART cannot be corrected
SURE = 0.05  # a wanted gap below this may be an error of closed lips, and is corrected in proportion to it

_MOUTH = np.array([name.startswith(REGIONS["jaw"] + REGIONS["mouth"]) for name in UNIT_NAMES])


def _vector(named: dict[str, float]) -> np.ndarray:
    out = np.zeros(len(UNIT_NAMES), np.float32)
    for name, value in named.items():
        out[INDEX[name]] = value
    return out


_PART = _vector(PART)


@dataclass(frozen=True)
class Lips:
    """One portrait's lips. Gaps are in inter-ocular distances."""

    rest: np.ndarray  # units of the resting face, [46]
    below: np.ndarray  # what is to be taken from units that close the lips when they are drawn, [46]
    own: float  # the gap that the portrait was photographed with
    smile: float  # the broadest smile under which its lips are thought to meet, MouthSmile of either side
    left: float  # the gap that is left at rest; NaN if nobody can tell
    gaps: np.ndarray  # what each of STRENGTHS adds to that gap

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """The units [46] of a frame with the mouth opened further where this portrait's lips would part too little."""
        wanted = float(lip_gap(units - self.rest))
        if wanted <= 0 or self.gaps[-1] < LEAST_RESPONSE:
            return units
        given = wanted / float(lip_gap(_PART))
        needed = float(np.interp(wanted, self.gaps, STRENGTHS))
        more = max(0.0, needed - given) * min(1.0, wanted / SURE)
        return (units + more * _PART).clip(0, 1)

    def drawn(self, units: np.ndarray) -> np.ndarray:
        """What to ask the generator for, that lips close which units [N, 46] close; may be below zero.

        The wider the units open them, up to the gap of the photograph, the less is changed.
        """
        return below_zero(units, self.below, self.own)


def below_zero(units: np.ndarray, below: np.ndarray, own: float) -> np.ndarray:
    closing = (1 - lip_gap(units) / max(own, CLOSED)).clip(0, 1)
    return (units - closing[..., None] * below).astype(np.float32)


def fit(units: np.ndarray, measure: Callable[[np.ndarray], np.ndarray]) -> Lips:
    """Find how the lips of a portrait behave whose own units [46] are given.

    `measure` draws the portrait under units [N, 46], which may be below zero, and gives the gap between the lips in
    each, [N], in inter-ocular distances, NaN where it sees no face.
    """
    own = units.copy()
    for name, limit in REST_LIMITS.items():
        own[INDEX[name]] = min(own[INDEX[name]], limit)
    bare = np.where(_MOUTH, 0, own).astype(np.float32)
    tries = [(bare + kept * (own - bare), 0.0) for kept in KEPT]
    if lip_gap(units) > PHOTOGRAPHED_OPEN:
        tries += [(bare, below) for below in BELOW]
    gaps = np.nan_to_num(measure(np.stack([rest - below * _PART for rest, below in tries])), nan=np.inf)
    closed = np.flatnonzero(gaps <= CLOSED)
    # One step further than needed, unless nothing is: a tracker that sees closed lips has little to go by.
    best = (closed[0] and min(closed[0] + 1, len(tries) - 1)) if len(closed) else int(gaps.argmin())
    rest, below = tries[best][0], tries[best][1] * _PART
    gap = float(lip_gap(units))
    smile = max(float(rest[INDEX[f"MouthSmile_{side}"]]) for side in "LR") if best else CLOSED_SMILE
    opened = measure(below_zero(np.stack([(rest + much * _PART).clip(0, 1) for much in STRENGTHS]), below, gap))
    # A mouth that opens closes no gap, whatever the tracker says; strictly increasing, so that it can be inverted.
    rise = np.maximum.accumulate(np.nan_to_num(opened - opened[0])) + 1e-4 * np.arange(len(STRENGTHS))
    return Lips(rest, below, gap, smile, float(opened[0]), rise)
