"""How far lips part and purse when a voice moves them: units above rest as a voice asks for them in, units to be drawn
out.

What the outline draws as closed (face/outline.py) is wide enough to hide a tracker's noise, which a voice's units do
not have: every small opening would be shut, and p, b, m look like the vowels around them. And a mouth that smiles at
rest loses its smile whenever it purses: it would draw together by twice as much as others, at every u and w.
"""

from __future__ import annotations

import numpy as np

from gath.purse import PURSING
from talkinghead.face.outline import IOD, LOWER, OUTER, UPPER, Outline
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap
from talkinghead.units.width import parted

TYPICAL = {"JawOpen": 0.3, "LipsLowerOpen": 0.27, "LipsUpperOpen": 0.3}  # of a mouth that opens
STEPS, FURTHEST = 33, 1.6  # of TYPICAL that are looked at, and the last of them
PURSED = 0.4  # a purse...
NARROWER = 0.13  # ...and the inter-ocular distances by which it draws mouths together that do not smile
LEAST = 0.6  # of a purse, and of what spreads, is drawn at least: less is not seen on a broad smile
ACROSS = [INDEX[name] for name in (*PURSING, "LipsStretch_L", "LipsStretch_R")]  # what moves the corners of a mouth
LIFTED = 4.0  # times its units at most are asked for, so that a gap grows from nothing without a jump


class Parting:
    """Of one portrait; called with units [..., 46] above rest."""

    def __init__(self, outline: Outline):
        typical = np.zeros(len(UNIT_NAMES), np.float32)
        typical[[INDEX[name] for name in TYPICAL]] = list(TYPICAL.values())
        wishes = np.linspace(0, FURTHEST, STEPS, dtype=np.float32)[:, None] * typical
        points = outline((outline.rest + wishes).clip(0, 1))
        drawn = np.maximum.accumulate((points[:, LOWER, 1] - points[:, UPPER, 1]).max(1)) / IOD
        drawn = drawn - drawn[0]
        last = np.flatnonzero(drawn <= 0)[-1]  # that is drawn closed
        purse = np.zeros_like(typical)
        purse[INDEX[PURSING[0]]] = PURSED
        wide = np.ptp(outline((outline.rest + np.stack([0 * purse, purse])).clip(0, 1))[:, OUTER, 0], axis=1) / IOD
        self._across = np.clip(NARROWER / max(wide[0] - wide[1], 1e-6), LEAST, 1)
        # Gaps as drawn, from nothing on, and those that units must speak of for it; inter-ocular distances.
        self._drawn, self._spoken = drawn[last:], lip_gap(wishes)[last:]

    def drawn(self, units: np.ndarray) -> np.ndarray:
        """The gap between the lips, in inter-ocular distances, that is drawn for `units` and no others."""
        return np.interp(lip_gap(units), self._spoken, self._drawn)

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """The units that draw the gap between the lips that `units` speak of, with purses hardly wider than others'."""
        units, asked = units.copy(), lip_gap(units)
        units[..., ACROSS] *= self._across
        wanted = np.interp(asked, self._drawn, self._spoken)
        return parted(units, (wanted / np.maximum(asked, 1e-6)).clip(1, LIFTED))
