"""The head's pose: the sign of every axis against a face turned by hand, and its way through files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from talkinghead.errors import UnitsError
from talkinghead.units.convert import convert, read_csv
from talkinghead.units.names import opening_of
from talkinghead.units.pose import (
    DEEPER,
    EYES_FROM_PIVOT,
    NEUTRAL,
    POSE_NAMES,
    angles,
    as_turned,
    from_places,
    place,
    relative,
    rotation,
)
from talkinghead.units.track import UnitTrack
from talkinghead.units.unit_csv import CsvWriter, read_own, write_csv

RANDOM = np.random.default_rng(0)
UNITS = RANDOM.random((20, 46)).astype(np.float32)
NOSE, CHIN, LEFT, RIGHT = 1, 152, 263, 33


def poses(count: int) -> np.ndarray:
    """Random ones of a clip: place and size relative to its mean."""
    out = np.c_[
        RANDOM.uniform(-30, 30, (count, 3)), RANDOM.uniform(-0.5, 0.5, (count, 2)), RANDOM.uniform(0.8, 1.2, count)
    ]
    out[:, 3:5] -= out[:, 3:5].mean(0)
    out[:, 5] /= out[:, 5].mean()
    return out.astype(np.float32)


def head() -> np.ndarray:
    """A face of four points that looks into the camera, [478, 3], x to the picture's right, y up, z to the viewer,
    inter-ocular distance 1, around its pivot."""
    out = np.zeros((478, 3))
    out[[LEFT, RIGHT]] = EYES_FROM_PIVOT + np.array([[0.5, 0, 0], [-0.5, 0, 0]])
    out[NOSE], out[CHIN] = EYES_FROM_PIVOT + (0, -0.4, 0.5), EYES_FROM_PIVOT + (0, -1.2, 0.1)
    return out


def pictured(matrix: np.ndarray, size: float = 100, at: tuple = (300, 400)) -> np.ndarray:
    """Its landmarks in pixels, y down, turned by a rotation."""
    return (head() @ matrix.T)[:, :2] * (size, -size) + at


def about(axis: str, degrees: float) -> np.ndarray:
    """A rotation by the right-hand rule about x (picture's right), y (up) or z (to the viewer), written out."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array(
        {"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
         "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis]
    )  # fmt: skip


def test_signs_are_what_the_table_says():
    still, level = pictured(np.eye(3)), pictured(np.eye(3))[LEFT, 1]
    left, up, lean = (pictured(rotation(np.eye(6)[k] * 10)) for k in range(3))
    middle = lambda points: points[[LEFT, RIGHT]].mean(0)  # noqa: E731
    # The nose goes to the picture's right of the eyes, where the subject's own left is; up; counter-clockwise, the
    # subject's left eye, at the picture's right, rises.
    assert (left[NOSE] - middle(left))[0] > (still[NOSE] - middle(still))[0] + 5
    assert (up[NOSE] - middle(up))[1] < (still[NOSE] - middle(still))[1] - 5
    assert lean[LEFT, 1] < level - 5 < lean[RIGHT, 1]
    np.testing.assert_allclose(rotation(np.array([10.0, 0, 0])), about("y", 10), atol=1e-9)
    np.testing.assert_allclose(rotation(np.array([0, 10.0, 0])), about("x", -10), atol=1e-9)
    np.testing.assert_allclose(rotation(np.array([0, 0, 10.0])), about("z", 10), atol=1e-9)


def test_angles_undo_rotations_that_scale():
    wanted = poses(50)
    np.testing.assert_allclose(angles(3 * rotation(wanted)), wanted[:, :3], atol=1e-4)


def test_turning_alone_does_not_move_the_head():
    turned = np.array([[20.0, 0, 0], [0, -15, 0], [0, 0, 12], [10, 10, 10]])
    for pose in turned:
        np.testing.assert_allclose(place(pictured(rotation(pose)), pose), (300, 400, 100), atol=1e-6)
    places = np.stack([place(pictured(rotation(p), size, at), p) for p, size, at in
                       zip(turned, (90, 110, 100, 100), ((310, 400), (290, 400), (300, 410), (300, 390)))])  # fmt: skip
    found = from_places(turned, places)
    np.testing.assert_allclose(found[:, 3], [0.1, -0.1, 0, 0], atol=1e-6)  # to the right
    np.testing.assert_allclose(found[:, 4], [0, 0, 0.1, -0.1], atol=1e-6)  # down
    np.testing.assert_allclose(found[:, 5], [0.9, 1.1, 1, 1], atol=1e-6)


def test_a_driver_is_relative_to_its_own():
    pose, usual = np.array([10, 2, -3, 0.2, 0.1, 1.1], np.float32), np.array([8, 1, -1, 0.1, 0, 1], np.float32)
    np.testing.assert_allclose(relative(pose, usual), [2, 1, -2, 0.1, 0.1, 1.1], atol=1e-6)
    np.testing.assert_allclose(relative(pose, usual, 1.5), [3, 1.5, -3, 0.15, 0.15, 1.15], atol=1e-6)
    np.testing.assert_array_equal(relative(pose, usual, 0), NEUTRAL)
    np.testing.assert_allclose(relative(usual, usual), NEUTRAL)


# Our CSV


def test_poses_in_our_csv(tmp_path):
    wanted, path = poses(20), tmp_path / "au.csv"
    write_csv(path, UNITS, 25, pose=wanted)
    assert path.read_text().partition("\n")[0].endswith("Puff," + ",".join(POSE_NAMES))
    track = read_own(path)
    np.testing.assert_allclose(track.units, UNITS, atol=1e-5)
    np.testing.assert_allclose(track.pose, wanted, atol=1e-5)
    np.testing.assert_allclose(track.pose_at([0.02]), wanted[:2].mean(0, keepdims=True), atol=1e-4)


def test_old_files_have_none_and_single_columns_the_rest_at_rest(tmp_path):
    path = tmp_path / "au.csv"
    write_csv(path, UNITS, 25)
    assert read_own(path).pose is None and read_own(path).pose_at([0.0]) is None
    path.write_text("HeadYaw,time,JawOpen\n-12.5,0,0.5\n")
    np.testing.assert_allclose(read_own(path).pose, [[-12.5, 0, 0, 0, 0, 1]])


def test_a_relative_pose_counts_from_the_portrait(tmp_path):
    wanted, path = poses(20) + np.float32(0.5), tmp_path / "au.csv"
    with CsvWriter(path, 25, pose=True, relative=True) as file:
        for units, pose in zip(UNITS, wanted):
            file.write(units, pose)
    track = read_own(path)
    assert track.relative
    with CsvWriter(tmp_path / "still.csv", 25, relative=True) as file:
        file.write(UNITS[0])
    still = read_own(tmp_path / "still.csv")
    assert still.relative and still.pose is None
    np.testing.assert_allclose(track.motion_at(0.2).pose, wanted[5], atol=1e-5)
    np.testing.assert_allclose(UnitTrack(track.times, UNITS, wanted).motion_at(0.2).pose[:5],
                               (wanted[5] - wanted.mean(0))[:5], atol=1e-4)  # fmt: skip


# Turns that look like expressions


def test_lips_of_a_head_that_nods_stay_as_far_apart():
    """Six points of a mouth and eyes in space, turned and seen from the front, as the tracker has them: too flat."""
    lips = np.array([[0, -0.7, 0.6], [0, -0.8, 0.58], [-0.25, -0.7, 0.4], [0.25, -0.7, 0.4], [-0.5, 0, 0], [0.5, 0, 0]])
    turned = poses(40)[:, :3]
    seen = lips @ np.swapaxes(rotation(turned), -1, -2) * (100, -100, -100 / DEEPER)
    turning = opening_of(seen[..., :2])
    back = opening_of(as_turned(seen, turned, np.zeros(3))[..., :2])
    np.testing.assert_allclose(back, np.broadcast_to((0, 0.1), back.shape), atol=1e-6)
    assert turning.std(0).min() > 0.01
    np.testing.assert_allclose(as_turned(seen, turned, turned[0])[5], seen[0] - seen[0].mean(0), atol=1e-4)


# Other trackers'


def written(tmp_path, kind: str, pose: np.ndarray) -> Path:
    source, target = tmp_path / "ours.csv", tmp_path / ("there.json" if kind == "mediapipe" else "there.csv")
    write_csv(source, UNITS[: len(pose)], 25, force=True, pose=pose)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        convert(source, target, kind, force=True)
    return target


def read(path) -> UnitTrack:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_csv(path)


@pytest.mark.parametrize("kind", ["arkit", "livelink", "openface", "mediapipe"])
def test_poses_go_there_and_back(tmp_path, kind):
    wanted = poses(20)
    found = read(written(tmp_path, kind, wanted)).pose
    np.testing.assert_allclose(found[:, :3], wanted[:, :3], atol=2e-3)
    if kind in ("openface", "mediapipe"):
        np.testing.assert_allclose(found[:, 3:], wanted[:, 3:], atol=2e-3)
    else:
        np.testing.assert_array_equal(found[:, 3:], np.tile(NEUTRAL[3:], (20, 1)))


def test_openface_axes(tmp_path):
    """R = Rx Ry Rz about x right, y down, z away: seen from ours, x is the same and y and z are turned round."""
    header = "frame,timestamp,success,pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz,AU12_r\n"
    rows = ["0,0,600,0.2,0,0", "0,0,600,0,0.2,0", "0,0,600,0,0,0.2", "0,0,600,0.1,0.2,0.3"]
    path = tmp_path / "in.csv"
    path.write_text(header + "".join(f"{i},{i / 25},1,{row},1\n" for i, row in enumerate(rows)))
    degrees = np.degrees([[0.2, 0, 0], [0, 0.2, 0], [0, 0, 0.2], [0.1, 0.2, 0.3]])
    wanted = [about("x", a) @ about("y", -b) @ about("z", -c) for a, b, c in degrees]
    track = read(path)
    np.testing.assert_allclose(track.pose[:, :3], [angles(m) for m in wanted], atol=1e-3)
    assert track.pose[0, 1] < -11 and track.pose[1, 0] < -11 and track.pose[2, 2] < -11  # down, own right, clockwise


def test_nearer_and_aside_in_openface(tmp_path):
    header = "frame,timestamp,success,pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz,AU12_r\n"
    path = tmp_path / "in.csv"
    path.write_text(header + "0,0,1,-44.45,0,600,0,0,0,1\n1,0.04,1,44.45,0,600,0,0,0,1\n2,0.08,1,0,0,500,0,0,0,1\n")
    left, right, near = read(path).pose
    assert right[3] - left[3] == pytest.approx(1, abs=0.1) and near[5] > 1.05 > left[5] == right[5]


def test_livelink_axes(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Timecode,JawOpen,HeadYaw,HeadPitch,HeadRoll\n00:00:00:00,0,0.1,0.2,0.3\n00:00:00:01,0,0,0,0\n")
    np.testing.assert_allclose(read(path).pose[0, :3], np.degrees([0.1, -0.2, -0.3]), atol=1e-4)
    path.write_text("Timecode,JawOpen,HeadYaw,HeadPitch,HeadRoll\n00:00:00:00,0,0,0,0\n00:00:00:01,0,0,0,0\n")
    assert read(path).pose is None


@pytest.mark.parametrize("javascript", [False, True])
def test_mediapipes_matrices(tmp_path, javascript, tracker, astronaut, astronaut_face):
    import mediapipe as mp

    result = tracker._landmarker.detect(mp.Image(mp.ImageFormat.SRGB, astronaut))
    matrix = np.asarray(result.facial_transformation_matrixes[0])
    given = {"rows": 4, "columns": 4, "data": matrix.T.ravel().tolist()} if javascript else matrix.tolist()
    name = "facialTransformationMatrixes" if javascript else "facial_transformation_matrixes"
    face = [{"category_name": "jawOpen", "score": 0.5}]
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{"face_blendshapes": [face], name: [given]}] * 2))
    np.testing.assert_allclose(read(path).pose[0], [*astronaut_face.pose, 0, 0, 1], atol=1e-4)
    path.write_text(json.dumps([{"face_blendshapes": [face], name: [[1, 2]]}]))
    with pytest.raises(UnitsError, match="frame 1: a transformation matrix is not 4 x 4 numbers"):
        read(path)
