"""The web page and its server, where Gradio is installed: what is on it, how options are asked for, what is drawn."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkinghead.errors import OutputError, PortraitError
from talkinghead.options import FrameOptions, described, option
from talkinghead.surfaces import cli
from talkinghead.surfaces.web_plot import POINTS, plot, pose_plot, units_plot
from talkinghead.surfaces.web_room import Limits
from talkinghead.units.names import INDEX, UNIT_NAMES
from talkinghead.units.pose import NEUTRAL
from talkinghead.units.track import UnitTrack

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()", "web"]


@pytest.fixture
def page():
    pytest.importorskip("gradio", reason="needs pip install '.[web]'")
    from talkinghead.surfaces import web_page

    return web_page


@pytest.fixture
def parts(page):
    from talkinghead.surfaces import web_parts

    return web_parts


def test_the_page_holds_every_unit_and_offers_no_api(page, room):
    blocks = page.build(room)
    labels = [block.label for block in blocks.blocks.values() if isinstance(block, page.gr.Slider)]
    assert set(UNIT_NAMES) <= set(labels)
    assert blocks.analytics_enabled is False
    assert {fn.api_visibility for fn in blocks.fns.values() if fn.targets[0][1] != "unload"} == {"private"}
    heavy = [fn for fn in blocks.fns.values() if fn.concurrency_id == "heavy"]
    assert {fn.fn.__name__ for fn in heavy} == {"speak", "make", "track"} and {
        fn.concurrency_limit for fn in heavy
    } == {1}


def test_uploads_reach_us_untouched_and_nothing_is_fetched(parts, tmp_path):
    upload = parts.upload(parts.gr.Image(type="filepath"))
    path = tmp_path / "text.jpg"
    path.write_text("not a picture")
    payload = upload.data_model(path=str(path))
    assert upload.preprocess(payload) == str(path) and upload.preprocess(None) is None
    with pytest.raises(parts.gr.Error, match="not fetched"):
        asyncio.run(upload.async_move_resource_to_block_cache("http://127.0.0.1/x.jpg"))


def test_errors_are_the_command_lines_and_harmless_as_html(parts, room, uploads):
    with pytest.raises(parts.gr.Error) as caught, parts.plainly(room):
        raise PortraitError(f"{uploads}/a.png: broken picture (<script>)")
    assert caught.value.message == "a.png: broken picture (&lt;script&gt;)"


def test_the_plot_shows_values_where_and_when_they_are():
    track = UnitTrack(np.arange(5001) / 25, np.random.default_rng(0).random((5001, 46), np.float32))
    html = units_plot(track, ["JawOpen", "Puff"], "#clip video")
    curves = re.findall(r'points="([^"]+)"', html)
    assert len(curves) == 2 and re.findall(r"</i>(\w+)</li>", html) == ["JawOpen", "Puff"]
    points = np.array([point.split(",") for point in curves[1].split()], float)
    assert len(points) == POINTS and points[-1, 0] == 1000
    frames = np.round(points[:, 0] * 5).astype(int)  # a fifth of a frame for each of 1000 across
    np.testing.assert_allclose(1 - points[:, 1] / 100, track.units[frames, INDEX["Puff"]], atol=0.001)
    assert 'data-seconds="200.000" data-follows="#clip video"' in html
    assert re.findall(r'left:([\d.]+)%">(\d+)<', html) == [(f"{15 * i:.2f}", str(30 * i)) for i in range(7)]
    assert "polyline" not in units_plot(None, ["JawOpen"]) + units_plot(track, [])


def test_the_pose_is_plotted_where_it_is_known():
    pose = np.tile(NEUTRAL, (3, 1))
    pose[:, 0] = -12, 0, 12
    track = UnitTrack(np.arange(3.0), np.zeros((3, 46), np.float32), pose)
    html = pose_plot(track, "#clip video")
    assert re.findall(r"</i>(\w+)</li>", html) == ["HeadYaw", "HeadPitch", "HeadRoll"]
    assert re.findall(r'points="([^"]+)"', html)[0] == "0.0,100.0 500.0,50.0 1000.0,0.0"
    assert "<em>12\u00b0</em><em>-12\u00b0</em>" in html
    assert pose_plot(UnitTrack(np.arange(3.0), np.zeros((3, 46), np.float32))) == pose_plot(None) == ""


def test_one_frame_and_any_range_can_be_plotted():
    html = plot(np.zeros(1), {"<yaw>": np.array([5.0])}, -10, 10)
    assert 'points="0.0,25.0"' in html and "&lt;yaw&gt;" in html


def test_the_outline_is_drawn_over_the_portrait(parts, room, uploads):
    html = parts.outlined(room.look_at(uploads / "portrait.png"))
    assert html.index("<img") < html.index("<svg") and 'viewBox="0 0 512 512"' in html
    (line,) = re.findall(r'<path class="taken" d="M([^"]+)Z"', html)
    assert len(line.split("L")) == 36
    Image.new("RGB", (300, 300)).save(uploads / "<b>.png")
    html = parts.outlined(room.look_at(uploads / "<b>.png"))
    assert "<path" not in html and "trouble" in html and "&lt;b&gt;.png: no face found" in html and "<b>" not in html


def test_every_option_is_a_control_and_says_what_it_says(page):
    from talkinghead.surfaces.web_controls import CONTROLS, Controls

    assert set(CONTROLS) <= set(described(FrameOptions))
    with page.gr.Blocks():
        controls = Controls()
    defaults = controls.read([component.value for component in controls.components])
    assert defaults == dataclasses.replace(FrameOptions(), fps="25")
    values = dict(zip([c.label for c in controls.components], [c.value for c in controls.components]))
    values |= {"Which face": 2, "Mood": "sad", "Strength of the mood": 0.5, "Blinks": "never", "Enhance": True}
    assert controls.read(list(values.values())) == dataclasses.replace(
        defaults, face=2, mood={"sad": 0.5}, blink=False, enhance=True
    )


def test_an_option_added_later_is_on_the_page_by_itself(page):
    from talkinghead.surfaces.web_controls import Controls

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Later(FrameOptions):
        nod: float = option(0.5, "How much.", float, least=0, most=2)
        times: int = option(3, "How often.", int, least=1)
        loud: bool = option(True, "Aloud.", bool)
        text: str | None = option(None, "Words.")
        weights: Path | None = option(None, "A file of this machine.", Path)

    with page.gr.Blocks():
        controls = Controls(Later)
    made = {c.label: c for c in controls.components}
    assert (made["Nod"].minimum, made["Nod"].maximum, made["Nod"].value) == (0, 2, 0.5)
    assert made["Times"].minimum == 1 and made["Loud"].value is True and "Weights" not in made
    assert controls.read([c.value for c in controls.components]) == Later(fps="25")


def test_the_preview_is_inside_the_page(parts):
    found = re.search(r'src="data:image/jpeg;base64,([^"]+)"', parts.picture(b"\xff\xd8", "Words"))
    assert base64.b64decode(found[1]) == b"\xff\xd8"


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [*COMMAND, "--port", str(taken.getsockname()[1])], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1 and re.fullmatch(r"talkinghead: port \d+ cannot be had on 127.*\n", done.stderr)


def test_the_commands_of_the_docs_are_understood(monkeypatch):
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / "web.md").read_text(encoding="utf-8"), re.M | re.S)
    served = []
    monkeypatch.setattr("talkinghead.surfaces.web.serve", lambda head, *arguments: served.append(arguments))
    for line in "".join(blocks).splitlines():
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        cli.app(standalone_mode=False)
    assert served == [
        ("127.0.0.1", 7860, 200, Limits(), False),
        ("127.0.0.1", 7860, 200, Limits(), True),
        ("127.0.0.1", 8080, 50, Limits(seconds=120), False),
        ("0.0.0.0", 8080, 200, Limits(), False),
    ]


def test_without_gradio_it_says_how_to_get_it(monkeypatch):
    from talkinghead.errors import ModelError
    from talkinghead.surfaces.web import serve

    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ModelError, match=r"pip install 'talkinghead\[web\]'"):
        serve(None, "127.0.0.1", 0, 10, Limits(), False)
    with pytest.raises(OutputError, match="port 99999 cannot be had"):
        serve(None, "127.0.0.1", 99999, 10, Limits(), False)
