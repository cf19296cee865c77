"""Hostile inputs from a seed: good files of every kind, and what becomes of them on the way here.

Takes a random generator; gives the bytes of one file, or one word of a command line.
"""

from __future__ import annotations

import io
import json
import subprocess
import warnings
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

CELLS = ["", "nan", "inf", "-1", "1e400", "2", "0.5", "x", "１", "0x1", "1_0", '"', '"a', "\x00", "=1+1", "٣", "-0.0",
         "1e-400", "9" * 400, "a" * 200_000, ",", ";", "\r", "\ud7ff", "None", "true", " ", "1e6", "00:00:00:99",
         "null"]  # fmt: skip
NUMBERS = [0, 1, 2, 5, -1, 99, 10**30, "x", "", "1.5", "nan", "１", "1e3"]
RATES = ["25", "24", "29.97", "30000/1001", "240", "0", "-25", "1e999999999", "9" * 5000, "nan", "25/0", "1/3", "fast",
         "", "２５", "60", "12.5", "1000"]  # fmt: skip
GAINS = ["1", "0", "10", "10.1", "nan", "mouth=1.2,brows=0.5", "mouth=", "=", ",",
         "nose=1", "mouth=1,mouth=2", "1e5", "loud", "x=1"]  # fmt: skip
MOODS = ["happy", "happy:0.5", "sad:2", "sad:3", "cross", "happy:nan", ":",
         "", "happy,sad", "happy:0.3,surprised:0.2", "HAPPY"]  # fmt: skip
TEETH = ["own", "none", "1", "7", "-1", "x", "", "1.5", str(10**30), "１"]
STRENGTHS = ["0", "1", "0.5", "-1", "nan", "99", "x", "inf"]
PROGRAMS = ["false", "true", "no-such-program", "", "cp voice.wav {output}", "cat", "touch {output}", "'", "{output}",
            "{x}", "head -c 5000 /dev/urandom", "echo {text}"]  # fmt: skip
WORDS = {"fps": RATES, "gain": GAINS, "mood": MOODS, "teeth": TEETH, "head": STRENGTHS}  # others get NUMBERS
DEVICES = ["cpu", "cpu", "meta", "cuda:9", "mps", "gpu", "", "cpu:0", "xla", "vulkan", "cpu:x", "privateuseone"]
UNITS = ["JawOpen=0.6", "JawOpen=60%", "Puff=1", "JawOpn=1", "JawOpen", "JawOpen=", "JawOpen=1.5", "JawOpen=nan", "=",
         "=1", "JawOpen=inf%", "JawOpen=1=1", "MouthSmile_L=1", "JawOpen=-1", "EyeBlink_L=1", "jawopen=1",
         "\u202eJawOpen=1"]  # fmt: skip
FOREIGN = ("ours", "arkit", "livelink", "openface", "mediapipe")
SOUNDS = {".wav": ("PCM_16", "WAV"), ".flac": ("PCM_16", "FLAC"), ".ogg": ("VORBIS", "OGG"),
          ".mp3": ("MPEG_LAYER_III", "MP3"), ".au": ("ULAW", "AU"), ".aiff": ("PCM_24", "AIFF")}  # fmt: skip
PICTURES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tiff": "TIFF",
    ".ppm": "PPM",
}


def materials(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Good files of every kind, (suffix, content), made once; `folder` is for what is made on the way."""
    return {
        "picture": _pictures(),
        "sound": _sounds(),
        "units": _unit_files(folder),
        "clip": _clips(folder),
        "weights": _weights(folder),
        "pem": _identities(),
    }


def _pictures() -> list[tuple[str, bytes]]:
    import skimage.data

    astronaut = skimage.data.astronaut()
    face = np.ascontiguousarray(astronaut[:256, 96:352])
    looks = [
        face,
        astronaut[256:],
        np.hstack([face, face]),
        face[60:160, 60:160],
        np.zeros((1, 1, 3), np.uint8),
        np.rot90(face),
    ]
    out = []
    for k, (suffix, kind) in enumerate(PICTURES.items()):
        for image in looks[:2] + looks[2 + k % 4 : 3 + k % 4]:
            file = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(image)).save(file, kind)
            out.append((suffix, file.getvalue()))
    for mode in ("L", "RGBA", "P", "CMYK", "I;16", "1", "LA"):
        file = io.BytesIO()
        picture = Image.fromarray(face)
        picture = Image.fromarray(face[..., 0].astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
        picture.save(file, "TIFF")
        out.append((".tiff", file.getvalue()))
    return out


def _sounds() -> list[tuple[str, bytes]]:
    out = []
    for k, (suffix, (subtype, kind)) in enumerate(SOUNDS.items()):
        for seconds in (0.3, 0.0)[: 1 + (k < 2)]:
            file = io.BytesIO()
            samples = 0.3 * np.sin(np.arange(round(16000 * seconds)) * 0.1)
            soundfile.write(file, np.stack([samples] * (1 + k % 2), 1), 16000, subtype, format=kind)
            out.append((suffix, file.getvalue()))
    file = io.BytesIO()
    soundfile.write(file, np.tile([np.nan, np.inf, -np.inf, 1e30], 800), 16000, "FLOAT", format="WAV")
    lists = [
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile voice.wav\n",
        b"<?xml version='1.0'?><MPD/>",
    ]
    return [*out, (".wav", file.getvalue()), *((".m3u8", text) for text in lists)]


def _unit_files(folder: Path) -> list[tuple[str, bytes]]:
    from talkinghead.units.convert import SUFFIXES, convert
    from talkinghead.units.unit_csv import write_csv

    write_csv(folder / "ours.csv", np.random.default_rng(0).random((6, 46)), 25)
    out = [(".csv", (folder / "ours.csv").read_bytes())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in FOREIGN[1:]:
            path = folder / f"{kind}{SUFFIXES[kind]}"
            convert(folder / "ours.csv", path, kind)
            out.append((path.suffix, path.read_bytes()))
    return out


def _clips(folder: Path) -> list[tuple[str, bytes]]:
    import skimage.data

    from talkinghead.media.ffmpeg import executable
    from talkinghead.media.video import VideoWriter

    face = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
    soundfile.write(folder / "clip.wav", 0.3 * np.sin(np.arange(3200)), 16000)
    out = []
    for suffix in (".mp4", ".webm", ".gif"):
        with VideoWriter(folder / f"clip{suffix}", 256, 256, 25, folder / "clip.wav") as video:
            for _ in range(4):
                video.write(face)
        out.append((suffix, (folder / f"clip{suffix}").read_bytes()))
    for suffix in (".avi", ".mkv", ".ts"):
        command = [executable(), "-v", "error", "-i", folder / "clip.mp4", folder / f"clip{suffix}"]
        subprocess.run(command, check=True)
        out.append((suffix, (folder / f"clip{suffix}").read_bytes()))
    return out


def _weights(folder: Path) -> list[tuple[str, bytes]]:
    import gath
    from gath.generator import FlowConfig, FlowGenerator
    from talkinghead.units.names import UNIT_NAMES

    out = []
    for names in (UNIT_NAMES, UNIT_NAMES[::-1], UNIT_NAMES[:-1]):
        gath.save(FlowGenerator(FlowConfig(names, width=8, blocks=1)), folder / "weights.safetensors")
        out.append((".safetensors", (folder / "weights.safetensors").read_bytes()))
    return [*out, (".pt", b"PK\x03\x04" + bytes(100)), (".safetensors", (1 << 62).to_bytes(8, "little") + b"{}")]


def _identities() -> list[tuple[str, bytes]]:
    try:
        from talkinghead.media.provenance import throwaway_identity

        chain, key, _ = throwaway_identity()
    except ImportError:
        return [(".pem", b"-----BEGIN CERTIFICATE-----\n")]
    return [(".pem", chain), (".pem", key)]


def spoiled(rng: np.random.Generator, content: bytes, text: bool = False) -> bytes:
    """What becomes of a file: in a third of the cases nothing."""
    for _ in range(int(rng.choice([0, 0, 1, 1, 1, 2]))):
        ways = [_cut, _flip, _blank, _noise, _repeat, _leave_out, _append, lambda *_: b"", lambda r, _: r.bytes(2000)]
        if text:
            ways += 2 * [_cell, _cell, _row, _line_ends, _encoded, _header]
        content = ways[rng.integers(len(ways))](rng, content)
    return content


def _cut(rng, content):
    return content[: rng.integers(len(content) + 1)]


def _flip(rng, content):
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 20))):
        if out:
            out[rng.integers(len(out))] = rng.integers(256)
    return bytes(out)


def _blank(rng, content):
    a, b = np.sort(rng.integers(len(content) + 1, size=2))
    return content[:a] + bytes(int(b - a)) + content[b:]


def _noise(rng, content):
    at = rng.integers(len(content) + 1)
    return content[:at] + rng.bytes(int(rng.integers(1, 200))) + content[at:]


def _repeat(rng, content):
    a, b = np.sort(rng.integers(len(content) + 1, size=2))
    return content[:b] + content[a : min(b, a + 5000)] + content[b:]


def _leave_out(rng, content):
    a, b = np.sort(rng.integers(len(content) + 1, size=2))
    return content[:a] + content[b:]


def _append(rng, content):
    return content + rng.bytes(int(rng.integers(1, 3000)))


def _text(content):
    return content.decode("utf-8", "replace")


def _cell(rng, content):
    """One cell, or one number of a JSON, replaced."""
    text, cell = _text(content), CELLS[rng.integers(len(CELLS))]
    ends = [i for i, c in enumerate(text) if c in ",\n:"] or [0]
    k = int(rng.integers(len(ends)))
    after = ends[k + 1] if k + 1 < len(ends) else len(text)
    return (text[: ends[k] + 1] + cell + text[after:]).encode("utf-8", "replace")


def _row(rng, content):
    rows = _text(content).split("\n")
    k, other = rng.integers(len(rows), size=2)
    rows[k] = [rows[other], rows[k] + "," + rows[other], "", rows[k].rpartition(",")[0]][rng.integers(4)]
    return "\n".join(rows).encode()


def _line_ends(rng, content):
    end = [b"\r", b"\r\n", b"\n\n", b"\x0b", "\u2028".encode(), b""][rng.integers(6)]
    return content.replace(b"\n", end)


def _encoded(rng, content):
    return _text(content).encode(["utf-16", "utf-8-sig", "utf-32", "latin-1", "cp037"][rng.integers(5)], "replace")


def _header(rng, content):
    header, newline, rest = _text(content).partition("\n")
    names = header.split(",")
    k, other = rng.integers(len(names), size=2)
    names[k] = [names[other], names[k].lower(), names[k] + "x", "", "time", "frame", "Timecode", "AU01_r", "jawOpen"][
        rng.integers(9)
    ]
    return (",".join(names) + newline + rest).encode()


def nested(rng: np.random.Generator) -> bytes:
    """JSON that is nearly a landmarker's."""
    leaf = [0.5, -1, 2, None, "x", [], {}, True, 1e308, float("nan"), 10**400][rng.integers(11)]
    score = {"category_name": ["jawOpen", "jawOpn", None, 3, "_neutral"][rng.integers(5)], "score": leaf}
    frame = {"timestamp_ms": [0, 40, -1, None, "x", 1e308, leaf][rng.integers(7)], "face_blendshapes": [[score]]}
    whole = [frame, [frame], {"frames": [frame] * 2}, {"fps": leaf, "frames": [frame]}, [[[score]]], [leaf], leaf][
        rng.integers(7)
    ]
    return json.dumps(whole).encode()
