"""Make tiny RAVDESS, VidTIMIT and portrait trees out of the corpus, laid out as their owners publish the real ones.

    python -m recipes.slices CORPUS OUT [--seconds S] [--corrupt]

OUT receives `ravdess`, `vidtimit` and `portraits`, a few people each in train, val and test, for the smoke run and the
tests of the readers. The faces and voices are other people's than the names say. `--corrupt` plants one fault of each
kind: a clip cut in half, a frame of garbage, a sound of no bytes.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import typer

from recipes.parts.datasets import portrait_split
from talkinghead.media.ffmpeg import executable

SPEECH, SONG, SOUNDS = "Video_Speech_Actor_{0}/Actor_{0}", "Video_Song_Actor_{0}/Actor_{0}", "Audio_Speech_Actors_01-24"
# Clip of the corpus -> RAVDESS files made of it: two takes of a train actor, one with its silent twin and its sound; a
# song; a val actor; a test actor, whose second take comes in two halves. No person is in two splits.
RAVDESS = {
    "grid/s1/bbaf2n.mp4": [
        f"{SPEECH}/01-01-03-01-01-01-01.mp4", f"{SPEECH}/02-01-03-01-01-01-01.mp4",
        f"{SOUNDS}/Actor_01/03-01-03-01-01-01-01.wav",
    ],
    "grid/s1/lbwy6n.mp4": [f"{SPEECH}/01-01-05-02-02-01-01.mp4"],
    "styletalk_talk/Obama_clip1/Obama_clip1.mp4": [f"{SONG}/01-02-04-01-01-01-02.mp4"],
    "styletalk_talk/andrew_clip_1/andrew_clip_1.mp4": [f"{SPEECH}/01-01-01-01-02-02-19.mp4"],
    "styletalk_talk/feifeili_clip1/feifeili_clip1.mp4": [f"{SPEECH}/01-01-08-02-01-01-21.mp4"],
    "styletalk_talk/feifeili_clip3/feifeili_clip3.mp4": [
        f"{SPEECH}/02-01-02-01-01-01-21.mp4", f"{SOUNDS}/Actor_21/03-01-02-01-01-01-21.wav",
    ],
}  # fmt: skip
RAVDESS_ALONE = "Actor_05/03-01-04-02-01-02-05.wav"  # a sound without a picture
VIDTIMIT = {
    "styletalk_talk/KristiNoem/KristiNoem.mp4": ["fadg0/sa1", "fadg0/head"],
    "styletalk_talk/reagan_clip1/reagan_clip1.mp4": ["mabw0/sa1"],
    "styletalk_talk/andrew_clip_2/andrew_clip_2.mp4": ["mstk0/sx42"],
    "styletalk_talk/feifeili_clip2_short/feifeili_clip2_short.mp4": ["mtas1/sa2"],
}
PEOPLE = {"train": 12, "val": 3, "test": 3}
START = 0.6  # seconds into a clip; GRID's talker begins to speak about there
RAVDESS_VIDEO = ["-vf", "scale=-2:720,pad=1280:720:(ow-iw)/2", "-r", "30000/1001"]
RAVDESS_CODEC = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "48000"]
VIDTIMIT_VIDEO = ["-vf", "scale=-2:384,pad=512:384:(ow-iw)/2", "-r", "25", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2"]


def ffmpeg(source: Path, seconds: float, *options: str) -> None:
    cut = ["-ss", str(START), "-t", str(seconds), "-i", str(source)]
    subprocess.run([executable(), "-nostdin", "-loglevel", "error", *cut, *options], check=True)


def make_ravdess(corpus: Path, out: Path, seconds: float) -> None:
    for source, names in RAVDESS.items():
        for name in names:
            path = out / name.format(name[-6:-4])  # a name ends in its actor
            path.parent.mkdir(parents=True, exist_ok=True)
            options = ["-vn", "-ar", "48000"]
            if path.suffix == ".mp4":
                silent = ["-an"] if path.name.startswith("02") else []
                options = [*RAVDESS_VIDEO, "-frames:v", str(round(seconds * 30000 / 1001)), *RAVDESS_CODEC, *silent]
            ffmpeg(corpus / "clips" / source, seconds, *options, str(path))
    alone = out / SOUNDS / RAVDESS_ALONE
    alone.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(corpus / "ravdess_audio" / RAVDESS_ALONE, alone)


def make_vidtimit(corpus: Path, out: Path, seconds: float) -> None:
    for source, names in VIDTIMIT.items():
        for name in names:
            speaker, sentence = name.split("/")
            frames, sounds = out / speaker / "video" / sentence, out / speaker / "audio"
            for folder in (frames, sounds):
                folder.mkdir(parents=True, exist_ok=True)
            count = ["-frames:v", str(round(seconds * 25))]
            ffmpeg(corpus / "clips" / source, seconds, *VIDTIMIT_VIDEO, *count, str(frames / "%03d"))
            if sentence != "head":
                sound = str(sounds / f"{sentence}.wav")
                ffmpeg(corpus / "clips" / source, seconds, "-vn", "-ac", "1", "-ar", "32000", sound)


def make_portraits(corpus: Path, out: Path) -> None:
    """Two pictures each of the first people of LFW who have two, and whose names put them into each split."""
    pictures: dict[str, list[str]] = {}
    with open(corpus / "manifest.csv", newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["set"] == "lfw":
                pictures.setdefault(Path(line["path"]).parent.name, []).append(line["path"])
    for split, count in PEOPLE.items():
        for person in [p for p, found in pictures.items() if len(found) > 1 and portrait_split(p) == split][:count]:
            (out / person).mkdir(parents=True)
            for path in pictures[person][:2]:
                shutil.copy(corpus / path, out / person)


def corrupt(out: Path) -> None:
    clip = out / "ravdess" / SPEECH.format("01") / "01-01-05-02-02-01-01.mp4"
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    (out / "vidtimit/fadg0/video/sa1/003").write_bytes(b"not a picture")
    (out / "vidtimit/mabw0/audio/sa1.wav").write_bytes(b"")


def main(corpus: Path, out: Path, seconds: float = 2.0, faulty: bool = typer.Option(False, "--corrupt")) -> None:
    if not (corpus / "manifest.csv").is_file():
        raise SystemExit(f"{corpus}: has no manifest.csv; give the corpus")
    if out.exists() and any(out.iterdir()):
        raise SystemExit(f"{out}: is not empty; choose another folder")
    make_ravdess(corpus, out / "ravdess", seconds)
    make_vidtimit(corpus, out / "vidtimit", seconds)
    make_portraits(corpus, out / "portraits")
    if faulty:
        corrupt(out)


if __name__ == "__main__":
    typer.run(main)
