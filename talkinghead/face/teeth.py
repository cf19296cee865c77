"""Teeth, gums and tongue nobody photographed: a seed, proportions and colours in, pictures of two arches out.

Everything is drawn in millimetres, from the anatomy of an average adult, and then varied: widths, lengths and tilts of
single teeth, how yellow they are. x runs from the middle of the arch to the picture's right, y downward; the biting
edge of the central incisors lies at y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from talkinghead.face.curves import rise

FINE, DENSITIES = 3.0, (4.0, 12.0)  # times the photograph's pixels per millimetre, and the least and most, to draw with
# From the front, from the middle outward: (width, length, how far the biting edge lies above the first one's).
UPPER = ((8.5, 10.2, 0.0), (6.3, 8.8, 0.5), (6.4, 9.6, 0.2), (5.0, 8.2, 0.8), (3.8, 7.6, 1.3), (3.0, 7.2, 1.9))
LOWER = ((5.2, 8.8, 0.0), (5.6, 9.0, 0.1), (5.9, 9.8, -0.2), (4.8, 8.4, 0.5), (3.8, 7.8, 0.9), (3.0, 7.0, 1.3))
DIM = 0.7  # lower teeth over upper ones
GUM = 5.0  # millimetres of gum that are drawn beyond the teeth's necks
BODY, NECK, EDGE = np.array([(1.0, 0.93, 0.915), (0.95, 0.83, 0.75), (0.88, 0.88, 0.89)], np.float32)
CLEFT = np.array([0.40, 0.29, 0.25], np.float32)  # between two teeth
# So many millimetres from the middle this much of the light is lost, for the arch turns away, by this power.
CORNER, TURNED, BEND = 18.0, 0.36, 2.0
ROUND = 20.0  # millimetres: how the arch curves in front; its radius


@dataclass(frozen=True)
class Layer:
    """A picture with its place: `rgba` float32 [H, W, 4] in [0, 1], not premultiplied; (x, y) of its first pixel's
    centre, in millimetres; `density` pixels to a millimetre."""

    rgba: np.ndarray
    x: float
    y: float
    density: float


def density(seen: float) -> float:
    """Pixels to a millimetre with which to draw what is seen with `seen` of them."""
    return float(np.clip(FINE * seen, *DENSITIES))


def upper(seed: int, gum: np.ndarray, density: float) -> Layer:
    """The upper arch with gums of colour `gum` (RGB in [0, 1] of a white as bright as the teeth)."""
    return _arch(UPPER, np.random.default_rng((seed, 0)), gum, 1.0, density)


def lower(seed: int, gum: np.ndarray, density: float) -> Layer:
    """The lower arch, whose biting edge is its top."""
    layer = _arch(LOWER, np.random.default_rng((seed, 1)), gum, DIM, density)
    y = -layer.y - (len(layer.rgba) - 1) / density
    return Layer(np.ascontiguousarray(layer.rgba[::-1]), layer.x, y, density)


def turned(layer: Layer, turn: float) -> Layer:
    """What is seen of an arch, or of a tongue in it, where the head turns by an angle whose tangent is `turn`, positive
    where its front goes to the picture's right: the far side is narrower, and ends where the arch hides it."""
    if abs(turn) < 1e-3:
        return layer
    sides = layer.x + np.array([0, layer.rgba.shape[1] - 1]) / layer.density
    far = ROUND / turn  # from here on it hides itself
    left, right = np.sort(np.clip(sides, *((-np.inf, far) if turn > 0 else (far, np.inf))))
    first, last = (x - x**2 / (2 * far) for x in (left, right))
    x = far * (1 - np.sqrt(np.maximum(1 - 2 * np.arange(first, last, 1 / layer.density) / far, 0)))
    columns = np.float32((x - layer.x) * layer.density)[None].repeat(len(layer.rgba), 0)
    rows = np.arange(len(layer.rgba), dtype=np.float32)[:, None].repeat(columns.shape[1], 1)
    return Layer(cv2.remap(layer.rgba, columns, rows, cv2.INTER_LINEAR), first, layer.y, layer.density)


def tongue(colour: np.ndarray, density: float) -> Layer:
    """The tip and back of a tongue, wet and rough, its highest point at y = 0; where it lies deep it is dark."""
    x, y = _grid(-22, 22, -1, 18, density)
    top = 9.0 * (np.abs(x) / 21) ** 3
    inside = rise((y - top) / 2.5)
    light = 0.25 + 0.75 * rise((y - top) / 12.0) - 0.08 * np.exp(-((x / 2.5) ** 2))
    light *= 1 - 0.4 * (np.abs(x) / 22) ** 2
    rng = np.random.default_rng(0)
    rough, wet = (_noise(rng, x.shape, size * density) for size in (0.22, 0.45))
    light = light * (1 + 0.10 * rough) + 0.25 * np.clip(wet - 1.5, 0, 1.2) * rise((y - top) / 5.0)
    return Layer(np.dstack([colour * light[..., None], inside]).astype(np.float32), -22, -1, density)


def tip(colour: np.ndarray, density: float) -> Layer:
    """The tip of a tongue that lies between the teeth, whose upper ones end at y = 0: what reaches forward over the
    lower ones."""
    x, y = _grid(-13, 13, -2, 8, density)
    low = 5.2 - 3.4 * np.abs(x / 12.0) ** 2.4  # where it ends
    inside = rise((low - y) / 0.7) * rise((12.5 - np.abs(x)) / 2.5)
    light = 0.72 + 0.28 * np.exp(-(((y - 1.2) / 2.2) ** 2)) - 0.45 * rise((y - low + 1.8) / 2.2)
    light *= 1 - 0.3 * (np.abs(x) / 13) ** 2
    light *= 1 + 0.08 * _noise(np.random.default_rng(1), x.shape, 0.22 * density)
    return Layer(np.dstack([colour * light[..., None], inside]).astype(np.float32), -13, -2, density)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], size: float) -> np.ndarray:
    """Smooth noise of standard deviation one, with grains of `size` pixels."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), size)
    return noise / noise.std()


def _arch(kinds: tuple, rng: np.random.Generator, gum: np.ndarray, bright: float, density: float) -> Layer:
    half = sum(width for width, _, _ in kinds)
    x, y = _grid(-half - 1, half + 1, -max(length for _, length, _ in kinds) - GUM, 1.5, density)
    warm, size = rng.uniform(0.0, 0.7), rng.uniform(0.95, 1.06)
    picture = np.broadcast_to(_gums(x, y, gum, rng), (*x.shape, 3)).copy()
    alpha = rise((-y - 2.5 - 0.006 * x**2) / 0.6)
    gums = picture.copy()
    for side in (-1, 1):
        inner = 0.0
        for width, length, lift in kinds:
            width, length = width * rng.normal(size, 0.025), length * rng.normal(size, 0.025)
            edge = -lift - 0.0035 * inner**2 + rng.normal(0, 0.14)
            tilt = rng.normal(0.015, 0.015) * side
            middle = side * (inner + width / 2)
            reach = width / 2 + np.abs(tilt * y).max()
            own = np.s_[:, slice(*np.searchsorted(x[0], (middle - reach, middle + reach)))]  # its columns alone
            u = (x[own] - middle - tilt * y[own]) / (width / 2)
            v = (y[own] - edge + length) / length  # 0 at the neck, 1 at the biting edge
            tooth, body = _tooth(u, v, warm, rng.normal(1, 0.02))
            part = (np.abs(u) <= 1.0) & (v > 0.05)
            cleft = part & (v < 0.86)
            picture[own][cleft] = CLEFT
            cover = np.where(cleft, np.maximum(alpha[own], rise((1.06 - np.abs(u)) * 8)), 0.0)
            gum_over = (np.abs(u) <= 1.0) & (v < 0.34 * np.abs(u) ** 2.4 + 0.06)
            picture[own] = np.where(gum_over[..., None], gums[own], picture[own])
            weight = (body * ~gum_over)[..., None]
            picture[own] += weight * (tooth - picture[own])
            alpha[own] = np.where(part, np.maximum(cover, np.maximum(body, gum_over)), alpha[own])
            inner += width
    turned = 1 - TURNED * np.clip(np.abs(x) / CORNER, 0, 1.1) ** BEND
    rgba = np.dstack([picture * (bright * turned)[..., None], alpha]).astype(np.float32)
    return Layer(rgba, x[0, 0], y[0, 0], density)


def _tooth(u: np.ndarray, v: np.ndarray, warm: float, bright: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours [H, W, 3] and coverage [H, W] of one tooth: `u` -1 to 1 across, `v` 0 to 1 from neck to edge."""
    width = 0.83 + 0.175 * np.sin(np.clip(v, 0, 0.72) / 0.72 * np.pi / 2)
    width = width * (1 - 0.22 * np.clip((v - 0.80) / 0.20, 0, 1) ** 4.0)
    body = rise((width - np.abs(u)) / 0.05) * rise((1 - v) / 0.035)
    low = np.clip(v / 0.45, 0, 1)[..., None]
    colour = NECK + (BODY - NECK) * low**0.7
    colour = colour + (EDGE - colour) * (np.clip((v - 0.84) / 0.16, 0, 1) ** 1.5)[..., None] * 0.6
    colour = colour * (1 - warm * np.array([0.0, 0.045, 0.13], np.float32))
    light = 1.0 - 0.26 * np.abs(u / width.clip(0.5)) ** 3.2 - 0.10 * (1 - np.clip(v / 0.5, 0, 1))
    light = light + 0.07 * np.exp(-(((u + 0.15) / 0.4) ** 2) - ((v - 0.5) / 0.28) ** 2)
    return colour * (light * bright)[..., None], body


def _gums(x: np.ndarray, y: np.ndarray, gum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    wave = 0.94 + 0.06 * np.cos(x * 0.75) + 0.04 * np.cos(y * 1.9 + x * 0.3)
    return (gum * wave[..., None]).astype(np.float32)


def _grid(left: float, right: float, top: float, bottom: float, density: float) -> tuple[np.ndarray, np.ndarray]:
    steps = [np.arange(a, b, 1 / density, dtype=np.float32) for a, b in ((left, right), (top, bottom))]
    return np.meshgrid(*steps)
