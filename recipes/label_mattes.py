"""Head-and-body mattes of photographs by a teacher: the material of recipes.train_matte.

    python -m recipes.label_mattes MANIFEST_ROOT OUT --teacher selfie_segmentation.tflite [--limit N]

MANIFEST_ROOT holds `manifest.csv` (path, kind, set, identity, split) and its photographs. The teacher is MediaPipe's
selfie segmentation (Apache-2.0), a file that the wheels of mediapipe up to 0.10.14 carry in
`mediapipe/modules/selfie_segmentation/`; today's mediapipe runs it.

OUT receives, for `train` and `val`, `<split>_pictures.npy` uint8 [N, STORED, STORED, 3], RGB of the window that
talkinghead.face.matte looks at with a margin around it, upright, `<split>_mattes.npy` uint8 [N, STORED, STORED] and
`<split>_sets.npy`, the names [N] of their sets.
Photographs in which the teacher sees more than one head beside the other, or misses the face, are left out.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from tqdm import tqdm

from talkinghead.errors import PortraitError
from talkinghead.face.align import crop, transform
from talkinghead.face.matte import SIDE, window
from talkinghead.face.tracker import Tracker
from talkinghead.media.pictures import read_portrait

STORED = SIDE + 40  # pixels; the margin is for turning and shifting in training
SEEN = 3.4  # inter-ocular distances around the eyes that the teacher is shown
FACE = 0.95  # of the face's hull must be in the matte
# Sides of the picture: at the height of the head, from these rows on to those, the matte may take no more than that
# share of what lies so far aside. More is somebody else, or a wall.
ROWS, ASIDE, BESIDE = (0.3, 0.55), 0.33, 0.08
SPLITS = ("train", "val")


class Teacher:
    """RGB uint8 [H, W, 3] in, matte float32 [H, W] in [0, 1] out."""

    def __init__(self, path: Path):
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.ImageSegmenterOptions(
            base_options=BaseOptions(model_asset_path=str(path)), output_confidence_masks=True
        )
        self._segmenter = vision.ImageSegmenter.create_from_options(options)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        import mediapipe as mp

        result = self._segmenter.segment(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(image)))
        return result.confidence_masks[-1].numpy_view().astype(np.float32).reshape(image.shape[:2])

    def close(self) -> None:
        self._segmenter.close()


def label(image: np.ndarray, tracker: Tracker, teacher: Teacher) -> tuple[np.ndarray, np.ndarray] | None:
    """The stored window of a photograph and its matte, or None where they would teach nothing good."""
    faces = tracker(image)
    if len(faces) != 1:
        return None
    points = faces[0].points
    eyes = (points[33] + points[263]) / 2
    reach = SEEN * np.linalg.norm(points[263] - points[33])
    left, top = np.maximum(eyes - reach, 0).astype(int)
    right, bottom = np.minimum(eyes + reach, image.shape[1::-1]).astype(int)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    matrix = window(points, STORED, margin=(STORED - SIDE) / 2)
    picture = crop(image, matrix, STORED)
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (left, top)
    matte = crop((teacher(part) * 255).astype(np.uint8), shifted, STORED)
    hull = cv2.convexHull(np.round(transform(matrix, points)).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros(matte.shape, np.uint8), hull, 1) > 0
    first, last = (int(row * STORED) for row in ROWS)
    aside = np.abs(np.arange(STORED) - (STORED - 1) / 2) > ASIDE * STORED
    beside = matte[first:last, aside] > 127
    return (picture, matte) if (matte[face] > 127).mean() > FACE and beside.mean() < BESIDE else None


def main(
    root: Annotated[Path, typer.Argument()],
    out: Annotated[Path, typer.Argument()],
    teacher: Annotated[Path, typer.Option(help="selfie_segmentation.tflite")],
    limit: Annotated[int, typer.Option(help="photographs per split, spread evenly; 0 takes all")] = 0,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    with open(root / "manifest.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "portrait"]
    model = Teacher(teacher)
    with Tracker(5) as tracker:
        for split in SPLITS:
            wanted = [row for row in rows if row["split"] == split]
            if limit:
                wanted = [wanted[i] for i in np.linspace(0, len(wanted) - 1, min(limit, len(wanted))).astype(int)]
            made = []
            for row in tqdm(wanted, desc=split):
                try:
                    pair = label(read_portrait(root / row["path"]), tracker, model)
                except PortraitError:
                    continue
                if pair:
                    made.append((*pair, np.array(row["set"])))
            print(f"{split}: {len(made)} of {len(wanted)} photographs")
            for name, arrays in zip(("pictures", "mattes", "sets"), zip(*made)):
                np.save(out / f"{split}_{name}.npy", np.stack(arrays))
    model.close()


if __name__ == "__main__":
    typer.run(main)
