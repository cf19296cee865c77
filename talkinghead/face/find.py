"""Find the face to animate in a picture: RGB pixels in, one tracked face out, however small or large it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from talkinghead.errors import PortraitError
from talkinghead.face.tracker import TrackedFace

TRACK_SIDE = 1280  # longest side, in pixels, of what the tracker is shown: it looks at 192 to 256 pixels anyway
MIN_FACE = 48  # pixels of width, half the narrowest face that gives good results
MAX_YAW, MAX_PITCH = 35.0, 30.0  # degrees; beyond, half the mouth is out of sight
# MediaPipe's mesh points on the edge of the face, clockwise in the picture from the middle of the forehead.
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

_Search = Callable[[np.ndarray], list[TrackedFace]]


def outline(face: TrackedFace) -> np.ndarray:
    """The line around a face, clockwise from the middle of the forehead, [36, 2] pixels."""
    return face.points[list(OVAL)]


def find_face(
    image: np.ndarray, tracker: _Search, number: int | None = None, name: str = "the picture"
) -> tuple[TrackedFace, str | None]:
    """The face to animate in an RGB uint8 [H, W, 3] picture, in its pixels, with the points of the others,
    and a warning or None.

    `number` counts from 1, the widest; None takes the widest, with a warning when there are several. `tracker` should
    look for more than one. Raises PortraitError: no face, no such number, too small, turned too far.
    """
    faces = find_faces(image, tracker)
    if not faces:
        raise PortraitError(f"{name}: no face found; use a picture with one face seen from the front")
    if number is not None and not 1 <= number <= len(faces):
        raise PortraitError(f"{name}: there is no face {number}; found {len(faces)}, counted from 1, the largest")
    chosen = faces[(number or 1) - 1]
    others = tuple(other.points for other in faces if other is not chosen)
    face = replace(_refine(image, tracker, chosen), others=others)
    if face.width < MIN_FACE:
        raise PortraitError(f"{name}: the face is {face.width:.0f} pixels wide; use one of at least {MIN_FACE}")
    for angle, limit, turn in zip(face.pose[:2], (MAX_YAW, MAX_PITCH), ("to the side", "up or down")):
        if abs(angle) > limit:
            raise PortraitError(
                f"{name}: the face is turned {abs(angle):.0f} degrees {turn}, the limit is {limit:.0f};"
                " use a picture taken more from the front"
            )
    several = len(faces) > 1 and number is None
    return face, f"{name}: {len(faces)} faces, the largest is used; --face 2 takes the next" if several else None


def find_faces(image: np.ndarray, tracker: _Search) -> list[TrackedFace]:
    """Every face of a picture, the widest first: of the whole; failing that of a padded one, where the face fills the
    frame; failing that of overlapping squares, where it is small: the detector sees only faces over about a tenth of
    the width."""
    height, width = image.shape[:2]
    faces = _track(image, tracker)
    if not faces:
        faces = _track(image, tracker, margin=max(height, width) // 2)
    longest = max(height, width)
    for side in sorted({longest // 2, longest // 4, min(height, width)}, reverse=True):
        if not faces and side > 2 * MIN_FACE:
            corners = itertools.product(range(0, width, side // 2), range(0, height, side // 2))
            faces = [f for x, y in corners for f in _track(image, tracker, (x, y, x + side, y + side))]
    return _distinct(faces)


def _refine(image: np.ndarray, tracker: _Search, face: TrackedFace) -> TrackedFace:
    """The same face measured again close up, where the first look was at a reduced copy."""
    if max(image.shape[:2]) <= TRACK_SIDE:
        return face
    centre, half = face.points.mean(0), 1.5 * max(np.ptp(face.points, 0))
    low = np.maximum(centre - half, 0).astype(int)
    high = np.minimum(centre + half, image.shape[1::-1]).astype(int)
    near = _track(image, tracker, (*low, *high))
    near = [other for other in near if np.linalg.norm(other.points.mean(0) - centre) < 0.5 * face.width]
    return max(near, key=lambda other: other.width, default=face)


def _track(
    image: np.ndarray, tracker: _Search, box: tuple[int, int, int, int] | None = None, margin: int = 0
) -> list[TrackedFace]:
    """Faces in a part (left, top, right, bottom) of the picture, shown to the tracker at TRACK_SIDE at most and with
    its border repeated for `margin` pixels; landmarks in pixels of the whole picture."""
    left, top, right, bottom = box or (0, 0, image.shape[1], image.shape[0])
    part = image[top:bottom, left:right]
    scale = min(1.0, TRACK_SIDE / (max(part.shape[:2]) + 2 * margin))
    if scale < 1:
        size = [max(1, round(scale * side)) for side in part.shape[1::-1]]
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    border = round(margin * scale)
    if border:
        part = cv2.copyMakeBorder(part, *[border] * 4, cv2.BORDER_REPLICATE)
    shift = np.array([left - border / scale, top - border / scale, 0], np.float32)
    return [replace(face, landmarks=face.landmarks / np.float32(scale) + shift) for face in tracker(part)]


def _distinct(faces: list[TrackedFace]) -> list[TrackedFace]:
    """The widest first, without those found twice: centres closer than half a width."""
    kept: list[TrackedFace] = []
    for face in sorted(faces, key=lambda f: -f.width):
        centre = face.points.mean(0)
        if all(np.linalg.norm(centre - other.points.mean(0)) > 0.5 * other.width for other in kept):
            kept.append(face)
    return kept
