"""Files of other trackers: against files written by hand, and each other."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import commands_of
from PIL import Image
from typer.testing import CliRunner
from unit_files import quietly, read

from talkinghead.errors import OutputError, UnitsError
from talkinghead.surfaces import cli
from talkinghead.surfaces.cli_options import Models
from talkinghead.units.convert import OPENFACE_UNITS, UNIT_SCORES, convert, read_csv, timecode
from talkinghead.units.foreign import ANGLES, BLENDSHAPES, INTENSITIES, MEDIAPIPE_SCORES, kind_of, read_table
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.unit_csv import write_csv

ROOT = Path(__file__).parents[1]
RANDOM = np.random.default_rng(0).random((50, 46)).astype(np.float32)
SUFFIX = {"ours": ".csv", "arkit": ".csv", "livelink": ".csv", "openface": ".csv", "mediapipe": ".json"}
LIPS = [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names():
    assert len(BLENDSHAPES) == len(set(BLENDSHAPES)) == 52 and len(MEDIAPIPE_SCORES) == 52
    assert len(INTENSITIES) == 17 and tuple(OPENFACE_UNITS) == INTENSITIES and len(ANGLES) == 9
    assert {s for scores in UNIT_SCORES.values() for s in scores} < set(BLENDSHAPES)
    assert {u for units in OPENFACE_UNITS.values() for u in units} < set(UNIT_NAMES)


# Live Link Face, OpenFace and ARKit, by hand

LIVELINK = "Timecode,BlendShapeCount,EyeBlinkLeft,JawOpen,MouthUpperUpLeft,MouthUpperUpRight,TongueOut,HeadYaw\n"


def test_livelink(folder):
    rows = [
        "23:59:59:10.500,61,0.1,0.2,0.2,0.4,0.5,-0.2",
        "23:59:59:29,61,0.2,0.3,0,0,0,0",
        "00:00:00:05.000,0",
        "00:00:01:20.000,61,1,0.4,0,0,0,0",
    ]
    Path("in.csv").write_text("\ufeff" + LIVELINK + "\r\n".join(rows), encoding="utf-8")
    assert kind_of(Path("in.csv")) == "livelink"
    track = read("in.csv")
    start = 59 + 10.5 / 30  # frame numbers end at 29
    np.testing.assert_allclose(track.times, [0, 59 + 29 / 30 - start, 61 + 20 / 30 - start], atol=1e-9)
    assert track.units[:, INDEX["EyeBlink_L"]].tolist() == pytest.approx([0.1, 0.2, 1])
    assert track.units[0, INDEX["LipsUpperUp"]] == pytest.approx(0.3)
    (line,) = quietly("in.csv", "out.csv")
    for lost in ("1 rows without a face", "tongueOut", "mouthUpperUpLeft/mouthUpperUpRight"):
        assert lost in line
    assert quietly("in.csv", "same.csv", "arkit") == ["in.csv: from livelink to arkit is lost: 1 rows without a face"]
    with pytest.raises(UnitsError, match="row 3, column Timecode: 23:59:59:29 has no place at 25 frames"):
        convert("in.csv", "none.csv", fps=Fraction(25))


def test_livelink_short_files_are_at_60(folder):
    Path("in.csv").write_text(LIVELINK + "00:00:05:00.000,61,0,0,0,0,0,0\n00:00:05:06.000,61,0,1,0,0,0,0\n")
    np.testing.assert_allclose(read("in.csv").times, [0, 0.1])


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "00:00:00:00.000"), (0.04, "00:00:00:02.400"), (3725.5, "01:02:05:30.000"), (59.9999999, "00:01:00:00.000")],
)
def test_timecodes_at_60(seconds, text):
    assert timecode(seconds) == text


def test_livelink_as_the_app_writes_it(folder):
    write_csv("au.csv", RANDOM, 25)
    quietly("au.csv", "out.csv", "livelink")
    with open("out.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows[0]) == 63 and rows[0][:3] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft"]
    assert rows[0][16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"] and rows[0][-1] == "RightEyeRoll"
    assert rows[26][:2] == ["00:00:01:00.000", "61"]
    by_name = dict(zip(rows[0], rows[26]))
    assert (
        float(by_name["NoseSneerLeft"])
        == float(by_name["NoseSneerRight"])
        == pytest.approx(RANDOM[25, INDEX["Sneer"]], abs=1e-4)
    )


OPENFACE = "frame, face_id, timestamp, confidence, success, pose_Rx, AU01_r, AU06_r, AU12_r, AU25_r, AU01_c\n"


def test_openface(folder):
    rows = ["1, 0, 0.000, 0.98, 1, 0.1, 5.00, 1, 2.50, 1.00, 1", "2, 0, 0.040, 0.98, 0, 0, 0, 0, 0, 0, 0",
            "3, 0, 0.080, 0.20, 1, 0, 9, 0, 0, 0, 0", "4, 1, 0.120, 0.98, 1, 0, 0, 0, 0, 0, 0",
            "4, 0, 0.120, 0.98, 1, 0, 0, 0, 0.05, 0, 0"]  # fmt: skip
    Path("in.csv").write_text(OPENFACE + "\n".join(rows))
    track = read("in.csv")
    assert track.times.tolist() == [0, 0.12]
    wanted = {"BrowsU_C": 1, "MouthSmile_L": 0.5, "MouthSmile_R": 0.5, "LipsUpperOpen": 0.2, "LipsLowerOpen": 0.2}
    assert {UNIT_NAMES[k]: pytest.approx(v) for k, v in enumerate(track.units[0]) if v} == wanted
    (line,) = quietly("in.csv", "out.csv")
    assert line == (
        "in.csv: from openface to ours is lost: 2 rows that OpenFace was not sure of, 1 rows of other faces,"
        " part of the head's pose, AU06"
    )
    assert read("out.csv").units[1, INDEX["MouthSmile_L"]] == pytest.approx(0.01)


def test_arkit_spellings_and_clocks(folder):
    Path("in.csv").write_text("frame,eyeBlink_L,jawOpen\n0,0.5,0\n5,0,1\n")
    track = read("in.csv", fps=50)
    assert track.times.tolist() == [0, 0.1] and track.units[0, INDEX["EyeBlink_L"]] == 0.5
    Path("in.csv").write_text("timestamp,JawForward,MouthPucker\n0.25,0.5,1\n")
    assert read("in.csv").times.tolist() == [0.25]


def test_lips_are_estimated_as_measured_faces_have_them(folder):
    Path("in.csv").write_text("time,jawOpen,mouthClose\n0,0,0\n1,0.5,0\n2,0.5,0.5\n")
    closed, open_, held = read("in.csv").units[:, LIPS]
    assert closed.max() < 0.1 and open_.min() > 0.4 and held.max() < 0.2


# Round trips


def shared(a, b):
    """Units that survive a -> b -> a."""
    units = RANDOM.copy()
    if "openface" in (a, b):
        keep = [INDEX[members[0]] for members in OPENFACE_UNITS.values() if members]
        for members in OPENFACE_UNITS.values():
            for member in members:
                units[:, INDEX[member]] = units[:, INDEX[members[0]]]
        kept = {INDEX[m] for members in OPENFACE_UNITS.values() for m in members}
        assert len(keep) == 16
    else:
        kept = set(range(46))
    if {a, b} & {"arkit", "livelink", "mediapipe"}:
        kept -= set(LIPS)
    out = np.zeros_like(units)
    out[:, sorted(kept)] = units[:, sorted(kept)]
    return out, sorted(kept)


@pytest.mark.parametrize("a", SUFFIX)
@pytest.mark.parametrize("b", SUFFIX)
def test_round_trips_of_what_is_shared(folder, a, b):
    if a == b:
        return
    units, kept = shared(a, b)
    write_csv("start.csv", units, 25)
    first = "start.csv"
    if a != "ours":
        first = "first" + SUFFIX[a]
        quietly("start.csv", first, a)
    quietly(first, "there" + SUFFIX[b], b)
    quietly("there" + SUFFIX[b], "back" + SUFFIX[a], a)
    assert kind_of(Path("back" + SUFFIX[a])) == (None if a == "ours" else a)
    track = read("back" + SUFFIX[a])
    np.testing.assert_allclose(track.times, np.arange(50) / 25, atol=1e-4)
    np.testing.assert_allclose(track.units[:, kept], units[:, kept], atol=1e-4)


@pytest.mark.parametrize("a, b", [("arkit", "livelink"), ("livelink", "mediapipe"), ("mediapipe", "arkit")])
def test_blendshapes_are_copied_one_by_one(folder, a, b):
    scores = np.random.default_rng(1).random((9, 52))
    scores[:, BLENDSHAPES.index("tongueOut")] = 0  # MediaPipe has none
    with open("in.csv", "w") as file:
        file.write(",".join(("time", *BLENDSHAPES)) + "\n")
        file.writelines(f"{i / 25:.4f}," + ",".join(map(str, row)) + "\n" for i, row in enumerate(scores))
    source = Path("in.csv")
    for kind in (a, b):
        if kind != kind_of(source):
            assert quietly(source, f"{kind}{SUFFIX[kind]}", kind) == []
            source = Path(f"{kind}{SUFFIX[kind]}")
    table = read_table(source, b)
    found = np.stack([table.values[:, table.names.index(name)] for name in BLENDSHAPES if name in table.names], 1)
    wanted = np.stack([scores[:, k] for k, name in enumerate(BLENDSHAPES) if name in table.names], 1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_times_need_not_be_even(folder):
    Path("in.csv").write_text("time,JawOpen\n0,0\n0.1,1\n0.7,0.5\n")
    quietly("in.csv", "out.csv", "livelink")
    np.testing.assert_allclose(read("out.csv").times, [0, 0.1, 0.7], atol=1e-4)


# Errors


@pytest.mark.parametrize(
    "text, message",
    [
        (LIVELINK + "00:00:00,61,0,0,0,0,0,0\n", "row 2, column Timecode: '00:00:00' is not HH:MM:SS:FF.fff"),
        (LIVELINK + "00:00:00:00,61,0,0\n", "row 2 has 4 columns, the header 8"),
        (LIVELINK + "00:00:00:00,61,0,x,0,0,0,0\n", "row 2, column JawOpen: 'x' is not a number"),
        (LIVELINK + "00:00:00:00,61,0,1.5,0,0,0,0\n", "row 2, column JawOpen: 1.5 is outside 0 to 1"),
        (LIVELINK + "00:00:00:00,61,0,0,0,0,0,nan\n", "row 2, column HeadYaw: 'nan' is not a number"),
        (LIVELINK + 2 * "00:00:00:05,61,0,0,0,0,0,0\n", "row 3, column Timecode: 00:00:00:05 does not come after"),
        (LIVELINK, "no row with a face"),
        ("Timecode,JawOpn\n", "row 1, column 2: there is no ARKit blendshape 'JawOpn'"),
        ("time,jawOpen,JawOpen\n0,0,0\n", "row 1, column 3: JawOpen stands there twice, in two spellings"),
        ("time,jawOpen,jawOpen\n0,0,0\n", "row 1: column jawOpen stands there twice"),
        ("jawOpen,mouthPucker\n0,0\n", "row 1: no column `time`"),
        ("time,jawOpen\n0,\n", "row 2, column jawOpen: empty"),
        ("time,jawOpen\n1,0\n0,0\n", "row 3, column time: 0 does not come after the row above"),
        (OPENFACE + "1,0,0,1,1,0,5.5,0,0,0,0\n", "row 2, column AU01_r: 5.5 is outside 0 to 5"),
        (OPENFACE + "1,0,0,1,0,0,0,0,0,0,0\n", "no row with a face"),
        ("frame,timestamp,AU01_c\n1,0,1\n", "row 1: no column of intensities such as AU01_r"),
        ("[{", "not JSON .line 1 column 3.; write it"),
        ("[" * 100000, "not JSON"),
        ('{"a": 1}', "no list of frames"),
        ("[3]", "frame 1: no list face_blendshapes"),
        ("[[]]", "no frame with a face"),
        ('[{"face_blendshapes": [3]}]', "frame 1: a face is not a list of categories"),
        ('[[[{"category_name": "jawOpn", "score": 1}]]]', "frame 1: there is no MediaPipe blendshape 'jawOpn'"),
        ('[[[{"category_name": "jawOpen", "score": "1"}]]]', "frame 1, jawOpen: '1' is not a number from 0 to 1"),
        ('[[[{"category_name": "jawOpen", "score": NaN}]]]', "frame 1, jawOpen: nan is not a number from 0 to 1"),
        ('{"fps": "x", "frames": []}', "fps: 'x' is not a frame rate"),
        ('[{"timestamp_ms": 9, "face_blendshapes": [[]]}, {"timestamp_ms": 9, "face_blendshapes": [[]]}]',
         "frame 2, timestamp_ms: 9.* does not come after"),
        ("\u00ff\ufffd,jawOpen,time\n", "row 1, column 1: there is no ARKit blendshape"),
    ],
)  # fmt: skip
def test_errors_take_one_line_and_leave_nothing(folder, text, message):
    Path("in.any").write_text(text, encoding="utf-8")
    for target in "out.csv", "out.json":
        with pytest.raises(UnitsError, match=message) as caught:
            convert("in.any", target)
        assert str(caught.value).startswith("in.any: ") and "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["in.any"]


def test_outputs_are_checked_first_and_kept(folder):
    write_csv("au.csv", RANDOM, 25)
    with pytest.raises(UnitsError, match="au.csv: holds our units already; name another kind with --to"):
        convert("au.csv", "out.csv")
    with pytest.raises(OutputError, match="out.json: unsupported"):
        convert("none.csv", "out.json", "openface")
    Path("out.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        convert("au.csv", "out.json")
    assert Path("out.json").read_text() == "mine"


def test_our_own_files_with_names_that_others_share_stay_ours(folder):
    Path("au.csv").write_text("time,JawOpen,JawLeft,MouthLeft,EyeBlink_L\n0,1,0,0,1\n")
    assert kind_of(Path("au.csv")) is None and read_csv("au.csv").units.sum() == 2


def test_what_is_lost_is_one_line_on_stderr(folder):
    write_csv("au.csv", RANDOM, 25)
    command = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()"]
    done = subprocess.run(
        [*command, "convert", "au.csv", "-o", "out.csv", "--to", "arkit"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "talkinghead: au.csv: from ours to arkit is lost: LipsUpperOpen, LipsLowerOpen\n"


def test_the_commands_of_the_page(folder, head, astronaut, monkeypatch):
    monkeypatch.setattr(Models, "head", lambda self: head)
    Image.fromarray(astronaut).save("portrait.jpg")
    soundfile.write("speech.wav", 0.3 * np.sin(np.arange(8000)), 16000)
    write_csv("start.csv", RANDOM[:12], 25)
    quietly("start.csv", "livelink.csv", "livelink")
    quietly("start.csv", "openface.csv", "openface")
    commands, page = commands_of("convert.md")
    for arguments in commands:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        assert Path(arguments[arguments.index("-o") + 1]).stat().st_size
    (example,) = re.findall(r"```json\n(.*?)```", page, re.S)
    Path("example.json").write_text(example)
    np.testing.assert_allclose(read("example.json").units[:, INDEX["JawOpen"]], [0.31, 0.35], atol=1e-6)
