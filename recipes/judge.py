"""Make videos of portraits nobody trained on and have an independent program score them.

    python -m recipes.judge CORPUS OUT --scorer score.py [--split test|val] [--generator FILE] [--portraits 10]

Portraits: `--portraits` of LFW and as many of the sharp sets, evenly spaced through the split. Drivers: units tracked
from two GRID sentences and one clip of strong expressions of the same split, at most ten seconds each. The scorer is
run as `python SCORER VIDEO --portrait PORTRAIT --units CSV` and prints one JSON object. OUT receives the videos, the
tracks and scores.csv; what is printed is the mean over all videos, then over each driver and each set.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tqdm import tqdm

from recipes.parts.manifest import choose
from talkinghead.media.video import VideoWriter
from talkinghead.pipeline import TalkingHead
from talkinghead.units.convert import read_csv
from talkinghead.units.names import INDEX
from talkinghead.units.track import UnitTrack
from talkinghead.units.unit_csv import write_csv

SECONDS = 10.0
BLINKS = 0.4  # a driver blinks where its EyeBlink_L passes this
FIGURES = {
    "gain": ("units", "gain"), "r_JawOpen": ("units", "r_JawOpen"), "r_EyeBlink_L": ("units", "r_EyeBlink_L"),
    "identity": ("identity", "mean"), "background": ("background",), "sharpness": ("sharpness",),
    "jitter": ("jitter",), "lost": ("face_lost",),
}  # fmt: skip


def drive(head: TalkingHead, clip: Path, csv_path: Path) -> UnitTrack:
    if not csv_path.exists():
        track, fps = head.track(clip)
        count = int(SECONDS * fps)
        write_csv(csv_path, track.units[:count], fps)
    return read_csv(csv_path)


def score(scorer: Path, video: Path, portrait: Path, units: Path) -> dict:
    command = [sys.executable, str(scorer), str(video), "--portrait", str(portrait), "--units", str(units)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout)


def figures(result: dict) -> dict[str, float]:
    out = {}
    for name, path in FIGURES.items():
        value = result
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        out[name] = np.nan if value is None else float(value)
    return out


def main(
    corpus: Path,
    out: Path,
    scorer: Annotated[Path, typer.Option()],
    split: str = "test",
    generator: Path | None = None,
    portraits: int = 10,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    head = TalkingHead(generator=generator)
    photos, clips = choose(corpus, split, portraits)
    paths = [corpus / clip["path"] for clip in clips]
    drivers = {path.stem: drive(head, path, out / f"{path.stem}.csv") for path in paths}
    jobs = []
    with ThreadPoolExecutor(2) as pool:
        for photo in tqdm(photos, disable=not sys.stderr.isatty()):
            puppet = head.prepare(corpus / photo["path"])
            for name, track in drivers.items():
                video = out / f"{photo['set']}_{Path(photo['path']).stem}_{name}.mp4"
                clip = head.animate(puppet, track)
                with VideoWriter(video, clip.width, clip.height, clip.fps, force=True) as writer:
                    for frame in clip:
                        writer.write(frame)
                job = pool.submit(score, scorer, video, corpus / photo["path"], out / f"{name}.csv")
                jobs.append((photo, name, video, track, job))
        rows = []
        for photo, name, video, track, job in jobs:
            result = job.result()
            if "error" in result:
                print(f"{video.name}: {result['error']}", file=sys.stderr)
            row = {"video": video.name, "set": photo["set"], "driver": name, **figures(result)}
            if track.units[:, INDEX["EyeBlink_L"]].max() < BLINKS:
                row["r_EyeBlink_L"] = np.nan
            rows.append(row)
    with open(out / "scores.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{'':24s}" + "".join(f"{n:>14s}" for n in FIGURES))
    groups = {"all": rows}
    for key in ("driver", "set"):
        for value in dict.fromkeys(r[key] for r in rows):
            groups[value] = [r for r in rows if r[key] == value]
    for name, group in groups.items():
        means = [np.nanmean(v) if np.isfinite(v := [r[n] for r in group]).any() else np.nan for n in FIGURES]
        print(f"{name[:22]:18s} n={len(group):<4d}" + "".join(f"{m:14.3f}" for m in means))


if __name__ == "__main__":
    typer.run(main)
