"""Eyes that cross farther than people's are held back, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.face.crossed import CROSSED, uncrossed
from talkinghead.units.names import INDEX

NONE = np.zeros(46, np.float32)


def eyes(left: float, right: float) -> np.ndarray:
    """Units whose eyes turn so far to the nose, negative outwards."""
    units = np.full(46, 0.25, np.float32)
    for side, inwards in ("L", left), ("R", right):
        units[INDEX[f"EyeIn_{side}"]], units[INDEX[f"EyeOut_{side}"]] = max(inwards, 0), max(-inwards, 0)
    return units


def inwards(units: np.ndarray) -> np.ndarray:
    return np.array([units[INDEX[f"EyeIn_{side}"]] - units[INDEX[f"EyeOut_{side}"]] for side in "LR"])


def test_eyes_that_look_somewhere_are_left_alone():
    units = np.stack([eyes(0.25, 0.3), eyes(0.9, -0.8), eyes(-0.5, 0.9), eyes(0, 0)])
    np.testing.assert_array_equal(uncrossed(units, NONE), units)


def test_crossed_eyes_are_held_back_and_keep_their_side():
    given = np.stack([eyes(0, 0), eyes(0.7, 0.5), eyes(1, 1)])
    found = uncrossed(given, NONE)
    np.testing.assert_array_equal(found[0], given[0])
    assert CROSSED[0] < inwards(found[1]).mean() <= CROSSED[1]
    assert np.diff(inwards(found[1])) == pytest.approx(-0.2, abs=1e-6)
    np.testing.assert_allclose(inwards(found[2]), CROSSED[1], atol=0.01)
    rest = [k for k in range(46) if k not in {INDEX[f"Eye{way}_{side}"] for way in ("In", "Out") for side in "LR"}]
    np.testing.assert_array_equal(found[:, rest], given[:, rest])


def test_a_portrait_that_squints_stays_as_it_is():
    own = eyes(0.6, 0.5)
    np.testing.assert_array_equal(uncrossed(own[None], own)[0], own)
