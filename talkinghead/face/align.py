"""The aligned face: one similarity transform that training, inference and paste-back share."""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.face.blur import halved

# MediaPipe mesh points that expressions hardly move, and where they lie in the unit square of the aligned face: eye
# line at 40 % of the height, outer eye corners 36 % of the width apart. Inner corners, bridge and nose base are the
# mean over 235 frontal training portraits, made symmetric.
ALIGN_POINTS = (33, 133, 362, 263, 168, 6, 2, 98, 327)
TEMPLATE = np.array(
    [
        (0.3200, 0.4000), (0.4287, 0.4061), (0.5713, 0.4061), (0.6800, 0.4000),  # eye corners, left to right
        (0.5000, 0.3889), (0.5000, 0.4199),  # nose bridge
        (0.5000, 0.5836), (0.4290, 0.5716), (0.5710, 0.5716),  # nose base
    ],
    np.float32,
)  # fmt: skip


def alignment(points: np.ndarray, size: int) -> np.ndarray:
    """Least-squares similarity from image pixels to a square aligned face of `size` pixels (Umeyama 1991).

    `points` [478, 2] landmarks in pixels; returns a [2, 3] float32 matrix for `cv2.warpAffine`.
    """
    source = points[list(ALIGN_POINTS)].astype(np.float64)
    target = TEMPLATE.astype(np.float64) * size - 0.5  # pixel centres lie at integers
    a, b = source - source.mean(0), target - target.mean(0)
    # As complex numbers a similarity is one multiplication, and its least-squares solution one quotient.
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    m = (np.conj(za) * zb).sum() / (np.abs(za) ** 2).sum()
    linear = np.array([[m.real, -m.imag], [m.imag, m.real]])
    shift = target.mean(0) - linear @ source.mean(0)
    return np.hstack([linear, shift[:, None]]).astype(np.float32)


def to_fractions(points: np.ndarray) -> np.ndarray:
    """[2, 3] from image pixels, whose centres lie at integers, to fractions of the aligned face, which count from its
    border; `points` as in `alignment`."""
    matrix = alignment(points, 1)
    matrix[:, 2] += 0.5
    return matrix


def composed(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The affine matrix [2, 3] that does what `before` does and then what `after` does."""
    return np.hstack([after[:, :2] @ before[:, :2], transform(after, before[:, 2])[:, None]])


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a [2, 3] affine matrix to points [..., 2]."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def crop(image: np.ndarray, matrix: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """The aligned face [size, size, C] of an image, or a window of (width, height), by a similarity that may mirror;
    outside the picture its border is repeated.

    Where the face shrinks, the picture is averaged down first so that the crop does not alias.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        half = halved(image, [2 * scale * side for side in image.shape[1::-1]])
        much = 2 * scale * image.shape[0] / half.shape[0]
        small = cv2.resize(half, None, fx=much, fy=much, interpolation=cv2.INTER_AREA)
        fx, fy = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
        to_full = np.array([[fx, 0, 0.5 * fx - 0.5], [0, fy, 0.5 * fy - 0.5], [0, 0, 1]], np.float32)
        image, matrix = small, (matrix @ to_full).astype(np.float32)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sides = (size, size) if isinstance(size, int) else size
    return cv2.warpAffine(image, matrix, sides, flags=flags, borderMode=cv2.BORDER_REPLICATE)
