"""What the fit of head motion learns from clips whose motion is known, and that heads can be moved by it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recipes import fit_head_motion, measure_head
from recipes.parts.stress import coincidences, speed_at, stressed_syllables
from talkinghead.units.head_motion import EVENTS, HeadMotion, response
from talkinghead.units.prosody import FPS, Beat

RATE = 16000
SECONDS = 40


def voice(random):
    """Buzzing syllables, one in four loud, in phrases; and the seconds of the loud ones."""
    onsets = np.concatenate([start + np.arange(0, 3.2, 0.25) for start in np.arange(0.5, SECONDS - 4, 4.2)])
    onsets += random.uniform(-0.03, 0.03, len(onsets))
    loud = random.random(len(onsets)) < 0.25
    time = np.arange(SECONDS * RATE) / RATE
    out = 1e-4 * random.standard_normal(len(time))
    for onset, strong in zip(onsets, loud):
        inside = (time >= onset) & (time < onset + 0.15)
        at = time[inside] - onset
        buzz = sum(np.sin(2 * np.pi * 120 * k * at) / k for k in range(1, 20))
        out[inside] += (0.3 if strong else 0.05) * buzz * np.sin(np.pi * at / 0.15)
    return out.astype(np.float32), onsets[loud] + 0.075


def motion(nuclei, random):
    """Degrees [T, 3]: a slow wander, and pushes of pitch alone where a syllable is loud."""
    frames = SECONDS * FPS
    wander = np.zeros((frames, 3))
    for i in range(1, frames):
        wander[i] = 0.95 * wander[i - 1] + 0.05 * random.standard_normal(3) * (1, 1, 3)
    asked = np.zeros(frames)
    asked[((nuclei * FPS) - 1).astype(int)] = random.choice((-1, 1), len(nuclei)) * 1.5
    wander[:, 1] += np.convolve(asked, response(3 * FPS))[:frames]
    return wander


@pytest.fixture
def data(tmp_path):
    rows, random = [], np.random.default_rng(0)
    (tmp_path / "tracks").mkdir()
    for number in range(3):
        sound, nuclei = voice(random)
        soundfile.write(tmp_path / f"{number}.wav", sound, RATE)
        np.savez(
            tmp_path / "tracks" / f"train_clip_styletalk_talk_x_{number}.npz", pose=motion(nuclei, random), fps=25.0
        )
        rows.append(
            {"kind": "clip", "split": "train", "set": "styletalk_talk", "sound": f"{number}.wav", "root": tmp_path}
        )
    with open(tmp_path / "manifest.csv", "w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return tmp_path


def test_gestures_are_found_in_the_axis_that_makes_them(data, capsys):
    fit_head_motion.main(data, data / "out.json")
    model = {name: np.array(value) for name, value in json.loads((data / "out.json").read_text()).items()}
    assert set(model) == {"spread", "coefficients", "innovation", "quiet"} | {
        f"{event}_{what}" for event in EVENTS for what in ("mean", "covariance")
    }
    yaw, pitch, roll = np.diag(model["stress_covariance"])
    assert pitch > 5 * max(yaw, roll)
    assert 1.5 < model["spread"][2] / model["spread"][0] < 4.5
    found = float(capsys.readouterr().out.partition("over the mean ")[2].split()[0])
    assert found > 1.3
    head = HeadMotion(0, model)
    beats = [Beat(0.5, 1.5 * (i % 20 == 0), False, False, 0.0) for i in range(60 * FPS)]
    turned = np.array([head.step(beat) for beat in beats])
    assert np.isfinite(turned).all() and np.abs(turned[:, :3]).max() < 90
    assert speed_at(turned, np.arange(40, 1400, 20) + 1) > 1.2


def test_stressed_syllables_are_the_loud_ones():
    random = np.random.default_rng(1)
    sound, nuclei = voice(random)
    found = stressed_syllables(sound, RATE)
    assert (np.abs(nuclei[:, None] - found).min(1) < 0.05).mean() > 0.9
    assert len(found) < 1.7 * len(nuclei)
    still = np.zeros((SECONDS * FPS, 3))
    still[(nuclei * FPS).astype(int), 0] = 1  # a jerk at each
    assert coincidences(still, nuclei, FPS) > 0.9 > 2 * coincidences(still, nuclei, FPS, 0.4)


def test_the_measure_prints_the_bars(data, capsys):
    measure_head.main([Path(data / "0.wav")], seeds=2, minutes=0.5)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("0.wav: std of yaw, pitch, roll") and "peaks of speed at stress" in first
    assert last.startswith("0.5 minutes: furthest mean of 10 s")
