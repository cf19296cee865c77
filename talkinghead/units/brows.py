"""Brows that rise while somebody talks: on some stressed words and where phrases begin, held for a moment, and with the
head.

People raise their brows for a word or a phrase rather than for a syllable, sink them where it ends, and raise them
further when they look up. As the tracker sees ten clips of talkers (the corpus's, with sound), brows have a standard
deviation of 0.08 once what goes with the head is taken away, 0.06 to 0.09 in most, 0.07 without the tracker's own
restlessness; they rise by 0.023 a degree of pitch, where those of a drawn face that does not move them seem to rise by
0.005.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.names import INDEX
from talkinghead.units.prosody import FPS, Beat

STRESSED = 1.1  # of the voice's usual; the stress from which a syllable may raise brows
CHANCES = {"begins": 0.5, "stress": 0.35}
LIFT = (0.07, 0.2)  # how far, times the stress
STRONGEST = 1.3  # a stronger stress raises them no further
HELD = (0.15, 1.6)  # seconds, but not beyond the end of a phrase
POLE = 0.66  # of the two equal filters through which they follow: up within a fifth of a second
PER_DEGREE = 0.015  # of pitch
LOWEST, HIGHEST = -0.08, 0.3
ASIDE = 0.7  # of the rise of the inner ends: that of the outer ones
PERSONAL = 0.25  # standard deviation of the logarithm of how lively a person's brows are


class Brows:
    """Beats and degrees of pitch in, how far the brows are raised out (below 0: lowered), 25 a second."""

    def __init__(self, seed: int):
        self._random = np.random.default_rng([seed, 13])
        self._lively = np.exp(PERSONAL * self._random.standard_normal())
        self._goal, self._left, self._follows = 0.0, 0, np.zeros(2)

    def step(self, beat: Beat, pitch: float) -> float:
        self._left -= 1
        chance = CHANCES["begins"] if beat.begins else CHANCES["stress"] * (beat.stress > STRESSED)
        if chance and self._random.random() < chance:
            self._goal = self._lively * self._random.uniform(*LIFT) * min(max(beat.stress, 1.0), STRONGEST)
            self._left = round(FPS * self._random.uniform(*HELD))
        elif beat.ends or self._left <= 0:
            self._goal = 0.0
        towards = self._goal
        for k in range(len(self._follows)):
            self._follows[k] += (1 - POLE) * (towards - self._follows[k])
            towards = self._follows[k]
        return float(np.clip(towards + PER_DEGREE * pitch, LOWEST, HIGHEST))


def raise_brows(units: np.ndarray, by: float) -> None:
    """`units` [46], changed in place: brows that are drawn down are let go before they rise."""
    for side in "LR":
        up, down = INDEX[f"BrowsU_{side}"], INDEX[f"BrowsD_{side}"]
        units[down] -= ASIDE * by
        units[up] += ASIDE * by
    units[INDEX["BrowsU_C"]] += by
