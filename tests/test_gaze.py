"""Eyes, brows and cued blinks: where they look, against what they turn, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.units.blink import EARLY, CuedBlinks, blinks
from talkinghead.units.gaze import LID_PER_UNIT, UNITS_PER_DEGREE, Gaze, look
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.prosody import FPS, Beat

SPEECH = Beat(0.6, 0.0, False, False, 0.0)
UNITS = np.random.default_rng(0).uniform(0.3, 0.7, 46).astype(np.float32)


def of(units, *names):
    return [units[INDEX[name]] for name in names]


def test_eyes_come_back_to_the_camera():
    for seed in range(5):
        gaze = Gaze(seed)
        angles = np.array([gaze.step(SPEECH, NEUTRAL) for _ in range(600 * FPS)])
        away = np.hypot(*angles.T) > 3
        assert 0.04 < away.mean() < 0.3
        lengths = [len(run) for run in np.split(away, np.flatnonzero(np.diff(away)) + 1) if run[0]]
        assert max(lengths) < 4 * FPS  # never away for long
        jumps = np.linalg.norm(np.diff(angles, axis=0), axis=1)
        assert (jumps == 0).mean() > 0.9  # fixations: between jumps the eyes are still


def test_the_end_of_a_phrase_brings_them_back():
    gaze = Gaze(0)
    while np.hypot(*gaze.step(SPEECH, NEUTRAL)) < 3:
        pass
    assert np.hypot(*gaze.step(SPEECH._replace(ends=True), NEUTRAL)) < 3


def test_eyes_turn_against_the_head():
    turned = NEUTRAL.copy()
    turned[:2] = 3, -2
    one, two = Gaze(1), Gaze(1)
    for _ in range(500):
        np.testing.assert_allclose(two.step(SPEECH, turned), one.step(SPEECH, NEUTRAL) - (3, -2), atol=1e-5)


def test_what_looking_does_to_the_units():
    left = look(UNITS, np.array([5.0, 0.0]), 0.0)
    by = 5 * UNITS_PER_DEGREE
    pairs = [("EyeOut_L", "EyeIn_L"), ("EyeIn_R", "EyeOut_R")]
    for more, less in pairs:  # the own left: outward for the left eye, towards the nose for the right
        before, after = np.subtract(*of(UNITS, more, less)), np.subtract(*of(left, more, less))
        assert after - before == pytest.approx(by, abs=1e-5)
        assert min(of(left, more, less)) == pytest.approx(min(of(UNITS, more, less)), abs=1e-5)
    down = look(UNITS, np.array([0.0, -5.0]), 0.0)
    for side in "LR":
        more, less = f"EyeDown_{side}", f"EyeUp_{side}"
        assert np.subtract(*of(down, more, less)) - np.subtract(*of(UNITS, more, less)) == pytest.approx(by, abs=1e-5)
        lid = f"EyeBlink_{side}"
        assert down[INDEX[lid]] - UNITS[INDEX[lid]] == pytest.approx(LID_PER_UNIT * by, abs=1e-5)
    brows = look(UNITS, np.zeros(2), 0.1)
    assert all(UNIT_NAMES[k].startswith("Brows") for k in np.flatnonzero(brows != UNITS))
    np.testing.assert_array_equal(look(UNITS, np.zeros(2), 0.0), UNITS)
    np.testing.assert_array_equal(look(UNITS, np.array([9.0, 9.0]), 0.2, gain=0.0), UNITS)
    assert look(UNITS, np.array([90.0, 90.0]), 1.0).max() <= 1


def test_blinks_come_with_cues_but_no_more_often():
    """Without a cue they are those of `blinks`; with cues all the time they are as many, within a sixth."""
    times = np.arange(600 * FPS) / FPS
    plain, cued = CuedBlinks(2), CuedBlinks(2)
    same = np.array([plain.closure(t, False) for t in times])
    np.testing.assert_allclose(same, [lid for lid, _ in zip(blinks(FPS, 2), times)], atol=1e-9)
    moments = np.random.default_rng(0).random(len(times)) < 0.02
    lids = np.array([cued.closure(t, cue) for t, cue in zip(times, moments)])
    begin = lambda x: np.flatnonzero((x[1:] > 0.05) & (x[:-1] <= 0.05))  # noqa: E731
    assert 0 <= len(begin(lids)) - len(begin(same)) < len(begin(same)) / 4
    after = [min((d for d in frame - np.flatnonzero(moments) if d >= 0), default=99) for frame in begin(lids)]
    chance = [min((d for d in frame - np.flatnonzero(moments) if d >= 0), default=99) for frame in begin(same)]
    assert np.mean(np.array(after) <= 2) > np.mean(np.array(chance) <= 2) + 0.1
    assert EARLY < 2
