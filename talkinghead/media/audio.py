"""Sound in: whatever ffmpeg decodes, as a stream of mono float32 blocks."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

from talkinghead.errors import SoundError
from talkinghead.media.ffmpeg import Ffmpeg, existing_recording, head, read_input

# Time 0 is the start of the file. A track that begins later, or has gaps, gets silence there, so that sample n is
# always heard n / rate seconds into the file; `video.VideoWriter` muxes the sound through the same filter.
TIMELINE = "aresample=async=1:first_pts=0"
# Sun AU carries the number of channels in its header and may have any length, which suits a pipe: seven numbers are
# magic, offset of the samples, length, encoding, rate, channels.
_AU_HEADER = struct.Struct(">4s5I")


@dataclass(frozen=True)
class SoundInfo:
    """What a sound file declares. `duration` is its container's, in seconds, None if it has none (approximate for
    formats without an index, such as mp3 of variable bit rate)."""

    duration: float | None
    sample_rate: int
    channels: int


def _arguments(path: Path, *options: str) -> list[str]:
    return [*read_input(path), "-map", "0:a:0", "-map_metadata", "-1", "-af", TIMELINE, *options, "-f", "au", "pipe:1"]


def _read_header(stream: IO[bytes]) -> tuple[int, int] | None:
    """Rate and channels from the start of an AU stream, None if ffmpeg wrote none."""
    start = stream.read(_AU_HEADER.size)
    if len(start) < _AU_HEADER.size:
        return None
    _, offset, _, _, sample_rate, channels = _AU_HEADER.unpack(start)
    stream.read(offset - _AU_HEADER.size)
    return sample_rate, channels


def _unreadable(path: Path, complaints: list[str]) -> SoundError:
    if any("matches no streams" in line for line in complaints):
        return SoundError(f"{path}: has no sound track; give a file with sound in it")
    return SoundError(f"{path}: not a sound file that ffmpeg can read; convert it to wav, flac, mp3 or m4a")


def probe(path: str | Path) -> SoundInfo:
    """Look at the first sound track of a file without decoding all of it.

    Raises SoundError, in one line, if the file is missing, a folder, empty, unreadable, not sound, or without sound.
    """
    path = existing_recording(Path(path), SoundError)
    about = path.stat()
    return _probed(path, about.st_mtime_ns, about.st_size)


@lru_cache(16)
def _probed(path: Path, *_stamp: int) -> SoundInfo:
    output, duration, complaints = head(_arguments(path, "-t", "0.1", "-c:a", "pcm_s16be"))
    header = _read_header(io.BytesIO(output))
    if header is None:
        raise _unreadable(path, complaints)
    return SoundInfo(duration, *header)


def has_sound(path: str | Path) -> bool:
    """Whether there is a sound track that can be read."""
    try:
        return bool(probe(path))
    except SoundError:
        return False


def decode(path: str | Path, sample_rate: int, block_seconds: float = 10.0) -> Iterator[np.ndarray]:
    """The first sound track of a file as blocks of float32 [N] at `sample_rate`, full scale 1, in constant memory.

    All blocks but the last hold `block_seconds`; channels are averaged. A sound of no samples gives no block: the
    caller warns. ffmpeg ends with the iterator, also when that is dropped or interrupted half way.

    Damage that ffmpeg can step over is skipped as players skip it, with a warning at the end that says after which
    second; a file that stops early is a shorter sound.
    Raises SoundError, in one line: before the first block as `probe` does, later if ffmpeg gives up (names the second).
    """
    path = existing_recording(Path(path), SoundError)
    with Ffmpeg(_arguments(path, "-ar", str(sample_rate), "-c:a", "pcm_f32be"), stdout=True) as ffmpeg:
        stream = ffmpeg.stdout
        header = _read_header(stream)
        frame_bytes = 4 * (header[1] if header else 1)
        block_bytes = max(1, round(block_seconds * sample_rate)) * frame_bytes
        samples, damaged_at = 0, None
        while header and (block := stream.read(block_bytes)):
            # A process that dies may cut a frame short.
            frames = np.frombuffer(block[: len(block) // frame_bytes * frame_bytes], ">f4").reshape(-1, header[1])
            if damaged_at is None and ffmpeg.complaints:
                damaged_at = samples / sample_rate
            samples += len(frames)
            mono = frames.mean(axis=1, dtype=np.float32)
            # A float file may hold NaN or infinity, which would never leave a recurrent network again.
            yield np.nan_to_num(mono, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        failed = ffmpeg.wait() != 0
        if not samples and (failed or ffmpeg.complaints):
            raise _unreadable(path, ffmpeg.complaints)
        seconds = samples / sample_rate
        if failed:
            raise SoundError(f"{path}: cannot be decoded beyond second {seconds:.1f}; cut it there, or export it again")
        if ffmpeg.complaints:
            where = seconds if damaged_at is None else damaged_at
            warnings.warn(f"{path}: damaged some time after second {where:.0f}; went on as players do", stacklevel=2)


def seconds(path: str | Path) -> Fraction:
    """The length of a sound, by decoding it: headers are not exact. Raises SoundError."""
    rate = probe(path).sample_rate
    return Fraction(sum(map(len, decode(path, rate))), rate)
