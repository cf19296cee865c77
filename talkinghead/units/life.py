"""What moves in a talker besides the mouth, from the voice alone: head, eyes, brows and lids, frame by frame.

Sound comes in in pieces of any size; what goes out does not depend on them, and memory does not grow. Everything random
is drawn from one seed. Inside it runs at prosody's 25 frames a second and is resampled to the video's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np

from talkinghead.media.timing import Resampler, frames_in
from talkinghead.units.blink import CuedBlinks, close_lids
from talkinghead.units.brows import Brows
from talkinghead.units.gaze import LARGE, Gaze, look
from talkinghead.units.head_motion import HeadMotion
from talkinghead.units.pose import ANGLES, NEUTRAL, relative
from talkinghead.units.prosody import FPS, Beat, Prosody
from talkinghead.units.track import Motion

MOST = 3.0  # degrees taken from a turn, softly, because mouth and lids seem to turn the head
# Seconds until which that is what faces have in common, for nobody waits for a portrait to be looked at, and from which
# it is the portrait's own.
EASES = (0.8, 1.2)

Degrees = Callable[[np.ndarray, float], np.ndarray]  # of units [46] and how far lids are closed: [3], angles

# Columns of what is resampled.
_POSE, _EYES, _BROWS, _LIDS = slice(0, 6), slice(6, 8), 8, 9


class Life:
    """Sound at `sample_rate` in, vectors out that `applied` adds to the units of a frame of a video at `fps`.

    `head` multiplies the pose; `still` leaves eyes and brows alone; `blink` closes the lids as well.
    """

    def __init__(self, sample_rate: int, fps: Fraction, seed: int, head: float = 1.0, still: bool = False, blink=True):
        self._rate, self._fps, self._samples = sample_rate, fps, 0
        self._prosody, self._resampler = Prosody(sample_rate), Resampler(FPS, fps)
        self._strength, self._still = head, still
        self._head, self._gaze, self._brows = HeadMotion(seed), Gaze(seed), Brows(seed)
        self._lids = CuedBlinks(seed) if blink else None
        self._frame, self._drawn = 0, 0
        self._common: Degrees | None = None
        self._own: Callable[[], Degrees]

    def steady(self, common: Degrees, own: Callable[[], Degrees]) -> None:
        """From now on the pose is less by what mouth and lids look like: on most faces, and, as soon as that is needed,
        on this one."""
        self._common, self._own = common, own

    def push(self, samples: np.ndarray) -> list[np.ndarray]:
        """The vectors of the frames now certain."""
        self._samples += len(samples)
        return self._resampler.push(self._live(self._prosody.push(samples)))

    def finish(self) -> list[np.ndarray]:
        """Those still owed, so that the frames cover the sound."""
        seconds = Fraction(self._samples, self._rate)
        owed = self._live(self._prosody.finish(frames_in(seconds, Fraction(FPS))))
        return self._resampler.push(owed) + self._resampler.finish(frames_in(seconds, self._fps))

    def applied(self, units: np.ndarray, vector: np.ndarray, gain: float | np.ndarray = 1.0) -> Motion:
        """The units [46] of a frame with eyes, brows and lids on top, and its pose."""
        pose = vector[_POSE].astype(np.float32)
        if self._common is not None:
            closed = 0.0 if self._lids is None else float(vector[_LIDS])
            own = float(np.interp(float(self._drawn / self._fps), EASES, (0, 1)))
            looks = (1 - own) * self._common(units, closed) + (own * self._own()(units, closed) if own else 0)
            pose[ANGLES] -= min(self._strength, 1) * MOST * np.tanh(looks / MOST)
        self._drawn += 1
        if not self._still:
            units = look(units, vector[_EYES], vector[_BROWS], gain)
        if self._lids is not None:
            units = close_lids(units.copy(), vector[_LIDS])
        return Motion(units, pose)

    def _live(self, beats: Iterable[Beat]) -> np.ndarray:
        out = [self._step(beat) for beat in beats]
        return np.array(out).reshape(-1, _LIDS + 1)

    def _step(self, beat: Beat) -> np.ndarray:
        pose = relative(self._head.step(beat), NEUTRAL, self._strength)
        eyes = self._gaze.step(beat, pose)
        cued = beat.ends or self._gaze.jumped > LARGE
        lid = 0.0 if self._lids is None else self._lids.closure((self._frame + 0.5) / FPS, cued)
        self._frame += 1
        return np.array([*pose, *eyes, self._brows.step(beat, pose[1]), lid])
