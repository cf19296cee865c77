"""Lips that a voice moves are drawn as far apart as the voice has them, on mouths photographed shut and laughing."""

from __future__ import annotations

import numpy as np
import pytest

from talkinghead.face import parting as parting_module
from talkinghead.face.outline import IOD, LOWER, OUTER, UPPER
from talkinghead.face.parting import LEAST, Parting
from talkinghead.pipeline import TalkingHead
from talkinghead.samples import DEMO
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap


@pytest.fixture(scope="module", params=["shut", "laughing"])
def outline(request, astronaut):
    return TalkingHead().prepare(DEMO if request.param == "shut" else astronaut).outline


def spoken(openings: np.ndarray) -> np.ndarray:
    units = np.zeros((len(openings), len(UNIT_NAMES)), np.float32)
    for name, most in {"JawOpen": 0.3, "LipsLowerOpen": 0.3, "LipsUpperOpen": 0.3}.items():
        units[:, INDEX[name]] = most * openings
    return units


def drawn(outline, units: np.ndarray) -> np.ndarray:
    points = outline((outline.rest + units).clip(0, 1))
    return (points[:, LOWER, 1] - points[:, UPPER, 1]).max(1) / IOD


def test_gaps_are_drawn_as_wide_as_they_are_asked(outline):
    units = spoken(np.array([0.25, 0.5, 0.75, 1.0]))
    parted = drawn(outline, Parting(outline)(units))
    assert (parted > lip_gap(units) - 0.01).all() and (parted >= drawn(outline, units) - 1e-6).all()
    assert (
        parted <= np.maximum(drawn(outline, units), lip_gap(units) + 0.025)
    ).all()  # laughs open wider by themselves


def test_a_small_gap_is_not_shut_and_none_stays_none(outline):
    units = spoken(np.linspace(0, 1, 101))
    parted = drawn(outline, Parting(outline)(units))
    assert parted[0] == pytest.approx(drawn(outline, units)[0])
    assert (np.diff(parted) > -1e-3).all() and np.diff(parted).max() < 0.02
    assert (parted > 0.005).sum() > (drawn(outline, units) > 0.005).sum()


def test_what_gap_will_be_drawn_is_known(outline):
    units, parting = spoken(np.linspace(0, 1, 21)), Parting(outline)
    told, seen = parting.drawn(units), drawn(outline, units)
    np.testing.assert_allclose(told, seen - seen[0], atol=0.005)
    assert told[0] == 0


def test_one_frame_is_as_among_many(outline):
    units, parting = spoken(np.array([0.1, 0.6])), Parting(outline)
    np.testing.assert_allclose(parting(units)[1], parting(units[1]))


def test_a_smile_purses_by_little_more_than_other_mouths_do(outline):
    purse = np.zeros((2, len(UNIT_NAMES)), np.float32)
    purse[1, INDEX["LipsPucker"]] = 0.4
    narrower = [
        -np.diff(np.ptp(outline((outline.rest + units).clip(0, 1))[:, OUTER, 0], axis=1) / IOD)[0]
        for units in (purse, Parting(outline)(purse))
    ]
    assert narrower[0] > 0.18  # both smile at rest
    assert 0.11 < narrower[1] < 0.16  # others by 0.11 to 0.14


def test_the_broadest_smile_still_purses(outline, monkeypatch):
    monkeypatch.setattr(parting_module, "NARROWER", 0.02)
    purse = np.zeros(len(UNIT_NAMES), np.float32)
    purse[INDEX["LipsPucker"]] = 0.4
    assert Parting(outline)(purse)[INDEX["LipsPucker"]] == pytest.approx(0.4 * LEAST)
