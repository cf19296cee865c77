"""How voices move heads, before anything is drawn: the bars of docs/head.md.

    python -m recipes.measure_head VOICE... [--seeds 20] [--minutes 10]

For each voice, a sound file, and each seed: standard deviation of yaw, pitch and roll over the first ten seconds, the
95th percentile of angular speed, the largest step between two frames of any angle; then how often peaks of speed lie
within a tenth of a second of a stressed syllable (recipes/parts/stress.py, which knows nothing of the model) and how
often with the syllables shifted by random times. Last, all voices again and again for `--minutes`: the furthest that
the mean of any ten seconds is from the portrait's pose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import typer

from recipes.parts.stress import SHIFTS, coincidences, stressed_syllables
from talkinghead.media.audio import decode
from talkinghead.units.head_motion import HeadMotion
from talkinghead.units.prosody import FPS, Beat, Prosody

SOUND_RATE = 16000
WINDOW = 10  # seconds


def heard(samples: np.ndarray) -> list[Beat]:
    voice = Prosody(SOUND_RATE)
    return voice.push(samples) + voice.finish(-(-len(samples) * FPS // SOUND_RATE))


def moved(beats: list[Beat], seed: int) -> np.ndarray:
    """Degrees [T, 3]."""
    motion = HeadMotion(seed)
    return np.array([motion.step(beat)[:3] for beat in beats])


def report(name: str, samples: np.ndarray, seeds: int, random: np.random.Generator) -> None:
    beats, syllables = heard(samples), stressed_syllables(samples, SOUND_RATE)
    turned = [moved(beats, seed) for seed in range(seeds)]
    spread = np.array([pose[: WINDOW * FPS].std(0) for pose in turned])
    steps = [np.diff(pose, axis=0) for pose in turned]
    fast = np.median([np.percentile(np.linalg.norm(step, axis=1) * FPS, 95) for step in steps])
    print(f"{name}: std of yaw, pitch, roll {spread.min(0).round(2)} to {spread.max(0).round(2)}", end="")
    print(f", median {np.median(spread, 0).round(2)}", end="")
    print(f"; speed p95 {fast:.1f}, largest step {max(np.abs(step).max() for step in steps):.2f}", end="")
    at = np.mean([coincidences(pose, syllables, FPS) for pose in turned])
    shifts = random.uniform(1, len(samples) / SOUND_RATE - 1, SHIFTS)
    chance = np.mean([[coincidences(pose, syllables, FPS, shift) for shift in shifts] for pose in turned], 0)
    as_good = (chance >= at).mean()
    print(f"; peaks of speed at stress {at:.3f}, chance {chance.mean():.3f}, {as_good:.1%} of {SHIFTS} shifts as good")


def main(voices: list[Path], seeds: int = 20, minutes: float = 10) -> None:
    random = np.random.default_rng(0)
    sounds = [np.concatenate(list(decode(voice, SOUND_RATE))) for voice in voices]
    for voice, samples in zip(voices, sounds):
        report(voice.name, samples, seeds, random)
    once = np.concatenate(sounds)
    whole = np.tile(once, int(minutes * 60 * SOUND_RATE / len(once)) + 1)[: int(minutes * 60 * SOUND_RATE)]
    beats = heard(whole)
    sums = [np.concatenate([np.zeros((1, 3)), moved(beats, seed).cumsum(0)]) for seed in range(seeds)]
    means = [np.abs(s[WINDOW * FPS :] - s[: -WINDOW * FPS]).max(0) / (WINDOW * FPS) for s in sums]
    print(f"{minutes:g} minutes: furthest mean of {WINDOW} s {np.max(means, 0).round(2)}")


if __name__ == "__main__":
    typer.run(main)
