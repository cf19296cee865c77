"""Heads that move with the voice: the prosody heard, the statistics the docs state, streams, and files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import commands_of
from PIL import Image
from typer.testing import CliRunner

import talkinghead
from talkinghead.media.audio import decode, has_sound
from talkinghead.media.video import VideoReader, VideoWriter
from talkinghead.models import load_speech
from talkinghead.surfaces import cli
from talkinghead.surfaces.cli_options import Models
from talkinghead.surfaces.live import Live
from talkinghead.units.driving import spoken
from talkinghead.units.head_motion import HeadMotion, response
from talkinghead.units.life import EASES, MOST, Life
from talkinghead.units.pose import NEUTRAL, POSE_NAMES
from talkinghead.units.prosody import FPS, LOOK_AHEAD, PAUSE, Beat, Prosody
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import Motion, UnitTrack
from talkinghead.units.unit_csv import RELATIVE, read_own

RATE = 16000
DEMO = Path(talkinghead.__file__).parent / "assets" / "demo_voice.flac"
SILENCE = Beat(0.0, 0.0, False, False, 99.0)


@pytest.fixture(scope="module")
def demo():
    return np.concatenate(list(decode(DEMO, RATE)))


def syllables(onsets, loud, pitch, seconds):
    """A buzz of 0.16 s at each onset, with faint noise: float32 at RATE."""
    time = np.arange(round(seconds * RATE)) / RATE
    out = 1e-4 * np.random.default_rng(0).standard_normal(len(time))
    for onset, amplitude, hertz in zip(onsets, loud, pitch):
        inside = (time >= onset) & (time < onset + 0.16)
        phase = 2 * np.pi * hertz * (time[inside] - onset)
        buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
        out[inside] += amplitude * buzz * np.sin(np.pi * (time[inside] - onset) / 0.16)
    return out.astype(np.float32)


def beats_of(samples, block=None):
    voice = Prosody(RATE)
    parts = [samples] if block is None else [samples[i : i + block] for i in range(0, len(samples), block)]
    return [beat for part in parts for beat in voice.push(part)] + voice.finish(-(-len(samples) * FPS // RATE))


def angles_of(beats, seed):
    motion = HeadMotion(seed)
    return np.array([motion.step(beat) for beat in beats])


# Prosody


def test_syllables_are_found_where_they_are_and_the_loud_and_high_ones_weigh_more():
    onsets = np.arange(1, 11, 0.4)
    strong = np.arange(len(onsets)) % 4 == 3
    sound = syllables(onsets, np.where(strong, 0.3, 0.06), np.where(strong, 150, 110), 12)
    beats = beats_of(sound)
    stress = np.array([beat.stress for beat in beats])
    found = np.flatnonzero(stress) + 1  # the nucleus announced
    middles = (onsets + 0.08) * FPS
    assert len(found) == len(onsets) and np.abs(found + 0.5 - middles).max() <= 1.5
    weights = stress[found - 1]
    assert weights[strong][1:].min() > 1.2 > 1.05 > weights[~strong][4:].max()


def test_phrases_begin_and_end_with_the_voice():
    onsets = np.r_[np.arange(1, 2.5, 0.22), np.arange(4, 5.5, 0.22)]
    beats = beats_of(syllables(onsets, [0.2] * 20, [120] * 20, 8))
    begins, ends = (np.flatnonzero([getattr(beat, name) for beat in beats]) / FPS for name in ("begins", "ends"))
    np.testing.assert_allclose(begins, [1, 4], atol=0.15)
    np.testing.assert_allclose(ends, onsets[[6, 13]] + 0.16 + PAUSE, atol=0.2)
    assert beats[-1].silent > 1.5 and beats[-1].level == 0


@pytest.mark.parametrize("gain", [0.1, 3.0])
def test_the_microphones_gain_does_not_matter(demo, gain):
    usual, changed = ([b.level for b in beats_of(x)] for x in (demo, demo * gain))
    assert np.abs(np.array(usual) - changed)[FPS:].mean() < 0.05


def test_pieces_do_not_matter_and_the_look_ahead_is_what_it_says(demo):
    whole = beats_of(demo)
    assert whole == beats_of(demo, 333) == beats_of(demo, 5000)
    voice, hop = Prosody(RATE), RATE // FPS
    for frame in range(1, 20):
        assert len(voice.push(demo[:hop])) == (frame > LOOK_AHEAD)


def test_noise_and_silence_have_no_syllables():
    noise = 1e-3 * np.random.default_rng(0).standard_normal(10 * RATE)
    for sound in noise, np.zeros(10 * RATE):
        assert sum(beat.stress > 0 for beat in beats_of(sound.astype(np.float32))[3 * FPS :]) < 10


# The head


def test_every_seed_is_another_and_itself(demo):
    beats = beats_of(demo)
    one, same, other = angles_of(beats, 1), angles_of(beats, 1), angles_of(beats, 2)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other)[:, :3].max() > 1
    np.testing.assert_array_equal(one[:, 3:], np.tile(NEUTRAL[3:], (len(one), 1)))


def test_it_moves_as_much_as_talkers_do(demo):
    """Ten seconds, six tenths of what a finished video may have: a tracker takes mouths and eyes for turns as well."""
    beats = beats_of(demo)[: 10 * FPS]
    for seed in range(40):
        turned = angles_of(beats, seed)[:, :3]
        speed = np.linalg.norm(np.diff(turned, axis=0), axis=1) * FPS
        assert ((0.9, 0.9, 0.9) <= turned.std(0)).all() and (turned.std(0) <= (3, 3, 3.3)).all()
        assert np.percentile(speed, 95) < 27 and np.abs(np.diff(turned, axis=0)).max() < 2.5
        assert np.abs(turned[0]).max() < 0.5  # it begins as the photograph


def test_everybody_leans_in_a_way_of_their_own(demo):
    beats = beats_of(np.tile(demo, 4))
    speeds = (np.diff(angles_of(beats, seed)[:, [0, 2]], axis=0).T for seed in range(12))
    leans = np.array([np.corrcoef(speed)[0, 1] for speed in speeds])
    assert leans.min() < -0.25 and leans.max() > 0.25 and 0.25 < leans.std() < 0.7


def test_a_head_stays_tilted_for_seconds(demo):
    """What it does within a second or two apart, as talkers do, whose slow tilts are the larger part."""
    beats, second = beats_of(np.tile(demo, 3)), np.ones(FPS) / FPS
    slow = [np.convolve(angles_of(beats, seed)[:, 2], np.convolve(second, second), "valid").std() for seed in range(8)]
    assert 1.5 < np.mean(slow) < 2.5


def test_nothing_drifts(demo):
    beats = beats_of(np.tile(demo, 60))[: 600 * FPS]
    turned = angles_of(beats, 0)[:, :3].cumsum(0)
    means = (turned[10 * FPS :] - turned[: -10 * FPS]) / (10 * FPS)
    assert np.abs(means).max() < 2


def test_peaks_of_speed_lie_on_stressed_syllables():
    onsets = np.arange(1, 60, 0.9) + np.random.default_rng(0).uniform(-0.2, 0.2, 66)
    beats = beats_of(syllables(onsets, [0.2] * 66, [120] * 66, 61))
    random, at, chance = np.random.default_rng(1), [], []
    for seed in range(8):
        speed = np.linalg.norm(np.diff(angles_of(beats, seed)[:, :3], axis=0), axis=1)
        frames = ((onsets + 0.08) * FPS).round().astype(int)
        near = lambda shift: np.mean([speed[(frames + shift + d) % len(speed)].mean() for d in (-1, 0, 1)])  # noqa: E731
        at.append(near(0) / speed.mean())
        chance.append([near(shift) / speed.mean() for shift in random.integers(0, len(speed), 100)])
    assert np.mean(at) > 1.15 and np.mean(at) > np.mean(chance, 0).max()


def test_heads_nod_at_syllables():
    """For a fifth of a second the face points further down than before and after, on average over all."""
    onsets = np.arange(1, 60, 0.9) + np.random.default_rng(0).uniform(-0.2, 0.2, 66)
    beats = beats_of(syllables(onsets, [0.2] * 66, [120] * 66, 61))
    at, dips = ((onsets + 0.12) * FPS).round().astype(int), []
    for seed in range(12):
        pitch = angles_of(beats, seed)[:, 1]
        dips.append(((pitch[at - 5] + pitch[at + 5]) / 2 - pitch[at]).mean())
    assert np.mean(dips) > 0.2


def test_at_rest_in_silence_but_never_frozen():
    turned = angles_of([SILENCE] * 60 * FPS, 3)[20 * FPS :, :3]
    assert 0.1 < turned[:, 1].std() < 0.6 and turned.std(0).max() < 0.6 and np.abs(turned).max() < 2.5
    assert (np.abs(np.diff(turned, axis=0)).max(1) > 1e-4).all()


def test_a_gesture_comes_back():
    path = response(4 * FPS)
    assert 1 <= np.diff(path).argmax() <= 2  # where the nucleus is, or a frame later
    assert 0.7 < path.max() <= 1 and path[-1] < 0.02


# Streams and files


def test_life_does_not_depend_on_pieces_or_on_the_frame_rate(demo):
    def run(fps, block):
        life = Life(RATE, Fraction(fps), 5)
        parts = [life.push(demo[i : i + block]) for i in range(0, len(demo), block)]
        return np.array(sum(parts, []) + life.finish())

    whole = run(25, len(demo))
    np.testing.assert_array_equal(whole, run(25, 640))
    np.testing.assert_array_equal(whole, run(25, 777))
    double = run(50, 4000)
    assert abs(len(double) - 2 * len(whole)) <= 1
    pairs = double[1 : 2 * len(whole) - 3].reshape(-1, 2, 10).mean(1)
    np.testing.assert_allclose(pairs, (whole[:-2] + whole[1:-1]) / 2, atol=1e-6)


@pytest.mark.parametrize("strength, share", [(0.5, 0.5), (1, 1), (2, 1)])
def test_what_mouth_and_lids_look_like_is_taken_from_the_pose(strength, share):
    rest, jaw = np.full(46, 0.1, np.float32), talkinghead.UNIT_NAMES.index("JawOpen")
    plain, steady = (Life(RATE, Fraction(25), 5, head=strength) for _ in range(2))
    steady.steady(
        lambda units, closed: np.array([0, 0, 0.2]),
        lambda: lambda units, closed: np.array([0, -5, 0]) * (units - rest)[jaw] + closed * np.array([1, 0, 0]),
    )
    vector = np.array([1, 2, 3, 0, 0, 1, 0, 0, 0, 0.5])
    for frame in range(round(EASES[1] * 25)):  # nobody waits for a portrait to be looked at
        before, after = (life.applied(rest, vector).pose for life in (plain, steady))
        if frame <= EASES[0] * 25:
            np.testing.assert_allclose(after - before, [0, 0, -share * 0.2, 0, 0, 0], atol=1e-3)
    np.testing.assert_allclose(after - before, [-share * 0.5, 0, 0, 0, 0, 0], atol=0.1 * share)
    for opened, nods in (0.0, 0), (0.2, -MOST * np.tanh(1 / MOST)), (0.8, -MOST * np.tanh(4 / MOST)):
        units = rest.copy()
        units[jaw] += opened
        before, after = (life.applied(units, vector).pose for life in (plain, steady))
        np.testing.assert_allclose(after - before, [-share * 0.5, -share * nods, 0, 0, 0, 0], atol=0.01)


def test_the_first_frames_do_not_wait_for_a_look_at_the_portrait(tmp_path, demo):
    soundfile.write(tmp_path / "voice.wav", demo[: 3 * RATE], RATE)
    waited, frames = [], []

    def looks():
        waited.append(len(frames))
        return lambda units, closed: np.zeros(3)

    life = Life(RATE, Fraction(25), 5)
    life.steady(lambda units, closed: np.zeros(3), looks)
    stream = SpeechStream(load_speech(None, whole=True), np.zeros(46, np.float32), Fraction(25), life=life)
    for motion in spoken(stream, tmp_path / "voice.wav"):
        frames.append(motion)
    assert len(frames) == 75 and min(waited) >= EASES[0] * 25


@pytest.fixture
def voice(tmp_path, demo):
    soundfile.write(tmp_path / "voice.wav", demo[: 3 * RATE], RATE, subtype="FLOAT")
    return tmp_path / "voice.wav"


def poses_of(clip):
    return np.array([clip.pose for _ in clip])


def test_the_strength_of_the_head(head, astronaut, voice):
    puppet = head.prepare(astronaut)
    usual, more, most, none = (poses_of(head.speak(puppet, voice, head=h)) for h in (1, 1.5, 2, 0))
    np.testing.assert_allclose((most - more)[:, :3], (more - usual)[:, :3], atol=1e-5)
    assert (more - usual)[:, :3].std() > 0.15
    np.testing.assert_array_equal(none, np.tile(NEUTRAL, (75, 1)))
    assert usual[:, :3].std() > 0.3


def test_without_head_and_eyes_it_is_the_same_bit_for_bit(head, astronaut, voice, demo):
    """As it was before heads moved: the voice's units and blinks, drawn without a pose."""
    puppet = head.prepare(astronaut)
    clip = head.speak(puppet, voice, head=0, still=True, seed=4)
    units, frames = zip(*((clip.units, frame) for frame in clip))
    stream = SpeechStream(head.speech, puppet.rest, Fraction(25), seed=4)
    before = [motion.units for motion in stream.push(demo[: 3 * RATE]) + stream.finish()]
    np.testing.assert_array_equal(units, before)
    for one, two in zip(frames, puppet.draw(np.stack(before)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not clip.turns


def test_still_leaves_eyes_and_brows_but_not_the_head(head, astronaut, voice):
    puppet = head.prepare(astronaut)
    still, alive = (head.speak(puppet, voice, still=flag, blink=False) for flag in (True, False))
    pairs = [((still.units, still.pose), (alive.units, alive.pose)) for _ in zip(still, alive)]
    for (units, pose), (lively, same) in pairs:
        np.testing.assert_array_equal(pose, same)
        changed = {talkinghead.UNIT_NAMES[k] for k in np.flatnonzero(units != lively)}
        assert all(name.startswith(("Eye", "Brows")) for name in changed)
    assert any((units != lively).any() for (units, _), (lively, _) in pairs)


def test_live_turns_its_head_as_speak_does(head, astronaut, voice, demo):
    puppet = head.prepare(astronaut)
    clip, live = head.speak(puppet, voice, seed=3), Live(head, puppet, seed=3)
    motions = [m for part in np.array_split(demo[: 3 * RATE], 29) for m in live.hear(part)] + live.hear_out()
    for _, motion in zip(clip, motions, strict=True):
        np.testing.assert_array_equal(clip.units, motion.units)
        np.testing.assert_array_equal(clip.pose, motion.pose)


def test_a_tracks_pose_is_relative_to_its_mean_and_motions_are_not(head, astronaut):
    units = np.zeros((20, 46), np.float32)
    pose = np.c_[np.linspace(10, 20, 20), np.full((20, 2), -5), np.zeros((20, 2)), np.ones(20)].astype(np.float32)
    puppet = head.prepare(astronaut)
    clip = head.animate(puppet, UnitTrack(np.arange(20) / 25, units, pose), head=0.5)
    assert clip.turns
    np.testing.assert_allclose(poses_of(clip)[:, 0], 0.5 * np.linspace(-5, 5, 20), atol=1e-5)
    direct = poses_of(head.animate(puppet, (Motion(u, p) for u, p in zip(units, pose))))
    np.testing.assert_array_equal(direct, pose)
    np.testing.assert_array_equal(poses_of(head.animate(puppet, units)), np.tile(NEUTRAL, (20, 1)))


def test_the_commands_of_the_page(head, astronaut, clip, voice, tmp_path, monkeypatch):
    monkeypatch.setattr(Models, "head", lambda self: head)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("portrait.jpg")
    voice.rename("speech.wav")
    for arguments in commands_of("head.md")[0]:
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        assert Path(arguments[arguments.index("-o") + 1]).stat().st_size
    assert not set(POSE_NAMES) & set(Path("calm.csv").read_text().partition("\n")[0].split(","))


@pytest.fixture
def clip(tmp_path, astronaut, voice):
    """Her face moves right and down by 2 pixels a frame, with sound."""
    with VideoWriter(tmp_path / "clip.mp4", 512, 512, Fraction(25), voice) as video:
        for i in range(12):
            video.write(np.roll(astronaut, (2 * i, 2 * i), (0, 1)))
    return tmp_path / "clip.mp4"


def test_track_and_drive(head, astronaut, clip, tmp_path, monkeypatch):
    track, fps = head.track(clip)
    assert track.pose.shape == (12, 6) and fps == 25
    across = np.linalg.norm(head.tracker(astronaut)[0].points[263] - head.tracker(astronaut)[0].points[33])
    np.testing.assert_allclose(np.polyfit(np.arange(12), track.pose[:, 3:5], 1)[0], 2 / across, rtol=0.2)
    assert np.ptp(track.pose[:, :3], 0).max() < 3 and abs(track.pose[:, 5] - 1).max() < 0.05
    monkeypatch.setattr(Models, "head", lambda self: head)
    Image.fromarray(astronaut).save(tmp_path / "portrait.png")
    out, table = tmp_path / "out.mp4", tmp_path / "au.csv"
    done = CliRunner().invoke(
        cli.app, ["drive", str(tmp_path / "portrait.png"), str(clip), "-o", str(out), "--save-au", str(table)]
    )
    assert done.exit_code == 0, done.output
    assert VideoReader(out).fps == 25 and table.read_text().partition("\n")[0].endswith(
        ",".join((*POSE_NAMES, RELATIVE))
    )
    assert has_sound(out)
    done = CliRunner().invoke(cli.app, ["track", str(clip), "-o", str(tmp_path / "tracked.csv")])
    assert done.exit_code == 0 and read_own(tmp_path / "tracked.csv").pose.shape == (12, 6)
