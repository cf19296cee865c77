"""How well do lips read, of the voice model's units alone and of finished videos? On voices never trained on.

    python -m recipes.judge_lips units CORPUS DATA TEST [--weights FILE]
    python -m recipes.judge_lips val PACK [--weights FILE]
    python -m recipes.judge_lips videos CORPUS TEST OUT [--live] [--lips lips.py]
    python -m recipes.judge_lips sounds CORPUS TEST [--weights FILE]

TEST is what `recipes.make_voices TEST --test` made. `units`: s1's test sentences, the 24 RAVDESS recordings, the 40
sentences of eight held-out synthetic voices, six languages by the synthesiser's own phones, and the held-out people of
styletalk_talk, whose LipsLowerOpen is compared with the tracker's at each clip's best lag within 6 frames. `val`, to
choose by: what validates in PACK (recipes.pack_speech), by its phones, whose times are whole frames there.
`videos`: the RAVDESS recordings, recording i on portrait i mod 8, and of the synthetic voices sentence i by voice
i mod 8 on portrait (i + i div 8) mod 8; eight portraits of the test split. OUT receives videos, tracked units and the
JOBS.csv of the independent judge. `sounds`: RAVDESS loud, soft, fast, slow, sung, whispered, by telephone, over music.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import librosa
import numpy as np
import typer
from scipy.signal import butter, lfilter, sosfiltfilt

import audio2au
from audio2au.data import level_to, music
from audio2au.metrics import by_lag, follows_energy
from audio2au.phones import PHONES, Phone
from audio2au.speech import FILE_WEIGHTS, WEIGHTS, Speech
from recipes.parts.aligning import RATE, align
from recipes.parts.lip_reading import LipReading
from recipes.parts.manifest import choose
from recipes.parts.speech_data import clip_rows, opening, read_clip, read_sound
from recipes.parts.speech_pack import unpack
from recipes.parts.spoken import HELD_OUT, read_grid, read_phones
from recipes.parts.synthesisers import read_wav
from talkinghead.units.names import INDEX

RAVDESS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
PORTRAITS = 8
Jobs = list[tuple[str, Path, str]]
"""Name, sound and English text."""

app = typer.Typer(help=__doc__)


def ravdess(corpus: Path) -> Jobs:
    found = sorted((corpus / "ravdess_audio").rglob("*.wav"))
    return [(p.stem, p, RAVDESS[p.stem.split("-")[4]]) for p in found]


def synthetic(test: Path) -> Jobs:
    with open(test / "voices.csv", newline="") as file:
        return [(r["file"][:-4], test / r["file"], r["text"]) for r in csv.DictReader(file) if r["language"] == "en"]


def show(title: str, figures: dict[str, float]) -> None:
    print(f"{title:34s}" + "  ".join(f"{name} {value:5.2f}" for name, value in figures.items()), flush=True)


def aligned(sound: Path, text: str, kept: Path) -> list[Phone]:
    """The phones of a sound, aligned once; none where the aligner gives up, as it does on some recordings."""
    file = kept / "aligned" / f"{sound.stem}.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        try:
            file.write_text(json.dumps(align(read_sound(sound, RATE), text)))
        except RuntimeError:
            file.write_text("[]")
    return [Phone(*row) for row in json.loads(file.read_text())]


def read_lips(speech: Speech, jobs: Jobs, kept: Path, change=None) -> dict[str, float]:
    """The figures of the units alone; `kept` is where alignments are. `change` makes of samples [N] another sound, and
    tells how many times faster that is."""
    reading = LipReading()
    for _, sound, text in jobs:
        phones = aligned(sound, text, kept)
        samples, faster = read_sound(sound, speech.sample_rate), 1.0
        if change:
            samples, faster = change(samples, speech.sample_rate)
        reading.add(speech.predict(samples), [Phone(n, a / faster, b / faster) for n, a, b in phones])
    return reading.figures


@app.command()
def units(corpus: Path, data: Path, test: Path, weights: Path | None = None) -> None:
    speech = audio2au.ready(weights)
    config, reading = speech.config.features, LipReading()
    for recording, phones in read_grid(corpus, data, "test", config):
        reading.add(speech.predict(recording.samples, len(recording.units)), phones)
    show("s1, 50 test sentences", reading.figures)
    show("RAVDESS, 24 recordings", read_lips(speech, ravdess(corpus), test))
    for kind in ("flite", "espeak"):
        jobs = [job for job in synthetic(test) if (kind == "espeak") == ("+" in job[0])]
        show(f"40 sentences, held-out {kind}", read_lips(speech, jobs, test))
    with open(test / "voices.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["language"] != "en"]
    for language in dict.fromkeys(r["language"] for r in rows):
        reading = LipReading()
        for row in (r for r in rows if r["language"] == language):
            sound = test / row["file"]
            reading.add(speech.predict(read_wav(sound, speech.sample_rate)), read_phones(sound))
        show(f"{language}, 8 sentences", reading.figures)
    lower, found = INDEX["LipsLowerOpen"], []
    for track, sound in clip_rows(corpus, data, "train", "styletalk_talk"):
        if sound.stem.startswith(HELD_OUT):
            clip = read_clip(track, sound, "talk", config, data / "sound")
            ours = speech.predict(clip.samples, len(clip.units))
            found.append(max(by_lag(clip.units[:, lower], ours[:, lower], range(-6, 7)).values()))
    print("free speech, LipsLowerOpen: " + " ".join(f"{r:.2f}" for r in found) + f", mean {np.mean(found):.2f}")


@app.command()
def val(pack: Path, weights: Path | None = None) -> None:
    speech = audio2au.ready(weights)
    recordings = unpack(pack, speech.config.features, "val")
    for source in dict.fromkeys(r.source for r in recordings):
        reading = LipReading()
        for r in (r for r in recordings if r.source == source and r.phones is not None):
            edges = [0, *np.flatnonzero(np.diff(r.phones)) + 1, len(r.phones)]
            said = [Phone(PHONES[r.phones[a]], a / speech.fps, b / speech.fps) for a, b in pairwise(edges)]
            reading.add(speech.predict(r.samples, len(r.units)), said)
        show(source, reading.figures)


def whispered(samples: np.ndarray, rate: int) -> np.ndarray:
    """The same words without a voice: each short piece's spectral envelope (all-pole, order 18) on noise."""
    size, out, rng = int(0.03 * rate), np.zeros(len(samples), np.float32), np.random.default_rng(0)
    window = np.hanning(size).astype(np.float32)
    for start in range(0, len(samples) - size, size // 2):
        piece = samples[start : start + size] * window
        if (power := float(np.sqrt(np.mean(piece**2)))) > 1e-4:
            noise = lfilter(
                [1.0], librosa.lpc(piece + 1e-6 * rng.standard_normal(size), order=18), rng.standard_normal(size)
            )
            out[start : start + size] += (noise * power / (noise.std() + 1e-9)).astype(np.float32) * window
    return out


def sung(samples: np.ndarray, rate: int) -> np.ndarray:
    """The same words at half the speed, four semitones higher and with a vibrato of 5 Hz."""
    slow = librosa.effects.pitch_shift(librosa.effects.time_stretch(samples, rate=0.5), sr=rate, n_steps=4)
    time = np.arange(len(slow)) / rate
    return np.interp(time + 0.0004 * np.sin(2 * np.pi * 5 * time), time, slow).astype(np.float32)


def over_music(samples: np.ndarray, rate: int, below: float) -> np.ndarray:
    speech = level_to(samples, -20)
    return speech + level_to(music(np.random.default_rng(0), len(samples), rate), -20 - below)


CHANGES = {
    "as recorded": lambda x, rate: (x, 1),
    "30 dB louder, clipped": lambda x, rate: ((31 * x).clip(-1, 1), 1),
    "30 dB quieter": lambda x, rate: (x / 31, 1),
    "1.5 times as fast": lambda x, rate: (librosa.effects.time_stretch(x, rate=1.5), 1.5),
    "at 0.67 of the speed": lambda x, rate: (librosa.effects.time_stretch(x, rate=0.67), 0.67),
    "sung": lambda x, rate: (sung(x, rate), 0.5),
    "whispered": lambda x, rate: (whispered(x, rate), 1),
    "telephone, 300 to 3400 Hz": lambda x, rate: (
        sosfiltfilt(butter(6, (300, 3400), "band", fs=rate, output="sos"), x).astype(np.float32), 1
    ),
    "over music 12 dB below": lambda x, rate: (over_music(x, rate, 12), 1),
    "over music 6 dB below": lambda x, rate: (over_music(x, rate, 6), 1),
}  # fmt: skip


@app.command()
def sounds(corpus: Path, test: Path, weights: Path | None = None) -> None:
    speech = audio2au.ready(weights)
    jobs = ravdess(corpus) + synthetic(test)[:16]
    for name, change in CHANGES.items():
        ratios = []
        for _, sound, _ in jobs:
            samples, _ = change(read_sound(sound, speech.sample_rate), speech.sample_rate)
            gap = opening(speech.predict(samples))
            ratios.append(follows_energy(gap, samples, speech.sample_rate, speech.fps)["quiet_over_loud"])
        show(name, {**read_lips(speech, jobs, test, change), "quiet/loud": float(np.median(ratios))})


@app.command()
def videos(
    corpus: Path,
    test: Path,
    out: Path,
    live: Annotated[bool, typer.Option("--live", help="The causal weights instead of those for files.")] = False,
    weights: Path | None = None,
    lips: Annotated[Path | None, typer.Option(help="The independent judge, run over each set.")] = None,
) -> None:
    from talkinghead.media.video import VideoWriter
    from talkinghead.pipeline import TalkingHead
    from talkinghead.units.unit_csv import write_csv

    head = TalkingHead(speech=weights or (WEIGHTS if live else FILE_WEIGHTS))
    portraits = [corpus / row["path"] for row in choose(corpus, "test", PORTRAITS // 2)[0]]
    spoken = {job[0]: job for job in synthetic(test)}
    by_sentence = list(spoken.values())
    sets = {
        "ravdess": [(*job, i % PORTRAITS) for i, job in enumerate(ravdess(corpus))],
        "synthetic": [(*by_sentence[i * 8 + i % 8], (i + i // 8) % PORTRAITS) for i in range(len(by_sentence) // 8)],
    }
    puppets = {}
    for name, jobs in sets.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        rows = [["units", "audio", "text"]]
        for title, sound, text, number in jobs:
            video, track = (out / name / f"{title}{suffix}" for suffix in (".mp4", ".csv"))
            if not track.exists():
                if number not in puppets:
                    puppets[number] = head.prepare(portraits[number])
                clip = head.speak(puppets[number], sound)
                with VideoWriter(video, clip.width, clip.height, clip.fps, sound, force=True) as writer:
                    for frame in clip:
                        writer.write(frame)
                seen, fps = head.track(video)
                write_csv(track, seen.units, fps, force=True)
            rows.append([track.name, str(sound.resolve()), text])
        with open(out / name / "JOBS.csv", "w", newline="") as file:
            csv.writer(file).writerows(rows)
        print(name, flush=True)
        if lips:
            subprocess.run([sys.executable, lips, out / name / "JOBS.csv"], check=True)


if __name__ == "__main__":
    app()
