"""A part of a photograph around its mouth, and where points of the face lie in it: `Place`."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from talkinghead.face.align import transform
from talkinghead.face.outline import IOD

MILLIMETRE = IOD / 92  # of an average adult, in fractions of the aligned face's side
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# So far apart, of 255, are the channels of the lighter half of a reduced photograph that is grey, and of one that is
# not: faces have 23 or more.
REDUCED, GREY = (12, 8), (8.0, 18.0)
SOFT = (0.5, 2.2)  # pixels: the blur that a photograph may have
SAMPLE = 100_000  # pixels by which that is told, about


class Place:
    """A part of the photograph around the mouth: `box` (left, top, right, bottom), and where points lie in it."""

    def __init__(self, image: np.ndarray, to_face: np.ndarray, low: np.ndarray, high: np.ndarray):
        """`to_face` [2, 3] takes pixels of `image` to fractions of the aligned face; `low`, `high` [2] in fractions."""
        self.image, self.to_face = image, to_face.astype(np.float64)
        self.to_image = cv2.invertAffineTransform(self.to_face)
        self.iod = IOD * float(np.hypot(*self.to_image[:, 0]))  # inter-ocular distance in pixels
        corners = transform(self.to_image, np.array([low, (high[0], low[1]), (low[0], high[1]), high]))
        extent = image.shape[1::-1]
        first = np.clip(np.floor(corners.min(0)), 0, extent).astype(int)
        last = np.clip(np.ceil(corners.max(0)) + 1, 0, extent).astype(int)
        self.box = (int(first[0]), int(first[1]), int(last[0]), int(last[1]))
        self.shape = self.box[3] - self.box[1], self.box[2] - self.box[0]

    @property
    def pixels(self) -> np.ndarray:
        left, top, right, bottom = self.box
        return self.image[top:bottom, left:right]

    def reduced(self, times: int) -> Place:
        """The same part in a copy with so many pixels less, across and down."""
        if times == 1 or not self.pixels.size:
            return self
        size = [-(-side // times) for side in self.shape[::-1]]
        image = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
        step = np.divide(self.shape[::-1], size)
        to_face = self.to_face.copy()
        to_face[:, 2] += to_face[:, :2] @ (step / 2 - 0.5 + self.box[:2])
        to_face[:, :2] *= step
        corners = transform(to_face, np.array([(0, 0), (size[0], 0), (0, size[1]), size]) - 0.5)
        return Place(image, to_face, corners.min(0), corners.max(0))

    @cached_property
    def colour(self) -> float:
        """How far the photograph has colours: 0 if it is grey, else 1."""
        if not self.pixels.size:
            return 1.0
        few = cv2.resize(self.pixels, REDUCED, interpolation=cv2.INTER_AREA)  # compression colours single pixels
        light = few.max(-1)
        return float(
            np.interp(np.median(np.ptp(few, -1)[light >= np.median(light)]), GREY, (0, 1))
        )  # the dark has none

    def greyed(self, colours: np.ndarray) -> np.ndarray:
        """RGB float32 [..., 3] with no more colour than the photograph has."""
        return self.colour * colours + (1 - self.colour) * (colours @ LUMINANCE)[..., None]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Fractions of the aligned face [..., 2] in pixels of the box."""
        return transform(self.to_image, points) - self.box[:2]

    def filled(self, ring: np.ndarray) -> np.ndarray:
        """A ring [N, 2] in fractions, filled: uint8 [h, w], its edge smooth."""
        mask = np.zeros(self.shape, np.uint8)
        return cv2.fillPoly(mask, [np.round(self.points(ring) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)


def below(line: np.ndarray, shape: tuple[int, ...], edge: int) -> np.ndarray:
    """What of a picture of this shape lies below a line [N, 2] of its pixels, which goes on straight to either side:
    255 there, else 0, uint8 [h, w]; `edge` as in cv2.fillPoly."""
    height, width = shape
    path = np.vstack([(0, line[0, 1]), line, (width, line[-1, 1]), (width, height + 1), (0, height + 1)])
    return cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(path * 16).astype(np.int32)], 255, edge, 4)


def softness(pixels: np.ndarray) -> float:
    """About the Gaussian blur, in pixels, of the sharpest edges of a picture uint8 [h, w, 3]."""
    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = np.hypot(cv2.Sobel(light, -1, 1, 0, scale=1 / 8), cv2.Sobel(light, -1, 0, 1, scale=1 / 8))
    step = max(1, int(np.sqrt(light.size / SAMPLE)))  # more pixels would tell no more
    light, slope = light[::step, ::step], slope[::step, ::step]
    low, high = np.percentile(light, (2, 98))
    height = 0.8 * (high - low)
    return float(np.clip(height / (np.sqrt(2 * np.pi) * max(np.percentile(slope, 99.5), 1e-3)), *SOFT))
