"""Learn how heads move with the voice: what talkinghead/units/head_motion.py draws from.

    python -m recipes.fit_head_motion DATA [--out talkinghead/assets/head_motion.json]

DATA is what recipes.prepare made. Read are the clips of the train split with sound, of SETS (people who move their
heads; GRID's speaker was told not to): poses at 25 frames a second, smoothed over a frame and a half and freed of what
is slower than SLOW seconds, in units of each clip's own spread, which is the standard deviation; and Prosody's Beats of
the sound. From them:

* `spread`: the median of the clips' spreads, degrees of yaw, pitch and roll;
* `coefficients`, `innovation`: an autoregressive process of ORDER for each axis, by least squares over all clips, and
  the covariance of what it leaves over while somebody speaks; `quiet`: how much smaller that is in pauses;
* for syllables under stress, beginnings and ends of phrases: mean and covariance of how far the head is displaced
  around them, less the covariance of such displacements elsewhere, and stretched to whole gestures;
* then the innovation is reduced until wander and gestures together have the spread.

Printed is how fast real heads are around stressed syllables against how fast when the sound is shifted by random times:
the figure that `recipes.measure_head` gives of finished motion.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import typer
from scipy.ndimage import gaussian_filter1d

from recipes.parts.stress import SHIFTS, shifted_speeds, speed_at
from talkinghead.media.audio import decode
from talkinghead.units.head_motion import EVENTS, MOST, STRESSED, response
from talkinghead.units.prosody import FPS, Beat, Prosody

SETS = ("styletalk_talk",)
SOUND_RATE = 16000
SMOOTH, SLOW = 1.0, 1.5  # frames; seconds (standard deviation of the Gaussian that is taken away)
ORDER = 5
RIDGE = 1e-6
QUICK = 0.5  # pole of real heads' gestures; they are drawn a little slower
# Frames before and after an event between which the head is displaced by it, and the distance from any that is far.
BEFORE, AFTER, FAR = 1, 4, 5


def clips(data: Path) -> list[tuple[np.ndarray, list[Beat]]]:
    """Poses [T, 3] in degrees at FPS and as many Beats, of every clip."""
    with open(data / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    out = []
    for number, row in enumerate(rows):
        if row["kind"] == "clip" and row["split"] == "train" and row["set"] in SETS and row["sound"]:
            (path,) = (data / "tracks").glob(f"train_clip_{row['set']}_*_{number}.npz")
            with np.load(path) as z:
                pose, rate = z["pose"].astype(np.float64), float(z["fps"])
            known, times = np.isfinite(pose[:, 0]), (np.arange(len(pose)) + 0.5) / rate
            at = (np.arange(int(len(pose) / rate * FPS)) + 0.5) / FPS
            pose = np.stack([np.interp(at, times[known], column[known]) for column in pose.T], 1)
            voice = Prosody(SOUND_RATE)
            beats = [
                beat for block in decode(Path(row["root"]) / row["sound"], SOUND_RATE) for beat in voice.push(block)
            ]
            beats += voice.finish(len(pose))
            out.append((pose, beats[: len(pose)]))
    return out


def freed(pose: np.ndarray) -> np.ndarray:
    """Without the tracker's noise and without what is slow: [T, 3] around zero."""
    smooth = gaussian_filter1d(pose, SMOOTH, axis=0)
    return smooth - gaussian_filter1d(smooth, SLOW * FPS, axis=0, mode="nearest")


def wander(poses: list[np.ndarray], spoken: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The process of poses in spreads; `spoken` says of each frame whether somebody speaks."""
    coefficients, left = [], []
    for axis in range(3):
        past = np.concatenate(
            [np.stack([p[ORDER - j : len(p) - j, axis] for j in range(1, ORDER + 1)], 1) for p in poses]
        )
        now = np.concatenate([p[ORDER:, axis] for p in poses])
        coefficients.append(np.linalg.solve(past.T @ past + RIDGE * np.eye(ORDER), past.T @ now))
        left.append(now - past @ coefficients[-1])
    left, speech = np.stack(left, 1), np.concatenate([s[ORDER:] for s in spoken])
    quiet = left[~speech].std() / left[speech].std()
    return {"coefficients": np.array(coefficients), "innovation": np.cov(left[speech].T), "quiet": quiet}


def times_of(beats: list[Beat]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Frames of each kind of event, and how strong each is."""
    stress = np.array([beat.stress for beat in beats])
    out = {"stress": (np.flatnonzero(stress > STRESSED), np.minimum(stress, MOST)[stress > STRESSED] / STRESSED)}
    for event in EVENTS[1:]:
        frames = np.flatnonzero([getattr(beat, event) for beat in beats])
        out[event] = frames, np.ones(len(frames))
    return out


def gestures(poses: list[np.ndarray], events: list[dict], spoken: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Mean and covariance of the gesture of each kind of event, in spreads."""
    whole = response(AFTER + 1, QUICK)[AFTER]  # of a gesture is done when it is measured

    def displaced(pose: np.ndarray, frames: np.ndarray) -> np.ndarray:
        frames = frames[(frames >= BEFORE) & (frames + AFTER < len(pose))]
        return pose[frames + AFTER] - pose[frames - BEFORE]

    quiet = []
    for pose, event, speech in zip(poses, events, spoken):
        busy = np.concatenate([frames for frames, _ in event.values()])
        far = np.abs(np.arange(len(pose))[:, None] - busy).min(1) > FAR
        quiet.append(displaced(pose, np.flatnonzero(far & speech)))
    usual, out = np.cov(np.concatenate(quiet).T), {}
    for name in EVENTS:
        moved = np.concatenate([displaced(pose, event[name][0]) for pose, event in zip(poses, events)])
        strength = np.mean(np.concatenate([event[name][1] for event in events]) ** 2)
        values, axes = np.linalg.eigh(np.cov(moved.T) - usual)
        excess = (axes * np.maximum(values, 1e-3)) @ axes.T
        out[f"{name}_mean"] = moved.mean(0) / whole
        out[f"{name}_covariance"] = excess / whole**2 / strength
        share = (np.diag(excess) / np.diag(usual)).round(2)
        print(
            f"{name}: {len(moved)} events, mean {moved.mean(0).round(2)} spreads, excess variance {share} of the usual"
        )
    return out


def left_for_wander(model: dict[str, np.ndarray], events: list[dict], frames: int) -> np.ndarray:
    """The shares [3] of the innovation's standard deviation at which wander and gestures have spread 1 together."""
    energy = (response(5 * FPS, QUICK) ** 2).sum()
    moved = np.zeros(3)
    for name in EVENTS:
        rate = sum((event[name][1] ** 2).sum() for event in events) / frames
        moved += rate * energy * (np.diag(model[f"{name}_covariance"]) + model[f"{name}_mean"] ** 2)
    print(f"share of the variance that gestures have: {moved.round(2)}")
    return np.sqrt(np.maximum(1 - moved, 0.2))


def main(data: Path, out: Path = Path("talkinghead/assets/head_motion.json")) -> None:
    found = clips(data)
    poses = [freed(pose) for pose, _ in found]
    spreads = np.array([pose.std(0) for pose in poses])
    poses = [pose / spread for pose, spread in zip(poses, spreads)]
    events = [times_of(beats) for _, beats in found]
    spoken = [gaussian_filter1d(np.array([beat.level for beat in beats]), 5) > 0.15 for _, beats in found]
    model = {"spread": np.median(spreads, 0)} | wander(poses, spoken) | gestures(poses, events, spoken)
    share = left_for_wander(model, events, sum(map(len, poses)))
    model["innovation"] = model["innovation"] * np.outer(share, share)
    # `Beat.stress` announces the nucleus of the next frame.
    stressed = [(pose, event["stress"][0] + 1) for (pose, _), event in zip(found, events)]
    real = np.mean([speed_at(pose, frames) for pose, frames in stressed])
    shifted = np.mean([shifted_speeds(pose, frames, np.random.default_rng(0)) for pose, frames in stressed], 0)
    seconds = sum(map(len, poses)) / FPS
    print(f"{len(found)} clips, {seconds:.0f} s; spread {model['spread'].round(2)} degrees; quiet {model['quiet']:.2f}")
    print(f"speed at stressed syllables over the mean {real:.2f}")
    print(f"the same with shifted sound {shifted.mean():.2f}, at most {shifted.max():.2f} of {SHIFTS}")
    out.write_text(json.dumps({name: np.round(value, 5).tolist() for name, value in model.items()}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
