"""Train the network that paints closed lids (gath/painters.py).

    python -m recipes.train_closed_lids data=LIDS run=RUN [key=value ...]

Reads what recipes.cut_closed_lids made: closed eyes, which are hidden as far as they would be had they been open, and
have to be painted again from the face around, where the lashes lie and about how dark they are. With `start`, a file
of weights, the network begins with these. RUN receives config.json, metrics.csv, val.csv (the mean absolute error of
what was hidden, and of its slopes, on eyes of `val`, in levels of 255), sheet.png (eyes of `val`: photographed, hidden,
painted), latest.pt and weights.safetensors (the moving average).

A run whose folder holds latest.pt goes on from it and equals one that was never stopped.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from gath.painters import ClosedLidsNet
from recipes.parts.config import parse
from recipes.parts.net_run import train
from recipes.parts.painting import Material, PaintingRun, PaintingSettings
from talkinghead.face.closed_lids import SIZE, darkness, edges, masks, shown
from talkinghead.face.mouth_place import LUMINANCE

ANGLE, ZOOM, SHIFT = 5.0, 0.1, 2.5  # standard deviations: degrees, logarithm of the scale, pixels
OPEN, ABOVE = (0.12, 0.48), (4.0, 14.0)  # of the eye's width: how far it was open; pixels hidden above that
TINT, CAST = 0.03, 0.12  # of colours in another light, as Material.recoloured has them
DARK = 0.07  # standard deviation of how dark the lashes are said to be
SEARCH = np.arange(-4, 6)  # rows about where the tracker has it, among which the closed lid's edge is looked for
# How often sets are drawn from, those of sharp pictures much more often; and how evenly their people.
FAVOUR, SHARP, EVEN = {"lfw": 1.0, "grid": 1.5, "styletalk_talk": 1.5}, 12.0, 0.8
CHECKED = {"": (0.3, 8.0), "wide_": (0.45, 12.0)}  # how far eyes were open in checks, and hidden above


class Eyes(Material):
    """Draws what the network sees and should paint."""

    def __init__(self, folder: Path, split: str, seed: int):
        people, sets = (np.load(folder / f"{split}_{name}.npy") for name in ("people", "sets"))
        _, who, count = np.unique(people, return_inverse=True, return_counts=True)
        favour = np.array([FAVOUR.get(name, SHARP) for name in sets.tolist()])
        super().__init__(folder, split, seed, SIZE, favour * count[who] ** -EVEN)

    def plain(self, row: int, wide: float, above: float) -> tuple[np.ndarray, np.ndarray]:
        picture, points = self.moved(row, self.place(0.0, 0.0, np.zeros(2)))
        return hidden(picture, points, wide, above, 0.0), picture

    def one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        where = self.place(rng.normal(0, ANGLE), rng.normal(0, ZOOM), rng.normal(0, SHIFT, 2))
        picture, points = self.moved(row, where)
        picture = self.recoloured(picture, TINT, CAST)
        return hidden(picture, points, rng.uniform(*OPEN), rng.uniform(*ABOVE), rng.normal(0, DARK)), picture


def hidden(picture: np.ndarray, points: np.ndarray, wide: float, above: float, darker: float) -> np.ndarray:
    """What is seen of a closed eye, uint8 [H, W, 3] with `points`, had it been so `wide` open, and lashes so much
    `darker`."""
    values = picture / np.float32(127.5) - 1
    line = closed_line(points, values)
    dark = min(max(darkness(values, points, line) + darker, 0.0), 1.0)
    inner, outer = sorted((points[8, 0], points[0, 0]))
    along = ((np.arange(SIZE[0]) - inner) / max(outer - inner, 1.0)).clip(0, 1)
    top = line - wide * (outer - inner) * np.sin(np.pi * along) ** 0.8
    return shown(values, masks(points, top, line, dark, above))


def closed_line(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The rows [W] in which the lashes of a closed eye lie: about where its `points` [23, 2] say, darkest in its
    picture `values` [H, W, 3] in [-1, 1]. The tracker is less sure of that than a painter needs."""
    upper, lower, _ = edges(points)
    line = upper + 0.7 * (lower - upper)
    inner, outer = sorted((points[8, 0], points[0, 0]))
    columns = np.arange(max(int(inner), 0), min(int(outer) + 1, SIZE[0]))
    rows = (np.round(line[columns]).astype(int)[:, None] + SEARCH).clip(0, SIZE[1] - 1)
    light = cv2.GaussianBlur(values @ LUMINANCE, (0, 0), 3.0, sigmaY=0.8)[rows, columns[:, None]]
    off = SEARCH[light.argmin(1)]
    sure = np.ptp(light, 1) + 1e-3
    along = (np.arange(SIZE[0]) - (inner + outer) / 2) / max(outer - inner, 1.0)
    fit = np.polyfit(along[columns], off, 2, w=sure)
    return line + np.polyval(fit, along.clip(-0.5, 0.5)).clip(SEARCH[0], SEARCH[-1])


def main(words: list[str]) -> None:
    config = parse(PaintingSettings, words)
    eyes = partial(Eyes, config.data, seed=config.seed)
    train(config, lambda: PaintingRun(config, ClosedLidsNet, eyes, CHECKED))


if __name__ == "__main__":
    main(sys.argv[1:])
