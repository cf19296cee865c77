"""Mouths photographed with closed lips: the material of recipes.train_closed_lips.

    python -m recipes.cut_closed_lips MANIFEST_ROOT OUT [--limit N]

MANIFEST_ROOT holds `manifest.csv` (path, kind, set, identity, split) and its photographs. OUT receives, for `train` and
`val`, `<split>_pictures.npy` uint8 [N, H, W, 3], RGB of the window that talkinghead.face.closed_lips looks at with a
margin around it, `<split>_points.npy` float32 [N, P, 2], the mouth's points in its pixels, `<split>_pursed.npy` [N],
LipsPucker, and `<split>_sets.npy`, the names [N] of their sets. Photographs without a face, or with lips apart, are
left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from tqdm import tqdm

from gath.mesh import MOUTH
from recipes.parts.manifest import rows_of, spread
from talkinghead.errors import PortraitError
from talkinghead.face.align import composed, crop, to_fractions, transform
from talkinghead.face.closed_lips import SIZE, window
from talkinghead.face.outline import IOD, LOWER, UPPER, meeting
from talkinghead.face.tracker import Tracker
from talkinghead.media.pictures import at_most, read_portrait
from talkinghead.units.names import INDEX

MARGIN = 24  # pixels around the window, for turning and shifting in training
CLOSED = 0.02  # inter-ocular distances between lips that count as closed
LARGEST = 1400  # pixels: larger photographs are reduced to that
SPLITS = ("train", "val")


def cut(image: np.ndarray, tracker: Tracker) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The stored window of a photograph, the mouth's points in it and how far it purses, or None without a closed
    mouth."""
    faces = tracker(image)
    if not faces:
        return None
    to_face = to_fractions(faces[0].points)
    points = transform(to_face, faces[0].points[list(MOUTH)]).astype(np.float32)
    if (points[LOWER, 1] - points[UPPER, 1]).max() > CLOSED * IOD:
        return None
    points = meeting(points, image, to_face)
    to_window = window(points)
    to_window[:, 2] += MARGIN
    size = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    picture = crop(image, composed(to_window, to_face), size)
    return picture, transform(to_window, points).astype(np.float32), faces[0].units[INDEX["LipsPucker"]]


def main(
    root: Annotated[Path, typer.Argument()],
    out: Annotated[Path, typer.Argument()],
    limit: Annotated[int, typer.Option(help="photographs per split, spread evenly; 0 takes all")] = 0,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    with Tracker() as tracker:
        for split in SPLITS:
            rows = rows_of(root, split, "portrait")
            rows, made = spread(rows, limit) if limit else rows, []
            for row in tqdm(rows, desc=split):
                try:
                    pair = cut(at_most(read_portrait(root / row["path"]), LARGEST), tracker)
                except PortraitError:
                    continue
                if pair:
                    made.append((*pair, np.array(row["set"])))
            print(f"{split}: {len(made)} of {len(rows)} photographs")
            for name, arrays in zip(("pictures", "points", "pursed", "sets"), zip(*made)):
                np.save(out / f"{split}_{name}.npy", np.stack(arrays))


if __name__ == "__main__":
    typer.run(main)
