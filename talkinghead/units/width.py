"""How widely a voice opens the mouth, and what makes that as wide as people open theirs: `--gain auto`.

Voices differ, and so does what a network makes of them: a murmur that is read as half-closed lips throughout looks
wrong beside a lively talker. Vectors of units above rest in, one factor for the openings out.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from talkinghead.media import audio
from talkinghead.units.moods import OPENING
from talkinghead.units.names import INDEX, UNIT_NAMES

LIVELY = 0.30
"""95th percentile of JawOpen, above rest and while the lips are parted, of ten clips of people who talk freely
(styletalk_talk in the corpus)."""
PARTED = 0.05  # LipsUpperOpen and LipsLowerOpen together, above which a frame counts
LEAST, MOST = 0.7, 1.6
TRUSTED = 50  # frames of parted lips after which a voice counts as much as the average one
HEARD_SECONDS = 60  # of a file, from its start
_BINS = 200


class Width:
    """Follows the 95th percentile of JawOpen; `factors` [46] are 1 but for the openings."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS)

    def hear(self, units: np.ndarray) -> None:
        """`units` [T, 46] above rest, as the speech model gives them."""
        parted = units[:, INDEX["LipsUpperOpen"]] + units[:, INDEX["LipsLowerOpen"]] > PARTED
        jaw = (units[parted, INDEX["JawOpen"]] * _BINS).astype(int).clip(0, _BINS - 1)
        self._counts += np.bincount(jaw, minlength=_BINS)

    @property
    def gain(self) -> float:
        """What brings the percentile to LIVELY, within LEAST and MOST; 1 before anything has been heard."""
        total = self._counts.sum()
        if not total:
            return 1.0
        high = (np.searchsorted(self._counts.cumsum(), 0.95 * total) + 0.5) / _BINS
        return float(np.clip((total * LIVELY / high + TRUSTED) / (total + TRUSTED), LEAST, MOST))

    @property
    def factors(self) -> np.ndarray:
        out = np.ones(len(UNIT_NAMES), np.float32)
        out[[INDEX[name] for name in OPENING if name != "LipsFunnel"]] = self.gain
        return out


def width_of(speech: Any, sound: str | Path) -> Width:
    """That of a sound file's first minute. Raises SoundError."""
    width, stream, heard = Width(), speech.stream(), 0
    blocks = audio.decode(sound, speech.sample_rate)
    for block in itertools.takewhile(lambda _: heard < HEARD_SECONDS * speech.sample_rate, blocks):
        heard += len(block)
        width.hear(stream.push(block))
    width.hear(stream.finish(int(heard * speech.fps / speech.sample_rate)))
    return width
