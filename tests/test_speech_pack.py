"""Packed recordings come back as they were, but for what Opus and sixteen bits leave out."""

from __future__ import annotations

import numpy as np
import pytest

from audio2au.data import Recording
from audio2au.features import FeatureConfig
from recipes.parts import speech_pack
from recipes.parts.speech_pack import RATE, pack, unpack


def tone(seconds: float, hertz: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time) * (time > 0.2)).astype(np.float32)


@pytest.fixture
def recordings() -> tuple[list[Recording], list[Recording]]:
    rng = np.random.default_rng(0)
    units = rng.random((50, 46)).astype(np.float32)
    units[7] = np.nan
    known = np.arange(46) < 10
    first = Recording(tone(2, 300), units, known, "clips", np.arange(50) % 40, np.arange(50) % 9 == 0)
    second = Recording(tone(1, 700), units[:25], ~known, "synthetic", many_voiced=True)
    return [first, second, Recording(tone(3, 500), units[:40], known, "clips", np.zeros(40, int))], [second]


@pytest.mark.parametrize("rate", [RATE, 16000])
def test_what_is_packed_comes_back(tmp_path, monkeypatch, recordings, rate):
    monkeypatch.setattr(speech_pack, "PIECE", 30000)  # a recording lies in two pieces
    pack(tmp_path / "pack.npz", recordings)
    back = [unpack(tmp_path / "pack.npz", FeatureConfig(sample_rate=rate), split) for split in ("train", "val")]
    for given, found in zip(recordings, back):
        given = sorted(given, key=lambda r: r.source)
        assert [r.source for r in found] == [r.source for r in given]
        for a, b in zip(given, found):
            assert b.units == pytest.approx(a.units, abs=0.5 / 65534, nan_ok=True)
            assert (b.known == a.known).all() and b.many_voiced == a.many_voiced
            for what in ("phones", "closed"):
                assert np.array_equal(getattr(a, what), getattr(b, what)), what
            times = np.arange(len(b.samples)) / rate
            expected = np.interp(times, np.arange(len(a.samples)) / RATE, a.samples)
            assert len(b.samples) == len(a.samples) * rate // RATE
            assert np.corrcoef(expected, b.samples)[0, 1] > 0.98
