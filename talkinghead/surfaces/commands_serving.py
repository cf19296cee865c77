"""The commands that run until they are stopped: a portrait that speaks live, and the web page."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from talkinghead.options import FrameOptions, Signing
from talkinghead.surfaces.cli_options import Models, PortraitArg
from talkinghead.surfaces.running import Stopped, remarks


def live(
    portrait: PortraitArg,
    *,
    rate: Annotated[
        int | None,
        typer.Option(min=4000, max=192000, help="Take raw sound of this rate from standard input (s16le, mono)."),
    ] = None,
    mjpeg: Annotated[int | None, typer.Option(min=0, max=65535, help="Show it at http://127.0.0.1:PORT/")] = None,
    pipe: Annotated[bool, typer.Option("--pipe", help="Write raw RGB frames to standard output.")] = False,
    delay: Annotated[int | None, typer.Option(min=0, max=10000, help="Milliseconds behind the sound.")] = None,
    options: FrameOptions,
    models: Models,
    signing: Signing,
) -> None:
    """Make a portrait speak while you speak, in a window, until Ctrl-C.

    talkinghead live portrait.jpg --mjpeg 8000
    """
    if mjpeg is not None and pipe:
        raise typer.BadParameter("give one of --mjpeg and --pipe", param_hint="--pipe")
    if signing.wanted and mjpeg is None:
        raise typer.BadParameter(
            "raw frames have no place for a signature; the pictures of --mjpeg do", param_hint="--sign"
        )
    seal = signing.seal("frame.jpg")
    from talkinghead.surfaces.live import Live, Player
    from talkinghead.surfaces.live_io import Microphone, PcmSource, PipeSink, WindowSink
    from talkinghead.surfaces.live_server import MjpegSink

    sink = PipeSink(sys.stdout.buffer) if pipe else WindowSink() if mjpeg is None else MjpegSink(mjpeg, seal)
    head = models.head()
    source = PcmSource(sys.stdin.buffer, rate) if rate else Microphone(head.speech.sample_rate)
    speaker = Live(head, portrait, options, rate=source.rate)
    player = Player(speaker, source, sink, delay=None if delay is None else delay / 1000)
    remarks.say_at_once()
    if mjpeg is not None:
        print(f"talkinghead: {sink.url} shows it", file=sys.stderr)
    try:
        with source:
            player.run()
    except Stopped:  # the usual end
        pass
    print(f"talkinghead: {player.report}", file=sys.stderr)


def web(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to answer on. Any but the default lets other machines in.")] = (
        "127.0.0.1"
    ),
    max_mb: Annotated[int, typer.Option(min=1, help="Largest upload, in megabytes.")] = 200,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longest sound or clip.")] = 600,
    browser: Annotated[bool, typer.Option("--browser", help="Open it in the browser.")] = False,
    models: Models,
) -> None:
    """Speak, edit and track in the browser, until Ctrl-C.

    talkinghead web --browser
    """
    from talkinghead.surfaces.web import serve
    from talkinghead.surfaces.web_room import Limits

    remarks.say_at_once()
    try:
        serve(models.head(), host, port, max_mb, Limits(seconds=max_seconds), browser)
    except Stopped:  # the usual end
        pass
