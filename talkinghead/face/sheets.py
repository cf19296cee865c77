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

# A box, its blocks of (width, height) pixels, by which to multiply, what to add and how many blocks more all round: x
# and y [h, w] float32 of what is seen in their middles, so many times the sheet's pixels and so much more.
At = Callable[[Box, tuple[int, int], float, tuple[float, float], int], Sequence[np.ndarray]]
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

    def under(self, box: Box, steps: Sequence[int]) -> list[np.ndarray]:
        """What is behind a box, for each plane, one of whose pixels is `step` by `step` of the picture's."""
        assert self.behind
        left, top, right, bottom = (edge - first for edge, first in zip(box, 2 * self.corner))
        return [
            plane[top // step : bottom // step, left // step : right // step] for plane, step in zip(self.behind, steps)
        ]

    def bare(self, frame: Frame, box: Box) -> None:
        """Into an even `box` what is behind."""
        for out, under in zip(frame.part(box), self.under(box, frame.colours.steps)):
            out[:] = under

    def cover(self, frame: Frame, box: Box, opacity: dict[int, np.ndarray]) -> None:
        """What is behind an even `box` under what was drawn there, whose `opacity` uint8 [h, w] is told for each
        step."""
        steps = frame.colours.steps
        for out, under, step in zip(frame.part(box), self.under(box, steps), steps):
            cover(under, out, opacity[step], out)


@dataclass(frozen=True)
class Sheet(_Laid):
    """`pixels` uint8 [h, w, 4] in a frame's colours; the fourth channel is their opacity, with which they are
    multiplied. Four channels are read in little more time than one."""

    pixels: np.ndarray

    def draw(self, frame: Frame, box: Box, at: At, covered: Sequence[Box]) -> None:
        """Into an even `box` what is seen `at` its places; something shows through in the boxes of it that are
        `covered`."""
        steps = frame.colours.steps
        seen = {1: _seen(self.pixels, at(box, (1, 1), 1, (0, 0), 0))}
        if 2 in steps:
            seen[2] = cv2.resize(seen[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for k, (out, step) in enumerate(zip(frame.part(box), steps)):
            cv2.extractChannel(seen[step], k, out)
        for part in covered:
            left, top, right, bottom = (edge - first for edge, first in zip(part, 2 * box[:2]))
            self.cover(frame, part, {
                step: cv2.extractChannel(of[top // step : bottom // step, left // step : right // step], OPACITY)
                for step, of in seen.items()
            })  # fmt: skip


@dataclass(frozen=True)
class Planes(_Laid):
    """A picture's YUV, `lit` [h, w] and twice [h / 2, w / 2]; the `opacity` with which it is multiplied, if there is
    any, is as fine as the latter. Blocks draw it."""

    lit: Sequence[np.ndarray]
    opacity: np.ndarray | None

    @property
    def colours(self) -> list[np.ndarray]:
        """U and V, each pixel the mean of as many as are one of the frame's, of which it is the last, across and
        down."""
        chroma, times = self.lit[1:], self.times
        return [cv2.blur(plane, (times, times), anchor=(times - 1,) * 2) if times > 1 else plane for plane in chroma]


def laid(image: np.ndarray, corner: tuple[int, int], colours: Colours) -> Sheet | Planes:
    """A part of the picture, RGB uint8 [h, w, 3], to draw from in these colours."""
    image, times = finer(even(image))
    if colours is YUV:
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
    below, much = colours.split(behind), opacity if coarse is None else coarse
    image, times = finer(image)
    planar = colours is YUV
    if times > 1:
        size = image.shape[1::-1]
        opacity, behind = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in (opacity, behind))
    steps = colours.steps if planar else (1,)
    height, width = opacity.shape
    parts = [np.empty((height // step, width // step, *(() if planar else (4,))), np.uint8) for step in steps]
    for first in range(0, height, STRIP):
        rows = slice(first, first + STRIP)
        there = cv2.cvtColor(opacity[rows], cv2.COLOR_GRAY2RGB)
        shows = cv2.multiply(behind[rows], cv2.bitwise_not(there), scale=1 / 255)
        lit = cv2.min(cv2.subtract(image[rows], shows), there)
        made = colours.premultiplied(lit, opacity[rows]) if planar else [colours.times(lit, opacity[rows])]
        for whole, part, step in zip(parts, made, steps):
            whole[first // step : (first + STRIP) // step] = part
    return Planes(times, corner, below, parts, much) if planar else Sheet(times, corner, below, *parts)


class Blocks(_Laid):
    """Planes of which four pixels are read at once, and have moved alike: two by two of brightness, each within a
    sixteenth of a pixel where motion stretches by an eighth, and of each colour two below each other."""

    def __init__(self, planes: Planes):
        super().__init__(planes.times, planes.corner, planes.behind)
        self._luma = _beside([planes.lit[0]], 2, planes.times)
        self._chroma = _beside(planes.colours, 1, planes.times)
        self._opacity = None if planes.opacity is None else _beside([planes.opacity], 2, 1)

    def draw(self, frame: Frame, box: Box, at: At, covered: Sequence[Box]) -> None:
        """As a Sheet's."""
        luma, *chroma = frame.part(box)
        half, more = self.times / 2, (self.times - 1) / 2 - 0.25
        _two_by_two(_seen(self._luma, at(box, (2, 2), 1, (half, half), 0)), luma)
        _below(_seen(self._chroma, at(box, (2, 4), 0.5, (more, more + half), 0)), chroma)
        for part in covered:
            self.cover(frame, part, self._much(part, at))

    def _much(self, box: Box, at: At) -> dict[int, np.ndarray]:
        """The opacity in a box for each step: as fine as chroma, of a large picture, it tells what single pixels have,
        with that of its neighbours; else they have it for what two by two have."""
        wide, around = 4 // self.times, 2 - self.times
        read = _seen(self._opacity, at(box, (wide, wide), 0.5, (0.25, 0.25), around))
        much = np.empty([2 * side for side in read.shape[:2]], np.uint8)
        _two_by_two(read, much)
        if self.times == 1:
            width, height = box[2] - box[0], box[3] - box[1]
            much = much[1 : 3 + height // 2, 1 : 3 + width // 2]
            fine = cv2.resize(much, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            return {1: fine[2:-2, 2:-2], 2: much[1:-1, 1:-1]}
        return {1: much, 2: cv2.resize(much, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)}


def _beside(planes: Sequence[np.ndarray], wide: int, apart: int) -> np.ndarray:
    """For each pixel of planes [h, w], beginning with some beyond the border, itself and the next ones, so far `apart`:
    `wide` across and two down, [h + apart, w + ..., 4]."""
    right = (wide - 1) * apart
    bordered = [cv2.copyMakeBorder(plane, apart, apart, right, right, cv2.BORDER_REPLICATE) for plane in planes]
    height, width = (side + more for side, more in zip(planes[0].shape, (apart, right)))
    return cv2.merge(
        [of[y : y + height, x : x + width] for of in bordered for y in (0, apart) for x in range(0, right + 1, apart)]
    )


def _two_by_two(read: np.ndarray, out: np.ndarray) -> None:
    """Into `out` [2 * h, 2 * w] what was read of two by two pixels [h, w, 4]; cv2.split would take three times as
    long."""
    blocks, pairs = read.view("<u4")[..., 0], out.view("<u2")
    for row, pair in enumerate((blocks, blocks >> 16)):
        np.copyto(pairs[row::2], pair, casting="unsafe")


def _below(read: np.ndarray, outs: Sequence[np.ndarray]) -> None:
    """Into two planes [2 * h, w] what was read of each, two pixels below each other [h, w, 4]; or but for the last
    row."""
    lines = [out[k::2] for out in outs for k in (0, 1)]
    if len(outs[0]) % 2 == 0:
        cv2.split(read, lines)
        return
    for line, part in zip(lines, cv2.split(read)):
        line[:] = part[: len(line)]


def _seen(plane: np.ndarray, where: Sequence[np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
    return cv2.remap(plane, *where, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
