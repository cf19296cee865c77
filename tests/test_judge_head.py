from __future__ import annotations

import numpy as np
import pytest

from recipes.fit_expression_pitch import fitted, left_over, mirror
from recipes.judge_head import AXES, compared, unit_gain
from talkinghead.units.names import INDEX, UNIT_NAMES

RANDOM = np.random.default_rng(0)


def test_slopes_count_where_the_photograph_bears_the_pose():
    wanted = RANDOM.normal(0, 4, (400, 3))
    limit = np.array([6.0, 6.0, 6.0])
    seen = np.clip(wanted - wanted.mean(0), -6, 6) * (0.8, 1.0, 1.2) + 3
    seen[7] = np.nan  # no face there
    figures = compared(seen, wanted, limit)
    assert [figures[f"slope_{axis}"] for axis in AXES] == pytest.approx([0.8, 1.0, 1.2], abs=1e-6)
    assert 0.9 < figures["r_yaw"] < 1


def test_gain_is_one_for_the_same_units_and_nothing_for_a_still_portrait():
    wanted, own = RANDOM.random((30, 44)), RANDOM.random(44)
    assert unit_gain(wanted, own, wanted) == pytest.approx(1)
    assert unit_gain(np.tile(own, (30, 1)), own, wanted) == pytest.approx(0)


def test_the_fit_finds_what_expressions_look_like_from_either_side():
    truth = np.zeros((46, 3))
    truth[INDEX["BrowsU_L"]], truth[INDEX["BrowsU_R"]] = (5, 1, 0.5), (-5, 1, -0.5)
    truth[INDEX["JawOpen"]] = 0, -4, 0
    seen = []
    for _ in range(8):
        units = RANDOM.normal(0, 0.1, (60, 46))
        seen.append((units - units.mean(0), (units - units.mean(0)) @ truth + RANDOM.normal(0, 0.05, (60, 3))))
    np.testing.assert_allclose(fitted(seen, 0.01), truth, atol=0.1)
    assert left_over(seen, 0.01).max() < 0.06
    assert sorted(mirror()) == list(range(46)) and (mirror()[mirror()] == np.arange(46)).all()
    assert UNIT_NAMES[mirror()[INDEX["JawLeft"]]] == "JawRight"
