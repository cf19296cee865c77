"""The painters at work (gath/painters.py), without torch: what one sees in, what it makes of it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gath import files
from gath.layers import Layers, request
from gath.ov import InferRequest, Model, opset13
from talkinghead.media.threads import Once


def described(state: dict[str, np.ndarray], size: tuple[int, int]) -> Model:
    """`gath.painters.Painter` with these parameters: [1, 6, H, W] to [1, 3, H, W] of a window's `size`, (W, H)."""
    seen = opset13.parameter([1, 6, *size[::-1]], np.float32)
    begin, end, step = (np.array(list(at)) for at in ((0, 0), (1, 3), (1, 1)))
    picture = opset13.slice(seen, begin, end, step, np.array([0, 1]))
    return Model([opset13.add(picture, Layers(state).unet(seen))], [seen])


def covered(picture: np.ndarray, where: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """What a painter sees, float32 [6, H, W], of a picture [H, W, 3] in [-1, 1]: in `plain` colours [H, W, 3] so far as
    the first of `where` [3, H, W] hides it, and `where`."""
    hidden = picture + where[0, ..., None] * (plain - picture)
    return np.concatenate([hidden.transpose(2, 0, 1), where]).astype(np.float32)


class Painter:
    """One of them, with windows of `size`; what it needs is read when it is first asked, or before: `begin`."""

    def __init__(self, weights: Path, size: tuple[int, int]):
        self._request = Once[InferRequest](
            lambda: request(described(files.read(weights)[2], size))
        )  # a tenth of a second

    def begin(self) -> None:
        self._request.begin()

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """What it makes of [6, H, W]: RGB float32 [H, W, 3] in 0 to 255, about."""
        return (self._request().infer([seen[None]])[0][0].transpose(1, 2, 0) + 1) * np.float32(127.5)
