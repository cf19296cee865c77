"""Text to a sound file, by whichever speech synthesiser this machine has, and the phones where it tells them.

espeak-ng's library and flite tell what they say when; macOS `say` and a command of the user's own give the sound alone.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from talkinghead.errors import SoundError
from talkinghead.media.espeak import Espeak

LONGEST = 600  # seconds that a synthesiser may take
NONE_HERE = "no speech synthesiser is installed; install espeak-ng or flite, or name one with --voice-command"


class Said(NamedTuple):
    """Phones as (symbol, start, end) in seconds; `alphabet` is that of the symbols."""

    phones: list[tuple[str, float, float]]
    alphabet: Literal["ipa", "cmu"]


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """`samples` [N] in the range of 16 bits, one channel."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, "<i2").tobytes())


def espeak(text: str, target: Path, voice: str = "en-us", rate: int = 175, pitch: int = 50) -> Said:
    """Raises OSError where the library is not installed, ValueError for a voice that there is not."""
    library = Espeak.shared()
    samples, spoken = library.say(text, voice, rate, pitch)
    write_wav(target, samples, library.sample_rate)
    return Said(spoken, "ipa")


def flite(text: str, target: Path, voice: str = "slt", *settings: str) -> Said:
    """`settings` as flite's --setf takes them, name=value. Raises OSError, ValueError for a voice that there is not."""
    flags = [word for setting in settings for word in ("--setf", setting)]
    command = ["flite", "-voice", voice, "-psdur", *flags, "-t", text, "-o", str(target)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=LONGEST)
    if done.returncode or not target.exists():
        raise ValueError(f"flite has no voice {voice!r}")
    ends = [(name, float(end)) for name, end in (pair.split(":") for pair in done.stdout.split())]
    starts = [0.0, *(end for _, end in ends)]
    return Said([(name, start, end) for (name, end), start in zip(ends, starts)], "cmu")


def synthesise(text: str, target: Path, voice: str | None = None, command: str | None = None) -> Said | None:
    """Say `text` into the WAV file `target`; None where the synthesiser does not tell its phones.

    `command` names any program: {output} in it is where it must write, {text} what it must say (else that is its
    standard input). Without one: espeak-ng, flite or macOS `say`, the first that is here. Raises SoundError.
    """
    if not text.strip():
        raise SoundError("there is nothing to say; give a text")
    if command:
        _run_command(command, text, target)
        return None
    for name, said in (("espeak-ng", espeak), ("flite", flite)):
        try:
            return said(text, target, voice) if voice else said(text, target)
        except ValueError as error:
            raise SoundError(f"{error}; `{name} {'--voices' if name == 'espeak-ng' else '-lv'}` lists them") from None
        except (OSError, subprocess.TimeoutExpired):
            continue
    if shutil.which("say"):
        chosen = ["-v", voice] if voice else []
        _run(["say", *chosen, "-o", str(target), "--data-format=LEI16@22050", text], None)
        return None
    raise SoundError(NONE_HERE)


def _run_command(command: str, text: str, target: Path) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SoundError(f"--voice-command: {str(error).lower()}; quote it as in a shell") from None
    if not any("{output}" in word for word in words):
        raise SoundError("--voice-command: say where the sound goes, with {output}")
    filled = [word.replace("{output}", str(target)).replace("{text}", text) for word in words]
    _run(filled, None if any("{text}" in word for word in words) else text)
    if not target.exists() or not target.stat().st_size:
        raise SoundError(f"{words[0]}: wrote no sound to {{output}}")


def _run(words: list[str], text: str | None) -> None:
    try:
        done = subprocess.run(
            words, input=text, capture_output=True, encoding="utf-8", errors="replace", timeout=LONGEST
        )
    except OSError as error:
        raise SoundError(f"{words[0]}: cannot be run ({error.strerror}); try it on its own first") from None
    except subprocess.TimeoutExpired:
        raise SoundError(f"{words[0]}: still running after {LONGEST} s; try it on its own first") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise SoundError(f"{words[0]}: {last}")
