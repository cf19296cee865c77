"""How widely a voice opens the mouth, and what makes that as wide as people open theirs: `--gain auto`.

Voices differ, and so does what a network makes of them: a murmur that is read as half-closed lips throughout looks
wrong beside a lively talker. Vectors of units above rest in, one factor for the openings out.
"""

from __future__ import annotations

import copy
import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from talkinghead.media import audio
from talkinghead.media.timing import frames_in
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
JAW, LIPS = INDEX["JawOpen"], [INDEX["LipsLowerOpen"], INDEX["LipsUpperOpen"]]
PURSE, SPREAD = 1.5, 7.0  # times what the network says: drawn lips purse and spread less than they are asked to
FOLLOWS = 1.23  # LipsLowerOpen for each JawOpen in open vowels
NARROWER, WIDER = 0.5, 3.2  # times what the lips themselves are asked, at least and at most
APART = 1.1  # power by which jaws are moved apart: a network gives the mean of what it is not sure of, people do not
ROLLED, RAISED = (INDEX["LipsLowerClose"], INDEX["LipsUpperClose"]), INDEX["LipsUpperUp"]
TUCKS = (0.05, 0.09)  # by which the lower lip rolls in more than the upper one: f or v from, and for sure at
SURE = (0.4, 0.7)  # of f or v, from and for sure at, where the network tells
TUCKED = (0.2, 0.03)  # LipsLowerClose beyond LipsUpperClose, and LipsUpperUp, of a lip at the teeth
OPEN = 0.07  # LipsLowerOpen from which a wide jaw takes the lips fully along; at 0, where lips touch, not at all


def parted(units: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Units [..., 46] above rest, the lips as far apart as before times `ratio` [...]."""
    out = units.copy()
    out[..., LIPS] = (units[..., LIPS] * ratio[..., None]).clip(0, 1)
    return out


def with_jaw(units: np.ndarray) -> np.ndarray:
    """Units [..., 46] above rest whose lips part as the jaw falls: vowels differ in their lips as they do in the jaw.

    A voice model knows the jaw of a vowel better than its lips, but the jaw of a drawn face is seen by its lower lip.
    Jaws that are about half open fall less: talkers' do so more seldom than a model's.
    """
    lower, jaw = units[..., LIPS[0]], units[..., JAW] * (units[..., JAW] / LIVELY).clip(0, 1) ** (APART - 1)
    ratio = (FOLLOWS * jaw / np.maximum(lower, 1e-3)).clip(NARROWER, WIDER)
    out = parted(units, np.where(ratio > 1, 1 + (ratio - 1) * (lower / OPEN).clip(0, 1), ratio))
    out[..., JAW] = jaw
    return out


def with_tuck(units: np.ndarray, heard: float | None = None) -> np.ndarray:
    """Units [..., 46] above rest whose lower lip lies at the upper teeth where f or v is `heard`, 0 to 1, or,
    where that is None, where it rolls in more than the upper one.

    A network that is not sure rolls it in by half, which would look like a mouth that is nearly closed.
    """
    lower, upper = (units[..., column] for column in ROLLED)
    tuck = np.interp(lower - upper, TUCKS, (0, 1)) if heard is None else np.interp(heard, SURE, (0, 1))
    out = units.copy()
    out[..., ROLLED[0]] = np.maximum(lower, tuck * (TUCKED[0] + upper)).clip(0, 1)
    out[..., RAISED] = np.maximum(units[..., RAISED], tuck * TUCKED[1])
    return out


def drawn(model: Any, heard: np.ndarray) -> np.ndarray:
    """What `model` gave, [T, 46 to 49], as a face is to be drawn: networks have units as people have them, and drawn
    lips want more than that (audio2au.recurrent.Settled); phones that are known are played as they are."""
    return model.drawn(heard) if hasattr(model, "drawn") else heard


class Width:
    """Follows the 95th percentile of JawOpen; `factors` [46] are 1 but for the openings, PURSE and SPREAD."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS)

    def hear(self, units: np.ndarray) -> None:
        """`units` [T, 46] above rest, as the speech model gives them."""
        jaw = (units[units[:, LIPS].sum(1) > PARTED, JAW] * _BINS).astype(int).clip(0, _BINS - 1)
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
        out[[INDEX[name] for name in OPENING]] = self.gain
        out[[INDEX["LipsPucker"], INDEX["LipsFunnel"]]] = PURSE
        out[[INDEX["LipsStretch_L"], INDEX["LipsStretch_R"]]] = SPREAD
        return out


class Begun:
    """A speech model that has heard the first minute of a sound file, so as to know its `width`; its one stream, of the
    same sound, need not hear that again, nor need the file be decoded again: `blocks` are all of it, once."""

    def __init__(self, speech: Any, sound: str | Path):
        """Raises SoundError."""
        self.sample_rate, self.fps, self.width = speech.sample_rate, speech.fps, Width()
        self._stream, self._heard, self._pushed, self._given = speech.stream(), 0, 0, 0
        self._speech, known = speech, [self._stream.push(np.zeros(0, np.float32))]
        decoded, first = audio.decode(sound, speech.sample_rate), list[np.ndarray]()
        while more := self._heard < HEARD_SECONDS * speech.sample_rate:
            if (block := next(decoded, None)) is None:
                break
            first.append(block)
            self._heard += len(block)
            known.append(self._stream.push(block))
            self.width.hear(self.drawn(known[-1]))
        self.blocks = itertools.chain(first, decoded)
        # What is owed until there, as if silence followed, without an end of the stream itself if it goes on.
        seconds, given = Fraction(self._heard, speech.sample_rate), sum(map(len, known))
        last = self._stream if more else copy.deepcopy(self._stream)
        owed = last.finish(frames_in(seconds, Fraction(speech.fps)))
        self.width.hear(self.drawn(owed[: max(int(seconds * Fraction(speech.fps)) - given, 0)]))
        self._known = np.concatenate([*known, owed] if more else known)

    def drawn(self, heard: np.ndarray) -> np.ndarray:
        return drawn(self._speech, heard)

    def stream(self) -> Begun:
        return self

    def push(self, samples: np.ndarray) -> np.ndarray:
        """As the model's stream, but frames that are known are given as soon as they are heard."""
        new = samples[max(self._heard - self._pushed, 0) :]
        self._pushed += len(samples)
        ready = len(self._known)
        if self._pushed < self._heard:
            ready = min(int(self._pushed * self.fps / self.sample_rate) - self._given, ready)
        given, self._known = self._known[:ready], self._known[ready:]
        self._given += ready
        return np.concatenate([given, self._stream.push(new)]) if len(new) else given

    def finish(self, frames: int | None = None) -> np.ndarray:
        return np.concatenate([self._known, self._stream.finish(frames)])
