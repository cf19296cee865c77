"""Train the network that paints closed lips (gath/painters.py).

    python -m recipes.train_closed_lips data=LIPS run=RUN [key=value ...]

Reads what recipes.cut_closed_lips made: closed mouths, which are hidden, and have to be painted again from the face
around, the outline of the lips and about their colour, which is often nearer to the skin's, as that of lips that a
laugh has stretched. With `start`, a file of weights, the network begins with these. RUN receives config.json,
metrics.csv, val.csv (the mean absolute error of what was hidden, and of its slopes, on mouths of `val`, in levels of
255, with little and with much hidden), sheet.png (mouths of `val`: photographed, hidden, painted), latest.pt and
weights.safetensors (the moving average).

A run whose folder holds latest.pt goes on from it and equals one that was never stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from gath.painters import ClosedLipsNet
from recipes.parts.painting import Material, run
from talkinghead.face.closed_lips import SIZE, colours, masks, shown

ANGLE, ZOOM, SHIFT = 5.0, 0.12, 4.0  # standard deviations: degrees, logarithm of the scale, pixels
FAVOUR = 8.0  # times as often as others, for a LipsPucker of one, a mouth is drawn beyond its share
# Shares of mouths of which less than the lips is hidden, and of which more than the skin's ring as well, and how much.
SEAM, LESS, MORE = 0.25, (-0.8, 0.0), (0.0, 1.1)
WIDE, WIDER, ASIDE = 0.45, (0.5, 1.4), (0.0, 0.7)
NARROW, NARROWER = 0.5, (0.6, 1.0)  # share of those that are as narrow as if they pursed, and how narrow
# How far the lips' colour is the skin's, on average and at least and most, as far as laughs' are.
PALE, PLAIN = 0.1, (-0.25, 0.45)
CAST, BRIGHT, LOOSE = 0.02, 0.03, 0.35  # standard deviations: of that colour in [-1, 1], and of the points in pixels
CHECKED = {"": (0.45, 0.0), "wide_": (1.2, 0.4)}  # how much is hidden in checks, and aside


class Mouths(Material):
    """Draws what the network sees and should paint."""

    def __init__(self, folder: Path, split: str, seed: int):
        _, kind, count = np.unique(np.load(folder / f"{split}_sets.npy"), return_inverse=True, return_counts=True)
        weight = count[kind] ** -0.5  # a set four times as large is drawn from twice as often
        weight = weight * (1 + FAVOUR * np.load(folder / f"{split}_pursed.npy"))  # few purse
        super().__init__(folder, split, seed, SIZE, weight)

    def plain(self, row: int, hidden: float, aside: float) -> tuple[np.ndarray, np.ndarray]:
        picture, points = self.moved(row, self.place(0.0, 0.0, np.zeros(2)))
        values = picture / np.float32(127.5) - 1
        lips, skin = colours(values, points)
        return shown(values, masks(points, hidden, aside), lips + PALE * (skin - lips), skin), picture

    def one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        wide = rng.random() < WIDE
        narrow = rng.uniform(*NARROWER) if wide and rng.random() < NARROW else 1.0
        where = self.place(rng.normal(0, ANGLE), rng.normal(0, ZOOM), rng.normal(0, SHIFT, 2), narrow)
        picture, points = self.moved(row, where)
        (picture,) = self.recoloured(picture)
        values = picture / np.float32(127.5) - 1
        lips, skin = colours(values, points)
        lips = lips + rng.uniform(*PLAIN) * (skin - lips) + rng.normal(0, BRIGHT) + rng.normal(0, CAST, 3)
        loose = points + rng.normal(0, LOOSE, points.shape)
        hidden = rng.uniform(*(WIDER if wide else LESS if rng.random() < SEAM / (1 - WIDE) else MORE))
        seen = shown(values, masks(loose, hidden, rng.uniform(*ASIDE) if wide else 0.0), lips, skin)
        if rng.random() < 0.5:
            seen, picture = seen[..., ::-1], picture[:, ::-1]
        return np.ascontiguousarray(seen), np.ascontiguousarray(picture)


def main(words: list[str]) -> None:
    run(words, ClosedLipsNet, Mouths, CHECKED)


if __name__ == "__main__":
    main(sys.argv[1:])
