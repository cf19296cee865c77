from __future__ import annotations

import csv
from fractions import Fraction

import numpy as np
import pytest

from talkinghead.errors import OutputError, UnitsError
from talkinghead.units.convert import read_csv
from talkinghead.units.names import INDEX, LIP_OPENING_SCALE, SOURCES, UNIT_NAMES, lip_opening, units_from_scores
from talkinghead.units.track import UnitTrack, check_unit
from talkinghead.units.unit_csv import CsvWriter, write_csv

RANDOM = np.random.default_rng(0).random((50, 46)).astype(np.float32)


def test_the_46_names_in_their_order():
    assert len(UNIT_NAMES) == len(set(UNIT_NAMES)) == 46
    assert [INDEX[name] for name in ("EyeBlink_L", "BrowsU_C", "JawOpen", "MouthSmile_R", "LipsUpperOpen", "Puff")] == [
        0, 16, 21, 29, 38, 45,
    ]  # fmt: skip
    assert all(does for _, does in SOURCES.values())


def test_units_are_means_of_scores():
    scores = {s: 0.0 for sources, _ in SOURCES.values() for s in sources}
    scores |= {"noseSneerLeft": 0.2, "noseSneerRight": 0.6, "jawOpen": 1.5}
    units = units_from_scores(scores, np.zeros((478, 2)))
    assert units.dtype == np.float32
    assert units[INDEX["Sneer"]] == pytest.approx(0.4) and units[INDEX["JawOpen"]] == 1
    assert np.count_nonzero(units) == 2


@pytest.mark.parametrize("angle", [0, 0.7, -2])
def test_lips_are_measured_from_the_line_of_the_corners(angle):
    points = np.zeros((478, 2))
    points[[33, 263]] = (0, 0), (100, 0)
    points[[78, 308]] = (30, 80), (70, 80)
    points[13], points[14] = (50, 74), (50, 92)
    c, s = np.cos(angle), np.sin(angle)
    points = points @ np.array([[c, s], [-s, c]]) * 3 + 17
    np.testing.assert_allclose(lip_opening(points), (0.06, 0.12), atol=1e-9)
    units = units_from_scores({s: 0.0 for sources, _ in SOURCES.values() for s in sources}, points)
    assert units[INDEX["LipsLowerOpen"]] == pytest.approx(0.12 / LIP_OPENING_SCALE[1], abs=1e-5)


# CSV


def test_round_trip(tmp_path):
    write_csv(tmp_path / "au.csv", RANDOM, Fraction(30000, 1001))
    track = read_csv(tmp_path / "au.csv")
    np.testing.assert_allclose(track.units, RANDOM, atol=1e-4)
    np.testing.assert_allclose(track.times, np.arange(50) * 1001 / 30000, atol=1e-6)
    with open(tmp_path / "au.csv", newline="") as file:  # as anyone else reads it
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", *UNIT_NAMES]
    assert float(rows[49]["JawOpen"]) == pytest.approx(RANDOM[49, 21], abs=1e-4)


def read(tmp_path, text, **options):
    path = tmp_path / "au.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv(path, **options)


def test_any_subset_in_any_order_with_bom_crlf_spaces_and_blank_lines(tmp_path):
    track = read(tmp_path, "\ufeffPuff, time ,JawOpen\r\n0.5,0, 1\r\n\r\n0,0.5,0.25\r\n\r\n,,\r\n")
    assert track.times.tolist() == [0, 0.5]
    assert track.units.shape == (2, 46) and track.units.dtype == np.float32
    assert track.units[:, [INDEX["Puff"], INDEX["JawOpen"]]].tolist() == [[0.5, 1], [0, 0.25]]
    assert track.units.sum() == 1.75


def test_frames_become_seconds(tmp_path):
    assert read(tmp_path, "frame,JawOpen\n0,0\n10,1\n").times.tolist() == [0, 0.4]
    assert read(tmp_path, "frame,JawOpen\n0,0\n10,1\n", fps=Fraction(50)).times.tolist() == [0, 0.2]
    assert read(tmp_path, "frame,time,JawOpen\n0,0,0\n1,7,1\n").times.tolist() == [0, 7]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("time,JawOpen\n", "no rows below the header"),
        ("JawOpen\n1\n", "no column `time` .* or `frame`"),
        ("time,JawOpn\n0,1\n", "row 1, column 2: .*'JawOpn'; did you mean JawOpen?"),
        ("time,MouthSmile\n0,1\n", "did you mean MouthSmile_[LR]?"),
        ("time,xyzzy\n0,1\n", "`talkinghead aus` lists them"),
        ("time,JawOpen,JawOpen\n0,1,1\n", "row 1: column JawOpen stands there twice"),
        ("time,JawOpen\n0,1\n0.04,nan\n", "row 3, column JawOpen: 'nan' is not a number"),
        ("time,JawOpen\n0,1\n\n0.04,\n", "row 4, column JawOpen: empty"),
        ("time,JawOpen\n0,wide\n", "row 2, column JawOpen: 'wide' is not a number"),
        ("time,JawOpen\n0,inf\n", "row 2, column JawOpen"),
        ("time,JawOpen\n0,1\n0.04,1.2\n", "row 3, column JawOpen: 1.2 is outside 0 to 1"),
        ("time,JawOpen\n0,-0.1\n", "row 2, column JawOpen: -0.1 is outside 0 to 1"),
        ("time,JawOpen\n0,1\n0.08,1\n0.04,1\n", "row 4, column time: 0.04 does not come after"),
        ("time,JawOpen\n0,1\n0,1\n", "row 3, column time: 0 does not come after"),
        ("time,JawOpen\n-1,1\n", "row 2, column time"),
        ("frame,JawOpen\n0,1\n1.5,1\n", "row 3, column frame: 1.5 is not a whole number"),
        ("time,JawOpen\n0,1\n0.04\n", "row 3 has 1 columns, the header 2"),
        (b"\x00\xff\xfe\x80" * 9, "not a CSV file"),
    ],
)
def test_errors_name_file_row_and_column(tmp_path, text, message):
    with pytest.raises(UnitsError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "au.csv")) and "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UnitsError, match=str(path)):
            read_csv(path)


def test_names_are_matched_whatever_the_case():
    assert check_unit("Puff") == "Puff"
    with pytest.raises(UnitsError, match="did you mean JawOpen?"):
        check_unit("jawopen")


def test_interpolation_agrees_with_numpy():
    times = np.sort(np.random.default_rng(1).random(50)) * 4
    track = UnitTrack(times, RANDOM)
    wanted = np.linspace(-1, 6, 333)
    expected = np.stack([np.interp(wanted, times, RANDOM[:, k]) for k in range(46)], 1)
    np.testing.assert_allclose(track.at(wanted), expected, atol=1e-6)
    np.testing.assert_array_equal(track.at(times), RANDOM)
    single = UnitTrack(np.zeros(1), RANDOM[:1])
    np.testing.assert_array_equal(single.at(np.array([-1.0, 0, 9])), RANDOM[[0, 0, 0]])
    assert single.duration == 0.04
    assert UnitTrack(np.arange(50) / 10, RANDOM).duration == pytest.approx(5)


def test_an_existing_file_is_kept_and_a_failed_one_leaves_nothing(tmp_path):
    path = tmp_path / "au.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="force"):
        write_csv(path, RANDOM, 25)
    with pytest.raises(RuntimeError), CsvWriter(path, 25, force=True) as file:
        file.write(RANDOM[0])
        raise RuntimeError
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]
    write_csv(path, RANDOM, 25, force=True)
    assert len(read_csv(path).times) == 50
    with pytest.raises(OutputError, match="does not exist"):
        write_csv(tmp_path / "none" / "au.csv", RANDOM, 25)
