"""Brows: when they rise, how far, for how long, and what that does to the units."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.units.brows import HELD, HIGHEST, LIFT, PER_DEGREE, Brows, raise_brows
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.prosody import FPS, Beat

SPEECH = Beat(0.6, 0.0, False, False, 0.0)
STRESSED = SPEECH._replace(stress=1.6)


def lifts(seed, beats, pitch=0.0):
    brows = Brows(seed)
    return np.array([brows.step(beat, pitch) for beat in beats])


def test_they_rise_on_stressed_words_only():
    assert not lifts(0, [SPEECH._replace(stress=1.0)] * 100).any()
    rare = [STRESSED if i % (3 * FPS) == 0 else SPEECH for i in range(300 * FPS)]
    raised = lifts(0, rare).reshape(-1, 3 * FPS)
    share = (raised.max(1) > LIFT[0] / 2).mean()
    assert 0.2 < share < 0.6  # some of them, not all
    assert raised.max() <= HIGHEST and np.abs(np.diff(raised.ravel())).max() < 0.06  # no jerk
    assert raised[:, -1].max() < 0.02  # none is held for longer than a moment


def test_they_rise_where_phrases_begin_and_sink_where_they_end():
    begins, ends = SPEECH._replace(begins=True), SPEECH._replace(ends=True)
    longest = round(FPS * HELD[1])
    held = np.array([lifts(seed, [begins] + [SPEECH] * longest) for seed in range(60)])
    cut = np.array([lifts(seed, [begins] + [SPEECH] * 4 + [ends] + [SPEECH] * (longest - 5)) for seed in range(60)])
    assert 0.3 < (held.max(1) > LIFT[0] / 2).mean() < 0.7
    assert cut[:, 20:].max() < 0.02 < held[:, 20].max()


def test_they_go_with_the_head():
    up, level, down = (lifts(1, [STRESSED] * 50, pitch) for pitch in (2.0, 0.0, -2.0))
    free = level < HIGHEST - 2 * PER_DEGREE
    np.testing.assert_allclose((up - level)[free], 2 * PER_DEGREE, atol=1e-6)
    np.testing.assert_allclose(down - level, -2 * PER_DEGREE, atol=1e-6)
    assert lifts(1, [STRESSED] * 200, 60.0).max() <= HIGHEST and lifts(1, [SPEECH], -60.0).min() > -0.1


def test_every_seed_has_brows_of_its_own():
    beats = [STRESSED if i % 20 == 0 else SPEECH for i in range(500)]
    np.testing.assert_array_equal(lifts(3, beats), lifts(3, beats))
    assert np.abs(lifts(3, beats) - lifts(4, beats)).max() > 0.05


@pytest.mark.parametrize("by", [0.1, -0.1])
def test_what_that_does_to_the_units(by):
    before = np.full(46, 0.5, np.float32)
    after = before.copy()
    raise_brows(after, by)
    changed = {UNIT_NAMES[k]: after[k] - 0.5 for k in np.flatnonzero(after != before)}
    assert changed.keys() == {"BrowsU_C", *(f"Brows{way}_{side}" for way in "UD" for side in "LR")}
    for name, change in changed.items():
        assert np.sign(change) == np.sign(by) * (-1 if name.startswith("BrowsD") else 1)
    assert after[INDEX["BrowsU_C"]] == pytest.approx(0.5 + by)
