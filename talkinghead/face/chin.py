"""Chins that fall with the jaw as far as people's do: the face's motion in, the same with more of the chin's out.

The flow generator lets a chin fall by a third of the gap between the lips; of talkers' it is more than half. The rest
is added here: the whole of it at the chin, less along the jaw towards its angles and up to the lips, and nothing on the
neck further down, which stays.
"""

from __future__ import annotations

import numpy as np

from talkinghead.face.curves import spline
from talkinghead.face.outline import IOD
from talkinghead.units.names import INDEX

JAW_OPEN = INDEX["JawOpen"]
DROP = 0.07  # inter-ocular distances by which a chin falls further under a JawOpen of one
# MediaPipe mesh points and their share of that: the jaw's edge from the chin to its angles, the chin's front, the skin
# below the lips, and what stays.
JAW = {1.0: (152, 148, 377, 176, 400), 0.85: (149, 378), 0.7: (150, 379), 0.5: (136, 365), 0.3: (172, 397)}
FRONT = {0.95: (175,), 0.85: (199,), 0.7: (200,), 0.45: (18,), 0.3: (83, 313)}
NOSE = 2  # its base: nothing moves above
STILL = (NOSE, 58, 288, 132, 361, 93, 323, 61, 291, 57, 287, 205, 425, 50, 280, 207, 427)
NECK = ((0.22, 0.4), (0.42, 0.0))  # so many inter-ocular distances below the jaw's edge is its motion times this


class Chin:
    """Of one portrait; `points` [478, 2] are its landmarks in fractions of the aligned face, whose maps have `size`."""

    def __init__(self, points: np.ndarray, units: np.ndarray, size: int):
        self._own = float(units[JAW_OPEN])
        at, shares = [points[list(STILL)]], [np.zeros(len(STILL))]
        for part, beneath in ((JAW, NECK), (FRONT, ())):
            for share, rows in part.items():
                for below, of in ((0.0, 1.0), *beneath):
                    at.append(points[list(rows)] + (0, below * IOD))
                    shares.append(np.full(len(rows), share * of))
        middles = (np.arange(size, dtype=np.float32) + 0.5) / size
        grid = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
        field = spline(np.vstack(at).astype(np.float32), np.concatenate(shares)[:, None], grid).reshape(size, size)
        self._field = np.float32(DROP * IOD) * field.clip(0, 1) * (middles > points[NOSE, 1])[:, None]

    def __call__(self, flow: np.ndarray, units: np.ndarray) -> np.ndarray:
        """The backward `flow` [2, S, S] of a face under units [46], with the chin as far down as that says."""
        flow = flow.copy()
        flow[1] -= np.float32(units[JAW_OPEN] - self._own) * self._field
        return flow
