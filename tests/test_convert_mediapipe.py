"""MediaPipe's files: against its own results."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from unit_files import quietly, read

from talkinghead.units.foreign import read_table
from talkinghead.units.names import INDEX
from talkinghead.units.unit_csv import write_csv

RANDOM = np.random.default_rng(0).random((50, 46)).astype(np.float32)
LIPS = [INDEX["LipsUpperOpen"], INDEX["LipsLowerOpen"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def result(tracker, astronaut):
    import mediapipe as mp

    return tracker._landmarker.detect(mp.Image(mp.ImageFormat.SRGB, astronaut))


def shapes_of(result):
    plain = dataclasses.asdict(result) | {"facial_transformation_matrixes": None}
    faces = [[dataclasses.asdict(c) for c in face] for face in result.face_blendshapes]
    javascript = {"faceBlendshapes": [{"categories": [{"index": c.index, "score": c.score, "categoryName":
                  c.category_name, "displayName": ""} for c in face], "headIndex": -1} for face in
                  result.face_blendshapes]}  # fmt: skip
    return {"result": plain, "javascript": javascript, "blendshapes": faces, "one face": faces[0]}


@pytest.mark.parametrize("shape", ["result", "javascript", "blendshapes", "one face"])
def test_a_landmarkers_result_gives_the_trackers_units(folder, result, astronaut_face, shape):
    Path("in.json").write_text(json.dumps({"fps": 10, "frames": [shapes_of(result)[shape]] * 3}))
    track = read("in.json")
    np.testing.assert_allclose(track.times, [0, 0.1, 0.2])
    kept = np.delete(np.arange(46), LIPS)
    np.testing.assert_allclose(track.units[1][kept], astronaut_face.units[kept], atol=1e-6)
    assert np.abs(track.units[1] - astronaut_face.units)[LIPS].max() < 0.4  # estimated


def test_what_is_written_has_mediapipes_order_and_names(folder, result):
    write_csv("au.csv", RANDOM, 25)
    quietly("au.csv", "out.json")
    (face,) = json.loads(Path("out.json").read_text())["frames"][1]["face_blendshapes"]
    assert [c["category_name"] for c in face] == [c.category_name for c in result.face_blendshapes[0]]
    assert [c["index"] for c in face] == [c.index for c in result.face_blendshapes[0]]
    assert set(face[0]) == {field.name for field in dataclasses.fields(result.face_blendshapes[0][0])}


def test_timestamps_frames_without_a_face_and_further_faces(folder):
    face = [{"category_name": "jawOpen", "score": 0.5}]
    frames = [{"timestamp_ms": 0, "face_blendshapes": []}, {"timestamp_ms": 33, "face_blendshapes": [face, []]},
              {"timestamp_ms": 66.5, "face_blendshapes": [face]}]  # fmt: skip
    Path("in.json").write_text(json.dumps(frames))
    table = read_table(Path("in.json"), "mediapipe")
    np.testing.assert_allclose(table.times, [0.033, 0.0665])
    assert table.notes == ["1 frames without a face", "1 further faces"]
