"""How far lips part when a voice moves them: units above rest as a voice asks for them in, units to be drawn out.

What the outline draws as closed (face/outline.py) is wide enough to hide a tracker's noise, which a voice's units do
not have: every small opening would be shut, and p, b, m look like the vowels around them.
"""

from __future__ import annotations

import numpy as np

from talkinghead.face.outline import IOD, LOWER, UPPER, Outline
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap
from talkinghead.units.width import parted

TYPICAL = {"JawOpen": 0.3, "LipsLowerOpen": 0.27, "LipsUpperOpen": 0.3}  # of a mouth that opens
STEPS, FURTHEST = 33, 1.6  # of TYPICAL that are looked at, and the last of them
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
        # Gaps as drawn, from nothing on, and those that units must speak of for it; inter-ocular distances.
        self._drawn, self._spoken = drawn[last:], lip_gap(wishes)[last:]

    def drawn(self, units: np.ndarray) -> np.ndarray:
        """The gap between the lips, in inter-ocular distances, that is drawn for `units` and no others."""
        return np.interp(lip_gap(units), self._spoken, self._drawn)

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """The units that draw the gap between the lips that `units` speak of."""
        asked = lip_gap(units)
        wanted = np.interp(asked, self._drawn, self._spoken)
        return parted(units, (wanted / np.maximum(asked, 1e-6)).clip(1, LIFTED))
