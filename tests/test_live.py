"""A portrait that speaks live: the frames of a file, and a player that keeps its time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import RATE, FakeClock

import talkinghead as package
from audio2au.speech import WEIGHTS
from talkinghead import pipeline
from talkinghead.surfaces.live import AHEAD_SECONDS, LATE, Live, Player, Report, SoundClock

STILL = {"head": 0, "still": True}  # a frame is known when its sound is, as the stub knows it


def pieces(samples, seed=0):
    """Odd sizes, among them nothing at all."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(samples), 40))
    return np.split(samples.astype(np.float32) / 32768, cuts)


def run(live, blocks):
    return [frame for block in blocks for frame in live.push(block)] + live.finish()


@pytest.mark.parametrize(
    "options", [{}, {"fps": "29.97", "gain": "mouth=0.5", "mood": "sad", "seed": 7}, {"fps": 10, "blink": False}]
)
def test_a_streamed_run_equals_the_offline_run_frame_by_frame(head, small, speech, tmp_path, options):
    soundfile.write(tmp_path / "voice.wav", speech, RATE)
    offline = list(head.speak(small, tmp_path / "voice.wav", **options))
    streamed = run(Live(head, small, **options), pieces(speech))
    assert len(offline) == len(streamed) > 10
    for one, two in zip(offline, streamed):
        np.testing.assert_array_equal(one, two)
    assert any((frame != streamed[0]).any() for frame in streamed)


def test_the_same_with_the_models_that_ship(tracker, small, tmp_path):
    """A file has a network of its own, and its gain is known from the start."""
    demo, rate = soundfile.read(Path(package.__file__).parent / "assets" / "demo_voice.flac", dtype="int16", stop=26000)
    soundfile.write(tmp_path / "voice.wav", demo, RATE)  # at a wrong rate, which does not matter here
    head = package.TalkingHead(speech=WEIGHTS)
    head.tracker = tracker
    clip = head.speak(small, tmp_path / "voice.wav", gain=1)
    live = Live(head, small, gain=1)
    for one, two in zip(clip, run(live, pieces(demo)), strict=True):
        np.testing.assert_array_equal(one, two)
    # A frame, three of look-ahead (two of the network, one of its features), and half a window beyond its step.
    assert live.latency == pytest.approx(0.16 + 0.006, abs=0.001)


def test_an_empty_sound_is_one_frame(head, small):
    assert len(run(Live(head, small), [])) == 1


@pytest.mark.parametrize("rate", [44100, 48000, 8000])
def test_other_rates_are_resampled(head, small, rate):
    time = np.arange(rate) / rate
    heard = np.sin(2 * np.pi * 300 * time) * np.linspace(0, 0.8, rate)
    live = Live(head, small, rate=rate, blink=False, **STILL)
    motions = [motion for part in np.array_split(heard, 31) for motion in live.hear(part)] + live.hear_out()
    assert len(motions) == 25
    jaw = (
        np.array([motion.units for motion in motions])[:, pipeline.INDEX["JawOpen"]]
        - live._puppet.rest[pipeline.INDEX["JawOpen"]]
    )
    np.testing.assert_allclose(jaw, np.linspace(0, 0.8, 26)[1:], atol=0.05)  # the stub's jaw is the sound's peak


@pytest.mark.parametrize("fps, frames", [("25", 1), ("50", 1.25), ("30", 1.3)])
def test_algorithmic_latency_is_when_a_frame_is_known(head, small, fps, frames):
    """The stub knows a frame when its sound is over; between two rates the next one must be known as well."""
    live = Live(head, small, fps=fps, **STILL)
    assert 1 / 25 - 1e-9 <= live.latency <= frames / 25 + 1 / 25
    if fps == "25":
        assert live.latency == pytest.approx(0.04, abs=1e-3)


def test_broken_samples_do_no_lasting_harm(head, small):
    live = Live(head, small)
    live.push(np.array([np.nan, np.inf] * 400, np.float32))
    assert all(np.isfinite([*m.units, *m.pose]).all() for m in live.hear(np.zeros(RATE, np.float32)))


class FakeSource:
    """Sound in blocks of 20 ms as it is made, `stamps` seconds after 100; reading costs nothing."""

    def __init__(self, clock, stamps):
        self.clock, self.stamps = clock, [100 + s for s in stamps]

    def read(self, until):
        if not self.stamps:
            return None
        if until is not None and self.stamps[0] > max(until, self.clock.now()):
            self.clock.sleep_until(until)
            return np.zeros(0, np.float32), self.clock.now()
        stamp = self.stamps.pop(0)
        self.clock.sleep_until(stamp)
        return np.full(320, 0.5, np.float32), stamp


class FakeSink:
    def __init__(self, clock, costs=()):
        self.clock, self.costs, self.shown, self.frames = clock, iter(costs), [], None

    def encode(self, frame):
        self.clock.time += next(self.costs, 0.0)
        return frame

    def show(self, number, payload):
        self.shown.append((number, self.clock.now() - 100))

    def close(self, frames):
        self.frames = frames


def play(head, small, seconds, costs=(), stamps=None, **options):
    clock = FakeClock()
    sink = FakeSink(clock, costs)
    live = Live(head, small, blink=False, **STILL)
    player = Player(live, None, sink, clock, **options)
    offset = clock.now() - 100  # what the measuring took
    player._source = FakeSource(clock, [offset + s for s in stamps or np.arange(1, 50 * seconds + 1) * 0.02])
    report = player.run()
    return report, [(number, moment - offset) for number, moment in sink.shown], sink


def lags(shown):
    return np.array([moment - number / 25 for number, moment in shown])


def test_a_quick_machine_shows_every_frame_at_one_delay(head, small):
    report, shown, sink = play(head, small, 4, costs=[0.01] * 200)
    assert [number for number, _ in shown] == list(range(100)) and sink.frames == report.frames == 100
    np.testing.assert_allclose(lags(shown), report.delay, atol=1e-6)
    # Algorithmic latency, a block of sound, three frames to spare.
    assert report.delay == pytest.approx(0.04 + 0.02 + 0.12, abs=1e-3)
    assert report.dropped == 0 and report.worst_sync < 1e-6
    assert report.latency(0.5) == report.latency(0.95) == pytest.approx(report.delay, abs=1e-3)


@pytest.mark.parametrize("cost", [0.05, 0.07, 0.11])
def test_a_slow_machine_drops_frames_and_keeps_the_sync(head, small, cost):
    report, shown, _ = play(head, small, 8, costs=[cost] * 400)
    assert report.frames == 200 and report.dropped == 200 - len(shown)
    assert np.abs(lags(shown) - report.delay).max() * 25 <= LATE + 1e-6
    assert len(shown) > 0.8 * 8 / cost  # and no more are dropped than must be
    numbers = [number for number, _ in shown]
    assert numbers == sorted(set(numbers)) and np.diff(numbers).max() <= np.ceil(cost * 25) + 1


def test_one_hiccup_costs_only_the_frames_under_it(head, small):
    report, shown, _ = play(head, small, 8, costs=[0.01] * 52 + [0.7] + [0.01] * 400)
    assert np.abs(lags(shown) - report.delay).max() * 25 <= LATE + 1e-6
    assert 10 <= report.dropped <= 20
    assert [number for number, _ in shown][-100:] == list(range(100, 200))


def test_too_slow_for_any_frame_still_ends(head, small):
    report, shown, _ = play(head, small, 2, costs=[0.01] * 4 + [1.0] * 100)
    assert report.frames == 50 and report.dropped + len(shown) == 50


def test_a_file_pushed_all_at_once_is_paced(head, small):
    report, shown, _ = play(head, small, 4, stamps=[0.0] * 200)
    assert len(shown) == 100 and report.dropped == 0
    assert np.ptp(lags(shown)) < 1e-6


def test_sound_that_stops_for_a_while_is_caught_again(head, small):
    """Three seconds, a pause of half a second in which nothing comes, then five more."""
    stamps = [*(np.arange(1, 151) * 0.02), *(3.5 + np.arange(1, 251) * 0.02)]
    report, shown, _ = play(head, small, 8, stamps=stamps)
    late = lags(shown)
    np.testing.assert_allclose(late[:70], report.delay, atol=1e-6)
    np.testing.assert_allclose(late[-50:], report.delay + 0.5, atol=1e-3)


@pytest.mark.parametrize("drift", [3e-4, -3e-4])
def test_another_clock_of_the_sound_card_is_followed(drift):
    clock = SoundClock(RATE, 0.02)
    for block in range(1, 300 * 50):
        clock.heard(320, 100 + block * 0.02 * (1 + drift) + 0.004 * (block % 7))
        assert abs(clock.start - (100 + block * 0.02 * drift)) < 0.03
    assert abs(drift) * 300 > 0.05


def test_a_busy_machine_that_hears_late_moves_nothing():
    clock = SoundClock(RATE, 0.02)
    for block in range(1, 20 * 50):
        late = 0.03 + 0.01 * (block % 5) if 200 < block < 550 else 0.0
        clock.heard(320, 100 + block * 0.02 + late)
        assert clock.start == pytest.approx(100)


def test_sound_far_ahead_keeps_our_time():
    clock = SoundClock(RATE, 0.02)
    clock.heard(320, 100.02)
    for block in range(1000):
        clock.heard(320, 100.02 + max(0, block * 0.02 - 2 * AHEAD_SECONDS))
    assert clock.start == pytest.approx(100.0)


def test_quantiles():
    report = Report(0.1)
    report.milliseconds.update({100: 90, 150: 9, 300: 1})
    assert (report.latency(0.5), report.latency(0.95), report.latency(1)) == (0.1, 0.15, 0.3)
    assert "100 ms (median), 150 ms" in str(report)
