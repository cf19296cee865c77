"""Pictures in and out: a photograph of any kind as RGB, and a synthetic picture written whole or not at all."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from talkinghead.errors import OutputError, PortraitError
from talkinghead.media.ffmpeg import existing_file
from talkinghead.media.outputs import check_output, partial_of, synthetic_notice

# Kinds that hold photographs. Pillow knows more, PostScript among them, which it has Ghostscript run.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_PIXELS = 100_000_000  # 11500 x 8700; a decoded picture of this size takes 300 MB


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
                ImageOps.exif_transpose(file, in_place=True)
                return np.array(_to_rgb(file))
    except Image.DecompressionBombError:
        raise PortraitError(f"{path}: over {MAX_PIXELS // 10**6} megapixels; make it smaller first") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        broken = f"broken picture ({' '.join(str(error).split()) or type(error).__name__})"
        unknown = isinstance(error, Image.UnidentifiedImageError)
        reason = "not a picture, or of a kind unknown here" if unknown else broken
        raise PortraitError(f"{path}: {reason}; save it again as .jpg or .png") from None


def at_most(image: np.ndarray, side: int) -> np.ndarray:
    """The picture itself, or reduced where it is larger than `side` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    import cv2

    return cv2.resize(image, [max(1, round(scale * n)) for n in image.shape[1::-1]], interpolation=cv2.INTER_AREA)


def jpeg(image: np.ndarray) -> bytes:
    """A photograph [H, W, 3] as it is, as JPEG: without the notice that write_picture adds to what is made."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_picture(
    path: str | Path, image: np.ndarray, force: bool = False, seal: Callable[[Path, str], None] | None = None
) -> None:
    """Write RGB uint8 [H, W, 3] as one of PICTURE_SUFFIXES, whole or not at all; its metadata says that it is
    synthetic, in EXIF and, of a PNG, in a text chunk too. `seal` signs it, see provenance.Seal. Raises OutputError."""
    target = check_output(path, force, PICTURE_SUFFIXES)
    partial = partial_of(target, Path(path).suffix)
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
    return image if image.mode == "RGB" else image.convert("RGB")
