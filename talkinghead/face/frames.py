"""Frames of a photograph: what differs from it is drawn in boxes, and given as RGB or in the encoder's own colours.

All are drawn on one array, which is made the photograph again where it had been drawn on. In the encoder's colours,
nothing is copied or converted that did not change: arrays that nobody holds any more are used again.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from talkinghead.media.yuv import even, planes, split, to_yuv

Box = tuple[int, int, int, int]  # left, top, right, bottom in the picture's pixels
BAND = 128  # rows that are brought into the encoder's colours at once


class Frame:
    """RGB uint8 [H, W, 3] to draw on, which begins as the photograph `still`."""

    def __init__(self, still: np.ndarray):
        self.rgb, self._still = still.copy(), still
        self.drawn: Box | None = None  # a box around all that was

    def part(self, box: Box) -> np.ndarray:
        """The pixels of a box, to draw on."""
        self.drawn = box if self.drawn is None else _around(self.drawn, box)
        return _of(self.rgb, box)

    def rest(self, box: Box, where: np.ndarray) -> None:
        """The photograph again in a box, where uint8 [h, w] is not zero."""
        cv2.copyTo(_of(self._still, box), where, _of(self.rgb, box))

    def clear(self) -> None:
        """The photograph again."""
        if self.drawn is not None:
            _of(self.rgb, self.drawn)[:] = _of(self._still, self.drawn)
            self.drawn = None


class PlanarFrame:
    """A frame uint8 [H * 3 / 2, W], H and W made even, as media.yuv has it; `still` is the photograph as such a one."""

    def __init__(self, still: np.ndarray):
        self.yuv, self._still = still.copy(), still
        self.idle = 0
        self._drawn: Box | None = None

    def holders(self) -> int:
        """How many objects, views of it included, refer to `yuv`; `idle` is that when nobody else does."""
        return sys.getrefcount(self.yuv)

    def show(self, frame: Frame) -> None:
        """What `frame` shows, in the encoder's colours."""
        drawn, before = frame.drawn, self._drawn
        if before is not None and before != drawn:
            for plane, still, step in zip(planes(self.yuv), planes(self._still), (1, 2, 2)):
                part = tuple(side // step for side in before)
                _of(plane, part)[:] = _of(still, part)
        self._drawn = None if drawn is None else self._even(drawn)
        if self._drawn is None:
            return
        left, top, right, bottom = self._drawn
        for first in range(top, bottom, BAND):
            band = left, first, right, min(first + BAND, bottom)
            for plane, part, step in zip(planes(self.yuv), split(even(_of(frame.rgb, band))), (1, 2, 2)):
                _of(plane, tuple(side // step for side in band))[:] = part

    def _even(self, box: Box) -> Box:
        height, width = self.yuv.shape[0] * 2 // 3, self.yuv.shape[1]
        left, top = box[0] // 2 * 2, box[1] // 2 * 2
        return left, top, min(-(-box[2] // 2) * 2, width), min(-(-box[3] // 2) * 2, height)


class Frames:
    """Frames of one photograph, RGB uint8 [H, W, 3]; one at a time is drawn."""

    def __init__(self, image: np.ndarray):
        self._image = np.ascontiguousarray(image)
        self._frame: Frame | None = None
        self._planar_image: np.ndarray | None = None
        self._planar: list[PlanarFrame] = []

    def new(self) -> Frame:
        """The frame to draw on, which shows the photograph."""
        if self._frame is None:
            self._frame = Frame(self._image)
        self._frame.clear()
        return self._frame

    def planar(self, frame: Frame) -> np.ndarray:
        """A finished frame in the encoder's colours, to read only."""
        if self._planar_image is None:
            self._planar_image = to_yuv(even(self._image))
        planar = self._free()
        planar.show(frame)
        given = planar.yuv[:]
        given.flags.writeable = False
        return given

    def _free(self) -> PlanarFrame:
        for frame in self._planar:
            if frame.holders() == frame.idle:
                return frame
        self._planar.append(PlanarFrame(self._planar_image))
        frame = self._planar[-1]
        frame.idle = frame.holders()
        return frame


def _of(pixels: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return pixels[top:bottom, left:right]


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
