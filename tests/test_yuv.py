"""Planar YUV against ffmpeg's own conversion, and there and back."""

import subprocess

import numpy as np
import pytest

from talkinghead.media.ffmpeg import executable
from talkinghead.media.yuv import planes, to_rgb, to_yuv

EXACT = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def by_ffmpeg(rgb):
    height, width = rgb.shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "pipe:0"]
    command = [executable(), "-loglevel", "error", *raw, "-vf", f"{EXACT},format=yuv420p", "-f", "rawvideo", "pipe:1"]
    done = subprocess.run(command, input=rgb.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(height * 3 // 2, width)


def test_a_photograph_is_what_ffmpeg_makes_of_it(astronaut):
    ours, theirs = to_yuv(astronaut), by_ffmpeg(astronaut)
    for a, b in zip(planes(ours), planes(theirs)):
        assert psnr(a, b) > 50
    assert np.abs(planes(ours)[0].astype(int) - planes(theirs)[0]).max() <= 1


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 120, 30)])
def test_plain_colours_are_ffmpegs_and_come_back(rgb):
    picture = np.full((16, 24, 3), rgb, np.uint8)
    assert np.abs(to_yuv(picture).astype(int) - by_ffmpeg(picture)).max() <= 1
    assert np.abs(to_rgb(to_yuv(picture)).astype(int) - picture).max() <= 3


def test_planes_are_views():
    yuv = np.zeros((12, 10), np.uint8)
    y, u, v = planes(yuv)
    y[:], u[:], v[:] = 1, 2, 3
    assert y.shape == (8, 10) and u.shape == v.shape == (4, 5)
    assert (yuv[:8] == 1).all() and (yuv[8:10] == 2).all() and (yuv[10:] == 3).all()
