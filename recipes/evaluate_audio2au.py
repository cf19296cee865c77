"""How well do the units follow speech? On the speaker of the corpus, and on voices never heard.

    python -m recipes.evaluate_audio2au CORPUS DATA [--weights FILE] [--voices FOLDER]

Prints, for the validation and test sentences of s1 and for the speakers of styletalk_talk (no training uses them),
each unit's r and RMSE against the tracker, beside the RMSE of the constant predictor (each unit's mean over the
training sentences); for each styletalk_talk clip also r of the lips' opening at lag 0 and at the best lag within 6
frames, because sound and picture of those clips are up to 5 frames apart.
Then, for every RAVDESS recording (and every sound in FOLDER), how the mouth follows the sound: as recorded, 20 dB
louder (clipped where it must) and quieter, and with noise 15 dB below the voice. Last, what opens on sounds without
speech. Openings are the lips' distance in eye distances, as the units define it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import typer

import audio2au
from audio2au.data import Recording, coloured_noise, level_to
from audio2au.metrics import against_tracker, by_lag, follows_energy
from audio2au.model import AudioToUnits
from recipes.parts.speech_data import UNHEARD, opening, predictions, read_clips, read_sound
from talkinghead.units.names import INDEX, UNIT_NAMES

STD_SHOWN = 0.02  # units that move less than this in the test sentences are not printed one by one
SHOWN = ("LipsLowerClose",)  # whatever it moves


def print_table(title: str, predicted: np.ndarray, tracked: np.ndarray, constant: np.ndarray) -> None:
    scores = against_tracker(predicted, tracked, constant)
    spread = np.nanpercentile(predicted, 95, axis=0) / np.maximum(np.nanpercentile(tracked, 95, axis=0), 1e-6)
    heard = [i for i in range(len(UNIT_NAMES)) if i not in UNHEARD]
    rmse, flat = (np.sqrt((scores[k][heard] ** 2).mean()) for k in ("rmse", "constant"))
    print(f"\n{title}: {len(tracked)} frames, RMSE {rmse:.4f} over {len(heard)} units, constant {flat:.4f}")
    print(f"{'unit':16s} {'r':>6s} {'RMSE':>7s} {'constant':>8s} {'p95/p95':>8s}")
    for i in heard:
        if np.nanstd(tracked[:, i]) >= STD_SHOWN or UNIT_NAMES[i] in SHOWN:
            row = (scores[k][i] for k in ("r", "rmse", "constant"))
            print("{:16s} {:6.2f} {:7.4f} {:8.4f} {:8.2f}".format(UNIT_NAMES[i], *row, spread[i]))


def print_lags(model: AudioToUnits, clips: list[Recording]) -> None:
    by_clip = []
    for clip in clips:
        ours, tracked = opening(model.predict(clip.samples, len(clip.units))), opening(clip.units)
        by_clip.append(by_lag(tracked, ours, range(-6, 7)))
    best = [max(r, key=r.get) for r in by_clip]
    print("opening, r at lag 0:  " + " ".join(f"{r[0]:5.2f}" for r in by_clip))
    print("opening, r at best:   " + " ".join(f"{r[lag]:5.2f}" for r, lag in zip(by_clip, best)))
    print("lag of the picture:   " + " ".join(f"{lag:5d}" for lag in best))


def conditions(samples: np.ndarray, sample_rate: int) -> dict[str, np.ndarray]:
    """The same voice as recorded, too loud, too quiet, and in noise."""
    rng = np.random.default_rng(0)
    power = np.sqrt(np.mean(np.sort(samples**2)[len(samples) // 2 :]))
    noise = coloured_noise(rng, len(samples), sample_rate) * np.float32(power * 10 ** (-15 / 20))
    loud = (10 * samples).clip(-1, 1)
    return {"as is": samples, "+20 dB": loud, "-20 dB": samples / 10, "noise 15 dB": samples + noise}


def print_voices(model: AudioToUnits, voices: dict[str, np.ndarray]) -> None:
    figures: dict[str, list[dict[str, float]]] = {}
    print(f"\n{'voice':28s} {'condition':12s} {'r':>5s} {'lag':>3s} {'quiet/loud':>10s} {'loud opening':>12s}")
    for name, samples in voices.items():
        for condition, sound in conditions(samples, model.sample_rate).items():
            gap = opening(model.predict(sound))
            score = follows_energy(gap, sound, model.sample_rate, model.fps)
            figures.setdefault(condition, []).append(score)
            row = (score["r"], score["lag"], score["quiet_over_loud"], np.percentile(gap, 95))
            print("{:28s} {:12s} {:5.2f} {:3d} {:10.2f} {:12.3f}".format(name, condition, *row))
    for condition, scores in figures.items():
        r, ratio = (np.array([s[k] for s in scores]) for k in ("r", "quiet_over_loud"))
        print(
            f"all, {condition}: r median {np.median(r):.2f} least {r.min():.2f}, {np.mean(r >= 0.4):.0%} at least 0.4; "
            f"quiet/loud median {np.median(ratio):.2f} most {ratio.max():.2f}, "
            f"{np.mean(ratio <= 0.35):.0%} at most 0.35"
        )


def print_no_speech(model: AudioToUnits, seconds: int = 20) -> None:
    rng = np.random.default_rng(1)
    length = seconds * model.sample_rate
    print(f"\n{'no speech':28s} {'mean JawOpen':>12s} {'most JawOpen':>12s} {'most of any unit':>16s}")
    sounds = {"digital silence": np.zeros(length, np.float32)}
    for level in (-70, -55, -40, -25):
        sounds[f"white noise {level} dB"] = level_to(rng.standard_normal(length).astype(np.float32), level)
        sounds[f"room noise {level} dB"] = level_to(coloured_noise(rng, length, model.sample_rate), level)
    for name, sound in sounds.items():
        units = model.predict(sound)[:, : len(UNIT_NAMES)]
        jaw = units[:, INDEX["JawOpen"]]
        print(f"{name:28s} {jaw.mean():12.3f} {jaw.max():12.3f} {units.max():16.3f}")


def main(corpus: Path, data: Path, weights: Path | None = None, voices: Path | None = None) -> None:
    torch.set_num_threads(1)  # one frame at a time: threads only cost
    model = audio2au.load(weights)
    sound = model.config.features
    constant = np.nanmean(np.concatenate([c.units for c in read_clips(corpus, data, "train", sound)]), axis=0)
    print_table("s1 val", *predictions(model, read_clips(corpus, data, "val", sound)), constant)
    print_table("s1 test", *predictions(model, read_clips(corpus, data, "test", sound)), constant)
    talk = read_clips(corpus, data, "train", sound, "styletalk_talk")
    print_table("speakers never heard (styletalk_talk)", *predictions(model, talk), constant)
    print_lags(model, talk)
    paths = sorted((corpus / "ravdess_audio").rglob("*.wav"))
    paths += sorted(p for p in voices.iterdir() if p.is_file()) if voices else []
    print_voices(model, {p.parent.name + "/" + p.stem[-14:]: read_sound(p, model.sample_rate) for p in paths})
    print_no_speech(model)


if __name__ == "__main__":
    typer.run(main)
