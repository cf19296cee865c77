"""What moves a portrait, frame by frame: a voice or given units in, the absolute units [46] of every frame out."""

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
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import UnitTrack

TOLERATED_DIFFERENCE = 0.5  # seconds between the lengths of units and sound
MAX_SECONDS = 24 * 3600  # of a video from units; beyond, their clock is thought to count something else
SILENCE = 1e-3  # -60 dB of full scale: below this peak a sound counts as silent


def spoken(stream: SpeechStream, sound: str | Path) -> Iterator[np.ndarray]:
    """Units [46] for every frame of a sound; a silent one warns. Raises SoundError."""
    from talkinghead.media import audio

    samples, peak = 0, 0.0
    for block in audio.decode(sound, stream.sample_rate):
        samples, peak = samples + len(block), max(peak, float(np.abs(block).max(initial=0)))
        yield from stream.push(block)
    if peak < SILENCE:
        warnings.warn(f"{sound}: the sound is {'silent' if samples else 'empty'}; the mouth stays closed")
    yield from stream.finish()


def sampled(track: UnitTrack, fps: Fraction, sound: str | Path | None) -> tuple[Iterator[np.ndarray], int]:
    """A track's units [46] at every frame, and how many frames there are: as long as the track, or as a sound that is
    played with it (a large difference warns). Raises SoundError, UnitsError."""
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
    frames = frames_in(seconds, fps)
    return (track.at(np.array([float(i / fps)]))[0] for i in range(frames)), frames


def checked(units: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same vectors as float32. Raises UnitsError for one that is not [46] in [0, 1]."""
    for vector in units:
        vector = np.asarray(vector, np.float32)
        if vector.shape != (len(UNIT_NAMES),):
            raise UnitsError(f"a vector of units has {len(UNIT_NAMES)} numbers, not the shape {vector.shape}")
        if not (np.isfinite(vector).all() and vector.min() >= 0 and vector.max() <= 1):
            raise UnitsError("units must lie in 0 to 1")
        yield vector


def blinking(units: Iterator[np.ndarray], fps: Fraction, seed: int) -> Iterator[np.ndarray]:
    """The same vectors with blinks drawn from `seed`."""
    return (close_lids(vector, lid) for vector, lid in zip(units, blinks(fps, seed)))
