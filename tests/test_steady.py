"""What an expression looks like is taken from a driver's turns: a stub tracker that takes units for turns."""

from __future__ import annotations

from threading import RLock
from types import SimpleNamespace

import numpy as np
import pytest

from talkinghead.face import purses, steady
from talkinghead.face.as_seen import RISEN, as_seen
from talkinghead.face.looks import Looks, common
from talkinghead.face.purses import Purses
from talkinghead.face.steady import FEWEST, of_speech, steadied
from talkinghead.units.names import INDEX, lip_gap
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.track import UnitTrack

REDUCED = steady._reduced
RANDOM = np.random.default_rng(0)
JAW, BROW = INDEX["JawOpen"], INDEX["BrowsU_L"]
UNITS = np.full((200, 46), 0.3, np.float32)
UNITS[:, [JAW, BROW, INDEX["MouthSmile_L"], INDEX["EyeBlink_R"]]] = RANDOM.random((200, 4))
TIMES = np.arange(200) / 25


class Portrait:
    """Draws a picture that holds its units."""

    landmarks, shown = np.linspace(0, 100, 478)[:, None] * np.ones(3), (0, 0, 100, 100)
    width = height = 100
    rest = units = np.full(46, 0.3, np.float32)
    renderer = SimpleNamespace(busy=RLock())
    parting, purses = SimpleNamespace(drawn=lip_gap), Purses(purses.common().mean)

    def draw(self, units, pose, planar):
        return (vector[None] for vector in units)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setattr(steady, "_reduced", lambda frame: frame)


def looks(vector):
    """Degrees: an open jaw looks down, a raised brow aside."""
    return np.array([8 * vector[BROW], -6 * vector[JAW], 0.0])


OWN = np.full((478, 2), 52.0)


def tracker(picture):
    own = SimpleNamespace(points=OWN, pose=looks(picture[0]), units=picture[0])
    other = SimpleNamespace(points=np.full((478, 2), 5.0), pose=np.array([70.0, 0, 0]), units=1 - picture[0])
    return [other, own]


def turning():
    return (NEUTRAL + np.c_[RANDOM.normal(0, 4, (200, 3)), np.zeros((200, 3))]).astype(np.float32)


@pytest.mark.parametrize("head, share", [(0.5, 1), (1, 1), (2, 0.5)])
def test_the_turn_an_expression_looks_like_is_taken_away(head, share):
    pose = turning()
    found = steadied(UnitTrack(TIMES, UNITS, pose), Portrait(), tracker, head)
    wanted = np.array([looks(vector) for vector in UNITS - UNITS.mean(0)])
    np.testing.assert_allclose(found.pose[:, :3], pose[:, :3] - share * wanted, atol=0.25)
    np.testing.assert_array_equal(found.pose[:, 3:], pose[:, 3:])
    np.testing.assert_allclose(found.units[:, JAW], UNITS[:, JAW], atol=1e-6)


def test_heads_that_stand_still_stay_and_what_was_asked_of_a_portrait_is_asked_again():
    still, voice = UnitTrack(TIMES, UNITS, np.tile(NEUTRAL, (200, 1))), UnitTrack(TIMES, UNITS, turning(), True)
    assert steadied(still, Portrait(), tracker, 1).pose is still.pose
    assert steadied(voice, Portrait(), squinting, 1) is voice
    assert steadied(UnitTrack(TIMES, UNITS), Portrait(), tracker, 1).pose is None


def squinting(picture):
    """Sees eyes that look down, and a jaw and a smile that are open, more than they are drawn."""
    seen = picture[0].copy()
    seen[[INDEX["EyeDown_L"], JAW, INDEX["MouthSmile_L"]]] += 0.1
    return [SimpleNamespace(points=OWN, pose=looks(picture[0]), units=seen)]


@pytest.mark.parametrize("head", [0, 1])
def test_what_is_seen_too_much_of_a_driver_is_asked_for_less(head):
    units = UNITS.copy()
    units[:, JAW] = 0.15  # less than the portrait's own: less still would lead away from it
    found = steadied(UnitTrack(TIMES, units, turning()), Portrait(), squinting, head)
    change = found.units - units
    np.testing.assert_allclose(change[:, INDEX["EyeDown_L"]], -0.1, atol=0.01)
    assert (change[:, JAW] == 0).all() and (change[:, INDEX["EyeDown_R"]] == 0).all()
    smile = change[units[:, INDEX["MouthSmile_L"]] > 0.2, INDEX["MouthSmile_L"]]
    np.testing.assert_allclose(smile, -0.1, atol=0.01)


def test_a_face_that_is_too_narrow_is_no_measure_of_units():
    small = Portrait()
    small.landmarks = Portrait.landmarks / 2 + 25
    track = UnitTrack(TIMES, UNITS, turning())
    assert steadied(track, small, squinting, 0) is track
    assert steadied(track, small, squinting, 1).units is UNITS


def test_brows_rise_as_asked_but_no_farther_than_brows_do():
    own = np.full(46, 0.1)
    units = np.tile(own, (101, 1))
    units[:, BROW] = np.linspace(0, 1, 101)
    risen = as_seen(units, units, units, own)[:, BROW] - 0.1
    np.testing.assert_allclose(risen[:50], units[:50, BROW] - 0.1, atol=1e-6)
    assert (np.diff(risen) > 0).all() and 0.6 < risen[-1] < RISEN[1]


def test_a_portrait_on_which_no_face_is_found_is_no_measure():
    seen = []

    def blind(picture):
        seen.append(picture)
        return tracker(picture) if len(seen) < FEWEST else []

    track = UnitTrack(TIMES, UNITS, turning())
    assert steadied(track, Portrait(), blind, 1) is track
    assert len(seen) <= 64


@pytest.mark.parametrize("share", [1.5, -1.5])
def test_a_mouth_that_speaks_is_looked_at_beyond_its_rest_and_nothing_else(share):
    """Faces that are not like the mean of those that the maps were learned from."""
    faces = common()
    face = Looks(Portrait.rest, lip_gap, faces.mean + share * faces.ways[0], np.zeros(3), Portrait.purses)
    found = of_speech(
        Portrait(), lambda picture: [SimpleNamespace(points=OWN, pose=face(picture[0]), units=picture[0])]
    )
    assert (found(Portrait.rest) == 0).all()
    spoken, other = Portrait.rest.copy(), Portrait.rest.copy()
    spoken[[INDEX[name] for name in ("JawOpen", "LipsUpperOpen", "LipsLowerOpen")]] += 0.25
    np.testing.assert_allclose(found(spoken), face(spoken), atol=0.4)
    other[[BROW, INDEX["EyeBlink_L"]]] = 1
    assert (found(other) == 0).all()


def test_closed_lids_are_looked_at():
    def lids(picture):
        turned = np.array([0, -2.0, 0]) * (picture[0][INDEX["EyeBlink_L"]] - 0.3)
        return [SimpleNamespace(points=OWN, pose=turned, units=picture[0])]

    found = of_speech(Portrait(), lids)
    assert found(Portrait.rest, 1.0)[1] == pytest.approx(-1.4, abs=0.3)
    assert abs(found(Portrait.rest, 1.0)[0]) < 1e-6 and (found(Portrait.rest, 0.0) == 0).all()


def test_a_portrait_that_speaks_and_whose_face_is_lost_seems_to_stand_still():
    found = of_speech(Portrait(), lambda picture: [])
    assert not found(RANDOM.random(46), 1.0).any() and found.purses is Portrait.purses


@pytest.mark.parametrize("share", [0.3, 2.0])
def test_how_purses_are_read_is_looked_at(share):
    def reads(picture):
        units = np.zeros(46)
        units[INDEX["LipsPucker"]] = share * (picture[0][INDEX["LipsPucker"]] - 0.3)
        return [SimpleNamespace(points=OWN, pose=np.zeros(3), units=units)]

    found = of_speech(Portrait(), reads).purses.table.reshape(len(purses.GAPS), -1)
    np.testing.assert_allclose(found[1:, 7], share * purses.PURSES[7], atol=0.2)


def test_what_is_looked_at_is_small():
    monochrome = np.full((3000, 1600), 128, np.uint8)  # 2000 by 1600
    monochrome[:2000] = 16 + 219 * np.linspace(0, 1, 1600)
    small = REDUCED(monochrome)
    assert small.shape == (720, 576, 3)
    np.testing.assert_allclose(small[100, :, 1], np.linspace(0, 255, 576), atol=3)
