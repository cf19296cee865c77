"""How fast one size is, measured in a process of its own: portrait, voice and size in, one line of JSON out.

    python -m talkinghead.surfaces.bench PORTRAIT VOICE SIDE SECONDS REPEATS HEAD ENCODER

`talkinghead bench` starts it for every size and makes a table of the lines.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from talkinghead.clip import Clip
from talkinghead.errors import TalkingHeadError
from talkinghead.media.audio import decode
from talkinghead.media.encoders import VERYFAST
from talkinghead.media.ffmpeg import Ffmpeg
from talkinghead.media.pictures import read_portrait
from talkinghead.media.video import VideoWriter, piped
from talkinghead.pipeline import TalkingHead

RATE = 16000  # Hz, of the voice
Film = Callable[[Clip, Iterable[np.ndarray]], tuple[int, float]]  # writes a video, see _film
KEPT_BYTES = 300_000_000  # of finished frames, which the encoder alone is given back and forth
AT_LEAST = 50  # frames by which another preset is measured: fewer than make the video of a large picture


@dataclass(frozen=True)
class Figures:
    """What one size costs. Milliseconds are those of one core for a frame."""

    side: int  # pixels
    first: float  # seconds from the start of the process to the first frame given to the encoder
    factor: float  # median of seconds of work by seconds of video, models loaded, portrait and sound included
    worst: float  # the most of them
    encoding: float  # the same, of writing the finished frames alone
    veryfast: float  # the same, of x264's preset of that name at the same rate factor, pictures alone
    own: float  # milliseconds of this process: portrait, voice and units, handing on; all, where none are forked
    drawing: float  # milliseconds of the processes that draw
    encoder: float  # milliseconds: ffmpeg, pictures and sound
    mebibytes: float  # peak memory of this process
    encoder_mebibytes: float  # and ffmpeg's on top


def figures(
    portrait: Path, voice: Path, side: int, seconds: float, repeats: int, strength: float, encoder: str
) -> Figures:
    """With a head that moves by `strength`. Raises what TalkingHead.speak and VideoWriter raise."""
    image, head = _square(portrait, side), TalkingHead()
    with tempfile.TemporaryDirectory() as folder:
        sound, video = Path(folder) / "voice.wav", Path(folder) / "video.mp4"
        _repeat(voice, seconds, sound)
        film = partial(_film, sound=sound, video=video, encoder=encoder)
        speak = partial(head.speak, image, sound, head=strength)
        clip = speak()
        film(clip, itertools.islice(clip.pictures(planar=True), 1))
        first = time.time() - _born()
        times, own, others = _spoken(speak, film, repeats)
        mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        clip = speak()
        kept = _finished(clip)
        encoding, encoded, peak = _encoding(kept, clip, film, repeats)
        veryfast = _veryfast(kept, clip.fps)
    factors = [took / seconds for took in times]
    alone, costs = (encoding / seconds, veryfast), (own, max(others - encoded, 0), encoded)
    return Figures(side, first, median(factors), max(factors), *alone, *costs, mebibytes, peak)


def _square(portrait: Path, side: int) -> np.ndarray:
    """The upper square of a picture."""
    image = read_portrait(portrait)
    least = min(image.shape[:2])
    how = cv2.INTER_AREA if side < least else cv2.INTER_CUBIC
    return cv2.resize(image[:least, :least], (side, side), interpolation=how)


def _repeat(voice: Path, seconds: float, path: Path) -> None:
    """The voice, over and over, as a WAV of the given length."""
    samples = np.resize(np.concatenate(list(decode(voice, RATE))), round(seconds * RATE))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())


def _born() -> float:
    """When this process began, in seconds since 1970; where the system does not tell, when this module did."""
    about = Path("/proc/self/stat")
    if not about.exists():
        return LOADED
    ticks = int(about.read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


LOADED = time.time()


def _film(clip: Clip, frames: Iterable[np.ndarray], sound: Path, video: Path, encoder: str) -> tuple[int, float]:
    """How many frames there were, and ffmpeg's peak memory in MiB (NaN where the system does not tell)."""
    shape = clip.width, clip.height, clip.fps
    with VideoWriter(video, *shape, sound, force=True, encoder=encoder, expected=clip.frames) as writer:
        for frame in frames:
            writer.write(frame)
        # Not RUSAGE_CHILDREN's: in that a child begins with all that its parent has.
        about = Path(f"/proc/{writer.process}/status")
        peak = re.search(r"VmHWM:\s*(\d+) kB", about.read_text()) if about.exists() else None
    return writer.frames, int(peak[1]) / 1024 if peak else float("nan")


def _spoken(speak: Callable[[], Clip], film: Film, repeats: int) -> tuple[list[float], float, float]:
    """Seconds of each time; milliseconds a frame of this process and of others that it started."""
    times, frames = [], 0
    before = _used(resource.RUSAGE_SELF), _used(resource.RUSAGE_CHILDREN)
    for _ in range(repeats):
        start = time.perf_counter()
        clip = speak()
        frames += film(clip, clip.pictures(planar=True))[0]
        times.append(time.perf_counter() - start)
    after = _used(resource.RUSAGE_SELF), _used(resource.RUSAGE_CHILDREN)
    return times, *(1000 * (b - a) / frames for a, b in zip(before, after))


def _used(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _finished(clip: Clip) -> list[np.ndarray]:
    """The first frames of a clip, in the encoder's own colours."""
    most = max(8, KEPT_BYTES // (clip.height * clip.width * 3 // 2))
    return list(itertools.islice(clip.pictures(planar=True), most))


def _to_and_fro(kept: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """As many frames, of those that were kept."""
    return itertools.islice(itertools.cycle(kept + kept[-2:0:-1]), count)


def _encoding(kept: list[np.ndarray], clip: Clip, film: Film, repeats: int) -> tuple[float, float, float]:
    """Seconds of writing as many frames as the clip has, of those that are finished, ffmpeg's milliseconds a frame, and
    its peak memory in MiB."""
    times, before, written = [], _used(resource.RUSAGE_CHILDREN), 0
    for _ in range(repeats):
        frames = _to_and_fro(kept, clip.frames)
        start = time.perf_counter()
        count, peak = film(clip, frames)
        times.append(time.perf_counter() - start)
        written += count
    return median(times), 1000 * (_used(resource.RUSAGE_CHILDREN) - before) / written, peak


def _veryfast(kept: list[np.ndarray], fps: Fraction) -> float:
    """Seconds of work by seconds of video of the preset `veryfast`, with AT_LEAST of the frames that are finished."""
    rows, width = kept[0].shape
    count = max(len(kept), AT_LEAST)
    start = time.perf_counter()
    with Ffmpeg([*piped(width, rows * 2 // 3, fps, "yuv420p"), *VERYFAST, "-f", "null", "-"], stdin=True) as ffmpeg:
        for frame in _to_and_fro(kept, count):
            ffmpeg.stdin.write(frame.data)
        ffmpeg.stdin.close()
        ffmpeg.wait()
    return (time.perf_counter() - start) * float(fps) / count


if __name__ == "__main__":
    picture, spoken, side, seconds, repeats, strength, encoder = sys.argv[1:]
    numbers = int(side), float(seconds), int(repeats), float(strength)
    try:
        found = figures(Path(picture), Path(spoken), *numbers, encoder)
    except TalkingHeadError as error:
        sys.exit(f"talkinghead: {error}")
    print(json.dumps(asdict(found)))
