"""Who compresses the pictures of an .mp4 or .mov: x264, or a machine's own circuits where ffmpeg reaches them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from talkinghead.errors import OutputError
from talkinghead.media.ffmpeg import Ffmpeg

SUFFIXES = (".mp4", ".mov")  # the other formats have one encoder each
X264, AUTO = "x264", "auto"
TRIAL_SIDE = 512  # pixels; circuits take no picture that is very small

# Quality is cheap where only a part of a still picture moves; colour gets a little more of it. Neither frames in
# between nor arithmetic coding: half the work at the same PSNR, for files that are two fifths larger. What of the rest
# earns nothing at this quality is left out: a sixth less work at the same PSNR and size. Threads share a frame instead
# of taking one each: a quarter less memory.
_LIGHT = "subme=1:me=dia:ref=1:weightp=0:bframes=0:cabac=0:aq-mode=0:scenecut=0:no-deblock=1:8x8dct=0:partitions=none"
_PARAMETERS = f"chroma-qp-offset=-4:{_LIGHT}:rc-lookahead=0:sync-lookahead=0:sliced-threads=1"
_RATE_FACTOR = ["-crf", "17"]
_SOFTWARE = ["-c:v", "libx264", "-preset", "superfast", *_RATE_FACTOR, "-x264-params", _PARAMETERS]
VERYFAST = ["-c:v", "libx264", "-preset", "veryfast", *_RATE_FACTOR]  # x264 as it comes, to measure ours by
# Constant quality each, near that of x264's; `auto` tries them in this order.
HARDWARE = {
    "nvenc": ["-c:v", "h264_nvenc", "-preset", "p4", "-rc", "vbr", "-cq", "19", "-b:v", "0", "-bf", "0"],
    "videotoolbox": ["-c:v", "h264_videotoolbox", "-q:v", "75"],
    "qsv": ["-c:v", "h264_qsv", "-preset", "veryfast", "-global_quality", "19"],
    "amf": ["-c:v", "h264_amf", "-quality", "balanced", "-rc", "cqp", "-qp_i", "19", "-qp_p", "19"],
}
ENCODERS = (X264, AUTO, *HARDWARE)


def check_encoder(name: str) -> str:
    """`name`, if it is one of ENCODERS; else raises ValueError in one line."""
    if name not in ENCODERS:
        raise ValueError(f"{name!r} is none of {', '.join(ENCODERS)}")
    return name


def arguments(name: str, width: int = TRIAL_SIDE, height: int = TRIAL_SIDE) -> list[str]:
    """ffmpeg's options for pictures of this size by the encoder of this name, `auto` by the first circuits that take
    them, else by x264. Raises OutputError where those that are named do not take them."""
    if name == X264:
        return _SOFTWARE
    if name == AUTO:
        return next(
            (options for options in HARDWARE.values() if not refusal(*options, size=(width, height))), _SOFTWARE
        )
    if reason := refusal(*HARDWARE[name], size=(width, height)):
        raise OutputError(f"--encoder {name} does not work here for {width}x{height} ({reason}); leave it out")
    return HARDWARE[name]


def check_here(name: str, path: Path) -> None:
    """Raises OutputError, before anything loads, unless a video at `path` can be compressed by the encoder named."""
    if name in HARDWARE and path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path}: --encoder {name} writes {' and '.join(SUFFIXES)} only; leave it out")
    arguments(name)


@cache
def refusal(*options: str, size: tuple[int, int]) -> str:
    """Why ffmpeg cannot encode pictures of this size so, tried with two; empty if it can. It takes 15 milliseconds to
    learn that there are no such circuits."""
    picture = ["-f", "lavfi", "-i", "color=size={}x{}:rate=25".format(*size), "-frames:v", "2"]
    with Ffmpeg([*picture, *options, "-f", "null", "-"]) as ffmpeg:
        return "" if ffmpeg.wait() == 0 else ffmpeg.complaints[0] if ffmpeg.complaints else "it gave no reason"
