"""How far an expression, as it is drawn, looks like a nod: units in, degrees of pitch out.

Where brows, lips and chin are tells an eye, and a tracker, how a head is turned: on a head that stands still, lips that
open are seen as a nod of a degree or two. recipes/fit_expression_pitch.py learned how far from pictures drawn here.
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
    """Degrees of pitch [46] for each unit."""
    text = (files("talkinghead") / "assets" / "expression_pitch.json").read_text(encoding="utf-8")
    degrees = json.loads(text)
    return np.array([degrees[name] for name in UNIT_NAMES])


def looks_up(change: np.ndarray) -> np.ndarray:
    """Degrees [...] by which a head seems to look up when its units change by [..., 46], although it stands still."""
    return (change @ learned()).clip(-MOST, MOST)
