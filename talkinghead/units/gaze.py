"""Where the eyes look while somebody talks, and what the lids do with them.

Eyes rest on the camera in fixations that are never quite the same, jump away for a moment now and then, more often when
a phrase begins, and come back, at the latest when it ends. A jump takes a frame, a large one two or three. Whatever the
head does, they turn against it, or they would leave what they look at (the vestibulo-ocular reflex). Angles are
degrees, positive to the subject's own left and up, as in units/pose.py, and count from where the portrait looks.

UNITS_PER_DEGREE and LID_PER_UNIT are what the tracker shows of six talkers of the corpus who look into the camera while
they turn the head (r = -0.95 between yaw and gaze in three of them): 0.042 of EyeOut less EyeIn a degree.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.brows import raise_brows
from talkinghead.units.names import INDEX
from talkinghead.units.prosody import FPS, Beat

UNITS_PER_DEGREE = 0.042
LID_PER_UNIT = 0.22  # of EyeBlink for a unit of looking down
FIXATION = (0.5, 2.2)  # seconds
GLANCE = (0.35, 1.1)
SMALL = 0.7  # degrees, the standard deviation of fixations around the camera
ASIDE, UP_OR_DOWN = (4.0, 9.0), (-4.0, 2.5)  # degrees, of glances
AWAY = 0.14  # chance that a fixation on the camera is followed by a glance
AT_BEGINNING = 0.3  # the same where a phrase begins
FURTHER = 0.2  # chance that a glance is followed by a second
LARGE = 3.0  # degrees of a jump, from which people tend to blink with it
STRIDE, SHARE = 5.0, 0.55  # degrees that eyes go in one frame; of a longer way, what is gone in the first
FARTHEST = 12.0  # degrees from the middle of the eye


class Gaze:
    """Beats and poses [6] in, the angles [2] of the eyes in the head out, 25 a second."""

    def __init__(self, seed: int):
        self._random = np.random.default_rng([seed, 12])
        self._target, self._at = np.zeros(2), np.zeros(2)
        self._glances, self._left = 0, self._draw(FIXATION)  # glances since the eyes left the camera
        self.jumped = 0.0  # degrees, in the last frame

    def step(self, beat: Beat, pose: np.ndarray) -> np.ndarray:
        """Degrees to the own left and up."""
        before, self._left = self._target, self._left - 1
        if beat.begins and not self._glances and self._random.random() < AT_BEGINNING:
            self._glance()
        elif self._left <= 0 or beat.ends and self._glances:
            if not beat.ends and self._random.random() < (AWAY, FURTHER, 0.0)[self._glances]:
                self._glance()
            else:
                self._target, self._glances = SMALL * self._random.standard_normal(2), 0
                self._left = self._draw(FIXATION)
        self.jumped = float(np.hypot(*(self._target - before)))
        left = self._target - self._at
        self._at = self._at + left * (SHARE if np.hypot(*left) > STRIDE else 1)
        return (self._at - pose[:2]).clip(-FARTHEST, FARTHEST)

    def _glance(self) -> None:
        side = self._random.choice((-1.0, 1.0))
        self._target = np.array([side * self._random.uniform(*ASIDE), self._random.uniform(*UP_OR_DOWN)])
        self._glances, self._left = self._glances + 1, self._draw(GLANCE)

    def _draw(self, seconds: tuple[float, float]) -> int:
        return round(FPS * self._random.uniform(*seconds))


def look(units: np.ndarray, angles: np.ndarray, lift: float, gain: float | np.ndarray = 1.0) -> np.ndarray:
    """Units [46] with the eyes turned by `angles` [2] from where they look, lids that follow, brows raised by `lift`.

    `gain` multiplies what is changed, a number or one for each unit.
    """
    out = units.copy()
    aside, up = UNITS_PER_DEGREE * angles
    for side, outward in ("L", aside), ("R", -aside):
        _turn(out, f"EyeOut_{side}", f"EyeIn_{side}", outward)
        _turn(out, f"EyeUp_{side}", f"EyeDown_{side}", up)
        out[INDEX[f"EyeBlink_{side}"]] -= LID_PER_UNIT * up
    raise_brows(out, lift)
    return (units + gain * (out - units)).clip(0, 1).astype(np.float32)


def _turn(units: np.ndarray, more: str, less: str, by: float) -> None:
    """Both of a pair changed so that `more` minus `less` grows by that; what both have in common stays."""
    common, difference = min(units[INDEX[more]], units[INDEX[less]]), units[INDEX[more]] - units[INDEX[less]] + by
    units[INDEX[more]], units[INDEX[less]] = common + max(difference, 0.0), common + max(-difference, 0.0)
