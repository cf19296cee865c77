"""Where a face's lips go when its units change: landmarks in, landmarks out, no pixels.

Takes the mouth's landmarks of a portrait and two sets of units, gives the landmarks under the second. The flow
generator's motion is one smooth field and cannot part lips that touch in the photograph; upper and lower lip are points
of their own here, so they can. Coordinates are fractions of the aligned face's side.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from gath.mesh import MOUTH
from gath.purse import PURSING, pursing, width


@dataclass(frozen=True)
class LipConfig:
    """Everything needed to build the network; saved with its weights."""

    unit_names: tuple[str, ...]
    components: int = 20  # of how mouths move
    look: int = 32  # numbers that describe the shape of a mouth
    hidden: int = 128


class LipMover(nn.Module):
    """A linear map from units to motion plus a learned correction that knows the mouth's shape.

    Both speak in the principal components of how talkers' mouths move, and none of these goes further than talkers do:
    units nobody has shown together still give the outline of a mouth. Both leave pursing to `gath.purse`.
    """

    def __init__(self, config: LipConfig):
        super().__init__()
        self.config = config
        k, c, p = len(config.unit_names), config.components, 2 * len(MOUTH)
        self.register_buffer("mean", torch.zeros(p))
        self.register_buffer("components", torch.zeros(c, p))
        self.register_buffer("limit", torch.ones(c))
        self.register_buffer("unit_map", torch.zeros(k, c))
        self.register_buffer("shapes", torch.zeros(len(PURSING), len(MOUTH), 2))
        self._pursing = [config.unit_names.index(name) for name in PURSING]
        self.look = nn.Linear(p, config.look)
        self.net = nn.Sequential(
            nn.Linear(config.look + 2 * k, config.hidden), nn.GELU("tanh"),
            nn.Linear(config.hidden, config.hidden), nn.GELU("tanh"),
            nn.Linear(config.hidden, c),
        )  # fmt: skip
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.config.unit_names

    def metadata(self) -> dict[str, object]:
        return asdict(self.config)

    def correction(self, points: Tensor, own: Tensor, wish: Tensor) -> Tensor:
        """What is added to the linear motion's coefficients, [B, C]; zero when nothing changes."""
        look = self.look((points.flatten(1) - self.mean) * 10)
        return self.net(torch.cat([look, own, wish], 1)) - self.net(torch.cat([look, own, own], 1))

    def forward(self, points: Tensor, own: Tensor, wish: Tensor, purse_share: float = 1.0) -> Tensor:
        """`points` [B, P, 2] of a face with its `own` units [B, K]; returns where they are under `wish` [B, K], with
        that share of the pursing that is drawn."""
        others = wish.clone()
        others[:, self._pursing] = own[:, self._pursing]
        much = (others - own) @ self.unit_map + self.correction(points, own, others)
        much = much / (1 + (much / self.limit) ** 4) ** 0.25
        moved = points + (much @ self.components).unflatten(1, (-1, 2))
        now, then = (pursing(units[:, self._pursing], self.shapes) for units in (wish, own))
        return moved + purse_share * (width(moved)[:, None, None] * now - width(points)[:, None, None] * then)
