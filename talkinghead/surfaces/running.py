"""What commands share while they run: the bar of progress, the end by a signal, a clip written to its files."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.media import encoders
from talkinghead.media.stages import LOG, stage, tell

if TYPE_CHECKING:
    from talkinghead.clip import Clip
    from talkinghead.media.provenance import Seal

WIDELY_PLAYED = 4096  # pixels a side, the most that hardware decoders of H.264 take


class Stopped(BaseException):
    """A signal asked the program to end; unlike SystemExit it says which."""


def stop_on_signals() -> None:
    """SIGINT and SIGTERM raise Stopped from here on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # cleaning up takes a moment and must not be cut short
    raise Stopped(number)


class Remarks:
    """Warnings on their way to the terminal. Somebody who looks sees them at once; elsewhere they wait until the run
    has come to something, because a run that is refused says one line and no more."""

    def __init__(self) -> None:
        self.at_once = False
        self._held: list[str] = []

    def begin(self) -> None:
        """A new run: every warning of ours comes here from now on, and no other."""
        self.at_once = sys.stderr.isatty()
        self._held.clear()
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module="talkinghead")
        warnings.showwarning = self.take

    def take(self, message: Warning | str, *_: object, **__: object) -> None:
        self._held.append(f"talkinghead: {one_line(message)}")
        if self.at_once:
            self.say()

    def say(self) -> None:
        from tqdm import tqdm

        while self._held:
            tqdm.write(self._held.pop(0), file=sys.stderr)

    def say_at_once(self) -> None:
        """For runs without an end: what waits is said now, and what comes when it comes."""
        self.at_once = True
        self.say()


remarks = Remarks()


class _Told(logging.Handler):
    """The log, line by line on the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(f"talkinghead: {one_line(record.getMessage())}", file=sys.stderr)


def tell_all() -> None:
    """From here on what is found is said, and how long each stage took; and warnings when they come."""
    remarks.say_at_once()
    LOG.setLevel(logging.INFO)
    LOG.addHandler(_Told())


def tell_no_more() -> None:
    LOG.setLevel(logging.NOTSET)
    LOG.handlers = [handler for handler in LOG.handlers if not isinstance(handler, _Told)]


def one_line(text: object) -> str:
    """What is said on the terminal: a line break or an escape code in the name of a file is shown, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def progress(frames: Iterable, total: int | None, unit: str = "frame") -> Iterable:
    """The same frames (or other things), with a bar and the time left on a terminal."""
    from tqdm import tqdm

    return tqdm(frames, total=total, unit=unit, leave=False, disable=not sys.stderr.isatty())


def check_outputs(video: Path, csv: Path | None, force: bool, encoder: str = encoders.X264) -> None:
    """Raises OutputError unless a video by this encoder, and a CSV of its units, can be written there."""
    from talkinghead.media.outputs import check_output

    check_output(video, force)
    encoders.check_here(encoder, video)
    if csv:
        check_output(csv, force, (".csv",))


def film(
    clip: Clip,
    output: Path,
    sound: Path | None,
    save_au: Path | None,
    force: bool,
    seal: Seal | None = None,
    encoder: str = encoders.X264,
) -> None:
    """Write a clip to a video, with its sound, and its units to a CSV if that is wanted. Raises OutputError."""
    from talkinghead.media.video import VideoWriter
    from talkinghead.units.unit_csv import CsvWriter

    if max(clip.width, clip.height) > WIDELY_PLAYED:
        warnings.warn(
            f"{output}: {clip.width}x{clip.height} is more than many players show; --crop gives the face alone"
        )
    record = CsvWriter(save_au, clip.fps, force, clip.turns, relative=True) if save_au else nullcontext()
    with stage(f"{output} drawn and written"):
        shape = clip.width, clip.height, clip.fps
        with record as csv, VideoWriter(output, *shape, sound, force, seal, encoder, clip.frames) as video:
            for frame in progress(clip.pictures(video.planar), clip.frames):
                video.write(frame)
                if csv:
                    csv.write(clip.units, clip.pose if clip.turns else ())
    tell(f"{output}: {video.frames} frames of {clip.width}x{clip.height}, {float(clip.fps):g} a second")
