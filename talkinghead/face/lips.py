"""What mouths do with units: those of a portrait in, the same face's at rest out; any in, those a mouth can show out.

Speech moves the lips from the portrait's own expression, but one photographed with an open laugh must close when nobody
speaks.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.moods import CLOSED_SMILE
from talkinghead.units.names import INDEX, LIP_OPENING_SCALE, lip_gap

PHOTOGRAPHED_OPEN = 0.025  # inter-ocular distances from which lips count as open in the photograph
# How open a mouth at rest may be: about the highest values that 9 of 10 portraits with a closed mouth stay under (5,900
# of the corpus), lower for smiles, which would keep the lips from meeting.
REST_LIMITS = {
    "JawOpen": 0.02, "LipsUpperOpen": 0.3, "LipsLowerOpen": 0.4, "LipsUpperUp": 0.2, "LipsLowerDown": 0.07,
    "LipsFunnel": 0.02, "LipsPucker": 0.2, "MouthSmile_L": CLOSED_SMILE, "MouthSmile_R": CLOSED_SMILE,
}  # fmt: skip
# Lips that a smile drew apart close under a narrower one; no narrower than that, or the face would be less like itself,
# nor broader: the identity is hardly nearer, and lips that speak are read less well.
LAUGH_LIMITS = {
    "MouthSmile_L": 0.45, "MouthSmile_R": 0.45, "LipsUpperUp": 0.15, "LipsUpperOpen": 0.05, "LipsLowerOpen": 0.12,
}  # fmt: skip
PARTING = ("JawOpen", "LipsUpperOpen", "LipsLowerOpen", "LipsLowerDown")
# Lips part at least so far, in inter-ocular distances: the second number for each unit beyond the first. Of 14,900
# frames of talkers' clips 0.5 % stay under that of JawOpen by more than 0.02, and 5 % of those with a funnel under its.
JAW_PARTS, FUNNEL_PARTS = (0.1, 0.5), (0.1, 0.22)
# Units that talkers' faces show less from the first number of LipsPucker on and not at all over the second, or over so
# many times those of LipsFunnel.
PURSES, FUNNELS = (0.05, 0.4), 1.5
PURSED = 0.6  # of LipsPucker beyond rest: about the most that speech asks for
SPREADING = [INDEX[f"{name}_{side}"] for name in ("MouthSmile", "LipsStretch", "MouthDimple") for side in "LR"]
SPREADING += [INDEX["LipsUpperUp"], INDEX["LipsLowerDown"]]


def rest_units(units: np.ndarray, photographed: float, shut: float = 0.0) -> np.ndarray:
    """The units [46] of a portrait at rest whose own are given, `photographed` with this gap between its lips; of one
    that laughs so much as `shut` in [0, 1] says of what parts lips goes as well."""
    rest, limits = units.copy(), dict(REST_LIMITS)
    if photographed > PHOTOGRAPHED_OPEN:
        limits |= LAUGH_LIMITS
        limits |= {name: limits[name] * (1 - shut) for name in PARTING}
    for name, limit in limits.items():
        rest[INDEX[name]] = min(rest[INDEX[name]], limit)
    return rest


def possible(units: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Units [..., 46] as the mouth can show them of a portrait whose `own` [46] it shows as they are: a jaw that falls
    parts the lips, unless JawChew says that it does not, a funnel parts them, and lips that purse do not smile."""
    out = units.copy()
    more = [now.clip(before) - before for now, before in zip(_missing(units), _missing(own))]
    for name, further, scale in zip(("LipsUpperOpen", "LipsLowerOpen"), more, LIP_OPENING_SCALE):
        out[..., INDEX[name]] = (units[..., INDEX[name]] + further / scale).clip(0, 1)
    smiles, before = (1 + 1e-6 - pursed(given) for given in (units, own))
    out[..., SPREADING] *= (smiles / before).clip(0, 1)[..., None]
    return out


def _missing(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much further upper and lower lip must open under units [..., 46], for a jaw or a funnel parts them."""
    jaw, funnel = units[..., INDEX["JawOpen"]] - units[..., INDEX["JawChew"]], units[..., INDEX["LipsFunnel"]]
    least = [slope * (unit - first) for unit, (first, slope) in ((jaw, JAW_PARTS), (funnel, FUNNEL_PARTS))]
    wide = lip_gap(units)
    lower = (least[0] - wide).clip(0)  # a jaw takes the lower lip along, a funnel turns out both
    both = (least[1] - wide - lower).clip(0) / 2
    return both, both + lower


def pursed(units: np.ndarray) -> np.ndarray:
    """How far lips purse under units [..., 46]: not at all, or so that they do not smile."""
    most = np.maximum(units[..., INDEX["LipsPucker"]], units[..., INDEX["LipsFunnel"]] / FUNNELS)
    return np.interp(most, PURSES, (0, 1))


def purse(units: np.ndarray) -> np.ndarray:
    """The units [46] with lips that purse as far as speech has them."""
    out = units.copy()
    out[INDEX["LipsPucker"]] = min(units[INDEX["LipsPucker"]] + PURSED, 1.0)
    return out
