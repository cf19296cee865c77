"""Eyes that look aside as far as they are asked to: units in, units for the generator out.

The flow generator moves an iris about half as far as a tracker would have it, so more is asked of it; but not so much
that the iris loses its shape.
"""

from __future__ import annotations

import numpy as np

from talkinghead.units.names import INDEX

# Times the change that is wished for, chosen on val; no more than MOST in all is asked, for beyond it irises bend.
TIMES, MOST = 2.0, 1.2
ASIDE = [INDEX[f"{name}_{side}"] for name in ("EyeIn", "EyeOut") for side in "LR"]


def looking_aside(units: np.ndarray, own: np.ndarray) -> np.ndarray:
    """What to ask of the generator for units [N, 46] to be seen on a portrait whose own are `own` [46]."""
    out = units.copy()
    change = TIMES * (units[:, ASIDE] - own[ASIDE])
    out[:, ASIDE] = own[ASIDE] + change / (1 + (change / MOST) ** 4) ** 0.25
    return out
