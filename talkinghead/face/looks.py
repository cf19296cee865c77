"""How a mouth that speaks looks like turns of the head: what faces have in common, and a portrait's own share of it.

A mouth that opens or purses moves lips and chin, and a tracker that fits a head to them, as an eye does, sees it nod
by a degree or two, differently on every face; lids that close do the same on some. `assets/looks.json`
(recipes/fit_looks.py) knows how that differs: the mean of many faces' maps from what a mouth does to degrees, and the
main ways in which those maps vary. So a few pictures of a portrait tell its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from talkinghead.face.purses import Purses
from talkinghead.units.names import INDEX

# Units beyond rest that count, the first few of them also by their squares and products.
UNITS = (
    "JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsPucker", "LipsFunnel",
    "LipsUpperClose", "LipsLowerClose", "LipsStretch_L", "JawChew",
)  # fmt: skip
BENT = 5
COLUMNS = [INDEX[name] for name in UNITS]
PAIRS = np.triu_indices(BENT)
# Lips that part are seen as an open mouth at once, whatever they do then: of the gap that is drawn, in inter-ocular
# distances, count the shares of these that it has, each also times a purse.
PARTED = (0.03, 0.06, 0.12)
PUCKER = UNITS.index("LipsPucker")
NOISE = 0.3  # degrees by which a tracker errs in one picture


@dataclass(frozen=True)
class Common:
    """What faces have in common: the mean map [K, 3], ways to differ from it by one standard deviation each [R, K, 3],
    and the mouths [N, 10] that tell them apart best, as `features` takes them."""

    mean: np.ndarray
    ways: np.ndarray
    mouths: np.ndarray


@dataclass(frozen=True)
class Looks:
    """Units [46] and how far lids are closed in, the degrees [3] of yaw, pitch and roll out that a face with this rest
    [46] seems to turn by beyond those at rest; `shut` [3] are those of lids alone, `drawn` gives the gap between the
    lips that is drawn for units [..., 46] beyond rest, and `purses` those that are seen as they are asked."""

    rest: np.ndarray
    drawn: Callable[[np.ndarray], np.ndarray]
    map: np.ndarray
    shut: np.ndarray
    purses: Purses

    def __call__(self, units: np.ndarray, closed: float = 0.0) -> np.ndarray:
        return features(mouth(units - self.rest, self.drawn)) @ self.map + closed * self.shut


@cache
def common() -> Common:
    text = (files("talkinghead") / "assets" / "looks.json").read_text(encoding="utf-8")
    return Common(**{name: np.array(value) for name, value in json.loads(text).items()})


def of_faces(rest: np.ndarray, drawn: Callable[[np.ndarray], np.ndarray], purses: Purses) -> Looks:
    """What is known of a face with this rest [46] that nobody has looked at."""
    mean = common().mean
    return Looks(rest, drawn, mean, np.zeros(mean.shape[1]), purses)


def mouth(beyond: np.ndarray, drawn: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What a mouth does [..., 10]: UNITS of all those beyond rest [..., 46], and the gap between its lips."""
    return np.concatenate([beyond[..., COLUMNS], drawn(beyond)[..., None]], -1)


def features(mouths: np.ndarray) -> np.ndarray:
    """Of mouths [..., 10]: [..., K]."""
    beyond, gap = mouths[..., :-1], mouths[..., -1:]
    bent, parted = beyond[..., :BENT], (gap / PARTED).clip(0, 1)
    pursed = parted * beyond[..., [PUCKER]].clip(0)
    return np.concatenate([beyond, bent[..., PAIRS[0]] * bent[..., PAIRS[1]], parted, pursed], -1)


def own_map(mouths: np.ndarray, turned: np.ndarray, faces: Common) -> np.ndarray:
    """The likeliest map [K, 3] of a face that under `mouths` [N, 10] was seen `turned` [N, 3] degrees."""
    seen = features(mouths)
    ways = np.einsum("nk,rkc->ncr", seen, faces.ways).reshape(-1, len(faces.ways))
    left = (turned - seen @ faces.mean).ravel()
    share = np.linalg.solve(ways.T @ ways + NOISE**2 * np.eye(ways.shape[1]), ways.T @ left)
    return faces.mean + np.tensordot(share, faces.ways, 1)
