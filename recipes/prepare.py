"""Read the corpus, track every frame, cut the aligned face: what the training recipes read.

    python -m recipes.prepare CORPUS DATA [--workers N] [--limit N]

CORPUS is a folder with a `manifest.csv` (path, kind, set, identity, split, audio, licence). DATA receives one
`tracks/<name>.npz` per clip and per batch of portraits, then one folder of plain arrays per split (`train`, `val`,
`test`, see gath/data.py). A file that exists is left alone, so a killed run goes on where it stopped; a picture or clip
that cannot be read, or shows no face, is reported and skipped.

Each npz: `landmarks` [T, 478, 3] float32 in pixels of the aligned face of CROP pixels, `units` [T, 46], `pose` [T, 3]
degrees, `fps`, `jpeg` (JPEG bytes of the aligned faces kept, end to end), `offsets` [K+1], `kept` [K] (their frame
numbers), `row` [T] (manifest row of each frame).
"""

from __future__ import annotations

import csv
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import typer
from tqdm import tqdm

from talkinghead.face import alignment, crop, transform
from talkinghead.tracker import Tracker

PACKED = 128  # pixels: what the generator sees
CROP = 192  # pixels; the corpus's own faces are 120 to 330 pixels wide at this framing
PORTRAITS_PER_FILE = 200
FRAMES_KEPT_EVERY = {"grid": 6}  # one speaker, thousands of like frames; every clip frame is kept elsewhere
JPEG_QUALITY = 95

_tracker: Tracker | None = None


def frames_of(path: Path, kind: str):
    """RGB frames of a clip, or the one picture of a portrait."""
    if kind == "portrait":
        image = cv2.imread(str(path))
        if image is not None:
            yield image[..., ::-1]
        return
    clip = cv2.VideoCapture(str(path))
    while True:
        ok, image = clip.read()
        if not ok:
            break
        yield image[..., ::-1]
    clip.release()


def track_item(corpus: Path, rows: list[tuple[int, dict]], out: Path) -> tuple[int, list[str]]:
    """Track one clip or one batch of portraits into `out`; returns the number of faces and what was dropped."""
    global _tracker
    cv2.setNumThreads(1)
    _tracker = _tracker or Tracker()
    landmarks, units, poses, numbers, kept, blobs, dropped = [], [], [], [], [], [], []
    fps = 0.0
    for number, row in rows:
        path = corpus / row["path"]
        if row["kind"] == "clip":
            fps = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)
        every = FRAMES_KEPT_EVERY.get(row["set"], 1)
        seen = 0
        for i, image in enumerate(frames_of(path, row["kind"])):
            seen += 1
            faces = _tracker(image)
            if not faces:
                dropped.append(f"{row['path']}: no face in frame {i}")
                if row["kind"] == "clip":  # keep the clock: a lost frame is a row of NaN
                    landmarks.append(np.full((478, 3), np.nan, np.float32))
                    units.append(np.full(46, np.nan, np.float32))
                    poses.append(np.full(3, np.nan, np.float32))
                    numbers.append(number)
                continue
            face = faces[0]
            matrix = alignment(face.points, CROP)
            scale = np.hypot(matrix[0, 0], matrix[1, 0])
            landmarks.append(np.c_[transform(matrix, face.points), face.landmarks[:, 2] * scale].astype(np.float32))
            units.append(face.units)
            poses.append(face.pose)
            numbers.append(number)
            if i % every == 0:
                kept.append(len(landmarks) - 1)
                bgr = np.ascontiguousarray(crop(image, matrix, CROP)[..., ::-1])
                blobs.append(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
        if not seen:
            dropped.append(f"{row['path']}: cannot be read")
    partial = out.with_suffix(".part")
    with open(partial, "wb") as file:
        np.savez(
            file,
            landmarks=np.array(landmarks, np.float32).reshape(-1, 478, 3),
            units=np.array(units, np.float32).reshape(-1, 46),
            pose=np.array(poses, np.float32).reshape(-1, 3),
            fps=np.float32(fps),
            jpeg=np.concatenate(blobs) if blobs else np.zeros(0, np.uint8),
            offsets=np.cumsum([0] + [len(b) for b in blobs]),
            kept=np.array(kept, np.int64),
            row=np.array(numbers, np.int64),
        )
    partial.rename(out)
    return len(landmarks), dropped


def items(corpus: Path) -> dict[str, list[tuple[int, dict]]]:
    """Name of each output file -> the manifest rows that go into it; portraits first, then the rarer clips."""
    with open(corpus / "manifest.csv", newline="") as file:
        rows = list(enumerate(csv.DictReader(file)))
    out: dict[str, list[tuple[int, dict]]] = {}
    for split in ("train", "val", "test"):
        group = [r for r in rows if r[1]["kind"] == "portrait" and r[1]["split"] == split]
        for i in range(0, len(group), PORTRAITS_PER_FILE):
            out[f"{split}_portraits_{i // PORTRAITS_PER_FILE:03d}"] = group[i : i + PORTRAITS_PER_FILE]
    clips = sorted((r for r in rows if r[1]["kind"] == "clip"), key=lambda r: (r[1]["set"] == "grid", r[0]))
    for number, row in clips:
        out[f"{row['split']}_clip_{row['set']}_{Path(row['path']).stem}_{number}"] = [(number, row)]
    return out


def pack(corpus: Path, data: Path, split: str) -> int:
    """Gather the kept faces of one split as memory-mapped arrays (gath/data.py says which); returns how many."""
    with open(corpus / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    people = {p: i for i, p in enumerate(sorted({r["identity"] for r in rows}))}
    sources = {p: i for i, p in enumerate(sorted({r["set"] for r in rows}))}
    files = sorted((data / "tracks").glob(f"{split}_*.npz"))
    total = sum(len(np.load(f)["kept"]) for f in files)
    if not total:
        return 0
    folder = data / split
    folder.mkdir(exist_ok=True)
    shape = (total, PACKED, PACKED, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    columns: dict[str, list[np.ndarray]] = {n: [] for n in ("landmarks", "units", "pose", "group", "person", "source")}
    start = 0
    for number, path in enumerate(tqdm(files, disable=not sys.stderr.isatty(), unit="file")):
        z = np.load(path)
        kept, jpeg, offsets, row = z["kept"], z["jpeg"], z["offsets"], z["row"][z["kept"]]
        for i in range(len(kept)):
            bgr = cv2.imdecode(jpeg[offsets[i] : offsets[i + 1]], cv2.IMREAD_COLOR)
            images[start + i] = cv2.resize(bgr, (PACKED, PACKED), interpolation=cv2.INTER_AREA)[..., ::-1]
        start += len(kept)
        columns["landmarks"].append((z["landmarks"][kept, :, :2] + 0.5) / CROP)
        columns["units"].append(z["units"][kept])
        columns["pose"].append(z["pose"][kept])
        columns["group"].append(np.full(len(kept), number if "_clip_" in path.name else -1))
        columns["person"].append(np.array([people[rows[r]["identity"]] for r in row], np.int64))
        columns["source"].append(np.array([sources[rows[r]["set"]] for r in row], np.int64))
    images.flush()
    for name, parts in columns.items():
        np.save(folder / f"{name}.npy", np.concatenate(parts))
    return total


def main(corpus: Path, data: Path, workers: int = 2, limit: int = 0) -> None:
    tracks = data / "tracks"
    tracks.mkdir(parents=True, exist_ok=True)
    todo = {n: r for n, r in items(corpus).items() if not (tracks / f"{n}.npz").exists()}
    todo = dict(list(todo.items())[: limit or None])
    faces, dropped = 0, []
    # Spawned, not forked: a fork of a process that runs MediaPipe's threads can hang.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = {pool.submit(track_item, corpus, r, tracks / f"{n}.npz"): n for n, r in todo.items()}
        for job in tqdm(as_completed(jobs), total=len(jobs), disable=not sys.stderr.isatty(), unit="file"):
            count, lost = job.result()
            faces += count
            dropped += lost
    with open(data / "dropped.txt", "a") as file:
        file.writelines(line + "\n" for line in dropped)
    print(f"{faces} faces in {len(todo)} files, {len(dropped)} dropped (see {data / 'dropped.txt'})")
    for split in ("train", "val", "test"):
        print(f"{split}: {pack(corpus, data, split)} faces packed")


if __name__ == "__main__":
    typer.run(main)
