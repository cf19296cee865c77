"""The command line. Heavy imports stand inside the commands, so that --help answers at once."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from talkinghead.errors import TalkingHeadError, UnitsError
from talkinghead.media.timing import frame_rate
from talkinghead.surfaces.cli_options import (
    CropOption,
    DeviceOption,
    EnhanceOption,
    FaceOption,
    ForceOption,
    FpsOption,
    GainOption,
    GeneratorOption,
    MoodOption,
    OutputOption,
    PortraitArg,
    SignCertOption,
    SignKeyOption,
    SignOption,
    check_fps,
)

if TYPE_CHECKING:
    from talkinghead.media.provenance import Seal
    from talkinghead.pipeline import Clip, TalkingHead

WIDELY_PLAYED = 4096  # pixels a side, the most that hardware decoders of H.264 take

Kind = Literal["ours", "arkit", "livelink", "openface", "mediapipe"]

app = typer.Typer(
    help="From a photograph and a voice to a talking video.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import talkinghead

        print(f"talkinghead {talkinghead.__version__}")
        raise typer.Exit


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
    gain: GainOption = "1",
    mood: MoodOption = None,
    blink: Annotated[
        bool | None, typer.Option("--blink/--no-blink", help="Add blinks. Default: only without --au.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the blinks.")] = 0,
    enhance: EnhanceOption = False,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
    sign: SignOption = False,
    sign_cert: SignCertOption = None,
    sign_key: SignKeyOption = None,
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
    seal = _seal(output, sign, sign_cert, sign_key)
    head = _talking_head(generator, device)
    options = {"fps": fps, "gain": gain, "mood": mood, "seed": seed, "crop": crop, "enhance": enhance, "face": face}
    if au:
        from talkinghead.units.convert import read_csv

        track = read_csv(au, frame_rate(fps))
        clip = head.animate(portrait, track, sound=sound, blink=bool(blink), **options)
    else:
        clip = head.speak(portrait, sound, blink=blink is not False, **options)
    _write(clip, output, sound, save_au, force, seal)


@app.command()
def track(
    clip: Annotated[Path, typer.Argument(help="A video of one face.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV to write.")] = ...,
    force: ForceOption = False,
) -> None:
    """Measure the action units of a video.

    talkinghead track clip.mp4 -o au.csv
    """
    from talkinghead.media.video import check_output
    from talkinghead.units.unit_csv import write_csv

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
    sign: SignOption = False,
    sign_cert: SignCertOption = None,
    sign_key: SignKeyOption = None,
    force: ForceOption = False,
) -> None:
    """Change the expression of a portrait.

    talkinghead edit portrait.jpg JawOpen=0.6 MouthSmile_L=1 -o out.png

    Action units that are not named keep the portrait's own values.
    """
    from talkinghead.media.pictures import PICTURE_SUFFIXES, write_picture
    from talkinghead.media.video import check_output

    check_output(output, force, PICTURE_SUFFIXES)
    wanted = dict(map(_assignment, units or []))
    seal = _seal(output, sign, sign_cert, sign_key)
    head = _talking_head(generator, device)
    image = head.edit(portrait, wanted, neutral=neutral, crop=crop, enhance=enhance, face=face)
    write_picture(output, image, force, seal)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Its kind is seen from its content.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .csv or .json.")] = ...,
    to: Annotated[
        Kind | None, typer.Option(help="Kind of the output. Default: mediapipe for .json, ours for .csv.")
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(callback=check_fps, help="Of IN, where its clock counts frames. Default: 25, or as seen."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Convert between our action units and the files of other face trackers.

    talkinghead convert livelink.csv -o au.csv

    Kinds: ours, arkit (52 blendshapes), livelink (Live Link Face), openface (17 intensities), mediapipe (blendshapes
    as JSON). What is lost is said.
    """
    from talkinghead.units.convert import convert

    convert(source, output, to, frame_rate(fps) if fps else None, force)


@app.command()
def aus() -> None:
    """List the 46 action units and what each does.

    Left and right are the subject's own.
    """
    from talkinghead.units.names import SOURCES

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


@app.command()
def live(
    portrait: PortraitArg,
    rate: Annotated[
        int | None,
        typer.Option(min=4000, max=192000, help="Take raw sound of this rate from standard input (s16le, mono)."),
    ] = None,
    mjpeg: Annotated[int | None, typer.Option(min=0, max=65535, help="Show it at http://127.0.0.1:PORT/")] = None,
    pipe: Annotated[bool, typer.Option("--pipe", help="Write raw RGB frames to standard output.")] = False,
    delay: Annotated[int | None, typer.Option(min=0, max=10000, help="Milliseconds behind the sound.")] = None,
    fps: FpsOption = "25",
    face: FaceOption = None,
    crop: CropOption = False,
    gain: GainOption = "1",
    mood: MoodOption = None,
    blink: Annotated[bool, typer.Option("--blink/--no-blink", help="Add blinks.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the blinks.")] = 0,
    enhance: EnhanceOption = False,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Make a portrait speak while you speak, in a window, until Ctrl-C.

    talkinghead live portrait.jpg --mjpeg 8000
    """
    if mjpeg is not None and pipe:
        raise typer.BadParameter("give one of --mjpeg and --pipe", param_hint="--pipe")
    from talkinghead.surfaces.live import Live, Player
    from talkinghead.surfaces.live_io import Microphone, PcmSource, PipeSink, WindowSink
    from talkinghead.surfaces.live_server import MjpegSink

    sink = PipeSink(sys.stdout.buffer) if pipe else WindowSink() if mjpeg is None else MjpegSink(mjpeg)
    head = _talking_head(generator, device)
    source = PcmSource(sys.stdin.buffer, rate) if rate else Microphone(head.speech.sample_rate)
    looks = {"crop": crop, "enhance": enhance, "face": face}
    speaker = Live(head, portrait, rate=source.rate, fps=fps, gain=gain, mood=mood, blink=blink, seed=seed, **looks)
    player = Player(speaker, source, sink, delay=None if delay is None else delay / 1000)
    if mjpeg is not None:
        print(f"talkinghead: {sink.url} shows it", file=sys.stderr)
    try:
        with source:
            player.run()
    except _Stopped:  # the usual end
        pass
    print(f"talkinghead: {player.report}", file=sys.stderr)


@app.command()
def batch(
    jobs: Annotated[Path, typer.Argument(help="CSV of portrait, audio, au, output and options of speak.")],
    out: Annotated[Path, typer.Option(help="Folder for the videos and report.csv.")] = ...,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on this Ray cluster: auto, local.")] = None,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
    force: Annotated[bool, typer.Option("--force", help="Make every job again, also over other files.")] = False,
) -> None:
    """Make many videos; what is done already is kept.

    talkinghead batch jobs.csv --out videos
    """
    from collections import Counter

    from talkinghead.surfaces.batch import FAILED, REPORT, Batch, read_jobs, report

    listed = read_jobs(jobs)
    work = Batch(out, generator, device, force)
    work.open(listed)
    if ray:
        from talkinghead.surfaces import batch_ray

        results = batch_ray.run(work, listed, ray)
    else:
        results = work.run(listed)
    try:
        count = Counter(result.status for result in _progress(report(results, work.out), len(listed), "job"))
    except _Stopped as stopped:
        print("talkinghead: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(128 + stopped.args[0])
    work.sweep(listed)
    counts = ", ".join(f"{number} {status}" for status, number in count.items())
    print(f"{len(listed)} jobs: {counts}; see {out / REPORT}")
    if count[FAILED]:
        raise typer.Exit(1)


@app.command()
def web(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to answer on. Any but the default lets other machines in.")] = (
        "127.0.0.1"
    ),
    max_mb: Annotated[int, typer.Option(min=1, help="Largest upload, in megabytes.")] = 200,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longest sound or clip.")] = 600,
    browser: Annotated[bool, typer.Option("--browser", help="Open it in the browser.")] = False,
    generator: GeneratorOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Speak, edit and track in the browser, until Ctrl-C.

    talkinghead web --browser
    """
    from talkinghead.surfaces.web import serve
    from talkinghead.surfaces.web_room import Limits

    try:
        serve(_talking_head(generator, device), host, port, max_mb, Limits(seconds=max_seconds), browser)
    except _Stopped:  # the usual end
        pass


def _talking_head(generator: Path | None = None, device: str = "cpu") -> TalkingHead:
    from talkinghead.pipeline import TalkingHead

    return TalkingHead(generator, device=device)


def _check_outputs(video: Path, csv: Path | None, force: bool) -> None:
    from talkinghead.media.video import check_output

    check_output(video, force)
    if csv:
        check_output(csv, force, (".csv",))


def _assignment(text: str) -> tuple[str, float]:
    """Name and value of `JawOpen=0.6` or `JawOpen=60%`."""
    from talkinghead.units.track import check_unit

    name, _, value = text.partition("=")
    check_unit(name)
    try:
        return name, float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise UnitsError(f"{text!r} does not set a value; write {name}=0.6") from None


def _seal(output: Path, wanted: bool, certificates: Path | None, key: Path | None) -> Seal | None:
    if (certificates is None) != (key is None):
        raise typer.BadParameter("a certificate and its key belong together", param_hint="--sign-cert, --sign-key")
    if not wanted and certificates is None:
        return None
    from talkinghead.media.provenance import Seal, check_signable

    check_signable(output)
    return Seal(certificates, key)


def _write(
    clip: Clip, output: Path, sound: Path | None, save_au: Path | None, force: bool, seal: Seal | None = None
) -> None:
    from contextlib import nullcontext

    from talkinghead.media.video import VideoWriter
    from talkinghead.units.unit_csv import CsvWriter

    if max(clip.width, clip.height) > WIDELY_PLAYED:
        warnings.warn(
            f"{output}: {clip.width}x{clip.height} is more than many players show; --crop gives the face alone"
        )
    record = CsvWriter(save_au, clip.fps, force) if save_au else nullcontext()
    with record as csv, VideoWriter(output, clip.width, clip.height, clip.fps, sound, force, seal) as video:
        for frame in _progress(clip, clip.frames):
            video.write(frame)
            if csv:
                csv.write(clip.units)


def _progress(frames: Iterable, total: int | None, unit: str = "frame") -> Iterable:
    """The same frames (or other things), with a bar and the time left on a terminal."""
    from tqdm import tqdm

    return tqdm(frames, total=total, unit=unit, leave=False, disable=not sys.stderr.isatty())


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
