"""Frames of a photograph: what differs from it is drawn in boxes, on planes of RGB or of the encoder's own colours.

A frame begins as the photograph and is made that again where it had been drawn on: nothing is copied or converted that
did not change. Arrays that nobody holds any more are used again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.media import yuv

Box = tuple[int, int, int, int]  # left, top, right, bottom in the picture's pixels


@dataclass(frozen=True)
class Colours:
    """What the three planes of a frame hold. A pixel of a plane is the mean of `steps` by `steps` of the picture's;
    what is dark and without opacity adds `offsets`; `of` makes pixels of RGB uint8 [h, w, 3], and `split` planes of
    them, where the sides are even."""

    steps: tuple[int, int, int]
    offsets: tuple[int, int, int]
    of: Callable[[np.ndarray], np.ndarray]
    split: Callable[[np.ndarray], Sequence[np.ndarray]]

    def premultiplied(self, rgb: np.ndarray, opacity: np.ndarray) -> list[np.ndarray]:
        """The planes of RGB times opacity, uint8 [h, w]: see `cover`."""
        much = self.reduced(opacity)
        return [_dark(*of) for of in zip(self.split(rgb), much, self.offsets)]

    def times(self, rgb: np.ndarray, opacity: np.ndarray) -> np.ndarray:
        """The same of every pixel, and the opacity: uint8 [h, w, 4]."""
        planes = cv2.split(self.of(rgb))
        return cv2.merge([*(_dark(plane, opacity, offset) for plane, offset in zip(planes, self.offsets)), opacity])

    def reduced(self, opacity: np.ndarray) -> list[np.ndarray]:
        """The opacity uint8 [h, w] of the picture's pixels for each plane."""
        half = opacity
        if max(self.steps) > 1:
            half = cv2.resize(opacity, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return [opacity if step == 1 else half for step in self.steps]


RGB = Colours((1, 1, 1), (0, 0, 0), lambda rgb: rgb, cv2.split)
YUV = Colours((1, 2, 2), (16, 128, 128), yuv.pixels, yuv.split)


class Frame:
    """An array uint8 to draw on, which begins as the photograph `still` in these `colours`: for YUV as media.yuv has
    it, for RGB [3, H, W]; H and W are even."""

    def __init__(self, still: np.ndarray, colours: Colours, pixels: np.ndarray | None = None):
        """On `pixels` of the same shape, if they are given."""
        self.pixels, self.colours = np.empty_like(still) if pixels is None else pixels, colours
        self.lasts = pixels is not None  # as long as the process
        self.pixels[:] = still
        planes = yuv.planes if colours is YUV else list
        self._planes, self._still = planes(self.pixels), planes(still)
        self._drawn: Box | None = None  # a box around all that was
        self.idle = self.holders()  # when nobody else holds it

    def holders(self) -> int:
        """How many objects, views of it included, refer to `pixels`."""
        return sys.getrefcount(self.pixels)

    def part(self, box: Box) -> list[np.ndarray]:
        """The planes' pixels of an even box, to draw on."""
        self._drawn = box if self._drawn is None else _around(self._drawn, box)
        return self._of(self._planes, box)

    def rest(self, box: Box, where: Sequence[np.ndarray]) -> None:
        """The photograph again in an even box, where uint8 [h, w], one for each plane, is not zero."""
        for still, out, again in zip(self._of(self._still, box), self._of(self._planes, box), where):
            cv2.copyTo(still, again, out)

    def lay(self, box: Box, rgba: np.ndarray) -> None:
        """RGBA uint8 [h, w, 4], premultiplied, over an even box."""
        opacity = cv2.extractChannel(rgba, 3)
        lit = self.colours.premultiplied(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), opacity)
        for out, plane, much in zip(self.part(box), lit, self.colours.reduced(opacity)):
            cover(out, plane, much, out)

    def clear(self, but: Box | None = None) -> None:
        """The photograph again, where it had been drawn on; unless that lies in a box that will be drawn as a whole."""
        if self._drawn is not None and (but is None or _around(self._drawn, but) != but):
            for still, out in zip(self._of(self._still, self._drawn), self._of(self._planes, self._drawn)):
                out[:] = still
            self._drawn = None

    def _of(self, planes: Sequence[np.ndarray], box: Box) -> list[np.ndarray]:
        left, top, right, bottom = box
        return [
            plane[top // step : bottom // step, left // step : right // step]
            for plane, step in zip(planes, self.colours.steps)
        ]


class Frames:
    """Frames of one photograph, RGB uint8 [H, W, 3]; one at a time is drawn."""

    def __init__(self, image: np.ndarray):
        self._image = image
        self._stills: dict[int, np.ndarray] = {}
        self._made: dict[int, list[Frame]] = {id(RGB): [], id(YUV): []}
        self._onto: dict[int, Frame] = {}  # by the memory's address

    def onto(self, pixels: np.ndarray, but: Box | None = None) -> Frame:
        """A frame in the encoder's colours to draw on, on memory that is given again and again, as `new`."""
        frame = self._onto.get(pixels.ctypes.data)
        if frame is None:
            frame = self._onto[pixels.ctypes.data] = Frame(self.still(YUV), YUV, pixels)
        frame.clear(but)
        return frame

    def new(self, colours: Colours, but: Box | None = None) -> Frame:
        """A frame to draw on, which shows the photograph, `but` perhaps in a box that will be drawn as a whole."""
        made = self._made[id(colours)]
        for frame in made:
            if frame.holders() == frame.idle:
                frame.clear(but)
                return frame
        made.append(Frame(self.still(colours), colours))
        return made[-1]

    def given(self, frame: Frame) -> np.ndarray:
        """A finished frame, RGB uint8 [H, W, 3], the caller's own; or, drawn in the encoder's colours, to read only."""
        if frame.colours is RGB:
            height, width = self._image.shape[:2]
            return np.ascontiguousarray(cv2.merge(list(frame.pixels))[:height, :width])
        given = frame.pixels[:]
        given.flags.writeable = False
        return given

    def still(self, colours: Colours) -> np.ndarray:
        """The photograph in these colours."""
        if id(colours) not in self._stills:
            picture = yuv.even(self._image)
            self._stills[id(colours)] = yuv.to_yuv(picture) if colours is YUV else np.stack(cv2.split(picture))
        return self._stills[id(colours)]


def cover(under: np.ndarray, lit: np.ndarray, opacity: np.ndarray, out: np.ndarray) -> None:
    """Into `out` a plane's pixels `under` those that are lit, times their opacity."""
    cv2.add(cv2.multiply(under, cv2.bitwise_not(opacity), scale=1 / 255), lit, dst=out)


def _dark(plane: np.ndarray, opacity: np.ndarray, offset: int) -> np.ndarray:
    """A plane of colours that were multiplied by their opacity before they were its own."""
    return cv2.addWeighted(plane, 1, opacity, offset / 255, -offset) if offset else plane


def evened(box: Box) -> Box:
    """The least box with even sides and corners around one."""
    left, top, right, bottom = box
    return left // 2 * 2, top // 2 * 2, -(-right // 2) * 2, -(-bottom // 2) * 2


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
