"""A portrait made ready: a picture in, and from then on units in and frames out.

The generator and the lip mover look at the face once, and every frame is drawn from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
    from talkinghead.face.tracker import TrackedFace

AROUND = 0.35  # of its side: how much a head that moves sees of what lies around the square that `crop` keeps
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


def make_puppet(
    image: np.ndarray,
    found: TrackedFace,
    generator: Any,
    mover: Any,
    crop: bool = False,
    enhance: bool = False,
    teeth: int | str = "own",
    turns: bool = False,
    device: str | None = None,
) -> Puppet:
    """The face `found` in RGB uint8 [H, W, 3], made ready; `mover` is a gath.lean_lips.LeanLips. For `crop`, `enhance`
    and `teeth` see TalkingHead.prepare. What turns is begun beside the rest if it `turns`. A video's frames are drawn
    on the `device` that torch calls so, if there is any, of a generator that warps."""
    import cv2

    from gath.mesh import EYES
    from talkinghead.face import closed_lids, closed_lips
    from talkinghead.face.align import alignment, to_fractions, transform
    from talkinghead.face.align import crop as cut
    from talkinghead.face.aside import looking_aside
    from talkinghead.face.chin import Chin
    from talkinghead.face.frames import YUV
    from talkinghead.face.head import Head
    from talkinghead.face.lids import Lids
    from talkinghead.face.lips import purse
    from talkinghead.face.mouth import Mouth
    from talkinghead.face.outline import Outline
    from talkinghead.face.render import Renderer, square

    size, points, landmarks, photograph = generator.config.size, found.points, found.landmarks, image
    others = found.others
    shown = 0, 0, image.shape[1], image.shape[0]
    if crop:
        image, points, shown = square(image, points, AROUND)
        scale = np.ptp(points[:, 0]) / found.width
        landmarks = np.c_[points, landmarks[:, 2] * scale]
        into, back = alignment(found.points, 1), cv2.invertAffineTransform(alignment(points, 1))
        others = tuple(transform(back, transform(into, other)) for other in others)

    def make_head() -> Head:
        head = Head(image, landmarks, found.pose, others)
        if turns:  # what a video's frames are drawn from
            head.sheet(YUV)
        return head

    making_head = Once(make_head)
    if turns:
        making_head.begin()
    to_face = to_fractions(points)
    outline = Outline(mover, image, to_face, points, found.units)
    if generator.warps:
        closed_lips.network.begin()
        closed_lids.network.begin()
    code = generator.encode(cut(photograph, alignment(found.points, size), size), found.units)

    def decode(units: np.ndarray) -> tuple[np.ndarray | None, ...]:
        aside = looking_aside(units, found.units) if generator.warps else units
        flow, *painted = (None if part is None else part[0] for part in generator.decode(code, aside))
        return flow if chin is None else chin(flow, units[0]), *painted

    mouth = lids = chin = None
    if generator.warps:  # one that paints the whole face paints mouth and lids as well
        rest = outline(outline.rest[None])[0]
        eyes = [transform(to_face, points[list(eye)]) for eye in EYES]
        mouth = Mouth(image, to_face, outline.own, rest, eyes, teeth, outline(purse(outline.rest)[None])[0])
        if turns:
            mouth.begin()
        lids = Lids(image, to_face, points, found.units)
        chin = Chin(transform(to_face, points), found.units, size)
    renderer = Renderer(image, alignment(points, size), size, enhance, mouth, lids, device if generator.warps else None)
    forks = getattr(generator, "forks", False)

    def smaller(side: int) -> Puppet:
        scale = side / max(image.shape[:2])
        picture = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        face = replace(found, landmarks=landmarks * scale, others=tuple(other * scale for other in others))
        return make_puppet(picture, face, generator, mover, teeth=teeth)

    return Puppet(found.units, renderer, decode, outline, landmarks, making_head, shown, forks, smaller)
