"""The paper's other player (section 3.1): tells photographs from what the generator made."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class DiscriminatorClassifier(nn.Module):
    """D and C of the paper (sections 3.1 and 4.1): every hidden layer shared, separate outputs.

    A face [B, 3, S, S] in [-1, 1] gives D's least-squares scores [B, 1, h, w] (real 1, made 0) and C's logits
    [B, identities], None without a classifier (GATH-C). Depth and channels are not public: this is StarGAN's stack of
    strided convolutions, the nearest published relative, with D judging patches and C the whole last map.
    """

    def __init__(self, width: int = 64, identities: int = 0, size: int = 100, layers: int = 5):
        super().__init__()
        channels = [3] + [width * 2**i for i in range(layers)]
        self.hidden = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(channels, channels[1:]))
        side = size >> layers
        self.score = nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.identify = nn.Linear(channels[-1] * side * side, identities) if identities else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        x = image
        for layer in self.hidden:
            x = F.leaky_relu(layer(x), 0.1)
        return self.score(x).float(), self.identify(x.flatten(1)).float() if self.identify else None
