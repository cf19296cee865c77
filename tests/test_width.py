"""Gain auto: the mouth opens as people's do, whatever the voice."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.options import FrameOptions
from talkinghead.units.moods import gain_vector, is_auto
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.width import LEAST, LIVELY, MOST, Width


def spoken(frames: int, high: float) -> np.ndarray:
    """Half of the frames are a pause; the jaw's 95th percentile in the others is `high`."""
    units = np.zeros((frames, len(UNIT_NAMES)), np.float32)
    units[::2, INDEX["JawOpen"]] = np.linspace(0, high / 0.95, len(units[::2]))
    units[::2, INDEX["LipsLowerOpen"]] = 0.2
    return units


@pytest.mark.parametrize("high", [0.2, 0.3, 0.4])
def test_any_voice_opens_as_widely_as_people_do(high):
    width = Width()
    units = spoken(20000, high)
    width.hear(units)
    jaw = (units * width.factors)[::2, INDEX["JawOpen"]]
    assert np.percentile(jaw, 95) == pytest.approx(LIVELY, rel=0.03)
    assert (width.factors[[INDEX["BrowsU_C"], INDEX["LipsUpperClose"]]] == 1).all()


def test_little_is_heard_with_caution_and_nothing_changes_nothing():
    assert Width().gain == 1
    gains = []
    for frames in (10, 100, 10000):
        width = Width()
        width.hear(spoken(frames, 0.15))
        gains.append(width.gain)
    assert 1 < gains[0] < gains[1] < gains[2] <= MOST
    width.hear(spoken(10**6, 0.9))
    assert width.gain == LEAST


def test_auto_is_a_gain():
    assert (gain_vector("auto") == 1).all() and is_auto("auto") and FrameOptions().auto
    assert gain_vector("auto,brows=0.5")[INDEX["BrowsU_C"]] == 0.5 and is_auto("auto,brows=0.5")
    assert not is_auto("1.2") and not is_auto(1.2) and not FrameOptions(gain="jaw=2").auto
