"""How far lips must be drawn pursed so that they are seen as pursed as a voice has them: units above rest in and out.

Drawn purses are not seen in proportion. On one face lips count as pursed from a small purse on and no further one is
told from that, on another only wide ones do; and parted lips are seen as pursed less than lips that nearly touch, on
every face. So a W and the "i" beside it look alike on the first, an open "aw" is lost on the second. How a purse is
read (LipsPucker and LipsFunnel together) is a table over GAPS between the lips and PURSES; `assets/purses.json`
(recipes/fit_purses.py) knows the mean table of many faces, what of it the shape of a mouth tells, and the main ways in
which tables vary besides. The few looks at a portrait that tell how its mouth seems to turn the head (steady.py) tell
those, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from gath.purse import PURSING
from talkinghead.face.outline import IOD, LOWER, OUTER, RING, UPPER, Outline
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap

PURSE, BOTH = INDEX[PURSING[0]], [INDEX[name] for name in PURSING]
PURSES = np.array([0, 0.06, 0.12, 0.18, 0.24, 0.3, 0.36, 0.42, 0.5, 0.6, 0.75], np.float32)  # LipsPucker beyond rest
FUNNEL = ((0, 0.3, 0.75), (0.02, 0.12, 0.2))  # LipsFunnel of a voice at so much LipsPucker
OPENED = (0, 0.3, 0.6, 1.0)  # of an opening that is typical of vowels...
TYPICAL = {"JawOpen": 0.2, "LipsLowerOpen": 0.25, "LipsUpperOpen": 0.27}  # ...which is this
TOLD = ((0, 2), (0, 2, 4, 6, 9))  # rows of OPENED and columns of PURSES whose outlines tell what to expect of a face
NOISE = 0.1  # by which a reading errs
TOP = 0.5  # a purse that is seen as it is asked: what it looks like, times the share of it asked, is what is wanted
FLOOR = 0.5  # readings of it that count as less count as this
SHAPE = 0.5  # of what a viewer goes by is the purse's shape, whatever a tracker reads, for each part that is read
LEAST, MOST = 0.5, 1.6  # times what is asked
KNOTS = np.linspace(0, 1, 21, dtype=np.float32)


def mouths() -> np.ndarray:
    """The mouths of a table, [G, P, 46] above rest."""
    out = np.zeros((len(OPENED), len(PURSES), len(UNIT_NAMES)), np.float32)
    for name, most in TYPICAL.items():
        out[..., INDEX[name]] = most * np.array(OPENED)[:, None]
    for name, much in zip(PURSING, (PURSES, np.interp(PURSES, *FUNNEL))):
        out[..., INDEX[name]] = much
    return out


GAPS = lip_gap(mouths()[:, 0])  # between the lips, inter-ocular distances
SIZE = len(GAPS) * len(PURSES)


@dataclass(frozen=True)
class Common:
    """What faces have in common: the mean table [S] (G times P), what is added to it for features that differ from the
    mean ones [F], [F, S], and ways to differ from that by one standard deviation each [R, S]."""

    mean: np.ndarray
    usual: np.ndarray
    told: np.ndarray
    ways: np.ndarray


@cache
def common() -> Common:
    text = (files("talkinghead") / "assets" / "purses.json").read_text(encoding="utf-8")
    return Common(**{name: np.array(value) for name, value in json.loads(text).items()})


def features(outline: Outline) -> np.ndarray:
    """What tells, without a look, how purses of a portrait will be read, [F]: sizes of the mouth in inter-ocular
    distances, as its outline is drawn."""
    rows, columns = TOLD
    units = (outline.rest + mouths()[np.ix_(rows, columns)].reshape(-1, len(UNIT_NAMES))).clip(0, 1)
    points = outline(units) / IOD
    outer, across = points[:, OUTER], np.ptp(points[:1, :RING, 0], axis=1)
    thick = [np.abs(points[:, RING + half, 1] - points[:, half, 1]).max(1)[[0, 3]] for half in (LOWER, UPPER)]
    return np.concatenate([*np.ptp(outer, axis=1).T, across, *thick])


def predicted(features: np.ndarray, faces: Common) -> np.ndarray:
    """The table [S] of a face with these features [F] that nobody has looked at."""
    return faces.mean + (features - faces.usual) @ faces.told


def updated(table: np.ndarray, beyond: np.ndarray, read: np.ndarray, faces: Common) -> np.ndarray:
    """The likeliest table [S] of a face of which this one was expected and on which units [N, 46] beyond rest were
    `read` [N, 46]."""
    at = _places(beyond)
    seen, left = at @ faces.ways.T, read[:, BOTH].sum(1) - at @ table
    share = np.linalg.solve(seen.T @ seen + NOISE**2 * np.eye(len(faces.ways)), seen.T @ left)
    return table + share @ faces.ways


def _places(units: np.ndarray) -> np.ndarray:
    """Where in a table units [N, 46] beyond rest are: the shares [N, S] of its entries."""
    shares = [
        np.stack([np.interp(of, knots, row) for row in np.eye(len(knots))], 1)
        for of, knots in ((lip_gap(units), GAPS), (units[:, PURSE], PURSES))
    ]
    return np.einsum("ng,np->ngp", *shares).reshape(len(units), SIZE)


class Purses:
    """Called with units [..., 46] above rest, gives those with which lips are seen as pursed as these ask, on a face
    with the `table` [S]."""

    def __init__(self, table: np.ndarray):
        self.table = table
        read = np.maximum.accumulate(table.reshape(len(GAPS), len(PURSES)), 1)
        read = read - read[:, 0].mean()
        most = max(float(np.mean([np.interp(TOP, PURSES, row) for row in read])), FLOOR)
        seen = read / most + SHAPE * PURSES / TOP
        further = seen[:, -1:] + SHAPE * (1 - PURSES[-1]) / TOP
        wanted = (1 + SHAPE) * KNOTS / TOP
        drawn = [np.interp(wanted, row, [*PURSES, 1]) for row in np.hstack([seen, further])]
        self._drawn = np.clip(drawn, LEAST * KNOTS, MOST * KNOTS)

    def __call__(self, units: np.ndarray) -> np.ndarray:
        out, purse = units.copy(), units[..., PURSE].clip(0, 1) * (len(KNOTS) - 1)
        at = np.interp(lip_gap(units), GAPS, np.arange(len(GAPS)))
        row, column = (part.astype(int).clip(0, most - 2) for part, most in zip((at, purse), self._drawn.shape))
        down, along = at - row, purse - column
        near, far = ((1 - along) * self._drawn[k, column] + along * self._drawn[k, column + 1] for k in (row, row + 1))
        out[..., PURSE] = ((1 - down) * near + down * far).clip(0, 1)
        return out
