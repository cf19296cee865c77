from __future__ import annotations

import numpy as np
import pytest

from talkinghead.face.lids import BROW, LOWER, UPPER, Lids
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
    lids = Lids(puppet.renderer.image, points, puppet.units)
    assert not any(patch.rgba.any() for patch in lids(np.ones(2), lambda at: at * 0))


def test_the_skin_of_a_closed_lid_has_no_streaks_where_it_was_stretched():
    across = np.random.default_rng(0).normal(150, 25, 240).clip(0, 255)
    image = np.repeat(np.tile(across.astype(np.uint8), (160, 1))[..., None], 3, 2)  # every column a shade of its own
    points = np.zeros((478, 2))
    for side, left in (("R", 40), ("L", 200)):
        x = np.linspace(0, 60, 9) * (1 if side == "R" else -1) + left
        points[list(UPPER[side])] = np.stack([x, 80 - 10 * np.sin(np.linspace(0, np.pi, 9))], 1)
        points[list(LOWER[side])] = np.stack([x, 80 + 10 * np.sin(np.linspace(0, np.pi, 9))], 1)
        points[list(BROW[side])] = np.stack([x[::2], np.full(5, 50)], 1)
    lids = Lids(image, points, np.zeros(46, np.float32))
    roughness = [
        np.abs(np.diff(patch.rgba[..., :3].astype(float), axis=1))[patch.rgba[:, 1:, 3] == 255].mean()
        for closure in (0.1, 1)
        for patch in lids(np.full(2, closure), lambda at: at * 0)
    ]
    assert max(roughness[2:]) < 0.75 * min(roughness[:2])
