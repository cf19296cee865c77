"""Where a part of the photograph is seen in a frame whose head is posed, or as photographed: `View`.

A mouth is drawn once, where it is seen: to draw it as photographed and then move the picture would cost time and
sharpness.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.face.frames import Box, evened
from talkinghead.face.head import Posed
from talkinghead.face.warp import enlarged, nodes

READ = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class View:
    """A box of a frame and what of the photograph is seen there. `box` is even, in the picture's pixels, and may be
    empty; `shape` is its height and width."""

    def __init__(self, covered: np.ndarray, size: tuple[int, int], middle: np.ndarray, posed: Posed | None):
        """What the photograph's pixels `covered` [N, 2] span, in a picture of `size` pixels, width and height, whose
        head is `posed`; the pixel `middle` [2] is where rigid things are seen exactly."""
        self._posed, self._middle = posed, middle
        self._linear, self._at = (np.eye(2), middle) if posed is None else posed.near(middle)
        seen = covered if posed is None else posed.carried(covered)
        low, high = np.floor(seen.min(0)).astype(int), np.ceil(seen.max(0)).astype(int) + 1
        left, top = low.clip(0, size).tolist()
        right, bottom = high.clip(0, size).tolist()
        self.box: Box = evened((left, top, right, bottom))
        self.shape = self.box[3] - self.box[1], self.box[2] - self.box[0]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Pixels of the photograph [N, 2], where they are seen in the box."""
        return (points if self._posed is None else self._posed.carried(points)) - self.box[:2]

    def grid(self, to_grid: np.ndarray, cell: int) -> Grid:
        """Reads values of a grid, whose nodes an affine map [2, 3] takes the photograph's pixels to, at nodes `cell`
        pixels apart and enlarges them to pixels of the box."""
        at = nodes(self.box[:2], cell, [-(-side // cell) for side in self.shape[::-1]])
        seen = at if self._posed is None else self._posed.seen(at)
        return Grid(cv2.transform(seen, to_grid), cell, self.shape[::-1])

    def layer(self, picture: np.ndarray, corner: np.ndarray, part: Box) -> np.ndarray:
        """A picture [h, w, C] of something rigid, whose first pixel lies at `corner` [2] of the photograph, as seen in
        a part of the box."""
        first = np.add(part[:2], self.box[:2])
        to_layer = np.column_stack([self._linear, self._linear @ (first - self._at) + self._middle - corner])
        return cv2.warpAffine(picture, to_layer, (part[2] - part[0], part[3] - part[1]), flags=READ)


class Grid:
    """Callable: values [gh, gw, ...] of a grid, at the pixels of a view's box."""

    def __init__(self, at: np.ndarray, cell: int, size: tuple[int, int]):
        self._at, self._cell, self._size = at, cell, size

    def __call__(self, values: np.ndarray) -> np.ndarray:
        values = cv2.remap(values, self._at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return enlarged(values, self._cell, self._size)
