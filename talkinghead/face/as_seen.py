"""What to ask of a portrait so that it is seen to show what its driver does: a driver's units in, those to draw out.

A tracker does not read on a portrait quite what was asked of it: nine tenths of the error of many units is the same in
every frame. So a few frames' expressions are drawn and looked at (steady.py), and what is read too much or too little
on average is made up for, once for the clip: of gaze and of lips that purse wholly, for that costs no likeness; of all
others only so far as it leads back to the portrait's own expression. Brows that rise farther from where they were
photographed than these do stretch what lies below them.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.names import INDEX, UNIT_NAMES

WHOLLY = [k for k, name in enumerate(UNIT_NAMES) if name.startswith(("EyeIn", "EyeOut", "EyeUp", "EyeDown"))]
WHOLLY += [INDEX["LipsPucker"], INDEX["LipsFunnel"]]
MOST = 0.25  # that is made up for
BROWS = [INDEX[name] for name in ("BrowsU_L", "BrowsU_R", "BrowsU_C")]
# Brows rise as asked up to the first number above the portrait's own, and never farther than the second.
RISEN = (0.4, 0.75)


def as_seen(units: np.ndarray, asked: np.ndarray, read: np.ndarray, own: np.ndarray) -> np.ndarray:
    """What to ask for instead of units [T, 46], of which `asked` [N, 46] were drawn on a portrait whose own are `own`
    [46] and `read` [N, 46] were seen."""
    missing = (asked - read).mean(0)
    missing = MOST * np.tanh(missing / MOST)
    way = own - units.mean(0)
    back = np.where(missing * way > 0, np.sign(missing) * np.minimum(abs(missing), abs(way)), 0)
    back[WHOLLY] = missing[WHOLLY]
    out = units + back
    risen, (knee, most) = out[:, BROWS] - own[BROWS], RISEN
    soft = knee + (most - knee) * np.tanh((risen - knee) / (most - knee))
    out[:, BROWS] = own[BROWS] + np.where(risen > knee, soft, risen)
    return out.clip(0, 1).astype(np.float32)
