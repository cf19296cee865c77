"""Clips in, against known pictures."""

from __future__ import annotations

import subprocess
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from videos import NTSC, PAL, ask, pictures, write

from talkinghead.errors import ClipError
from talkinghead.media import ffmpeg, video
from talkinghead.media.video import VideoReader


@pytest.mark.parametrize("fps", [Fraction(24), NTSC, Fraction(60)])
def test_a_clip_comes_back(tmp_path, fps):
    frames = pictures(30)
    clip = VideoReader(write(tmp_path / "a.mp4", frames, fps))
    assert (clip.fps, clip.width, clip.height) == (fps, 64, 48)
    assert clip.duration == pytest.approx(float(30 / fps), abs=0.02)
    for _ in range(2):  # as often as wanted
        read = list(clip)
        assert len(read) == 30 and read[0].dtype == np.uint8 and read[0].flags.writeable
        assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(read, frames)) < 4


def test_a_clip_is_turned_upright(tmp_path):
    source = write(tmp_path / "a.mp4", pictures(5))
    assert ask("-display_rotation", "90", "-i", source, "-c", "copy", tmp_path / "b.mp4").returncode == 0
    clip = VideoReader(tmp_path / "b.mp4")
    assert (clip.width, clip.height) == (48, 64)
    upright = next(iter(clip)).astype(int)
    assert np.abs(upright - np.rot90(pictures(1)[0])).mean() < 4


def test_a_clip_of_variable_rate_is_sampled_evenly(tmp_path):
    source = write(tmp_path / "a.mp4", pictures(40))
    # Frames 10 to 19 are missing: the clip stands still there.
    ask("-i", source, "-vf", "select='not(between(n,10,19))'", "-fps_mode", "vfr", "-crf", "10", tmp_path / "b.mp4")
    clip = VideoReader(tmp_path / "b.mp4")
    read = list(clip)
    assert len(read) == pytest.approx(40 * float(clip.fps / PAL), abs=2)
    late = read[round(30 * float(clip.fps / PAL))].astype(int)
    assert np.abs(late - pictures(31)[30]).mean() < 5


def test_a_rate_that_is_a_clock_is_not_believed(tmp_path):
    source = write(tmp_path / "a.mp4", pictures(50), Fraction(50))
    ask("-i", source, "-r", "1000", "-frames:v", "1000", "-preset", "ultrafast", tmp_path / "b.mp4")
    clip = VideoReader(tmp_path / "b.mp4")
    assert clip.fps == video.CLIP_DEFAULT_FPS
    assert len(list(clip)) == pytest.approx(30, abs=1)


def test_ffmpeg_ends_when_the_viewer_leaves(tmp_path, monkeypatch):
    processes, popen = [], subprocess.Popen
    monkeypatch.setattr(ffmpeg.subprocess, "Popen", lambda *a, **k: processes.append(popen(*a, **k)) or processes[-1])
    clip = VideoReader(write(tmp_path / "a.mp4", pictures(200)))
    for _ in clip:
        break
    frames = iter(clip)
    next(frames)
    frames.close()
    assert len(processes) == 4
    assert all(process.returncode is not None for process in processes)


def test_what_is_no_clip_is_one_line_with_the_remedy(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), 16000)
    (tmp_path / "a.txt").write_bytes(np.random.default_rng(0).bytes(3000))
    names = {"none.mp4": "no such file", ".": "is a folder", "a.wav": "not a video", "a.txt": "not a video"}
    for name, message in names.items():
        with pytest.raises(ClipError) as error:
            VideoReader(tmp_path / name)
        assert message in str(error.value) and "; " in str(error.value) and "\n" not in str(error.value)
