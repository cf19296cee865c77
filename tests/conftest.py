"""What several test files share: one tracker, one portrait, and models whose answers can be worked out by hand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PIL import Image

from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.unit_csv import write_csv

SIZE = 128
RATE = 16000  # of `speech`


class StubGenerator:
    """JawOpen = j lowers the middle of the crop by j tenths of its side and paints it with j of plain red."""

    unit_names = UNIT_NAMES
    config = SimpleNamespace(size=SIZE)
    warps = True

    def __init__(self):
        self.decoded = 0  # frames so far

    def encode(self, picture, units):
        assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8 and units.shape == (len(UNIT_NAMES),)
        return SimpleNamespace(picture=picture, units=units)

    def decode(self, code, units):
        self.decoded += len(units)
        jaw = units[:, INDEX["JawOpen"], None, None, None]
        middle = np.zeros((1, 1, SIZE, SIZE), np.float32)
        middle[..., SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = 1
        flow = np.concatenate([0 * jaw * middle, -0.1 * jaw * middle], 1)
        colour = np.broadcast_to(np.array([1, -1, -1], np.float32)[:, None, None], (len(units), 3, SIZE, SIZE))
        return flow, jaw * middle, colour


class StubSpeech:
    """JawOpen over rest is the peak of the frame's samples; a frame is known as soon as its sound is."""

    unit_names = UNIT_NAMES
    sample_rate, fps = 16000, 25.0
    hop = 640

    def stream(self):
        return StubStream(self)


class StubStream:
    def __init__(self, model):
        self.model, self.rest, self.given = model, np.zeros(0, np.float32), 0

    def push(self, samples):
        self.rest = np.concatenate([self.rest, samples])
        frames = len(self.rest) // self.model.hop
        units = np.zeros((frames, len(UNIT_NAMES)), np.float32)
        parts = self.rest[: frames * self.model.hop].reshape(frames, self.model.hop)
        units[:, INDEX["JawOpen"]] = np.abs(parts).max(1, initial=0)
        self.rest, self.given = self.rest[frames * self.model.hop :], self.given + frames
        return units

    def finish(self, frames):
        missing = (frames - self.given) * self.model.hop - len(self.rest)
        return self.push(np.zeros(max(missing, 0), np.float32))


class FakeClock:
    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def sleep_until(self, moment):
        self.time = max(self.time, moment)


def commands_of(page):
    """The lines of the ```bash blocks of a page of docs/, as arguments of `talkinghead`; and the page itself."""
    text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```bash\n(.*?)```", text, re.S) for line in block.splitlines()]
    assert lines
    commands = [shlex.split(line) for line in lines]
    assert all(program == "talkinghead" for program, *_ in commands)
    return [arguments for _, *arguments in commands], text


@pytest.fixture(scope="session")
def astronaut():
    import skimage.data

    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def tracker():
    from talkinghead.face.tracker import Tracker

    with Tracker(5) as tracker:
        yield tracker


@pytest.fixture(scope="session")
def astronaut_face(astronaut, tracker):
    return tracker(astronaut)[0]


@pytest.fixture(scope="module")
def sitter(astronaut, tracker):
    """The astronaut, twice as large, so that there is something to see."""
    import cv2
    from sitters import Sitter

    image = cv2.resize(astronaut[:256, 96:352], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    return Sitter(image, tracker(image)[0])


@pytest.fixture
def head(tracker):
    """A TalkingHead of stubs, around the real tracker."""
    from talkinghead.pipeline import TalkingHead

    head = TalkingHead(StubGenerator(), StubSpeech())
    head.tracker = tracker
    return head


@pytest.fixture(scope="session")
def small(astronaut):
    return np.ascontiguousarray(astronaut[:256, 96:352])


@pytest.fixture(scope="session")
def speech():
    """A second and a bit of noise that swells, in steps that 16 bits hold."""
    noise = np.random.default_rng(0).uniform(-1, 1, 17003) * np.linspace(0.1, 0.9, 17003)
    return (noise * 32767).round().astype(np.int16)


def left(room, uploads):
    return sorted(str(p.relative_to(room.folder)) for p in room.folder.rglob("*") if uploads not in (p, *p.parents))


@pytest.fixture
def room(head, tmp_path):
    from talkinghead.surfaces.web_room import Limits, Room

    folder = tmp_path / "room"
    folder.mkdir()
    return Room(head, folder, Limits(seconds=10, clip_pixels=1000 * 1000), tracking=head)


@pytest.fixture
def uploads(room, astronaut):
    """A visitor's good files, where Gradio puts them."""
    from talkinghead.media.video import VideoWriter
    from talkinghead.units.unit_csv import write_csv

    folder = room.folder / ("0a" * 32)
    folder.mkdir()
    Image.fromarray(astronaut).save(folder / "portrait.png")
    soundfile.write(folder / "voice.wav", 0.3 * np.sin(np.arange(16000)), 16000)
    write_csv(folder / "au.csv", np.full((25, 46), 0.125, np.float32), 25)
    with VideoWriter(folder / "clip.mp4", 512, 512, 25) as video:
        for _ in range(5):
            video.write(astronaut)
    return folder


@pytest.fixture
def folder(tmp_path, astronaut, monkeypatch):
    """Two portraits, a voice and units of a fifth of a second, and a list that uses them."""
    monkeypatch.chdir(tmp_path)
    material = tmp_path / "material"
    material.mkdir()
    for name, shift in ("anna", 0), ("bea", 8):
        Image.fromarray(astronaut[:256, 96 - shift : 352 - shift]).save(material / f"{name}.png")
    soundfile.write(material / "voice.wav", 0.3 * np.sin(np.arange(3200)), 16000)
    write_csv(material / "au.csv", np.full((5, 46), 0.125, np.float32), 25)
    return tmp_path


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Weights of a generator that never moves anything, for runs in processes of their own."""
    import gath
    from gath.generator import FlowConfig, FlowGenerator
    from talkinghead.units.names import UNIT_NAMES

    path = tmp_path_factory.mktemp("weights") / "flow.safetensors"
    gath.save(FlowGenerator(FlowConfig(UNIT_NAMES, width=8, blocks=1)), path)
    return path
