"""How far an expression, as it is drawn, looks like a turn of the head: units in, degrees of yaw, pitch and roll out.

Where brows, lips and chin are tells an eye, and a tracker, how a head is turned: on a head that stands still, lips that
open are seen as a nod of a degree or two. recipes/fit_expression_pose.py learned how far from pictures drawn here.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np

from talkinghead.units.names import UNIT_NAMES

MOST = 3.0  # degrees: a linear map is not to be trusted further


@cache
def learned() -> np.ndarray:
    """Degrees [46, 3] for each unit."""
    text = (files("talkinghead") / "assets" / "expression_pose.json").read_text(encoding="utf-8")
    degrees = json.loads(text)
    return np.array([degrees[name] for name in UNIT_NAMES])


def looks_turned(change: np.ndarray) -> np.ndarray:
    """Degrees [..., 3] by which a head seems to turn when its units change by [..., 46], although it stands still."""
    return (change @ learned()).clip(-MOST, MOST)
