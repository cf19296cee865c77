"""Tables as markdown and CSV, and the paper's own figures to put beside ours."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Cell = str | float | int | None


@dataclass
class Table:
    """`rows` are cells in the order of `columns`; None or NaN stands for not measured, `digits` rounds the markdown."""

    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    note: str = ""
    digits: int = 3

    def markdown(self) -> str:
        lines = [f"### {self.title}", ""]
        lines += [f"| {' | '.join(line)} |" for line in (self.columns, ["---"] * len(self.columns))]
        lines += [f"| {' | '.join(self._text(cell) for cell in row)} |" for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])]) + "\n"

    def _text(self, cell: Cell) -> str:
        if _absent(cell):
            return "n/a"
        return f"{cell:.{self.digits}f}" if isinstance(cell, float) else str(cell)

    def write_csv(self, path: Path) -> None:
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows([[_full(cell) for cell in row] for row in self.rows])


def _absent(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and np.isnan(cell))


def _full(cell: Cell) -> Cell:
    return "" if _absent(cell) else f"{cell:.6g}" if isinstance(cell, float) else cell


def join(parts: Iterable[str]) -> str:
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


# The paper's Tables 1 to 3. Table 1: (picture, CLAHE) -> MAE then RMSE, each RAVDESS, VIDTIMIT, All.
_SETS = ["RAVDESS", "VIDTIMIT", "All"]
_PAPER_PIXELS = {
    ("full image", "no"): {
        "GATH-DC": (141.53, 112.78, 127.16, 182.31, 162.47, 172.68),
        "GATH-C": (144.8, 119.13, 131.97, 184.66, 167.34, 176.21),
        "GATH": (146.46, 118.53, 132.5, 185.8, 167.02, 176.66),
    },
    ("full image", "yes"): {
        "GATH-DC": (94.49, 58.66, 76.58, 138.62, 94.26, 118.53),
        "GATH-C": (92.31, 59.35, 75.83, 136.86, 95.23, 117.89),
        "GATH": (91.65, 59.66, 75.66, 136.21, 95.89, 117.79),
    },
    ("face", "no"): {
        "GATH-DC": (128.48, 122.36, 125.42, 174.0, 170.94, 172.47),
        "GATH-C": (134.78, 128.53, 131.66, 178.44, 175.48, 176.97),
        "GATH": (136.14, 130.16, 133.15, 179.48, 176.78, 178.13),
    },
    ("face", "yes"): {
        "GATH-DC": (56.47, 55.42, 55.94, 93.42, 85.49, 89.54),
        "GATH-C": (57.37, 55.28, 56.32, 94.84, 85.26, 90.18),
        "GATH": (55.88, 54.97, 55.43, 92.63, 84.47, 88.64),
    },
}
_PAPER_INTRA = {"GATH-DC": (0.592, 0.35, 0.486), "GATH-C": (0.591, 0.336, 0.481), "GATH": (0.585, 0.334, 0.477)}
_PAPER_INTER = {"GATH-DC": 0.587, "GATH-C": 0.583, "GATH": 0.579}


def paper_tables() -> list[Table]:
    """Tables 1 to 3 as printed in the paper."""
    pixels = Table(
        "The paper's Table 1: pixel errors, intra-class",
        ["picture", "CLAHE", "system", *(f"{figure} {name}" for figure in ("MAE", "RMSE") for name in _SETS)],
        [[*where, name, *row] for where, systems in _PAPER_PIXELS.items() for name, row in systems.items()],
        "RAVDESS and VIDTIMIT; the unit is not stated there, these sizes fit sums over the channels only.",
        digits=2,
    )
    units = Table(
        "The paper's Tables 2 and 3: AU RMSE",
        ["system", *(f"intra {name}" for name in _SETS), "inter All"],
        [[name, *row, _PAPER_INTER[name]] for name, row in _PAPER_INTRA.items()],
        "OpenFace's 17 intensities, 0 to 5. Other data, other units and another scale than ours: the order of the "
        "systems can be compared, the figures cannot.",
    )
    return [pixels, units]
