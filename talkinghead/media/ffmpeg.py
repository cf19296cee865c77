"""The ffmpeg program that `imageio-ffmpeg` brings: start it, read its complaints, and never leave it behind."""

from __future__ import annotations

import atexit
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO

from talkinghead.errors import TalkingHeadError

if sys.platform == "linux":
    import fcntl

PIPE_SIZE = 1 << 18  # bytes; the usual 64 KiB take a fifteenth more of ffmpeg's time
COMPLAINTS_KEPT = 500  # lines; ffmpeg may complain about every packet of an hour
LISTS = (b"#extm3u", b"ffconcat", b"<")  # how texts begin that name other files
_playlists = False  # of the whole program: sound is read by threads of its own


@cache
def executable() -> str:
    """Path of the ffmpeg binary: the one of `imageio-ffmpeg`, or the one `IMAGEIO_FFMPEG_EXE` names."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def existing_file(path: Path, error: type[TalkingHeadError]) -> Path:
    """`path`, if it is a readable file with something in it; else raises `error` in one line."""
    try:
        if path.is_dir():
            raise error(f"{path}: is a folder; name a file in it")
        if not path.exists():
            raise error(f"{path}: no such file; check the name and the folder")
        if not path.is_file():
            raise error(f"{path}: is not a regular file; save what it gives to a file first")
        if not os.access(path, os.R_OK):
            raise error(f"{path}: may not be read; check its permissions")
        if path.stat().st_size == 0:
            raise error(f"{path}: the file is empty; export or download it again")
    except (OSError, ValueError) as wrong:  # too long, or with a zero byte in it
        raise error(f"{path}: no such file ({getattr(wrong, 'strerror', None) or wrong}); check the name") from None
    return path


def existing_recording(path: Path, error: type[TalkingHeadError]) -> Path:
    """`existing_file`, but for playlists: ffmpeg plays lists (HLS, DASH, concat) of files anywhere on this machine,
    which whoever made the list had no right to read. Allowed inside `playlists_allowed()`."""
    path = existing_file(path, error)
    try:
        with open(path, "rb") as file:
            listed = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(LISTS)
    except OSError as wrong:
        raise error(f"{path}: cannot be read ({wrong.strerror})") from None
    if listed and not _playlists:
        raise error(f"{path}: is a text that may name other files; give the recording itself, or --allow-playlists")
    return path


@contextmanager
def playlists_allowed(allowed: bool = True) -> Iterator[None]:
    """While inside, the whole program plays playlists; for lists of somebody whom you trust with your files."""
    global _playlists
    before, _playlists = _playlists, allowed
    try:
        yield
    finally:
        _playlists = before


def read_input(path: Path) -> list[str]:
    """The arguments that open `path`: never an option or a URL, whatever it is called, and nothing off this machine."""
    return ["-protocol_whitelist", "file", "-i", f"file:{path}"]


class Ffmpeg:
    """One ffmpeg process, dead and reaped when the `with` block is left, however it is left.

    `process.stdin` and `process.stdout` are pipes where asked for. stderr is drained by a thread, so that it cannot
    block, and only its last lines are kept.
    """

    def __init__(self, arguments: list[str], stdin: bool = False, stdout: bool = False, loglevel: str = "error"):
        self.process = subprocess.Popen(
            [executable(), "-nostdin", "-hide_banner", "-nostats", "-loglevel", loglevel, *arguments],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the terminal is for us alone: we decide how ffmpeg ends
        )
        if stdin and sys.platform == "linux":
            with suppress(OSError):  # a system may allow a user only so much
                fcntl.fcntl(self.stdin, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self._complaints: deque[bytes] = deque(maxlen=COMPLAINTS_KEPT)
        self._drain = threading.Thread(target=self._complaints.extend, args=(self.process.stderr,), daemon=True)
        self._drain.start()
        atexit.register(self.kill)  # for an iterator that was never finished: later the drain thread can't be joined

    @property
    def stdin(self) -> IO[bytes]:
        """Where it reads, if that was asked for."""
        assert self.process.stdin
        return self.process.stdin

    @property
    def stdout(self) -> BufferedReader:
        """Where it writes, if that was asked for."""
        assert isinstance(self.process.stdout, BufferedReader)
        return self.process.stdout

    def wait(self) -> int:
        """Wait for the end and return the exit status; `complaints` is complete from then on."""
        status = self.process.wait()
        self._drain.join()
        return status

    def kill(self) -> None:
        """End the process at once, if it has not ended, reap it and close its pipes."""
        atexit.unregister(self.kill)
        self.process.kill()
        self.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if pipe:
                    pipe.close()
            except OSError:
                pass  # what was still buffered for it has nowhere to go

    @property
    def complaints(self) -> list[str]:
        """The last lines of stderr, without the `[component @ address]` in front."""
        lines = (line.decode("utf-8", "replace").strip() for line in list(self._complaints))
        return [text for text in (re.sub(r"^(\[[^]]*\] *)+", "", line) for line in lines) if text]

    @property
    def last_complaint(self) -> str:
        """The line of stderr that says most: the last one, unless that only counts or sums up those before it."""
        empty = ("Last message repeated", "Conversion failed")
        return next((line for line in reversed(self.complaints) if not line.startswith(empty)), "it gave no reason")

    def __enter__(self) -> Ffmpeg:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()


def head(arguments: list[str]) -> tuple[bytes, float | None, list[str]]:
    """Run ffmpeg to its end for a small output on stdout, such as the header of a stream.

    Returns the output, the seconds the input's container declares (None if it declares none) and the complaints.
    """
    with Ffmpeg(arguments, stdout=True, loglevel="info") as ffmpeg:
        output = ffmpeg.stdout.read()
        ffmpeg.wait()
        found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", "\n".join(ffmpeg.complaints))
        seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
        return output, seconds, ffmpeg.complaints
