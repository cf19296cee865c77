"""The shape of the `flow` generator, and the constants that its torch and its lean form share. Needs no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

MARGIN = 0.12  # motion fades to nothing over this fraction of the side, so that pasting back leaves no seam
PERSONAL_FLOW = 0.1  # what the encoder says counts so much against the average face's motion basis
LEAK = 0.1  # of the leaky ReLUs, as the paper's
GROUP = 8  # channels normalised together


@dataclass(frozen=True)
class FlowConfig:
    """Everything needed to build the network; saved with its weights."""

    unit_names: tuple[str, ...]
    size: int = 128  # side of the aligned crop, pixels
    width: int = 32  # channels of the encoder's first layer
    blocks: int = 2  # residual blocks in the bottleneck

    @classmethod
    def from_json(cls, text: str) -> FlowConfig:
        """Raises ValueError for settings of another version's network."""
        values = json.loads(text)
        if unknown := sorted(values.keys() - {field.name for field in fields(cls)}):
            raise ValueError(f"weights of another version's network: this one has no {', '.join(unknown)}")
        return cls(**values | {"unit_names": tuple(values["unit_names"])})
