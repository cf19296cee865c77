"""An action-unit estimator on faces: what it reads, whose faces count, and how the figures are printed."""

from __future__ import annotations

import numpy as np
import torch

from gath.data import Pack, mirror_units, to_tensor
from gath.estimator import Estimator
from gath.metrics import VARIES, UnitScores, summarise

BATCH = 64


@torch.inference_mode()
def predict(estimator: Estimator, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Units [N, K] in [0, 1] of the `rows` [N] of aligned faces [..., S, S, 3] uint8 RGB.

    Each is the mean of two looks, at the face and at its mirror image: what one of them gets wrong the other may not.
    """
    device = next(estimator.parameters()).device
    mirror = mirror_units(estimator.unit_names)
    units = []
    for part in np.array_split(rows, max(1, -(-len(rows) // BATCH))):
        faces = to_tensor(images[part]).to(device, memory_format=torch.channels_last)
        seen, mirrored = estimator(faces), estimator(faces.flip(3))
        units.append(((seen + mirrored[:, mirror]) / 2).clamp(0, 1).float().cpu().numpy())
    return np.concatenate(units)


def strangers(pack: Pack, training: np.ndarray) -> np.ndarray:
    """Rows of `pack` whose person is not among those of the training set [M]."""
    return np.flatnonzero(~np.isin(pack.person, training))


def summary_line(title: str, faces: int, scores: UnitScores) -> str:
    s = summarise(scores)
    return (
        f"{title}, {faces} faces: mean r {s.correlation:.3f} over {s.varying} units that vary by more than {VARIES}; "
        f"RMSE {s.rmse:.4f}, constant {s.constant:.4f}, {s.gain:.1%} under it"
    )


def print_table(names: tuple[str, ...], scores: UnitScores) -> None:
    print(f"{'unit':16s} {'RMSE':>7s} {'constant':>8s} {'r':>6s} {'deviation':>9s}")
    for name, *row in zip(names, *scores):
        print("{:16s} {:7.4f} {:8.4f} {:6.3f} {:9.4f}".format(name, *row))
