"""What mouths look like as turns: faces whose maps vary in few ways are told apart by few looks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recipes.fit_looks import in_common, left_over, telling
from talkinghead.face import purses
from talkinghead.face.looks import COLUMNS, PAIRS, PARTED, UNITS, Looks, common, features, own_map
from talkinghead.face.purses import Purses
from talkinghead.face.steady import SIDE, seen
from talkinghead.pipeline import TalkingHead
from talkinghead.units.names import INDEX

RANDOM = np.random.default_rng(3)
MOUTH = len(UNITS) + 1  # and the gap between the lips
K = features(np.zeros(MOUTH)).shape[-1]
MEAN, FIRST, SECOND = RANDOM.normal(0, 3, (3, K, 3))


def face(frames=100):
    mouths = RANDOM.random((frames, MOUTH)) * 0.3
    one, other = RANDOM.normal(0, 1, 2)
    turned = features(mouths) @ (MEAN + one * FIRST + other * SECOND)
    return mouths, turned + RANDOM.normal(0, 0.05, turned.shape)


@pytest.fixture(scope="module")
def faces():
    return [face() for _ in range(20)]


def test_products_of_what_opens_a_mouth_count_and_a_mouth_at_rest_is_nothing():
    assert not features(np.zeros((2, MOUTH))).any()
    jaw, purse = np.eye(MOUTH)[[0, 3]]
    both = features(jaw + purse) - features(jaw) - features(purse)
    assert np.count_nonzero(both) == 1
    assert np.count_nonzero(features(2 * jaw) - 2 * features(jaw)) == 1


def test_lips_that_part_count_more_at_first():
    gaps = np.zeros((4, MOUTH))
    gaps[:, -1] = 0, 0.03, 0.06, 0.15
    seen = features(gaps)
    of_gap = seen[:, len(UNITS) + len(PAIRS[0]) :].sum(1)
    assert of_gap[1] > of_gap[2] - of_gap[1] > 0
    assert (np.diff(of_gap) > 0).all() and of_gap[-1] == len(PARTED)  # no purse: the shares alone


def test_few_looks_tell_a_faces_own_map(faces):
    learned = in_common(faces, ways=2, looks=4)
    assert learned.mouths.shape == (4, MOUTH)
    mouths, turned = face()
    own = own_map(learned.mouths, turned_by(learned.mouths, mouths, turned), learned)
    gap = INDEX["BrowsU_C"]  # which no mouth has
    found = Looks(np.zeros(46), lambda units: units[..., gap], own, np.zeros(3), Purses(purses.common().mean))
    units = np.zeros((len(mouths), 46))
    units[:, COLUMNS], units[:, gap] = mouths[:, :-1], mouths[:, -1]
    assert (turned - found(units)).std() < 0.35 * (turned - features(mouths) @ learned.mean).std()


def turned_by(others, mouths, turned):
    """What a face seen under these mouths would look like under others."""
    return features(others) @ np.linalg.lstsq(features(mouths), turned, rcond=None)[0]


def test_the_looks_that_are_taken_are_those_that_tell_most(faces):
    learned = in_common(faces, ways=2, looks=4)
    faint = np.concatenate([0.01 * learned.mouths, learned.mouths])
    assert min(telling(type(learned)(learned.mean, learned.ways, faint), 2)) >= len(learned.mouths)


def test_the_recipe_says_what_is_left(faces):
    still, left = left_over(faces).transpose(1, 0, 2)
    assert (left.mean(0) < 0.7 * still.mean(0)).all()


def test_what_ships_fits():
    shipped = common()
    assert shipped.mean.shape == (K, 3) and shipped.ways.shape[1:] == (K, 3) and shipped.mouths.shape[1] == MOUTH
    assert (shipped.mouths >= -0.5).all() and (shipped.mouths <= 1).all()


def test_a_large_portrait_is_looked_at_in_a_small_copy(astronaut, tracker):
    """Which takes less time, and shows the same turns."""
    head = TalkingHead()
    head.tracker = tracker
    large, small = (head.prepare(cv2.resize(astronaut, (side, side))) for side in (2 * SIDE + 2, SIDE))
    wanted = np.tile(small.rest, (3, 1))
    wanted[1, INDEX["JawOpen"]], wanted[2, INDEX["BrowsU_C"]] = 0.6, 0.9
    (_, ours, _), (_, theirs, _) = (seen(wanted, puppet, tracker) for puppet in (large, small))
    assert np.abs(theirs - theirs[0]).max() > 1
    np.testing.assert_allclose(ours - ours[0], theirs - theirs[0], atol=1)
    assert not large.renderer._stages  # nothing was drawn on it
