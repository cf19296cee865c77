from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from talkinghead.media import encoders
from talkinghead.media.ffmpeg import executable
from talkinghead.media.video import VideoReader
from talkinghead.surfaces import cli
from talkinghead.surfaces.cli_options import Models
from talkinghead.surfaces.running import progress
from talkinghead.units.convert import read_csv
from talkinghead.units.names import UNIT_NAMES
from talkinghead.units.unit_csv import write_csv

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]


@pytest.fixture
def folder(tmp_path, astronaut, monkeypatch):
    """A working folder with a portrait, a voice and units of one second."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("portrait.png")
    soundfile.write("voice.wav", 0.3 * np.sin(np.arange(16000)), 16000)
    write_csv("au.csv", np.full((25, 46), 0.125, np.float32), 25)
    return tmp_path


@pytest.fixture
def talkinghead(folder, head, monkeypatch, capsys):
    """Run the command with stub models; returns exit status, stdout and stderr."""
    monkeypatch.setattr(Models, "head", lambda self: head)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["talkinghead", *map(str, arguments)])
        handlers = [(s, signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)]
        with warnings.catch_warnings():
            try:
                cli.main()
                status = 0
            except SystemExit as end:
                status = end.code
            finally:
                for number, handler in handlers:
                    signal.signal(number, handler)
        out, err = capsys.readouterr()
        if isinstance(status, str):  # what Python itself does with it
            status, err = 1, f"{err}{status}\n"
        return status or 0, out, err

    return run


def files(folder):
    return sorted(path.name for path in folder.iterdir())


BEFORE = ["au.csv", "portrait.png", "voice.wav"]


def streams(path):
    return subprocess.run([executable(), "-hide_banner", "-i", path], capture_output=True, text=True).stderr


def test_speak(talkinghead, folder):
    assert talkinghead("speak", "portrait.png", "voice.wav", "-o", "out.mp4", "--save-au", "out.csv") == (0, "", "")
    assert files(folder) == sorted([*BEFORE, "out.csv", "out.mp4"])
    about = streams("out.mp4")
    assert "Video: h264" in about and "512x512" in about and "25 fps" in about and "Audio: aac" in about
    assert len(list(VideoReader("out.mp4"))) == 25
    track = read_csv("out.csv")
    assert len(track.times) == 25 and 0.3 <= track.units[:, UNIT_NAMES.index("JawOpen")].max() <= 0.33


def test_speak_from_units(talkinghead, folder):
    options = "speak", "portrait.png", "--au", "au.csv", "-o", "out.mp4"
    assert talkinghead(*options, "--save-au", "again.csv", "--fps", "50", "--crop") == (0, "", "")
    assert "Audio" not in streams("out.mp4") and "256x256" in streams("out.mp4") and "50 fps" in streams("out.mp4")
    track = read_csv("again.csv")
    assert len(track.times) == 50 and track.relative and abs(track.units.mean() - 0.125) < 0.02
    assert talkinghead(*options, "--audio", "voice.wav", "--force") == (0, "", "")
    assert "Audio: aac" in streams("out.mp4") and "512x512" in streams("out.mp4")


def test_saved_units_make_the_same_video(talkinghead, folder):
    talkinghead("speak", "portrait.png", "voice.wav", "-o", "one.mp4", "--save-au", "one.csv")
    talkinghead("speak", "portrait.png", "--au", "one.csv", "--audio", "voice.wav", "-o", "two.mp4")
    for one, two in zip(VideoReader("one.mp4"), VideoReader("two.mp4"), strict=True):
        assert np.abs(one.astype(int) - two).mean() < 0.15  # saved units are rounded, and lips are sharp


@pytest.mark.parametrize(
    "rate, printed", [("29.97", "29.97 fps"), ("30000/1001", "29.97 fps"), ("24", "24 fps"), ("60", "60 fps")]
)
def test_frame_rates(talkinghead, folder, rate, printed):
    assert talkinghead("speak", "portrait.png", "voice.wav", "-o", "out.mp4", "--fps", rate)[0] == 0
    assert printed in streams("out.mp4")


def test_the_demo_is_large_enough_to_see_its_mouth(talkinghead, folder, tracker):
    status, out, _ = talkinghead("demo")
    assert (status, out) == (0, "demo.mp4 is written; play it\n")
    frames = list(VideoReader("demo.mp4"))
    assert len(frames) == 249 and frames[0].shape == (720, 720, 3)
    assert tracker(frames[0])[0].width >= 300
    assert "Audio: aac" in streams("demo.mp4")


def test_edit(talkinghead, folder, astronaut):
    assert talkinghead("edit", "portrait.png", "JawOpen=60%", "BrowsU_C=1", "-o", "out.png") == (0, "", "")
    edited = np.asarray(Image.open("out.png"))
    assert edited.shape == astronaut.shape and (edited != astronaut).any()
    assert talkinghead("edit", "portrait.png", "JawOpen=0.6", "-o", "same.png") == (0, "", "")
    assert np.array_equal(edited, np.asarray(Image.open("same.png")))
    assert talkinghead("edit", "portrait.png", "--neutral", "-o", "neutral.png") == (0, "", "")
    changed = (np.asarray(Image.open("neutral.png")) != astronaut).any(-1)
    changed[110:210, 170:280] = False  # the stub moves nothing; her laugh closes, its folds go, her chin rises
    assert not changed.any()


def test_track(talkinghead, folder):
    talkinghead("speak", "portrait.png", "voice.wav", "-o", "clip.mp4", "--fps", "30")
    assert talkinghead("track", "clip.mp4", "-o", "tracked.csv") == (0, "", "")
    np.testing.assert_allclose(read_csv("tracked.csv").times, np.arange(30) / 30, atol=1e-5)


def test_aus_and_version(talkinghead):
    status, out, err = talkinghead("aus")
    assert (status, err) == (0, "") and [line.split()[0] for line in out.splitlines()] == list(UNIT_NAMES)
    assert talkinghead("--version") == (0, f"talkinghead {__import__('talkinghead').__version__}\n", "")


SPEAK = ["speak", "portrait.png", "voice.wav"]


@pytest.mark.parametrize(
    "arguments, line",
    [
        ([*SPEAK, "-o", "out.avi"], "out.avi: unsupported"),
        ([*SPEAK, "-o", "none/out.mp4"], "none/out.mp4: the folder .*none does not exist"),
        ([*SPEAK, "-o", "out.mp4", "--save-au", "au.csv"], "au.csv: exists already; add --force"),
        (["speak", "none.png", "voice.wav", "-o", "out.mp4"], "none.png: no such file"),
        (["speak", "voice.wav", "voice.wav", "-o", "out.mp4"], "voice.wav: not a picture"),
        (["speak", "portrait.png", "portrait.png", "-o", "out.mp4"], "portrait.png: .*sound"),
        (["speak", "portrait.png", "au.csv", "-o", "out.mp4"], "au.csv: not a sound file"),
        (["speak", "portrait.png", "--au", "voice.wav", "-o", "out.mp4"], "voice.wav: not a CSV file"),
        ([*SPEAK, "-o", "out.mp4", "--face", "3"], "portrait.png: there is no face 3; found 1"),
        (["edit", "portrait.png", "JawOpn=1", "-o", "out.png"], "no action unit 'JawOpn'; did you mean JawOpen?"),
        (["edit", "portrait.png", "JawOpen", "-o", "out.png"], "'JawOpen' does not set a value; write JawOpen=0.6"),
        (["edit", "portrait.png", "JawOpen=1.4", "-o", "out.png"], "JawOpen=1.4 is outside 0 to 1"),
        (["edit", "portrait.png", "-o", "portrait.png"], "portrait.png: exists already"),
        (["track", "voice.wav", "-o", "out.csv"], "voice.wav: not a video"),
        (["track", "voice.wav", "-o", "out.txt"], "out.txt: unsupported"),
    ],
)
def test_errors_take_one_line_and_leave_nothing(talkinghead, folder, arguments, line):
    status, out, err = talkinghead(*arguments)
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert re.match(f"talkinghead: .*{line}", err), err
    assert files(folder) == BEFORE


@pytest.mark.parametrize(
    "arguments",
    [["speak", "portrait.png", "-o", "out.mp4"], [*SPEAK], [*SPEAK, "-o", "out.mp4", "--fps", "fast"],
     [*SPEAK, "-o", "out.mp4", "--audio", "voice.wav"], [*SPEAK, "-o", "out.mp4", "--gain", "loud"], ["dance"],
     ["edit"], [*SPEAK, "-o", "out.mp4", "--face", "0"]],
)  # fmt: skip
def test_usage_errors(talkinghead, folder, arguments):
    status, out, err = talkinghead(*arguments)
    assert status == 2 and out == "" and err and "Traceback" not in err
    assert files(folder) == BEFORE


def test_output_is_checked_before_inputs_and_inputs_before_units_are_needed(talkinghead, folder):
    assert "out.avi" in talkinghead("speak", "none.png", "none.wav", "-o", "out.avi")[2]


def test_warnings_take_one_line(talkinghead, folder, astronaut):
    Image.fromarray(np.hstack([astronaut[:256, 96:352]] * 2)).save("portrait.png")
    soundfile.write("voice.wav", np.zeros(8000), 16000)
    status, _, err = talkinghead(*SPEAK, "-o", "out.mp4")
    assert status == 0 and len(err.splitlines()) == 2
    assert err.splitlines()[0].startswith("talkinghead: portrait.png: 2 faces, the largest is used")
    assert err.splitlines()[1].startswith("talkinghead: voice.wav: the sound is silent")


def test_very_large_videos_warn(talkinghead, folder, astronaut):
    Image.fromarray(np.pad(astronaut, ((0, 0), (0, 4000), (0, 0)), "edge")).save("portrait.png")
    write_csv("au.csv", np.zeros((2, 46)), 25, force=True)
    status, _, err = talkinghead("speak", "portrait.png", "--au", "au.csv", "-o", "out.mp4")
    assert status == 0 and err == (
        "talkinghead: out.mp4: 4512x512 is more than many players show; --crop gives the face alone\n"
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_for_terminals_alone(monkeypatch):
    for stream, shown in (Terminal(), True), (io.StringIO(), False):
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(progress(range(5), 5)) == [0, 1, 2, 3, 4]
        assert ("5" in stream.getvalue() and "frame/s" in stream.getvalue()) == shown


def test_verbose_tells_what_was_found_and_how_long_it_took(talkinghead, folder):
    status, _, err = talkinghead(*SPEAK, "-o", "out.mp4", "--verbose")
    assert status == 0 and all(line.startswith("talkinghead: ") for line in err.splitlines())
    for told in (
        "voice.wav: 1.00 s, 16000 Hz, channels: 1", r"portrait.png: 512x512, face \d+ pixels wide, yaw -?\d+",
        r"portrait made ready: \d+\.\d\d s", "out.mp4: 25 frames of 512x512, 25 a second",
    ):  # fmt: skip
        assert re.search(told, err), told
    assert talkinghead(*SPEAK, "-o", "out.mp4", "--force") == (0, "", "")  # and no more than once


def test_warnings_of_a_run_that_is_refused_are_not_said(talkinghead, folder, astronaut):
    Image.fromarray(np.hstack([astronaut[:256, 96:352]] * 2)).save("portrait.png")
    Path("voice.wav").write_bytes(Path("voice.wav").read_bytes()[:20])
    status, _, err = talkinghead(*SPEAK, "-o", "out.mp4")
    assert status == 1 and len(err.splitlines()) == 1


def test_a_shell_can_complete_commands(folder):
    code = "import sys; sys.argv = ['talkinghead']; from talkinghead.surfaces.cli import main; main()"
    asked = {"_TALKINGHEAD_COMPLETE": "complete_bash", "COMP_WORDS": "talkinghead sp", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment() | asked)
    assert done.stdout.split() == ["speak"]


def test_a_failure_half_way_leaves_nothing(talkinghead, folder, head):
    decode, calls = head.generator.decode, []

    def failing(code, units):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return decode(code, units)

    head.generator.decode = failing
    status, _, _ = talkinghead(*SPEAK, "--head", "0", "-o", "out.mp4", "--save-au", "out.csv")
    assert status == 130 and files(folder) == BEFORE


def test_a_run_of_its_own_says_nothing(folder, untrained, astronaut):
    command = [*COMMAND, "edit", "portrait.png", "Puff=1", "-o", "out.png", "--generator", untrained]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Image.open("out.png").size == (512, 512)


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_with_one_line_and_no_output(folder, untrained, number, status):
    write_csv("long.csv", np.zeros((20000, 46)), 25)
    command = [*COMMAND, "speak", "portrait.png", "--au", "long.csv", "-o", "out.mp4", "--generator", untrained]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob(".talkinghead*")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (status, "", "talkinghead: interrupted; nothing was written\n")
    assert files(folder) == sorted([*BEFORE, "long.csv"])


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_encoder_that_does_not_work_is_said_before_anything_loads(talkinghead, monkeypatch):
    monkeypatch.setattr(Models, "head", lambda self: pytest.fail("a model was loaded"))
    monkeypatch.setattr(encoders, "HARDWARE", {"nvenc": ["-c:v", "no_such_circuits"]})
    speak = ["speak", "portrait.png", "voice.wav", "--encoder"]
    status, _, err = talkinghead(*speak, "nvenc", "-o", "a.mp4")
    assert status == 1 and re.fullmatch(r"talkinghead: --encoder nvenc does not work here .*; leave it out\n", err)
    status, _, err = talkinghead(*speak, "nvenc", "-o", "a.webm")
    assert (status, err) == (1, "talkinghead: a.webm: --encoder nvenc writes .mp4 and .mov only; leave it out\n")
    status, _, err = talkinghead(*speak, "h265", "-o", "a.mp4")
    assert status == 2 and "'h265' is none of x264, auto, nvenc" in " ".join(err.split())


def test_the_encoder_that_is_named_writes(talkinghead, monkeypatch):
    monkeypatch.setattr(encoders, "HARDWARE", {"nvenc": ["-c:v", "mpeg4", "-q:v", "2"]})  # a stand-in
    assert talkinghead("speak", "portrait.png", "voice.wav", "-o", "a.mp4", "--encoder", "nvenc")[0] == 0
    assert "Video: mpeg4" in streams("a.mp4")
