"""What measures a mouth's flicker, on mouths whose light is known."""

import cv2
import numpy as np
import pytest

from gath.mesh import INNER_LIP, OUTER_LIP
from recipes.measure_mouth import flicker, inside


def face(gap, light):
    """Lips of luminance 100 around an opening of `light`, eyes a hundred pixels apart."""
    points = np.zeros((478, 2), np.float32)
    points[[33, 263]] = (50, 50), (150, 50)
    turn = np.pi + np.linspace(0, -2 * np.pi, 20, endpoint=False)
    for ring, wide, high in ((INNER_LIP, 25, gap / 2), (OUTER_LIP, 32, gap / 2 + 8)):
        points[list(ring)] = np.c_[100 + wide * np.cos(turn), 120 - high * np.sin(turn)]
    frame = np.full((200, 200, 3), 180, np.uint8)
    cv2.fillPoly(frame, [points[list(OUTER_LIP)].round().astype(np.int32)], (100,) * 3)
    cv2.fillPoly(frame, [points[list(INNER_LIP)].round().astype(np.int32)], (light,) * 3)
    return frame, points


def test_the_light_between_open_lips():
    assert inside(*face(20, 50)) == pytest.approx(0.5, abs=0.02)
    assert np.isnan(inside(*face(4, 50)))


def test_a_steady_change_is_no_flicker():
    assert flicker(np.linspace(0, 1, 20)) == pytest.approx(0, abs=1e-9)
    assert flicker([0.0, 1.0] * 5) == pytest.approx(2)
    assert flicker([0.0, 1.0, float("nan"), 1.0, 1.0, 1.0]) == 0 and np.isnan(flicker([1.0, 2.0]))
