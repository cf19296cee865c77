from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from conftest import SIZE
from scipy.ndimage import gaussian_filter, map_coordinates

from talkinghead.face.align import alignment, transform
from talkinghead.face.render import Renderer, square

NO_COLOUR = np.zeros((3, SIZE, SIZE), np.float32)
NO_MASK = np.zeros((1, SIZE, SIZE), np.float32)


def texture(height, width, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(height, width, 3)), (2, 2, 0))
    return (128 + 500 * noise).clip(0, 255).astype(np.uint8)


def to_crop(left, top, side, angle=0.0):
    """Similarity that takes a square of the picture, turned about its middle, to the crop."""
    turn = cv2.getRotationMatrix2D((left + side / 2, top + side / 2), angle, SIZE / side)
    turn[:, 2] += SIZE / 2 - np.array([left + side / 2, top + side / 2])
    return turn


def uniform_flow(x, y):
    return np.broadcast_to(np.array([x, y], np.float32)[:, None, None], (2, SIZE, SIZE))


def test_without_motion_every_pixel_is_the_photographs_own():
    image = texture(300, 401)
    for matrix in (to_crop(50, 40, 200, 20), to_crop(-300, -300, 200), to_crop(-80, 150, 300)):
        assert np.array_equal(Renderer(image, matrix, SIZE)(uniform_flow(0, 0), NO_MASK, NO_COLOUR), image)


@pytest.mark.parametrize("angle, moves", [(0, (0, -20)), (90, (20, 0)), (-90, (-20, 0)), (180, (0, 20))])
def test_motion_turns_and_scales_with_the_face(angle, moves):
    """A flow of a tenth of the side up the face, which lies in a square of 200 pixels. Where the picture must be turned
    counter-clockwise by 90 degrees to set the face upright, its top is on the right."""
    image = texture(400, 400)
    frame = Renderer(image, to_crop(100, 100, 200, angle), SIZE)(uniform_flow(0, -0.1), NO_MASK, NO_COLOUR)
    dx, dy = moves
    off = np.abs(frame[150:250, 150:250].astype(int) - image[150 + dy : 250 + dy, 150 + dx : 250 + dx])
    assert off.mean() < 0.5 and np.percentile(off, 99) <= 3


def test_warp_and_paint_agree_with_scipy():
    """At the crop's own resolution, against spline interpolation at the formula's own positions."""
    image, rng = texture(SIZE, SIZE), np.random.default_rng(1)
    inside = np.zeros((SIZE, SIZE))
    inside[30:98, 30:98] = 1
    inside = gaussian_filter(inside, 6)
    flow = (gaussian_filter(rng.normal(size=(2, SIZE, SIZE)), (0, 12, 12)) * inside).astype(np.float32)
    mask = (inside * gaussian_filter(rng.random((SIZE, SIZE)), 5))[None].astype(np.float32)
    colour = gaussian_filter(rng.uniform(-1, 1, (3, SIZE, SIZE)), (0, 3, 3)).astype(np.float32)
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    where = [ys + flow[1] * SIZE, xs + flow[0] * SIZE]
    warped = np.stack([map_coordinates(image[..., c].astype(float), where, order=3, mode="nearest") for c in range(3)])
    expected = ((1 - mask) * warped + mask * (colour + 1) * 127.5).transpose(1, 2, 0)
    frame = Renderer(image, np.eye(2, 3), SIZE)(flow, mask, colour)
    assert np.abs(flow * SIZE).max() > 2
    assert np.abs(frame - expected).mean() < 1.0 and np.percentile(np.abs(frame - expected), 99) < 4


def test_there_is_no_seam_and_nothing_outside_is_touched():
    """On a ramp a shift shows as a step wherever motion ends abruptly; here all motion and paint run to the border."""
    ramp = np.repeat(np.linspace(0, 255, 640, dtype=np.float32)[None, :, None], 480, 0).repeat(3, 2).astype(np.uint8)
    renderer = Renderer(ramp, to_crop(200, 100, 250, 15), SIZE)
    frame = renderer(uniform_flow(0.08, 0), np.full((1, SIZE, SIZE), 0.2, np.float32), NO_COLOUR)
    assert np.abs(frame.astype(int) - ramp).max() > 8
    corners = np.array([(-0.5, -0.5), (SIZE - 0.5, -0.5), (SIZE - 0.5, SIZE - 0.5), (-0.5, SIZE - 0.5)])
    hull = transform(cv2.invertAffineTransform(to_crop(200, 100, 250, 15)), corners)
    inside = cv2.fillConvexPoly(np.zeros(ramp.shape[:2], np.uint8), np.round(hull).astype(np.int32), 1)
    assert np.array_equal(frame[inside == 0], ramp[inside == 0])
    steps = np.abs(np.diff(frame.astype(int), axis=0)).max(), np.abs(np.diff(frame.astype(int), axis=1)).max()
    assert max(steps) <= 6  # the ramp's own is 1, the motion's slope the rest; a seam would be a step of 13


def test_face_that_leans_out_of_the_picture_repeats_the_border():
    image = texture(120, 120)
    frame = Renderer(image, to_crop(-60, -60, 150), SIZE)(uniform_flow(-0.2, 0), NO_MASK, NO_COLOUR)
    assert frame.shape == image.shape
    np.testing.assert_allclose(frame[:40, :30], np.broadcast_to(image[:40, :1], (40, 30, 3)), atol=6)
    assert np.abs(np.diff(frame[:40, :30].astype(int), axis=1)).max() <= 1


def test_frames_do_not_share_memory():
    image = texture(100, 100)
    renderer = Renderer(image, to_crop(0, 0, 100), SIZE)
    still = renderer(uniform_flow(0, 0), NO_MASK, NO_COLOUR)
    still[:] = 0
    assert np.array_equal(renderer(uniform_flow(0, 0), NO_MASK, NO_COLOUR), image)


def test_enhance_adds_contrast_to_the_face_alone():
    image = (texture(300, 300) // 4 + 90).astype(np.uint8)
    plain, enhanced = (
        Renderer(image, to_crop(80, 80, 140), SIZE, enhance)(uniform_flow(0, 0), NO_MASK, NO_COLOUR)
        for enhance in (False, True)
    )
    inside = np.s_[110:190, 110:190]
    assert enhanced[inside].std() > 1.2 * plain[inside].std()
    enhanced[80:221, 80:221] = plain[80:221, 80:221]
    assert np.array_equal(enhanced, plain)


@pytest.mark.parametrize("scale, side", [(0.3, 256), (1.0, None), (10.0, 1024)])
def test_square_keeps_the_face_at_its_own_resolution(astronaut, astronaut_face, scale, side):
    image = cv2.resize(astronaut[:256, 96:352], None, fx=2 * scale, fy=2 * scale)
    points = (astronaut_face.points - (96, 0)) * 2 * scale
    face, landmarks, box = square(image, points)
    natural = 1 / np.hypot(*alignment(points, 1)[:, 0])
    assert face.shape == (len(face), len(face), 3) and len(face) % 2 == 0
    assert len(face) == side or abs(len(face) - natural) <= 1
    assert box == (0, 0, len(face), len(face))
    np.testing.assert_allclose(landmarks, transform(alignment(points, len(face)), points), atol=1e-3)


def test_square_keeps_what_lies_around_it_as_far_as_the_picture_goes(astronaut, astronaut_face):
    """Above her head there is less of the picture than is asked for, on the other sides there is enough."""
    face, points, _ = square(astronaut, astronaut_face.points)
    wide, landmarks, (left, top, right, bottom) = square(astronaut, astronaut_face.points, 0.5)
    assert np.array_equal(wide[top:bottom, left:right], face)
    np.testing.assert_allclose(landmarks - (left, top), points, atol=1e-3)
    size = len(face)
    assert left == wide.shape[1] - right == wide.shape[0] - bottom == size // 2 and 0 < top < size // 2
    matrix = alignment(astronaut_face.points, size)
    matrix[:, 2] += left, top
    np.testing.assert_allclose(wide, cv2.warpAffine(astronaut, matrix, wide.shape[1::-1], flags=cv2.INTER_CUBIC,
                                                    borderMode=cv2.BORDER_REPLICATE), atol=2)  # fmt: skip


def test_speed():
    """Processor time of one thread: 8 ms are asked for a portrait of 512x512 that the face fills."""
    image, threads = texture(512, 512), cv2.getNumThreads()
    renderer = Renderer(image, to_crop(56, 56, 400, 3), SIZE)
    mask = np.zeros((1, SIZE, SIZE), np.float32)
    mask[:, 70:110, 40:88] = 0.7
    cv2.setNumThreads(1)
    try:
        times = []
        for _ in range(12):
            start = time.process_time()
            renderer(uniform_flow(0.01, 0.02), mask, NO_COLOUR)
            times.append(time.process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    assert min(times) < 0.016  # twice what is asked, for slow machines
