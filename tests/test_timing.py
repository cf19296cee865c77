from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from talkinghead.media.timing import Resampler, frame_rate, frames_in


@pytest.mark.parametrize(
    "text, rate",
    [(25, Fraction(25)), ("24", Fraction(24)), ("29.97", Fraction(30000, 1001)), (29.97, Fraction(30000, 1001)),
     ("30000/1001", Fraction(30000, 1001)), ("23.976", Fraction(24000, 1001)), (" 12.5 ", Fraction(25, 2)),
     (Fraction(50), Fraction(50))],
)  # fmt: skip
def test_frame_rates(text, rate):
    assert frame_rate(text) == rate


@pytest.mark.parametrize("text", ["fast", "", "1/0", "nan", "0", "-25", "0.5", "1000", "1e9"])
def test_what_is_no_frame_rate(text):
    with pytest.raises(ValueError):
        frame_rate(text)


def test_frames_cover_the_sound():
    assert frames_in(Fraction(1), Fraction(25)) == 25
    assert frames_in(Fraction(16001, 16000), Fraction(25)) == 26
    assert frames_in(Fraction(0), Fraction(25)) == 1
    assert frames_in(Fraction(3600), Fraction(30000, 1001)) == 107893  # 107892.1 of them


@pytest.mark.parametrize("rate", ["25", "24", "29.97", "30", "50", "60", "7", "240"])
@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_resampling_agrees_with_numpy_however_the_input_is_cut(rate, pieces):
    fps, vectors = frame_rate(rate), np.random.default_rng(0).random((200, 3)).astype(np.float32)
    frames = frames_in(Fraction(200, 25), fps)
    resampler, out = Resampler(25.0, fps), []
    for start in range(0, 200, pieces):
        out += resampler.push(vectors[start : start + pieces])
    out += resampler.finish(frames)
    when = (np.arange(frames) + 0.5) / float(fps) * 25 - 0.5
    expected = np.stack([np.interp(when, np.arange(200), vectors[:, k]) for k in range(3)], 1)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    if rate == "25":
        assert np.array_equal(out, vectors)


def test_resampling_holds_next_to_nothing_and_does_not_drift_in_an_hour():
    fps = Fraction(30000, 1001)
    resampler, last, count = Resampler(25.0, fps), None, 0
    for second in range(3600):
        for vector in resampler.push(np.arange(25 * second, 25 * second + 25, dtype=np.float32)[:, None]):
            last, count = vector, count + 1
        assert len(resampler._held) <= 2
    assert last[0] == pytest.approx((count - 0.5) * 25 * 1001 / 30000 - 0.5, abs=0.01)
