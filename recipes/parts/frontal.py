"""Turn an aligned face to the front, roughly as the paper does before it crops (after Hassner et al. 2015).

The in-plane part (roll, scale, place) is the similarity transform of talkinghead/face/align.py. Here is the rest: the
landmarks, which have depth, are turned back by the tracked yaw and pitch, and the picture follows them, piecewise
affine over the triangles between them. What the photograph hides stays hidden: beyond MAX_YAW or MAX_PITCH a face is
dropped.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from talkinghead.face.align import alignment, transform

MAX_YAW, MAX_PITCH = 30.0, 25.0  # degrees; beyond, too much of one cheek, or of the nose's underside, is out of sight
GRID = 64  # points a side at which the displacement is computed; the triangles are larger than its cells
SMOOTHING = 1.0  # cells; takes the kinks off the triangles' edges
BORDER_POINTS = 8  # a side of the crop; they stay where they are


def is_frontal_enough(pose: np.ndarray) -> np.ndarray:
    """Whether faces of `pose` [..., 3] (degrees of yaw, pitch, roll) can be turned to the front: bool [...]."""
    return (np.abs(pose[..., 0]) <= MAX_YAW) & (np.abs(pose[..., 1]) <= MAX_PITCH)


def rotation(pose: np.ndarray) -> np.ndarray:
    """The head's rotation [3, 3] in picture axes (x right, y down, z away) from degrees of yaw, pitch and roll, with
    the signs of `TrackedFace.pose`."""
    yaw, pitch, roll = np.radians(np.asarray(pose, np.float64))
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    flip = np.diag([1.0, -1.0, -1.0])  # the tracker's axes are x right, y up, z toward the camera
    return flip @ about_y @ about_x @ about_z @ flip


def frontal_landmarks(landmarks: np.ndarray, pose: np.ndarray, size: int) -> np.ndarray:
    """Landmarks [P, 3] of an aligned face of `size` pixels, turned to the front and aligned again: [P, 3] pixels.

    `pose` is that of the photograph, before the alignment took out the tilt. At no yaw and pitch nothing moves.
    """
    turned = rotation(pose)
    tilt = -np.arctan2(turned[1, 0], turned[0, 0])  # what the alignment did: the line of the eyes is level
    level = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    centre = landmarks.mean(0)
    front = (landmarks - centre) @ (level @ turned) + centre  # rows times R are columns times its inverse
    matrix = alignment(front[:, :2], size)
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    return np.c_[transform(matrix, front[:, :2]), front[:, 2] * scale].astype(np.float32)


def warp(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`image` [S, S, 3] with what lies at `source` [P, 2] (pixels) moved to `target` [P, 2]; its border stays."""
    size = len(image)
    side = np.linspace(0, size - 1, BORDER_POINTS)
    low, high = np.zeros_like(side), np.full_like(side, size - 1)
    border = np.concatenate([np.c_[side, low], np.c_[side, high], np.c_[low, side], np.c_[high, side]])
    border = np.unique(border, axis=0)
    knots = np.concatenate([target, border])
    back = np.concatenate([source - target, np.zeros_like(border)])
    x, y = np.meshgrid(*2 * [np.linspace(0, size - 1, GRID)])
    flow = LinearNDInterpolator(knots, back, fill_value=0.0)(x, y).astype(np.float32)
    flow = cv2.GaussianBlur(flow, (0, 0), SMOOTHING)
    # Grid points lie on the first and the last pixel, which cv2.resize does not do.
    place = np.linspace(0, GRID - 1, size, dtype=np.float32)
    px, py = np.meshgrid(place, place)
    flow = cv2.remap(flow, px, py, cv2.INTER_LINEAR)
    x, y = np.meshgrid(*2 * [np.arange(size, dtype=np.float32)])
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def frontalise(image: np.ndarray, landmarks: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An aligned face [S, S, 3] uint8 and its landmarks [P, 3] in pixels, both seen from the front."""
    front = frontal_landmarks(landmarks, pose, len(image))
    return warp(image, landmarks[:, :2], front[:, :2]), front
