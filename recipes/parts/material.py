"""What the paper's evaluation is measured on: one split's pairs, and what needs no generator to be drawn for them."""

from __future__ import annotations

import numpy as np

from gath.data import Pack
from recipes.parts.evaluate_config import Config
from recipes.parts.protocol import Pair, inter_pairs, intra_pairs, photographs, sequences
from recipes.parts.synthesis import on_side


class Protocol:
    """The pairs of one split and everything about them that no generator changes."""

    def __init__(self, config: Config, pack: Pack, names: dict[int, str], constant: np.ndarray):
        """`names` are those of the data sets by number; `constant` [46] is what the mean predicts, each
        unit's mean over the training set."""
        self.pack, self.constant = pack, constant
        self.clips = sequences(pack, config.sequences)
        if not self.clips:
            raise SystemExit(f"{config.data / config.split}: holds no sequences, only photographs; nothing to pair")
        self.photos = photographs(pack, config.photos)
        self.intra = intra_pairs(pack, self.clips, config.every, config.most)
        self.inter = inter_pairs(pack, self.clips, self.photos, config.every, config.inter_most)
        self.set_of = {group: names[int(pack.source[rows[0]])] for group, rows in self.clips.items()}
        self.sets = sorted(set(self.set_of.values()))
        self.mean_of = {
            int(p): self._mean_picture(np.concatenate([r for r in self.clips.values() if pack.person[r[0]] == p]))
            for p in {int(pack.person[rows[0]]) for rows in self.clips.values()}
        }

    def _mean_picture(self, rows: np.ndarray) -> np.ndarray:
        total = sum(on_side(self.pack.images[row][None])[0].astype(float) for row in rows)
        return (total / len(rows)).round().astype(np.uint8)

    def motionless(self, pair: Pair) -> np.ndarray:
        return np.repeat(on_side(self.pack.images[pair.source][None]), len(pair.targets), 0)

    def mean(self, pair: Pair) -> np.ndarray:
        picture = self.mean_of[int(self.pack.person[pair.targets[0]])]
        return np.repeat(picture[None], len(pair.targets), 0)

    def real(self, pair: Pair) -> np.ndarray:
        return on_side(self.pack.images[pair.targets])

    def targets(self, pairs: list[Pair]) -> np.ndarray:
        return np.concatenate([pair.targets for pair in pairs]) if pairs else np.zeros(0, int)

    def labels(self, pairs: list[Pair]) -> np.ndarray:
        """Data set of every target."""
        return np.repeat([self.set_of[p.group] for p in pairs], [len(p.targets) for p in pairs])
