"""Fifty malformed uploads: each gets one line, and leaves nothing behind."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
import zlib

import numpy as np
import pytest
from conftest import left
from PIL import Image

from talkinghead.errors import ClipError, PortraitError, SoundError, TalkingHeadError
from talkinghead.media.ffmpeg import executable

NAME = "upload"  # what a visitor calls every file below, before its suffix


def png(width, height, data=b""):
    """The first chunks of a PNG that claims this size; `data` are its compressed pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + (chunk(b"IDAT", data) + chunk(b"IEND", b"") if data else b"")


def text_bomb():
    """A picture of one pixel whose comment unpacks to 200 MB."""
    body = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    whole = png(1, 1, zlib.compress(bytes(4)))
    return whole[:33] + chunk + whole[33:]


def zipped(size=10_000_000):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("portrait.jpg", bytes(size))
    return file.getvalue()


def picture(image, kind, keep=1.0, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()[: int(keep * file.tell())]


def converted(folder, suffix, *arguments):
    path = folder / f"made{suffix}"
    subprocess.run([executable(), "-v", "error", "-y", *map(str, arguments), path], check=True)
    return path.read_bytes()


NOISE = np.random.default_rng(0).bytes(5000)
WAV = b"RIFF\xff\xff\xff\xffWAVEfmt "
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/secret.ts\n#EXT-X-ENDLIST\n"
MPD = b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>'
EMPTY = "the file is empty"
NO_PICTURE = "not a picture, or of a kind unknown here"
BROKEN = "broken picture"
BOMB = "over 100 megapixels"
NO_FACE = "no face found"
NO_SOUND = "not a sound file that ffmpeg can read"
NO_TRACK = "has no sound track"
NO_VIDEO = "not a video that ffmpeg can read"
LIST = "is a text that may name other files"

# (suffix, what is in it, what is said). `a` is a photograph of a face, `f` a folder to work in.
PORTRAITS = [
    (".jpg", lambda a, f: b"", EMPTY),
    (".jpg", lambda a, f: picture(a, "jpeg", 0.5), BROKEN),
    (".jpg", lambda a, f: picture(a, "jpeg")[:40], BROKEN),
    (".png", lambda a, f: picture(a, "png", 0.5), BROKEN),
    (".webp", lambda a, f: picture(a, "webp", 0.5), BROKEN),
    (".gif", lambda a, f: picture(a, "gif", 0.5), BROKEN),
    (".bmp", lambda a, f: picture(a, "bmp", 0.5), BROKEN),
    (".tiff", lambda a, f: picture(a, "tiff", 0.5), BROKEN),
    (".jpg", lambda a, f: b"This is not a picture.\n" * 50, NO_PICTURE),
    (".jpg", lambda a, f: b"<html><script>alert(1)</script></html>", NO_PICTURE),
    (".svg", lambda a, f: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', NO_PICTURE),
    (".png", lambda a, f: b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", NO_PICTURE),
    (".png", lambda a, f: NOISE, NO_PICTURE),
    (".jpg", lambda a, f: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + NOISE, NO_PICTURE),
    (".png", lambda a, f: b"\x89PNG\r\n\x1a\n" + NOISE, NO_PICTURE),
    (".png", lambda a, f: png(60000, 60000, zlib.compress(bytes(100))), BOMB),
    (".png", lambda a, f: png(20000, 20000, zlib.compress(bytes(50_000_000), 9)), BOMB),
    (".png", lambda a, f: png(500, 500, zlib.compress(bytes(1000))), BROKEN),
    (".png", lambda a, f: png(0, 0, zlib.compress(b"")), NO_PICTURE),
    (".png", lambda a, f: text_bomb(), BROKEN),
    (".jpg", lambda a, f: zipped(), NO_PICTURE),
    (".png", lambda a, f: zlib.compress(bytes(10_000_000)), NO_PICTURE),
    (".jpg", lambda a, f: WAV + NOISE, NO_PICTURE),
    (".png", lambda a, f: picture(np.full((300, 300, 3), 128, np.uint8), "png"), NO_FACE),
    (".png", lambda a, f: picture(np.full((1, 1, 3), 128, np.uint8), "png"), NO_FACE),
    (".png", lambda a, f: picture(a[::6, ::6], "png"), "the face is 15 pixels wide"),
]
VOICES = [
    (".wav", lambda a, f: b"", EMPTY),
    (".wav", lambda a, f: b"RIFF", NO_SOUND),
    (".wav", lambda a, f: WAV + NOISE, NO_SOUND),
    (".wav", lambda a, f: NOISE, NO_SOUND),
    (".mp3", lambda a, f: b"This is not a sound.\n" * 50, NO_SOUND),
    (".ogg", lambda a, f: b"OggS" + NOISE, NO_SOUND),
    (".flac", lambda a, f: b"fLaC" + bytes(100), NO_SOUND),
    (".mp3", lambda a, f: zipped(), NO_SOUND),
    (".wav", lambda a, f: picture(a, "png"), NO_TRACK),
    (".mp4", lambda a, f: converted(f, ".mp4", "-f", "lavfi", "-i", "testsrc=s=32x32:d=1"), NO_TRACK),
    (".m4a", lambda a, f: converted(f, ".m4a", "-f", "lavfi", "-i", "sine=d=2")[:3000], NO_SOUND),
    (".m3u8", lambda a, f: PLAYLIST, LIST),
    (".mpd", lambda a, f: MPD, LIST),
    (".wav", lambda a, f: b"ffconcat version 1.0\nfile other.wav\n", LIST),
    (".wav", lambda a, f: converted(f, ".wav", "-f", "lavfi", "-i", "sine=d=11"), "longer than 10 seconds"),
]
CLIPS = [
    (".mp4", lambda a, f: b"", EMPTY),
    (".mp4", lambda a, f: b"This is not a video.\n" * 50, NO_VIDEO),
    (".mp4", lambda a, f: NOISE, NO_VIDEO),
    (".mp4", lambda a, f: converted(f, ".mp4", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1")[:2000], NO_VIDEO),
    (".mp4", lambda a, f: converted(f, ".mp4", "-f", "lavfi", "-i", "testsrc=s=128x128:d=0.2"), "no face found in 5"),
    (".mp4", lambda a, f: converted(f, ".wav", "-f", "lavfi", "-i", "sine=d=1"), NO_VIDEO),
    (".mp4", lambda a, f: converted(f, ".mp4", "-f", "lavfi", "-i", "testsrc=s=1280x960:d=0.1"), "1280x960 is too"),
    (".webm", lambda a, f: b"\x1aE\xdf\xa3" + NOISE, NO_VIDEO),
    (".avi", lambda a, f: zipped(), NO_VIDEO),
    (".m3u8", lambda a, f: PLAYLIST, LIST),
]
TABLES = [
    (".csv", lambda a, f: b"", EMPTY),
    (".csv", lambda a, f: b"\xff\xfe\x00" + NOISE, "not a CSV file"),
    (".csv", lambda a, f: b"time,JawOpen\n", "no rows"),
    (".csv", lambda a, f: b"JawOpen\n0.5\n", "no column `time`"),
    (".csv", lambda a, f: b"time,Jaw\n0,0.5\n", "no action unit 'Jaw'"),
    (".csv", lambda a, f: b"time,JawOpen\n0,<img src=x onerror=alert(1)>\n", "is not a number"),
    (".csv", lambda a, f: b"time,JawOpen\n0,7\n", "is outside 0 to 1"),
    (".csv", lambda a, f: b"time,JawOpen\n1,0\n0,0\n", "does not come after"),
    (".csv", lambda a, f: b"time,JawOpen\n0,0\n1e9,0\n", "longer than 10 seconds"),
]
KINDS = {"portrait": PORTRAITS, "voice": VOICES, "clip": CLIPS, "au": TABLES}
CASES = [(kind, *case) for kind, cases in KINDS.items() for case in cases]
ERRORS = {"portrait": PortraitError, "voice": SoundError, "clip": ClipError, "au": TalkingHeadError}


def test_there_are_fifty_malformed_uploads():
    assert len(CASES) >= 50


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{kind}-{i}" for i, (kind, *_) in enumerate(CASES)])
def test_a_malformed_upload_gets_one_line_and_leaves_nothing(room, uploads, astronaut, tmp_path, number):
    kind, suffix, make, said = CASES[number]
    path = uploads / f"{NAME}{suffix}"
    path.write_bytes(make(astronaut, tmp_path))
    with pytest.raises(ERRORS[kind]) as caught:
        if kind == "portrait":
            room.sit(path)
        elif kind == "clip":
            room.track(path)
        else:
            voice = path if kind == "voice" else None
            room.speak(uploads / "portrait.png", voice, path if kind == "au" else None)
    line = room.plain(caught.value)
    assert line.startswith(f"{NAME}{suffix}: ") and said in line, line
    assert "\n" not in line and str(room.folder) not in line and len(line) < 250
    assert left(room, uploads) == []
