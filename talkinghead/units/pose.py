"""Where a head is and how it is turned: six numbers a frame, how they are measured, compared and made stronger.

A pose is float32 [6], in the order of POSE_NAMES:

| name | what | positive |
| --- | --- | --- |
| HeadYaw | degrees | the subject turns to their own left, the picture's right |
| HeadPitch | degrees | the subject looks up |
| HeadRoll | degrees | the head leans counter-clockwise in the picture, towards the subject's own right shoulder |
| HeadX, HeadY | inter-ocular distances by which the pivot in the neck has moved | to the picture's right, and down |
| HeadScale | size of the head, 1 as at first | nearer |

An inter-ocular distance is that of the outer eye corners when the face looks straight ahead. Turning the head moves its
face about in the picture; HeadX and HeadY are what is left of its movement when that is taken away.

What a tracker gives is absolute: the angles count from a face that looks into the camera, place and size from the
clip's own mean. What moves a portrait is relative, NEUTRAL being the head as photographed; `relative` makes the second
of the first.
"""

from __future__ import annotations

import numpy as np

POSE_NAMES = ("HeadYaw", "HeadPitch", "HeadRoll", "HeadX", "HeadY", "HeadScale")
ANGLES = slice(0, 3)
NEUTRAL = np.array([0, 0, 0, 0, 0, 1], np.float32)
# From the pivot of the head, at the height of the chin, to the middle of the outer eye corners, in inter-ocular
# distances along the face's own axes: to its left, up, forward.
EYES_FROM_PIVOT = np.array([0.0, 1.2, 0.8])
LIMITS = np.array([[-90, -90, -180, -20, -20, 0.05], [90, 90, 180, 20, 20, 20]], np.float32)  # what a file may hold

# The tracker's faces are flat: with so much more depth the lips of 12,000 portraits are as far from the line of the
# mouth's corners whichever way the head is turned.
DEEPER = 1.25

_LEFT_CORNER, _RIGHT_CORNER = 263, 33  # of the eyes, outer; the subject's own sides


def rotation(pose: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of poses [..., 3 or 6] in a right-handed frame: x to the picture's right, y up, z
    towards the viewer. Roll is applied first, then pitch, then yaw: R = Ry(yaw) Rx(-pitch) Rz(roll); column 2 is where
    the face looks."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians(np.moveaxis(pose[..., ANGLES], -1, 0))) for f in (np.sin, np.cos))
    rows = (
        (cy * cr - sy * sp * sr, -cy * sr - sy * sp * cr, sy * cp),
        (cp * sr, cp * cr, sp),
        (-sy * cr - cy * sp * sr, sy * sr - cy * sp * cr, cy * cp),
    )
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def angles(matrix: np.ndarray) -> np.ndarray:
    """Degrees of yaw, pitch and roll, [..., 3] float32, of rotations [..., 3, 3], which may also scale: the inverse of
    `rotation` for a pitch within 90 degrees."""
    r = matrix / np.linalg.norm(matrix, axis=-2, keepdims=True)
    yaw, roll = np.arctan2(r[..., 0, 2], r[..., 2, 2]), np.arctan2(r[..., 1, 0], r[..., 1, 1])
    return np.degrees(np.stack([yaw, np.arcsin(np.clip(r[..., 1, 2], -1, 1)), roll], -1)).astype(np.float32)


def place(landmarks: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """The pivot's x and y and the inter-ocular distance, [..., 3] in pixels (y down), of a head.

    `landmarks` [..., 478, 2 or more] pixels, `turned` [..., 3 or 6] its angles.
    """
    left, right = landmarks[..., _LEFT_CORNER, :2], landmarks[..., _RIGHT_CORNER, :2]
    axes = rotation(turned)[..., :2, :]
    size = np.linalg.norm(left - right, axis=-1) / np.maximum(np.linalg.norm(axes[..., 0], axis=-1), 0.1)
    lever = axes @ EYES_FROM_PIVOT * size[..., None]
    return np.concatenate([(left + right) / 2 - lever * (1, -1), size[..., None]], -1)


def as_turned(points: np.ndarray, turned: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Landmarks [..., N, 3] (pixels, y down, z smaller nearer) of heads turned by the angles `turned` [..., 3], had
    they been turned by `usual` [3] instead, about their own middle."""
    flip = np.array([1, -1, -DEEPER])
    away = (points - points.mean(-2, keepdims=True)) * flip
    return away @ (rotation(usual) @ np.swapaxes(rotation(turned), -1, -2)).swapaxes(-1, -2) / flip


def from_places(turned: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Poses [T, 6] of one clip from its angles [T, 3] and what `place` gave, [T, 3]: place and size from its mean."""
    x, y, size = places.mean(0)
    moved = (places - (x, y, 0)) / size
    return np.concatenate([turned, moved], -1).astype(np.float32)


def relative(pose: np.ndarray, origin: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """What moves a portrait, [..., 6], when a driver whose pose is usually `origin` [6] has the poses [..., 6].

    `strength` 0 leaves the head NEUTRAL, 1 moves it as the driver's moves. Angles are subtracted one by one: for a
    driver who usually looks 8 degrees aside this differs by 7 % from composing the rotations.
    """
    moved = np.concatenate([pose[..., :5] - origin[:5], pose[..., 5:] / origin[5] - 1], -1)
    return (NEUTRAL + strength * moved).astype(np.float32)
