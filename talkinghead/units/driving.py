"""What moves a portrait, frame by frame: a voice or given units in, the absolute units [46] and the pose out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkinghead.errors import UnitsError
from talkinghead.media.timing import frames_in
from talkinghead.units.blink import blinks, close_lids
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import Motion, UnitTrack

TOLERATED_DIFFERENCE = 0.5  # seconds between the lengths of units and sound
MAX_SECONDS = 24 * 3600  # of a video from units; beyond, their clock is thought to count something else
SILENCE = 1e-3  # -60 dB of full scale: below this peak a sound counts as silent


def spoken(stream: SpeechStream, sound: str | Path, blocks: Iterable[np.ndarray] | None = None) -> Iterator[Motion]:
    """What moves every frame of a sound, of which the decoded `blocks` may be at hand; a silent one warns. Raises
    SoundError."""
    from talkinghead.media import audio

    samples, peak = 0, 0.0
    for block in audio.decode(sound, stream.sample_rate) if blocks is None else blocks:
        samples, peak = samples + len(block), max(peak, float(np.abs(block).max(initial=0)))
        yield from stream.pushed(block)
    if peak < SILENCE:
        warnings.warn(f"{sound}: the sound is {'silent' if samples else 'empty'}; the mouth stays closed")
    yield from stream.finished()


def frames_of(track: UnitTrack, fps: Fraction, sound: str | Path | None) -> int:
    """How many frames a video of a track has: as long as the track, or as a sound that is played with it (a large
    difference warns). Raises SoundError, UnitsError."""
    from talkinghead.media import audio

    if sound is None and track.duration > MAX_SECONDS:
        raise UnitsError(f"the units last {track.duration:.0f} seconds, the most is a day; is their time in seconds?")
    # Less a microsecond, or a rounding error in the track's length might add a frame.
    seconds = Fraction(track.duration - 1e-6) if sound is None else audio.seconds(sound)
    if abs(float(seconds) - track.duration) > TOLERATED_DIFFERENCE:
        warnings.warn(
            f"the units last {track.duration:.1f} s and {sound} {float(seconds):.1f} s;"
            " the video is as long as the sound"
        )
    return frames_in(seconds, fps)


def sampled(track: UnitTrack, fps: Fraction, frames: int, head: float = 1.0) -> Iterator[Motion]:
    """A track's units and its pose, relative to its mean and times `head`, at every frame."""
    return (track.motion_at(float(i / fps), head) for i in range(frames))


def checked(given: Iterable[np.ndarray | Motion]) -> Iterator[Motion]:
    """Units [46], or those with a pose, as float32. Raises UnitsError for units that are not [46] in [0, 1], or a pose
    that is not [6] finite numbers."""
    for motion in given:
        vector, pose, tongue = motion if isinstance(motion, Motion) else Motion(motion)
        vector, pose = np.asarray(vector, np.float32), np.asarray(pose, np.float32)
        if vector.shape != (len(UNIT_NAMES),):
            raise UnitsError(f"a vector of units has {len(UNIT_NAMES)} numbers, not the shape {vector.shape}")
        if not (np.isfinite(vector).all() and vector.min() >= 0 and vector.max() <= 1):
            raise UnitsError("units must lie in 0 to 1")
        if pose.shape != NEUTRAL.shape or not np.isfinite(pose).all():
            raise UnitsError("a pose has 6 numbers")
        yield Motion(vector, pose, float(np.clip(tongue, 0, 1)))


def blinking(motions: Iterator[Motion], fps: Fraction, seed: int) -> Iterator[Motion]:
    """The same with blinks drawn from `seed`."""
    return (m._replace(units=close_lids(m.units, lid)) for m, lid in zip(motions, blinks(fps, seed)))
