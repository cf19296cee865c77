"""The figures of lips against phones, on lips that are made to be right, wrong or still."""

from __future__ import annotations

import numpy as np
import pytest

from audio2au.phones import Articulation, Phone
from recipes.parts.lip_reading import LipReading, area

NAMES = "M AA M IY P UW B OW T AE S IH W EY SIL".split()


def said(count: int) -> list[Phone]:
    rng = np.random.default_rng(0)
    names = [str(name) for name in rng.choice(NAMES, count)]
    return [Phone(name, 0.12 * i, 0.12 * (i + 1)) for i, name in enumerate(names)]


def figures(move) -> dict[str, float]:
    reading, phones = LipReading(), said(200)
    reading.add(move(Articulation.load()(phones, 600)), phones)
    return reading.figures


def test_lips_that_say_the_phones_are_read():
    found = figures(lambda units: units)
    assert found["closed"] > 0.95 and min(found["bilabial"], found["open"], found["rounded"]) > 0.85


def test_lips_of_another_moment_are_not():
    found = figures(lambda units: np.roll(units, 150, axis=0))
    assert found["closed"] < 0.8
    assert max(abs(found[name] - 0.5) for name in ("bilabial", "open", "rounded")) < 0.2


def test_a_small_mouth_costs_nothing():
    small, large = figures(lambda units: 0.3 * units), figures(lambda units: units)
    assert small == pytest.approx(large, abs=1e-3)


def test_area_is_the_chance_to_be_above():
    rng = np.random.default_rng(0)
    more, less = list(rng.normal(1, 1, 40)), list(rng.normal(0, 1, 30))
    assert area(more, less) == pytest.approx(np.mean([[a > b for b in less] for a in more]))
    assert np.isnan(area(more, less[:7]))
