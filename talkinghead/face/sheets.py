"""What frames are drawn from: a photograph, or a person cut out of one over what is behind, finer than the frames.

Pictures are enlarged before they are moved, because bilinear interpolation of twice the resolution, a little sharpened,
keeps more of a photograph than cubic interpolation, in a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from talkinghead.face.frames import Box, Colours, Frame, cover
from talkinghead.media.yuv import STRIP, even

# Blocks of (width, height) pixels, by which to multiply, and what to add: x and y [h, w] float32 of what is seen in
# their middles, so many times the sheet's full planes' pixels and so much more.
At = Callable[[tuple[int, int], float, tuple[float, float]], Sequence[np.ndarray]]
OPACITY = 3  # is read as if it were one more plane
BORDER = 8  # rows that a strip sees of the next ones
FINER_PIXELS = 2_000_000  # beyond so many a photograph itself is fine enough, and its memory counts
# What bilinear interpolation will take is given beforehand: the variance of a face's Laplacian comes to 0.95 of the
# photograph's (median of 10 portraits, small random poses), without it 0.78; cubic interpolation has 0.84.
SHARPEN = 0.3


def finer(image: np.ndarray, whole: tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
    """RGB uint8 [h, w, 3] enlarged and sharpened, and how many times it is larger: twice, unless the picture that it is
    part of, with sides `whole`, is large."""
    sides = image.shape if whole is None else whole
    times = 2 if sides[0] * sides[1] <= FINER_PIXELS else 1
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

    def __call__(self, where: np.ndarray, rgba: np.ndarray | None = None) -> np.ndarray:
        """RGB uint8 [h, w, 3] at pixels float32 [h, w, 2] of the part; of others as fine as `rgba`, if given."""
        where = np.float32(self._times) * where + np.float32((self._times - 1) / 2)
        seen = _seen(self.rgba if rgba is None else rgba, (where, None))
        return cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB)


@dataclass(frozen=True)
class Sheet:
    """Planes `lit` uint8, whose full ones are `times` as large as the picture and begin at its even pixel `corner`.
    With `opacity`, as large as a full one, they are times that, over `behind`, planes of the picture's resolution."""

    lit: Sequence[np.ndarray]
    opacity: np.ndarray | None
    times: int
    corner: tuple[int, int]
    behind: Sequence[np.ndarray] | None = None

    @classmethod
    def of(cls, image: np.ndarray, corner: tuple[int, int], colours: Colours) -> Sheet:
        """Of a part of the picture, RGB uint8 [h, w, 3]."""
        image, times = finer(even(image))
        return cls(colours.split(image), None, times, corner)

    @property
    def in_blocks(self) -> bool:
        """Whether what it has of YUV is read as Blocks have it."""
        return self.times == 1

    def place(self, where: np.ndarray) -> np.ndarray:
        """Pixels of the picture, float32 [..., 2], in those of the sheet's full planes."""
        first = self.times * np.array(self.corner) - 0.5 * (self.times - 1)
        return cv2.transform(where, np.column_stack([self.times * np.eye(2), -first]))

    def draw(self, frame: Frame, box: Box, at: At, through: bool) -> None:
        """Into an even `box` what is seen `at` its places; `through` says whether anything shows through there."""
        outs, where = frame.part(box), self._where(at, frame.colours)
        left, top, much = box[0] - self.corner[0], box[1] - self.corner[1], None
        if through:
            much = frame.colours.reduced(self._read(OPACITY, where, np.empty(outs[0].shape, np.uint8)))
        for k, (out, step) in enumerate(zip(outs, frame.colours.steps)):
            if much is None:
                self._read(k, where, out)
                continue
            rows, columns = (slice(first // step, first // step + side) for first, side in zip((top, left), out.shape))
            out[:] = self.behind[k][rows, columns]
            cover(out, self._read(k, where, np.empty(out.shape, np.uint8)), much[k])

    def _where(self, at: At, colours: Colours) -> Sequence[Any]:
        """What `_read` wants to know of each plane and of the opacity."""
        first = at((1, 1), 1, (0, 0))
        if colours.steps[1] == 1:
            return [first] * 4
        half = at((2, 2), 0.5, (-0.25, -0.25))  # a plane of half the size has its pixels in the middle of four
        return first, half, half, first

    def _read(self, k: int, where: Sequence[Any], out: np.ndarray) -> np.ndarray:
        """Into pixels of the plane `k`, or of the opacity."""
        return _seen(self.opacity if k == OPACITY else self.lit[k], where[k], out)


class Blocks(Sheet):
    """A sheet of a large picture's YUV, whose pixels are read by four, for four channels are read in little more time
    than one: two by two have moved alike, each within a sixteenth of a pixel where motion stretches by an eighth."""

    def __init__(self, sheet: Sheet):
        super().__init__([], sheet.opacity, sheet.times, sheet.corner, sheet.behind)
        luma, *chroma = sheet.lit
        self._chroma = cv2.merge([part for plane in chroma for part in _beside(plane, 0)])
        self._luma = cv2.merge(_beside(luma, 1))

    def _where(self, at: At, colours: Colours) -> Sequence[Any]:
        first, pairs = at((2, 2), 1, (0.5, 0.5)), _seen(self._chroma, at((4, 2), 0.5, (0.25, -0.25))).view(np.uint16)
        return first, pairs[..., 0], pairs[..., 1], first

    def _read(self, k: int, where: Sequence[Any], out: np.ndarray) -> np.ndarray:
        if k == OPACITY:  # is read seldom, and would be four times as large
            _seen(self.opacity, [_by_pixel(at, out.shape, axis) for axis, at in enumerate(where[k])], out)
        elif k == 0:
            rows, both = _seen(self._luma, where[k]).view(np.uint16), out.view(np.uint16)
            both[::2], both[1::2] = rows[..., 0], rows[..., 1]
        elif out.shape[1] % 2:
            out[:] = np.ascontiguousarray(where[k]).view(np.uint8)[:, : out.shape[1]]
        else:
            out.view(np.uint16)[:] = where[k]
        return out


def _by_pixel(known: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Places along x or y in a plane of pixels [h, w], of places in blocks of two by two, as `_beside` begins them."""
    places = np.repeat(np.repeat(known, 2, 0), 2, 1)[: shape[0], : shape[1]]
    places[(slice(None), slice(None, None, 2)) if axis == 0 else slice(None, None, 2)] -= 1
    return places


def _beside(plane: np.ndarray, below: int) -> list[np.ndarray]:
    """For each pixel, beginning with one beyond the border, itself and the one on its right; and those `below`."""
    wide = cv2.copyMakeBorder(plane, below, below, 1, 1, cv2.BORDER_REPLICATE)
    height, width = (side - 1 for side in wide.shape)
    return [wide[y : y + height + 1 - below, x : x + width] for y in range(below + 1) for x in (0, 1)]


def _seen(plane: np.ndarray, where: Sequence[np.ndarray], out: np.ndarray | None = None) -> np.ndarray:
    return cv2.remap(plane, *where, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
