"""Phones with their times to units: what a mouth does to say them, without any sound.

    articulation = Articulation.load()
    units = articulation(phones, frames=75)     # [75, 46], above rest, as audio2au gives them

Every phone pulls each group of units (opening, shape, closure) towards its own target with a strength that fades to
both sides of it, and the face is the mean of all targets by their strengths at that moment: dominance functions
(Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993). A strong target in a short phone is
what shuts the lips for p, b, m between two wide vowels; a weak one is what lets k and h look like their neighbours.

Phones are those of the CMU dictionary without stress, with SIL and three vowels of other languages (`PHONES`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

TABLE = Path(__file__).parent / "weights" / "phones.json"

VOWELS = tuple("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW UE OE UX".split())
CONSONANTS = tuple("B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split())
PHONES = ("SIL", *VOWELS, *CONSONANTS)
"""UE and OE are the rounded front vowels of French and German, UX the unrounded back one of Japanese."""
BILABIAL, LABIAL = frozenset("P B M".split()), frozenset("F V".split())
ROUNDED = frozenset("UW OW W UH AO OY UE OE".split())
TONGUE = {"L": 0.6, "N": 0.6, "T": 0.6, "D": 0.6, "TH": 1.0, "DH": 1.0}
"""How far the tip of the tongue is raised: to the ridge behind the upper teeth, or between the teeth."""

_IPA = {
    "aɪ": "AY", "aʊ": "AW", "ɔɪ": "OY", "ɔʏ": "OY", "ɔø": "OY", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ou": "OW",
    "ei": "EY", "ai": "AY", "au": "AW", "tʃ": "CH", "dʒ": "JH", "tɕ": "CH", "dʑ": "JH", "tʂ": "CH", "dʐ": "JH",
    "ts": "T S", "dz": "D Z", "pf": "P F", "yu": "Y UW", "æ": "AE", "a": "AA", "ɑ": "AA", "ɐ": "AH", "ʌ": "AH",
    "ə": "AH", "ɤ": "AH", "ɘ": "AH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "ɒ": "AO", "ɔ": "AO", "o": "OW",
    "u": "UW", "ʉ": "UW", "ʊ": "UH", "ɵ": "UH", "ɯ": "UX", "i": "IY", "ɪ": "IH", "ɨ": "IH", "e": "EY",
    "ɛ": "EH", "y": "UE", "ʏ": "UE", "ø": "OE", "œ": "OE", "p": "P", "b": "B", "m": "M", "f": "F", "v": "V",
    "ʋ": "V", "ɱ": "F", "ɸ": "W", "β": "B", "w": "W", "ʍ": "W", "ɥ": "W", "t": "T", "ʈ": "T", "d": "D",
    "ɖ": "D", "ɾ": "D", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ɕ": "SH", "ʂ": "SH", "ʒ": "ZH",
    "ʑ": "ZH", "ʐ": "ZH", "h": "HH", "ɦ": "HH", "ħ": "HH", "x": "HH", "χ": "HH", "ç": "HH", "ʔ": "HH", "k": "K",
    "c": "K", "q": "K", "ɡ": "G", "g": "G", "ɟ": "G", "ɣ": "G", "ʁ": "G", "ʀ": "G", "n": "N", "ɲ": "N",
    "ɳ": "N", "ɴ": "NG", "ŋ": "NG", "l": "L", "ɫ": "L", "ʎ": "L", "ɭ": "L", "r": "L", "ɽ": "L", "ɹ": "R",
    "ɻ": "R", "j": "Y", "ʝ": "Y",
}  # fmt: skip
# r is rounded in English alone: a trill looks like l, a French r like g.


class Phone(NamedTuple):
    """One phone of `PHONES` and when it is said, in seconds."""

    name: str
    start: float
    end: float


def from_ipa(symbol: str, start: float, end: float) -> list[Phone]:
    """The phones of an IPA string said from `start` to `end`, which they share evenly; marks of length, stress and
    tone are left out, and nothing at all is a pause."""
    names, at = [], 0
    while at < len(symbol):
        pair = _IPA.get(symbol[at : at + 2])
        names += (pair or _IPA.get(symbol[at], "")).split()
        at += 2 if pair else 1
    names = names or ["SIL"]
    edges = np.linspace(start, end, len(names) + 1)
    return [Phone(name, float(a), float(b)) for name, a, b in zip(names, edges, edges[1:])]


# What flite and festival call otherwise than the CMU dictionary.
_OTHER_NAMES = {"PAU": "SIL", "H#": "SIL", "BRTH": "SIL", "AX": "AH", "AXR": "ER", "IX": "IH", "HV": "HH", "EL": "L"}
_OTHER_NAMES |= {"EN": "N", "EM": "M", "DX": "D", "NX": "N"}


def from_symbols(symbols: list[tuple[str, float, float]], alphabet: str) -> list[Phone]:
    """Phones from (symbol, start, end) in IPA (`ipa`) or in names like the CMU dictionary's (`cmu`), stress or none.

    Raises ValueError for a name that is unknown.
    """
    if alphabet == "ipa":
        return [phone for symbol in symbols for phone in from_ipa(*symbol)]
    named = [
        (_OTHER_NAMES.get(n, n), start, end)
        for n, start, end in ((s.upper().rstrip("012"), a, b) for s, a, b in symbols)
    ]
    if unknown := {name for name, _, _ in named} - set(PHONES):
        raise ValueError(f"phones without a name: {', '.join(sorted(unknown))}")
    return [Phone(*row) for row in named]


def at_frames(phones: list[Phone], frames: int, fps: float) -> np.ndarray:
    """The index in `PHONES` of what is said in the middle of each frame, [frames]."""
    out = np.zeros(frames, np.int64)
    for name, start, end in phones:
        out[max(0, round(start * fps)) : max(0, round(end * fps))] = PHONES.index(name)
    return out


def closures(phones: list[Phone], frames: int, fps: float) -> np.ndarray:
    """True at the frames [frames] nearest to the middle of each p, b and m: lips touch there."""
    out = np.zeros(frames, bool)
    for name, start, end in phones:
        if name in BILABIAL and 0 <= (frame := int((start + end) / 2 * fps)) < frames:
            out[frame] = True
    return out


def tongue(phones: list[Phone], frames: int, fps: float) -> np.ndarray:
    """How far the tip of the tongue is raised in the middle of each frame, [frames] float32; it takes RISES seconds."""
    time, up = (np.arange(frames) + 0.5) / fps, np.zeros(frames, np.float32)
    for name, start, end in phones:
        if name in TONGUE:
            away = np.maximum(np.maximum(start - time, time - end), 0)
            up = np.maximum(up, TONGUE[name] * (1 - away / RISES).clip(0, 1)).astype(np.float32)
    return up


def loudness(phones: list[Phone], samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Each phone's level against the median vowel's, in nepers of amplitude within -1 to 0.7, [P]; 0 but for vowels."""
    vowels = np.array([phone.name in VOWELS for phone in phones], bool)
    level = np.zeros(len(phones))
    for i in np.flatnonzero(vowels):
        piece = samples[int(phones[i].start * sample_rate) : int(phones[i].end * sample_rate) + 1]
        level[i] = np.log(1e-4 + np.sqrt(np.mean(np.square(piece, dtype=np.float64)))) if len(piece) else -9.2
    return np.where(vowels, np.clip(level - np.median(level[vowels]) if vowels.any() else level, -1, 0.7), 0)


@dataclass(frozen=True)
class Articulation:
    """The table that `recipes.fit_phones` fits, and what it makes of phones."""

    unit_names: tuple[str, ...]
    """All units, in the order of the output; those without a group stay at rest."""
    groups: dict[str, tuple[str, ...]]
    """Units that a phone pulls with one strength."""
    targets: np.ndarray
    """[phones, U], above rest."""
    strengths: np.ndarray
    """[phones, groups], natural logarithms."""
    reach: np.ndarray
    """[groups, 2] seconds in which a strength falls by e before the phone and after it."""
    louder: float
    """A vowel's opening grows with exp(louder * its loudness), see `loudness`..."""
    longer: float
    """...and with (its duration / 0.1 s) ** longer, both sides kept within 0.6 to 1.4."""

    def __call__(
        self, phones: list[Phone], frames: int, fps: float = 25.0, levels: np.ndarray | None = None
    ) -> np.ndarray:
        """Units [frames, U] float32 above rest; frame k is (k + 0.5) / fps. `levels` [P] as `loudness` gives them."""
        units = np.zeros((frames, len(self.unit_names)), np.float32)
        if not phones or not frames:
            return units
        phones = with_pauses(phones, frames / fps) if levels is None else phones
        which = np.array([PHONES.index(phone.name) for phone in phones])
        edges = np.array([phone[1:] for phone in phones])
        pull = self._pull(which, edges, (np.arange(frames) + 0.5) / fps)
        scale = self._scale(which, edges, np.zeros(len(phones)) if levels is None else levels)
        for group, names in enumerate(self.groups.values()):
            columns = [self.unit_names.index(name) for name in names]
            targets = self.targets[which][:, columns] * (scale[:, None] if group == 0 else 1)
            units[:, columns] = pull[:, :, group] @ targets
        return units.clip(0, 1)

    def _pull(self, which: np.ndarray, edges: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Each phone's share in each group at each moment, [T, P, groups]; the shares of a moment sum to 1."""
        before = np.maximum(edges[:, 0] + CORE * (edges[:, 1] - edges[:, 0]) - time[:, None], 0)
        after = np.maximum(time[:, None] - edges[:, 1] + CORE * (edges[:, 1] - edges[:, 0]), 0)
        log = self.strengths[which] - before[..., None] / self.reach[:, 0] - after[..., None] / self.reach[:, 1]
        pull = np.exp(log - log.max(1, keepdims=True))
        return pull / pull.sum(1, keepdims=True)

    def _scale(self, which: np.ndarray, edges: np.ndarray, levels: np.ndarray) -> np.ndarray:
        vowel = (which >= 1) & (which <= len(VOWELS))
        seconds = np.maximum(edges[:, 1] - edges[:, 0], 0.02)
        return np.where(vowel, np.exp(self.louder * levels) * (seconds / 0.1) ** self.longer, 1).clip(0.6, 1.4)

    def save(self, path: Path) -> None:
        """As JSON that a person can read: one line for each phone, units that it leaves at rest left out."""
        units = [name for names in self.groups.values() for name in names]
        columns = [self.unit_names.index(name) for name in units]
        rows = {
            phone: [[round(float(v), 3) for v in self.targets[i, columns]], [round(float(v), 2) for v in strength]]
            for i, (phone, strength) in enumerate(zip(PHONES, self.strengths))
        }
        about = {
            "unit_names": self.unit_names, "groups": self.groups, "reach": np.round(self.reach, 4).tolist(),
            "louder": round(self.louder, 3), "longer": round(self.longer, 3),
        }  # fmt: skip
        lines = [f'"{key}": {json.dumps(value)}' for key, value in about.items()]
        table = ",\n".join(f'  "{phone}": {json.dumps(row)}' for phone, row in rows.items())
        Path(path).write_text("{\n" + ",\n".join(lines) + ',\n"phones": {\n' + table + "\n}}\n")

    @classmethod
    def load(cls, path: str | Path | None = None) -> Articulation:
        """The table that ships, or another. Raises OSError, ValueError or KeyError for what is none."""
        about = json.loads(Path(path or TABLE).read_text())
        names = tuple(about["unit_names"])
        groups = {group: tuple(units) for group, units in about["groups"].items()}
        columns = [names.index(name) for units in groups.values() for name in units]
        targets = np.zeros((len(PHONES), len(names)))
        targets[:, columns] = [about["phones"][phone][0] for phone in PHONES]
        strengths = np.array([about["phones"][phone][1] for phone in PHONES])
        return cls(names, groups, targets, strengths, np.array(about["reach"]), about["louder"], about["longer"])


RISES = 0.07
CORE = 0.35  # share of a phone, on both sides, in which its strength has begun to fade


def with_pauses(phones: list[Phone], seconds: float) -> list[Phone]:
    """The phones with SIL wherever nothing is said for 30 ms or more, and before and after them."""
    out, at = [], -0.3
    for phone in [*phones, Phone("SIL", seconds + 0.3, seconds + 0.3)]:
        if phone.start - at >= 0.03:
            out.append(Phone("SIL", at, phone.start))
        out.append(phone)
        at = max(at, phone.end)
    return out
