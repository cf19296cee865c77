"""Blinks: the statistics the docstring states, and independence of the frame rate."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from talkinghead.units.blink import LONGEST_INTERVAL, SHORTEST_INTERVAL, blinks, events


def curve(fps: Fraction | float, seconds: float, seed: int) -> np.ndarray:
    return np.array(list(itertools.islice(blinks(fps, seed), round(seconds * fps))))


def movements(closure: np.ndarray) -> list[np.ndarray]:
    """The stretches in which the lid is not fully open."""
    parts = np.split(closure, np.flatnonzero(closure == 0))[1:]
    return [part[1:] for part in parts if len(part) > 1]


def onsets(fps: Fraction, seconds: float, seed: int) -> np.ndarray:
    """Times at which the lid has come half way down, interpolated between frames."""
    closure = curve(fps, seconds, seed)
    rises = np.flatnonzero((closure[:-1] < 0.5) & (closure[1:] >= 0.5))
    within = (0.5 - closure[rises]) / (closure[rises + 1] - closure[rises])
    return (rises + within) / float(fps)


def test_one_seed_one_sequence():
    np.testing.assert_array_equal(curve(25, 60, 7), curve(25, 60, 7))
    assert not np.array_equal(curve(25, 60, 7), curve(25, 60, 8))


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_the_same_moments_at_any_frame_rate(fps):
    reference, found = onsets(Fraction(240), 120, 3), onsets(fps, 120, 3)
    assert len(found) == len(reference)
    assert np.abs(found - reference).max() < 0.02


def test_natural_statistics():
    intervals = np.diff([event.onset for event in itertools.islice(events(0), 4000)])
    doubles = intervals < SHORTEST_INTERVAL
    assert 60 / intervals.mean() == pytest.approx(16, abs=0.5)  # a minute
    assert intervals.max() <= LONGEST_INTERVAL < 8  # nobody stares
    assert 0.04 < doubles.mean() < 0.12
    assert intervals[~doubles].min() >= SHORTEST_INTERVAL
    assert np.median(intervals[~doubles]) < intervals[~doubles].mean()  # a long tail to the right


@pytest.mark.parametrize("fps", [24, 25, 60])
def test_every_blink_is_seen_closed_and_the_lid_rests_open(fps):
    closure = curve(fps, 600, 1)
    assert closure.min() == 0.0 and closure.max() <= 1.0
    assert (closure == 0).mean() > 0.85
    peaks = [part.max() for part in movements(closure)]
    assert len(peaks) > 100
    assert min(peaks) > 0.9


def test_the_lid_falls_faster_than_it_rises():
    fps = 1000
    blink = movements(curve(fps, 60, 5))[0]
    shut = np.flatnonzero(blink > 0.99 * blink.max())
    falling, rising = shut[0] / fps, (len(blink) - shut[-1]) / fps
    assert 0.08 < falling < 0.12 < rising < 0.21
    assert np.abs(np.diff(blink)).max() < 0.02  # smooth: no jump between thousandths of a second
