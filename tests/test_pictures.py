"""The pictures of README: that the animated one moves, repeats, says what it is, and stays small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageSequence

from recipes import pictures
from talkinghead.samples import PORTRAITS, VOICE

DOCS = Path(__file__).parents[1] / "docs"


class Head:
    """Speaks in frames that grow lighter."""

    def speak(self, portrait, voice):
        assert portrait in PORTRAITS.values() and voice == VOICE
        return (np.full((64, 64, 3), 8 * i, np.uint8) for i in range(30))


def test_the_moving_picture_moves_repeats_and_says_that_it_is_synthetic(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "TalkingHead", Head)
    pictures.moving(tmp_path / "out.webp", seconds=0.4, side=32)
    image = Image.open(tmp_path / "out.webp")
    assert (image.size, image.n_frames, image.info["loop"]) == ((96, 32), 10, 0)
    assert "Synthetic media" in image.getexif()[ExifTags.Base.ImageDescription]
    shades = [np.asarray(frame.convert("RGB")).mean() for frame in ImageSequence.Iterator(image)]
    np.testing.assert_allclose(shades, np.arange(10) * 8, atol=4)
    assert image.info["duration"] == 40


def test_the_readmes_picture_is_under_three_megabytes():
    image = Image.open(DOCS / "demo.webp")
    assert image.n_frames > 50 and (DOCS / "demo.webp").stat().st_size < 3e6
    assert "docs/demo.webp" in (DOCS.parent / "README.md").read_text(encoding="utf-8")[:600]
