"""The corpus's manifest: a split's rows in, the few of them that a figure or a sheet is made of out, always alike."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

Row = dict[str, str]


def rows_of(corpus: Path, split: str, kind: str) -> list[Row]:
    """The rows of one split and kind (portrait or clip), in the manifest's order."""
    with open(corpus / "manifest.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if (row["split"], row["kind"]) == (split, kind)]


def spread(rows: list[Row], count: int) -> list[Row]:
    """`count` of the rows, evenly spaced; all of them if there are no more."""
    return [rows[i] for i in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
