"""How well does an action-unit estimator read faces of people it never saw?

    python -m recipes.evaluate_estimator DATA WEIGHTS [--split test] [--table FILE.csv]

Prints, for the faces of DATA/SPLIT whose people do not occur in DATA/train, each unit's RMSE beside that of the
constant predictor (the mean over DATA/train), Pearson's r and standard deviation; then the mean r over the units that
vary and the total RMSE. What counts is the mean of what it reads in a face and in its mirror image. A last line gives
the same figures over all faces of the split: clips of a speaker who is also in the training set are easier.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
import typer

import gath
from gath.data import Pack, mirror_units, to_tensor
from gath.estimator import Estimator
from gath.metrics import VARIES, UnitScores, summarise, unit_scores

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


def write_csv(path: Path, names: tuple[str, ...], scores: UnitScores) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unit", *UnitScores._fields])
        writer.writerows([name, *(f"{x:.6f}" for x in row)] for name, *row in zip(names, *scores))


def main(data: Path, weights: Path, split: str = "test", table: Path | None = None) -> None:
    estimator = gath.load_estimator(weights)
    pack = Pack(data / split)
    constant = np.load(data / "train" / "units.npy").mean(0)
    rows = strangers(pack, np.load(data / "train" / "person.npy"))
    if not len(rows):
        raise SystemExit(f"{data / split}: nobody there who is not in {data / 'train'} as well")
    predicted = predict(estimator, pack.images, np.arange(len(pack)))
    scores = unit_scores(predicted[rows], pack.units[rows], constant)
    print_table(estimator.unit_names, scores)
    print(summary_line(f"{split}, people not in training", len(rows), scores))
    print(summary_line(f"{split}, everybody", len(pack), unit_scores(predicted, pack.units, constant)))
    if table:
        write_csv(table, estimator.unit_names, scores)


if __name__ == "__main__":
    typer.run(main)
