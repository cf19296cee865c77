"""How a head moves while its mouth speaks: prosody in, one pose per frame out, in constant memory, without look-ahead.

People who talk to a camera hold a pose, go to another within a third of a second, and hold that. Each of the
first three is a measure of what they do (recipes/fit_head_motion.py learns all numbers of `assets/head_motion.json`
from clips with sound and pose):

* the wander of the head, an autoregressive process for each axis that leads back to the middle within seconds, so that
  nothing drifts. The head does not follow it but goes where it is whenever it moves; its innovations, and moves without
  a cause, are fewer while nobody speaks, and almost none in a long silence;
* gestures: where a syllable is stressed, or a phrase begins or ends, the head moves, beyond the wander in a random
  direction, further for a stronger stress, and takes that back a moment later;
* breathing, which never stops;
* nods at syllables, small and quick, most of them downwards;
* postures: where a phrase begins, and now and then elsewhere, the head settles a little more to one side, above all
  tilts, slowly, and stays there for some seconds.

What comes of wander and gestures is made larger or smaller by how much the head has moved of late, so that ten seconds
of any seed are neither a mask nor restless. One seed is one person: it draws the directions, how much of each axis this
one uses, and to which side, if any, this one's head leans when it turns.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np

from talkinghead.units.pose import NEUTRAL
from talkinghead.units.prosody import FPS, Beat

STRESSED = 1.0  # of the voice's usual; the stress from which a syllable is a gesture's
MOST = 2.0  # a shout is no larger gesture than this
WIDEST = 2.0  # spreads that one gesture goes
EVENTS = ("stress", "begins", "ends")
# The head follows where it is to go through two equal one-pole filters: its speed is highest two frames later, about at
# the nucleus that `Beat.stress` announces, and two thirds of the way are done within a fifth of a second.
POLE = 0.69
BACK_SECONDS = (0.25, 0.7)  # after which a gesture is taken back
UNCUED = 0.5  # moves a second that nothing in the voice tells of, no sooner after another than
SOONEST = 0.3  # seconds
# The learned wander trembles like the tracker that it was learned from. Where it leads is taken from it smoothed, and
# what a head that holds still does is a share of it.
CALMER, LARGER, ALIVE = 0.6, 1.4, 0.12
AT_REST_SECONDS = (0.5, 2.5)  # of silence: from here on the head calms down, and is calm
CALM = 0.1  # share of the innovations that is left then
STIRS, CALMS = 0.2, 0.6  # seconds in which a head becomes active, and less so
# Where a head has been of late is its middle: what leads away from the portrait for longer is taken back. That costs
# some of the movement, and the learned spread is of movement faster than a second or two, so it is stretched.
SETTLES = 2.5  # seconds
STRETCH = np.array([1.4, 1.5, 1.35])
USUAL, OF_LATE = 0.7, 2.0  # variance in spreads squared that a head keeps to, judged by so many seconds of speech
LEAST, LARGEST = 0.5, 2.6  # times that the movement is made as large
FAR = 2.8  # spreads from the middle that a head does not go beyond
# Postures: their standard deviation in degrees of yaw, pitch and roll, how many of those they go at most, and the pole
# of the filters through which the head goes there. One is held for HELD seconds at least; it is left where a phrase
# begins, after this share of the phrases that end, and so often a second while somebody speaks on.
POSTURE, AWRY, SETTLING = np.array([1.2, 0.7, 1.8]), 1.6, 0.9
HELD, LEFT_AT_ENDS, LEFT = 1.2, 0.4, 0.25
# Nods and shakes at syllables: the stress from which on they come, their standard deviation in degrees of yaw, pitch
# and roll, how many of those they lead downwards on average, their filters' pole and the frames until they are taken
# back.
NODDED, NOD, DOWN, QUICK, BRIEF = 0.5, np.array([0.3, 0.45, 0.2]), np.array([0, -1, 0]), 0.4, (3, 6)
# All of the motion is freed of its mean over so many seconds, and the next posture leads to the other side of that by
# this share of it.
EVENS_OUT, OTHER_SIDE = 4.5, 0.8
PERSONAL = 0.1  # standard deviation of the logarithm of each axis's share
# Who turns leans the head as well, each in a way of their own: over the clips of each of five people, the speeds of yaw
# and roll are correlated by -0.55, -0.10, 0.08, 0.73 and 0.74.
LEANS, LEANS_MOST = 0.5, 0.8  # standard deviation of that correlation over people, and its bound
BREATH = np.array([0.05, 0.3, 0.08])  # degrees of yaw, pitch and roll
BREATHS = 0.25  # a second


@cache
def learned() -> dict[str, np.ndarray]:
    """The fitted numbers: `spread` [3] degrees, `coefficients` [3, order], `innovation` [3, 3] and `quiet` of the
    wander, and for each event the mean [3] and covariance [3, 3] of its gesture, all but the first in spreads."""
    text = (files("talkinghead") / "assets" / "head_motion.json").read_text(encoding="utf-8")
    return {name: np.array(value) for name, value in json.loads(text).items()}


class HeadMotion:
    """Beats in, poses [6] float32 relative to the portrait out, one for each, 25 a second; see units/pose.py."""

    def __init__(self, seed: int, model: dict[str, np.ndarray] | None = None):
        self._random = np.random.default_rng([seed, 11])
        self._model = model or learned()
        person = np.exp(PERSONAL * self._random.standard_normal(3) - PERSONAL**2 / 2)
        self._spread = STRETCH * self._model["spread"] * person
        leans = LEANS * np.random.default_rng([seed, 14]).standard_normal()
        self._leans = float(np.clip(leans, -LEANS_MOST, LEANS_MOST))
        self._mix = np.linalg.cholesky(self._model["innovation"])
        self._past = np.zeros((self._model["coefficients"].shape[1], 3))
        self._slow, self._variance, self._middle = np.zeros((1, 3)), np.full(3, USUAL), np.zeros(3)
        self._goal, self._gesture, self._follows = np.zeros(3), np.zeros(3), np.zeros((2, 3))
        self._held, self._back = 0, 0  # frames since the head was told to move, and until a gesture is taken back
        self._active, self._phase, self._pace = 0.0, self._random.uniform(0, 2 * np.pi), 0.0
        self._nods, self._settles = (np.random.default_rng([seed, draws]) for draws in (16, 15))
        self._nod, self._nodding, self._brief = np.zeros(3), np.zeros((2, 3)), 0
        self._posture, self._leads, self._mean, self._stayed = np.zeros(3), np.zeros((2, 3)), np.zeros(3), 0

    def step(self, beat: Beat) -> np.ndarray:
        """The pose of the next frame."""
        self._stir(beat)
        wander = self._wander()
        self._move(beat, wander)
        at = _followed(self._follows, self._goal + self._gesture, POLE) + ALIVE * wander
        self._middle += (at - self._middle) / (SETTLES * FPS)
        away = self._evened(at - self._middle)
        away[2] = self._leans * away[0] + np.sqrt(1 - self._leans**2) * away[2]
        turned = FAR * np.tanh(away / FAR) * self._spread + self._settled(beat) + self._nodded(beat)
        self._mean += (turned - self._mean) / (EVENS_OUT * FPS)
        return np.concatenate([turned - self._mean + self._breath(), NEUTRAL[3:]]).astype(np.float32)

    def _nodded(self, beat: Beat) -> np.ndarray:
        """What nods make of the next frame, degrees [3]."""
        self._brief -= 1
        if beat.stress > NODDED:
            drawn = NOD * (self._nods.standard_normal(3) + DOWN)
            self._nod, self._brief = min(beat.stress, MOST) * drawn, int(self._nods.integers(*BRIEF))
        elif self._brief == 0:
            self._nod = np.zeros(3)
        return _followed(self._nodding, self._nod, QUICK)

    def _settled(self, beat: Beat) -> np.ndarray:
        """The posture of the next frame, degrees [3]."""
        self._stayed += 1
        often = 1.0 if beat.begins else LEFT_AT_ENDS if beat.ends else LEFT * self._active / FPS
        if self._settles.random() < often and self._stayed > HELD * FPS:
            drawn = POSTURE * self._settles.standard_normal(3).clip(-AWRY, AWRY)
            self._posture, self._stayed = drawn - OTHER_SIDE * self._mean, 0
        return _followed(self._leads, self._posture, SETTLING)

    def _evened(self, away: np.ndarray) -> np.ndarray:
        """How far the head goes, in spreads, that would go that far."""
        self._variance += self._active * (away**2 - self._variance) / (OF_LATE * FPS)
        return away * np.sqrt(USUAL / self._variance).clip(LEAST, LARGEST)

    def _stir(self, beat: Beat) -> None:
        """How active the head is: 1 in speech, the model's `quiet` in a pause, CALM in the end."""
        start, end = AT_REST_SECONDS
        resting = min(max((beat.silent - start) / (end - start), 0.0), 1.0)
        quiet = float(self._model["quiet"])
        wanted = 1.0 if not beat.silent else quiet + resting * (CALM - quiet)
        seconds = STIRS if wanted > self._active else CALMS
        self._active += (wanted - self._active) / (seconds * FPS)

    def _wander(self) -> np.ndarray:
        """One step of the process, smoothed: where the head would be."""
        innovation = self._active * (self._mix @ self._random.standard_normal(3))
        wander = (self._model["coefficients"].T * self._past).sum(0) + innovation
        self._past = np.concatenate([wander[None], self._past[:-1]])
        return LARGER * _followed(self._slow, wander, CALMER)

    def _move(self, beat: Beat, wander: np.ndarray) -> None:
        """Where the head is to go from now on: what it was told before, unless something happens."""
        strengths = (min(beat.stress, MOST) / STRESSED * (beat.stress > STRESSED), float(beat.begins), float(beat.ends))
        self._held, self._back = self._held + 1, self._back - 1
        cued, uncued = any(strengths), self._random.random() < UNCUED * self._active / FPS
        if cued or self._back == 0:
            self._gesture = self._drawn(strengths)
            self._back = round(FPS * self._random.uniform(*BACK_SECONDS)) if cued else 0
        if cued or uncued and self._held > SOONEST * FPS:
            self._goal, self._held = wander, 0

    def _drawn(self, strengths: tuple[float, ...]) -> np.ndarray:
        """The gesture [3] for events of these strengths, in spreads."""
        out = np.zeros(3)
        for event, strength in zip(EVENTS, strengths):
            if strength:
                mean, covariance = self._model[f"{event}_mean"], self._model[f"{event}_covariance"]
                out += strength * self._random.multivariate_normal(mean, covariance, method="cholesky")
        return out.clip(-WIDEST, WIDEST)

    def _breath(self) -> np.ndarray:
        self._pace += 0.02 * self._random.standard_normal() - 0.01 * self._pace
        self._phase += 2 * np.pi * BREATHS / FPS * np.exp(self._pace)
        return BREATH * np.sin(self._phase + np.array([1.0, 0.0, 2.0]))


def response(frames: int, pole: float = POLE) -> np.ndarray:
    """Where a head stands 0, 1, 2 ... frames after a gesture of 1 was asked for, taken back in the usual time."""
    follows, back = np.zeros((2, 1)), round(FPS * sum(BACK_SECONDS) / 2)
    return np.array([_followed(follows, np.array([float(frame < back)]), pole)[0] for frame in range(frames)])


def _followed(filters: np.ndarray, value: np.ndarray, pole: float) -> np.ndarray:
    """`value` [N] through one-pole filters one after the other, whose states [filters, N] change."""
    for state in filters:
        state += (1 - pole) * (value - state)
        value = state
    return value.copy()
