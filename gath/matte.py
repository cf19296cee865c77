"""The network that tells a person from what is behind: an upright picture of a head in, logits of opacity out.

It is trained here in torch (recipes.train_matte); talkinghead/face/matte.py runs it without.
"""

from __future__ import annotations

from gath.unet import UNet


class MatteNet(UNet):
    """RGB [B, 3, S, S] in [-1, 1], S a multiple of 16, to logits [B, 1, S, S]."""

    def __init__(self):
        super().__init__(3, 1, (24, 40, 56, 80))
