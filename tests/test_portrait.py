from __future__ import annotations

import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from talkinghead.errors import OutputError, PortraitError
from talkinghead.face.find import MAX_YAW, MIN_FACE, OVAL, find_face, outline
from talkinghead.face.tracker import TrackedFace
from talkinghead.media.pictures import read_portrait, write_picture

QUADRANTS = np.zeros((40, 60, 3), np.uint8)  # top left red, top right green, bottom left blue, bottom right white
QUADRANTS[:20, :30] = 255, 0, 0
QUADRANTS[:20, 30:] = 0, 255, 0
QUADRANTS[20:, :30] = 0, 0, 255
QUADRANTS[20:, 30:] = 255, 255, 255


def saved(tmp_path, suffix, image=None, **options):
    path = tmp_path / f"picture{suffix}"
    (image or Image.fromarray(QUADRANTS)).save(path, **options)
    return path


# What the camera stored, so that the tag's rotation makes it upright (EXIF 2.3, tag 274).
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](QUADRANTS)))
    path = saved(tmp_path, ".jpg", stored, exif=exif, quality=100, subsampling=0)
    np.testing.assert_allclose(read_portrait(path).astype(int), QUADRANTS, atol=40)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".gif", ".ppm"])
def test_kinds_that_lose_nothing(tmp_path, suffix):
    image = read_portrait(saved(tmp_path, suffix))
    assert image.dtype == np.uint8 and np.array_equal(image, QUADRANTS)


@pytest.mark.parametrize("suffix, mode", [(".webp", "RGB"), (".jpg", "CMYK"), (".jpg", "YCbCr"), (".tiff", "LAB")])
def test_kinds_that_come_close(tmp_path, suffix, mode):
    source = Image.fromarray(QUADRANTS)
    if mode == "LAB":
        rgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
        source = ImageCms.profileToProfile(source, rgb, lab, outputMode="LAB")
    image = read_portrait(saved(tmp_path, suffix, source if mode == "LAB" else source.convert(mode), quality=100))
    assert np.abs(image.astype(int) - QUADRANTS)[5:15, 5:25].mean() < 12
    assert np.abs(image.astype(int) - QUADRANTS).mean() < 20


def test_grey_of_8_and_16_bits(tmp_path):
    ramp = np.linspace(0, 255, 64).round().astype(np.uint8)[None].repeat(32, 0)
    assert np.array_equal(read_portrait(saved(tmp_path, ".png", Image.fromarray(ramp))), ramp[..., None].repeat(3, 2))
    cv2.imwrite(str(tmp_path / "deep.png"), ramp.astype(np.uint16) * 257)
    assert np.array_equal(read_portrait(tmp_path / "deep.png"), ramp[..., None].repeat(3, 2))


def test_colour_of_16_bits(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), QUADRANTS[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(read_portrait(tmp_path / "deep.png"), QUADRANTS)


def test_transparent_parts_lie_over_white(tmp_path):
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:20, :30], alpha[20:, :30] = 0, 128
    image = read_portrait(saved(tmp_path, ".png", Image.fromarray(np.dstack([QUADRANTS, alpha]))))
    assert (image[:20, :30] == 255).all() and (image[:20, 30:] == (0, 255, 0)).all()
    np.testing.assert_allclose(image[25, 5], (127, 127, 255), atol=1)
    grey = Image.fromarray(np.dstack([QUADRANTS[..., 0], alpha]), "LA")
    assert (read_portrait(saved(tmp_path, ".png", grey))[:20, :30] == 255).all()


def test_palette_with_a_transparent_entry(tmp_path):
    palette = Image.fromarray(QUADRANTS).quantize(4)
    red = palette.getpixel((0, 0))
    assert np.array_equal(read_portrait(saved(tmp_path, ".png", palette)), QUADRANTS)
    assert (read_portrait(saved(tmp_path, ".png", palette, transparency=red))[:20, :30] == 255).all()


def test_colour_profile_is_applied(tmp_path):
    """sRGB changes nothing, a broken profile is ignored, and one with linear light is seen to be brighter."""
    grey = Image.new("RGB", (20, 20), (55, 55, 55))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (read_portrait(saved(tmp_path, ".png", grey, icc_profile=srgb)) == 55).all()
    assert (read_portrait(saved(tmp_path, ".png", grey, icc_profile=b"nonsense")) == 55).all()
    # The same profile with its three tone curves made linear, in place: 55 / 255 of the light shows as 128.
    linear = bytearray(srgb)
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        entry = linear.index(name, 128)
        start, size = struct.unpack(">II", linear[entry + 4 : entry + 12])
        linear[start : start + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
    image = read_portrait(saved(tmp_path, ".png", grey, icc_profile=bytes(linear)))
    np.testing.assert_allclose(image.astype(int), 128, atol=2)


def png_header(width, height):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("width, height", [(12000, 9000), (60000, 60000)])
def test_enormous_pictures_are_refused_before_they_are_decoded(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height) + b"\0\0\0\0IEND\xaeB`\x82")
    with pytest.raises(PortraitError, match="over 100 megapixels"):
        read_portrait(path)


@pytest.mark.parametrize("what", ["missing", "folder", "empty", "text", "truncated jpg", "truncated png", "garbled"])
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, what):
    path = tmp_path / "portrait.jpg"
    if what == "folder":
        path.mkdir()
    elif what in ("empty", "text"):
        path.write_text("" if what == "empty" else "hello")
    elif what != "missing":
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
        noise.save(path, "png" if "png" in what else "jpeg")
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if "truncated" in what else data[:20] + bytes(300) + data[20:100])
    with pytest.raises(PortraitError) as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        read_portrait(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_programs_are_no_pictures(tmp_path):
    """Pillow would have Ghostscript run this one."""
    path = tmp_path / "portrait.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")
    with pytest.raises(PortraitError, match="not a picture, or of a kind unknown here; save it again as"):
        read_portrait(path)


def test_pictures_say_that_they_are_synthetic_and_replace_nothing_unasked(tmp_path):
    for suffix in (".png", ".jpg", ".webp"):
        path = tmp_path / f"out{suffix}"
        write_picture(path, QUADRANTS)
        assert "Synthetic" in Image.open(path).getexif()[0x010E]
        with pytest.raises(OutputError, match="force"):
            write_picture(path, QUADRANTS)
        write_picture(path, QUADRANTS[:10], force=True)
        assert Image.open(path).size == (60, 10)
    assert np.array_equal(read_portrait(tmp_path / "out.png"), QUADRANTS[:10])
    assert len(list(tmp_path.iterdir())) == 3


# Finding the face


def same_place(face, reference, tolerance):
    """Stable points, in fractions of the face's width."""
    away = np.linalg.norm(face.points - reference, axis=1)[[33, 133, 362, 263, 168, 6, 2, 98, 327]]
    return away.mean() / face.width < tolerance


@pytest.mark.parametrize("scale", [1.12, 4.0, 12.0])
def test_the_same_face_at_any_size(astronaut, astronaut_face, tracker, scale):
    image = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    face, warning = find_face(image, tracker)
    assert warning is None
    assert same_place(face, astronaut_face.points * scale, 0.06)


def test_face_that_fills_the_picture(astronaut, astronaut_face, tracker):
    low, high = astronaut_face.points.min(0).astype(int), astronaut_face.points.max(0).astype(int)
    face, _ = find_face(astronaut[low[1] : high[1], low[0] : high[0]], tracker)
    assert same_place(face, astronaut_face.points - low, 0.1)


def test_small_face_in_a_large_picture(astronaut, astronaut_face, tracker):
    wall = np.full((2000, 3000, 3), 90, np.uint8)
    wall[900:1412, 1900:2412] = astronaut
    face, _ = find_face(wall, tracker)
    assert same_place(face, astronaut_face.points + (1900, 900), 0.1)


def test_face_in_a_panorama(astronaut, astronaut_face, tracker):
    panorama = np.pad(astronaut, ((0, 0), (2000, 2000), (0, 0)), "edge")
    face, _ = find_face(panorama, tracker)
    assert same_place(face, astronaut_face.points + (2000, 0), 0.1)


def test_several_faces(astronaut, tracker):
    large = cv2.resize(astronaut[:300, 60:360], (512, 512))
    pair = np.hstack([cv2.resize(large, (384, 384)), large[:384]])
    face, warning = find_face(pair, tracker, name="pair.jpg")
    assert face.points[:, 0].mean() > 384
    assert warning.startswith("pair.jpg: 2 faces")
    second, warning = find_face(pair, tracker, 2)
    assert second.points[:, 0].mean() < 384 and warning is None
    with pytest.raises(PortraitError, match="no face 3; found 2"):
        find_face(pair, tracker, 3)


@pytest.mark.parametrize("shape", [(200, 300), (1, 1), (1, 3000), (3000, 1)])
def test_no_face(tracker, shape):
    with pytest.raises(PortraitError, match="me.png: no face found"):
        find_face(np.full((*shape, 3), 100, np.uint8), tracker, name="me.png")


def fixed(width=100.0, pose=(0, 0, 0)):
    points = np.random.default_rng(0).random((478, 3)).astype(np.float32)
    points[:, 0] = np.linspace(50, 50 + width, 478)
    return TrackedFace(points, np.zeros(46, np.float32), np.array(pose, np.float32))


def test_faces_of_no_use():
    image = np.zeros((200, 200, 3), np.uint8)
    find_face(image, lambda _: [fixed(MIN_FACE + 1, (MAX_YAW - 1, 0, 170))])
    with pytest.raises(PortraitError, match=f"{MIN_FACE - 8} pixels wide; use one of at least {MIN_FACE}"):
        find_face(image, lambda _: [fixed(MIN_FACE - 8)])
    with pytest.raises(PortraitError, match="turned 44 degrees to the side, the limit is 35"):
        find_face(image, lambda _: [fixed(pose=(-44, 0, 0))])
    with pytest.raises(PortraitError, match="turned 39 degrees up or down, the limit is 30"):
        find_face(image, lambda _: [fixed(pose=(0, 39, 0))])


def test_pose_signs(astronaut, tracker):
    """A mirrored face turns and leans the other way; a picture turned counter-clockwise leans that way."""
    plain, mirrored = tracker(astronaut)[0].pose, tracker(astronaut[:, ::-1])[0].pose
    np.testing.assert_allclose(plain * (-1, 1, -1), mirrored, atol=4)
    turned = cv2.warpAffine(astronaut, cv2.getRotationMatrix2D((224, 120), 20, 1), (512, 512))
    assert tracker(turned)[0].pose[2] - plain[2] == pytest.approx(20, abs=4)


def test_the_outline_is_mediapipes_face_oval():
    from mediapipe.tasks.python.vision import FaceLandmarksConnections

    edges = {frozenset((c.start, c.end)) for c in FaceLandmarksConnections.FACE_LANDMARKS_FACE_OVAL}
    assert {frozenset(pair) for pair in zip(OVAL, OVAL[1:] + OVAL[:1])} == edges


def test_the_outline_runs_around_the_face(astronaut_face):
    line = outline(astronaut_face).astype(np.float32)
    assert cv2.contourArea(line, oriented=True) > 0  # clockwise in the picture
    assert cv2.contourArea(line) / cv2.contourArea(cv2.convexHull(line)) > 0.95
