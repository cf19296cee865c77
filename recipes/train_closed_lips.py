"""Train the network that paints closed lips (gath/closed_lips.py).

    python -m recipes.train_closed_lips data=LIPS run=RUN [key=value ...]

Reads what recipes.cut_closed_lips made: closed mouths, which are hidden, and have to be painted again from the face
around, the outline of the lips and about their colour, which is often nearer to the skin's, as that of lips that a
laugh has stretched. With `start`, a file of weights, the network begins with these. RUN receives config.json,
metrics.csv, val.csv (the mean absolute error of what was hidden, and of its slopes, on mouths of `val`, in levels of
255), sheet.png (mouths of `val`: photographed, hidden, painted), latest.pt and weights.safetensors (the moving
average).

A run whose folder holds latest.pt goes on from it and equals one that was never stopped.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gath.closed_lips import ClosedLipsNet
from gath.data import to_tensor
from recipes.parts.config import parse
from recipes.parts.net_run import NetRun, Settings, train
from talkinghead.face.align import transform
from talkinghead.face.closed_lips import SIZE, colours, masks, shown

ANGLE, ZOOM, SHIFT = 5.0, 0.12, 4.0  # standard deviations: degrees, logarithm of the scale, pixels
GAIN, TINT, GREY = (0.75, 1.2), 0.12, 0.1  # contrast, colour cast in [-1, 1], share of grey pictures
BLURRED, MOST_BLUR = 0.35, 2.0  # share of the pictures, pixels
SEAM, LESS, MORE = 0.3, (-0.8, 0.0), (0.0, 1.1)  # share of mouths of which less than the lips is hidden, and how much
# How far the lips' colour is the skin's, on average and at least and most, as far as laughs' are.
PALE, PLAIN = 0.1, (-0.25, 0.45)
CAST, BRIGHT, LOOSE = 0.02, 0.03, 0.35  # standard deviations: of that colour in [-1, 1], and of the points in pixels
SCALES = (1, 2, 4)  # pixels over which slopes are compared
BETAS = (0.9, 0.99)  # Adam's
VAL_PICTURES, SHEET = 128, 16


@dataclass(frozen=True)
class Config(Settings):
    """`data` is a folder made by recipes.cut_closed_lips."""

    steps: int = 12000
    batch: int = 32
    checkpoint_every: int = 500  # steps


class Mouths:
    """Draws what the network sees and should paint; its whole state is one NumPy generator."""

    def __init__(self, folder: Path, split: str, seed: int):
        self.pictures = np.load(folder / f"{split}_pictures.npy", mmap_mode="r")
        self.points = np.load(folder / f"{split}_points.npy")
        _, kind, count = np.unique(np.load(folder / f"{split}_sets.npy"), return_inverse=True, return_counts=True)
        weight = count[kind] ** -0.5  # a set four times as large is drawn from twice as often
        self.weight = weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, count: int) -> np.ndarray:
        return self.rng.choice(len(self), count, p=self.weight)

    def draw(self, rows: np.ndarray, plain: bool = False) -> tuple[Tensor, Tensor]:
        """What is seen [B, 6, H, W] and the photographs [B, 3, H, W] in [-1, 1] of these rows, changed at random or
        `plain`, as they are."""
        seen, wanted = zip(*(self.plain(row) if plain else self.one(row) for row in rows))
        return torch.from_numpy(np.stack(seen)), to_tensor(np.stack(wanted))

    def plain(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        picture, points = self.moved(row, self.place(0.0, 0.0, np.zeros(2)))
        values = picture / np.float32(127.5) - 1
        lips, skin = colours(values, points)
        return shown(values, masks(points, 0.45), lips + PALE * (skin - lips), skin), picture

    def one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        where = self.place(rng.normal(0, ANGLE), rng.normal(0, ZOOM), rng.normal(0, SHIFT, 2))
        picture, points = self.moved(row, where)
        if rng.random() < BLURRED:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, MOST_BLUR))
        if rng.random() < GREY:
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
        values = (picture / np.float32(127.5) - 1) * rng.uniform(*GAIN) + rng.uniform(-TINT, TINT, 3)
        picture = ((values + 1) * 127.5 + 0.5).clip(0, 255).astype(np.uint8)
        values = picture / np.float32(127.5) - 1
        lips, skin = colours(values, points)
        lips = lips + rng.uniform(*PLAIN) * (skin - lips) + rng.normal(0, BRIGHT) + rng.normal(0, CAST, 3)
        loose = points + rng.normal(0, LOOSE, points.shape)
        hidden = rng.uniform(*(LESS if rng.random() < SEAM else MORE))
        seen = shown(values, masks(loose, hidden), lips, skin)
        if rng.random() < 0.5:
            seen, picture = seen[..., ::-1], picture[:, ::-1]
        return np.ascontiguousarray(seen), np.ascontiguousarray(picture)

    def place(self, angle: float, zoom: float, shift: np.ndarray) -> np.ndarray:
        """From a stored picture to the window, the middles on each other but for `shift`."""
        middle = (np.array(self.pictures.shape[2:0:-1]) - 1) / 2
        matrix = cv2.getRotationMatrix2D(middle.tolist(), angle, float(np.exp(zoom)))
        matrix[:, 2] += (np.array(SIZE) - 1) / 2 - middle + shift
        return matrix

    def moved(self, row: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        picture = cv2.warpAffine(np.asarray(self.pictures[row]), where, SIZE, flags=flags, borderMode=border)
        return picture, transform(where, self.points[row])


def errors(painted: Tensor, wanted: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute errors of pictures [B, 3, H, W] where they were `hidden` [B, 1, H, W], and the sum of those of
    their slopes at every scale."""
    error, slopes = painted - wanted, painted.new_zeros(())
    within = (hidden > 0.02).float()
    value = (error.abs() * within).sum() / (3 * within.sum())
    for scale in SCALES:
        coarse, inside = (F.avg_pool2d(x, scale) for x in (error, within))
        for axis in (2, 3):
            near = (inside.narrow(axis, 0, inside.shape[axis] - 1) > 0).float()
            slopes = slopes + (coarse.diff(dim=axis).abs() * near).sum() / (3 * near.sum())
    return value, slopes


class Run(NetRun):
    """One run of this recipe."""

    def __init__(self, config: Config):
        super().__init__(config, ClosedLipsNet, BETAS)
        self.config = config
        self.mouths, self.checked = (Mouths(config.data, split, config.seed) for split in ("train", "val"))
        self.rng = self.mouths.rng

    def train_step(self) -> dict[str, float]:
        seen, wanted = self.mouths.draw(self.mouths.rows(self.config.batch))
        seen = seen.contiguous(memory_format=torch.channels_last)
        with self.autocast():
            painted = self.net(seen).float()
        value, slopes = errors(painted, wanted, seen[:, 3:4])
        self.descend(value + slopes)
        return {"error": float(value.detach()), "slopes": float(slopes.detach())}

    def check(self) -> None:
        """The average's errors on mouths of `val`, the same ones at every check, and some to sheet.png."""
        rows = np.linspace(0, len(self.checked) - 1, min(VAL_PICTURES, len(self.checked))).astype(int)
        seen, wanted = self.checked.draw(rows, plain=True)
        with torch.inference_mode():
            painted = torch.cat([self.average(part) for part in seen.split(self.config.batch)])
        value, slopes = errors(painted, wanted, seen[:, 3:4])
        self.note({"error": 127.5 * float(value), "slopes": 127.5 * float(slopes)})
        painted = seen[:, :3] + (seen[:, 3:4] > 0) * (painted - seen[:, :3])
        some = np.linspace(0, len(rows) - 1, min(SHEET, len(rows))).astype(int)
        sheet = torch.cat([torch.cat(list(x[some]), 2) for x in (wanted, seen[:, :3], painted)], 1)
        sheet = ((sheet.permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(self.config.run / "sheet.png"), sheet[..., ::-1])


def main(words: list[str]) -> None:
    config = parse(Config, words)
    train(config, lambda: Run(config))


if __name__ == "__main__":
    main(sys.argv[1:])
