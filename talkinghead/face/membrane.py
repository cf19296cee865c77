"""A smooth surface through what is known of it."""

from __future__ import annotations

import cv2
import numpy as np

STEPS = 300


def membrane(pull: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The surface [h, w] that is as flat as it can be while `pull` [h, w] holds it at the heights `wanted`: conjugate
    gradients on sum(pull * (z - wanted) ** 2) + sum(differences of neighbours ** 2)."""

    def slope(z: np.ndarray) -> np.ndarray:
        return pull * z - cv2.Laplacian(z, cv2.CV_64F, ksize=1, borderType=cv2.BORDER_REPLICATE)

    z = np.full_like(wanted, np.average(wanted, weights=pull))
    rest = pull * wanted - slope(z)
    way, size = rest, (rest**2).sum()
    for _ in range(STEPS):
        if size < 1e-9:
            break
        turned = slope(way)
        step = size / (way * turned).sum()
        z, rest = z + step * way, rest - step * turned
        before, size = size, (rest**2).sum()
        way = rest + size / before * way
    return z
