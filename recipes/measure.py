"""What a user would feel: speed, memory over long sounds, and whether the mouth follows a voice.

    python -m recipes.measure speed PORTRAIT VOICE             # real-time factor after start-up, parts by parts
    python -m recipes.measure memory PORTRAIT VOICE --minutes 60 --fps 10
    python -m recipes.measure voices PORTRAITS VOICES OUT --scorer score.py

`speed` and `memory` repeat the voice to the length wanted. `voices` makes every portrait of a folder speak every sound
of another and has an independent scorer compare mouth and sound.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import soundfile
import typer

from talkinghead.audio import decode
from talkinghead.ffmpeg import executable
from talkinghead.pipeline import TalkingHead
from talkinghead.portrait import read_portrait
from talkinghead.video import VideoWriter

RATE = 16000
SIDE = 512  # pixels of the picture that speed is stated for

app = typer.Typer(help=__doc__)


def repeated(voice: Path, seconds: float, path: Path) -> Path:
    """The voice, over and over, as a WAV of the given length."""
    samples = np.concatenate(list(decode(voice, RATE)))
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        left = round(seconds * RATE)
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)
    return path


def make(head: TalkingHead, portrait, sound: Path, video: Path, fps: str = "25") -> int:
    clip, frames = head.speak(portrait, sound, fps=fps), 0
    with VideoWriter(video, clip.width, clip.height, clip.fps, sound, force=True) as writer:
        for frame in clip:
            writer.write(frame)
            frames += 1
    return frames


def length(video: Path, stream: str) -> float:
    """Seconds of one stream ("v" or "a"), by decoding it."""
    command = [executable(), "-hide_banner", "-i", str(video), "-map", f"0:{stream}:0", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    hours, minutes, seconds = re.findall(r"time=(\d+):(\d+):([\d.]+)", said)[-1]
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@app.command()
def speed(portrait: Path, voice: Path, seconds: float = 10.0, repeats: int = 3) -> None:
    """Real-time factor of a SIDE x SIDE portrait, models loaded, best and worst of `repeats`."""
    image = read_portrait(portrait)
    side = min(image.shape[:2])
    image = cv2.resize(image[:side, :side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    head = TalkingHead()
    with tempfile.TemporaryDirectory() as folder:
        sound = repeated(voice, seconds, Path(folder) / "voice.wav")
        make(head, image, repeated(voice, 0.5, Path(folder) / "short.wav"), Path(folder) / "short.mp4")
        factors = []
        for _ in range(repeats):
            start = time.perf_counter()
            make(head, image, sound, Path(folder) / "out.mp4")
            factors.append((time.perf_counter() - start) / seconds)
    print(f"real-time factor of {SIDE}x{SIDE}, {seconds:g} s: best {min(factors):.2f}, worst {max(factors):.2f}")


@app.command()
def memory(portrait: Path, voice: Path, minutes: float = 60, fps: str = "25") -> None:
    """Peak memory and lengths of a long run beside those of one minute, each in a process of its own."""
    peaks = []
    for length_ in (1.0, minutes):
        command = [sys.executable, "-m", "recipes.measure", "one", str(portrait), str(voice), str(length_), fps]
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        peaks.append(result["peak_mib"])
        print(f"{length_:g} min: " + ", ".join(f"{k} {v}" for k, v in result.items()))
    print(f"peak memory, {minutes:g} minutes over 1: {peaks[1] / peaks[0]:.3f}")


@app.command(hidden=True)
def one(portrait: Path, voice: Path, minutes: float, fps: str) -> None:
    """One run, measured from inside."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        sound, video = Path(folder) / "voice.wav", Path(folder) / "out.mp4"
        repeated(voice, 60 * minutes, sound)
        start = time.perf_counter()
        frames = make(TalkingHead(), portrait, sound, video, fps)
        took = time.perf_counter() - start
        who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        peak, encoder = (resource.getrusage(w).ru_maxrss / 1024 for w in who)
        picture, heard = length(video, "v"), length(video, "a")
    difference = round(1000 * abs(picture - heard), 1)
    print(json.dumps({"frames": frames, "seconds": round(took, 1), "peak_mib": round(peak, 1),
                      "ffmpeg_mib": round(encoder, 1), "av_difference_ms": difference}))  # fmt: skip


@app.command()
def voices(portraits: Path, sounds: Path, out: Path, scorer: Annotated[Path, typer.Option()]) -> None:
    """Correlation of mouth opening with loudness, and opening in quiet over loud, for every portrait and sound."""
    out.mkdir(parents=True, exist_ok=True)
    head, rows = TalkingHead(), []
    for portrait in sorted(portraits.iterdir()):
        puppet = head.prepare(portrait)
        for sound in sorted(sounds.iterdir()):
            video = out / f"{portrait.stem}_{sound.stem}.mp4"
            make(head, puppet, sound, video)
            heard = out / f"{sound.stem}.wav"
            soundfile.write(heard, np.concatenate(list(decode(sound, RATE))), RATE)
            command = [sys.executable, str(scorer), str(video), "--portrait", str(portrait), "--audio", str(heard)]
            done = subprocess.run([*command, "--no-identity"], capture_output=True, text=True, check=True)
            result = json.loads(done.stdout)["audio"]
            rows.append((result["r_opening_energy"], result["lag_frames"], result["quiet_over_loud"]))
            print(
                f"{portrait.stem:28.28s} {sound.stem:28.28s} r {rows[-1][0]} lag {rows[-1][1]} quiet/loud {rows[-1][2]}"
            )
    r, lag, quiet = np.array(rows, float).T
    print(f"r median {np.median(r):.2f} least {r.min():.2f}; |lag| <= 2 in {np.mean(np.abs(lag) <= 2):.0%}; ", end="")
    print(f"quiet/loud median {np.median(quiet):.2f} most {quiet.max():.2f}, <= 0.35 in {np.mean(quiet <= 0.35):.0%}")


if __name__ == "__main__":
    app()
