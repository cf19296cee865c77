"""The command line. Heavy imports stand inside the commands, so that --help answers at once."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkinghead.errors import TalkingHeadError, UnitsError
from talkinghead.timing import frame_rate

if TYPE_CHECKING:
    import numpy as np

    from talkinghead.pipeline import Clip, TalkingHead

WIDELY_PLAYED = 4096  # pixels a side, the most that hardware decoders of H.264 take

app = typer.Typer(
    help="From a photograph and a voice to a talking video.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _fps(text: str) -> str:
    try:
        frame_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _version(wanted: bool) -> None:
    if wanted:
        import talkinghead

        print(f"talkinghead {talkinghead.__version__}")
        raise typer.Exit


PortraitArg = Annotated[Path, typer.Argument(help="Picture of one face seen from the front.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write: .mp4, .mov, .webm or .gif.")]
FpsOption = Annotated[str, typer.Option(callback=_fps, help="Frames a second: 25, 29.97, 30000/1001.")]
FaceOption = Annotated[int | None, typer.Option(min=1, help="Which face, from 1, the largest.")]
CropOption = Annotated[bool, typer.Option("--crop", help="Keep the aligned face square only.")]
EnhanceOption = Annotated[bool, typer.Option("--enhance", help="More contrast, less noise, sharper: the face only.")]
GeneratorOption = Annotated[Path | None, typer.Option(help="Weights of another generator.")]
DeviceOption = Annotated[str, typer.Option(help="Where the generator runs: cpu, cuda, mps.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def speak(
    portrait: PortraitArg,
    speech: Annotated[Path | None, typer.Argument(help="Anything with a voice in it that ffmpeg decodes.")] = None,
    output: OutputOption = ...,
    au: Annotated[Path | None, typer.Option(help="CSV of action units to use instead of the voice.")] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound, with --au.")] = None,
    save_au: Annotated[Path | None, typer.Option(help="Write the action units of every frame to this CSV.")] = None,
    fps: FpsOption = "25",
    face: FaceOption = None,
    crop: CropOption = False,
    gain: Annotated[float, typer.Option(min=0, max=10, help="Multiplies the motion.")] = 1.0,
    blink: Annotated[
        bool | None, typer.Option("--blink/--no-blink", help="Add blinks. Default: only without --au.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the blinks.")] = 0,
    enhance: EnhanceOption = False,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
    force: ForceOption = False,
) -> None:
    """Make a portrait speak.

    talkinghead speak portrait.jpg speech.wav -o out.mp4
    """
    if speech and audio:
        raise typer.BadParameter("the sound is given twice; leave one out", param_hint="--audio")
    sound = speech or audio
    if not (sound or au):
        raise typer.BadParameter("give a sound file, or action units with --au", param_hint="speech")
    _check_outputs(output, save_au, force)
    head = _talking_head(generator, device)
    options = {"fps": fps, "gain": gain, "seed": seed, "crop": crop, "enhance": enhance, "face": face}
    if au:
        from talkinghead.unit_csv import read_csv

        track = read_csv(au, frame_rate(fps))
        clip = head.animate(portrait, track, sound=sound, blink=bool(blink), **options)
    else:
        clip = head.speak(portrait, sound, blink=blink is not False, **options)
    _write(clip, output, sound, save_au, force)


@app.command()
def track(
    clip: Annotated[Path, typer.Argument(help="A video of one face.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV to write.")] = ...,
    force: ForceOption = False,
) -> None:
    """Measure the action units of a video.

    talkinghead track clip.mp4 -o au.csv
    """
    from talkinghead.unit_csv import write_csv
    from talkinghead.video import check_output

    check_output(output, force, (".csv",))
    found, fps = _talking_head().track(clip, progress=_progress)
    write_csv(output, found.units, fps, force)


@app.command()
def edit(
    portrait: PortraitArg,
    units: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="JawOpen=0.6, or JawOpen=60%.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .png, .jpg or .webp.")] = ...,
    neutral: Annotated[bool, typer.Option("--neutral", help="Start from no expression at all.")] = False,
    face: FaceOption = None,
    crop: CropOption = False,
    enhance: EnhanceOption = False,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
    force: ForceOption = False,
) -> None:
    """Change the expression of a portrait.

    talkinghead edit portrait.jpg JawOpen=0.6 MouthSmile_L=1 -o out.png

    Action units that are not named keep the portrait's own values.
    """
    from talkinghead.portrait import PICTURE_SUFFIXES, write_picture
    from talkinghead.video import check_output

    check_output(output, force, PICTURE_SUFFIXES)
    wanted = dict(map(_assignment, units or []))
    head = _talking_head(generator, device)
    image = head.edit(portrait, wanted, neutral=neutral, crop=crop, enhance=enhance, face=face)
    write_picture(output, image, force)


@app.command()
def aus() -> None:
    """List the 46 action units and what each does.

    Left and right are the subject's own.
    """
    from talkinghead.action_units import SOURCES

    for name, (_, does) in SOURCES.items():
        print(f"{name:<16}{does}")


@app.command()
def demo(
    output: OutputOption = Path("demo.mp4"),
    force: ForceOption = False,
) -> None:
    """Make a public-domain portrait speak, to see that everything works.

    talkinghead demo -o demo.mp4
    """
    _check_outputs(output, None, force)
    from importlib.resources import as_file, files

    import skimage.data

    with as_file(files("talkinghead") / "assets" / "demo_voice.flac") as voice:
        _write(_talking_head().speak(skimage.data.astronaut(), voice), output, voice, None, force)
    print(f"{output} is written; play it")


def _talking_head(generator: Path | None = None, device: str = "cpu") -> TalkingHead:
    from talkinghead.pipeline import TalkingHead

    return TalkingHead(generator, device=device)


def _check_outputs(video: Path, csv: Path | None, force: bool) -> None:
    from talkinghead.video import check_output

    check_output(video, force)
    if csv:
        check_output(csv, force, (".csv",))


def _assignment(text: str) -> tuple[str, float]:
    """Name and value of `JawOpen=0.6` or `JawOpen=60%`."""
    from talkinghead.unit_csv import check_unit

    name, _, value = text.partition("=")
    check_unit(name)
    try:
        return name, float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise UnitsError(f"{text!r} does not set a value; write {name}=0.6") from None


def _write(clip: Clip, output: Path, sound: Path | None, save_au: Path | None, force: bool) -> None:
    from contextlib import nullcontext

    from talkinghead.unit_csv import CsvWriter
    from talkinghead.video import VideoWriter

    if max(clip.width, clip.height) > WIDELY_PLAYED:
        warnings.warn(
            f"{output}: {clip.width}x{clip.height} is more than many players show; --crop gives the face alone"
        )
    record = CsvWriter(save_au, clip.fps, force) if save_au else nullcontext()
    with record as csv, VideoWriter(output, clip.width, clip.height, clip.fps, sound, force) as video:
        for frame in _progress(clip, clip.frames):
            video.write(frame)
            if csv:
                csv.write(clip.units)


def _progress(frames: Iterable[np.ndarray], total: int | None) -> Iterable[np.ndarray]:
    """The same frames, with a bar and the time left on a terminal."""
    from tqdm import tqdm

    return tqdm(frames, total=total, unit="frame", leave=False, disable=not sys.stderr.isatty())


class _Stopped(BaseException):
    """A signal asked the program to end; unlike SystemExit it says which."""


def _stop(number: int, _) -> None:
    signal.signal(number, signal.SIG_IGN)  # cleaning up takes a moment and must not be cut short
    raise _Stopped(number)


def _show_warning(message: Warning | str, *_, **__) -> None:
    from tqdm import tqdm

    tqdm.write(f"talkinghead: {message}", file=sys.stderr)


def main() -> None:
    """Entry point: exit status 1 after one line for what the user can mend, 2 for usage, 128 + n for signal n."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("always", category=UserWarning, module="talkinghead")
    warnings.showwarning = _show_warning
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except TalkingHeadError as error:
        sys.exit(f"talkinghead: {error}")
    except _Stopped as stopped:
        print("talkinghead: interrupted; nothing was written", file=sys.stderr)
        sys.exit(128 + stopped.args[0])
