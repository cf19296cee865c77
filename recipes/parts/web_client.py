"""`talkinghead web` as visitors have it: a portrait and a slider over HTTP, measured; what a browser shows, kept."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import numpy as np

from talkinghead.units.names import INDEX, UNIT_NAMES

PREFIX = "/gradio_api"
MOMENT = 2.1  # seconds into the video, of the picture
PROGRAM = [sys.executable, "-c", "from talkinghead.surfaces.cli import main; main()", "web", "--port", "0"]


class WebPage:
    """A server of its own and one visitor; ends the server with the `with` block."""

    def __enter__(self) -> WebPage:
        self._server = subprocess.Popen(PROGRAM, stderr=subprocess.PIPE, text=True)
        self.address = next(filter(None, (re.search(r"http://([^/]+)/", line) for line in self._server.stderr)))[1]
        self._connection = http.client.HTTPConnection(self.address)
        self._session = secrets.token_hex(6)
        config = json.loads(self._ask("GET", "/config"))
        self._sliders = [c["id"] for c in config["components"] if c["props"].get("label") in UNIT_NAMES]
        targets = {d["id"]: {target for target, _ in d["targets"]} for d in config["dependencies"]}
        outputs = {d["id"]: d["outputs"] for d in config["dependencies"]}
        self._follow = next(i for i in targets if set(self._sliders) <= targets[i])
        self._sit = next(i for i in targets if len(outputs[i]) == len(UNIT_NAMES) + 3)
        return self

    def __exit__(self, *exc) -> None:
        self._connection.close()
        self._server.terminate()
        self._server.communicate()

    def sit(self, portrait: Path) -> None:
        """Upload a PNG and wait until it is ready."""
        edge = secrets.token_hex(16)
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{portrait.name}"\r\n\r\n'
        body = head.encode() + portrait.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        (path,) = json.loads(self._ask("POST", f"{PREFIX}/upload", body, kind))
        file = {"path": path, "orig_name": portrait.name, "meta": {"_type": "gradio.FileData"}}
        self._call("/queue/join", self._sit, [file, 0, False, False])
        events = self._ask("GET", f"{PREFIX}/queue/data?session_hash={self._session}").split(b"\n\n")
        last = next(e for e in map(_event, events) if e.get("msg") == "process_completed")
        self._values = np.array(last["output"]["data"][-len(UNIT_NAMES) :])

    def follow(self, jaw: float) -> str:
        """Move JawOpen; returns the picture's HTML."""
        self._values[INDEX["JawOpen"]] = jaw
        return self._call("/run/predict", self._follow, [None, *self._values])["data"][0]

    def _call(self, route: str, function: int, data: list) -> dict:
        body = {"data": data, "fn_index": function, "session_hash": self._session, "trigger_id": self._sliders[0]}
        return json.loads(self._ask("POST", PREFIX + route, json.dumps(body), {"Content-Type": "application/json"}))

    def _ask(self, method: str, path: str, body: str | bytes | None = None, headers: dict | None = None) -> bytes:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return content


# Moves JawOpen, waits until the picture is another and whole, and pauses; milliseconds of every move.
_FOLLOW = """async moves => {
    const slider = document.querySelector('#unit-JawOpen input[type=range]'), times = [];
    const picture = () => document.querySelector('#edit-preview img');
    for (let i = 0; i < moves; i++) {
        const before = picture().src, start = performance.now();
        slider.value = 0.1 + 0.02 * (7 * i % 40);
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        while (picture().src === before || !picture().complete) await new Promise(done => setTimeout(done, 2));
        times.push(performance.now() - start);
        await new Promise(done => setTimeout(done, 200));
    }
    return times;
}"""


def in_browser(chromium: str, address: str, portrait: Path, moves: int = 40) -> list[float]:
    """Milliseconds from the slider to the picture in the page at `address`, as a browser's user sees it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://{address}/")
        page.get_by_role("tab", name="Edit").click()
        page.locator("#edit-portrait input[type=file]").first.set_input_files(portrait)
        page.wait_for_function("document.querySelector('#edit-preview img')?.src")
        page.wait_for_timeout(2000)  # the sliders take the portrait's own values
        times = page.evaluate(_FOLLOW, moves)
        browser.close()
    return times


def in_pictures(chromium: str, address: str, folder: Path) -> None:
    """JPEGs of the page at `address`: web_speak (light) with a video playing, web_edit (dark), web_phone (dark)."""
    from playwright.sync_api import Page, sync_playwright

    def speak(page: Page) -> None:
        page.locator("#speak-sample-woman").click()
        page.wait_for_function(f"document.querySelector('#speak-video video')?.currentTime > {MOMENT}", timeout=300_000)

    def edit(page: Page) -> None:
        page.get_by_role("tab", name="Edit").click()
        page.locator("#edit-sample-old_man").click()
        page.wait_for_function("document.querySelector('#edit-preview img')?.src")
        page.get_by_role("button", name="Smile", exact=True).click()
        page.wait_for_timeout(3000)

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, show, width, height, scheme in (
            ("web_speak", speak, 1280, 1230, "light"),
            ("web_edit", edit, 1280, 900, "dark"),
            ("web_phone", speak, 390, 844, "dark"),
        ):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(f"http://{address}/")
            show(page)
            page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=85)
            page.close()
        browser.close()


def _event(text: bytes) -> dict:
    return json.loads(text.removeprefix(b"data: ")) if text.startswith(b"data: ") else {}
