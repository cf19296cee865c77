"""The 46 facial action units, and where each comes from in MediaPipe's blendshape scores.

The order is FaceShift's list, the one the FaceWarehouse line of work uses; the paper gives only "46-D, each in
[0, 1]" (section 3.1). `_L` and `_R` are the subject's own left and right. Names are the contract everywhere: a CSV
is read by its header and a checkpoint carries its names, so nothing depends on a column number.
"""

from __future__ import annotations

import numpy as np

# name -> (MediaPipe scores whose mean it is, what it does). LipsUpperOpen and LipsLowerOpen have no score of their
# own and are measured from the inner lip, see `lip_opening`.
_SIDES = {"L": "Left", "R": "Right"}


def _pair(name: str, score: str, does: str) -> dict[str, tuple[tuple[str, ...], str]]:
    return {f"{name}_{s}": ((score + side,), f"{does}, {side.lower()}") for s, side in _SIDES.items()}


SOURCES: dict[str, tuple[tuple[str, ...], str]] = {
    **_pair("EyeBlink", "eyeBlink", "closes the eyelid"),
    **_pair("EyeSquint", "eyeSquint", "tightens the lower eyelid"),
    **_pair("EyeDown", "eyeLookDown", "turns the eye down"),
    **_pair("EyeIn", "eyeLookIn", "turns the eye toward the nose"),
    **_pair("EyeOpen", "eyeWide", "opens the eye wide"),
    **_pair("EyeOut", "eyeLookOut", "turns the eye toward the ear"),
    **_pair("EyeUp", "eyeLookUp", "turns the eye up"),
    **_pair("BrowsD", "browDown", "lowers the brow"),
    "BrowsU_C": (("browInnerUp",), "raises the inner brows"),
    **_pair("BrowsU", "browOuterUp", "raises the outer brow"),
    "JawFwd": (("jawForward",), "pushes the jaw forward"),
    "JawLeft": (("jawLeft",), "moves the jaw to the subject's left"),
    "JawOpen": (("jawOpen",), "opens the jaw"),
    "JawChew": (("mouthClose",), "closes the lips while the jaw is open"),
    "JawRight": (("jawRight",), "moves the jaw to the subject's right"),
    "MouthLeft": (("mouthLeft",), "moves the mouth to the subject's left"),
    "MouthRight": (("mouthRight",), "moves the mouth to the subject's right"),
    **_pair("MouthFrown", "mouthFrown", "lowers the mouth corner"),
    **_pair("MouthSmile", "mouthSmile", "raises the mouth corner"),
    **_pair("MouthDimple", "mouthDimple", "pulls the mouth corner back"),
    **_pair("LipsStretch", "mouthStretch", "stretches the lips sideways"),
    "LipsUpperClose": (("mouthRollUpper",), "rolls the upper lip in"),
    "LipsLowerClose": (("mouthRollLower",), "rolls the lower lip in"),
    "LipsUpperUp": (("mouthUpperUpLeft", "mouthUpperUpRight"), "raises the upper lip"),
    "LipsLowerDown": (("mouthLowerDownLeft", "mouthLowerDownRight"), "lowers the lower lip"),
    "LipsUpperOpen": ((), "lifts the upper inner lip from the line of the mouth corners"),
    "LipsLowerOpen": ((), "drops the lower inner lip from the line of the mouth corners"),
    "LipsFunnel": (("mouthFunnel",), "funnels the lips, as in 'oh'"),
    "LipsPucker": (("mouthPucker",), "puckers the lips, as in 'oo'"),
    "ChinLowerRaise": (("mouthShrugLower",), "raises the chin and the lower lip"),
    "ChinUpperRaise": (("mouthShrugUpper",), "pushes the upper lip up from below"),
    "Sneer": (("noseSneerLeft", "noseSneerRight"), "wrinkles the nose"),
    "Puff": (("cheekPuff",), "puffs the cheeks"),
}

UNIT_NAMES: tuple[str, ...] = tuple(SOURCES)
HEARD = ("TongueUp", "LipTuck", "LipPurse")  # which a voice model may know besides, in this order
INDEX: dict[str, int] = {name: i for i, name in enumerate(UNIT_NAMES)}

# MediaPipe mesh points: inner lip top and bottom, inner mouth corners, outer eye corners.
LIP_POINTS = (13, 14, 78, 308, 33, 263)
# 99th percentile of the raw distances over the training split of the corpus, so that 1 is about the widest.
LIP_OPENING_SCALE = (0.15, 0.25)


def lip_opening(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the upper and lower inner lip from the line through the mouth corners, per inter-ocular distance.

    `landmarks` [..., 478, 2] pixels; returns [..., 2] raw ratios, positive above the line for the upper lip and below
    it for the lower.
    """
    return opening_of(landmarks[..., LIP_POINTS, :])


def opening_of(points: np.ndarray) -> np.ndarray:
    """The same of LIP_POINTS alone, [..., 6, 2]."""
    top, bottom, left, right, *eyes = np.moveaxis(points, -2, 0)
    along = right - left
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    down = np.stack([-along[..., 1], along[..., 0]], -1)
    apart = np.maximum(np.linalg.norm(eyes[1] - eyes[0], axis=-1), 1e-6)
    return np.stack([((left - top) * down).sum(-1), ((bottom - left) * down).sum(-1)], -1) / apart[..., None]


def units_from_scores(scores: dict[str, float], landmarks: np.ndarray) -> np.ndarray:
    """The 46 units, each in [0, 1], from MediaPipe's blendshape scores and the [478, 2] landmarks of one face."""
    units = np.array([np.mean([scores[s] for s in src]) if src else 0.0 for src, _ in SOURCES.values()], np.float32)
    return with_opening(units.clip(0, 1), lip_opening(landmarks))


def with_opening(units: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """A copy of units [..., 46] with lips as far from the line of the mouth's corners as `opening` [..., 2] says."""
    out = units.copy()
    out[..., [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]] = (opening / LIP_OPENING_SCALE).clip(0, 1)
    return out


def lip_gap(units: np.ndarray) -> np.ndarray:
    """The gap between the lips, in inter-ocular distances, that units [..., 46] speak of; of a change, the change."""
    upper, lower = (units[..., INDEX[name]] for name in ("LipsUpperOpen", "LipsLowerOpen"))
    return LIP_OPENING_SCALE[0] * upper + LIP_OPENING_SCALE[1] * lower
