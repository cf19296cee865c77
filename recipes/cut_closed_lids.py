"""Eyes photographed or filmed shut: the material of recipes.train_closed_lids.

    python -m recipes.cut_closed_lids DATA OUT [--limit N]

DATA is what recipes.prepare made of a corpus: its tracks tell which pictures to look at. OUT receives, for `train` and
`val`, `<split>_pictures.npy` uint8 [N, H, W, 3], RGB of the window that talkinghead.face.closed_lids looks at with a
margin around it, `<split>_points.npy` float32 [N, 23, 2], lids and brow in its pixels, and `<split>_people.npy` and
`<split>_sets.npy`, the names [N] of their people and sets. Eyes that the tracker sees open, and faces turned aside,
are left out; of a clip a few frames are taken.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from tqdm import tqdm

from recipes.parts.manifest import Row, spread
from talkinghead.errors import PortraitError
from talkinghead.face.align import alignment, crop, transform
from talkinghead.face.closed_lids import LIDS, SIZE, eye, window
from talkinghead.face.tracker import TrackedFace, Tracker
from talkinghead.media.pictures import at_most, read_portrait
from talkinghead.media.video import VideoReader
from talkinghead.units.names import INDEX

MARGIN = 16  # pixels around the window, for turning and shifting in training
LOOKED_AT = 0.35, 0.4  # EyeBlink of a photograph's one eye, and of a clip's both, from which on they are looked at
PER_CLIP, GRID, APART = 6, 2, 12  # frames of a clip at most; of one of GRID, which has a thousand; between them
# The gap between closed lids over the eye's width, at most: of small photographs, which are less sure, there are many.
GAP, SMALL = 0.125, {"lfw": 0.1}
MAX_YAW = 30.0  # degrees
LARGEST = 1600  # pixels: larger photographs are reduced to that
SPLITS = ("train", "val")
BLINKS = [INDEX["EyeBlink_L"], INDEX["EyeBlink_R"]]


def looked_at(data: Path, split: str) -> dict[int, list[int]]:
    """Rows of the manifest, and of each the frames whose eyes may be shut; 0 is a photograph's."""
    found = defaultdict[int, list[int]](list)
    for path in sorted((data / "tracks").glob(f"{split}_*.npz")):
        with np.load(path) as track:
            row, blinks = track["row"], np.nan_to_num(track["units"][:, BLINKS])
        if len(set(row)) > 1 or len(row) == 1:  # photographs, many to a file
            for k in np.flatnonzero(blinks.max(1) > LOOKED_AT[0]):
                found[int(row[k])].append(0)
            continue
        shut = blinks.min(1)
        for _ in range(GRID if "_grid_" in path.stem else PER_CLIP):
            most = int(shut.argmax())
            if shut[most] < LOOKED_AT[1]:
                break
            found[int(row[0])].append(most)
            shut[max(most - APART, 0) : most + APART + 1] = 0
    return found


def frames_of(row: Row, frames: list[int]) -> list[np.ndarray]:
    """These frames of a clip, or a photograph; RGB uint8."""
    path = Path(row["root"]) / row["path"]
    if row["kind"] == "portrait":
        return [at_most(read_portrait(path), LARGEST)]
    with VideoReader(path) as video:
        return [frame for k, frame in zip(range(max(frames) + 1), video) if k in frames]


def cut(image: np.ndarray, face: TrackedFace, gap: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The stored windows of a face's eyes that are closed, lids no further apart than `gap`, and the points there."""
    to_face, made = alignment(face.points, 1), []
    to_face[:, 2] += 0.5  # its pixel centres lie at integers, fractions count from the border
    for side in "LR" if abs(face.pose[0]) <= MAX_YAW else "":
        points = eye(transform(to_face, face.points), side)
        upper, lower = (points[part] for part in LIDS[:2])
        if np.linalg.norm(lower[3:6] - upper[3:6], axis=1).mean() > gap * np.linalg.norm(upper[0] - upper[-1]):
            continue
        to_window = window(points, side)
        to_window[:, 2] += MARGIN
        matrix = to_window[:, :2] @ to_face
        matrix[:, 2] += to_window[:, 2]
        size = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
        made.append((crop(image, matrix, size), transform(to_window, points).astype(np.float32)))
    return made


def main(
    data: Annotated[Path, typer.Argument()],
    out: Annotated[Path, typer.Argument()],
    limit: Annotated[int, typer.Option(help="photographs and clips per split, spread evenly; 0 takes all")] = 0,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    with open(data / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with Tracker() as tracker:
        for split in SPLITS:
            found, made = sorted(looked_at(data, split).items()), []
            for number, frames in tqdm(spread(found, limit) if limit else found, desc=split):
                row = rows[number]
                try:
                    images = frames_of(row, frames)
                except PortraitError:
                    continue
                for image in images:
                    for face in tracker(image)[:1]:
                        eyes = cut(image, face, SMALL.get(row["set"], GAP))
                        made += [(*pair, np.array(row["identity"]), np.array(row["set"])) for pair in eyes]
            print(f"{split}: {len(made)} eyes of {len({str(one[2]) for one in made})} people")
            for name, arrays in zip(("pictures", "points", "people", "sets"), zip(*made)):
                np.save(out / f"{split}_{name}.npy", np.stack(arrays))


if __name__ == "__main__":
    typer.run(main)
