"""The frames of one video: a portrait and its motions in, pictures out, drawn by as many processes as help."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from talkinghead.face.puppet import Puppet
from talkinghead.media import forks
from talkinghead.media.threads import Once, ahead
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.track import Motion

AHEAD = 2  # frames drawn while the one before is used


class Clip:
    """The frames of a video, RGB uint8 [height, width, 3], made as they are iterated over; once only.

    `frames` is how many there will be, to the accuracy of the sound's header, or None if nobody knows yet; `units` [46]
    and `pose` [6], relative to the portrait, are those of the frame last given; `turns` says whether there is any pose.
    """

    def __init__(
        self,
        puppet: Puppet,
        motions: Iterator[Motion],
        fps: Fraction,
        frames: int | None,
        turns: bool = False,
        looks: Once[Any] | None = None,
    ):
        """`looks`, which later frames wait for, are begun once the first one is drawn."""
        self.width, self.height, self.fps, self.frames, self.turns = puppet.width, puppet.height, fps, frames, turns
        self.units: np.ndarray | None = None
        self.pose: np.ndarray = NEUTRAL
        self.tongue = 0.0
        self._puppet, self._source, self._looks = puppet, motions, looks

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.pictures()

    def pictures(self, planar: bool = False) -> Iterator[np.ndarray]:
        """The frames, `planar` in the encoder's own colours, see media.yuv, which costs half as much."""
        puppet, moved = self._puppet, deque[Motion]()
        drawing = Once(lambda: puppet.expect(self.turns, planar)).begin()

        def rows() -> Iterator[np.ndarray]:
            for motion in self._source:
                drawing()
                moved.append(motion)
                yield _row(puppet.borne(motion))

        def draw(row: np.ndarray, onto: np.ndarray) -> None:
            frame = puppet.frame(_motion(row), planar, onto)
            if frame.ctypes.data != onto.ctypes.data:
                onto[:] = frame

        if planar and puppet.forks and forks.POSSIBLE:
            frames = forks.spread(draw, rows(), puppet.planar_shape, puppet.renderer.busy)
        else:
            frames = ahead((puppet.frame(_motion(row), planar) for row in rows()), AHEAD)
        for k, frame in enumerate(frames):
            if k == 0 and self._looks:
                self._looks.begin()
            self.units, self.pose, self.tongue = moved.popleft()
            yield frame


def _row(motion: Motion) -> np.ndarray:
    """All numbers of a motion, float32, for `_motion` in another process; in one that is as large everywhere."""
    return np.concatenate([np.ravel(part) for part in motion]).astype(np.float32)


def _motion(row: np.ndarray) -> Motion:
    units, pose, tongue = np.split(row, np.cumsum([len(UNIT_NAMES), len(NEUTRAL)]))
    return Motion(units, pose, float(tongue[0]))
