"""What frames are drawn from: a photograph, or a person cut out of one over what is behind, finer than the frames.

Pictures are enlarged before they are moved, because bilinear interpolation of twice the resolution, a little sharpened,
keeps more of a photograph than cubic interpolation, in a third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face.frames import Box, Colours, Frame, cover
from talkinghead.media.yuv import STRIP, even

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
        seen = _seen(self.rgba if rgba is None else rgba, where)
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

    def place(self, where: np.ndarray) -> np.ndarray:
        """Pixels of the picture, float32 [..., 2], in those of the sheet's full planes."""
        first = self.times * np.array(self.corner) - 0.5 * (self.times - 1)
        return cv2.transform(where, np.column_stack([self.times * np.eye(2), -first]))

    def draw(self, frame: Frame, box: Box, where: Sequence[np.ndarray], through: bool) -> None:
        """Into an even `box` what is seen `where` [h, w, 2], for each plane and in its pixels; `through` says whether
        anything shows through there."""
        left, top = box[0] - self.corner[0], box[1] - self.corner[1]
        much = frame.colours.reduced(_seen(self.opacity, where[0])) if through else None
        for k, (out, at, step) in enumerate(zip(frame.part(box), where, frame.colours.steps)):
            if much is None:
                _seen(self.lit[k], at, out)
                continue
            rows, columns = (slice(first // step, first // step + side) for first, side in zip((top, left), out.shape))
            out[:] = self.behind[k][rows, columns]
            cover(out, _seen(self.lit[k], at), much[k])


def _seen(plane: np.ndarray, where: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return cv2.remap(plane, where, None, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
