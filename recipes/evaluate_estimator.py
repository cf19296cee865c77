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
import typer

import gath
from gath.data import Pack
from gath.metrics import UnitScores, unit_scores
from recipes.parts.estimator_scores import predict, print_table, strangers, summary_line


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
