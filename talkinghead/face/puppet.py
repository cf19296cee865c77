"""A portrait made ready: a picture in, and from then on units in and frames out.

The generator and the lip mover look at the face once, and every frame is drawn from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.media.threads import Once
from talkinghead.units.life import EASES, Life
from talkinghead.units.moods import Mood
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import Motion
from talkinghead.units.width import Width

if TYPE_CHECKING:
    from talkinghead.face.head import Head
    from talkinghead.face.looks import Looks
    from talkinghead.face.outline import Outline
    from talkinghead.face.parting import Parting
    from talkinghead.face.purses import Purses
    from talkinghead.face.render import Renderer

Decode = Callable[[np.ndarray], tuple[np.ndarray | None, ...]]


@dataclass(frozen=True, eq=False)
class Puppet:
    """What is drawn on, and how: `units` [46] are those of the portrait's own expression.

    `decode` gives flow, mask and colour of a frame for units [1, 46], as Renderer takes them; `outline` tells where
    the lips go; `landmarks` [478, 3] lie in the renderer's picture, of which the frames show the box `shown`;
    `making_head` gives what turns; `decode_forks` says whether a process that was forked can decode; `smaller` gives
    the same in a picture of so many pixels a side at most.
    """

    units: np.ndarray
    renderer: Renderer
    decode: Decode
    outline: Outline
    landmarks: np.ndarray
    making_head: Once[Head]
    shown: tuple[int, int, int, int]
    decode_forks: bool
    smaller: Callable[[int], Puppet]

    @property
    def width(self) -> int:
        return self.shown[2] - self.shown[0]

    @property
    def rest(self) -> np.ndarray:
        """The units [46] of the face when nobody speaks."""
        return self.outline.rest

    @property
    def height(self) -> int:
        return self.shown[3] - self.shown[1]

    @property
    def planar_shape(self) -> tuple[int, int]:
        """Of a frame as media.yuv has it."""
        return (self.height + 1) // 2 * 3, (self.width + 1) // 2 * 2

    @property
    def forks(self) -> bool:
        """Whether processes that are forked from now on can draw its frames."""
        if self.renderer.device is None:
            return self.decode_forks
        from talkinghead.face import on_device

        return self.decode_forks and on_device.forks(self.renderer.device)

    @cached_property
    def parting(self) -> Parting:
        """How far its lips part when a voice moves them."""
        from talkinghead.face.parting import Parting

        return Parting(self.outline)

    @cached_property
    def purses(self) -> Purses:
        """How far its lips purse then, as far as their shape tells."""
        from talkinghead.face.purses import Purses, common, features, predicted

        return Purses(predicted(features(self.outline), common()))

    @property
    def head(self) -> Head:
        """What turns; takes a tenth of a second to make."""
        return self.making_head()

    def expect(self, turns: bool, planar: bool) -> None:
        """Make what the first frames of that kind would wait for; another thread may do it."""
        head = self.head if turns else None
        with self.renderer.busy:
            self.renderer.expect(head, planar and self._whole)

    @property
    def _whole(self) -> bool:
        return self.shown == (0, 0, *self.renderer.image.shape[1::-1])

    def stream(
        self,
        speech: Any,
        fps: Fraction,
        gain: np.ndarray,
        seed: int | None,
        mood: Mood,
        life: Life | None,
        width: Width | None = None,
        looks: Callable[[], Looks] | None = None,
    ) -> SpeechStream:
        """What turns a voice into this portrait's motion; `looks` at it, if there are to be any, are waited for."""

        def shown(units: np.ndarray, seconds: float) -> np.ndarray:
            units, own = self.parting(units), float(np.interp(seconds, EASES, (0, 1)))
            if looks is None or not own:
                return self.purses(units)
            seen = looks().purses(units)
            return seen if own == 1 else (1 - own) * self.purses(units) + own * seen

        return SpeechStream(speech, self.rest, fps, gain, seed, mood, life, width, shown)

    def draw(self, units: np.ndarray, pose: np.ndarray | None = None, planar: bool = False) -> Iterator[np.ndarray]:
        """Frames, RGB uint8 [height, width, 3] or `planar` as media.yuv has them, under units [N, 46], drawn when they
        are asked for. The head has the poses `pose` [N, 6], relative to the photograph, or stays as photographed."""
        poses = repeat(NEUTRAL) if pose is None else pose
        return (self.frame(self.borne(Motion(one, at)), planar) for one, at in zip(units, poses))

    def borne(self, motion: Motion) -> Motion:
        """A motion whose pose is what the photograph bears of it."""
        still = np.array_equal(motion.pose, NEUTRAL)
        return motion if still else motion._replace(pose=self.head.bear(motion.pose))

    def frame(self, motion: Motion, planar: bool, onto: np.ndarray | None = None) -> np.ndarray:
        """One frame, under a pose that the photograph bears; drawn `onto` memory, if it is given and that can be."""
        from talkinghead.face.crossed import uncrossed
        from talkinghead.face.lips import possible
        from talkinghead.media.yuv import even, to_yuv

        units = uncrossed(possible(motion.units[None], self.units), self.units)
        posed = None if np.array_equal(motion.pose, NEUTRAL) else self.head(motion.pose)
        lids = self.renderer.lids
        closures = None if lids is None else lids.closures(units)[0]
        maps = self.decode(units if lids is None else lids.without(units))
        with self.renderer.busy:
            patches = self.renderer.patches(maps[0], posed, self.outline(units)[0], closures, motion.tongue)
            frame = self.renderer(*maps, posed=posed, patches=patches, planar=planar and self._whole, onto=onto)
        if self._whole:
            return frame
        left, top, right, bottom = self.shown
        frame = np.ascontiguousarray(frame[top:bottom, left:right])
        return to_yuv(even(frame)) if planar else frame
