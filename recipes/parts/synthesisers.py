"""Speech synthesisers of this machine, each as `speak(text, voice, rate, pitch, target) -> phones`.

Each writes a WAV file and gives the phones that it has spoken. Raises OSError, ValueError or RuntimeError.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from audio2au.phones import PHONES, Phone, from_ipa
from recipes.parts.aligning import RATE, align
from talkinghead.media.espeak import Espeak

# What flite and festival call otherwise than the CMU dictionary.
_OTHER_NAMES = {"PAU": "SIL", "H#": "SIL", "BRTH": "SIL", "AX": "AH", "AXR": "ER", "IX": "IH", "HV": "HH", "EL": "L"}
_OTHER_NAMES |= {"EN": "N", "EM": "M", "DX": "D", "NX": "N", "UX": "UW"}


@cache
def _espeak() -> Espeak:
    return Espeak()


def espeak_variants() -> list[str]:
    """Names of espeak-ng's voice variants, most of which are voices of people it was tuned to."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    files = (line.split("!v/")[1] for line in listed.splitlines() if "!v/" in line)
    return sorted({name.strip() for name in files if " " not in name.strip()})


def _write(target: Path, samples: np.ndarray, rate: int) -> None:
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, "<i2").tobytes())


def speak_espeak(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    samples, spoken = _espeak().say(text, voice, round(175 * rate), round(50 * pitch))
    _write(target, samples, _espeak().sample_rate)
    return [phone for symbol, start, end in spoken for phone in from_ipa(symbol, start, end)]


def _named(ends: list[tuple[str, float]]) -> list[Phone]:
    starts = [0.0, *(end for _, end in ends)]
    names = [_OTHER_NAMES.get(name.upper(), name.upper()) for name, _ in ends]
    if unknown := set(names) - set(PHONES):
        raise ValueError(f"phones without a name: {', '.join(sorted(unknown))}")
    return [Phone(name, start, end) for name, start, (_, end) in zip(names, starts, ends)]


def speak_flite(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    command = ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={1 / rate:.3f}"]
    if pitch != 1:
        command += ["--setf", f"int_f0_target_mean={(170 if voice == 'slt' else 105) * pitch:.0f}"]
    said = subprocess.run([*command, text, str(target)], capture_output=True, text=True, check=True, timeout=120).stdout
    return _named([(name, float(end)) for name, end in (pair.split(":") for pair in said.split())])


def speak_festival(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    words = "".join(c for c in text if c not in '"\\')
    scheme = f"""(voice_{voice}) (Parameter.set 'Duration_Stretch {1 / rate:.3f})
        (set! u (utt.synth (Utterance Text "{words}"))) (utt.save.wave u "{target}" 'riff)
        (mapcar (lambda (s) (format t "%s %f\\n" (item.name s) (item.feat s "end"))) (utt.relation.items u 'Segment))"""
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as file:
        file.write(scheme)
        file.flush()
        said = subprocess.run(["festival", "-b", file.name], capture_output=True, text=True, check=True).stdout
    return _named([(name, float(end)) for name, end in (line.split() for line in said.splitlines())])


@cache
def _piper(model: str):
    from piper import PiperVoice

    return PiperVoice.load(model)


def speak_piper(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    """`voice` is a .onnx file; its pitch stays."""
    from piper.config import SynthesisConfig

    chunks = list(_piper(voice).synthesize(text, SynthesisConfig(length_scale=1 / rate)))
    own = chunks[0].sample_rate
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    _write(target, samples.clip(-1, 1) * 32767, own)
    return align(read_wav(target, RATE), text)


def read_wav(path: Path, rate: int) -> np.ndarray:
    """A WAV file of one channel as float32 [N] at `rate`; much faster than ffmpeg for thousands of short ones."""
    own, samples = wavfile.read(path)
    if own == rate:
        return samples.astype(np.float32) / 32768
    divisor = np.gcd(own, rate)
    return resample_poly(samples.astype(np.float32) / 32768, rate // divisor, own // divisor).astype(np.float32)


SPEAK = {"espeak": speak_espeak, "flite": speak_flite, "festival": speak_festival, "piper": speak_piper}
