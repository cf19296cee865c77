from __future__ import annotations

import numpy as np
import pytest

from recipes.judge_head import AXES, compared, unit_gain

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
