from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from talkinghead.face.align import ALIGN_POINTS, TEMPLATE, alignment, composed, crop, transform

ROOT = Path(__file__).parents[1]


def test_alignment_is_the_least_squares_similarity(astronaut_face):
    points = astronaut_face.points + np.random.default_rng(0).normal(0, 3, (478, 2)).astype(np.float32)
    reference = SimilarityTransform.from_estimate(points[list(ALIGN_POINTS)], TEMPLATE * 192 - 0.5)
    np.testing.assert_allclose(alignment(points, 192), reference.params[:2], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("angle, scale", [(0, 1), (30, 1), (-75, 2.5), (180, 0.4)])
def test_aligned_face_does_not_depend_on_how_the_picture_is_turned(astronaut_face, angle, scale):
    turned = transform(cv2.getRotationMatrix2D((250, 250), angle, scale), astronaut_face.points)
    upright = transform(alignment(astronaut_face.points, 128), astronaut_face.points)
    np.testing.assert_allclose(transform(alignment(turned, 128), turned), upright, atol=0.01)


def test_eyes_lie_where_the_template_says(astronaut_face):
    right, left = transform(alignment(astronaut_face.points, 100), astronaut_face.points)[[33, 263]]
    np.testing.assert_allclose((right + left) / 2 + 0.5, (50, 40), atol=2)
    assert left[0] - right[0] == pytest.approx(36, abs=3)


def test_crop_averages_what_it_shrinks_and_repeats_the_border():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 200
    small = crop(stripes, np.array([[0.125, 0, -0.4], [0, 0.125, -0.4]], np.float32), 100)
    np.testing.assert_allclose(small[5:95, 5:95], 100, atol=3)
    beside = crop(np.full((50, 50, 3), 77, np.uint8), np.array([[1, 0, 200], [0, 1, 0]], np.float32), 64)
    assert (beside == 77).all()


def test_a_tracker_in_a_circle_of_garbage_is_let_go():
    """MediaPipe's own finaliser would wait for ever for a thread that was collected with it."""
    code = """if True:
        import faulthandler, gc
        from talkinghead.face.tracker import Tracker
        faulthandler.dump_traceback_later(60, exit=True)
        for _ in range(2):
            tracker = Tracker()
            tracker.itself = tracker
            del tracker
            gc.collect()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_composed_matrix_does_one_after_the_other():
    after, before, points = (
        np.random.default_rng(k).normal(size=size) for k, size in enumerate([(2, 3), (2, 3), (5, 2)])
    )
    np.testing.assert_allclose(transform(composed(after, before), points), transform(after, transform(before, points)))
