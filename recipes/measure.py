"""What a user would feel: speed, memory over long sounds, and whether the mouth follows a voice.

    python -m recipes.measure speed PORTRAIT VOICE             # real-time factor after start-up, parts by parts
    python -m recipes.measure memory PORTRAIT VOICE --minutes 60 --fps 10
    python -m recipes.measure voices PORTRAITS VOICES OUT --scorer score.py
    python -m recipes.measure moods PORTRAITS VOICE            # whether lips that speech closes stay so under a mood
    python -m recipes.measure live PORTRAIT VOICE --minutes 10 # sync, latency and memory of `talkinghead live`
    python -m recipes.measure batch PORTRAITS VOICES OUT       # one batch beside as many separate runs
    python -m recipes.measure edit PORTRAIT                    # from a slider of the web page to its picture

`speed`, `memory` and `live` repeat the voice to the length wanted. `voices` makes every portrait of a folder speak
every sound of another and has an independent scorer compare mouth and sound.
"""

from __future__ import annotations

import csv
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import soundfile
import typer

from recipes.parts.web_client import WebPage, in_browser
from talkinghead.media.audio import decode
from talkinghead.media.ffmpeg import executable
from talkinghead.media.pictures import read_portrait, write_picture
from talkinghead.media.video import VideoWriter
from talkinghead.pipeline import TalkingHead
from talkinghead.surfaces.live import BLOCK_SECONDS, Live, Player
from talkinghead.surfaces.live_io import QueuedSource
from talkinghead.surfaces.live_server import MjpegSink
from talkinghead.surfaces.web_room import Room
from talkinghead.units.names import lip_opening

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


def portrait_of(path: Path) -> np.ndarray:
    """The upper square of a picture, SIDE pixels a side."""
    image = read_portrait(path)
    side = min(image.shape[:2])
    return cv2.resize(image[:side, :side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def make(head: TalkingHead, portrait, sound: Path, video: Path, fps: str = "25") -> int:
    clip, frames = head.speak(portrait, sound, fps=fps), 0
    with VideoWriter(video, clip.width, clip.height, clip.fps, sound, force=True) as writer:
        for frame in clip.pictures(writer.planar):
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
    image, head = portrait_of(portrait), TalkingHead()
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


@app.command()
def moods(portraits: Path, voice: Path, fps: str = "12", shut: float = 0.02, still: float = 0.03) -> None:
    """Of the frames whose lips are `shut` without a mood (their gap, in inter-ocular distances, is smaller), the share
    whose gap is under `still` with one; every portrait of a folder, tracked again."""
    head = TalkingHead()
    for portrait in sorted(portraits.iterdir()):
        puppet = head.prepare(portrait, crop=True)

        def gaps(mood: str | None) -> np.ndarray:
            clip = head.speak(puppet, voice, mood=mood, blink=False, fps=fps)
            faces = [head.tracker(frame) for frame in clip]
            return np.array([lip_opening(found[0].points).sum() if found else np.nan for found in faces])

        closed = gaps(None) < shut
        shares = {mood: np.mean(gaps(mood)[closed] < still) for mood in ("happy", "surprised", "disgust", "angry")}
        print(f"{portrait.stem}: {closed.sum()} of {len(closed)} frames shut; still shut with", end=" ")
        print(", ".join(f"{mood} {share:.0%}" for mood, share in shares.items()), flush=True)


class PacedSource(QueuedSource):
    """A file heard as from a microphone: every block comes when its last sample has been."""

    def __init__(self, sound: Path):
        self._file = soundfile.SoundFile(sound)
        super().__init__(self._file.samplerate)

    def __enter__(self) -> PacedSource:
        self.begin = self.clock.now()
        threading.Thread(target=self._feed, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self._file.close()

    def _feed(self) -> None:
        heard, size = 0, round(BLOCK_SECONDS * self.rate)
        while len(samples := self._file.read(size, dtype="float32")):
            heard += len(samples)
            self.clock.sleep_until(self.begin + heard / self.rate)
            self._queue.put((samples, self.clock.now()))
        self._queue.put(None)


class WatchedSink(MjpegSink):
    """The MJPEG server, and when each frame was shown and how much memory was in use then."""

    def __init__(self):
        super().__init__(0)
        self.moments: list[tuple[int, float]] = []
        self.memory: list[float] = []  # MiB, once a second

    def show(self, number: int, payload: bytes) -> None:
        super().show(number, payload)
        self.moments.append((number, time.monotonic()))
        if self.moments[-1][1] - self.moments[0][1] >= len(self.memory):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.memory.append(pages * resource.getpagesize() / 2**20)


@app.command()
def live(portrait: Path, voice: Path, minutes: float = 10) -> None:
    """A SIDE x SIDE portrait speaking live for so long, JPEG included: sync against the feed's own clock, frames."""
    with tempfile.TemporaryDirectory() as folder:
        sound = repeated(voice, 60 * minutes, Path(folder) / "voice.wav")
        source, sink = PacedSource(sound), WatchedSink()
        head = Live(TalkingHead(), portrait_of(portrait), rate=source.rate)
        player = Player(head, source, sink)
        with source:
            report = player.run()
    fps = float(head.fps)
    errors = [fps * (moment - source.begin - report.delay) - number for number, moment in sink.moments]
    start = sink.memory[min(10, len(sink.memory) - 1)]  # seconds in, when all buffers have been used
    print(
        f"{minutes:g} min live, {SIDE}x{SIDE}: largest |sync| {np.abs(errors).max():.2f} frames; {report};"
        f" algorithmic {1000 * head.latency:.0f} ms; memory {start:.0f} MiB after 10 s, {sink.memory[-1]:.0f} at the"
        f" end, {max(sink.memory):.0f} at most"
    )


@app.command()
def batch(portraits: Path, voices: Path, out: Path, most: tuple[int, int] = (10, 4)) -> None:
    """Seconds of one batch, and of a separate `talkinghead speak` for each of its jobs; `--most` portraits, voices."""
    out.mkdir(parents=True)
    program = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]
    pairs = [(p, v) for p in sorted(portraits.iterdir())[: most[0]] for v in sorted(voices.iterdir())[: most[1]]]
    jobs = out / "jobs.csv"
    with open(jobs, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["portrait", "audio", "au", "output"])
        rows.writerows([p.resolve(), v.resolve(), "", f"{i}.mp4"] for i, (p, v) in enumerate(pairs))
    start = time.perf_counter()
    subprocess.run([*program, "batch", str(jobs), "--out", str(out / "batch")], check=True)
    together = time.perf_counter() - start
    start = time.perf_counter()
    for i, (p, v) in enumerate(pairs):
        subprocess.run([*program, "speak", str(p), str(v), "-o", str(out / f"{i}.mp4")], check=True)
    apart = time.perf_counter() - start
    print(f"{len(pairs)} jobs: batch {together:.1f} s, separate runs {apart:.1f} s, factor {apart / together:.2f}")


@app.command()
def edit(portrait: Path, moves: int = 200, browser: str = "") -> None:
    """Milliseconds from a slider's new value to the picture's JPEG, SIDE x SIDE: in the room, and over HTTP; to the
    picture in the page as well if `browser` names a Chromium (needs `pip install '.[browser]'`)."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "portrait.png"
        write_picture(picture, portrait_of(portrait))
        room = Room(TalkingHead(), folder)
        sitting = room.sit(picture)
        values = np.random.default_rng(0).random(moves)
        _tell_times("in the room", lambda jaw: room.preview(sitting, sitting.own | {"JawOpen": jaw}), values)
        with WebPage() as page:
            page.sit(picture)
            _tell_times("over HTTP", page.follow, values)
            if browser:
                _tell("in the page", in_browser(browser, page.address, picture))


def _tell_times(where: str, show: Callable[[float], object], values: np.ndarray) -> None:
    times = []
    for value in values:
        start = time.perf_counter()
        show(float(value))
        times.append(1000 * (time.perf_counter() - start))
    _tell(where, times)


def _tell(where: str, times: list[float]) -> None:
    middle, most = np.percentile(times, [50, 95])
    print(f"slider to picture, {where}: median {middle:.0f} ms, 95 % within {most:.0f} ms")


if __name__ == "__main__":
    app()
