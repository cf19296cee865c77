"""Pictures in and out: clips as RGB frames at a constant rate, and finished videos with their sound."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from talkinghead.errors import ClipError, OutputError
from talkinghead.media import encoders
from talkinghead.media.audio import TIMELINE, probe
from talkinghead.media.encoders import X264
from talkinghead.media.ffmpeg import Ffmpeg, existing_recording, head, read_input
from talkinghead.media.outputs import VIDEO_SUFFIXES, check_output, partial_of, synthetic_notice
from talkinghead.media.threads import Feed
from talkinghead.media.yuv import to_yuv

SOUND_RATE = 48000  # Hz; the one rate that AAC and Opus both take
NAMED_CHANNELS = 8  # ffmpeg knows how to downmix layouts with a name; beyond these few have one, and the mean stands in
GIF_MAX_FPS = 50  # browsers slow frames of less than 2/100 s down to 10 a second
CLIP_MAX_FPS = 240  # a container may declare its clock's rate instead, such as 1000
CLIP_DEFAULT_FPS = Fraction(30)
WAITING_FRAMES = 2  # made while ffmpeg takes the one before

_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"  # the quick conversion darkens by one level
_TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"  # what yuv.to_yuv makes
# The palette of the first frame serves all: nothing is kept from frame to frame, the background does not flicker, and
# a palette for each frame costs twenty times as much.
_PALETTE = (
    f"fps=fps='min(source_fps,{GIF_MAX_FPS})',split[a][b];"
    "[a]trim=end_frame=1,palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=5:diff_mode=rectangle"
)
_VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-crf", "20", "-b:v", "0"]
_FASTSTART = ["-movflags", "+faststart"]  # the index first, so that a browser can start before it has all


@dataclass(frozen=True)
class Format:
    """ffmpeg's options for one kind of file; `sound` is None where the kind has none, `coded` where it is chosen, see
    media.encoders."""

    filters: str
    coded: list[str] | None
    sound: list[str] | None
    container: list[str]


_AAC = ["-c:a", "aac", "-aac_coder", "fast", "-b:a", "160k"]
_MP4 = Format(_TAGS, None, _AAC, _FASTSTART)
_WEBM = Format(_TAGS, _VP9, ["-c:a", "libopus", "-b:a", "112k"], [])
FORMATS = dict(zip(VIDEO_SUFFIXES, (_MP4, _MP4, _WEBM, Format(_PALETTE, [], None, []))))


class VideoWriter:
    """Frames into a finished video with sound, in a `with` block: whole when the block ends well, else not at all.

    `fps` is kept exactly: frame k is shown at k / fps seconds. The number of frames written decides the length; the
    `sound`, in any format `audio.decode` takes, is cut there or continued by silence, and downmixed to stereo at
    most; where the `expected` number of frames is right, it is encoded beside them. Odd widths and heights gain one
    line, repeated from the border (yuv420p has none); .gif keeps them, has no sound and at most GIF_MAX_FPS frames a
    second. Memory does not grow with the length. `seal` signs the finished file
    before it takes its place, see provenance.Seal.

    The video grows under a temporary name beside `path`, if need be gets its sound when its length is known, and takes
    its place at the end. Any exception in the block, KeyboardInterrupt and SystemExit included, kills ffmpeg, removes
    what is temporary and leaves an existing `path` as it was. Raises OutputError in one line, see `check_output`;
    besides if the `encoder` (encoders.ENCODERS, of .mp4 and .mov) does not work here, the disk is full or ffmpeg dies,
    and if no frame was written.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        sound: str | Path | None = None,
        force: bool = False,
        seal: Callable[[Path, str], None] | None = None,
        encoder: str = X264,
        expected: int | None = None,
    ):
        self.path = Path(path)
        self.frames = 0
        self._force = force
        self._seal = seal
        self._encoder, self._expected = encoder, expected
        self._target = check_output(path, force)
        suffix = self.path.suffix.lower()  # a link's target may be called anything
        self._format = FORMATS[suffix]
        self._sound = Path(sound) if sound is not None and self._format.sound else None
        self._drawn = partial_of(self._target, suffix, "-drawn")
        self._muxed = partial_of(self._target, suffix)
        self._shape = (height, width, 3)
        self.planar = self._format.sound is not None  # the formats with sound are those in yuv420p
        self._pad = ((0, height % 2 * self.planar), (0, width % 2 * self.planar), (0, 0))
        self._fps = Fraction(fps)
        self._ffmpeg: Ffmpeg
        self._feed: Feed

    def __enter__(self) -> VideoWriter:
        height, width = (side + after for side, (_, after) in zip(self._shape[:2], self._pad))
        raw = piped(width, height, self._fps, "yuv420p" if self.planar else "rgb24")
        coded = self._format.coded
        if coded is None:
            coded = encoders.arguments(self._encoder, width, height)
        sound, streams = self._heard(self._expected) if self._sound and self._expected else ([], [])
        container = [] if self._sound and not sound else self._container()
        picture = ["-vf", self._format.filters, *coded]
        self._ffmpeg = Ffmpeg([*raw, *sound, *streams, *picture, *container, f"file:{self._drawn}"], stdin=True)
        self._feed = Feed(self._ffmpeg.stdin, WAITING_FRAMES)
        return self

    def _container(self) -> list[str]:
        notice = synthetic_notice()
        return ["-metadata", f"title={notice}", "-metadata", f"comment={notice}", *self._format.container]

    def write(self, frame: np.ndarray) -> None:
        """Append one RGB uint8 frame [height, width, 3]; or, if `planar`, one in the encoder's own colours (media.yuv),
        with sides made even, which must not change any more. Raises OutputError if ffmpeg has stopped taking them."""
        height, width = (side + after for side, (_, after) in zip(self._shape[:2], self._pad))
        planar = (height * 3 // 2, width) if self.planar else None
        if frame.dtype != np.uint8 or frame.shape not in (self._shape, planar):
            raise ValueError(f"a frame is uint8 {self._shape}, not {frame.dtype} {frame.shape}")
        if frame.shape == self._shape:
            if self._pad != ((0, 0),) * 3:
                frame = np.pad(frame, self._pad, mode="edge")
            frame = to_yuv(frame) if self.planar else frame.copy()
        try:
            self._feed.put(np.ascontiguousarray(frame).data)
        except OSError:  # a broken pipe: ffmpeg has ended, and says why
            raise self._failure(self._ffmpeg) from None
        self.frames += 1

    @property
    def process(self) -> int:
        """Number of the process that encodes."""
        return self._ffmpeg.process.pid

    def _failure(self, ffmpeg: Ffmpeg) -> OutputError:
        ffmpeg.wait()
        if any("No space left on device" in line for line in ffmpeg.complaints):
            return OutputError(f"{self.path}: the disk is full; make room, or choose another folder")
        return OutputError(f"{self.path}: ffmpeg died: {ffmpeg.last_complaint}")

    def _finish(self) -> None:
        if not self.frames:
            raise OutputError(f"{self.path}: there is no frame to write; give a longer sound")
        try:
            self._feed.finish()
        except OSError:
            raise self._failure(self._ffmpeg) from None
        if self._ffmpeg.wait() != 0:
            raise self._failure(self._ffmpeg)
        finished = self._muxed_with_sound() if self._sound and self.frames != self._expected else self._drawn
        if self.path.suffix.lower() == ".gif":
            _append_gif_comment(finished, synthetic_notice())
        if self._seal:
            self._seal(finished, self.path.suffix)
        check_output(self.path, self._force)  # somebody else may have written it meanwhile
        os.replace(finished, self._target)

    def _heard(self, frames: int) -> tuple[list[str], list[str]]:
        """ffmpeg's arguments for the sound beside pictures that are its first input: its inputs, and what is made of
        them, cut or continued by silence to the length of so many frames to the sample."""
        assert self._sound and self._format.sound
        channels = probe(self._sound).channels
        layout = "mono" if channels == 1 else "stereo"
        filters = [TIMELINE, f"aformat=sample_rates={SOUND_RATE}:channel_layouts={layout}"]
        if channels > NAMED_CHANNELS:
            filters.insert(1, "pan=mono|c0=" + "+".join(f"{1 / channels:.6f}*c{c}" for c in range(channels)))
        samples = round(frames / self._fps * SOUND_RATE)
        graph = f"[1:a:0]{','.join(filters)}[sound];[sound][2:a:0]concat=v=0:a=1,atrim=end_sample={samples}[all]"
        silence = ["-f", "lavfi", "-i", f"anullsrc=r={SOUND_RATE}:cl={layout}"]
        streams = ["-filter_complex", graph, "-map", "0:v:0", "-map", "[all]", "-map_metadata", "-1"]
        return [*read_input(self._sound), *silence], [*streams, *self._format.sound]

    def _muxed_with_sound(self) -> Path:
        """A copy of the pictures with the sound."""
        sound, streams = self._heard(self.frames)
        output = ["-c:v", "copy", *self._container(), f"file:{self._muxed}"]
        with Ffmpeg([*read_input(self._drawn), *sound, *streams, *output]) as ffmpeg:
            if ffmpeg.wait() != 0:
                raise self._failure(ffmpeg)
        return self._muxed

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._ffmpeg.kill()
            self._feed.end()
            self._drawn.unlink(missing_ok=True)
            self._muxed.unlink(missing_ok=True)


def piped(width: int, height: int, fps: Fraction, pixels: str) -> list[str]:
    """ffmpeg's arguments for an input of bare pictures on its stdin, `pixels` as it names them."""
    rate = f"{fps.numerator}/{fps.denominator}"
    return ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-framerate", rate, "-i", "pipe:0"]


def _append_gif_comment(path: Path, text: str) -> None:
    """Put a comment block before the last byte, the trailer: ffmpeg writes no metadata into a GIF."""
    data = text.encode("ascii", "replace")[:255]
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x21\xfe" + bytes([len(data)]) + data + b"\x00\x3b")


class VideoReader:
    """The RGB uint8 [height, width, 3] frames of a clip, upright, at a constant rate, in constant memory.

    Frame k is what is seen at k / `fps` seconds: a clip of variable rate has frames repeated or left out. `fps` is
    exact where the container's is, 30000/1001 for instance; a declared rate above CLIP_MAX_FPS is a container's
    clock, and CLIP_DEFAULT_FPS is used. `duration` is what the container declares, in seconds, None if nothing.
    Each iteration starts ffmpeg afresh at the first frame, and ends it also if it is left early.

    Raises ClipError, in one line, if the file is missing, a folder, empty, or no video.
    """

    def __init__(self, path: str | Path):
        self.path = existing_recording(Path(path), ClipError)
        # The header of a YUV4MPEG stream tells the size after rotation and the exact rate: "YUV4MPEG2 W640 H480 F25:1".
        y4m = ["-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "gray", "-f", "yuv4mpegpipe", "pipe:1"]
        output, self.duration, _ = head([*read_input(self.path), *y4m])
        found = re.match(rb"YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+)", io.BytesIO(output).readline())
        if not found:
            raise ClipError(f"{self.path}: not a video that ffmpeg can read; convert it to mp4")
        self.width, self.height, rate, per = (int(number) for number in found.groups())
        declared = Fraction(rate, per) if per else Fraction(0)
        self.fps = declared if 0 < declared <= CLIP_MAX_FPS else CLIP_DEFAULT_FPS

    def __iter__(self) -> Iterator[np.ndarray]:
        rate = f"{self.fps.numerator}/{self.fps.denominator}"
        evenly = f"fps={rate}:start_time=0"  # the nearest frame, and before the first one that one
        pictures = ["-vf", f"{evenly},scale={_EXACT},format=rgb24", "-map", "0:V:0", "-f", "rawvideo", "pipe:1"]
        with Ffmpeg([*read_input(self.path), *pictures], stdout=True) as ffmpeg:
            while True:
                frame = np.empty((self.height, self.width, 3), np.uint8)
                if ffmpeg.stdout.readinto(frame.data.cast("B")) < frame.nbytes:
                    return
                yield frame
