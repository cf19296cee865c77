"""Lips that close or hardly part, and whose colours lips and teeth have."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sitters import drawn

from talkinghead.face.align import transform
from talkinghead.face.curves import curve
from talkinghead.face.mouth import Mouth
from talkinghead.face.mouth_layers import layers
from talkinghead.face.mouth_place import Place
from talkinghead.face.outline import IOD, LOWER, RING, UPPER
from talkinghead.face.own_teeth import alike, own_teeth, tinted
from talkinghead.units.names import INDEX


def slit(sitter, gap):
    """The face at rest with lips that part so far in the middle, in inter-ocular distances, and not at the corners."""
    points = sitter.rest.copy()
    points[LOWER, 1] = points[UPPER, 1] = (points[LOWER, 1] + points[UPPER, 1]) / 2
    points[LOWER, 1] += gap * IOD * np.sin(np.linspace(0, np.pi, len(LOWER))) ** 4
    return points


def test_where_lips_hardly_part_nothing_shows_between_them(sitter):
    mouth, points = sitter.mouth("none"), slit(sitter, 0.05)
    mouth._layers = replace(mouth._layers, cavity=np.array([0.0, 255, 0]))
    frame = drawn(mouth, sitter.image, points).astype(int)
    seam = transform(cv2.invertAffineTransform(sitter.matrix), curve((points[LOWER] + points[UPPER]) / 2))
    green = frame[..., 1] - np.maximum(frame[..., 0], frame[..., 2])
    along = [green[y - 4 : y + 5, x].max() for x, y in seam.round().astype(int)]
    assert min(along[18:23]) > 10 and max(along[:6] + along[-6:]) < 0


def test_an_open_mouth_of_a_head_on_its_side_is_open(sitter):
    """As upright: dark and teeth, not lips."""
    open_ = sitter.opened(1.5)
    upright = drawn(sitter.mouth(0), sitter.image, open_)
    side = len(sitter.image)
    turned = np.ascontiguousarray(np.rot90(sitter.image))
    to_upright = np.array([[0, -1, side - 1], [1, 0, 0]], float)  # pixels of the turned picture in the upright one
    matrix = sitter.matrix @ np.vstack([to_upright, (0, 0, 1)])
    mouth = Mouth(turned, matrix, sitter.outline.own, sitter.rest, sitter.eyes, 0)
    back = np.rot90(drawn(mouth, turned, open_), -1)
    inside = sitter.inside(open_)
    assert np.abs(back[inside].mean(0) - upright[inside].mean(0)).max() < 12


def test_lips_meet_without_steps(sitter):
    """Whatever is on either side, the line between the two sheets is blended."""
    mouth, points = sitter.mouth(0), slit(sitter, 0.0)
    for skin, grey in ((mouth._lip_sheets.skin, 40), (mouth._lip_sheets._parted, 40)):
        skin.rgba[:] = grey
    place = mouth._place
    seam = place.points(curve((sitter.outline.own[LOWER] + sitter.outline.own[UPPER]) / 2))
    half = np.arange(len(mouth._lip_sheets.skin.rgba))[:, None] / mouth._lip_sheets.skin._times > np.interp(
        np.arange(mouth._lip_sheets.skin.rgba.shape[1]) / mouth._lip_sheets.skin._times, seam[:, 0], seam[:, 1]
    )
    mouth._lip_sheets.skin.rgba[half] = 200
    points[LOWER, 1] += 1e-4
    face = drawn(mouth, np.full_like(sitter.image, 40), points)[..., 0]
    middle = transform(cv2.invertAffineTransform(sitter.matrix), points[[RING // 4]])[0].round().astype(int)
    column = face[middle[1] - 6 : middle[1] + 7, middle[0]]
    assert ((column > 50) & (column < 190)).sum() >= 2


def test_an_f_shows_the_middle_teeth_alone(sitter):
    units = sitter.outline.rest.copy()
    for name, value in {"LipsLowerClose": 0.5, "LipsUpperUp": 0.3, "LipsUpperOpen": 0.2}.items():
        units[INDEX[name]] += value
    points = sitter.outline(units[None].clip(0, 1))[0]
    gaps = (points[LOWER, 1] - points[UPPER, 1]) / IOD
    assert gaps[5] > 0.02 and gaps[[1, 9]].max() < 0.1 * gaps[5]


def test_faint_lips_of_a_blurred_laugh_turn_darker_and_redder_than_the_skin(sitter):
    own, rest, matrix = sitter.outline.own, sitter.rest, sitter.matrix.copy()
    matrix[:, :2] *= 8
    plain = np.full((128, 128, 3), (200, 160, 140), np.uint8)
    made = layers(Place(plain, matrix, *_box(own)), own, rest, sitter.eyes, "none").shut
    place = Place(plain, matrix, *_box(own))
    upper = place.points(own[[RING + 15]])[0].round().astype(int)
    skin = place.points(own[[2 * RING + 15]])[0].round().astype(int)
    lip, around = made[upper[1] + 1, upper[0]].astype(float), made[skin[1], skin[0]].astype(float)
    assert lip.sum() < 0.95 * around.sum() and lip[0] / lip[1] > 1.05 * around[0] / around[1]


def test_a_grey_photograph_has_a_grey_mouth(sitter):
    grey = np.repeat(sitter.image.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    mouth = Mouth(grey, sitter.matrix, sitter.outline.own, sitter.rest, sitter.eyes, 0)
    frame = drawn(mouth, grey, sitter.opened(1.5)).astype(int)
    assert np.ptp(frame, -1).max() <= 2


def test_teeth_of_ones_own_are_no_gums_and_no_glint_in_a_corner(sitter):
    place = Place(sitter.image.copy(), sitter.matrix, *_box(sitter.outline.own))
    laugh = sitter.opened(1.5)
    ring = place.points(laugh[:RING])
    middle, low, high = ring.mean(0), ring.min(0), ring.max(0)
    image = place.pixels
    image[:] = (150, 80, 70)
    x, y = np.meshgrid(*(np.arange(side) for side in image.shape[1::-1]))
    image[(y < middle[1]) & (y > low[1]) & (abs(x - middle[0]) < 0.3 * (high - low)[0])] = (220, 215, 205)
    image[(y < middle[1]) & (y > middle[1] - 3)] = (225, 180, 180)  # no tooth is so red
    above, below = own_teeth(place, laugh, np.array([150, 80, 70]) / 255)[:2]
    assert above.any() and above[int(middle[1]) - 1, :, 3].max() < 128 and not below.any()


def test_specks_between_lips_are_no_teeth_of_ones_own(sitter):
    """White pixels none of which touches another, as noise and compression leave them, on the colour of lips."""
    image, own, matrix = np.full((256, 256, 3), (150, 80, 70), np.uint8), sitter.opened(0.4), sitter.matrix.copy()
    matrix[:, :2] *= 4
    image[::2, ::2] = (225, 220, 210)
    ring = np.round(transform(cv2.invertAffineTransform(matrix), own[:RING])).astype(np.int32)
    image[cv2.fillPoly(np.zeros(image.shape[:2], np.uint8), [ring], 1) == 0] = (150, 80, 70)
    assert own_teeth(Place(image, matrix, *_box(own)), own, np.array([150, 80, 70]) / 255) is None
    assert Mouth(image, matrix, own, sitter.rest, sitter.eyes)._layers.upper.any()  # drawn ones are there


def test_drawn_teeth_take_the_colour_of_those_that_a_photograph_shows():
    drawn, own = np.zeros((4, 8, 4), np.uint8), np.zeros((4, 8, 4), np.uint8)
    drawn[:], own[:, :4] = (100, 100, 80, 255), (120, 110, 100, 255)
    ratio = alike(drawn, own)
    assert tinted(drawn, ratio)[0, 7] == pytest.approx((120, 110, 100, 255), abs=1)
    assert (alike(drawn, 0 * own) == 1).all()


def test_light_from_a_side_falls_on_teeth_as_well(sitter):
    """The same face evenly lit, and with its left half in shadow, whose teeth are darker than the others then."""
    corners = transform(cv2.invertAffineTransform(sitter.matrix), sitter.rest[[0, RING // 2]])[:, 0]
    shadow = np.interp(np.arange(sitter.image.shape[1]), corners, (0.3, 1.0))[:, None]
    balance = []
    for image in (sitter.image, (sitter.image * shadow).astype(np.uint8)):
        upper = Mouth(image, sitter.matrix, sitter.outline.own, sitter.rest, sitter.eyes, 0)._layers.upper
        middle = upper.shape[1] // 2
        left, right = (half[half[..., 3] > 200][:, :3].mean() for half in (upper[:, :middle], upper[:, middle:]))
        balance.append(left / right)
    assert balance[0] == pytest.approx(1, abs=0.1) and balance[1] < 0.75


def test_the_shade_around_an_open_mouth_has_no_edge(sitter):
    plain = np.full_like(sitter.image, 180)
    mouth = Mouth(plain, sitter.matrix, sitter.outline.own, sitter.outline.own, sitter.eyes, 0)
    yawn = sitter.opened(1.5)
    frame = drawn(mouth, plain, yawn)[..., 0].astype(int)
    near = cv2.dilate(sitter.inside(yawn).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    frame[near] = 180
    beyond = cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    for axis in (0, 1):
        steps = np.abs(np.diff(frame, axis=axis))
        assert steps[np.delete(beyond, -1, axis)].max() <= 6


def _box(points):
    skin = points[2 * RING : 3 * RING]
    return skin.min(0) - 0.05, skin.max(0) + 0.05
