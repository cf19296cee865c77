"""Hostile commands: words, and the files they name, drawn from a random generator. tests/fuzz.py runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from talkinghead.options import FrameOptions, PortraitOptions, described
from tests import fuzz_inputs as inputs

HOSTILE_NAMES = [
    "a" * 300,
    "new\nline",
    "-x",
    "sp ace",
    "ü\u202e",
    "%03d",
    "file:x",
    "a,b",
    "..",
    ".",
    "",
    "CON",
    "\x1b[31m",
    "|",
    "\udcff",
]


@dataclass
class Case:
    """One command in a folder of its own."""

    rng: np.random.Generator
    folder: Path
    materials: dict
    arguments: list[str] = field(default_factory=list)
    stdin: bytes = b""

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, values):
        return values[int(self.rng.integers(len(values)))]

    def file(self, kind: str, good: float = 0.4) -> str:
        """The name of a file of this kind, as it is, spoiled, or something else altogether."""
        if self.chance(0.04):
            return self.pick(["none.png", "folder", "/dev/null", "/proc/self/mem", "/", "~", *HOSTILE_NAMES])
        if self.chance(0.04):
            kind = self.pick(list(self.materials))
        suffix, content = self.pick(self.materials[kind])
        if not self.chance(good):
            text = kind in ("units", "pem")
            content = (
                inputs.nested(self.rng)
                if suffix == ".json" and self.chance(0.3)
                else inputs.spoiled(self.rng, content, text)
            )
        stem = self.pick(HOSTILE_NAMES) if self.chance(0.05) else f"{kind}{len(list(self.folder.iterdir()))}"
        name = f"{stem}{suffix}"
        try:
            (self.folder / name).write_bytes(content)
        except (OSError, ValueError):
            pass  # then there is no such file
        return name

    def output(self, *suffixes: str) -> str:
        if self.chance(0.1):
            return self.pick(
                [
                    "/proc/o.mp4",
                    "none/o.mp4",
                    "folder",
                    "o.txt",
                    ".mp4",
                    "/dev/null",
                    "there.mp4",
                    "there.png",
                    "there.csv",
                ]
            )
        stem = self.pick(HOSTILE_NAMES) if self.chance(0.05) else self.pick(["out", "folder/out", "OUT"])
        return stem + (self.pick(suffixes) if self.chance(0.97) else self.pick([".avi", "", ".MP4", ".Png"]))

    def maybe(self, share: float, option: str, *values: object) -> None:
        if self.chance(share):
            self.arguments += [option, *(str(value) for value in values)]

    def options(self, kind: type) -> None:
        """Options of a dataclass of talkinghead.options, every one now and then."""
        for name, about in described(kind).items():
            if not self.chance(0.1):
                continue
            flag = f"--{name.replace('_', '-')}"
            if about.kind is bool:
                self.arguments.append(self.pick([flag, flag, f"--no-{flag[2:]}"]))
            else:
                self.arguments += [flag, str(self.pick(inputs.WORDS.get(name, inputs.NUMBERS)))]

    def models(self) -> None:
        if self.chance(0.15):
            self.arguments += ["--generator", self.file("weights")]
        self.maybe(0.08, "--device", self.pick(inputs.DEVICES))

    def signing(self) -> None:
        self.maybe(0.1, "--sign")
        if self.chance(0.05):
            self.arguments += ["--sign-cert", self.file("pem"), "--sign-key", self.file("pem")]
        self.maybe(0.01, "--sign-key", "key.pem")

    def make(self) -> Case:
        """Write the files, and say what is run."""
        (self.folder / "folder").mkdir()
        for name in "there.mp4", "there.png", "there.csv":
            (self.folder / name).write_bytes(b"mine")
        often = (self.speak, self.speak_units, self.convert)
        self.pick([*often, *often, self.edit, self.track, self.drive, self.say, self.batch, self.live, self.odd])()
        self.maybe(0.15, "--force")
        self.maybe(0.03, self.pick(["--bogus", "--fps", "-o", "--help", "--version", "x", ""]))
        return self

    def speak(self) -> None:
        self.arguments = ["speak", self.file("picture", 0.6), self.file(self.pick(["sound", "sound", "clip"])), "-o"]
        self.arguments.append(self.output(".mp4", ".mov", ".webm", ".gif"))
        if self.chance(0.2):
            self.arguments += ["--save-au", self.output(".csv")]
        self.options(FrameOptions)
        self.models()
        self.signing()
        self.maybe(0.1, "--allow-playlists")

    def speak_units(self) -> None:
        self.arguments = [
            "speak",
            self.file("picture", 0.8),
            "--au",
            self.file("units"),
            "-o",
            self.output(".mp4", ".gif"),
        ]
        if self.chance(0.3):
            self.arguments += ["--audio", self.file("sound", 0.8)]
        self.options(FrameOptions)
        self.models()

    def edit(self) -> None:
        self.arguments = [
            "edit",
            self.file("picture", 0.6),
            *(self.pick(inputs.UNITS) for _ in range(self.rng.integers(4))),
        ]
        self.arguments += ["-o", self.output(".png", ".jpg", ".webp")]
        self.maybe(0.1, "--neutral")
        self.options(PortraitOptions)
        self.models()
        self.signing()

    def convert(self) -> None:
        self.arguments = ["convert", self.file("units", 0.2), "-o", self.output(".csv", ".json")]
        self.maybe(0.4, "--to", self.pick([*inputs.FOREIGN, "faceshift"]))
        self.maybe(0.2, "--fps", self.pick(inputs.RATES))

    def track(self) -> None:
        self.arguments = ["track", self.file("clip", 0.3), "-o", self.output(".csv")]
        self.maybe(0.1, "--allow-playlists")

    def drive(self) -> None:
        self.arguments = ["drive", self.file("picture", 0.8), self.file("clip"), "-o", self.output(".mp4", ".webm")]
        self.options(FrameOptions)
        self.models()

    def say(self) -> None:
        self.arguments = ["say", self.file("picture", 0.8), self.pick(["Hello", "", "\n", "-", "x" * 300, "\x1b"])]
        self.arguments += ["-o", self.output(".mp4", ".gif")]
        self.maybe(0.5, "--voice", self.pick(["de", "nobody", "", "--help", "../x"]))
        self.maybe(0.7, "--voice-command", self.pick(inputs.PROGRAMS))
        self.options(FrameOptions)
        self.models()

    def batch(self) -> None:
        rows = ["portrait,audio,au,output,fps,seed,crop,mood"]
        for k in range(int(self.rng.integers(3))):
            cells = [
                self.file("picture", 0.8),
                self.file("sound"),
                self.file("units") if self.chance(0.3) else "",
                f"{k}.mp4",
            ]
            rows.append(
                ",".join([*cells, self.pick(["", "", "", "25", "x"]), self.pick(["", "1"]), self.pick(["", "yes"]), ""])
            )
        content = "\n".join([*rows, ""]).encode("utf-8", "replace")
        (self.folder / "jobs.csv").write_bytes(content if self.chance(0.5) else inputs.spoiled(self.rng, content, True))
        self.arguments = ["batch", "jobs.csv", "--out", self.pick(["out", "out", "there.csv", "/proc/out", "a" * 300])]
        self.models()
        self.maybe(0.1, "--sign")

    def live(self) -> None:
        self.arguments = [
            "live",
            self.file("picture", 0.7),
            "--rate",
            self.pick(["16000", "16000", "8000", "44100", "x"]),
        ]
        self.arguments += self.pick(
            [["--pipe"], ["--pipe"], ["--mjpeg", "0"], ["--mjpeg", "0"], [], ["--pipe", "--mjpeg", "0"]]
        )
        self.stdin = inputs.spoiled(self.rng, self.rng.integers(-3000, 3000, 3000, "<i2").tobytes())[:10_000]
        self.maybe(0.2, "--delay", self.pick(["0", "50", "50", "x"]))
        self.options(FrameOptions)
        self.models()
        self.signing()

    def odd(self) -> None:
        lines = (
            "aus",
            "",
            "dance",
            "speak",
            "edit",
            "web --port x",
            "web --port 99999",
            "demo -o o.txt",
            "convert",
            "-o",
        )
        self.arguments = self.pick([*lines, "demo -o none/o.mp4"]).split()
