from __future__ import annotations

import numpy as np
import pytest

from talkinghead.face.align import to_fractions, transform
from talkinghead.face.chin import DROP, Chin
from talkinghead.face.outline import IOD
from talkinghead.units.names import INDEX

SIZE = 128
CHIN, NOSE, EYE, CORNER = 152, 1, 33, 61


@pytest.fixture(scope="module")
def points(astronaut, tracker):
    found = tracker(astronaut)[0].points
    return transform(to_fractions(found), found)


@pytest.fixture(scope="module")
def own():
    return np.full(46, 0.2, np.float32)


def downwards(points, own, jaw):
    """How far down every place of the aligned face has come from [S, S], in inter-ocular distances."""
    units = own.copy()
    units[INDEX["JawOpen"]] = jaw
    still = np.zeros((2, SIZE, SIZE), np.float32)
    flow = Chin(points, own, SIZE)(still, units)
    assert not still.any() and not flow[0].any()
    return -flow[1] / IOD


def at(field, point):
    return field[tuple((point[::-1] * SIZE).astype(int))]


def test_a_portrait_with_its_own_jaw_is_not_changed(points, own):
    assert not downwards(points, own, own[INDEX["JawOpen"]]).any()


def test_the_chin_falls_with_the_jaw_and_comes_up_with_it(points, own):
    open_, shut = (at(downwards(points, own, jaw), points[CHIN]) for jaw in (1.0, 0.0))
    assert open_ == pytest.approx(0.8 * DROP, rel=0.15) and shut == pytest.approx(-0.2 * DROP, rel=0.15)


def test_eyes_nose_and_the_corners_of_the_mouth_stay_and_so_does_the_neck(points, own):
    field = downwards(points, own, 1.0)
    for still in (points[NOSE], points[EYE], points[CORNER], points[CHIN] + (0, 0.42 * IOD)):
        assert abs(at(field, still.clip(0, 0.999))) < 0.1 * DROP


def test_the_motion_is_smooth_and_folds_nothing(points, own):
    field = downwards(points, own, 1.0) * IOD * SIZE  # pixels
    assert max(np.abs(np.diff(field, axis=k)).max() for k in (0, 1)) < 0.5
