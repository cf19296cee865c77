"""The paper's evaluation: its metrics by hand, its pairs by count, and a generator whose answers are known."""

import csv
import dataclasses
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gath.data import Pack
from gath.generator import Motion
from gath.metrics import PixelErrors, jitter, pixel_errors, pool, unit_response
from recipes import evaluate
from recipes.parts import reading, synthesis
from recipes.parts.extras import sharpness
from recipes.parts.protocol import inter_pairs, intra_pairs, photographs, sequences, sources
from recipes.parts.tables import Table, paper_tables
from talkinghead.face.align import alignment, crop, transform
from talkinghead.units.names import INDEX, UNIT_NAMES

K, FRAMES, SIZE = len(UNIT_NAMES), 10, synthesis.SIDE
JAW = INDEX["JawOpen"]


def write_pack(folder, images, landmarks, units, group, person, source, sets=("lab", "street")):
    folder.mkdir(parents=True)
    n = len(units)
    arrays = {"images": images, "landmarks": landmarks, "units": units, "pose": np.zeros((n, 3), np.float32)}
    arrays |= {name: np.array(x, np.int64) for name, x in (("group", group), ("person", person), ("source", source))}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "pack.json").write_text(json.dumps({"sets": list(sets)}))


@pytest.fixture(scope="module")
def data(tmp_path_factory, astronaut, tracker):
    """Test: person 0 with two sequences of set `lab`, person 1 with one of set `street`, a photograph of person 2.

    All are the same face, brightened frame by frame and mirrored for person 1; the units are random.
    """
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    faces = []
    for image in (astronaut, astronaut[:, ::-1]):
        points = tracker(np.ascontiguousarray(image))[0].points
        matrix = alignment(points, SIZE)
        faces.append((crop(image, matrix, SIZE), (transform(matrix, points) + 0.5) / SIZE))
    person = np.repeat([0, 0, 1, 2], [FRAMES, FRAMES, FRAMES, 1])
    chosen = [faces[int(p == 1)] for p in person]
    bright = rng.uniform(0.6, 1.0, len(person))
    images = np.stack([(image * b).astype(np.uint8) for (image, _), b in zip(chosen, bright)])
    landmarks = np.stack([points for _, points in chosen]).astype(np.float32)
    units = rng.random((len(person), K)).astype(np.float32)
    units[3], units[17] = 0.01, 0.4
    units[17, JAW] = 1.0
    group = np.repeat([0, 1, 5, -1], [FRAMES, FRAMES, FRAMES, 1])
    write_pack(folder / "test", images, landmarks, units, group, person, person == 1)
    write_pack(folder / "train", images[:4], landmarks[:4], units[:4], group[:4], person[:4], person[:4] == 1)
    return folder


@pytest.fixture(scope="module")
def pack(data):
    return Pack(data / "test")


def config(data, out, **given):
    base = evaluate.Config(data, out, every=3, most=3, sweep=1, workers=0, threads=1, identities=0, photos=1)
    return dataclasses.replace(base, **given)


class Perfect:
    """Knows the pack: units that are a row's own make that row's picture; any others the source's."""

    unit_names, config = UNIT_NAMES, SimpleNamespace(size=SIZE)

    def __init__(self, pack):
        self.pack = pack

    def encode(self, picture, units):
        return picture

    def decode(self, code, units):
        found = [np.flatnonzero((self.pack.units == u).all(1)) for u in units.numpy()]
        colour = torch.cat([synthesis.to_tensor(self.pack.images[f[:1]]) if len(f) else code for f in found])
        n = len(units)
        return Motion(torch.zeros(n, 2, SIZE, SIZE), torch.ones(n, 1, SIZE, SIZE), colour)


@pytest.fixture(scope="module")
def tables(data, pack, tmp_path_factory):
    """All tables of the perfect generator, as the recipe makes them, without OpenFace."""
    settings = config(data, tmp_path_factory.mktemp("out"))
    constant = np.load(data / "train" / "units.npy").mean(0)
    protocol = evaluate.Protocol(settings, pack, evaluate.set_names(settings, pack), constant)
    with pytest.MonkeyPatch.context() as patch, reading.Reader(0) as reader:
        patch.setattr(evaluate, "openface", lambda: None)
        return protocol, evaluate.evaluate(settings, {"flow": Perfect(pack)}, protocol, reader)


def rows_of(table, name):
    at = table.columns.index("system")
    return [row for row in table.rows if row[at] == name]


# Metrics


def test_pooled_errors_are_those_of_all_pixels_together():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 6, 4, 4, 3)).astype(np.uint8)
    mask = rng.random((6, 4, 4)) < 0.5
    parts = [pixel_errors(a[s], b[s], mask[s]) for s in (slice(0, 1), slice(1, 6))]
    assert pool(parts, [mask[:1].sum(), mask[1:].sum()]) == pytest.approx(pixel_errors(a, b, mask))
    assert pool([PixelErrors(1, 3, 3, 5), PixelErrors(3, 4, 9, 12)]) == pytest.approx((2, 12.5**0.5, 6, 84.5**0.5))


def test_unit_response_by_hand():
    asked, own = np.array([0.5, 1.0]), np.zeros(2)
    rest = np.zeros((2, 3))
    read = np.array([[0.2, 0.3, 0.0], [0.6, 0.0, 0.4]])  # of unit 0: slope (0.5 * 0.2 + 1 * 0.6) / 1.25
    slope, r, leakage = unit_response(asked, own, read, rest, 0)
    assert slope == pytest.approx(0.56) and r == pytest.approx(1)
    assert leakage == pytest.approx(np.sqrt((0.09 + 0.16) / 4 / 0.625))
    still = unit_response(asked, own, rest, rest, 0)
    assert still.slope == 0 and np.isnan(still.correlation) and still.leakage == 0


def test_jitter_by_hand():
    t = np.arange(4.0)
    points = np.zeros((4, 2, 2))
    points[:, :, 0] = t[:, None] ** 2  # moves as one: no jitter
    assert jitter(points, np.full(4, 2.0)) == pytest.approx(0)
    points[2, 0, 1] = 0.4  # one of two points jumps once: +-0.1 about the mean in eye distances, differences 1, 2
    assert jitter(points, np.full(4, 2.0)) == pytest.approx(1000 * (0.1 + 0.2) * 2 / 8)


def test_sharpness_is_of_the_face_alone(pack):
    picture, points = pack.images[0], pack.landmarks[0]
    noisy, soft = picture.copy(), synthesis.equalised(picture)
    noisy[:3] = np.random.default_rng(0).integers(0, 256, noisy[:3].shape)  # above the face
    assert sharpness(noisy, points) == sharpness(picture, points)
    import cv2

    assert sharpness(cv2.GaussianBlur(soft, (0, 0), 2), points) < 0.3 * sharpness(soft, points)


def test_all_is_the_root_of_the_mean_square_as_in_the_paper():
    """The paper's All of Table 2 follows from its two sets, within its rounding."""
    (table,) = [t for t in paper_tables() if "Tables 2 and 3" in t.title]
    for _, ravdess, vidtimit, everything, _ in table.rows:
        ours = evaluate.over_sets({"RAVDESS": ravdess, "VIDTIMIT": vidtimit})[evaluate.ALL]
        assert ours == pytest.approx(everything, abs=0.001)


# Protocol


def test_sources_are_the_neutral_frame_and_the_open_mouth(pack):
    chosen = sources(pack, sequences(pack, 12))
    assert chosen[0] == (3, 17)  # across both sequences of the person
    own = np.arange(2 * FRAMES, 3 * FRAMES)
    assert chosen[1] == (own[(pack.units[own] ** 2).sum(1).argmin()], own[pack.units[own, JAW].argmax()])


def test_pairs_are_two_sources_times_sequences(pack):
    clips = sequences(pack, 12)
    assert list(clips) == [0, 1, 5]
    intra = intra_pairs(pack, clips, 3, 100)
    assert len(intra) == 2 * 3
    assert all(pack.person[p.source] == pack.person[p.targets[0]] and p.source not in p.targets for p in intra)
    assert [len(p.targets) for p in intra if p.group == 1] == [3, 2]  # 1, 4 and 7 of ten, and 7 is a source
    photos = photographs(pack, 5)
    assert photos.tolist() == [3 * FRAMES]
    inter = inter_pairs(pack, clips, photos, 3, 2)
    assert len(inter) == 2 * 1 + 2 * 2 + 1 * 3  # two people's sources with the other's sequences, the photograph's all
    assert all(pack.person[p.source] != pack.person[p.targets[0]] and len(p.targets) == 2 for p in inter)
    assert list(sequences(pack, 1)) == [0, 5]  # one a person


# Tables


def test_a_perfect_generator_is_without_error_in_table_1(tables):
    for name in ("table1", "table1_channel"):
        rows = [row for row in rows_of(tables[1][name], "flow") if row[1] == "no"]
        assert [row[0] for row in rows] == ["full image", "face"]
        assert all(value == 0 for row in rows for value in row[3:])


@pytest.mark.parametrize("number", [2, 3])
def test_a_perfect_generator_reads_as_well_as_the_real_target(tables, number):
    (flow,), (real,) = (rows_of(tables[1][f"table{number}"], n) for n in ("flow", evaluate.REAL))
    assert flow[1:] == real[1:] and all(value > 0.1 for value in real[1:])  # the units are random, not the face's


def test_the_motionless_source_and_the_mean_by_other_means(tables, pack):
    protocol, found = tables
    lab = [p for p in protocol.intra if p.group in (0, 1)]
    (row,) = [r for r in rows_of(found["table1"], evaluate.MOTIONLESS) if r[:2] == ["full image", "no"]]
    source = np.concatenate([np.repeat(pack.images[p.source][None], len(p.targets), 0) for p in lab]).astype(int)
    target = np.concatenate([pack.images[p.targets] for p in lab]).astype(int)
    mae = found["table1"].columns.index("MAE lab")
    assert row[mae] == pytest.approx(np.abs(source - target).sum(-1).mean())
    rows = np.concatenate([p.targets for p in lab])
    (mean,) = rows_of(found["table2"], evaluate.MEAN)
    assert mean[1] == pytest.approx(np.sqrt(((pack.units[:4].mean(0) - pack.units[rows]) ** 2).mean()))
    (mean,) = [r for r in rows_of(found["table1"], evaluate.MEAN) if r[:2] == ["full image", "no"]]
    picture = pack.images[: 2 * FRAMES].astype(float).mean(0).round()
    assert mean[mae] == pytest.approx(np.abs(picture - target).sum(-1).mean())


def test_what_stands_still_has_no_jitter_and_answers_no_unit(tables):
    _, found = tables
    (still,) = rows_of(found["jitter"], evaluate.MOTIONLESS)
    assert still[1] == 0
    (row,) = found["sweep_summary"].rows  # the perfect generator has no picture of units nobody ever had
    assert row[1:] == [0, 0, 0, 0, K]
    assert len(found["sweep"].rows) == K and found["sweep"].columns[1:] == ["slope flow", "r flow", "leakage flow"]
    (motionless,) = rows_of(found["pictures"], evaluate.MOTIONLESS)
    assert motionless[1] is None and "identities=0" in found["pictures"].note


def test_markdown_and_csv_say_the_same(tables, tmp_path):
    table = Table("A", ["system", "x", "n"], [["flow", 0.123456, 3], ["mean", float("nan"), None]], "Note.", 2)
    table.write_csv(tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as file:
        assert list(csv.reader(file)) == [["system", "x", "n"], ["flow", "0.123456", "3"], ["mean", "", ""]]
    assert "| flow | 0.12 | 3 |\n| mean | n/a | n/a |" in table.markdown() and table.markdown().endswith("Note.\n")
    text = evaluate.write(tmp_path / "out", "# Head", tables[1])
    assert (tmp_path / "out" / "tables.md").read_text() == text
    for name, table in tables[1].items():
        with open(tmp_path / "out" / f"{name}.csv", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == table.columns and table.title in text
        for row, cells in zip(table.rows, rows, strict=True):
            printed = text[text.index(table.title) :].split("\n\n")[1]
            numbers = [float(c) for c, v in zip(cells, row) if isinstance(v, float) and c]
            assert f"| {' | '.join(table._text(cell) for cell in row)} |" in printed
            assert numbers == pytest.approx([v for v in row if isinstance(v, float) and not np.isnan(v)], rel=1e-5)


# Reading


def test_a_face_that_is_not_there_reads_as_no_expression(pack):
    with reading.Reader(0) as reader:
        read = reader.read(np.stack([np.full_like(pack.images[0], 127), pack.images[0]]))
    assert read.found.tolist() == [False, True]
    assert not read.units[0].any() and read.units[1].any() and np.isnan(read.points[0]).all()
    assert np.abs(read.points[1] - pack.landmarks[0]).mean() < 0.01  # back on the crop, where they were


@pytest.fixture
def fake_openface(tmp_path, monkeypatch):
    """A FeatureExtraction that reads AU01 = 1 + the frame's place, and fails on the second frame."""
    program = tmp_path / reading.OPENFACE
    columns = ["frame", " face_id", " timestamp", " confidence", " success"]
    columns += [f" {name}" for name in reversed(reading.OPENFACE_UNITS)] + [" AU28_c"]
    program.write_text(f"""#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in -fdir) frames=$2;; -out_dir) out=$2;; -of) name=$2;; -au_static) static=1;; esac; shift
done
[ -n "$static" ] && [ -f "$frames/000000.png" ] && mkdir -p "$out" || exit 1
echo "{",".join(columns)}" > "$out/$name.csv"
for i in $(seq $(ls "$frames" | wc -l)); do
  echo "$i, 0, 0.0, 0.9, $([ $i = 2 ] && echo 0 || echo 1), {"0.25, " * 16}$i.5, 1" >> "$out/$name.csv"
done
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return program


def test_openface_is_found_run_and_parsed(fake_openface, pack, monkeypatch):
    assert reading.openface() == str(fake_openface)
    units = reading.openface_units(reading.openface(), pack.images[:3])
    assert units.shape == (3, 17)
    assert units[:, 0].tolist() == [1.5, 0, 3.5]  # AU01 comes last in the file; a frame without success is zero
    assert (units[[0, 2], 1:] == 0.25).all()
    monkeypatch.setenv("PATH", "/nowhere")
    assert reading.openface() is None


def test_openface_that_fails_or_says_something_else_is_named(tmp_path, pack):
    with pytest.raises(SystemExit, match="false: failed .* take it off the PATH"):
        reading.openface_units("/bin/false", pack.images[:1])
    table = tmp_path / "other.csv"
    table.write_text("frame, success, AU01_r\n1, 1, 0.5\n")
    with pytest.raises(ValueError, match="no column AU02_r"):
        reading.read_openface(table, 1)


def test_openface_tables_compare_with_the_real_target(data, pack, fake_openface, tmp_path):
    settings = config(data, tmp_path)
    protocol = evaluate.Protocol(settings, pack, {0: "lab", 1: "street"}, np.zeros(K))
    kinds = {"intra": (protocol.intra, Table("T", ["system"], [["flow"], [evaluate.MEAN], [evaluate.REAL]]))}
    count = len(protocol.targets(protocol.intra))
    true = np.random.default_rng(0).random((count, 17))
    read = {("flow", "intra"): true + 0.5, (evaluate.REAL, "intra"): true}
    table = evaluate.openface_tables(protocol, kinds, read, ["lab", "street", "All"])["table2_openface"]
    assert [row[0] for row in table.rows] == ["flow", evaluate.MEAN]
    assert table.rows[0][1:] == pytest.approx([0.5] * 3)


# Command line


def test_mistakes_are_listed_before_anything_is_loaded(data, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "load_models", lambda config: pytest.fail("loaded"))
    (tmp_path / "tables.md").write_text("mine")
    words = [f"data={data}", f"out={tmp_path}", "gath=nothing.safetensors", "every=0", "split=val"]
    with pytest.raises(SystemExit) as error:
        evaluate.main(words)
    lines = str(error.value).splitlines()
    assert lines == [
        f"{data / 'val'}: no pack there; run recipes.prepare first",
        "gath: no file nothing.safetensors",
        "every: must be at least 1",
        f"{tmp_path / 'tables.md'} exists; choose another out, or force=true",
    ]
    assert (tmp_path / "tables.md").read_text() == "mine"


def test_a_file_that_is_no_generator_is_named(data, tmp_path):
    (tmp_path / "x.safetensors").write_text("not weights")
    with pytest.raises(SystemExit, match="gath_c: .*x.safetensors"):
        evaluate.load_models(config(data, tmp_path, gath_c=str(tmp_path / "x.safetensors"), flow="none"))
