"""Do the lips read the words? Units and the phones that were said in, one figure for each way in which lips show them.

Counted as the project's independent judge of lips counts (`lips.py` beside the corpus), so that figures compare, but
with phones from wherever they are known: that judge knows English alone.
"""

from __future__ import annotations

import numpy as np

from audio2au.phones import BILABIAL, ROUNDED, VOWELS, Phone
from talkinghead.units.names import INDEX

OPEN = frozenset("AA AE AO AH AW AY EH EY ER OY".split())
SPREAD = frozenset("IY IH EY AE EH S Z".split())
MARGIN = 0.02  # seconds on both sides of a phone that still show it
FEWEST = 8  # of a kind, for a figure


def area(more: list[float], less: list[float]) -> float:
    """Area under the ROC curve: the chance that one of `more` is above one of `less`; NaN below FEWEST of either."""
    if min(len(more), len(less)) < FEWEST:
        return float("nan")
    ranks = np.concatenate([more, less]).argsort().argsort() + 1
    return float((ranks[: len(more)].sum() - len(more) * (len(more) + 1) / 2) / (len(more) * len(less)))


def _standard(series: np.ndarray) -> np.ndarray:
    return (series - series.mean()) / (series.std() + 1e-6)


class LipReading:
    """Gathers clips; `figures` are over all of them. Openings are in each clip's own deviations, but for `closed`."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def add(self, units: np.ndarray, phones: list[Phone], fps: float = 25.0) -> None:
        """Units [T, 46], frame k at (k + 0.5) / fps, and what was said meanwhile."""
        time = (np.arange(len(units)) + 0.5) / fps
        gap = units[:, INDEX["LipsUpperOpen"]] + units[:, INDEX["LipsLowerOpen"]]
        gap = gap - np.percentile(gap, 5)  # from this face's own closed lips
        near, jaw = -_standard(gap), _standard(units[:, INDEX["JawOpen"]])
        purse = _standard(units[:, INDEX["LipsPucker"]] + units[:, INDEX["LipsFunnel"]])
        for name, start, end in phones:
            at = (time >= start - MARGIN) & (time <= end + MARGIN)
            if at.any():
                self._add(name, near[at].max(), gap[at], jaw[at].max(), purse[at].max())

    def _add(self, name: str, near: float, gap: np.ndarray, jaw: float, purse: float) -> None:
        kinds = {"bilabial": near, "least": gap.min()} if name in BILABIAL else {}
        if name in VOWELS:
            kinds |= {"vowel": near, "most": gap.max(), "open" if name in OPEN else "narrow": jaw}
        kinds |= {"rounded": purse} if name in ROUNDED else {}
        kinds |= {"spread": purse} if name in SPREAD else {}
        for kind, value in kinds.items():
            self._seen.setdefault(kind, []).append(float(value))

    @property
    def figures(self) -> dict[str, float]:
        """`closed`: share of p, b, m whose smallest opening is under a third of the median vowel's largest; the others
        are areas under the curve: lips nearer at p, b, m than in vowels, the jaw further down in open vowels than in
        close ones, lips more pursed in rounded sounds than in spread ones."""
        of = {kind: self._seen.get(kind, []) for kind in "bilabial least vowel most open narrow rounded spread".split()}
        third = np.median(of["most"]) / 3 if of["most"] else 0
        return {
            "closed": float(np.mean(np.array(of["least"]) < third)) if of["least"] else float("nan"),
            "bilabial": area(of["bilabial"], of["vowel"]),
            "open": area(of["open"], of["narrow"]),
            "rounded": area(of["rounded"], of["spread"]),
        }
