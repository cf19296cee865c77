"""Readers: a folder as its owner downloaded it becomes rows of one manifest.

A row is a dict of strings with the keys FIELDS: `path` (of the picture, the clip, or the folder of a clip's frames,
below `root`), `kind` (portrait, clip, sound), `set`, `identity`, `split` (train, val, test), `audio` (1 where there is
a sound), `licence`, `root`, `sound` (path of the file to decode it from, below `root`), `voice` (speech, song, none;
blank where unknown) and RAVDESS's numbers `emotion` (1 + index in EMOTIONS), `intensity`, `statement`, `repetition`
(blank where unknown).

Held-out people, by rule, so that a part of a set splits as the whole does: RAVDESS actors 21-24 test and 19-20 val;
VidTIMIT's last three speakers test and the one before them val; portraits 4 % of the people test and 4 % val, by a hash
of the person's name; a manifest says it itself.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from talkinghead.errors import PortraitError
from talkinghead.media.pictures import read_portrait
from talkinghead.units.moods import MOODS

LABELS = ("emotion", "intensity", "statement", "repetition")
MANIFEST = ("path", "kind", "set", "identity", "split", "audio", "licence")
FIELDS = (*MANIFEST, "root", "sound", "voice", *LABELS)
SPLITS = ("train", "val", "test")
EMOTIONS = MOODS  # RAVDESS numbers them from 1
# What other sets call them, in the names of their files.
SYNONYMS = {"fear": "fearful", "disgusted": "disgust", "furious": "angry"}
PICTURES = (".jpg", ".jpeg", ".png", ".webp")

RAVDESS_LIMITS = (3, 2, 8, 2, 2, 2, 24)  # of the seven fields of a name, each counted from 1
AUDIO_VIDEO, VIDEO_ONLY, AUDIO_ONLY = 1, 2, 3
RAVDESS_VAL, RAVDESS_TEST = (19, 20), (21, 22, 23, 24)
VIDTIMIT_VAL, VIDTIMIT_TEST = ("mstk0",), ("mtas1", "mtmr0", "mwbt0")
PORTRAITS_HELD_OUT = 0.04  # of the people, for val and for test each

Row = dict[str, str]


class Layout(StrEnum):
    """How a root folder is laid out; AUTO looks."""

    AUTO = "auto"
    MANIFEST = "manifest"
    RAVDESS = "ravdess"
    VIDTIMIT = "vidtimit"
    PORTRAITS = "portraits"


class Dropped(NamedTuple):
    """Something of `set` that is left out: why (`reason`, which reports count by), and where in the file (`detail`)."""

    set: str
    path: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason} {self.detail}".rstrip()


class Take(NamedTuple):
    """The seven fields of a RAVDESS file name, without which of sound and picture it holds (`modality`)."""

    channel: int
    emotion: int
    intensity: int
    statement: int
    repetition: int
    actor: int


def ravdess_take(stem: str) -> tuple[int, Take] | None:
    """Modality and take that a RAVDESS file name (without suffix) stands for, None if it is no such name."""
    if not re.fullmatch(r"\d\d(-\d\d){6}", stem):
        return None
    fields = [int(field) for field in stem.split("-")]
    if not all(1 <= field <= most for field, most in zip(fields, RAVDESS_LIMITS)):
        return None
    return fields[0], Take(*fields[1:])


def ravdess_split(actor: int) -> str:
    return "test" if actor in RAVDESS_TEST else "val" if actor in RAVDESS_VAL else "train"


def vidtimit_split(speaker: str) -> str:
    return "test" if speaker in VIDTIMIT_TEST else "val" if speaker in VIDTIMIT_VAL else "train"


def portrait_split(person: str) -> str:
    """By the person's name alone: the same on every machine, whoever else is there."""
    place = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") / 2**32
    return "test" if place < PORTRAITS_HELD_OUT else "val" if place < 2 * PORTRAITS_HELD_OUT else "train"


def emotion_of(name: str) -> str:
    """Number of the emotion that is a word of a file's name (MEAD's `M030_front_angry_level3_001`), blank if none."""
    for word in re.split(r"[^a-z]+", name.lower()):
        if (word := SYNONYMS.get(word, word)) in EMOTIONS:
            return str(1 + EMOTIONS.index(word))
    return ""


def row(**given: str) -> Row:
    """A row with blanks where nothing is given; there is audio where there is a sound."""
    return {field: "" for field in FIELDS} | {"audio": str(int(bool(given.get("sound"))))} | given


def read_manifest(root: Path) -> tuple[list[Row], list[Dropped]]:
    """Rows of `root`/manifest.csv, which has the columns MANIFEST and, if it likes, others of FIELDS."""
    with open(root / "manifest.csv", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := [field for field in MANIFEST if field not in (reader.fieldnames or ())]:
            raise SystemExit(f"{root / 'manifest.csv'}: no column {', '.join(missing)}; its header needs them")
        lines = [{key: value or "" for key, value in line.items() if key in FIELDS} for line in reader]
    rows, dropped = [], []
    for line in lines:
        if line["kind"] not in ("portrait", "clip", "sound") or line["split"] not in SPLITS:
            dropped.append(Dropped(line["set"], line["path"], "unknown kind or split"))
            continue
        sound = line.get("sound") or (line["path"] if line["audio"] == "1" else "")
        emotion = line.get("emotion") or (emotion_of(Path(line["path"]).stem) if line["kind"] == "clip" else "")
        rows.append(row(**line | {"sound": sound, "emotion": emotion, "audio": str(int(bool(sound)))}))
    return rows, dropped


def read_ravdess(root: Path) -> tuple[list[Row], list[Dropped]]:
    """RAVDESS as downloaded, speech and song, video and audio-only trees in any folders below `root`.

    One row per take: the clip with sound (01-); else the silent clip (02-), with the audio-only file (03-) as its sound
    where there is one; else the sound alone. What a take has twice is dropped.
    """
    takes: dict[Take, dict[int, str]] = {}
    dropped = []
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in (".mp4", ".wav")):
        name, parsed = path.relative_to(root).as_posix(), ravdess_take(path.stem)
        if parsed is None or (parsed[0] == AUDIO_ONLY) != (path.suffix.lower() == ".wav"):
            dropped.append(Dropped("ravdess", name, "not a RAVDESS file name"))
        elif parsed[0] in takes.setdefault(parsed[1], {}):
            dropped.append(Dropped("ravdess", name, "second copy"))
        else:
            takes[parsed[1]][parsed[0]] = name
    rows = []
    for take, files in sorted(takes.items()):
        if AUDIO_VIDEO in files:
            path = sound = files[AUDIO_VIDEO]
            if VIDEO_ONLY in files:
                dropped.append(Dropped("ravdess", files[VIDEO_ONLY], "silent twin of a clip with sound"))
            if AUDIO_ONLY in files:
                dropped.append(Dropped("ravdess", files[AUDIO_ONLY], "sound of a clip that has its own"))
        else:
            sound = files.get(AUDIO_ONLY, "")
            path = files.get(VIDEO_ONLY, sound)
        labels = {field: str(getattr(take, field)) for field in LABELS}
        rows.append(
            row(
                path=path, kind="sound" if files.keys() == {AUDIO_ONLY} else "clip", set="ravdess",
                identity=f"ravdess/Actor_{take.actor:02d}", split=ravdess_split(take.actor), sound=sound,
                voice="song" if take.channel == 2 else "speech", licence="CC BY-NC-SA 4.0", **labels,
            )
        )  # fmt: skip
    return rows, dropped


def vidtimit_frames(folder: Path) -> list[Path]:
    """The frames of one VidTIMIT clip in order: JPEG files called 001, 002, ..."""
    return sorted((p for p in folder.iterdir() if re.fullmatch(r"\d+", p.name)), key=lambda p: int(p.name))


def frames_of(path: Path, kind: str) -> Iterator[np.ndarray | None]:
    """RGB frames of a clip, of a folder of frames, or the one picture of a portrait; None for a broken picture."""
    if kind == "portrait" or path.is_dir():
        for picture in [path] if kind == "portrait" else vidtimit_frames(path):
            try:
                yield read_portrait(picture)
            except PortraitError:
                yield None
        return
    clip = cv2.VideoCapture(str(path))
    while True:
        ok, image = clip.read()
        if not ok:
            break
        yield image[..., ::-1]
    clip.release()


def vidtimit_speakers(root: Path) -> Iterator[Path]:
    """Folders of `root`, or of folders in it, that hold a `video`."""
    yield from sorted(video.parent for pattern in ("*/video", "*/*/video") for video in root.glob(pattern))


def read_vidtimit(root: Path) -> tuple[list[Row], list[Dropped]]:
    """VidTIMIT as downloaded: <speaker>/video/<sentence>/NNN and <speaker>/audio/<sentence>.wav; in `head*` nobody
    speaks."""
    rows, dropped = [], []
    for speaker in vidtimit_speakers(root):
        sounds = {p.stem: p.relative_to(root).as_posix() for p in sorted(speaker.glob("audio/*.wav"))}
        about = {"set": "vidtimit", "identity": f"vidtimit/{speaker.name}", "split": vidtimit_split(speaker.name)}
        about["licence"] = "research"
        for folder in sorted(p for p in (speaker / "video").iterdir() if p.is_dir()):
            path, silent = folder.relative_to(root).as_posix(), folder.name.startswith("head")
            sound = sounds.pop(folder.name, "")
            if not vidtimit_frames(folder):
                dropped.append(Dropped("vidtimit", path, "no frames"))
                continue
            if not sound and not silent:
                dropped.append(Dropped("vidtimit", path, "no sound"))
            rows.append(row(path=path, kind="clip", sound=sound, voice="none" if silent else "speech", **about))
        rows += [row(path=sound, kind="sound", sound=sound, voice="speech", **about) for sound in sounds.values()]
    return rows, dropped


def read_portraits(root: Path) -> tuple[list[Row], list[Dropped]]:
    """A folder per person with that person's pictures, as LFW has it; the set is called as the root is."""
    rows, dropped = [], []
    for path in sorted(p for p in root.glob("**/*") if p.is_file() and not p.name.startswith(".")):
        name = path.relative_to(root)
        if len(name.parts) != 2 or path.suffix.lower() not in PICTURES:
            dropped.append(Dropped(root.name, name.as_posix(), "not a picture in a person's folder"))
            continue
        person = name.parts[0]
        about = {"set": root.name, "identity": f"{root.name}/{person}", "split": portrait_split(person)}
        rows.append(row(path=name.as_posix(), kind="portrait", **about))
    return rows, dropped


READERS: dict[Layout, Callable[[Path], tuple[list[Row], list[Dropped]]]] = {
    Layout.MANIFEST: read_manifest,
    Layout.RAVDESS: read_ravdess,
    Layout.VIDTIMIT: read_vidtimit,
    Layout.PORTRAITS: read_portraits,
}


def detect(root: Path) -> Layout:
    """The layout of `root`; ends the program, in one line, where it recognises none."""
    if (root / "manifest.csv").is_file():
        return Layout.MANIFEST
    if next(vidtimit_speakers(root), None):
        return Layout.VIDTIMIT
    if any(ravdess_take(p.stem) for p in root.rglob("*-*") if p.suffix.lower() in (".mp4", ".wav")):
        return Layout.RAVDESS
    if any(p.suffix.lower() in PICTURES for p in root.glob("*/*")):
        return Layout.PORTRAITS
    raise SystemExit(
        f"{root}: nothing recognised; give a folder with a manifest.csv, RAVDESS or VidTIMIT as downloaded, "
        "or a folder of pictures per person"
    )


def read(root: Path, layout: Layout = Layout.AUTO) -> tuple[Layout, list[Row], list[Dropped]]:
    """Layout and rows of the set in `root`, and what its reader left out. Ends the program, in one line, where there
    is nothing to read."""
    root = root.resolve()
    if not root.is_dir():
        raise SystemExit(f"{root}: no such folder; check the name")
    layout = detect(root) if layout is Layout.AUTO else layout
    if layout is Layout.MANIFEST and not (root / "manifest.csv").is_file():
        raise SystemExit(f"{root}: has no manifest.csv; choose another --layout")
    rows, dropped = READERS[layout](root)
    if not rows:
        raise SystemExit(f"{root}: nothing to read in the layout {layout}; choose another folder, or another --layout")
    return layout, [line | {"root": str(root)} for line in rows], dropped
