"""Hats are found by their colours, dyed above the forehead alone, and set before what has their colour."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.parts.hats import alike, dyed, hats
from talkinghead.face.matte import EYE_LINE, SIDE

STORED = SIDE + 40
EYES = round(EYE_LINE * SIDE)
SKIN, WALL = (200, 150, 120), (120, 130, 140)


def person(above, side=SIDE, wall=WALL):
    """A face below something of this colour, and the matte in [0, 1]."""
    picture, matte = np.full((side, side, 3), wall, np.uint8), np.zeros((side, side), np.float32)
    eyes, middle = EYES + (side - SIDE) // 2, slice(side // 2 - 35, side // 2 + 35)
    matte[eyes - 50 :, middle] = 1
    picture[eyes - 25 :, middle], picture[eyes - 50 : eyes - 25, middle] = SKIN, above
    return picture, matte


@pytest.mark.parametrize(
    "above, is_hat",
    [((30, 60, 200), True), ((240, 240, 240), True), ((210, 20, 20), True), ((40, 30, 20), False), (SKIN, False),
     ((150, 110, 60), False)],
)  # fmt: skip
def test_hats_have_colours_that_hair_has_not(above, is_hat):
    picture, matte = person(above, STORED)
    assert hats(picture[None], (matte[None] * 255).astype(np.uint8)).tolist() == [is_hat]
    assert not hats(picture[None], np.zeros((1, STORED, STORED), np.uint8)).any()  # a wall


def test_what_is_dyed_is_hair_or_hat_alone():
    picture, matte = person((90, 70, 50))
    after = dyed(np.random.default_rng(0), picture, matte).astype(int)
    hair = np.abs(after - picture)[EYES - 50 : EYES - 35][matte[EYES - 50 : EYES - 35] > 0]
    assert hair.mean() > 10
    np.testing.assert_array_equal(after[EYES - 20 :], picture[EYES - 20 :])
    np.testing.assert_array_equal(after[matte == 0], picture[matte == 0])


def test_a_background_takes_the_hats_colour_and_keeps_a_little_of_its_own():
    picture, matte = person((90, 120, 160))
    behind = np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32)
    made = np.stack([alike(np.random.default_rng(k), behind, picture, matte) for k in range(20)])
    assert np.abs(made.mean((1, 2)) - (90, 120, 160)).mean() < 25
    assert (0 < made.std((1, 2))).all() and (made.std((1, 2)) < 0.5 * behind.std((0, 1))).all()
    np.testing.assert_array_equal(alike(np.random.default_rng(0), behind, picture, 0 * matte), behind)
