"""Hats and hair before what has their colour: what the network of outlines is shown more often than it is photographed.

Pictures are those of recipes.label_mattes, or what recipes.train_matte cuts from them: upright, the eyes' line at
EYE_LINE of the window's height.
"""

from __future__ import annotations

import cv2
import numpy as np

from talkinghead.face.matte import EYE_LINE, SIDE

HAIRLINE = 0.15, 0.2  # of the window's side above the eyes: from here on it is hair or hat, and surely
ABOVE, ASIDE = (0.16, 0.26), 0.1  # what a hat is told by: so far above the eyes, and to either side of the middle
OPAQUE, FEWEST = 0.6, 0.4  # from which a pixel counts, and the share of these rows that must
HAIR, RED = (25, 165), (8, 170, 150)  # hues (of 180) that hair has not; red, and how saturated it must be
SATURATED, BRIGHT = 70, 50  # of 255, from which a hue counts
PALER = 1.15  # times as light as the face below, as no bald head is
DARKEST, PALEST, TINT = 0.08, 1.6, 0.25  # what a dyed hat's light is multiplied by; of white, and how far its hue goes
FAINT, STRONG = 0.03, 0.4  # contrast, of what it was, of a background in the hat's colour
OFF = 14.0  # levels, standard deviation, by which that misses the hat's colour


def hats(pictures: np.ndarray, mattes: np.ndarray) -> np.ndarray:
    """Which of the pictures uint8 [N, S, S, 3] look as if there were a hat, bool [N]: what is above the forehead has
    colours that hair has not, or is lighter than the face."""
    side = pictures.shape[1]
    middle, eyes = side / 2, (EYE_LINE - 0.5) * SIDE + side / 2
    near, far = (round(eyes - part * SIDE) for part in ABOVE)
    columns = slice(round(middle - ASIDE * SIDE), round(middle + ASIDE * SIDE))
    out = np.zeros(len(pictures), bool)
    for k in range(len(pictures)):
        hue, saturation, light = cv2.split(cv2.cvtColor(pictures[k][far : round(eyes), columns], cv2.COLOR_RGB2HSV))
        known = np.zeros(hue.shape, bool)
        known[: near - far] = mattes[k][far:near, columns] > OPAQUE * 255
        if known.sum() < FEWEST * (near - far) * known.shape[1]:
            continue
        odd = (hue > HAIR[0]) & (hue < HAIR[1]) & (saturation > SATURATED)
        odd |= ((hue < RED[0]) | (hue > RED[1])) & (saturation > RED[2])
        odd &= light > BRIGHT
        face = max(float(np.median(light[near - far :])), 1.0)
        out[k] = odd[known].mean() > 0.5 or float(np.median(light[known])) > PALER * face
    return out


def dyed(rng: np.random.Generator, picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A picture uint8 [SIDE, SIDE, 3] whose person's hair or hat has another colour."""
    gain = np.exp(rng.uniform(np.log(DARKEST), np.log(PALEST)))
    tint = rng.uniform(-TINT, TINT, 3) * 255 * min(gain, 1)
    other = (picture * gain + tint).clip(0, 255)
    share = (_above() * matte)[..., None]
    return (picture + share * (other - picture)).astype(np.uint8)


def alike(rng: np.random.Generator, behind: np.ndarray, picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """A background [SIDE, SIDE, 3] in the colour of the hair or hat before it, paler in contrast."""
    counted = (_above() > 0.5) & (matte > OPAQUE)
    if not counted.any():
        return behind
    colour = picture[counted][rng.integers(counted.sum())] + rng.normal(0, OFF, 3)
    contrast = np.exp(rng.uniform(np.log(FAINT), np.log(STRONG)))
    return (colour + contrast * (behind - behind.mean((0, 1)))).clip(0, 255).astype(np.float32)


def _above() -> np.ndarray:
    """0 from the forehead down, 1 from the hairline up, float32 [SIDE, 1]."""
    height = EYE_LINE - np.arange(SIDE, dtype=np.float32)[:, None] / SIDE
    return ((height - HAIRLINE[0]) / (HAIRLINE[1] - HAIRLINE[0])).clip(0, 1)
