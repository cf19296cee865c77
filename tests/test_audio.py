"""Sound in, against signals that soundfile writes and formulas give."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from talkinghead.errors import SoundError
from talkinghead.media import audio, ffmpeg

RATE = 16000
ASSETS = Path(audio.__file__).parents[1] / "assets"


def sine(rate: int, seconds: float = 1.37, amplitude: float = 0.4) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)


def heard(path: Path, rate: int = RATE, **options) -> np.ndarray:
    blocks = list(audio.decode(path, rate, **options))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def convert(*arguments: str | Path) -> None:
    subprocess.run([ffmpeg.executable(), "-loglevel", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """Every process the package starts."""
    processes, popen = [], subprocess.Popen

    def remember(*arguments, **options):
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(ffmpeg.subprocess, "Popen", remember)
    return processes


@pytest.mark.parametrize(
    "rate, subtype, channels",
    [
        (8000, "PCM_U8", 1),
        (11025, "PCM_16", 2),
        (22050, "PCM_24", 1),
        (44100, "PCM_16", 2),
        (48000, "PCM_32", 6),
        (48000, "FLOAT", 9),
        (96000, "DOUBLE", 2),
        (16000, "ULAW", 1),
    ],
)
def test_wav_of_any_rate_depth_and_channels_is_the_mean_of_its_channels(tmp_path, rate, subtype, channels):
    gains = 1 - 0.1 * np.arange(channels)
    soundfile.write(tmp_path / "a.wav", sine(rate)[:, None] * gains, rate, subtype=subtype)
    info = audio.probe(tmp_path / "a.wav")
    assert (info.sample_rate, info.channels) == (rate, channels)
    assert info.duration == pytest.approx(1.37, abs=0.01)
    samples, expected = heard(tmp_path / "a.wav"), sine(RATE) * gains.mean()
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert abs(len(samples) - len(expected)) <= 1
    middle = slice(100, len(expected) - 100)  # a resampler rings at hard edges
    tolerance = {"PCM_U8": 0.01, "ULAW": 0.02}.get(subtype, 1e-4)
    assert np.abs(samples[middle] - expected[middle]).max() < tolerance


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "m4a", "opus", "mp4", "mov", "webm", "mka"])
def test_formats_keep_length_and_place(tmp_path, suffix):
    random = np.random.default_rng(0)
    # Speech-like: noise below 2 kHz with a slow envelope, whose place in time correlation can see.
    smooth = np.convolve(random.normal(0, 0.2, 2 * 44100), np.hanning(25) / 12, "same")
    sound = smooth * np.clip(np.sin(2 * np.pi * 1.5 * np.arange(len(smooth)) / 44100), 0, None)
    source, path = tmp_path / "source.wav", tmp_path / f"a.{suffix}"
    soundfile.write(source, sound, 44100)
    if suffix in ("flac", "ogg", "mp3"):
        soundfile.write(path, sound, 44100)
    elif suffix in ("mp4", "mov", "webm"):
        convert("-f", "lavfi", "-i", "testsrc=s=32x32:d=2", "-i", source, path)
    else:
        convert("-i", source, path)
    samples, expected = heard(path), heard(source)
    assert abs(len(samples) - len(expected)) <= 0.03 * RATE
    lags = range(-8, 9)
    middle = expected[1000:-2000]
    match = [np.corrcoef(samples[1000 + lag : 1000 + lag + len(middle)], middle)[0, 1] for lag in lags]
    assert max(match) > 0.98
    assert abs(lags[int(np.argmax(match))]) <= 1


def test_any_block_size_gives_the_same_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", sine(44100, 3.3), 44100)
    blocks = list(audio.decode(tmp_path / "a.wav", RATE, block_seconds=0.5))
    assert [len(block) for block in blocks[:-1]] == [8000] * 6
    np.testing.assert_array_equal(np.concatenate(blocks), heard(tmp_path / "a.wav"))


def test_a_track_that_starts_late_is_preceded_by_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(48000, 0.3), 48000)
    picture = ["-f", "lavfi", "-i", "testsrc=s=32x32:d=2"]
    convert(*picture, "-itsoffset", "0.7", "-i", tmp_path / "a.wav", "-c:a", "pcm_s16le", tmp_path / "late.mkv")
    samples = heard(tmp_path / "late.mkv")
    assert len(samples) == pytest.approx(1.7 * RATE, abs=20)
    assert np.abs(samples[: int(0.69 * RATE)]).max() == 0
    assert samples[int(0.72 * RATE) : int(1.6 * RATE)] == pytest.approx(0.3, abs=0.01)


def test_sound_of_no_samples_gives_no_block_and_silence_gives_zeros(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    assert audio.probe(tmp_path / "none.wav").channels == 1
    assert list(audio.decode(tmp_path / "none.wav", RATE)) == []
    soundfile.write(tmp_path / "silent.flac", np.zeros(8000), RATE)
    np.testing.assert_array_equal(heard(tmp_path / "silent.flac"), np.zeros(8000))


def test_not_a_number_does_not_get_through(tmp_path):
    sound = sine(RATE)
    sound[500], sound[900] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    samples = heard(tmp_path / "a.wav")
    assert np.isfinite(samples).all()
    assert samples[1000:] == pytest.approx(sound[1000:], abs=1e-6)


def test_names_that_look_like_options_urls_or_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-i.wav", "http:a.wav", "a%03d.wav", "with space 'quote'.wav", "ünïcode 声.wav"):
        with open(name, "wb") as file:
            soundfile.write(file, sine(RATE), RATE, format="WAV")
        assert len(heard(Path(name))) == len(sine(RATE))


def make_bad_input(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "nothing.wav":
        path.touch()
    elif kind == "noise.mp3":
        path.write_bytes(np.random.default_rng(0).bytes(50000))
    elif kind == "table.csv":
        path.write_text("time,JawOpen\n0,0.5\n")
    elif kind == "silent.mp4":
        convert("-f", "lavfi", "-i", "testsrc=s=32x32:d=1", path)
    elif kind == "web.m3u8":
        path.write_text("#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/a.mp3\n")
    elif kind == "cut.m4a":
        soundfile.write(folder / "a.wav", sine(RATE), RATE)
        convert("-i", folder / "a.wav", path)
        path.write_bytes(path.read_bytes()[:-1000])  # the index is at the end
    return path


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing.wav", "no such file"),
        ("folder", "is a folder"),
        ("nothing.wav", "the file is empty"),
        ("noise.mp3", "not a sound file"),
        ("table.csv", "not a sound file"),
        ("web.m3u8", "is a text that may name other files"),
        ("cut.m4a", "not a sound file"),
        ("silent.mp4", "has no sound track"),
    ],
)
def test_what_is_no_sound_is_one_line_with_the_remedy(tmp_path, kind, message):
    path = make_bad_input(tmp_path, kind)
    for attempt in (lambda: audio.probe(path), lambda: heard(path)):
        with pytest.raises(SoundError) as error:
            attempt()
        line = str(error.value)
        assert line.startswith(f"{path}: ") and message in line and "; " in line and "\n" not in line


def test_a_playlist_that_is_allowed_still_reaches_no_other_machine(tmp_path):
    path = make_bad_input(tmp_path, "web.m3u8")
    with ffmpeg.playlists_allowed(), pytest.raises(SoundError, match="not a sound file"):
        audio.probe(path)


def test_damage_in_the_middle_is_skipped_with_a_warning(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 10 * RATE), RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r"a\.flac: damaged some time after second \d+"):
        samples = heard(path, block_seconds=1.0)
    assert len(samples) > 9 * RATE


def test_ffmpeg_giving_up_half_way_names_the_second(tmp_path, monkeypatch):
    header = struct.pack(">4s5I", b".snd", 24, 0xFFFFFFFF, 6, RATE, 1)
    (tmp_path / "output.au").write_bytes(header + np.full(3 * RATE, 0.5, ">f4").tobytes())
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\ncat '{tmp_path}/output.au'\necho broken >&2\nexit 1\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(ffmpeg, "executable", lambda: str(script))
    blocks = audio.decode(tmp_path / "output.au", RATE, block_seconds=2.0)
    assert next(blocks) == pytest.approx(0.5)
    with pytest.raises(SoundError, match=r"cannot be decoded beyond second 3\.0"):
        list(blocks)


def test_ffmpeg_ends_when_the_listener_leaves(tmp_path, started):
    soundfile.write(tmp_path / "a.wav", np.zeros(60 * 44100), 44100)
    blocks = audio.decode(tmp_path / "a.wav", RATE, block_seconds=0.1)
    next(blocks)
    blocks.close()
    with pytest.raises(KeyboardInterrupt):
        for _ in audio.decode(tmp_path / "a.wav", RATE, block_seconds=0.1):
            raise KeyboardInterrupt
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_an_unfinished_iterator_does_not_disturb_the_exit(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(60 * 44100), 44100)
    code = (
        "import sys; from talkinghead.media import audio; blocks = audio.decode(sys.argv[1], 16000, 0.1); next(blocks)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.wav"],
        cwd=Path(audio.__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_memory_does_not_grow_with_the_length(tmp_path):
    def peak(seconds: int) -> int:
        soundfile.write(tmp_path / "a.flac", np.zeros(seconds * RATE, np.int16), RATE)
        tracemalloc.start()
        length = sum(len(block) for block in audio.decode(tmp_path / "a.flac", RATE))
        assert length == seconds * RATE
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(20)  # what imports and caches take, once
    assert peak(900) < 1.1 * peak(60)


def test_the_demo_voice_is_small_and_pauses(tmp_path):
    path = ASSETS / "demo_voice.flac"
    assert path.stat().st_size < 300_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = heard(path)
    assert audio.probe(path).channels == 1
    assert 8 < len(samples) / RATE < 11
    level = np.sqrt(np.mean(samples[: len(samples) // 1600 * 1600].reshape(-1, 1600) ** 2, axis=1))  # tenths of seconds
    quiet = "".join("." if value < 0.001 else "#" for value in level)
    assert sum(len(run) >= 4 for run in quiet.strip(".").split("#")) == 3


def test_a_file_that_was_replaced_is_looked_at_again(tmp_path):
    path = tmp_path / "a.wav"
    for rate, channels in (16000, 1), (44100, 2):
        soundfile.write(path, np.zeros((rate, channels)), rate)
        about = audio.probe(path)
        assert (about.sample_rate, about.channels) == (rate, channels)
