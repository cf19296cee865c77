"""What a visitor does on the web page, and sees: a Playwright page in, uploads, sliders and pictures out."""

from __future__ import annotations

import http.client
import re


def give(page, where, path):
    page.locator(f"#{where} input[type=file]").first.set_input_files(path)


def ask(server, method, path, body=None, headers={}):
    """Answer and its content, without a browser."""
    connection = http.client.HTTPConnection(re.search(r"//(.*)/", server)[1], timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def toast(page):
    """What the page says went wrong."""
    return page.get_by_test_id("toast-body").first.inner_text()


def preview(page, before=None):
    """The picture under the sliders, once it is another than `before`."""
    handle = page.wait_for_function(
        "before => { const now = document.querySelector('#edit-preview img')?.src; return now !== before && now }",
        arg=before,
    )
    return handle.json_value()


def slide(page, unit, value):
    page.locator(f"#unit-{unit} input[type=range]").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})) }", value
    )


PLAYS = """async () => {
    const video = document.querySelector('#speak-video video'), first = video.currentTime;
    await new Promise(done => setTimeout(done, 500));
    return [first, video.currentTime, video.videoWidth];
}"""


def playing(page):
    """Waits for a video that plays without being told to; returns its width, in its pixels and on the page."""
    page.wait_for_function("document.querySelector('#speak-video video')?.currentTime > 0.2")
    first, then, width = page.evaluate(PLAYS)
    assert then > first
    return width, page.locator("#speak-video video").bounding_box()["width"]
