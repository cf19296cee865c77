"""A run that trains one of the painters (gath/painters.py), maybe against an opponent, and what it draws for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gath.data import to_tensor
from gath.painters import Critic, Painter
from recipes.parts.config import parse
from recipes.parts.net_run import NetRun, Settings, train
from talkinghead.face.align import transform
from talkinghead.face.mouth_place import LUMINANCE

SCALES = (1, 2, 4)  # pixels over which slopes are compared
BETAS, CRITIC_BETAS = (0.9, 0.99), (0.0, 0.99)  # Adam's
SEEN = 0.02  # less than that of a pixel is not hidden
VAL_PICTURES, SHEET = 128, 16
GAIN, TINT, GREY = (0.75, 1.2), 0.12, 0.1  # contrast, colour cast in [-1, 1], share of grey pictures
BLURRED, MOST_BLUR = 0.35, 2.0  # share of the pictures, pixels


@dataclass(frozen=True)
class PaintingSettings(Settings):
    """Of one run; a recipe's Config begins with these."""

    steps: int = 12000
    batch: int = 32
    adversary: float = 0.0  # weight of an opponent that tells painted from photographed
    checkpoint_every: int = 500  # steps


class Material:
    """Photographs of one split with points in them, of which part is hidden; its whole state is one NumPy generator."""

    def __init__(self, folder: Path, split: str, seed: int, size: tuple[int, int], weight: np.ndarray):
        """`folder` holds `<split>_pictures.npy` uint8 [N, H, W, 3] with a margin around windows of `size`, and
        `<split>_points.npy` [N, P, 2] in their pixels; `weight` [N] says how often each is drawn."""
        self.pictures = np.load(folder / f"{split}_pictures.npy", mmap_mode="r")
        self.points = np.load(folder / f"{split}_points.npy")
        self.size, self.weight = size, weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """What is seen of a photograph changed at random, float32 [CHANNELS, H, W], and that, uint8 [H, W, 3]."""
        raise NotImplementedError

    def plain(self, row: int, *hidden: float) -> tuple[np.ndarray, np.ndarray]:
        """The same of a photograph as it is, so much being `hidden`."""
        raise NotImplementedError

    def rows(self, count: int) -> np.ndarray:
        return self.rng.choice(len(self), count, p=self.weight)

    def draw(self, rows: np.ndarray, hidden: tuple[float, ...] | None = None) -> tuple[Tensor, Tensor]:
        """What is seen [B, CHANNELS, H, W] and the photographs [B, 3, H, W] in [-1, 1] of these rows, changed at
        random; or as they are, so much being `hidden`."""
        seen, wanted = zip(*(self.one(row) if hidden is None else self.plain(row, *hidden) for row in rows))
        return torch.from_numpy(np.stack(seen)), to_tensor(np.stack(wanted))

    def place(self, angle: float, zoom: float, shift: np.ndarray, narrow: float = 1.0) -> np.ndarray:
        """From a stored picture to the window, the middles on each other but for `shift`, so `narrow`."""
        middle = (np.array(self.pictures.shape[2:0:-1]) - 1) / 2
        matrix = cv2.getRotationMatrix2D(middle.tolist(), angle, float(np.exp(zoom)))
        matrix[:, 2] -= middle
        matrix[0] *= narrow
        matrix[:, 2] += (np.array(self.size) - 1) / 2 + shift
        return matrix

    def moved(self, row: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A stored picture and its points, carried to the window."""
        return self.warped(self.pictures[row], where), transform(where, self.points[row])

    def warped(self, picture: np.ndarray, where: np.ndarray) -> np.ndarray:
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        return cv2.warpAffine(np.asarray(picture), where, self.size, flags=flags, borderMode=border)

    def recoloured(
        self, *pictures: np.ndarray, tint: float = TINT, cast: float = 0.0, vivid: tuple[float, float] = (1.0, 1.0)
    ) -> list[np.ndarray]:
        """Pictures blurred, grey, paler, more `vivid` or in another light, at random, all alike; a `tint` colours black
        as well, a `cast` does not."""
        seed = self.rng.integers(2**32)
        return [_recoloured(picture, np.random.default_rng(seed), tint, cast, vivid) for picture in pictures]


def _recoloured(
    picture: np.ndarray, rng: np.random.Generator, tint: float, cast: float, vivid: tuple[float, float]
) -> np.ndarray:
    if rng.random() < BLURRED:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, MOST_BLUR))
    if rng.random() < GREY:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    light = (picture @ LUMINANCE)[..., None]
    picture = (light + rng.uniform(*vivid) * (picture - light)) * rng.uniform(1 - cast, 1 + cast, 3)
    values = (picture / np.float32(127.5) - 1) * rng.uniform(*GAIN) + rng.uniform(-tint, tint, 3)
    return ((values + 1) * 127.5 + 0.5).clip(0, 255).astype(np.uint8)


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


class PaintingRun(NetRun):
    """One run: `make` the network, learn from one Material, check on another what of that is hidden by `checked`."""

    def __init__(
        self,
        config: PaintingSettings,
        make: Callable[[], Painter],
        material: Callable[[str], Material],
        checked: dict[str, tuple[float, ...]],
    ):
        super().__init__(config, make, BETAS)
        self.config, self.critic, self.hidden = config, None, checked
        self.material, self.checked = material("train"), material("val")
        if config.adversary:
            self.critic = Critic().to(config.device, memory_format=torch.channels_last)
            self.critics = torch.optim.Adam(self.critic.parameters(), config.rate, betas=CRITIC_BETAS)
            self.parts |= {"critic": self.critic, "critics": self.critics}

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        self.material.rng = np.random.default_rng([self.config.seed, step])
        return self.material.draw(self.material.rows(self.config.batch))

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
        """The average's errors on photographs of `val`, the same ones at every check, and some to sheet.png."""
        rows = np.linspace(0, len(self.checked) - 1, min(VAL_PICTURES, len(self.checked))).astype(int)
        some, figures, sheet = np.linspace(0, len(rows) - 1, min(SHEET, len(rows))).astype(int), {}, []
        for name, hidden in self.hidden.items():
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


def run(
    words: list[str],
    make: Callable[[], Painter],
    material: Callable[[Path, str, int], Material],
    checked: dict[str, tuple[float, ...]],
) -> None:
    """A recipe with these `words` on its command line; `material` is made of a folder, a split and a seed."""
    config = parse(PaintingSettings, words)
    train(config, lambda: PaintingRun(config, make, lambda split: material(config.data, split, config.seed), checked))
