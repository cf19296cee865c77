"""Pictures in the encoder's own colours: RGB in, planar YUV 4:2:0 out, as ffmpeg would make it of them; and back.

BT.709 in limited range, what browsers and QuickTime expect. One uint8 array [H * 3 / 2, W] holds the brightness Y
[H, W] and then U and V, [H / 2, W / 2] each, whose pixels lie in the middle of two by two of Y's; H and W are even.
"""

from __future__ import annotations

import cv2
import numpy as np

RED, BLUE = 0.2126, 0.0722  # of BT.709's brightness; green is the rest
LUMA, CHROMA = 219 / 255, 224 / 255  # limited range
_BRIGHTNESS = np.array([RED, 1 - RED - BLUE, BLUE])
# Rows: Y, and the differences of blue and red from it, scaled to half of the range either way.
_TO_YUV = np.stack(
    [
        LUMA * _BRIGHTNESS,
        CHROMA * ([0, 0, 1] - _BRIGHTNESS) / (2 * (1 - BLUE)),
        CHROMA * ([1, 0, 0] - _BRIGHTNESS) / (2 * (1 - RED)),
    ]
)
STRIP = 256  # rows, even, of a picture that are worked on at once: what lies between takes memory as well
_OFFSET = np.array([16.0, 128, 128])
_FORWARD = np.column_stack([_TO_YUV, _OFFSET]).astype(np.float32)
_BACK = np.linalg.inv(_TO_YUV)
_BACKWARD = np.column_stack([_BACK, -_BACK @ _OFFSET]).astype(np.float32)


def to_yuv(rgb: np.ndarray) -> np.ndarray:
    """RGB uint8 [H, W, 3] -> uint8 [H * 3 / 2, W]."""
    height, width = rgb.shape[:2]
    out = np.empty((height * 3 // 2, width), np.uint8)
    for plane, values in zip(planes(out), split(rgb)):
        plane[:] = values
    return out


def even(picture: np.ndarray) -> np.ndarray:
    """A picture of which an odd side gains its last line once more."""
    height, width = picture.shape[:2]
    if not (height % 2 or width % 2):
        return picture
    return cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def pixels(rgb: np.ndarray) -> np.ndarray:
    """RGB uint8 [H, W, 3] -> Y, U and V of every pixel, uint8 [H, W, 3]."""
    return cv2.transform(rgb, _FORWARD)


def split(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB uint8 [H, W, 3] -> Y [H, W], U and V [H / 2, W / 2], uint8."""
    height, width = rgb.shape[:2]
    out = np.empty((height, width), np.uint8), *np.empty((2, height // 2, width // 2), np.uint8)
    for first in range(0, height, STRIP):
        y, u, v = cv2.split(pixels(rgb[first : first + STRIP]))
        out[0][first : first + STRIP] = y
        size, rows = (width // 2, len(y) // 2), slice(first // 2, (first + STRIP) // 2)
        for plane, values in zip(out[1:], (u, v)):
            cv2.resize(values, size, dst=plane[rows], interpolation=cv2.INTER_AREA)
    return out


def planes(yuv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of Y [H, W], U and V [H / 2, W / 2] in an array [H * 3 / 2, W]; writing to them writes to it."""
    width = yuv.shape[1]
    height = yuv.shape[0] * 2 // 3
    u, v = yuv[height:].reshape(2, height // 2, width // 2)
    return yuv[:height], u, v


def to_rgb(yuv: np.ndarray) -> np.ndarray:
    """uint8 [H * 3 / 2, W] -> RGB uint8 [H, W, 3], colour interpolated linearly."""
    y, u, v = planes(yuv)
    wide = [cv2.resize(plane, y.shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in (u, v)]
    return cv2.transform(cv2.merge([y, *wide]), _BACKWARD)
