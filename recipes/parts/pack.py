"""Gather tracked faces as memory-mapped arrays (gath/data.py says which), as they are or turned to the front.

Beside the arrays that training reads, a pack has one of int64 per label of recipes/parts/datasets.py (`emotion.npy`,
`intensity.npy`, `statement.npy`, `repetition.npy`, each [N], 0 where unknown), and `pack.json`: `people` and `sets` are
the names behind the numbers of `person.npy` and `source.npy`.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections import Counter
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from recipes.parts.datasets import LABELS, Row
from recipes.parts.frontal import frontalise, is_frontal_enough

CROP = 192  # pixels of a tracked face; the corpus's own faces are 120 to 330 pixels wide at this framing
PACKED = 128  # pixels: what the generator sees
SHAPES = {
    "images": (np.uint8, (PACKED, PACKED, 3)),
    "landmarks": (np.float32, (478, 2)),
    "units": (np.float32, (46,)),
    "pose": (np.float32, (3,)),
}
NUMBERS = ("group", "person", "source", *LABELS)


class Packed(NamedTuple):
    """Faces of each set in a pack, and those left out because they are turned too far."""

    faces: dict[str, int]
    turned: dict[str, int]


def fill(folder: Path, path: Path, chosen: np.ndarray, start: int, frontal: bool) -> None:
    """Write the `chosen` of the faces kept in `path` into the arrays of `folder`, from row `start` on."""
    cv2.setNumThreads(1)
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in SHAPES}
    with np.load(path) as z:
        jpeg, offsets, kept = z["jpeg"], z["offsets"], z["kept"]
        landmarks, units, pose = (z[name] for name in ("landmarks", "units", "pose"))
    for to, i in enumerate(chosen, start):
        image = cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], cv2.IMREAD_COLOR)
        points = landmarks[kept[i]]
        if frontal:
            image, points = frontalise(image, points, pose[kept[i]])
        arrays["images"][to] = cv2.resize(image, (PACKED, PACKED), interpolation=cv2.INTER_AREA)[..., ::-1]
        arrays["landmarks"][to] = (points[:, :2] + 0.5) / CROP
        arrays["units"][to], arrays["pose"][to] = units[kept[i]], pose[kept[i]]
    for array in arrays.values():
        array.flush()


def pack(tracks: Path, folder: Path, split: str, rows: list[Row], pool: Executor, frontal: bool = False) -> Packed:
    """Pack the faces of one split into `folder`, unless that has been done already.

    `rows` are those that the `row` of each track counts. The arrays take their places when all are whole. `pose` stays
    that of the photograph, also where the face is turned to the front.
    """
    files = sorted(tracks.glob(f"{split}_*.npz"))
    stamp = {
        "frontal": frontal,
        "files": {path.name: path.stat().st_size for path in files},
        "rows": zlib.crc32(json.dumps(rows).encode()),
    }
    about = folder / "pack.json"
    if about.exists() and (before := json.loads(about.read_text())).items() >= stamp.items():
        return Packed(before["faces"], before["turned"])
    seen = [line for line in rows if line["kind"] != "sound"]
    people, sets = (sorted({line[key] for line in seen}) for key in ("identity", "set"))
    number_of = {name: i for names in (people, sets) for i, name in enumerate(names)}
    columns: dict[str, list[np.ndarray]] = {name: [] for name in NUMBERS}
    jobs, total, turned = [], 0, Counter()
    for number, path in enumerate(files):
        with np.load(path) as z:
            row, pose = z["row"][z["kept"]], z["pose"][z["kept"]]
        fits = is_frontal_enough(pose) if frontal else np.ones(len(row), bool)
        turned.update(rows[r]["set"] for r in row[~fits])
        chosen = np.flatnonzero(fits)
        jobs.append((path, chosen, total))
        total += len(chosen)
        lines = [rows[r] for r in row[chosen]]
        columns["group"].append(np.full(len(chosen), number if path.name.startswith(f"{split}_clip_") else -1))
        columns["person"].append(np.array([number_of[line["identity"]] for line in lines], np.int64))
        columns["source"].append(np.array([number_of[line["set"]] for line in lines], np.int64))
        for label in LABELS:
            columns[label].append(np.array([int(line[label] or 0) for line in lines], np.int64))
    if not total:
        return Packed({}, dict(turned))
    part = folder / "part"
    part.mkdir(parents=True, exist_ok=True)
    for name, (kind, shape) in SHAPES.items():
        np.lib.format.open_memmap(part / f"{name}.npy", "w+", kind, (total, *shape)).flush()
    for name, parts in columns.items():
        np.save(part / f"{name}.npy", np.concatenate(parts))
    running = [pool.submit(fill, part, *job, frontal) for job in jobs if len(job[1])]
    for job in tqdm(as_completed(running), f"pack {split}", len(running), disable=not sys.stderr.isatty(), unit="file"):
        job.result()
    faces = Counter(sets[i] for i in np.concatenate(columns["source"]))
    about.unlink(missing_ok=True)  # first to go and last to come: with it, all arrays belong together
    for path in part.iterdir():
        path.replace(folder / path.name)
    part.rmdir()
    about.write_text(json.dumps(stamp | {"faces": faces, "turned": turned, "people": people, "sets": sets}, indent=1))
    return Packed(dict(faces), dict(turned))
