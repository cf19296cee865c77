"""Train the network that paints closed lids (gath/painters.py).

    python -m recipes.train_closed_lids data=LIDS run=RUN [key=value ...]

Reads what recipes.cut_closed_lids made: closed eyes, which are hidden as far as they would be had they been open, and
have to be painted again from the face around, where the lashes lie and about how dark they are; of many of those filmed
the face around is that of a moment at which they were open. With `start`, a file
of weights, the network begins with these. RUN receives config.json, metrics.csv, val.csv (the mean absolute error of
what was hidden, and of its slopes, on eyes of `val`, in levels of 255), sheet.png (eyes of `val`: photographed, hidden,
painted), latest.pt and weights.safetensors (the moving average).

A run whose folder holds latest.pt goes on from it and equals one that was never stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from gath.painters import ClosedLidsNet
from recipes.parts.painting import Material, run
from talkinghead.face.align import transform
from talkinghead.face.closed_lids import SIZE, along, corners, darkness, edges, masks, shown
from talkinghead.face.mouth_place import LUMINANCE

ANGLE, ZOOM, SHIFT = 5.0, 0.1, 2.5  # standard deviations: degrees, logarithm of the scale, pixels
OPEN, ABOVE = (0.12, 0.48), (12.0, 24.0)  # of the eye's width: how far it was open; pixels hidden above that
TINT, CAST, VIVID = 0.03, 0.12, (0.6, 1.8)  # of colours in another light, as Material.recoloured has them
PAIRED, CLOSE = 0.8, (14.0, 24.0)  # share of eyes filmed open as well that are shown so; pixels hidden above these
DARK = 0.07  # standard deviation of how dark the lashes are said to be
SEARCH = np.arange(-4, 6)  # rows about where the tracker has it, among which the closed lid's edge is looked for
# How often sets are drawn from: those of sharp pictures much more often, of sharp clips even more; and how evenly their
# people.
FAVOUR, SHARP, EVEN = {"lfw": 1.0, "grid": 1.5, "styletalk_talk": 5.0}, 12.0, 0.8
FAVOUR |= {"styletalk_style": 20.0, "liveportrait": 20.0}
CHECKED = {"": (0.3, 16.0), "wide_": (0.45, 20.0)}  # how far eyes were open in checks, and hidden above


class Eyes(Material):
    """Draws what the network sees and should paint."""

    def __init__(self, folder: Path, split: str, seed: int):
        people, sets = (np.load(folder / f"{split}_{name}.npy") for name in ("people", "sets"))
        _, who, count = np.unique(people, return_inverse=True, return_counts=True)
        favour = np.array([FAVOUR.get(name, SHARP) for name in sets.tolist()])
        super().__init__(folder, split, seed, SIZE, favour * count[who] ** -EVEN)
        self.open_pictures = np.load(folder / f"{split}_open_pictures.npy", mmap_mode="r")
        self.open_points = np.load(folder / f"{split}_open_points.npy")

    def plain(self, row: int, wide: float, above: float) -> tuple[np.ndarray, np.ndarray]:
        picture, points = self.moved(row, self.place(0.0, 0.0, np.zeros(2)))
        values = picture / np.float32(127.5) - 1
        line = closed_line(points, values)
        top = opened(points, line, wide)
        return shown(values, masks(points, top, line, darkness(values, points, line), above)), picture

    def one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        where = self.place(rng.normal(0, ANGLE), rng.normal(0, ZOOM), rng.normal(0, SHIFT, 2))
        picture, points = self.moved(row, where)
        paired = not np.isnan(self.open_points[row]).any() and rng.random() < PAIRED
        before = self.warped(self.open_pictures[row], where) if paired else picture
        picture, before = self.recoloured(picture, before, tint=TINT, cast=CAST, vivid=VIVID)
        values, around = (part / np.float32(127.5) - 1 for part in (picture, before))
        line = closed_line(points, values)
        dark = min(max(darkness(values, points, line) + rng.normal(0, DARK), 0.0), 1.0)
        wide, above = rng.uniform(*OPEN), rng.uniform(*ABOVE)
        if paired:
            points = transform(where, self.open_points[row])
            top, above = edges(points)[0], rng.uniform(*CLOSE)
        else:
            top = opened(points, line, wide)
        return shown(around, masks(points, top, line, dark, above)), picture


def opened(points: np.ndarray, line: np.ndarray, wide: float) -> np.ndarray:
    """The rows [W] of the upper lid's edge, had a closed eye with `points` [23, 2], its lashes in the rows `line`, been
    so `wide` open."""
    inner, outer = corners(points)
    return line - wide * (outer - inner) * np.sin(np.pi * along(points).clip(0, 1)) ** 0.8


def closed_line(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The rows [W] in which the lashes of a closed eye lie: about where its `points` [23, 2] say, darkest in its
    picture `values` [H, W, 3] in [-1, 1]. The tracker is less sure of that than a painter needs."""
    upper, lower, _ = edges(points)
    line = upper + 0.7 * (lower - upper)
    inner, outer = corners(points)
    columns = np.arange(max(int(inner), 0), min(int(outer) + 1, SIZE[0]))
    rows = (np.round(line[columns]).astype(int)[:, None] + SEARCH).clip(0, SIZE[1] - 1)
    light = cv2.GaussianBlur(values @ LUMINANCE, (0, 0), 3.0, sigmaY=0.8)[rows, columns[:, None]]
    off = SEARCH[light.argmin(1)]
    sure = np.ptp(light, 1) + 1e-3
    at = along(points)
    fit = np.polyfit(at[columns], off, 2, w=sure)
    return line + np.polyval(fit, at.clip(0, 1)).clip(SEARCH[0], SEARCH[-1])


def main(words: list[str]) -> None:
    run(words, ClosedLidsNet, Eyes, CHECKED)


if __name__ == "__main__":
    main(sys.argv[1:])
