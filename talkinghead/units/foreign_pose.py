"""The head's pose as other face trackers write it, to and from ours (units/pose.py).

| kind | angles | axes and signs | place |
| --- | --- | --- | --- |
| arkit, livelink | HeadYaw, HeadPitch, HeadRoll, radians | positive to the subject's own left, down, clockwise | none |
| openface | pose_Rx, pose_Ry, pose_Rz, radians | R = Rx Ry Rz; x right, y down, z away from the camera | pose_T*, mm |
| mediapipe | a 4 x 4 matrix | x right, y up, z towards the camera | its last column, cm |

Signs are those of the picture. Place and size in ours are relative to a clip's mean and in inter-ocular distances, so
writing has to put the head somewhere: straight before the camera, REACH away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkinghead.units.pose import ANGLES, EYES_FROM_PIVOT, angles, rotation

LIVELINK_SIGNS = np.array([1, -1, -1])
REACH = 600.0  # millimetres between a head and the camera, where only we know of it
INTER_OCULAR = 88.9  # millimetres between the outer eye corners of MediaPipe's canonical face
# OpenFace's axes seen from ours: x the same, y and z turned round.
_TURNED = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Camera:
    """How a tracker speaks of places: millimetres in its unit, and where the eyes lie from the origin of its face, in
    inter-ocular distances to the left, up and forward."""

    unit: float
    eyes: tuple[float, float, float]

    @property
    def _pivot(self) -> np.ndarray:
        """From the origin of the face to the pivot, in the tracker's unit."""
        return (np.array(self.eyes) - EYES_FROM_PIVOT) * INTER_OCULAR / self.unit

    def poses(self, matrices: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Ours, [T, 6], of rotations [T, 3, 3] and places [T, 3] of the face's origin, in our axes."""
        pivot = places + matrices @ self._pivot
        near = 1 / np.maximum(-pivot[:, 2], 1.0)  # a picture's scale goes with it
        size = near.mean()
        seen = pivot[:, :2] * (1, -1) * near[:, None] / (INTER_OCULAR / self.unit * size)
        return np.c_[angles(matrices), seen - seen.mean(0), near / size].astype(np.float32)

    def places(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations and places of the face's origin, in our axes and the tracker's unit, of our poses [T, 6]."""
        matrices = rotation(poses.astype(np.float64))
        depth = REACH / self.unit / poses[:, 5]
        aside = poses[:, 3:5] * (1, -1) * (INTER_OCULAR / REACH) * depth[:, None]
        return matrices, np.c_[aside, -depth] - matrices @ self._pivot


OPENFACE_CAMERA = Camera(1.0, (0.0, 0.38, 0.05))  # the origin is the middle of its 68 landmarks
MEDIAPIPE_CAMERA = Camera(10.0, (0.0, 0.30, 0.36))


def from_livelink(radians: np.ndarray) -> np.ndarray | None:
    """Poses [T, 6] of yaw, pitch and roll [T, 3]; None where the app saw none and wrote nothing but zeros."""
    if not radians.any():
        return None
    turned = np.degrees(radians) * LIVELINK_SIGNS
    return np.c_[turned, np.zeros((len(turned), 2)), np.ones(len(turned))].astype(np.float32)


def to_livelink(poses: np.ndarray) -> np.ndarray:
    return np.radians(poses[:, ANGLES].astype(np.float64)) * LIVELINK_SIGNS


def from_openface(turned: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Poses [T, 6] of pose_R* [T, 3] and pose_T* [T, 3]."""
    return OPENFACE_CAMERA.poses(_TURNED @ _rx_ry_rz(turned) @ _TURNED, places @ _TURNED)


def to_openface(poses: np.ndarray) -> np.ndarray:
    """pose_T* and pose_R*, [T, 6], in OpenFace's order."""
    matrices, places = OPENFACE_CAMERA.places(poses)
    m = _TURNED @ matrices @ _TURNED
    x, z = np.arctan2(-m[:, 1, 2], m[:, 2, 2]), np.arctan2(-m[:, 0, 1], m[:, 0, 0])
    return np.c_[places @ _TURNED, x, np.arcsin(m[:, 0, 2].clip(-1, 1)), z]


def _rx_ry_rz(turned: np.ndarray) -> np.ndarray:
    (sx, sy, sz), (cx, cy, cz) = np.sin(turned).T, np.cos(turned).T
    rows = (
        (cy * cz, -cy * sz, sy),
        (cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy),
        (sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def mediapipe_matrix(found: Any) -> np.ndarray:
    """A facial transformation matrix [4, 4] out of JSON: rows, as Python writes it, or JavaScript's `data`, column by
    column. Raises TypeError, KeyError or ValueError where it is none."""
    matrix = np.array(found["data"] if isinstance(found, dict) else found, np.float64).reshape(4, 4)
    if not np.isfinite(matrix).all():
        raise ValueError
    return matrix.T if isinstance(found, dict) else matrix


def from_mediapipe(matrices: np.ndarray) -> np.ndarray:
    """Poses [T, 6] of facial transformation matrices [T, 4, 4], which may scale."""
    scale = np.linalg.norm(matrices[:, :3, :3], axis=1, keepdims=True)
    return MEDIAPIPE_CAMERA.poses(matrices[:, :3, :3] / np.maximum(scale, 1e-9), matrices[:, :3, 3])


def to_mediapipe(poses: np.ndarray) -> np.ndarray:
    out = np.tile(np.eye(4), (len(poses), 1, 1))
    out[:, :3, :3], out[:, :3, 3] = MEDIAPIPE_CAMERA.places(poses)
    return out
