"""Sentences to be spoken: English of every phone beside every phone, and eight other languages.

All are our own and stand in recipes/sentences. Those of files named _test are for judging alone: `english` and
`foreign` never give them.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

NAMES = "Amelia Boris Chloe Dmitri Fiona Georgia Hugo Ingrid Joyce Kyoko Leroy Maya Noah Olga Pablo Quincy Rosie Seamus"
NAMES += " Theo Uma Vivian Walter Xavier Yusuf Zoe Bob Pippa Emma Phoebe Hubert Wolfgang Monroe"
HESITATIONS = ["um", "uh", "er", "well", "oh", "hmm", "you know", "wow", "oops", "mm", "eh", "ah"]
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
NUMBERS += " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
SMALL = "the a and or but of to in on with for from by my our your her his their we you they she he it is was were be"
SMALL += " will would could should may might who what where when why how this that these those some many more most"

FOLDER = Path(__file__).parents[1] / "sentences"
LANGUAGES = ("de", "fr", "es", "it", "pt", "ru", "ja", "cmn-latn-pinyin")
JUDGED_LANGUAGES = ("de", "fr", "es", "ru", "ja", "cmn-latn-pinyin")


def sentences(name: str) -> list[str]:
    """Those of a language, by espeak-ng's name of it, or of a test: `de`, `de_test`, `en_test`; one a line."""
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def english(pronunciations: dict[str, list[str]], count: int, seed: int) -> list[str]:
    """`count` sentences: our own, then frames filled with the dictionary's words so that each adds the most pairs of
    neighbouring phones not heard yet, with numbers, names and hesitations between.

    `pronunciations` gives the phones of a word, without stress.
    """
    rng = random.Random(seed)
    pairs = {word: set(itertools.pairwise(phones)) for word, phones in pronunciations.items() if 3 <= len(phones) <= 8}
    words = sorted(pairs)
    heard: dict[tuple[str, str], int] = {}

    def fresh() -> str:
        drawn = rng.sample(words, min(24, len(words)))
        best = max(drawn, key=lambda word: sum(1 / (1 + heard.get(pair, 0)) for pair in pairs[word]) / len(pairs[word]))
        for pair in pairs[best]:
            heard[pair] = heard.get(pair, 0) + 1
        return best

    def filler() -> str:
        kind = rng.random()
        if kind < 0.12:
            return rng.choice(NAMES.split())
        return " ".join(rng.sample(NUMBERS.split(), 2)) if kind < 0.2 else fresh()

    out, frames = sentences("en"), sentences("en_frames")
    while len(out) < count:
        if rng.random() < 0.5:
            text = rng.choice(frames)
            text = text.format(*(filler() for _ in range(text.count("{}"))))
        else:
            text = " ".join(rng.choice(SMALL.split()) if i % 2 else filler() for i in range(rng.randint(6, 10)))
            text += rng.choice(".?!")
        out.append(f"{rng.choice(HESITATIONS)}, {text}" if rng.random() < 0.15 else text)
    judged = set(sentences("en_test"))
    return [text for text in out if text not in judged][:count]


def foreign(language: str, count: int, seed: int) -> list[str]:
    """`count` sentences, each our own or the halves of two."""
    rng, own = random.Random(seed), sentences(language)
    out = list(own)
    while len(out) < count:
        out.append(" ".join(rng.sample(own, 2)))
    rng.shuffle(out)
    return out[:count]
