"""What frames are drawn from: a photograph, or a person cut out of one over what is behind, finer than the frames.

Pictures are enlarged before they are moved, because bilinear interpolation of twice the resolution, a little sharpened,
keeps more of a photograph than cubic interpolation, in a third of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face.frames import Box, Frame

FINER_PIXELS = 2_000_000  # beyond so many a photograph itself is fine enough, and its memory counts
# What bilinear interpolation will take is given beforehand: the variance of a face's Laplacian comes to 0.95 of the
# photograph's (median of 10 portraits, small random poses), without it 0.78; cubic interpolation has 0.84.
SHARPEN = 0.3


def finer(image: np.ndarray) -> tuple[np.ndarray, int]:
    """RGB uint8 [h, w, 3] enlarged and sharpened, and how many times it is larger: twice, unless it is large."""
    times = 2 if image.shape[0] * image.shape[1] <= FINER_PIXELS else 1
    image = cv2.resize(image, (image.shape[1] * times, image.shape[0] * times), interpolation=cv2.INTER_LANCZOS4)
    return cv2.addWeighted(image, 1 + SHARPEN, cv2.GaussianBlur(image, (0, 0), times / 2), -SHARPEN, 0), times


@dataclass(frozen=True)
class Sheet:
    """`colours` RGB uint8 [h, w, 3]; or RGBA, colours times opacity, over `behind`, RGB of the picture's resolution.
    They begin at the picture's pixel `corner`, and `times` pixels of the sheet are one of the picture's."""

    colours: np.ndarray
    times: int
    corner: tuple[int, int]
    behind: np.ndarray | None = None

    def place(self, where: np.ndarray) -> np.ndarray:
        """Pixels of the picture, float32 [..., 2], in the sheet's."""
        first = self.times * np.array(self.corner) - 0.5 * (self.times - 1)
        return cv2.transform(where, np.column_stack([self.times * np.eye(2), -first]))

    def draw(self, frame: Frame, box: Box, where: np.ndarray, through: bool) -> None:
        """Into `box` what is seen `where` [h, w, 2], in the sheet's pixels; `through` says whether anything shows
        through there."""
        seen = cv2.remap(self.colours, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out = frame.part(box)
        if seen.shape[2] == 3:
            out[:] = seen
            return
        if not through:
            cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB, dst=out)
            return
        left, top = box[0] - self.corner[0], box[1] - self.corner[1]
        behind = self.behind[top : top + out.shape[0], left : left + out.shape[1]]
        clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(seen, 3)), cv2.COLOR_GRAY2RGB)
        cv2.add(cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB), cv2.multiply(behind, clear, scale=1 / 255), dst=out)
