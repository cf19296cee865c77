"""A text instead of a sound: synthesisers found, commands run, errors in one line."""

from __future__ import annotations

import shlex
import shutil
import sys
import wave
from ctypes.util import find_library

import numpy as np
import pytest
from typer.testing import CliRunner

from audio2au.phones import from_symbols
from talkinghead.errors import SoundError
from talkinghead.media import synthesis
from talkinghead.media.espeak import Espeak
from talkinghead.surfaces.cli import app

WRITES = "import sys, wave; f = wave.open(sys.argv[1], 'wb'); f.setparams((1, 2, 16000, 0, 'NONE', ''))"
WRITES += "; f.writeframes(bytes(2 * 100 * len(sys.argv[2] if len(sys.argv) > 2 else sys.stdin.read())))"
HERE = f"{shlex.quote(sys.executable)} -c {shlex.quote(WRITES)}"

needs_espeak = pytest.mark.skipif(find_library("espeak-ng") is None, reason="espeak-ng is not installed")


def length(path) -> int:
    with wave.open(str(path)) as file:
        return file.getnframes()


@pytest.mark.parametrize("command", [f"{HERE} {{output}}", f"{HERE} {{output}} {{text}}"])
def test_a_command_gets_the_text_and_writes_the_sound(tmp_path, command):
    assert synthesis.synthesise("it's me", tmp_path / "a.wav", command=command) is None
    assert length(tmp_path / "a.wav") == 700


@pytest.mark.parametrize(
    "text, command, message",
    [(" ", None, "nothing to say"), ("a", "cat", "{output}"), ("a", "no-such-program {output}", "no-such-program"),
     ("a", f"{shlex.quote(sys.executable)} -c 'raise SystemExit(\"out of breath\")' {{output}}", "out of breath"),
     ("a", "true {output}", "wrote no sound")],
)  # fmt: skip
def test_what_cannot_be_said(tmp_path, text, command, message):
    with pytest.raises(SoundError, match=message) as caught:
        synthesis.synthesise(text, tmp_path / "a.wav", command=command)
    assert "\n" not in str(caught.value)


def test_without_a_synthesiser_one_is_asked_for(tmp_path, monkeypatch):
    def missing(*_):
        raise OSError

    monkeypatch.setattr(synthesis, "espeak", missing)
    monkeypatch.setattr(synthesis, "flite", missing)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SoundError, match="install espeak-ng"):
        synthesis.synthesise("a", tmp_path / "a.wav")


@needs_espeak
def test_espeak_tells_what_it_says_when(tmp_path):
    said = synthesis.synthesise("Mama", tmp_path / "a.wav", "en-us")
    phones = [phone for phone in from_symbols(*said) if phone.name != "SIL"]
    assert [phone.name for phone in phones if phone.name in ("M", "P", "B")] == ["M", "M"]
    samples, rate = Espeak.shared().say("Mama", "en-us")[0], Espeak.shared().sample_rate
    level = [np.abs(samples[int(p.start * rate) : int(p.end * rate)].astype(float)).mean() for p in phones]
    assert level[1] > level[0] and phones[-1].end <= len(samples) / rate + 0.01  # a vowel is louder than its m
    assert all(a.end <= b.start + 1e-9 for a, b in zip(phones, phones[1:]))


@needs_espeak
def test_a_voice_that_there_is_not(tmp_path):
    with pytest.raises(SoundError, match="no voice 'xx-none'"):
        synthesis.synthesise("a", tmp_path / "a.wav", "xx-none")


def test_say_is_a_command_and_its_faults_are_one_line(tmp_path):
    told = CliRunner().invoke(app, ["say", "--help"])
    assert told.exit_code == 0 and "--voice-command" in told.output
    failed = CliRunner().invoke(app, ["say", "p.png", "hi", "-o", str(tmp_path / "a.mp4"), "--voice-command", "cat"])
    assert isinstance(failed.exception, SoundError)
