"""The action-unit estimator E of the paper's section 3.2 (AUE): a face in, its units out.

Read in the paper: "based on VGG-9", input 100x100 RGB in [-1, 1], 46 units out, trained by the squared loss (2), and
its last convolution, named conv3_2, is the space in which the AU loss (4) compares faces.
Leads, which nobody has confirmed: the rest of the shape is that of the VGG-9 in the examples of CNTK, the authors'
framework: 3x3 convolutions in pairs of 64, 96 and 128 channels, each pair followed by 3x3 max pooling with stride 2 and
no padding, then two dense layers of 1024 and a linear one, rectifiers between all of them. "The last convolution" is
taken after its rectifier and before the pooling.
Ours: `width` scales the channels (64 is the lead), He's initialisation in place of Glorot's, and a last layer that
starts at the mean units of the training set. As in the lead nothing is normalised inside.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gath.data import resize


@dataclass(frozen=True)
class EstimatorConfig:
    """Everything needed to build the network; saved with its weights."""

    unit_names: tuple[str, ...]
    size: int = 100  # side of the picture it looks at, pixels
    width: int = 64  # channels of the first pair of convolutions; the others have 1.5 and 2 times as many
    hidden: int = 1024  # outputs of each of the two hidden dense layers


def pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 2)


def pooled(size: int) -> int:
    """Side of what `pool` makes of a map of side `size`."""
    return (size - 3) // 2 + 1


class Estimator(nn.Module):
    """E(x) of the paper's section 3.2."""

    def __init__(self, config: EstimatorConfig, mean_units: Tensor | None = None):
        """`mean_units` [K]: what an untrained estimator answers, give or take (default: zeros)."""
        super().__init__()
        self.config = config
        a, b, c = config.width, config.width * 3 // 2, config.width * 2
        side = pooled(pooled(pooled(config.size)))
        self.conv1_1 = nn.Conv2d(3, a, 3, padding=1)
        self.conv1_2 = nn.Conv2d(a, a, 3, padding=1)
        self.conv2_1 = nn.Conv2d(a, b, 3, padding=1)
        self.conv2_2 = nn.Conv2d(b, b, 3, padding=1)
        self.conv3_1 = nn.Conv2d(b, c, 3, padding=1)
        self.conv3_2 = nn.Conv2d(c, c, 3, padding=1)
        self.dense1 = nn.Linear(c * side * side, config.hidden)
        self.dense2 = nn.Linear(config.hidden, config.hidden)
        self.out = nn.Linear(config.hidden, len(config.unit_names))
        for layer in self.children():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.out.weight *= 0.1
            if mean_units is not None:
                self.out.bias.copy_(mean_units)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return self.config.unit_names

    def features(self, picture: Tensor) -> Tensor:
        """f_au of (4): the rectified output of conv3_2, [B, 2 * width, h, w] (24x24 of a 100x100 picture).

        `picture` [B, 3, S, S] RGB in [-1, 1] is resized first if S is not the config's size; gradients pass through.
        """
        picture = resize(picture, self.config.size)
        x = F.relu(self.conv1_2(F.relu(self.conv1_1(picture))))
        x = F.relu(self.conv2_2(F.relu(self.conv2_1(pool(x)))))
        return F.relu(self.conv3_2(F.relu(self.conv3_1(pool(x)))))

    def judge(self, features: Tensor) -> Tensor:
        """Units [B, K] from `features`, for a caller that wants both."""
        x = F.relu(self.dense1(pool(features).flatten(1)))
        return self.out(F.relu(self.dense2(x))).float()

    def forward(self, picture: Tensor) -> Tensor:
        """Units [B, K] of faces [B, 3, S, S] RGB in [-1, 1]: linear, so a little outside [0, 1] at times."""
        return self.judge(self.features(picture))

    def metadata(self) -> dict[str, object]:
        return asdict(self.config)
