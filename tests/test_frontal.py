"""Turning faces to the front: a head turned by known angles comes back, a frontal one stays, the picture follows."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recipes.parts.frontal import MAX_PITCH, MAX_YAW, frontal_landmarks, frontalise, is_frontal_enough, rotation, warp
from talkinghead.face.align import alignment, crop, transform

SIZE = 192


def aligned(points: np.ndarray) -> np.ndarray:
    matrix = alignment(points[:, :2], SIZE)
    return np.c_[transform(matrix, points[:, :2]), points[:, 2] * np.hypot(matrix[0, 0], matrix[1, 0])]


def turned(points: np.ndarray, pose: tuple[float, float, float]) -> np.ndarray:
    """What a camera far away sees of a frontal mesh turned to `pose`, aligned."""
    yaw, pitch, roll = pose
    camera = Rotation.from_euler("YXZ", [yaw, -pitch, roll], degrees=True)
    axes = [1, -1, -1]  # the camera's y and z point up and toward it
    return aligned(camera.apply((points - points.mean(0)) * axes) * axes)


@pytest.fixture(scope="module")
def picture(astronaut, astronaut_face) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A real face: aligned picture, mesh [478, 3], pose."""
    matrix = alignment(astronaut_face.points, SIZE)
    return crop(astronaut, matrix, SIZE), aligned(astronaut_face.landmarks), astronaut_face.pose


def test_signs_are_those_of_the_tracker():
    nose, crown = np.array([0, 0, -1]), np.array([0, -1, 0])  # in the picture: toward the camera, up
    assert (rotation((20, 0, 0)) @ nose)[0] > 0.3  # to the subject's left, the picture's right
    assert (rotation((0, 20, 0)) @ nose)[1] < -0.3  # up
    assert (rotation((0, 0, 20)) @ crown)[0] < -0.3  # counter-clockwise


@pytest.mark.parametrize("pose", [(25, 0, 0), (-18, 0, 0), (0, 20, 0), (0, -15, 0), (15, -10, 20), (-20, 12, -35)])
def test_a_turned_head_comes_back(picture, pose):
    _, mesh, own = picture
    front = frontal_landmarks(mesh, own, SIZE)
    there = turned(front, pose)
    assert np.abs(there - front)[:, :2].max() > 8  # pixels
    left = np.abs(frontal_landmarks(there, np.array(pose), SIZE) - front)[:, :2]
    # Not nothing: in between the eyes are made level by least squares over nine points that are not quite symmetric.
    assert left.mean() < 0.5 and left.max() < 2.5


def test_a_frontal_face_stays(picture):
    image, mesh, _ = picture
    for roll in (0, 30, -75):  # the tilt has been taken out by the alignment
        same, points = frontalise(image, mesh, np.array([0, 0, roll]))
        assert np.abs(points - mesh).max() < 1e-3
        assert np.array_equal(same, image)


@pytest.mark.parametrize(("axis", "degrees"), [(0, 20), (0, -20), (1, 15)])
def test_the_tracker_sees_the_front(picture, tracker, axis, degrees):
    """Turn a photograph with the mesh's own depth, and back: the tracker says by how much."""
    image, mesh, own = picture
    front, mesh = frontalise(image, mesh, own)
    pose = np.zeros(3)
    pose[axis] = degrees
    away = turned(mesh, pose)
    there = warp(front, mesh[:, :2], away[:, :2])
    back, points = frontalise(there, away, pose)
    before, during, after = (tracker(x)[0].pose[axis] for x in (front, there, back))
    assert (during - before) * np.sign(degrees) > abs(degrees) / 3
    assert abs(after - before) < abs(during - before) / 3
    assert np.abs(back.astype(int) - front)[40:160, 50:140].mean() < 4
    assert points.shape == (478, 3)


def test_warp_moves_what_lies_at_the_points():
    y, x = np.mgrid[:SIZE, :SIZE]
    image = np.stack([x, y, 0 * x], -1).astype(np.uint8)
    source = np.random.default_rng(0).uniform(60, 130, (40, 2)).astype(np.float32)
    moved = warp(image, source, source + [9, -5])
    inside = moved[88:103, 88:103].astype(int) - image[88:103, 88:103]
    assert np.abs(inside.mean((0, 1)) - [-9, 5, 0]).max() < 0.5
    assert np.abs(moved[[0, -1]].astype(int) - image[[0, -1]]).max() <= 1


def test_which_poses_count():
    pose = np.array([[0, 0, 80], [MAX_YAW, -MAX_PITCH, 0], [MAX_YAW + 1, 0, 0], [0, -MAX_PITCH - 1, 0]])
    assert is_frontal_enough(pose).tolist() == [True, True, False, False]
    assert not is_frontal_enough(np.full(3, np.nan))
