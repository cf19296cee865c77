from __future__ import annotations

import numpy as np
import pytest

from talkinghead.face.aside import ASIDE, MOST, looking_aside
from talkinghead.units.names import INDEX

OWN = np.full(46, 0.2, np.float32)


def test_a_portrait_under_its_own_units_is_asked_for_just_these():
    np.testing.assert_array_equal(looking_aside(OWN[None], OWN), OWN[None])


@pytest.mark.parametrize("name", ["EyeIn_L", "EyeOut_R"])
def test_eyes_are_asked_to_look_further_but_not_without_end_and_nothing_else_moves(name):
    wish = np.tile(OWN, (5, 1))
    wish[:, INDEX[name]] = (0, 0.2, 0.4, 0.7, 1)
    asked = looking_aside(wish, OWN)
    change, wished = asked[:, INDEX[name]] - 0.2, wish[:, INDEX[name]] - 0.2
    assert (np.diff(change) > 0).all() and np.abs(change).max() < MOST
    assert change[2] > 1.8 * wished[2]
    others = [k for k in range(46) if k != INDEX[name]]
    np.testing.assert_array_equal(asked[:, others], wish[:, others])
    assert len(ASIDE) == 4
