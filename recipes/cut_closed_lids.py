"""Eyes photographed or filmed shut: the material of recipes.train_closed_lids.

    python -m recipes.cut_closed_lids DATA OUT [--limit N]

DATA is what recipes.prepare made of a corpus: its tracks tell which pictures to look at. OUT receives, for `train` and
`val`, `<split>_pictures.npy` uint8 [N, H, W, 3], RGB of the window that talkinghead.face.closed_lids looks at with a
margin around it, `<split>_points.npy` float32 [N, 23, 2], lids and brow in its pixels, `<split>_open_pictures.npy` and
`<split>_open_points.npy`, the same of eyes filmed open a moment before or after, zeros and NaN where there is no such
frame, and `<split>_people.npy` and `<split>_sets.npy`, the names [N] of their people and sets. Eyes that the tracker
sees open, and faces turned aside, are left out; of a clip a few frames are taken.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from tqdm import tqdm

from recipes.parts.datasets import frames_of
from recipes.parts.manifest import Row, spread
from talkinghead.face.align import composed, crop, to_fractions, transform
from talkinghead.face.closed_lids import LIDS, SIZE, eye, window
from talkinghead.face.tracker import TrackedFace, Tracker
from talkinghead.media.pictures import at_most
from talkinghead.units.names import INDEX

MARGIN = 16  # pixels around the window, for turning and shifting in training
LOOKED_AT = 0.35, 0.4  # EyeBlink of a photograph's one eye, and of a clip's both, from which on they are looked at
PER_CLIP, GRID, APART = 6, 2, 12  # frames of a clip at most; of one of GRID, which has a thousand; between them
# The gap between closed lids over the eye's width, at most: of small photographs, which are less sure, there are many.
GAP, SMALL = 0.125, {"lfw": 0.1}
MAX_YAW = 30.0  # degrees
LARGEST = 1600  # pixels: larger photographs are reduced to that
UNKNOWN = 0.3  # EyeBlink where no face is found: neither open nor shut
OPEN, MOMENT = 0.25, 14  # EyeBlink of eyes that are open; frames in which they are looked for, before and after
SPLITS = ("train", "val")
NAMES = "pictures", "points", "open_pictures", "open_points", "people", "sets"
BLINKS = [INDEX["EyeBlink_L"], INDEX["EyeBlink_R"]]


def looked_at(data: Path, split: str) -> dict[int, list[tuple[int, int]]]:
    """Rows of the manifest, and of each the frames whose eyes may be shut, with the nearest one whose eyes are open, or
    -1; 0 is a photograph's."""
    found = defaultdict[int, list[tuple[int, int]]](list)
    for path in sorted((data / "tracks").glob(f"{split}_*.npz")):
        with np.load(path) as track:
            row, blinks = track["row"], np.nan_to_num(track["units"][:, BLINKS], nan=UNKNOWN)
        if not len(row):  # sounds without a picture
            continue
        if len(set(row)) > 1 or len(row) == 1:  # photographs, many to a file
            for k in np.flatnonzero(blinks.max(1) > LOOKED_AT[0]):
                found[int(row[k])].append((0, -1))
            continue
        shut, wide = blinks.min(1), np.flatnonzero(blinks.max(1) < OPEN)
        for _ in range(GRID if "_grid_" in path.stem else PER_CLIP):
            most = int(shut.argmax())
            if shut[most] < LOOKED_AT[1]:
                break
            near = wide[np.abs(wide - most) <= MOMENT]
            found[int(row[0])].append((most, int(near[np.abs(near - most).argmin()]) if len(near) else -1))
            shut[max(most - APART, 0) : most + APART + 1] = 0
    return found


def cut(image: np.ndarray, face: TrackedFace, side: str) -> tuple[np.ndarray, np.ndarray, float]:
    """The stored window of one of a face's eyes, the points in it, and the gap between its lids over its width."""
    to_face = to_fractions(face.points)
    points = eye(transform(to_face, face.points), side)
    upper, lower = (points[part] for part in LIDS[:2])
    gap = np.linalg.norm(lower[3:6] - upper[3:6], axis=1).mean() / np.linalg.norm(upper[0] - upper[-1])
    to_window = window(points, side)
    to_window[:, 2] += MARGIN
    size = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    return crop(image, composed(to_window, to_face), size), transform(to_window, points).astype(np.float32), float(gap)


def eyes_of(row: Row, frames: list[tuple[int, int]], tracker: Tracker) -> Iterator[tuple[np.ndarray, ...]]:
    """Of every closed eye what OUT receives of it, in the order of NAMES."""
    wanted = {frame for pair in frames for frame in pair}
    seen = zip(range(max(wanted) + 1), frames_of(Path(row["root"]) / row["path"], row["kind"]))
    images = {k: at_most(frame, LARGEST) for k, frame in seen if k in wanted and frame is not None}
    faces = {k: tracker(image)[:1] for k, image in images.items()}
    for shut, wide in frames:
        for face in faces.get(shut, []):
            for side in "LR" if abs(face.pose[0]) <= MAX_YAW else "":
                picture, points, gap = cut(images[shut], face, side)
                if gap > SMALL.get(row["set"], GAP):
                    continue
                before = np.zeros_like(picture), np.full_like(points, np.nan)
                for other in faces.get(wide, []):
                    before = cut(images[wide], other, side)[:2]
                yield picture, points, *before, np.array(row["identity"]), np.array(row["set"])


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
                made += eyes_of(rows[number], frames, tracker)
            print(f"{split}: {len(made)} eyes of {len({str(one[-2]) for one in made})} people")
            for name, arrays in zip(NAMES, zip(*made)):
                np.save(out / f"{split}_{name}.npy", np.stack(arrays))


if __name__ == "__main__":
    typer.run(main)
