"""Inputs that once ended a run in a traceback or left something behind, one by one; tests/fuzz.py looks for more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from talkinghead.errors import ClipError, ModelError, OutputError, PortraitError, SoundError, UnitsError
from talkinghead.media import audio
from talkinghead.media.ffmpeg import existing_file, playlists_allowed
from talkinghead.media.outputs import PARTIAL, VIDEO_SUFFIXES, check_output, partial_of, sweep
from talkinghead.media.pictures import write_picture
from talkinghead.media.synthesis import synthesise
from talkinghead.media.video import VideoReader
from talkinghead.models import check_device
from talkinghead.surfaces.running import one_line
from talkinghead.units.convert import read_csv

ROOT = Path(__file__).parents[1]
PIXEL = np.zeros((1, 1, 3), np.uint8)


def named(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_table_with_bare_carriage_returns_is_read(tmp_path):
    path = tmp_path / "au.csv"
    path.write_bytes(b"time,JawOpen\r0,0.5\r0.04,0.25\r")
    assert read_csv(path).units.max() == 0.5
    path.write_bytes(b"time,jawOpen\r0,0.5\r0.04,0.25\r")  # ARKit's spelling
    with pytest.warns(UserWarning, match="is lost"):
        assert len(read_csv(path).times) == 2


@pytest.mark.parametrize("seed", range(20))
def test_binary_noise_is_no_table(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "au.csv"
    path.write_bytes(
        b"time,JawOpen\n" * (seed % 2) + rng.integers(0, 128 if seed % 3 else 256, 3000, np.uint8).tobytes()
    )
    with pytest.raises(UnitsError) as caught:
        read_csv(path)
    assert "\n" not in one_line(caught.value)


@pytest.mark.parametrize("name", ["meta", "cuda:99", "mps", "xla", "vulkan", "privateuseone", "lazy", "hpu", "gpu", ""])
def test_a_device_that_cannot_compute_is_refused_in_one_line(name):
    with pytest.raises(ModelError, match="there is no device"):
        check_device(name)


def test_the_processor_is_a_device():
    check_device("cpu")


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "/".join(["a" * 200] * 30)])
def test_a_name_that_the_file_system_does_not_take(name):
    with pytest.raises(OutputError, match="cannot be written|does not exist"):
        check_output(f"{name}.mp4")
    with pytest.raises(PortraitError, match="no such file"):
        existing_file(Path(f"{name}.png"), PortraitError)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_folder_where_permissions_promise_too_much(tmp_path):
    for path in "/proc/o.mp4", "/proc/self/o.mp4":
        with pytest.raises(OutputError, match="may not be written; choose another folder"):
            check_output(path)
    check_output(tmp_path / "o.mp4")
    assert named(tmp_path) == []


def test_a_link_to_a_name_of_no_kind_is_written_as_its_own_kind(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "out.png").symlink_to("target")
    write_picture(tmp_path / "out.png", PIXEL, force=True)
    assert Image.open(tmp_path / "target").format == "PNG"


def test_what_a_file_is_called_does_not_reach_the_terminal():
    assert one_line("a\nb\x1b[31m\x7f c\udcff ü") == "a\\nb\\x1b[31m\\x7f c\\udcff ü"


# Playlists


@pytest.fixture
def listed(tmp_path):
    soundfile.write(tmp_path / "secret.wav", 0.3 * np.sin(np.arange(8000)), 16000)
    (tmp_path / "voice.wav").write_text("ffconcat version 1.0\nfile secret.wav\n")
    return tmp_path / "voice.wav"


@pytest.mark.parametrize(
    "start", ["#EXTM3U\n", "\ufeff#extm3u\n", "\n ffconcat version 1.0\n", "<MPD>", '<?xml version="1.0"?>']
)
def test_a_playlist_is_refused(tmp_path, start):
    path = tmp_path / "voice.wav"
    path.write_text(start + "secret.wav\n")
    for read, error in (
        (audio.probe, SoundError),
        (VideoReader, ClipError),
        (lambda p: next(audio.decode(p, 16000)), SoundError),
    ):
        with pytest.raises(error, match="may name other files; give the recording itself, or --allow-playlists"):
            read(path)


def test_a_playlist_plays_where_that_is_allowed(listed):
    with playlists_allowed():
        assert audio.seconds(listed) == 0.5
    with pytest.raises(SoundError, match="may name other files"):
        audio.probe(listed)


# What killed runs leave


def killed(folder, ready="print(path, flush=True); input()"):
    """The name of an unfinished file whose process was killed."""
    code = f"from pathlib import Path; from talkinghead.media.outputs import partial_of; import sys; \
path = partial_of(Path(sys.argv[1]) / 'o.mp4', '.mp4'); path.touch(); {ready}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    path = Path(process.stdout.readline().strip())
    return process, path


def test_the_next_run_sweeps_what_a_killed_one_left_and_nothing_else(tmp_path):
    dead, abandoned = killed(tmp_path)
    alive, growing = killed(tmp_path)
    own = partial_of(tmp_path / "mine.png", ".png")
    own.touch()
    machine, process, started, end = own.name.removeprefix(PARTIAL).split("-", 3)
    elsewhere = tmp_path / f"{PARTIAL}{'0' * 8}-{process}-{started}-{end}"
    reused = tmp_path / f"{PARTIAL}{machine}-{alive.pid}-1-{end}"  # of a process before, which had the same number
    strange = tmp_path / f"{PARTIAL}notes.txt"
    for path in elsewhere, reused, strange:
        path.touch()
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert abandoned.exists()
        write_picture(tmp_path / "out.png", PIXEL)
        assert named(tmp_path) == sorted(p.name for p in (growing, own, elsewhere, strange, tmp_path / "out.png"))
        sweep(tmp_path, others=True)
        assert not elsewhere.exists() and growing.exists()
    finally:
        alive.kill()
        alive.wait()


def test_unfinished_files_keep_the_ending_that_their_writers_go_by(tmp_path):
    for suffix in VIDEO_SUFFIXES:
        assert partial_of(tmp_path / f"o{suffix}", suffix, "-drawn").suffix == suffix
    assert len(partial_of(tmp_path / ("o" * 250 + ".mp4"), ".mp4").name) < 100


@pytest.mark.parametrize(
    "command, said",
    [
        ("'", "--voice-command: no closing quotation; quote it as in a shell"),
        ("no-such-program {output}", "no-such-program: cannot be run"),
        ("{output}", "cannot be run"),
        ("cat", "say where the sound goes"),
        ("sh -c 'printf \\377 >&2; exit 3' {output}", "sh: "),
    ],
)
def test_a_synthesiser_that_cannot_be_run_is_one_line(tmp_path, command, said):
    with pytest.raises(SoundError) as caught:
        synthesise("Hello \udcff", tmp_path / "said.wav", command=command)
    assert said in str(caught.value) and "\n" not in str(caught.value)
