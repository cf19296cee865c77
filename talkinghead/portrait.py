"""Read a picture of any kind, and find the face to animate in it."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from talkinghead.errors import OutputError, PortraitError
from talkinghead.ffmpeg import existing_file
from talkinghead.tracker import TrackedFace
from talkinghead.video import check_output, synthetic_notice

# Kinds that hold photographs. Pillow knows more, PostScript among them, which it has Ghostscript run.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 100_000_000  # 11500 x 8700; a decoded picture of this size takes 300 MB
TRACK_SIDE = 1280  # longest side, in pixels, of what the tracker is shown: it looks at 192 to 256 pixels anyway
MIN_FACE = 48  # pixels of width, half the narrowest face that gives good results
MAX_YAW, MAX_PITCH = 35.0, 30.0  # degrees; beyond, half the mouth is out of sight

_Search = Callable[[np.ndarray], list[TrackedFace]]


def read_portrait(path: str | Path) -> np.ndarray:
    """The picture as RGB uint8 [H, W, 3], upright (EXIF rotation applied) and in sRGB.

    Any of the kinds READABLE, up to MAX_PIXELS. Transparent parts are laid over white, 16 bits are reduced to 8, and of
    an animation the first picture counts. Raises PortraitError.
    """
    path = existing_file(Path(path), PortraitError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning comes before our limit, and of broken EXIF
            Image.init()  # all kinds are known from here on, not the commonest alone
            with Image.open(path, formats=READABLE) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                return np.array(_to_rgb(ImageOps.exif_transpose(file)))
    except Image.DecompressionBombError:
        raise PortraitError(f"{path}: over {MAX_PIXELS // 10**6} megapixels; make it smaller first") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        broken = f"broken picture ({' '.join(str(error).split()) or type(error).__name__})"
        unknown = isinstance(error, Image.UnidentifiedImageError)
        reason = "not a picture, or of a kind unknown here" if unknown else broken
        raise PortraitError(f"{path}: {reason}; save it again as .jpg or .png") from None


def write_picture(
    path: str | Path, image: np.ndarray, force: bool = False, seal: Callable[[Path, str], None] | None = None
) -> None:
    """Write RGB uint8 [H, W, 3] as one of PICTURE_SUFFIXES, whole or not at all; its metadata says that it is
    synthetic, in EXIF and, of a PNG, in a text chunk too. `seal` signs it, see provenance.Seal. Raises OutputError."""
    target = check_output(path, force, PICTURE_SUFFIXES)
    partial = target.with_name(f".talkinghead-{os.getpid()}{target.suffix}")
    try:
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = synthetic_notice()
        text = PngImagePlugin.PngInfo()
        text.add_text("Description", synthetic_notice())
        Image.fromarray(image).save(partial, quality=95, exif=exif, pnginfo=text)
        if seal:
            seal(partial, Path(path).suffix)
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        partial.unlink(missing_ok=True)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    profile = image.info.get("icc_profile")
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile: take the numbers as they are
    return image.convert("RGB")


def find_face(
    image: np.ndarray, tracker: _Search, number: int | None = None, name: str = "the picture"
) -> tuple[TrackedFace, str | None]:
    """The face to animate in an RGB uint8 [H, W, 3] picture, in its pixels, and a warning or None.

    `number` counts from 1, the widest; None takes the widest, with a warning when there are several. `tracker` should
    look for more than one. Raises PortraitError: no face, no such number, too small, turned too far.
    """
    faces = _search(image, tracker)
    if not faces:
        raise PortraitError(f"{name}: no face found; use a picture with one face seen from the front")
    if number is not None and not 1 <= number <= len(faces):
        raise PortraitError(f"{name}: there is no face {number}; found {len(faces)}, counted from 1, the largest")
    face = _refine(image, tracker, faces[(number or 1) - 1])
    if face.width < MIN_FACE:
        raise PortraitError(f"{name}: the face is {face.width:.0f} pixels wide; use one of at least {MIN_FACE}")
    for angle, limit, turn in zip(face.pose[:2], (MAX_YAW, MAX_PITCH), ("to the side", "up or down")):
        if abs(angle) > limit:
            raise PortraitError(
                f"{name}: the face is turned {abs(angle):.0f} degrees {turn}, the limit is {limit:.0f};"
                " use a picture taken more from the front"
            )
    several = len(faces) > 1 and number is None
    return face, f"{name}: {len(faces)} faces, the largest is used; --face 2 takes the next" if several else None


def _search(image: np.ndarray, tracker: _Search) -> list[TrackedFace]:
    """Faces of the whole picture; failing that of a padded one, where the face fills the frame; failing that of
    overlapping squares, where it is small: the detector sees only faces over about a tenth of the width."""
    height, width = image.shape[:2]
    faces = _track(image, tracker)
    if not faces:
        faces = _track(image, tracker, margin=max(height, width) // 2)
    longest = max(height, width)
    for side in sorted({longest // 2, longest // 4, min(height, width)}, reverse=True):
        if not faces and side > 2 * MIN_FACE:
            corners = itertools.product(range(0, width, side // 2), range(0, height, side // 2))
            faces = [f for x, y in corners for f in _track(image, tracker, (x, y, x + side, y + side))]
    return _distinct(faces)


def _refine(image: np.ndarray, tracker: _Search, face: TrackedFace) -> TrackedFace:
    """The same face measured again close up, where the first look was at a reduced copy."""
    if max(image.shape[:2]) <= TRACK_SIDE:
        return face
    centre, half = face.points.mean(0), 1.5 * max(np.ptp(face.points, 0))
    low = np.maximum(centre - half, 0).astype(int)
    high = np.minimum(centre + half, image.shape[1::-1]).astype(int)
    near = _track(image, tracker, (*low, *high))
    near = [other for other in near if np.linalg.norm(other.points.mean(0) - centre) < 0.5 * face.width]
    return max(near, key=lambda other: other.width, default=face)


def _track(
    image: np.ndarray, tracker: _Search, box: tuple[int, int, int, int] | None = None, margin: int = 0
) -> list[TrackedFace]:
    """Faces in a part (left, top, right, bottom) of the picture, shown to the tracker at TRACK_SIDE at most and with
    its border repeated for `margin` pixels; landmarks in pixels of the whole picture."""
    left, top, right, bottom = box or (0, 0, image.shape[1], image.shape[0])
    part = image[top:bottom, left:right]
    scale = min(1.0, TRACK_SIDE / (max(part.shape[:2]) + 2 * margin))
    if scale < 1:
        size = [max(1, round(scale * side)) for side in part.shape[1::-1]]
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    border = round(margin * scale)
    if border:
        part = cv2.copyMakeBorder(part, *[border] * 4, cv2.BORDER_REPLICATE)
    shift = np.array([left - border / scale, top - border / scale, 0], np.float32)
    return [replace(face, landmarks=face.landmarks / np.float32(scale) + shift) for face in tracker(part)]


def _distinct(faces: list[TrackedFace]) -> list[TrackedFace]:
    """The widest first, without those found twice: centres closer than half a width."""
    kept: list[TrackedFace] = []
    for face in sorted(faces, key=lambda f: -f.width):
        centre = face.points.mean(0)
        if all(np.linalg.norm(centre - other.points.mean(0)) > 0.5 * other.width for other in kept):
            kept.append(face)
    return kept
