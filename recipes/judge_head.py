"""How do heads move on finished videos? An independent tracker (score.py's functions) sees each of them.

    python -m recipes.judge_head drive CORPUS OUT --scorer score.py [--split test|val] [--portraits 10] [--clips 6]
    python -m recipes.judge_head speak CORPUS OUT --scorer score.py [--split test|val] [--portraits 20]
    python -m recipes.judge_head stripes CORPUS OUT [--split test|val] [--portraits 10]

Portraits: half of LFW, half of the sharp sets, evenly spaced through the split, reduced to 384 pixels.

`drive`: the `--clips` windows of 4.5 seconds of the split's clips (for val: VAL_DRIVERS) in which the head moves
most, every third frame. For yaw, pitch, roll: r and slope of what the judge sees in the video over what it sees in the
clip, of which slope only where the photograph bears the pose; `own` is r over the pose that the head was asked for;
`still`, the standard deviation that the judge sees when the head is told to stand still (`--head 0`); and the unit gain
with and without head motion.

`speak`: ten seconds of two RAVDESS recordings, every portrait with a seed of its own: standard deviation of the angles,
the 95th percentile of speed, the largest step between two frames, identity. OUT receives the videos and a CSV.

`stripes`: slanted ones are put behind each person. Of what is background both as photographed and as turned, the share
that differs by more than 30 levels from all of the stripes within a pixel: `near`, from 0.03 inter-ocular distances
beside the person on, and `far`, from 0.15 on, in TURNS; nan where less than FEWEST of the picture is left to judge.
OUT receives the pictures.
"""

from __future__ import annotations

import csv
import wave
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from recipes.parts.manifest import Row, portraits_of, rows_of, spread
from recipes.parts.pose_judge import PoseJudge, read_frames
from talkinghead.face.matte import matte
from talkinghead.face.puppet import Puppet
from talkinghead.media.audio import decode
from talkinghead.media.video import VideoWriter
from talkinghead.pipeline import Clip, TalkingHead
from talkinghead.units.convert import read_csv
from talkinghead.units.names import INDEX
from talkinghead.units.track import UnitTrack
from talkinghead.units.unit_csv import write_csv

SECONDS, EVERY = 4.5, 3  # of a driver's window; frames
# val has no clip with a moving head; nothing that draws or measures a pose was fitted to these
VAL_DRIVERS = ("train", ("styletalk_talk", "liveportrait"))
SOUND_SECONDS, SOUND_RATE = 10, 16000
AXES = ("yaw", "pitch", "roll")
TURNS = ((7, 4, -8, 0.1, 0.05, 1.03), (11, 0, 0, 0, 0, 1), (0, -8, -9, 0, 0, 1))
NEAR, BEYOND = 0.03, 0.15  # inter-ocular distances beside the person
FEWEST = 0.002  # of a picture's pixels

app = typer.Typer(help=__doc__)
Scorer = Annotated[Path, typer.Option()]


@dataclass(frozen=True)
class Window:
    """A piece of a driving clip: its units and pose from time 0, and the angles [T, 3] that the judge sees there."""

    name: str
    track: UnitTrack
    seen: np.ndarray
    fps: Fraction


def written(path: Path, clip: Clip, sound: Path | None = None) -> Path:
    with VideoWriter(path, clip.width, clip.height, clip.fps, sound, force=True) as writer:
        for frame in clip:
            writer.write(frame)
    return path


def windows(head: TalkingHead, judge: PoseJudge, rows: list[Row], corpus: Path, out: Path, count: int) -> list[Window]:
    """Those in which the axis that moves least moves most."""
    found = []
    for row in rows:
        path = corpus / row["path"]
        kept = out / f"{path.stem}.csv"
        if not kept.exists():
            track, fps = head.track(path)
            write_csv(kept, track.units, fps, pose=track.pose)
        track = read_csv(kept)
        fps = Fraction(1 / float(np.median(np.diff(track.times)))).limit_denominator(1001)
        seen = _kept(out / f"{path.stem}_seen.npy", lambda path=path: judge.frames(read_frames(path, EVERY)).angles)
        length = int(SECONDS * fps / EVERY)
        for first in range(0, len(seen) - length + 1, length):
            rows_here = slice(first * EVERY, (first + length) * EVERY)
            part = UnitTrack(
                track.times[rows_here] - track.times[first * EVERY], track.units[rows_here], track.pose[rows_here]
            )
            angles = seen[first : first + length]
            found.append(Window(f"{path.stem}_{first * EVERY}", part, angles, fps / EVERY))
    return sorted(found, key=lambda window: -np.nan_to_num(window.seen.std(0)).min())[:count]


def _kept(file: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    if not file.exists():
        np.save(file, make())
    return np.load(file)


def compared(seen: np.ndarray, wanted: np.ndarray, limit: np.ndarray) -> dict[str, float]:
    """r and slope of each axis of two [T, 3], the slope where `wanted` is less than `limit` [3] from its mean."""
    out = {}
    for k, axis in enumerate(AXES):
        known = np.isfinite(seen[:, k]) & np.isfinite(wanted[:, k])
        ours, theirs = seen[known, k], wanted[known, k]
        out[f"r_{axis}"] = float(np.corrcoef(ours, theirs)[0, 1])
        borne = np.abs(theirs - theirs.mean()) < limit[k]
        out[f"slope_{axis}"] = float(np.polyfit(theirs[borne], ours[borne], 1)[0])
    return out


def unit_gain(seen: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> float:
    """As score.py has it: 1 less the error of the units seen [T, 44] over that of a portrait that never moves."""
    known = np.isfinite(seen[:, 0])
    error, still = seen[known] - wanted[known], own - wanted[known]
    return float(1 - np.sqrt((error**2).mean() / (still**2).mean()))


def driven(head: TalkingHead, judge: PoseJudge, puppet: Puppet, window: Window, own: np.ndarray, path: Path) -> dict:
    """The figures of one portrait under one window."""
    times = np.arange(len(window.seen)) / float(window.fps)
    wanted = window.track.at(times)[:, [INDEX[name] for name in judge.names]]
    seen, gains = {}, {}
    for strength in (1, 0):
        clip = head.animate(puppet, window.track, fps=float(window.fps), head=strength)
        seen[strength] = judge.video(written(path.with_stem(f"{path.stem}_head{strength}"), clip))
        gains[strength] = unit_gain(seen[strength].units[: len(wanted)], own, wanted)
    ours, asked = seen[1].angles[: len(wanted)], window.track.pose_at(times)[:, :3]
    figures = compared(ours, window.seen, puppet.head.limit[:3])
    alone = compared(ours, asked, puppet.head.limit[:3])
    figures |= {f"own_{axis}": alone[f"r_{axis}"] for axis in AXES}
    figures |= {f"still_{axis}": float(np.nanstd(seen[0].angles[:, k])) for k, axis in enumerate(AXES)}
    return figures | {"gain": gains[1], "gain_still": gains[0], "falls": gains[0] - gains[1], "lost": seen[1].lost}


def keep(rows: list[dict[str, Any]], path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def show(rows: list[dict[str, Any]]) -> None:
    for name in [key for key, value in rows[0].items() if not isinstance(value, str)]:
        values = np.array([row[name] for row in rows])
        print(f"{name:12s} mean {np.nanmean(values):6.3f}  median {np.nanmedian(values):6.3f}", end="")
        print(f"  least {np.nanmin(values):6.3f}  tenth {np.nanpercentile(values, 10):6.3f}", end="")
        print(f"  ninetieth {np.nanpercentile(values, 90):6.3f}  most {np.nanmax(values):6.3f}")


@app.command()
def drive(corpus: Path, out: Path, scorer: Scorer, split: str = "test", portraits: int = 10, clips: int = 6) -> None:
    out.mkdir(parents=True, exist_ok=True)
    head, judge = TalkingHead(), PoseJudge(scorer)
    named, sets = ("test", ("liveportrait",)) if split == "test" else VAL_DRIVERS
    drivers = [row for row in rows_of(corpus, named, "clip") if row["set"] in sets]
    chosen, rows = windows(head, judge, drivers, corpus, out, clips), []
    for name, picture in portraits_of(corpus, split, portraits):
        puppet, own = head.prepare(picture), judge.look(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        for window in chosen:
            figures = driven(head, judge, puppet, window, own[1], out / f"{name}_{window.name}.mp4")
            rows.append({"portrait": name, "driver": window.name, **figures})
            keep(rows, out / "drive.csv")
    judge.close()
    show(rows)


@app.command()
def speak(corpus: Path, out: Path, scorer: Scorer, split: str = "test", portraits: int = 20) -> None:
    out.mkdir(parents=True, exist_ok=True)
    head, judge, rows = TalkingHead(), PoseJudge(scorer), []
    voices = [repeated(voice, out) for voice in spread(sorted((corpus / "ravdess_audio").rglob("*.wav")), 2)]
    for number, (name, picture) in enumerate(portraits_of(corpus, split, portraits)):
        puppet, portrait = head.prepare(picture), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        for voice in voices:
            clip = head.speak(puppet, voice, seed=number)
            seen = judge.video(written(out / f"{name}_{voice.stem}.mp4", clip, voice), portrait)
            steps = np.diff(seen.angles, axis=0)
            speed = np.linalg.norm(steps, axis=1) * float(clip.fps)
            figures = {f"std_{axis}": float(np.nanstd(seen.angles[:, k])) for k, axis in enumerate(AXES)}
            figures |= {"speed": float(np.nanpercentile(speed, 95)), "step": float(np.nanmax(np.abs(steps)))}
            figures |= {"identity": seen.identity, "lost": seen.lost}
            rows.append({"portrait": name, "voice": voice.stem, **figures})
            keep(rows, out / "speak.csv")
    judge.close()
    show(rows)


@app.command()
def stripes(corpus: Path, out: Path, split: str = "test", portraits: int = 10) -> None:
    out.mkdir(parents=True, exist_ok=True)
    head, rows = TalkingHead(), []
    for name, picture in portraits_of(corpus, split, portraits):
        striped, covers = before_stripes(picture, head.prepare(picture).landmarks[:, :2])
        puppet = head.prepare(striped)
        poses = np.array(TURNS, np.float32)
        for k, frame in enumerate(puppet.draw(np.tile(puppet.units, (len(poses), 1)), poses)):
            near, far = (off_stripes(frame, striped, covers, puppet, poses[k], reach) for reach in (NEAR, BEYOND))
            rows.append({"portrait": name, "turn": str(k), "near": near, "far": far})
            cv2.imwrite(str(out / f"{name}_{k}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        keep(rows, out / "stripes.csv")
    show(rows)


def before_stripes(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The person in front of stripes, and where any of the person is, uint8 [H, W]."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    behind = np.where(((x + 0.3 * y) // 24 % 2)[..., None] > 0, (225.0, 215, 190), (60, 90, 120))
    opacity = matte(picture, points)
    share = opacity[..., None] / 255
    striped = share * picture + (1 - share) * cv2.GaussianBlur(behind, (0, 0), 1)
    return striped.astype(np.uint8), (opacity > 0).astype(np.uint8)


def off_stripes(
    frame: np.ndarray, striped: np.ndarray, covers: np.ndarray, puppet: Puppet, pose: np.ndarray, reach: float
) -> float:
    """The share of what is `reach` beside the person, in both pictures, and looks like no stripe within a pixel."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    covers = cv2.dilate(covers, np.ones(2 * [2 * round(reach * puppet.head.unit) + 1], np.uint8))
    seen = puppet.head(pose).seen(np.stack([x, y], -1)).astype(np.float32)
    free = (covers == 0) & (cv2.remap(covers, seen, None, cv2.INTER_NEAREST) == 0)
    edged = cv2.copyMakeBorder(striped, 1, 1, 1, 1, cv2.BORDER_REPLICATE).astype(int)
    height, width = free.shape
    around = [edged[a : a + height, b : b + width] for a in range(3) for b in range(3)]
    off = np.min([np.abs(frame - other).max(-1) for other in around], axis=0) > 30
    return float(off[free].mean()) if free.mean() >= FEWEST else float("nan")


def repeated(voice: Path, out: Path) -> Path:
    """A sound file of SOUND_SECONDS, the voice again and again."""
    samples = np.concatenate(list(decode(voice, SOUND_RATE)))
    whole = np.resize(samples, SOUND_SECONDS * SOUND_RATE)
    path = out / voice.name
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_RATE)
        file.writeframes((whole.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return path


if __name__ == "__main__":
    app()
