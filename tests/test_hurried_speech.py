"""Training examples in which somebody speaks fast."""

from __future__ import annotations

import numpy as np
import pytest

from audio2au.data import CLOSED, Mixture, Recording
from audio2au.features import FeatureConfig
from tests.test_audio2au import RATE, syllables


def test_hurried_speech_loses_no_closure(monkeypatch):
    samples, closed = syllables(4.0), np.arange(100) % 5 == 2
    units = np.where(closed, 0, 0.5)[:, None].repeat(46, 1).astype(np.float32)
    said = Recording(samples, units, np.ones(46, bool), "a", np.ones(100, int), closed, many_voiced=True)
    mixture = Mixture([said], {"a": 1.0}, FeatureConfig(), 100)
    monkeypatch.setattr("audio2au.data.HURRIED", 1.0)
    monkeypatch.setattr("audio2au.data.HURRY", (1.5, 1.6))
    for seed in range(4):
        _, values, weight, phones = mixture._sentences(np.random.default_rng(seed), [said], 1.0, 4 * RATE)
        shut = weight[:, 0] == CLOSED
        assert (values[shut] == 0).all()
        assert shut.sum() / (phones == 1).sum() == pytest.approx(1.55 / 5, abs=0.04)  # not 1 in 5, and none is lost
