"""The hue of what is painted in the mouth, taken from the portrait's own lips.

A generator knows how bright the inside of a mouth is, and what is tooth, better than the light and camera of one
photograph: lips painted over teeth and dark mouths came out lavender on bright faces. Lips and mouth are near one hue
in photographs (gums, tongue and shadow are as red as lips), so paint that is no brighter than the lips keeps its
luminance and takes most of its hue from them; brighter paint is teeth and stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from gath.mesh import INNER_LIP, OUTER_LIP

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
SHARE = 0.8  # of the hue that is the lips', where paint is as dark as they are
TEETH = 1.25  # times the lips' luminance: from there on paint keeps its own hue
LOWER = 0.03  # the mouth's region lies lower than the mouth, which opens downward; fractions of the side
HALF_WIDTH, HALF_HEIGHT, EDGE = 0.22, 0.2, 0.3  # of that region: fractions of the side, and of those its soft edge
FEWEST_PIXELS = 8  # of lips, to trust their colour
DARKEST = 0.05  # luminance in [0, 1] of lips whose hue can still be told


class MouthTone:
    """Called with painted colours [3, S, S] in [-1, 1] of one portrait, gives them back with its lips' hue."""

    def __init__(self, face: np.ndarray, points: np.ndarray):
        """`face` RGB uint8 [S, S, 3] aligned; `points` [478, 2] its landmarks there."""
        size = len(face)
        outer, inner = (_filled(points[list(ring)], size) for ring in (OUTER_LIP, INNER_LIP))
        lips = face[outer > cv2.dilate(inner, np.ones((3, 3)))]
        colour = np.median(lips, 0) / 255 if len(lips) >= FEWEST_PIXELS else np.zeros(3)
        self._bright = float(LUMINANCE @ colour)
        middle = points[list(OUTER_LIP)].mean(0)
        y, x = np.mgrid[:size, :size]
        dx, dy = (x - middle[0]) / (HALF_WIDTH * size), (y - middle[1] - LOWER * size) / (HALF_HEIGHT * size)
        region = ((1 + EDGE - np.hypot(dx, dy)) / EDGE).clip(0, 1).astype(np.float32)
        rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
        self._known = self._bright > DARKEST and len(rows) > 0 and len(columns) > 0
        if self._known:
            self._hue = (colour / self._bright).astype(np.float32)[:, None, None]
            self._box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            self._weight = SHARE * region[self._box]

    def __call__(self, colour: np.ndarray) -> np.ndarray:
        if not self._known:
            return colour
        out = colour.copy()
        paint = (out[:, *self._box] + 1) / 2
        luminance = np.tensordot(LUMINANCE, paint, 1)
        dark = ((TEETH - luminance / self._bright) / (TEETH - 1)).clip(0, 1)
        paint += self._weight * dark * (self._hue * luminance - paint)
        out[:, *self._box] = 2 * paint.clip(0, 1) - 1
        return out


def _filled(outline: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask
