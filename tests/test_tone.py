"""The hue of the painted mouth, on a face whose lips have one colour."""

import numpy as np
import pytest

from gath.mesh import INNER_LIP, OUTER_LIP
from talkinghead.face.tone import LUMINANCE, SHARE, MouthTone

SIZE = 128
LIPS = np.array([180, 90, 80], np.uint8)
MOUTH = 64, 96  # x, y


def ring(count, width, height):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([MOUTH[0] + width * np.cos(angle), MOUTH[1] + height * np.sin(angle)], 1)


@pytest.fixture
def points():
    points = np.zeros((478, 2))
    points[list(OUTER_LIP)], points[list(INNER_LIP)] = ring(20, 22, 12), ring(20, 15, 5)
    return points


@pytest.fixture
def face(points):
    y, x = np.mgrid[:SIZE, :SIZE]
    face = np.full((SIZE, SIZE, 3), (220, 180, 150), np.uint8)
    face[np.hypot((x - MOUTH[0]) / 24, (y - MOUTH[1]) / 14) < 1] = LIPS
    face[np.hypot((x - MOUTH[0]) / 16, (y - MOUTH[1]) / 6) < 1] = 250  # teeth
    return face


def paint(colour):
    return np.broadcast_to(np.float32(colour)[:, None, None] * 2 - 1, (3, SIZE, SIZE)).copy()


def shown(out, x=MOUTH[0], y=MOUTH[1]):
    return (out[:, y, x] + 1) / 2


def hue(colour):
    return colour / (LUMINANCE @ colour)


def test_dark_paint_takes_the_lips_hue_and_keeps_its_luminance(face, points):
    lavender = np.array([0.35, 0.3, 0.45], np.float32)
    before = paint(lavender)
    after = shown(MouthTone(face, points)(before))
    assert LUMINANCE @ after == pytest.approx(LUMINANCE @ lavender, abs=1e-4)
    expected = SHARE * hue(LIPS / 255) + (1 - SHARE) * hue(lavender)
    np.testing.assert_allclose(hue(after), expected, atol=1e-3)
    np.testing.assert_array_equal(before, paint(lavender))  # what was given is not changed


def test_teeth_and_lids_keep_their_colour(face, points):
    tone, teeth, dark = MouthTone(face, points), paint([0.8, 0.8, 0.75]), paint([0.3, 0.3, 0.4])
    np.testing.assert_allclose(tone(teeth), teeth, atol=1e-6)
    np.testing.assert_array_equal(tone(dark)[:, :60], dark[:, :60])  # the eyes' half of the face


def test_the_change_fades_at_the_region_s_border(face, points):
    out = MouthTone(face, points)(paint([0.3, 0.3, 0.4]))
    assert np.abs(np.diff(out, axis=1)).max() < 0.05 and np.abs(np.diff(out, axis=2)).max() < 0.05


@pytest.mark.parametrize("case", ["black", "tiny", "outside"])
def test_lips_that_tell_no_colour_change_nothing(face, points, case):
    if case == "black":
        face = face * 0
    elif case == "tiny":
        points = (points - MOUTH) * 0.02 + MOUTH
    else:
        points = points + 3 * SIZE
    dark = paint([0.3, 0.3, 0.4])
    np.testing.assert_array_equal(MouthTone(face, points)(dark), dark)
