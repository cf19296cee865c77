"""Wide blurs and small copies in little time: a picture in, the same smoothed or reduced out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

LARGE = 1440  # pixels of a side: larger pictures are halved first where they are reduced
FINEST = 4.0  # pixels of standard deviation: what is blurred further is blurred in a reduced copy


def blurred(picture: np.ndarray, across: float, down: float | None = None) -> np.ndarray:
    """A Gaussian blur of a picture [h, w, ...] by standard deviations in pixels, the same down as across if not told
    otherwise; within a few grey levels of what cv2.GaussianBlur makes."""
    sigmas = across, across if down is None else down
    times = [max(1, int(sigma / FINEST)) for sigma in sigmas]
    if max(times) == 1:
        return cv2.GaussianBlur(picture, (0, 0), sigmaX=sigmas[0], sigmaY=sigmas[1])
    size = [max(1, -(-side // much)) for side, much in zip(picture.shape[1::-1], times)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    scaled = [sigma * small.shape[1 - k] / picture.shape[1 - k] for k, sigma in enumerate(sigmas)]
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=scaled[0], sigmaY=scaled[1])
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def shrunk(picture: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """A picture [h, w, ...] reduced to `size`, width and height, each pixel the mean of those it stands for; within a
    grey level of what cv2.resize makes in four times the time."""
    return cv2.resize(halved(picture, size), size, interpolation=cv2.INTER_AREA)


def halved(picture: np.ndarray, size: Sequence[float]) -> np.ndarray:
    """A LARGE picture reduced by half, and again, which is quick, as long as it stays larger than `size`."""
    while all(side > LARGE and side % 2 == 0 and side >= 2 * least for side, least in zip(picture.shape[1::-1], size)):
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return picture


def largest(colours: np.ndarray) -> np.ndarray:
    """The largest of each pixel's three numbers: [h, w, 3] to [h, w]. numpy takes ten times as long."""
    first, second, third = cv2.split(colours)
    return cv2.max(cv2.max(first, second), third)
