"""Train the network that paints closed lips (gath/closed_lips.py).

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
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gath.closed_lips import ClosedLipsNet, Critic
from gath.data import to_tensor
from recipes.parts.config import parse
from recipes.parts.net_run import NetRun, Settings, train
from talkinghead.face.align import transform
from talkinghead.face.closed_lips import SIZE, colours, masks, shown

ANGLE, ZOOM, SHIFT = 5.0, 0.12, 4.0  # standard deviations: degrees, logarithm of the scale, pixels
GAIN, TINT, GREY = (0.75, 1.2), 0.12, 0.1  # contrast, colour cast in [-1, 1], share of grey pictures
BLURRED, MOST_BLUR = 0.35, 2.0  # share of the pictures, pixels
FAVOUR = 8.0  # times as often as others, for a LipsPucker of one, a mouth is drawn beyond its share
# Shares of mouths of which less than the lips is hidden, and of which more than the skin's ring as well, and how much.
SEAM, LESS, MORE = 0.25, (-0.8, 0.0), (0.0, 1.1)
WIDE, WIDER, ASIDE = 0.45, (0.5, 1.4), (0.0, 0.7)
NARROW, NARROWER = 0.5, (0.6, 1.0)  # share of those that are as narrow as if they pursed, and how narrow
# How far the lips' colour is the skin's, on average and at least and most, as far as laughs' are.
PALE, PLAIN = 0.1, (-0.25, 0.45)
CAST, BRIGHT, LOOSE = 0.02, 0.03, 0.35  # standard deviations: of that colour in [-1, 1], and of the points in pixels
SCALES = (1, 2, 4)  # pixels over which slopes are compared
BETAS, CRITIC_BETAS = (0.9, 0.99), (0.0, 0.99)  # Adam's
SEEN = 0.02  # less than that of a pixel is not hidden
VAL_PICTURES, SHEET = 128, 16
CHECKED = {"": (0.45, 0.0), "wide_": (1.2, 0.4)}  # how much is hidden in checks, and aside


@dataclass(frozen=True)
class Config(Settings):
    """`data` is a folder made by recipes.cut_closed_lips."""

    steps: int = 12000
    batch: int = 32
    adversary: float = 0.0  # weight of an opponent that tells painted mouths from photographed ones
    checkpoint_every: int = 500  # steps


class Mouths:
    """Draws what the network sees and should paint; its whole state is one NumPy generator."""

    def __init__(self, folder: Path, split: str, seed: int):
        self.pictures = np.load(folder / f"{split}_pictures.npy", mmap_mode="r")
        self.points = np.load(folder / f"{split}_points.npy")
        _, kind, count = np.unique(np.load(folder / f"{split}_sets.npy"), return_inverse=True, return_counts=True)
        weight = count[kind] ** -0.5  # a set four times as large is drawn from twice as often
        weight = weight * (1 + FAVOUR * np.load(folder / f"{split}_pursed.npy"))  # few purse
        self.weight = weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, count: int) -> np.ndarray:
        return self.rng.choice(len(self), count, p=self.weight)

    def draw(self, rows: np.ndarray, hidden: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
        """What is seen [B, 6, H, W] and the photographs [B, 3, H, W] in [-1, 1] of these rows, changed at random; or
        as they are, so much being `hidden`, and aside."""
        seen, wanted = zip(*(self.one(row) if hidden is None else self.plain(row, *hidden) for row in rows))
        return torch.from_numpy(np.stack(seen)), to_tensor(np.stack(wanted))

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
        hidden = rng.uniform(*(WIDER if wide else LESS if rng.random() < SEAM / (1 - WIDE) else MORE))
        seen = shown(values, masks(loose, hidden, rng.uniform(*ASIDE) if wide else 0.0), lips, skin)
        if rng.random() < 0.5:
            seen, picture = seen[..., ::-1], picture[:, ::-1]
        return np.ascontiguousarray(seen), np.ascontiguousarray(picture)

    def place(self, angle: float, zoom: float, shift: np.ndarray, narrow: float = 1.0) -> np.ndarray:
        """From a stored picture to the window, the middles on each other but for `shift`, so `narrow`."""
        middle = (np.array(self.pictures.shape[2:0:-1]) - 1) / 2
        matrix = cv2.getRotationMatrix2D(middle.tolist(), angle, float(np.exp(zoom)))
        matrix[:, 2] -= middle
        matrix[0] *= narrow
        matrix[:, 2] += (np.array(SIZE) - 1) / 2 + shift
        return matrix

    def moved(self, row: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        picture = cv2.warpAffine(np.asarray(self.pictures[row]), where, SIZE, flags=flags, borderMode=border)
        return picture, transform(where, self.points[row])


def errors(painted: Tensor, wanted: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute errors of pictures [B, 3, H, W] where they were `hidden` [B, 1, H, W], and the sum of those of
    their slopes at every scale."""
    error, slopes = painted - wanted, painted.new_zeros(())
    within = (hidden > SEEN).float()
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
        self.config, self.critic = config, None
        self.mouths, self.checked = (Mouths(config.data, split, config.seed) for split in ("train", "val"))
        if config.adversary:
            self.critic = Critic().to(config.device, memory_format=torch.channels_last)
            self.critics = torch.optim.Adam(self.critic.parameters(), config.rate, betas=CRITIC_BETAS)
            self.parts |= {"critic": self.critic, "critics": self.critics}

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        self.mouths.rng = np.random.default_rng([self.config.seed, step])
        return self.mouths.draw(self.mouths.rows(self.config.batch))

    def train_step(self, *drawn: Tensor) -> dict[str, Tensor]:
        seen, wanted = (part.contiguous(memory_format=torch.channels_last) for part in drawn)
        with self.autocast():
            painted = self.net(seen).float()
        where = seen[:, 3:]
        value, slopes = errors(painted, wanted, where[:, :1])
        losses = {"error": value, "slopes": slopes}
        if self.critic is not None:
            made = wanted + (where[:, :1] > SEEN) * (painted - wanted)
            losses["adversary"] = -self.config.adversary * self.scores(made, where).mean()
        self.descend(sum(losses.values()))
        if self.critic is not None:
            losses["critic"] = self.criticise(made.detach(), wanted, where)
        return {name: loss.detach() for name, loss in losses.items()}

    def scores(self, picture: Tensor, where: Tensor) -> Tensor:
        with self.autocast():
            return self.critic(picture, where).float()

    def criticise(self, made: Tensor, wanted: Tensor, where: Tensor) -> Tensor:
        """One step of the opponent; its hinge loss."""
        photographed, painted = self.scores(torch.cat([wanted, made]), torch.cat([where, where])).chunk(2)
        loss = F.relu(1 - photographed).mean() + F.relu(1 + painted).mean()
        self.optimise(self.critics, loss)
        return loss

    def check(self) -> None:
        """The average's errors on mouths of `val`, the same ones at every check, and some to sheet.png."""
        rows = np.linspace(0, len(self.checked) - 1, min(VAL_PICTURES, len(self.checked))).astype(int)
        some, figures, sheet = np.linspace(0, len(rows) - 1, min(SHEET, len(rows))).astype(int), {}, []
        for name, hidden in CHECKED.items():
            seen, wanted = (part.to(self.config.device) for part in self.checked.draw(rows, hidden))
            with torch.inference_mode():
                painted = torch.cat([self.average(part) for part in seen.split(self.config.batch)])
            value, slopes = errors(painted, wanted, seen[:, 3:4])
            figures |= {f"{name}error": 127.5 * float(value), f"{name}slopes": 127.5 * float(slopes)}
            painted = seen[:, :3] + (seen[:, 3:4] > SEEN) * (painted - seen[:, :3])
            sheet += [torch.cat(list(x[some]), 2) for x in (wanted, seen[:, :3], painted)]
        self.note(figures)
        picture = ((torch.cat(sheet, 1).permute(1, 2, 0).cpu().numpy() + 1) * 127.5).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(self.config.run / "sheet.png"), picture[..., ::-1])


def main(words: list[str]) -> None:
    config = parse(Config, words)
    train(config, lambda: Run(config))


if __name__ == "__main__":
    main(sys.argv[1:])
