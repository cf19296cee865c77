"""The pixels that one portrait's lips are read from: lips that have parted, that meet and that purse, mixed."""

from __future__ import annotations

import cv2
import numpy as np

from gath.purse import width
from talkinghead.face.mouth_layers import Layers
from talkinghead.face.mouth_place import Place
from talkinghead.face.pursed_lips import changed, pursed
from talkinghead.face.sheets import Skin
from talkinghead.media.threads import Once

# Of the way from the width of a mouth at rest to that of one that purses: what the skin around looks like changes from
# the first to the second number. A mouth that is drawn together by less than so much of its width does not purse.
PURSES, NARROWER = (0.15, 0.9), 0.05
TRIM = 4  # pixels of a part's border, which are made finer without their neighbours


class LipSheets:
    """Called with how far lips touch and purse, gives RGBA uint8, to be read with `skin`."""

    def __init__(self, place: Place, own: np.ndarray, rest: np.ndarray, purse: np.ndarray, layers: Layers):
        """The mouth's points [P, 2] as photographed, with closed and with pursed lips."""
        self._place, self._own, self._purse = place, own, purse
        self._parted, self.skin = (Skin(lips, place.image.shape) for lips in (layers.parted, layers.shut))
        self._wide, self._narrow = width(rest), width(purse)
        self._purses = self._wide - self._narrow > NARROWER * self._wide
        self._unpursed = (layers.parted, layers.shut, layers.soft) if self._purses else None
        self._pursed = Once(self._make_pursed)

    def __call__(self, touching: float, purse: float) -> np.ndarray:
        rgba = _between(self._parted.rgba, self.skin.rgba, touching)
        if purse:
            part, *lips = self._pursed()
            if lips[0].size:  # a mouth of a few pixels has no part that changes
                rgba = rgba if 0 < touching < 1 else rgba.copy()
                rgba[part] = _between(rgba[part], _between(*lips, touching), purse)
        return rgba

    def pursing(self, points: np.ndarray) -> float:
        """How far a mouth with these `points` [P, 2] purses: from 0, not at all, to 1."""
        if not self._purses:
            return 0.0
        return float(np.interp((self._wide - width(points)) / (self._wide - self._narrow), PURSES, (0, 1)))

    def begin(self) -> None:
        """Begin to make, in a thread of its own, what `expect` makes."""
        if self._purses:
            self._pursed.begin()

    def expect(self) -> None:
        """Make what a frame in which the lips purse would wait for."""
        if self._purses:
            self._pursed()

    def _make_pursed(self) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Which part of the sheets changes when the mouth purses, and what it becomes there, for lips that part and for
        lips that meet."""
        part, size = changed(self._place, self._own, self._purse), self._place.image.shape
        both = pursed(self._place, self._own, self._purse, *self._unpursed)
        self._unpursed = None  # a large photograph's count
        times = len(self.skin.rgba) // self._place.shape[0]
        inner = slice(times * TRIM, -times * TRIM)
        parted, shut = (Skin(lips, size).rgba[inner, inner] for lips in both)
        rows, columns = (slice(times * (of.start + TRIM), times * (of.stop - TRIM)) for of in part)
        return (rows, columns), parted, shut


def _between(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Of two pictures the one that has so much of the second."""
    return (first, second)[int(share)] if share in (0, 1) else cv2.addWeighted(second, share, first, 1 - share, 0)
