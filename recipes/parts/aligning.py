"""English text or none, and a sound, to phones with their times: CMU Pocketsphinx, whose wheel has its model inside."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from audio2au.phones import Phone

RATE = 16000


@cache
def _decoder(free: bool):
    from pocketsphinx import Config, Decoder, get_model_path

    model = get_model_path()
    common = {"hmm": f"{model}/en-us/en-us", "loglevel": "FATAL"}
    if free:
        return Decoder(Config(allphone=f"{model}/en-us/en-us-phone.lm.bin", lw=2.0, beam=1e-20, pbeam=1e-20, **common))
    return Decoder(Config(dict=f"{model}/en-us/cmudict-en-us.dict", bestpath=False, **common))


def _hear(decoder, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()


def align(samples: np.ndarray, text: str) -> list[Phone]:
    """`samples` float32 [N] at RATE; without `text` the phones are guessed, which is coarse. Raises RuntimeError."""
    decoder = _decoder(not text)
    sound = (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()
    if not text:
        _hear(decoder, sound)
        found = [(s.word, s.start_frame / 100, (s.end_frame + 1) / 100) for s in decoder.seg()]
        return [Phone("SIL" if name.startswith(("SIL", "+")) else name, a, b) for name, a, b in found]
    words = "".join(c if c.isalpha() or c == "'" else " " for c in text.lower())
    decoder.set_align_text(" ".join(words.split()))
    _hear(decoder, sound)
    decoder.set_alignment()
    _hear(decoder, sound)
    found = [(p.name, p.start / 100, (p.start + p.duration) / 100) for word in decoder.get_alignment() for p in word]
    return [Phone("SIL" if name.startswith(("SIL", "+")) else name, a, b) for name, a, b in found]


# Phones of other languages by the English ones that the aligner's model knows best for them.
_ENGLISH = {"UE": "UW", "OE": "ER", "UX": "UH"}


def align_words(samples: np.ndarray, words: list[list[Phone]]) -> list[Phone]:
    """As `align`, for any language: the words as phones whose own times are not used, e.g. a synthesiser's."""
    decoder = _decoder(False)
    named = ["spoken" + "".join(f"-{phone.name.lower()}" for phone in word) for word in words]
    for name, word in zip(named, words):
        if decoder.lookup_word(name) is None:
            decoder.add_word(name, " ".join(_ENGLISH.get(phone.name, phone.name) for phone in word), True)
    decoder.set_align_text(" ".join(named))
    sound = (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()
    _hear(decoder, sound)
    decoder.set_alignment()
    _hear(decoder, sound)
    own = iter(phone.name for word in words for phone in word)
    found = [p for word in decoder.get_alignment() for p in word]
    names = ("SIL" if p.name.startswith(("SIL", "+")) else next(own) for p in found)
    return [Phone(name, p.start / 100, (p.start + p.duration) / 100) for name, p in zip(names, found)]


@cache
def pronunciations() -> dict[str, list[str]]:
    """Word -> phones, of the words in Pocketsphinx's dictionary that any synthesiser reads as they are written."""
    from pocketsphinx import get_model_path

    lines = Path(get_model_path(), "en-us", "cmudict-en-us.dict").read_text().splitlines()
    rows = (line.split() for line in lines)
    return {word: phones for word, *phones in rows if word.isalpha() and word.isascii() and 3 <= len(word) <= 9}
