"""Lips that were photographed shut, as they are when they part: a photograph's mouth in, the same without the dark line
where its lips meet out.

What lies in that line gives way to more of the lip beside it, each lip for itself: its colour goes on to the edge, and
so does its fine structure, as in a mirror, for lips have creases that run towards the edge. Gloss and colour of all the
rest stay the photograph's.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.face.blur import blurred
from talkinghead.face.closed_lips import FINE, STRUCTURE, finer
from talkinghead.face.curves import curve, rise
from talkinghead.face.mouth_place import LUMINANCE, Place
from talkinghead.face.outline import LOWER, RING, UPPER

# The line's half width: in inter-ocular distances and times the photograph's blur at least, and as far as a lip is
# darker than so many times its median, but no further than FURTHEST. It changes over EVEN along the mouth.
LINE, LINE_SOFT, DARK, FURTHEST, EVEN = 0.007, 1.2, 0.62, 0.022, 0.02
COLOUR = 0.012  # inter-ocular distances over which a lip's colour is even
# Of a lip's thickness: what lies further out belongs to the skin, and no more than that is taken for the line.
THICK, THIN = 0.85, 0.45
EDGE = {-1: 1.0, 1: 0.5}  # pixels: so far beyond the seam the upper lip is drawn, and over it the lower one
COLUMNS = 128  # along the mouth, in which that is told
CORNERS = 0.16  # of the mouth's width at either end, towards which what is dark stays more and more


def parted(place: Place, own: np.ndarray, soft: float) -> np.ndarray:
    """The mouth's pixels RGB uint8 [h, w, 3] of a Place's box without the dark line; `own` [P, 2] are its points, in
    which the lips meet; `soft` is how blurred the photograph is, pixels."""
    out = place.pixels.copy()
    least, most = LINE * place.iod + LINE_SOFT * soft, FURTHEST * place.iod + LINE_SOFT * soft
    seam = curve(place.points((own[UPPER] + own[LOWER]) / 2))
    source, part = (_around(seam, times * most, place.shape) for times in (4, 2))
    pixels = np.ascontiguousarray(place.pixels[part])
    if not pixels.size:
        return out
    lips = _Lips(place.points(own), seam, part, source)
    colour = blurred(place.pixels[source], max(COLOUR * place.iod, 0.7))
    structure = finer(place, place.pixels[source], FINE, STRUCTURE)
    for side in (-1, 1):
        depth, limit = lips.depth(side), lips.along(np.maximum(THICK * lips.thick(side), 0.5))
        edge = lips.along(lips.dark(side, pixels @ LUMINANCE, least, most, EVEN * place.iod))
        beyond = edge + COLOUR * place.iod  # where neither's neighbours are the line's
        even = lips.read(colour, side, np.minimum(np.maximum(depth, beyond), limit))
        fine = lips.read(structure, side, np.minimum(beyond + edge - depth, limit))
        made = cv2.multiply(even, fine, dtype=cv2.CV_8U)
        share = (
            ((edge - depth) / max(soft, 1.0) + 0.5).clip(0, 1) * (depth + EDGE[side]).clip(0, 1) * lips.between_corners
        )
        pixels = cv2.blendLinear(made, pixels, share, 1 - share)
    out[part] = pixels
    return out


def _around(line: np.ndarray, reach: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a picture of this shape that lie within `reach` of a line [N, 2]."""
    left, top = np.floor(line.min(0) - reach).astype(int).clip(0).tolist()
    right, bottom = np.minimum(np.ceil(line.max(0) + reach).astype(int) + 1, shape[::-1]).tolist()
    return slice(top, max(bottom, top)), slice(left, max(right, left))


class _Lips:
    """Where the pixels of a part of a picture lie in the lips: how far along the seam, and how deep in which lip."""

    def __init__(self, points: np.ndarray, seam: np.ndarray, part: tuple[slice, slice], source: tuple[slice, slice]):
        """The mouth's `points` [P, 2] and the line `seam` [N, 2] in which lips meet, in the picture's pixels; `read`
        takes pictures of its part `source`."""
        left, right = points[RING], points[RING + RING // 2]
        self._along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
        self._down = np.array([-self._along[1], self._along[0]])
        x, y = (np.arange(of.start, of.stop, dtype=np.float32) for of in part[::-1])
        x, y = np.meshgrid(x, y)
        self._x, self._y = x - source[1].start, y - source[0].start
        rings = [curve(points[RING:][half]) for half in (UPPER, LOWER)]
        first, last = seam[0] @ self._along, seam[-1] @ self._along
        self._columns, self._step = np.linspace(first, last, COLUMNS), max((last - first) / (COLUMNS - 1), 1e-3)
        self._seam = self._line(seam)
        self._thick = [np.maximum(side * (self._line(ring) - self._seam), 0) for side, ring in zip((-1, 1), rings)]
        self._place = ((x * self._along[0] + y * self._along[1] - first) / self._step).astype(np.float32)
        ends = np.minimum(self._place, COLUMNS - 1 - self._place)
        # From 0 at the mouth's corners and beyond to 1 between them, float32 [h, w].
        self.between_corners = rise(ends / (CORNERS * COLUMNS)).astype(np.float32)
        self._below = (x * self._down[0] + y * self._down[1]).astype(np.float32) - self.along(self._seam)

    def _line(self, points: np.ndarray) -> np.ndarray:
        """How far down a line [N, 2] lies at each of the columns."""
        return np.interp(self._columns, points @ self._along, points @ self._down)

    def along(self, values: np.ndarray) -> np.ndarray:
        """The columns' values [COLUMNS] at all pixels, float32 [h, w]."""
        line = values.astype(np.float32)[None]
        return cv2.remap(
            line, self._place, np.zeros_like(self._place), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def depth(self, side: int) -> np.ndarray:
        """How far from the seam pixels lie in the upper (-1) or lower lip (1), float32 [h, w]; below 0 beyond it."""
        return side * self._below

    def thick(self, side: int) -> np.ndarray:
        """How thick the upper (-1) or the lower lip (1) is, at each of the columns."""
        return self._thick[side > 0]

    def dark(self, side: int, light: np.ndarray, least: float, most: float, even: float) -> np.ndarray:
        """How far from the seam on a lip is dark, at each of the columns, smooth over `even` pixels."""
        depth, reach = self.depth(side), np.full(COLUMNS, least)
        inside = (depth > least) & (depth < THICK * self.along(self.thick(side))) & (self.between_corners > 0)
        if inside.any():
            dim = inside & (light < DARK * np.median(light[inside])) & (depth < most)
            np.maximum.at(reach, np.round(self._place[dim]).astype(int), depth[dim] + 1)
        reach = cv2.dilate(reach[None], np.ones((1, 3)))
        reach = cv2.GaussianBlur(reach, (0, 0), max(even / self._step, 0.3))[0]
        return np.minimum(reach, THIN * self.thick(side))

    def read(self, picture: np.ndarray, side: int, depth: np.ndarray) -> np.ndarray:
        """A picture as it is so `depth` [h, w] in a lip."""
        further = (side * (depth - self.depth(side))).astype(np.float32)
        x, y = (axis + np.float32(way) * further for axis, way in zip((self._x, self._y), self._down))
        return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
