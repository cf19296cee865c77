from __future__ import annotations

import cv2
import numpy as np
import pytest

from talkinghead.face import lids as lids_module
from talkinghead.face.align import alignment
from talkinghead.face.closed_lids import BROW, LOWER, UPPER
from talkinghead.face.lids import Lids
from talkinghead.pipeline import TalkingHead
from talkinghead.units.blink import close_lids
from talkinghead.units.names import INDEX
from talkinghead.units.pose import NEUTRAL

BLINKS = [INDEX["EyeBlink_L"], INDEX["EyeBlink_R"]]


@pytest.fixture(scope="module")
def head(tracker):
    """With the generator that ships."""
    shipped = TalkingHead()
    shipped.tracker = tracker
    return shipped


@pytest.fixture(scope="module")
def puppet(head, astronaut):
    return head.prepare(astronaut[:300, 60:400].copy())


def drawn(puppet, lid, pose=None):
    units = close_lids(puppet.units.copy(), lid)
    return next(puppet.draw(units[None], None if pose is None else pose[None]))


def test_lids_as_photographed_cost_nothing_and_leave_the_eyes_alone(puppet):
    lids = puppet.renderer.lids
    open_eyes = puppet.units[None]
    assert not lids.closures(open_eyes).any()
    np.testing.assert_array_equal(lids.without(open_eyes), open_eyes)
    assert lids(np.zeros(2), lambda at: at * 0) == []


def test_a_blink_is_seen_on_both_eyes_or_on_the_one_that_winks(head, puppet):
    seen = [head.tracker(drawn(puppet, lid))[0].units[BLINKS] for lid in (0, 0.4, 1)]
    assert (np.diff(seen, axis=0) > -0.02).all() and (seen[2] - seen[0] > 0.25).all()
    wink = puppet.units.copy()
    wink[BLINKS[0]] = 1
    left, right = head.tracker(next(puppet.draw(wink[None])))[0].units[BLINKS] - seen[0]
    assert left > 0.2 and right < 0.5 * left


def test_a_closed_lid_has_the_colour_of_the_skin_above_it(puppet):
    points = puppet.landmarks[:, :2]
    closed, photograph = drawn(puppet, 1).astype(float), puppet.renderer.image.astype(float)
    for side in "LR":
        upper, lower = (points[list(ids[side])][3:6].mean(0) for ids in (UPPER, LOWER))
        height = np.linalg.norm(lower - upper)
        (x, y), (_, top) = ((upper + lower) / 2).round().astype(int), (upper - (0, height)).round().astype(int)
        lid, skin = (
            closed[y - 1 : y + 1, x - 2 : x + 3].mean((0, 1)),
            photograph[top : top + 2, x - 2 : x + 3].mean((0, 1)),
        )
        iris = photograph[y - 1 : y + 1, x - 2 : x + 3].mean((0, 1))
        assert np.abs(lid - skin).max() < 70  # the lashes and the fold above them are dark
        assert np.abs(lid / lid.sum() - skin / skin.sum()).max() < 0.03  # no colour of its own
        assert np.abs(iris - skin).max() > 60


def test_below_and_far_from_the_eyes_nothing_moves(puppet):
    still, closed = (drawn(puppet, lid).astype(int) for lid in (0, 1))
    points = puppet.landmarks[:, :2]
    unit = np.linalg.norm(points[263] - points[33])
    bottom = int(points[[145, 374], 1].max() + 0.35 * unit)
    assert np.abs(closed - still)[bottom:].mean() < 0.2


def test_lids_ride_on_a_head_that_turns(head, puppet):
    pose = NEUTRAL.copy()
    pose[:3] = 5, 3, 4
    seen = [head.tracker(drawn(puppet, lid, pose))[0].units[BLINKS] for lid in (0, 1)]
    assert (seen[1] - seen[0] > 0.25).all()


def test_an_eye_beyond_the_border_of_the_picture_is_no_trouble(puppet):
    points = puppet.landmarks[:, :2] - (puppet.landmarks[list(UPPER["L"]), 0].mean() + 200, 0)
    to_face = alignment(puppet.landmarks[:, :2], 1)
    lids = Lids(puppet.renderer.image, to_face, points, puppet.units)
    assert not any(patch.rgba.any() for patch in lids(np.ones(2), lambda at: at * 0))


def synthetic(image, times=1):
    """Lids on a picture [160, 240, 3] of two eyes, 60 pixels wide and 20 high, at a height of 80, brows at 50, or on
    one so many times as large."""
    points = np.zeros((478, 2))
    bow = 10 * np.sin(np.linspace(0, np.pi, 9))
    for side, left in (("R", 40), ("L", 200)):
        x = np.linspace(0, 60, 9) * (1 if side == "R" else -1) + left
        points[list(UPPER[side])], points[list(LOWER[side])] = np.c_[x, 80 - bow], np.c_[x, 80 + bow]
        points[list(BROW[side])] = np.c_[x[::2], np.full(5, 50)]
    to_face = np.array([[0.36 / 160, 0, 0.23], [0, 0.36 / 160, 0.22]]) / [[times, times, 1]]
    return Lids(image, to_face, (points + 0.5) * times - 0.5, np.zeros(46, np.float32))


def closed(lids, image, closure=1.0):
    frame = image.copy()
    for patch in lids(np.full(2, closure), lambda at: at * 0):
        patch.lay(frame)
    return frame.astype(float)


def test_the_skin_of_a_closed_lid_has_no_streaks():
    across = np.random.default_rng(0).normal(150, 25, 240).clip(0, 255)
    image = np.repeat(np.tile(across.astype(np.uint8), (160, 1))[..., None], 3, 2)  # every column a shade of its own
    lid = np.s_[75:85, 55:85]
    frame = closed(synthetic(image), image)
    assert np.abs(np.diff(frame[lid], axis=1)).mean() < 0.25 * np.abs(np.diff(image[lid].astype(float), axis=1)).mean()


def test_a_closed_lid_shows_skin_where_iris_and_fold_were_and_ends_in_lashes():
    image = np.full((160, 240, 3), (200, 160, 140), np.uint8)
    for x in (70, 170):
        cv2.ellipse(image, (x, 80), (30, 10), 0, 0, 360, (240, 240, 240), -1)
        cv2.circle(image, (x, 80), 9, (40, 30, 20), -1)
        cv2.ellipse(image, (x, 80), (30, 13), 0, 180, 360, (60, 40, 30), 4)
    lids = synthetic(image)
    frame = closed(lids, image)
    for x in (70, 170):
        lid = frame[69:81, x - 15 : x + 16]
        assert np.abs(np.median(lid, (0, 1)) - (200, 160, 140)).max() < 25 and lid.min() > 60
        line = frame[84:96, x - 15 : x + 16].mean(-1)
        assert (line.min(0) < 130).all() and (line.min(0) > 10).all()
        assert (np.abs(np.diff(line.argmin(0)[3:-3])) <= 1).all()  # it has no steps
    half = closed(lids, image, 0.5)
    assert (np.abs(half[88:] - image[88:]) < 2).all()  # of an eye that is half closed the lower half is seen


def test_a_lid_slides_down_with_its_lashes(monkeypatch):
    """It is not uncovered: those painted at the edge of the closed eye are at that of one half closed."""
    monkeypatch.setattr(lids_module, "DARKEST", (0.0, 0.0))  # no line is drawn besides
    image = np.full((160, 240, 3), (200, 160, 140), np.uint8)
    lids = synthetic(image)
    for closure, edge in ((0.5, 79), (1.0, 89)):
        light = closed(lids, image, closure)[:, 65:76].mean((1, 2))
        assert light[edge - 4 : edge].min() < 0.75 * light[edge - 9 : edge - 6].max()


def test_below_the_lid_a_closed_eye_is_seen_once_it_is_closed():
    image = np.full((160, 240, 3), (200, 160, 140), np.uint8)
    image[93:95, 60:80] = 255  # wet, where a closed eye has skin
    half, whole = (closed(synthetic(image), image, closure)[93:95, 62:78].mean() for closure in (0.5, 1.0))
    assert half > 250 and whole < 200


def test_a_closed_lid_is_as_rough_as_the_skin_under_the_eye():
    rough = np.random.default_rng(0).normal(150, 4, (160, 240, 1)).repeat(3, 2).clip(0, 255).astype(np.uint8)
    rough[:92] = 150
    lid = np.s_[74:84, 60:80]
    plain, textured = (closed(synthetic(image), image)[lid] for image in (np.full_like(rough, 150), rough))
    assert (textured - plain).std() > 1.5 and abs(textured.mean() - plain.mean()) < 3


def test_lids_of_a_large_picture_are_those_of_a_small_one():
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(60, 220, (160, 240, 3), np.uint8), (0, 0), 3)
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    small, big = closed(synthetic(image), image), closed(synthetic(large, 4), large)
    assert np.abs(cv2.resize(big, (240, 160), interpolation=cv2.INTER_AREA) - small).mean() < 1.5
