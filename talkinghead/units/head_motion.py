"""How a head moves while its mouth speaks: prosody in, one pose per frame out, in constant memory, without look-ahead.

Three things are added up, each a measure of what people who talk to a camera do (recipes/fit_head_motion.py learns all
numbers of `assets/head_motion.json` from clips with sound and pose):

* the wander of the head, an autoregressive process for each axis that leads back to the middle within seconds, so that
  nothing drifts, slowed down; its innovations are smaller while nobody speaks, and almost nothing in a long silence;
* gestures: where a syllable is stressed, or a phrase begins or ends, the head is pushed in a random direction, further
  for a stronger stress, and comes back;
* breathing, which never stops.

What comes of it is made larger or smaller by how much the head has moved of late, so that ten seconds of any seed are
neither a mask nor restless. One seed is one person: it draws the directions, and how much of each axis this one uses.
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
# A gesture is an impulse through three equal one-pole filters, whose speed is highest two frames later, at the nucleus
# that `Beat.stress` announces, and a leak that brings the head back.
POLE = 0.5
RETURN_SECONDS = 0.7
# The learned wander is that of a tracked head and trembles as trackers do: as it is, it is faster than the gestures and
# hides them. Two equal one-pole filters leave what is slow, which is made larger.
CALMER, LARGER = 0.8, 1.3
AT_REST_SECONDS = (0.5, 2.5)  # of silence: from here on the head calms down, and is calm
CALM = 0.12  # share of the innovations that is left then
STIRS, CALMS = 0.2, 0.6  # seconds in which a head becomes active, and less so
# Where a head has been of late is its middle: what leads away from the portrait for longer is taken back. That costs
# some of the movement, and the learned spread is of movement faster than a second or two, so it is stretched.
SETTLES = 2.5  # seconds
STRETCH = np.array([1.5, 1.7, 1.5])
USUAL, OF_LATE = 0.7, 2.5  # variance in spreads squared that a head keeps to, judged by so many seconds of speech
LEAST, LARGEST = 0.5, 1.6  # times that the movement is made as large
FAR = 3.5  # spreads from the middle that a head does not go beyond
PERSONAL = 0.1  # standard deviation of the logarithm of each axis's share
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
        self._mix = np.linalg.cholesky(self._model["innovation"])
        self._past = np.zeros((self._model["coefficients"].shape[1], 3))
        self._slow, self._variance = np.zeros((2, 3)), np.full(3, USUAL)
        self._pushed, self._gesture, self._middle = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
        self._active, self._phase, self._pace = 0.0, self._random.uniform(0, 2 * np.pi), 0.0

    def step(self, beat: Beat) -> np.ndarray:
        """The pose of the next frame."""
        self._stir(beat)
        innovation = self._active * (self._mix @ self._random.standard_normal(3))
        wander = (self._model["coefficients"].T * self._past).sum(0) + innovation
        self._past = np.concatenate([wander[None], self._past[:-1]])
        self._push(beat)
        at = LARGER * _followed(self._slow, wander, CALMER) + self._gesture
        self._middle += (at - self._middle) / (SETTLES * FPS)
        turned = FAR * np.tanh(self._evened(at - self._middle) / FAR) * self._spread + self._breath()
        return np.concatenate([turned, NEUTRAL[3:]]).astype(np.float32)

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

    def _push(self, beat: Beat) -> None:
        """One step of all gestures, and a new one where something happens."""
        strengths = (min(beat.stress, MOST) / STRESSED * (beat.stress > STRESSED), float(beat.begins), float(beat.ends))
        impulse = np.zeros(3)
        for event, strength in zip(EVENTS, strengths):
            if strength:
                mean, covariance = self._model[f"{event}_mean"], self._model[f"{event}_covariance"]
                impulse += strength * self._random.multivariate_normal(mean, covariance, method="cholesky")
        impulse = _followed(self._pushed, impulse.clip(-WIDEST, WIDEST), POLE)
        self._gesture = (1 - 1 / (RETURN_SECONDS * FPS)) * self._gesture + impulse

    def _breath(self) -> np.ndarray:
        self._pace += 0.02 * self._random.standard_normal() - 0.01 * self._pace
        self._phase += 2 * np.pi * BREATHS / FPS * np.exp(self._pace)
        return BREATH * np.sin(self._phase + np.array([1.0, 0.0, 2.0]))


def response(frames: int) -> np.ndarray:
    """Where a head stands 0, 1, 2 ... frames after a gesture of 1 was asked for, [frames]."""
    pushed, at, out = np.zeros((3, 1)), 0.0, []
    for frame in range(frames):
        impulse = float(_followed(pushed, np.array([frame == 0], float), POLE)[0])
        at = (1 - 1 / (RETURN_SECONDS * FPS)) * at + impulse
        out.append(at)
    return np.array(out)


def _followed(filters: np.ndarray, value: np.ndarray, pole: float) -> np.ndarray:
    """`value` [N] through one-pole filters one after the other, whose states [filters, N] change."""
    for state in filters:
        state += (1 - pole) * (value - state)
        value = state
    return value.copy()
