"""Train the network that tells a person from what is behind (gath/matte.py).

    python -m recipes.train_matte data=MATTES run=RUN [key=value ...]

Reads what recipes.label_mattes made. Two pictures of three are set before another background: somebody else's
photograph (so that only the head in the middle counts), or a pattern of recipes/parts/behind.py; a third of these in
the colour of the hair or hat before it. Hair and hats are dyed in a third of all pictures, and photographs that look as
if there were a hat are drawn more often. Half of all are cut as a tight portrait is; what lies beyond the cut repeats
its border, as in talkinghead.face.align.crop. With `start`, a file of weights, the network begins with these.

RUN receives config.json, metrics.csv, val.csv (mean absolute error, and the share of pixels on the wrong side of one
half, on photographs of `val` as they are and before other backgrounds), latest.pt and weights.safetensors (the moving
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

from gath.data import to_tensor
from gath.matte import MatteNet
from recipes.parts.behind import pattern
from recipes.parts.config import parse
from recipes.parts.hats import alike, dyed, hats
from recipes.parts.net_run import NetRun, Settings, train
from talkinghead.face.matte import SIDE

ANGLE, ZOOM, SHIFT = 6.0, 0.1, 5.0  # standard deviations: degrees, logarithm of the scale, pixels
COMPOSED, STRANGERS = 0.65, 0.5  # share of pictures set before something else, and of those before another photograph
BESIDE, ALIKE = (0.28, 0.8), 0.5  # how far aside its head lies, of SIDE, and the share that lies in the same light
DYED, BLENDS = 0.3, 0.35  # share of pictures whose hair or hat is dyed, and of backgrounds that have its colour
HATS = 4.0  # times as often a hat is drawn
CUT, EACH = 0.5, 0.7  # share of pictures cut close to the head, and of their four sides
CLOSE = np.array([[0.32, 0.36], [0.32, 0.2]])  # left, top, right, bottom: the farthest in that a cut lies, of SIDE
SHARPEN = 0.3, 0.85  # what a teacher's matte is stretched to 0 and 1 from
GAIN, TINT, GREY = 0.3, 0.15, 0.1  # contrast, colour cast in [-1, 1], share of grey pictures
BLURRED, MOST_BLUR = 0.3, 1.5  # share of the pictures, pixels
VAL_PICTURES = 200


@dataclass(frozen=True)
class Config(Settings):
    """`data` is a folder made by recipes.label_mattes."""


class Pictures:
    """Draws pictures and mattes; its whole state is one NumPy generator."""

    def __init__(self, folder: Path, split: str, seed: int):
        self.pictures = np.load(folder / f"{split}_pictures.npy", mmap_mode="r")
        self.mattes = np.load(folder / f"{split}_mattes.npy", mmap_mode="r")
        _, kind, count = np.unique(np.load(folder / f"{split}_sets.npy"), return_inverse=True, return_counts=True)
        weight = count[kind] ** -0.5  # a set four times as large is drawn from twice as often
        weight *= np.where(hats(self.pictures, self.mattes), HATS, 1.0)
        self.weight = weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, count: int) -> np.ndarray:
        return self.rng.choice(len(self), count, p=self.weight)

    def draw(self, rows: np.ndarray, composed: float = COMPOSED) -> tuple[Tensor, Tensor]:
        """Pictures [B, 3, SIDE, SIDE] in [-1, 1] and mattes [B, 1, SIDE, SIDE] in [0, 1] of these rows."""
        rng = self.rng
        pictures, mattes = zip(*(self.one(i, rng.random() < composed) for i in rows))
        x = to_tensor(np.stack(pictures))
        gain = rng.uniform(1 - GAIN, 1 + GAIN, (len(rows), 1, 1, 1)).astype(np.float32)
        tint = rng.uniform(-TINT, TINT, (len(rows), 3, 1, 1)).astype(np.float32)
        x = (x * torch.from_numpy(gain) + torch.from_numpy(tint)).clamp_(-1, 1)
        grey = torch.from_numpy(rng.random(len(rows)) < GREY)
        x[grey] = x[grey].mean(1, keepdim=True)
        return x, torch.from_numpy(np.stack(mattes))[:, None]

    def one(self, row: int, composed: bool) -> tuple[np.ndarray, np.ndarray]:
        """One picture uint8 [SIDE, SIDE, 3], moved a little, and its matte float32 [SIDE, SIDE]."""
        rng = self.rng
        where = self.jitter(rng.normal(0, ANGLE), rng.normal(0, ZOOM), rng.normal(0, SHIFT, 2))
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        picture = cv2.warpAffine(np.asarray(self.pictures[row]), where, (SIDE, SIDE), flags=flags, borderMode=border)
        matte = cv2.warpAffine(np.asarray(self.mattes[row]), where, (SIDE, SIDE), flags=flags, borderMode=border)
        low, high = SHARPEN
        matte = ((matte / np.float32(255) - low) / (high - low)).clip(0, 1)
        if rng.random() < DYED:
            picture = dyed(rng, picture, matte)
        if composed:
            behind = self.stranger(picture) if rng.random() < STRANGERS else pattern(rng, SIDE)
            if rng.random() < BLENDS:
                behind = alike(rng, behind, picture, matte)
            picture = (matte[..., None] * picture + (1 - matte[..., None]) * behind).astype(np.uint8)
        if rng.random() < CUT:
            picture, matte = self.cut(picture, matte)
        if rng.random() < BLURRED:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, MOST_BLUR))
        if rng.random() < 0.5:
            picture, matte = picture[:, ::-1], matte[:, ::-1]
        return np.ascontiguousarray(picture), np.ascontiguousarray(matte)

    def jitter(self, angle: float, zoom: float, shift: np.ndarray) -> np.ndarray:
        """From a stored picture to one of SIDE pixels, the middles on each other but for `shift`."""
        middle = (self.pictures.shape[1] - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), angle, float(np.exp(zoom)))
        matrix[:, 2] += (SIDE - 1) / 2 - middle + shift
        return matrix

    def stranger(self, picture: np.ndarray) -> np.ndarray:
        """Another photograph, its head beside the middle one, cheek to cheek at the nearest; some in the light of
        this `picture`."""
        rng = self.rng
        aside = np.array([rng.choice((-1, 1)) * rng.uniform(*BESIDE), rng.uniform(-0.5, 0.3)]) * SIDE
        where = self.jitter(rng.normal(0, ANGLE), rng.normal(0, 0.3), aside)
        other = np.asarray(self.pictures[rng.integers(len(self))])
        if rng.random() < ALIKE:
            light, own = (cv2.mean(x[len(x) * 2 // 5 : len(x) * 3 // 5, len(x) * 2 // 5 : len(x) * 3 // 5])[:3]
                          for x in (other, picture))  # fmt: skip
            gain = np.clip(np.divide(own, np.maximum(light, 1)), 0.5, 2)
            other = (other * gain).clip(0, 255).astype(np.uint8)
        return cv2.warpAffine(other, where, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def cut(self, picture: np.ndarray, matte: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both as if the photograph had ended close to the head, its borders a little askew."""
        rng = self.rng
        depth = np.where(rng.random((2, 2)) < EACH, rng.uniform(0, CLOSE), 0) * SIDE
        low, high = depth[0] - 0.5, SIDE - 0.5 - depth[1]
        angle, middle = rng.normal(0, ANGLE), (SIDE / 2, SIDE / 2)
        askew, back = (cv2.getRotationMatrix2D(middle, turn, 1) for turn in (angle, -angle))
        y, x = np.mgrid[:SIDE, :SIDE]
        seen = (np.stack([x, y], -1) @ askew[:, :2].T + askew[:, 2]).clip(low, high)
        seen = (seen @ back[:, :2].T + back[:, 2]).astype(np.float32)
        flags = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
        return cv2.remap(picture, seen, None, **flags), cv2.remap(matte, seen, None, **flags)


class Run(NetRun):
    """One run of this recipe."""

    def __init__(self, config: Config):
        super().__init__(config, MatteNet)
        self.config, self.faces = config, Pictures(config.data, "train", config.seed)

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        self.faces.rng = np.random.default_rng([self.config.seed, step])
        return self.faces.draw(self.faces.rows(self.config.batch))

    def train_step(self, *drawn: Tensor) -> dict[str, Tensor]:
        picture, matte = drawn
        with self.autocast():
            logits = self.net(picture.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(logits.float(), matte)
        self.descend(loss)
        return {"entropy": loss.detach()}

    def check(self) -> None:
        """The average's errors on photographs of `val`, the same ones at every check."""
        figures = {}
        for composed, prefix in ((0.0, ""), (1.0, "composed_")):
            faces = Pictures(self.config.data, "val", seed=1)
            picture, matte = (part.to(self.config.device) for part in faces.draw(faces.rows(VAL_PICTURES), composed))
            with torch.inference_mode():
                out = torch.cat([self.average(part) for part in picture.split(self.config.batch)]).sigmoid()
            figures[prefix + "error"] = float((out - matte).abs().mean())
            figures[prefix + "wrong"] = float(((out > 0.5) != (matte > 0.5)).float().mean())
        self.note(figures)


def main(words: list[str]) -> None:
    config = parse(Config, words)
    train(config, lambda: Run(config))


if __name__ == "__main__":
    main(sys.argv[1:])
