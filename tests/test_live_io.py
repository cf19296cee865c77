"""Live sound in and frames out: pipes, microphone, window, server, and the command that joins them."""

from __future__ import annotations

import http.client
import io
import shlex
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import RATE, FakeClock

from talkinghead.errors import OutputError, SoundError
from talkinghead.surfaces.live import Clock
from talkinghead.surfaces.live_io import Microphone, PcmSource, PipeSink, WindowSink
from talkinghead.surfaces.live_server import MjpegSink


def test_pcm_is_sixteen_bits_little_endian(speech):
    with PcmSource(io.BytesIO(speech.astype("<i2").tobytes() + b"\x01"), RATE) as source:
        parts = []
        while came := source.read(None):
            parts.append(came[0])
    np.testing.assert_array_equal(np.concatenate(parts), speech.astype(np.float32) / 32768)
    assert source.read(source.clock.now() + 0.01)[0].size == 0  # and no sound until then is said so


class Stream(io.BytesIO):
    def __init__(self, terminal=False):
        super().__init__()
        self.isatty = lambda: terminal


def test_the_pipe_repeats_what_was_dropped():
    stream = Stream()
    sink = PipeSink(stream)
    for number in (2, 3, 6):
        sink.show(number, sink.encode(np.full((1, 1, 3), number, np.uint8)))
    sink.close(9)
    assert list(stream.getvalue()[::3]) == [2, 2, 2, 3, 3, 3, 6, 6, 6]
    with pytest.raises(OutputError, match="terminal"):
        PipeSink(Stream(terminal=True))


def test_no_display_is_said_in_one_line(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OutputError, match="--mjpeg PORT"):
        WindowSink()


def sounddevice(refuses=()):
    """What the microphone needs of the real module: sound that goes on until the stream is closed."""

    class PortAudioError(Exception):
        pass

    class InputStream:
        def __init__(self, samplerate, blocksize, callback, **_):
            self.block, self.callback, self.closed = blocksize, callback, threading.Event()

        def start(self):
            threading.Thread(target=self.feed, daemon=True).start()

        def feed(self):
            while not self.closed.wait(0.02):
                self.callback(np.full((self.block, 1), 0.25, np.float32), self.block, None, None)

        def close(self):
            self.closed.set()

    def check_input_settings(samplerate, **_):
        if samplerate in refuses:
            raise PortAudioError("Invalid sample rate")

    return types.SimpleNamespace(
        PortAudioError=PortAudioError,
        InputStream=InputStream,
        check_input_settings=check_input_settings,
        query_devices=lambda kind: {"default_samplerate": 48000.0},
    )


@pytest.mark.parametrize("refuses, rate", [((), 16000), ((16000,), 48000)])
def test_microphone(monkeypatch, refuses, rate):
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice(refuses))
    with Microphone(16000) as microphone:
        assert microphone.rate == rate
        samples, _ = microphone.read(None)
    assert len(samples) == rate // 50 and (samples == 0.25).all()


def test_no_microphone(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SoundError, match=r"pip install 'talkinghead\[live\]'"):
        Microphone(16000)


@pytest.fixture
def server():
    sink = MjpegSink(0)
    yield sink
    sink.close(0)


def ask(server, path="/", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[-1].strip("/")), timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def test_mjpeg_shows_each_frame_whole(server, small):
    import cv2

    stop = threading.Event()

    def feed():
        for number in range(1000):
            if stop.wait(0.02):
                return
            server.show(number, server.encode(np.roll(small, number, 1)))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        answer = ask(server)
        assert answer.status == 200 and "Synthetic" in answer.getheader("X-Synthetic-Media")
        assert answer.getheader("Content-Type").startswith("multipart/x-mixed-replace; boundary=")
        seen = []
        for _ in range(3):
            head = [answer.readline() for _ in range(4)]
            assert head[0].startswith(b"--") and head[1] == b"Content-Type: image/jpeg\r\n"
            data = answer.read(int(head[2].split()[1]) + 2)
            seen.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])
        shifts = [min(range(200), key=lambda n: np.abs(np.roll(small, n, 1).astype(int) - s).mean()) for s in seen]
        assert shifts == sorted(set(shifts))
    finally:
        stop.set()
        thread.join()


def test_mjpeg_is_for_this_machine_alone(server):
    assert server._server.server_address[0] == "127.0.0.1"
    assert ask(server, host="evil.example").status == 403
    assert ask(server, "/etc/passwd").status == 404
    with pytest.raises(OutputError, match="choose another"):
        MjpegSink(int(server.url.split(":")[-1].strip("/")))


@pytest.fixture
def command(head, monkeypatch, small, tmp_path, speech):
    """`talkinghead live` on a second of sound: its frames and what it says."""
    from PIL import Image

    from talkinghead.surfaces import cli
    from talkinghead.surfaces.cli_options import Models

    Image.fromarray(small).save(tmp_path / "portrait.png")
    monkeypatch.setattr(Models, "head", lambda self: head)

    def run(*arguments, portrait=str(tmp_path / "portrait.png")):
        out, err = Stream(), io.StringIO()
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(speech[:RATE].astype("<i2"))))
        monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=out, flush=lambda: None))
        monkeypatch.setattr(sys, "stderr", err)
        cli.app(["live", portrait, *arguments], standalone_mode=False)
        return np.frombuffer(out.getvalue(), np.uint8).reshape(-1, *small.shape), err.getvalue()

    return run


def test_the_command_pipes_the_offline_frames_in_real_time(command, head, small, speech, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "voice.wav", speech[:RATE], RATE)
    expected = list(head.speak(small, tmp_path / "voice.wav", seed=3))
    clock = FakeClock()
    monkeypatch.setattr(Clock, "now", lambda self: clock.now())
    monkeypatch.setattr(Clock, "sleep_until", lambda self, moment: clock.sleep_until(moment))
    frames, said = command("--rate", "16000", "--pipe", "--seed", "3", "--delay", "400")
    np.testing.assert_array_equal(frames, expected)
    assert "25 frames, 0 of them dropped; total latency 400 ms" in said
    assert clock.now() - 100 == pytest.approx(24 / 25 + 0.4, abs=0.03)  # the last frame's moment, less the first block


def test_the_commands_of_the_page(command, small, monkeypatch, tmp_path):
    """Sound from standard input ends by itself; a microphone is stopped by Ctrl-C, after three frames."""
    from PIL import Image

    from talkinghead.surfaces import running

    Image.fromarray(small).save(tmp_path / "portrait.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice())
    shown = []

    def show(self, number, payload):
        shown.append(number)
        if len(shown) % 3 == 0:
            raise running.Stopped(2)

    for sink in WindowSink, MjpegSink:
        monkeypatch.setattr(sink, "show", show)
    monkeypatch.setattr(WindowSink, "__init__", lambda self: None)
    monkeypatch.setattr(WindowSink, "encode", lambda self, frame: frame)
    monkeypatch.setattr(WindowSink, "close", lambda self, frames: None)
    page = (Path(__file__).parents[1] / "docs" / "live.md").read_text(encoding="utf-8")
    lines = [line.partition("#")[0] for line in page.splitlines() if line.startswith("talkinghead live")]
    assert len(lines) == 3
    for line in lines:
        program, name, portrait, *arguments = shlex.split(line.partition("<")[0])
        frames, said = command(*arguments, portrait=portrait)
        assert "total latency" in said and len(frames) == 25 * ("--pipe" in arguments)
        assert ("http://127.0.0.1:8000/ shows it" in said) == ("--mjpeg" in arguments)
    assert len(shown) == 6
