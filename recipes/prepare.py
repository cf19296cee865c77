"""Read a data set, track every frame, cut the aligned face: what the training recipes read.

    python -m recipes.prepare ROOT DATA [--layout L] [--frontal] [--workers N] [--limit N]

ROOT is a data set in one of the layouts of recipes/parts/datasets.py, told by looking at it or by `--layout`: a folder
with a `manifest.csv` (path, kind, set, identity, split, audio, licence), RAVDESS or VidTIMIT as downloaded, or a folder
of pictures per person. For several sets, run it once for each, with the same DATA.

DATA receives `manifest.csv` (every row read so far; rows keep their numbers), one `tracks/<name>.npz` per clip and per
batch of portraits, then one folder of plain arrays per split (`train`, `val`, `test`, see recipes/parts/pack.py); with
`--frontal` these lie in DATA/frontal, faces turned to the front and those turned too far left out. `report.json`
counts what was read and dropped and why, `dropped.txt` names each. A track that exists is left alone, so a killed run
goes on where it stopped, and a second run changes nothing; delete a track to have it made again. What cannot be
read, or shows no face, is reported and skipped; a clip whose sound cannot be read stays, as one without.

Each npz: `landmarks` [T, 478, 3] float32 in pixels of the aligned face of CROP pixels, `units` [T, 46], `pose` [T, 3]
degrees (all NaN in a frame without a face), `fps`, `jpeg` (JPEG bytes of the aligned faces kept, end to end), `offsets`
[K+1], `kept` [K] (their frame numbers), `row` [T] (manifest row of each frame), `asked` [R] (manifest rows it was made
from), `seen` [R] (frames in each), `silent` (those of `asked` whose sound cannot be read), `dropped` (JSON).
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing.connection
import os
import sys
import threading
import warnings
from collections import Counter
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np
import typer
from tqdm import tqdm

from recipes.parts.datasets import FIELDS, SPLITS, Dropped, Layout, Row, frames_of, read
from recipes.parts.pack import CROP, Packed, pack
from talkinghead.errors import SoundError
from talkinghead.face.align import alignment, crop, transform
from talkinghead.face.tracker import Tracker
from talkinghead.media.audio import decode

PER_FILE = 200  # portraits, or sounds without a picture, in one npz
# One speaker and thousands of like frames, or ten hours of thirty a second; every frame is tracked all the same.
FRAMES_KEPT_EVERY = {"grid": 6, "ravdess": 3}
VIDTIMIT_FPS = 25.0
ENDS_EARLY = 0.9  # of the frames that a clip's header promises; some headers are a frame or two off
JPEG_QUALITY = 95
SOUND_RATE = 16000  # Hz; only to find out whether a sound decodes
COUNTED = ("portraits", "clips", "sounds", "with sound", "frames", "faces", "kept")
LOST = (np.full((478, 3), np.nan, np.float32), np.full(46, np.nan, np.float32), np.full(3, np.nan, np.float32))

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # broken clips go to the report, not to the terminal
_tracker: Tracker | None = None


def rate_and_length(path: Path) -> tuple[float, int]:
    """Frames a second of a clip, and how many frames its header promises (0 where there is none)."""
    if path.is_dir():
        return VIDTIMIT_FPS, 0
    clip = cv2.VideoCapture(str(path))
    return clip.get(cv2.CAP_PROP_FPS), int(clip.get(cv2.CAP_PROP_FRAME_COUNT))


def decodes(path: Path) -> bool:
    """Whether a sound can be read, and is longer than nothing."""
    try:
        with warnings.catch_warnings(action="ignore"):  # damage that players step over
            return sum(map(len, decode(path, SOUND_RATE))) > 0
    except SoundError:
        return False


def track_row(line: Row) -> tuple[list[tuple], list[Dropped], int]:
    """Faces of one picture or clip as (landmarks, units, pose, JPEG or None), what was dropped, and frames seen.

    A clip keeps its clock: a frame that is broken, or shows no face, is LOST.
    """
    global _tracker
    _tracker = _tracker or Tracker()
    path, is_clip = Path(line["root"]) / line["path"], line["kind"] == "clip"
    every = FRAMES_KEPT_EVERY.get(line["set"], 1)
    faces, dropped, seen = [], [], 0

    def drop(reason: str, detail: str = "") -> None:
        dropped.append(Dropped(line["set"], line["path"], reason, detail))

    for i, image in enumerate(frames_of(path, line["kind"])):
        if image is None and not is_clip:
            break
        seen += 1
        found = [] if image is None else _tracker(image)
        if not found:
            drop("broken picture" if image is None else "no face", f"in frame {i}")
            if is_clip:
                faces.append((*LOST, None))
            continue
        face = found[0]
        matrix = alignment(face.points, CROP)
        scale = np.hypot(matrix[0, 0], matrix[1, 0])
        landmarks = np.c_[transform(matrix, face.points), face.landmarks[:, 2] * scale].astype(np.float32)
        blob = None
        if i % every == 0:
            bgr = np.ascontiguousarray(crop(image, matrix, CROP)[..., ::-1])
            blob = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        faces.append((landmarks, face.units, face.pose, blob))
    promised = rate_and_length(path)[1] if is_clip else 0
    if not seen:
        drop("cannot be read")
    elif seen < ENDS_EARLY * promised:
        drop("ends early", f"after {seen} of {promised} frames")
    return faces, dropped, seen


def track_item(lines: list[tuple[int, Row]], out: Path) -> None:
    """Track one clip or one batch of portraits, try its sound or a batch of sounds, and write `out`."""
    cv2.setNumThreads(1)
    faces, numbers, seen, dropped, silent = [], [], [], [], []
    for number, line in lines:
        seen.append(0)
        if line["kind"] != "sound":
            try:
                found, lost, seen[-1] = track_row(line)
            except Exception as error:  # whatever a decoder makes of a broken file, the others go on
                reason = f"failed with {type(error).__name__}"
                found, lost = [], [Dropped(line["set"], line["path"], reason, str(error))]
            faces += found
            numbers += [number] * len(found)
            dropped += lost
        if line["sound"] and not decodes(Path(line["root"]) / line["sound"]):
            silent.append(number)
            if seen[-1] or line["sound"] != line["path"] or line["kind"] == "sound":  # else it has been said
                dropped.append(Dropped(line["set"], line["sound"], "sound cannot be read"))
    blobs = [face[3] for face in faces if face[3] is not None]
    clips = [Path(line["root"]) / line["path"] for _, line in lines if line["kind"] == "clip"]
    partial = out.with_suffix(".part")
    with open(partial, "wb") as file:
        np.savez(
            file,
            landmarks=np.array([face[0] for face in faces], np.float32).reshape(-1, 478, 3),
            units=np.array([face[1] for face in faces], np.float32).reshape(-1, 46),
            pose=np.array([face[2] for face in faces], np.float32).reshape(-1, 3),
            fps=np.float32(rate_and_length(clips[0])[0] if clips else 0),
            jpeg=np.concatenate(blobs) if blobs else np.zeros(0, np.uint8),
            offsets=np.cumsum([0] + [len(blob) for blob in blobs]),
            kept=np.array([i for i, face in enumerate(faces) if face[3] is not None], np.int64),
            row=np.array(numbers, np.int64),
            asked=np.array([number for number, _ in lines], np.int64),
            seen=np.array(seen, np.int64),
            silent=np.array(silent, np.int64),
            dropped=json.dumps(dropped),
        )
    partial.rename(out)


def write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(text, encoding="utf-8", newline="")
    partial.replace(path)


def register(data: Path, rows: list[Row]) -> list[Row]:
    """All rows of DATA/manifest.csv with `rows` brought up to date in their places, or appended."""
    path = data / "manifest.csv"
    known: dict[tuple[str, str], Row] = {}
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            known = {(line["root"], line["path"]): line for line in csv.DictReader(file)}
    known.update({(line["root"], line["path"]): line for line in rows})
    return list(known.values())


def write_manifest(data: Path, rows: list[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(data / "manifest.csv", text.getvalue())


def items(rows: list[Row]) -> dict[str, list[tuple[int, Row]]]:
    """Name of each track -> the rows that go into it, with their numbers; portraits first, then the rarer clips."""
    roots = {root: i for i, root in enumerate(dict.fromkeys(line["root"] for line in rows))}
    batches: dict[str, list[tuple[int, Row]]] = {}
    for number, line in enumerate(rows):
        if line["kind"] != "clip":
            root = roots[line["root"]]
            name = f"{line['split']}_{line['kind']}s_" + (f"{root}_" if root else "")
            batches.setdefault(name, []).append((number, line))
    out = {}
    for name, lines in batches.items():
        for i in range(0, len(lines), PER_FILE):
            out[f"{name}{i // PER_FILE:03d}"] = lines[i : i + PER_FILE]
    clips = [(number, line) for number, line in enumerate(rows) if line["kind"] == "clip"]
    for number, line in sorted(clips, key=lambda clip: (clip[1]["set"] == "grid", clip[0])):
        out[f"{line['split']}_clip_{line['set']}_{Path(line['path']).stem}_{number}"] = [(number, line)]
    return out


def is_done(track: Path, lines: list[tuple[int, Row]]) -> bool:
    """Whether a track is there, and made from these rows: a batch may have grown since."""
    if not track.exists():
        return False
    if len(lines) == 1 and lines[0][1]["kind"] == "clip":
        return True
    with np.load(track) as z:
        return "asked" not in z or z["asked"].tolist() == [number for number, _ in lines]


def end_with_parent() -> None:
    """In a worker: end when the program that started it is killed, or it would wait for work for ever."""

    def watch() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def track_all(todo: dict[str, list[tuple[int, Row]]], tracks: Path, pool: Executor) -> None:
    jobs = [pool.submit(track_item, lines, tracks / f"{name}.npz") for name, lines in todo.items()]
    for job in tqdm(as_completed(jobs), "track", len(jobs), disable=not sys.stderr.isatty(), unit="file"):
        job.result()


def survey(rows: list[Row], tracks: list[Path]) -> tuple[dict[str, Counter], list[Dropped]]:
    """What the tracks say: counts by set, and what was dropped. Rows whose sound cannot be read lose it."""
    dropped = []
    counts = {line["set"]: Counter() for line in rows}
    for path in tracks:
        with np.load(path) as z:
            rows_of = {"faces": z["row"][~np.isnan(z["units"][:, 0])], "kept": z["row"][z["kept"]]}
            if "asked" in z:
                rows_of["frames"] = np.repeat(z["asked"], z["seen"])
                dropped += [Dropped(*d) for d in json.loads(str(z["dropped"]))]
                for number in z["silent"]:
                    rows[number] |= {"audio": "0", "sound": ""}
        for key, numbers in rows_of.items():
            for number, count in zip(*np.unique(numbers, return_counts=True)):
                counts[rows[number]["set"]][key] += int(count)
    for line in rows:
        counts[line["set"]][f"{line['kind']}s"] += 1
        if line["audio"] == "1":
            counts[line["set"]]["with sound"] += 1
    return counts, dropped


def report(folder: Path, counts: dict[str, Counter], dropped: list[Dropped], packed: dict[str, Packed]) -> None:
    """Print what was read, dropped and packed, and leave it in `folder`."""
    sets = dict.fromkeys([*counts, *(d.set for d in dropped)])
    reasons = {name: Counter(d.reason for d in dropped if d.set == name) for name in sets}
    for part in packed.values():
        for name, count in part.turned.items():
            reasons[name]["turned too far"] += count
    for name, found in counts.items():
        print(f"{name}: " + ", ".join(f"{found[key]} {key}" for key in COUNTED if found[key]))
    for name, found in reasons.items():
        for reason, count in found.items():
            print(f"{name}: dropped {count}: {reason}")
    for split, part in packed.items():
        print(f"{split}: {sum(part.faces.values())} faces packed")
    whole = {"read": counts, "dropped": reasons, "packed": {split: part.faces for split, part in packed.items()}}
    write_whole(folder / "report.json", json.dumps(whole, indent=1) + "\n")
    write_whole(folder / "dropped.txt", "".join(f"{d}\n" for d in dropped))


def main(
    root: Path,
    data: Path,
    layout: Layout = Layout.AUTO,
    frontal: bool = False,
    workers: int = os.cpu_count() or 1,
    limit: int = 0,
) -> None:
    layout, found, left_out = read(root, layout)
    tracks, folder = data / "tracks", data / "frontal" if frontal else data
    for new in (tracks, folder):
        new.mkdir(parents=True, exist_ok=True)
    # What each root's reader left out is kept, so that the report covers the sets read before.
    readers = json.loads((data / "readers.json").read_text()) if (data / "readers.json").exists() else {}
    readers[str(root.resolve())] = {"layout": layout, "dropped": left_out}
    write_whole(data / "readers.json", json.dumps(readers, indent=1) + "\n")
    rows = register(data, found)
    write_manifest(data, rows)
    mine = {name: lines for name, lines in items(rows).items() if lines[0][1]["root"] == str(root.resolve())}
    todo = {name: lines for name, lines in mine.items() if not is_done(tracks / f"{name}.npz", lines)}
    todo = dict(list(todo.items())[: limit or None])
    try:
        # Spawned, not forked: a fork of a process that runs MediaPipe's threads can hang.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), end_with_parent) as pool:
            track_all(todo, tracks, pool)
            counts, dropped = survey(rows, sorted(tracks.glob("*.npz")))
            write_manifest(data, rows)
            packed = {split: pack(tracks, folder / split, split, rows, pool, frontal) for split in SPLITS}
    except BrokenProcessPool:
        raise SystemExit("a worker died (out of memory?); run this again, perhaps with fewer --workers") from None
    left_out = [Dropped(*d) for reader in readers.values() for d in reader["dropped"]]
    report(folder, counts, left_out + dropped, packed)


if __name__ == "__main__":
    typer.run(main)
