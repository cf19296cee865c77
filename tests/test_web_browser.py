"""The web page in a real browser: Playwright drives the Chromium that is installed, on the shipped weights."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from PIL import Image
from web_hands import ask, give, playing, preview, slide, toast

from talkinghead.media.video import VideoWriter
from talkinghead.samples import VOICE
from talkinghead.units.convert import read_csv

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install '.[browser]'")
pytest.importorskip("gradio", reason="needs pip install '.[web]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not CHROMIUM:
    pytest.skip("needs a Chromium; apt-get install chromium", allow_module_level=True)

PATIENCE = 120_000  # ms, for jobs on a busy machine
MAX_MB = 2
COMMAND = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()", "web", "--port", "0"]


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def server(temporary):
    """Address of a running page; afterwards it must have left nothing."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen([*COMMAND, "--max-mb", str(MAX_MB)], stderr=subprocess.PIPE, text=True, env=environment)
    said, lines = [], process.stderr
    for line in lines:
        said.append(line)
        if found := re.search(r"http://\S+/", line):
            break
    else:
        pytest.fail("".join(said))
    drain = threading.Thread(target=said.extend, args=(lines,), daemon=True)
    drain.start()
    yield found[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    drain.join(5)
    assert "Traceback" not in "".join(said), "".join(said)
    assert [path.name for path in temporary.iterdir() if path.name.startswith("talkinghead")] == []


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server):
    """The page, freshly opened; nothing that it does may ask another machine, or be refused by its own policy."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page.set_default_timeout(PATIENCE)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(server)
    page.get_by_role("tab", name="Edit").wait_for()
    yield page
    page.close()
    assert [url for url in asked if not url.startswith((server, "data:", "blob:"))] == []
    assert [text for text in complaints if "Content Security Policy" in text] == []


@pytest.fixture(scope="module")
def files(tmp_path_factory, astronaut):
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(astronaut).save(folder / "portrait.png")
    samples, rate = soundfile.read(VOICE)
    soundfile.write(folder / "voice.wav", samples[:rate], rate)
    soundfile.write(folder / "long.wav", np.tile(samples, 4)[: 30 * rate], rate)
    with VideoWriter(folder / "clip.mp4", 512, 512, 25) as video:
        for _ in range(5):
            video.write(astronaut)
    return folder


def test_a_portrait_and_a_voice_become_a_playing_video(page, files, tmp_path):
    give(page, "speak-portrait", files / "portrait.png")
    page.locator("#speak-outline path.taken").wait_for()
    give(page, "speak-voice", files / "voice.wav")
    page.locator("#speak-voice").get_by_text("voice.wav").or_(page.locator("#speak-voice canvas")).first.wait_for()
    page.locator("#speak-start").click()
    width, shown = playing(page)
    assert width == 512 and shown > 0.4 * 1280
    assert page.locator("#speak-plot polyline").count() == 6 + 3  # and yaw, pitch, roll
    with page.expect_download() as download:
        page.locator("#speak-units a[download]").first.click()
    download.value.save_as(tmp_path / "units.csv")
    assert read_csv(tmp_path / "units.csv").units.shape == (25, 46)


def test_one_click_from_a_sample_to_a_playing_video(page, files):
    with page.expect_response(lambda response: "/upload?" in response.url and response.ok):
        give(page, "speak-voice", files / "voice.wav")  # the visitor's own voice is kept
    page.locator("#speak-voice").get_by_text("0:01").wait_for()
    page.locator("#speak-sample-man").click()
    page.locator("#speak-outline path.taken").wait_for()
    assert playing(page)[0] == 720
    assert page.evaluate("document.querySelector('#speak-video video').duration") == pytest.approx(1, abs=0.1)
    give(page, "speak-portrait", files / "portrait.png")  # and another begins with its outline again
    page.locator('#speak-outline svg[viewBox="0 0 512 512"]').wait_for()
    assert page.locator("#speak-video video").count() == 0


def test_a_clip_is_followed(page, files):
    give(page, "speak-portrait", files / "portrait.png")
    page.locator("#speak-outline path.taken").wait_for()
    page.locator("#speak-options button").first.click()
    give(page, "speak-clip", files / "clip.mp4")
    page.locator("#speak-clip video").wait_for()
    page.locator("#speak-start").click()
    page.wait_for_function("document.querySelector('#speak-video video')?.duration > 0.15")
    assert page.locator("#speak-options").get_by_text("How far the head moves").count() == 1


def test_a_sample_has_a_voice_to_speak_with(page):
    page.locator("#speak-sample-woman").click()
    page.locator("#speak-voice").get_by_text("0:10").wait_for()
    page.get_by_text(re.compile(r"\d+ s left")).wait_for()
    page.locator("#speak-stop").click()
    assert "stopped; nothing was kept" in toast(page)
    page.locator("#speak-outline path.taken").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["desk", "phone"])
def test_the_page_fits_and_follows_light_and_dark(browser, server, scheme, size):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(server)
    page.locator("#speak-start").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shade = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert shade > 200 if scheme == "light" else shade < 50
    page.close()


def test_no_face_is_said_where_the_face_would_be_outlined(page, tmp_path):
    Image.new("RGB", (300, 300)).save(tmp_path / "grey.png")
    give(page, "speak-portrait", tmp_path / "grey.png")
    page.locator("#speak-outline figcaption.trouble").wait_for()
    assert "grey.png: no face found" in page.locator("#speak-outline").inner_text()


def test_the_plot_follows_the_video_and_leads_it(page, files):
    give(page, "speak-voice", files / "voice.wav")
    page.locator("#speak-voice").get_by_text("0:01").wait_for()
    page.locator("#speak-sample-man").click()
    playing(page)
    page.evaluate("document.querySelector('#speak-video video').pause()")
    box = page.locator("#speak-plot .field").first.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 40)
    now = "document.querySelector('#speak-video video').currentTime"
    assert page.evaluate(now) == pytest.approx(0.48, abs=0.02)  # of 25 frames the last begins at 0.96 s
    page.wait_for_function("Math.abs(parseFloat(document.querySelector('#speak-plot b').style.left) - 50) < 2")


@pytest.mark.parametrize("way", ["button", "leaving"])
def test_a_job_can_be_stopped_and_leaves_nothing(page, files, temporary, way):
    give(page, "speak-portrait", files / "portrait.png")
    with page.expect_response(lambda response: "/upload?" in response.url and response.ok):
        give(page, "speak-voice", files / "long.wav")
    page.wait_for_selector("#speak-portrait img")
    page.locator("#speak-voice").get_by_text("0:30").wait_for()
    before = set(temporary.glob("talkinghead-web-*/tmp*"))
    page.locator("#speak-start").click()
    page.get_by_text(re.compile(r"\d+ s left")).wait_for()
    (job,) = set(temporary.glob("talkinghead-web-*/tmp*")) - before
    if way == "button":
        page.locator("#speak-stop").click()
        assert "stopped; nothing was kept" in toast(page)
    else:
        page.goto("about:blank")
    deadline = time.monotonic() + 30
    while job.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not job.exists()


def test_the_picture_follows_a_slider(page, files, tmp_path):
    page.get_by_role("tab", name="Edit").click()
    assert "Left and right are the subject's own" in page.locator("#edit-sides").inner_text()
    page.locator("#edit-sample-old_man").click()
    sample = preview(page)
    give(page, "edit-portrait", files / "portrait.png")
    own = preview(page, sample)
    slide(page, "JawOpen", 0.7)
    opened = preview(page, own)
    page.locator("#edit-reset").click()
    assert preview(page, opened) == own
    page.locator("#edit-neutral").click()
    neutral = preview(page, own)
    assert page.locator("#unit-MouthSmile_L input[type=range]").input_value() == "0"
    page.get_by_role("button", name="Surprise", exact=True).click()
    preview(page, neutral)
    assert page.locator("#unit-JawOpen input[type=range]").input_value() == "0.35"
    page.locator("#edit-save").click()
    with page.expect_download() as download:
        page.locator("#edit-full a[download]").first.click()
    download.value.save_as(tmp_path / "full.png")
    image = Image.open(tmp_path / "full.png")
    assert image.size == (512, 512) and "Synthetic media" in image.text["Description"]
    page.locator("#edit-portrait").get_by_role("button", name="Remove Image").click()
    page.wait_for_function("!document.querySelector('#edit-preview img')")


def test_a_clip_becomes_units_over_time(page, files, tmp_path):
    page.get_by_role("tab", name="Track").click()
    give(page, "track-clip", files / "clip.mp4")
    page.wait_for_selector("#track-clip video")
    page.locator("#track-start").click()
    with page.expect_download() as download:
        page.locator("#track-units a[download]").first.click()
    download.value.save_as(tmp_path / "units.csv")
    assert read_csv(tmp_path / "units.csv").units.shape == (5, 46)
    assert page.locator("#track-plot polyline").count() == 6 + 3


def test_what_is_no_portrait_is_told_as_on_the_command_line(page, tmp_path):
    page.get_by_role("tab", name="Edit").click()
    path = tmp_path / "text.jpg"
    path.write_text("This is not a picture.")
    give(page, "edit-portrait", path)
    assert "text.jpg: not a picture, or of a kind unknown here; save it again as .jpg or .png" in toast(page)
    Image.new("RGB", (300, 300)).save(tmp_path / "grey.png")
    give(page, "edit-portrait", tmp_path / "grey.png")
    page.get_by_text("grey.png: no face found; use a picture with one face seen from the front").wait_for()


def test_what_is_no_voice_is_told(page, files, tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(range(256)) * 9)
    give(page, "speak-portrait", files / "portrait.png")
    page.wait_for_selector("#speak-portrait img")
    with page.expect_response(lambda response: "/upload" in response.url):
        give(page, "speak-voice", path)
    page.wait_for_timeout(1000)
    page.locator("#speak-start").click()
    assert "noise.wav: not a sound file that ffmpeg can read" in toast(page)


def test_a_name_that_is_html_does_nothing(page, tmp_path):
    page.get_by_role("tab", name="Edit").click()
    path = tmp_path / "<img src=x onerror=window.broken=1>.jpg"
    path.write_text("This is not a picture.")
    give(page, "edit-portrait", path)
    assert "not a picture" in toast(page)
    assert page.evaluate("window.broken") is None


def test_a_large_upload_is_refused(page, server, tmp_path, temporary):
    page.get_by_role("tab", name="Edit").click()
    path = tmp_path / "large.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(MAX_MB * 2**20))
    give(page, "edit-portrait", path)
    assert "maximum" in toast(page)
    # The same from a visitor whose page does not check.
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body += path.read_bytes() + b"\r\n--x--\r\n"
    answer, _ = ask(server, "POST", "/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status == 413
    assert all(p.stat().st_size <= MAX_MB * 2**20 for p in temporary.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", None, 200),
        ("/", "rebound.example", 400),  # a page of another site, whose name now points here
        ("/gradio_api/file=/etc/passwd", None, 403),
        (f"/gradio_api/file={VOICE}", None, 403),
        ("/gradio_api/info", None, 200),
    ],
)
def test_what_the_server_lets_out(server, path, host, status):
    answer, body = ask(server, "GET", path, headers={"Host": host} if host else {})
    assert answer.status == status
    if status == 200:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    if path.endswith("info"):
        assert b'"named_endpoints":{}' in body  # what the page calls is no API
