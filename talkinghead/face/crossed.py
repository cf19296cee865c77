"""Eyes that cross no farther than people's do: units in, units that a photograph's eyes can show out."""

from __future__ import annotations

import numpy as np

from talkinghead.units.names import INDEX

# How far both eyes turn to the nose on average, as units: left alone up to the first number, or up to where the
# portrait's own are, and beyond that never farther than the numbers are apart. Of 1,100 frames of people with strong
# expressions one in a hundred is over 0.29; who squints on purpose has 0.9, which looks monstrous in another face.
CROSSED = (0.3, 0.4)
INWARDS, OUTWARDS = ([INDEX[f"{name}_{side}"] for side in "LR"] for name in ("EyeIn", "EyeOut"))


def uncrossed(units: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Units [N, 46] for a portrait whose own are `own` [46]; eyes that both look to one side go on doing so."""
    inwards, (knee, most) = units[:, INWARDS] - units[:, OUTWARDS], CROSSED
    crossed, room = inwards.mean(1), most - knee
    knee = max(knee, float((own[INWARDS] - own[OUTWARDS]).mean()))
    far = crossed > knee
    if not far.any():
        return units
    out, beyond = units.copy(), crossed[far] - knee
    turned = inwards[far] - (beyond - room * np.tanh(beyond / room))[:, None]
    out[np.ix_(far, INWARDS)], out[np.ix_(far, OUTWARDS)] = turned.clip(0, 1), (-turned).clip(0, 1)
    return out
