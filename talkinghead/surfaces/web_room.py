"""What the web page does, without the page: one TalkingHead for all visitors, within limits, in a folder of its own.

    room = Room(TalkingHead(), folder)
    made = room.speak("portrait.jpg", "speech.wav")            # Made(path=..., units=...), files in `folder`
    sitting = room.sit("portrait.jpg")
    jpeg = room.preview(sitting, sitting.own | {"JawOpen": 0.5})

Everything a visitor sends is a file on this machine; names of files are only ever shown.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.errors import ClipError, PortraitError, SoundError, TalkingHeadError, UnitsError
from talkinghead.media.ffmpeg import existing_file
from talkinghead.options import FrameOptions, PortraitOptions, Signing
from talkinghead.units.convert import read_csv
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.track import Motion, UnitTrack
from talkinghead.units.unit_csv import CsvWriter, write_csv

if TYPE_CHECKING:
    from talkinghead.pipeline import Puppet, TalkingHead

MAX_SIDE = 4096  # pixels, of videos and pictures; larger portraits are reduced. Hardware decoders take no more
PREVIEW_SIDE = 1024  # pixels, of the picture that follows the sliders
KEPT_PORTRAITS = 6  # made ready and held in memory, at most about 200 MB each
TELL_SECONDS = 0.5  # between two reports of progress
JOB = "talkinghead"  # what files made for a visitor are called

Tell = Callable[[int, "int | None", "float | None"], None]  # frames done, frames in all, seconds left


class Stopped(TalkingHeadError):
    """Whoever asked for it wants it no more."""


@dataclass(frozen=True)
class Limits:
    """What one visitor may send and ask for: seconds of sound or clip, pixels of a clip's frame."""

    seconds: float = 600
    clip_pixels: int = 3840 * 2160


@dataclass(frozen=True)
class Sitting:
    """A portrait under the sliders: its file, what is in it, how it is prepared, and its own expression."""

    path: Path
    digest: str
    look: PortraitOptions
    own: dict[str, float] = field(hash=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A portrait before anything is made of it: a JPEG of its `width` and `height`, reduced to PREVIEW_SIDE, the
    outline [36, 2] of every face in its pixels, the widest first, which one would speak, from 1 (None: it cannot), and
    what is to be said of it."""

    jpeg: bytes
    width: int
    height: int
    faces: list[np.ndarray]
    taken: int | None
    remark: str


@dataclass(frozen=True)
class Made:
    """A finished file, and the CSV of its units."""

    path: Path
    units: Path


class Room:
    """One TalkingHead behind a lock, so that threads may share it: a job holds it for a few frames at a time, and a
    slider is answered between them. Errors are TalkingHeadErrors, see `plain` for their text."""

    def __init__(self, head: TalkingHead, folder: str | Path, limits: Limits = Limits(), tracking=None):
        """`tracking` is the TalkingHead that clips are tracked with, which a job holds to its end; None makes one."""
        from talkinghead.pipeline import TalkingHead

        self.head, self.folder, self.limits = head, Path(folder), limits
        self.tracking = tracking or TalkingHead()
        self._lock, self._tracking_lock = threading.Lock(), threading.Lock()
        self._puppets: OrderedDict[tuple, Puppet] = OrderedDict()
        self._here = re.compile(re.escape(str(self.folder)) + r"/(?:[\w-]+/)?")

    def load(self) -> None:
        """Load the models now, so that the first visitor need not wait. Raises ModelError."""
        for name in ("generator", "speech", "file_speech", "tracker"):
            getattr(self.head, name)

    def plain(self, text: object) -> str:
        """An error or a warning as the command line words it, naming files as their owner does."""
        return self._here.sub("", str(text).removesuffix(", or --allow-playlists"))

    def speak(
        self,
        portrait: str | Path | None,
        voice: str | Path | None = None,
        au: str | Path | None = None,
        options: FrameOptions | None = None,
        *,
        sign: bool = False,
        tell: Tell | None = None,
        **changes: Any,
    ) -> Made:
        """The video of `talkinghead speak`, and its units. Raises what that does, also SoundError and
        UnitsError beyond the limit, and whatever `tell` raises; then nothing is left."""
        if not portrait:
            raise PortraitError("there is no portrait; give a picture of one face")
        if not (voice or au):
            raise SoundError("there is no voice; give a sound file, or action units")
        options = FrameOptions.of(options, changes)
        track = read_csv(au, options.rate) if au else None
        if voice:
            self._check_voice(voice)
        elif track.duration > self.limits.seconds:
            raise UnitsError(self._too_long(au))
        return self._made(portrait, track, voice, options, sign, tell)

    def drive(
        self,
        portrait: str | Path | None,
        clip: str | Path | None,
        options: FrameOptions | None = None,
        *,
        sign: bool = False,
        tell: Tell | None = None,
        **changes: Any,
    ) -> Made:
        """The video of `talkinghead drive`, and its units. Raises what that does, also ClipError beyond the limits, and
        whatever `tell` raises; then nothing is left."""
        from talkinghead.media.audio import has_sound

        if not portrait:
            raise PortraitError("there is no portrait; give a picture of one face")
        options = FrameOptions.of(options, changes)
        track, _, _ = self.track(clip, tell)
        return self._made(portrait, track, clip if has_sound(clip) else None, options, sign, tell)

    def _made(
        self,
        portrait: str | Path,
        track: UnitTrack | None,
        sound: str | Path | None,
        options: FrameOptions,
        sign: bool,
        tell: Tell | None,
    ) -> Made:
        """A portrait's video under a track and with a sound, or under the sound alone."""
        with self._job() as folder:
            made = Made(folder / f"{JOB}.mp4", folder / f"{JOB}.csv")
            puppet = self._puppet(self._sitting(portrait, options.look), MAX_SIDE)
            with self._lock:
                if track:
                    clip = self.head.animate(puppet, track, options, sound=sound)
                else:
                    clip = self.head.speak(puppet, sound, options)
            self._film(clip, made, sound, sign, tell)
        return made

    def look_at(self, portrait: str | Path, face: int | None = None) -> Seen:
        """Where the faces of a portrait are, and whether the one that is asked for can speak. Raises PortraitError for
        what is no picture."""
        from talkinghead.face.find import find_face, find_faces, outline
        from talkinghead.media.pictures import at_most, jpeg, read_portrait

        image = at_most(read_portrait(portrait), MAX_SIDE)
        taken = face or 1
        with self._lock:
            faces = find_faces(image, self.head.tracker)
            try:
                find_face(image, self.head.tracker, taken, str(portrait))
                remark = f"{len(faces)} faces found; face {taken} speaks" if len(faces) > 1 else "This face speaks"
            except PortraitError as error:
                taken, remark = None, self.plain(error)
        small = at_most(image, PREVIEW_SIDE)
        scale = small.shape[1] / image.shape[1]
        return Seen(jpeg(small), *small.shape[1::-1], [scale * outline(f) for f in faces], taken, remark)

    def sample(self, path: Path) -> Path:
        """A copy of a file that comes with the package, where visitors may have it from."""
        copy = self.folder / "samples" / path.name
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
        return copy

    def sit(self, portrait: str | Path | None, look: PortraitOptions = PortraitOptions()) -> Sitting:
        """Make a portrait ready for `preview` and `picture`. Raises PortraitError."""
        if not portrait:
            raise PortraitError("there is no portrait; give a picture of one face")
        sitting = self._sitting(portrait, look)
        own = self._puppet(sitting, PREVIEW_SIDE).units
        return Sitting(sitting.path, sitting.digest, look, dict(zip(UNIT_NAMES, map(float, own))))

    def preview(self, sitting: Sitting, units: dict[str, float]) -> bytes:
        """JPEG of the portrait, reduced to PREVIEW_SIDE, under `units`; those not named are its own."""
        from talkinghead.media.pictures import write_picture

        image = self._edit(sitting, PREVIEW_SIDE, units)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / f"{JOB}.jpg"
            write_picture(path, image)
            return path.read_bytes()

    def picture(self, sitting: Sitting, units: dict[str, float], sign: bool = False) -> Path:
        """PNG of the portrait at its own size (MAX_SIDE at most) under `units`; those not named are its own."""
        from talkinghead.media.pictures import write_picture

        with self._job() as folder:
            path = folder / f"{JOB}.png"
            write_picture(path, self._edit(sitting, MAX_SIDE, units), seal=Signing(sign=sign).seal(path))
        return path

    def track(self, clip: str | Path | None, tell: Tell | None = None) -> tuple[UnitTrack, Fraction, Path]:
        """The units of a clip, its frame rate, and the CSV of `talkinghead track`. Raises ClipError, also beyond the
        limits, and whatever `tell` raises."""
        from talkinghead.media.video import VideoReader

        if not clip:
            raise ClipError("there is no clip; give a video of one face")
        reader = VideoReader(clip)
        if reader.width * reader.height > self.limits.clip_pixels:
            raise ClipError(f"{clip}: {reader.width}x{reader.height} is too large here; make it smaller first")
        most = round(self.limits.seconds * reader.fps)

        def counted(frames: Iterable, total: int | None) -> Iterator:
            return _counted(frames, total, tell, most, ClipError(self._too_long(clip)))

        with self._job() as folder, self._tracking_lock:
            found, fps = self.tracking.track(clip, progress=counted)
            table = folder / f"{JOB}.csv"
            write_csv(table, found.units, fps, pose=found.pose)
        return found, fps, table

    def _film(self, clip, made: Made, voice: str | Path | None, sign: bool, tell: Tell | None) -> None:
        from talkinghead.media.video import VideoWriter

        most = round(self.limits.seconds * clip.fps)
        seal, shape = Signing(sign=sign).seal(made.path), (clip.width, clip.height, clip.fps)
        with (
            CsvWriter(made.units, clip.fps, pose=clip.turns, relative=True) as csv,
            VideoWriter(made.path, *shape, voice, seal=seal, expected=clip.frames) as video,
        ):
            frames, too_long = self._in_turn(clip, video.planar), SoundError(self._too_long(voice))
            for motion, frame in _counted(frames, clip.frames, tell, most, too_long):
                video.write(frame)
                csv.write(motion.units, motion.pose if clip.turns else ())

    def _in_turn(self, clip, planar: bool) -> Iterator[tuple[Motion, np.ndarray]]:
        """Motion and frame, one after another; the lock is free between them."""
        frames = clip.pictures(planar)
        while True:
            with self._lock:
                frame = next(frames, None)
            if frame is None:
                return
            yield Motion(clip.units, clip.pose), frame

    def _edit(self, sitting: Sitting, side: int, units: dict[str, float]) -> np.ndarray:
        puppet = self._puppet(sitting, side)
        with self._lock:
            return self.head.edit(puppet, units)

    def _sitting(self, portrait: str | Path, look: PortraitOptions) -> Sitting:
        path = existing_file(Path(portrait), PortraitError)
        with open(path, "rb") as file:
            return Sitting(path, hashlib.file_digest(file, "sha256").hexdigest(), look)

    def _puppet(self, sitting: Sitting, side: int) -> Puppet:
        """The portrait made ready at `side` pixels at most: encoded once, whoever asks and how often."""
        key = sitting.digest, sitting.look, side
        with self._lock:
            if key not in self._puppets:
                self._puppets[key] = self.head.prepare(_at_most(sitting.path, side), sitting.look)
            self._puppets.move_to_end(key)
            while len(self._puppets) > KEPT_PORTRAITS:
                self._puppets.popitem(last=False)
            return self._puppets[key]

    def _check_voice(self, voice: str | Path) -> None:
        from talkinghead.media.audio import probe

        duration = probe(voice).duration
        if duration is not None and duration > self.limits.seconds:  # a header that lies is found out in the making
            raise SoundError(self._too_long(voice))

    def _too_long(self, path: str | Path | None) -> str:
        return f"{path}: is longer than {self.limits.seconds:g} seconds, the limit here; cut it"

    @contextmanager
    def _job(self) -> Iterator[Path]:
        """A new folder for finished files, gone if the block fails."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _at_most(path: Path, side: int) -> Path | np.ndarray:
    """The file itself, which errors then name, or its picture reduced where it is larger than `side` pixels."""
    from talkinghead.media.pictures import at_most, read_portrait

    image = read_portrait(path)
    small = at_most(image, side)
    return path if small is image else small


def _counted(frames: Iterable, total: int | None, tell: Tell | None, most: int, error: Exception) -> Iterator:
    """The same frames, `tell` called now and then; raises `error` after `most` of them."""
    start = told = time.monotonic()
    for done, frame in enumerate(frames, 1):
        if done > most:
            raise error
        yield frame
        now = time.monotonic()
        if tell and now - told >= TELL_SECONDS:
            told = now
            tell(done, total, (now - start) / done * (total - done) if total and total >= done else None)
