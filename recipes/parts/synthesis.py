"""Frames of a generator for the evaluation, and the pictures it judges: all of one size, RGB uint8."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from gath.data import Pack, resize, to_tensor
from gath.generator import compose
from gath.paper import PaperGenerator
from recipes.parts.protocol import Pair
from talkinghead.face.render import CLAHE_CLIP, CLAHE_TILES

SIDE = 100  # pixels at which every picture is judged: the paper's
BATCH = 32  # frames


def from_tensor(pictures: torch.Tensor) -> np.ndarray:
    """[N, 3, S, S] in [-1, 1] to uint8 [N, S, S, 3]."""
    return ((pictures.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()


def on_side(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, S, S, 3] at the size they are judged at."""
    return pictures if pictures.shape[1] == SIDE else from_tensor(resize(to_tensor(pictures), SIDE))


def equalised(picture: np.ndarray) -> np.ndarray:
    """CLAHE on the luminance: the first step of the paper's post-processing, with the constants of `--enhance`."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES).apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def hull(points: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] of 0 and 1: the convex hull of landmarks [478, 2] in fractions of the side."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull((points * SIDE - 0.5).round().astype(np.int32)), 1)
    return mask


class Synthesiser:
    """A generator at its own size; its frames at SIDE."""

    def __init__(self, generator: torch.nn.Module, pack: Pack, bfloat16: bool = False):
        self.generator, self.pack, self.bfloat16 = generator, pack, bfloat16

    def __call__(self, pair: Pair) -> np.ndarray:
        """The source with the units of the pair's targets, [T, SIDE, SIDE, 3]."""
        return self.frames(pair.source, self.pack.units[pair.targets])

    @torch.inference_mode()
    def frames(self, source: int, units: np.ndarray) -> np.ndarray:
        """Row `source` of the pack with each of `units` [N, 46]; the paper's generator keeps all its own pixels."""
        picture = resize(to_tensor(self.pack.images[source][None]), self.generator.config.size)
        out = []
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            code = self.generator.encode(picture, torch.from_numpy(self.pack.units[source][None]))
            for part in torch.from_numpy(np.asarray(units, np.float32)).split(BATCH):
                if isinstance(self.generator, PaperGenerator):
                    frames = self.generator.paint(code, part)
                else:
                    frames = compose(picture, self.generator.decode(code, part))
                out.append(on_side(from_tensor(frames.float())))
        return np.concatenate(out)
