"""What frames are drawn from: a photograph, or a person cut out of one over what is behind, finer than the frames.

Pictures are enlarged before they are moved, because bilinear interpolation of twice the resolution, a little sharpened,
keeps more of a photograph than cubic interpolation, in a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face.frames import YUV, Box, Colours, Frame, cover
from talkinghead.media.yuv import STRIP, even

# Blocks of (width, height) pixels, by which to multiply, what to add and how many blocks more all round: x and y [h, w]
# float32 of what is seen in their middles, so many times the sheet's pixels and so much more.
At = Callable[[tuple[int, int], float, tuple[float, float], int], Sequence[np.ndarray]]
OPACITY = 3  # the channel
BORDER = 8  # rows that a strip sees of the next ones
FINER_PIXELS = 2_000_000  # beyond so many a photograph itself is fine enough, and its memory counts
# What bilinear interpolation will take is given beforehand: the variance of a face's Laplacian comes to 0.95 of the
# photograph's (median of 10 portraits, small random poses), without it 0.78; cubic interpolation has 0.84.
SHARPEN = 0.3


def fineness(sides: tuple[int, ...]) -> int:
    """How many times larger a picture with these sides is made."""
    return 2 if sides[0] * sides[1] <= FINER_PIXELS else 1


def finer(image: np.ndarray, whole: tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
    """RGB uint8 [h, w, 3] enlarged and sharpened, and how many times it is larger: twice, unless the picture that it is
    part of, with sides `whole`, is large."""
    times = fineness(image.shape if whole is None else whole)
    height, width = (times * side for side in image.shape[:2])
    out = np.empty((height, width, 3), np.uint8)
    for first in range(0, len(image), STRIP):
        above = min(first, BORDER)
        strip = image[first - above : first + STRIP + BORDER]
        if times > 1:
            strip = cv2.resize(strip, None, fx=times, fy=times, interpolation=cv2.INTER_LANCZOS4)
        soft = cv2.GaussianBlur(strip, (0, 0), times / 2)
        rows = out[times * first : times * (first + STRIP)]
        inner = slice(times * above, times * above + len(rows))
        cv2.addWeighted(strip[inner], 1 + SHARPEN, soft[inner], -SHARPEN, 0, dst=rows)
    return out, times


class Skin:
    """A part of a picture to read from anywhere, finer than it is. Four channels are read in half the time of three."""

    def __init__(self, image: np.ndarray, whole: tuple[int, ...]):
        """`image` RGB uint8 [h, w, 3], of a picture with sides `whole`."""
        image, self._times = finer(image, whole)
        self.rgba = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)

    def place(self, where: np.ndarray) -> np.ndarray:
        """Pixels float32 [..., 2] of the part in those that are finer."""
        return np.float32(self._times) * where + np.float32((self._times - 1) / 2)

    def __call__(self, placed: np.ndarray, rgba: np.ndarray | None = None) -> np.ndarray:
        """RGBA uint8 [h, w, 4] where it was `placed` [h, w, 2]; of others as fine as `rgba`, if given."""
        return _seen(self.rgba if rgba is None else rgba, (placed, None))


@dataclass(frozen=True)
class _Laid:
    """Something `times` as large as the picture, from its even pixel `corner` on, and `behind` it planes of the
    picture's resolution, if anything is."""

    times: int
    corner: tuple[int, int]
    behind: Sequence[np.ndarray] | None

    def place(self, where: np.ndarray) -> np.ndarray:
        """Pixels of the picture, float32 [..., 2], in those of what is laid there."""
        first = self.times * np.array(self.corner) - 0.5 * (self.times - 1)
        return cv2.transform(where, np.column_stack([self.times * np.eye(2), -first]))

    def under(self, k: int, out: np.ndarray, box: Box, step: int) -> np.ndarray:
        """What of plane `k`, one of whose pixels is `step` by `step` of the picture's, is behind the pixels `out` of
        a box."""
        assert self.behind
        left, top = ((side - first) // step for side, first in zip(box, self.corner))
        return self.behind[k][top : top + out.shape[0], left : left + out.shape[1]]


@dataclass(frozen=True)
class Sheet(_Laid):
    """`pixels` uint8 [h, w, 4] in a frame's colours; the fourth channel is their opacity, with which they are
    multiplied. Four channels are read in little more time than one."""

    pixels: np.ndarray

    def draw(self, frame: Frame, box: Box, at: At, through: bool) -> None:
        """Into an even `box` what is seen `at` its places; `through` says whether anything shows through there."""
        steps = frame.colours.steps
        seen = {1: _seen(self.pixels, at((1, 1), 1, (0, 0), 0))}
        if 2 in steps:
            seen[2] = cv2.resize(seen[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        opacity = {step: cv2.extractChannel(of, OPACITY) for step, of in seen.items()} if through else {}
        for k, (out, step) in enumerate(zip(frame.part(box), steps)):
            if through:
                lit = cv2.extractChannel(seen[step], k)
                cover(self.under(k, out, box, step), lit, opacity[step], out)
            else:
                cv2.extractChannel(seen[step], k, out)


@dataclass(frozen=True)
class Planes(_Laid):
    """A large picture's YUV, `lit` [h, w] and twice [h / 2, w / 2]; the `opacity` with which it is multiplied, if
    there is any, is as fine as the latter. Blocks draw it."""

    lit: Sequence[np.ndarray]
    opacity: np.ndarray | None


def laid(image: np.ndarray, corner: tuple[int, int], colours: Colours) -> Sheet | Planes:
    """A part of the picture, RGB uint8 [h, w, 3], to draw from in these colours."""
    image, times = finer(even(image))
    if times == 1 and colours is YUV:
        return Planes(times, corner, None, colours.split(image), None)
    return Sheet(times, corner, None, colours.times(image, np.full(image.shape[:2], 255, np.uint8)))


def cut_out(
    image: np.ndarray,
    behind: np.ndarray,
    opacity: np.ndarray,
    coarse: np.ndarray | None,
    corner: tuple[int, int],
    colours: Colours,
) -> Sheet | Planes:
    """The same of a person with this `opacity` uint8 [h, w], which is as `coarse` [h / 2, w / 2] says where the picture
    is large; over what is `behind`, as the image."""
    below = colours.split(behind)
    image, times = finer(image)
    large = times == 1 and colours is YUV
    if times > 1:
        size = image.shape[1::-1]
        opacity, behind = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in (opacity, behind))
    steps = colours.steps if large else (1,)
    height, width = opacity.shape
    parts = [np.empty((height // step, width // step, *(() if large else (4,))), np.uint8) for step in steps]
    for first in range(0, height, STRIP):
        rows = slice(first, first + STRIP)
        much = cv2.cvtColor(opacity[rows], cv2.COLOR_GRAY2RGB)
        shows = cv2.multiply(behind[rows], cv2.bitwise_not(much), scale=1 / 255)
        lit = cv2.min(cv2.subtract(image[rows], shows), much)
        made = colours.premultiplied(lit, opacity[rows]) if large else [colours.times(lit, opacity[rows])]
        for whole, part, step in zip(parts, made, steps):
            whole[first // step : (first + STRIP) // step] = part
    return Planes(times, corner, below, parts, coarse) if large else Sheet(times, corner, below, *parts)


class Blocks(_Laid):
    """Planes whose pixels are read by four: two by two have moved alike, each within a sixteenth of a pixel where
    motion stretches by an eighth."""

    def __init__(self, planes: Planes):
        super().__init__(planes.times, planes.corner, planes.behind)
        luma, *chroma = planes.lit
        self._chroma = cv2.merge([part for plane in chroma for part in _beside(plane, 0)])
        self._luma, self._opacity = cv2.merge(_beside(luma, 1)), planes.opacity

    def draw(self, frame: Frame, box: Box, at: At, through: bool) -> None:
        """As a Sheet's."""
        outs = frame.part(box)
        if not through:
            self._read(at, outs)
            return
        lit = [np.empty(out.shape, np.uint8) for out in outs]
        self._read(at, lit)
        # Two by two pixels' opacity, and that of their neighbours, from which single pixels' is interpolated.
        coarse = _seen(self._opacity, at((2, 2), 0.5, (-0.25, -0.25), 1))
        fine = cv2.resize(coarse, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        opacity = {1: fine[2:-2, 2:-2], 2: coarse[1:-1, 1:-1]}
        for k, (out, step) in enumerate(zip(outs, frame.colours.steps)):
            cover(self.under(k, out, box, step), lit[k], opacity[step], out)

    def _read(self, at: At, outs: Sequence[np.ndarray]) -> None:
        rows, both = _seen(self._luma, at((2, 2), 1, (0.5, 0.5), 0)), outs[0].view(np.uint16)
        cv2.split(rows.view(np.uint16), [both[::2], both[1::2]])
        pairs = cv2.split(_seen(self._chroma, at((4, 2), 0.5, (0.25, -0.25), 0)).view(np.uint16))
        for out, pair in zip(outs[1:], pairs):
            out[:] = pair.view(np.uint8)[:, : out.shape[1]]  # may be one pixel less


def _beside(plane: np.ndarray, below: int) -> list[np.ndarray]:
    """For each pixel, beginning with one beyond the border, itself and the one on its right; and those `below`."""
    wide = cv2.copyMakeBorder(plane, below, below, 1, 1, cv2.BORDER_REPLICATE)
    height, width = (side - 1 for side in wide.shape)
    return [wide[y : y + height + 1 - below, x : x + width] for y in range(below + 1) for x in (0, 1)]


def _seen(plane: np.ndarray, where: Sequence[np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
    return cv2.remap(plane, *where, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
