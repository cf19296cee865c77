"""A portrait made ready: a picture in, and from then on units in and frames out.

The generator looks at the face once, a few trial frames tell how its lips part, and every frame is drawn from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.face.lips import PHOTOGRAPHED_OPEN, Lips, fit
from talkinghead.units.life import Life
from talkinghead.units.moods import Mood
from talkinghead.units.names import lip_gap, lip_opening
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.speech import SpeechStream

if TYPE_CHECKING:
    from talkinghead.face.head import Head, Posed
    from talkinghead.face.render import Renderer
    from talkinghead.face.tracker import TrackedFace, Tracker

TRIAL_SIDE = 256  # pixels of the face that lips are tried on
AROUND = 0.35  # of its side: how much a head that moves sees of what lies around the square that `crop` keeps
Decode = Callable[[np.ndarray], Iterator[tuple[np.ndarray, ...]]]


@dataclass(frozen=True)
class Puppet:
    """What is drawn on, and how: `units` [46] are those of the portrait's own expression.

    `decode` gives flow, mask and colour of each frame for units [N, 46], as Renderer takes them; `measure` draws the
    face under units [N, 46] and gives the gaps between the lips, [N], see lips.fit; `landmarks` [478, 3] lie in the
    renderer's picture, whose head is turned by the angles `turned` [3], and of which the frames show the box `shown`.
    """

    units: np.ndarray
    renderer: Renderer
    decode: Decode
    measure: Callable[[np.ndarray], np.ndarray]
    landmarks: np.ndarray
    turned: np.ndarray
    shown: tuple[int, int, int, int]

    @property
    def width(self) -> int:
        return self.shown[2] - self.shown[0]

    @property
    def height(self) -> int:
        return self.shown[3] - self.shown[1]

    @cached_property
    def lips(self) -> Lips:
        """The resting face, and how its lips part; takes a few trial frames."""
        return fit(self.units, self.measure)

    @cached_property
    def head(self) -> Head:
        """What turns; takes a tenth of a second to make."""
        from talkinghead.face.head import Head

        return Head(self.renderer.image, self.landmarks, self.turned)

    def stream(
        self, speech: Any, fps: Fraction, gain: np.ndarray, seed: int | None, mood: Mood, life: Life | None
    ) -> SpeechStream:
        """What turns a voice into this portrait's motion."""
        return SpeechStream(speech, self.lips.rest, fps, gain, seed, mood, self.lips, life)

    def draw(self, units: np.ndarray, closing: bool = False, pose: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Frames, RGB uint8 [height, width, 3], under units [N, 46]; with `closing`, lips that they close do close, see
        Lips.drawn. The head has the poses `pose` [N, 6], relative to the photograph, or stays as photographed.

        Tracked units are drawn as they are: correcting them made faces follow their driver less well (unit gain on the
        validation split 0.514 instead of 0.532).
        """
        if closing and lip_gap(self.units) > PHOTOGRAPHED_OPEN:
            units = self.lips.drawn(units)
        poses = repeat(NEUTRAL) if pose is None else pose
        return (self._frame(maps, at) for maps, at in zip(self.decode(units), poses))

    def _frame(self, maps: tuple[np.ndarray, ...], pose: np.ndarray) -> np.ndarray:
        frame = self.renderer(*maps, posed=self._posed(pose))
        left, top, right, bottom = self.shown
        return np.ascontiguousarray(frame[top:bottom, left:right])

    def _posed(self, pose: np.ndarray) -> Posed | None:
        return None if np.array_equal(pose, NEUTRAL) else self.head(pose)


def make_puppet(
    image: np.ndarray,
    found: TrackedFace,
    generator: Any,
    tracker: Tracker,
    crop: bool = False,
    enhance: bool = False,
) -> Puppet:
    """The face `found` in RGB uint8 [H, W, 3], made ready. For `crop` and `enhance` see TalkingHead.prepare."""
    from talkinghead.face.align import alignment, transform
    from talkinghead.face.align import crop as cut
    from talkinghead.face.render import Renderer, square
    from talkinghead.face.tone import MouthTone

    size, points, landmarks = generator.config.size, found.points, found.landmarks
    to_face, to_trial = alignment(points, size), alignment(points, TRIAL_SIDE)
    aligned = cut(image, to_face, size)
    code = generator.encode(aligned, found.units)

    def decode(units: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        return zip(*generator.decode(code, units))

    # A generator that paints the whole face, skin and all, is not to have it tinted.
    tone = MouthTone(aligned, transform(to_face, points)) if generator.warps else None
    to_face = alignment(transform(to_trial, points), size)
    trial = Renderer(cut(image, to_trial, TRIAL_SIDE), to_face, size, tone=tone)
    shown = 0, 0, image.shape[1], image.shape[0]
    if crop:
        image, points, shown = square(image, points, AROUND)
        scale = np.ptp(points[:, 0]) / found.width
        landmarks = np.c_[points, landmarks[:, 2] * scale]
    renderer = Renderer(image, alignment(points, size), size, enhance, tone)
    return Puppet(
        found.units, renderer, decode, partial(lip_gaps, decode, trial, tracker), landmarks, found.pose, shown
    )


def lip_gaps(decode: Decode, trial: Renderer, tracker: Tracker, units: np.ndarray) -> np.ndarray:
    """The gap between the lips, in inter-ocular distances, of a face drawn under units [N, 46]; NaN: no face."""
    faces = [tracker(trial(*maps)) for maps in decode(units)]
    return np.array([lip_opening(found[0].points[:, :2]).sum() if found else np.nan for found in faces])
