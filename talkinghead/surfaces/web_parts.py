"""What the tabs of the web page share: uploads, samples, the outlined portrait, errors as one line, and who wants a job
stopped. Takes values of visitors; gives Gradio components and what their events need."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gradio as gr
from gradio_client.utils import is_http_url_like

from talkinghead.errors import TalkingHeadError
from talkinghead.samples import PORTRAITS
from talkinghead.surfaces.web_room import Room, Seen, Stopped


class Visits:
    """Whose job is running, and who wants it stopped: by the button, or by leaving the page."""

    def __init__(self):
        self._unwanted: dict[str, bool] = {}

    @contextmanager
    def job(self, request: gr.Request, progress: gr.Progress) -> Iterator[Callable]:
        """What tells the visitor of progress, and raises Stopped when they want no more."""

        def tell(done: int, total: int | None, left: float | None) -> None:
            if self._unwanted[request.session_hash]:
                raise Stopped("stopped; nothing was kept")
            wait = "" if left is None else f"{left:.0f} s left"
            progress((done, total), desc=wait, unit="frames")

        self._unwanted[request.session_hash] = False
        try:
            yield tell
        finally:
            del self._unwanted[request.session_hash]

    def stop(self, request: gr.Request) -> None:
        if request.session_hash in self._unwanted:
            self._unwanted[request.session_hash] = True


def heavy() -> dict:
    """Jobs that take the machine: one at a time, whoever asks."""
    return {"concurrency_limit": 1, "concurrency_id": "heavy", "api_visibility": "private"}


def light() -> dict:
    """Past the queue, which looks for news only every 50 ms."""
    return {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@contextmanager
def plainly(room: Room) -> Iterator[None]:
    """What a visitor can mend, as the one line of the command line."""
    try:
        yield
    except TalkingHeadError as error:
        raise gr.Error(html.escape(room.plain(error)), print_exception=False, duration=None) from None


def portrait_upload(elem_id: str) -> gr.Image:
    camera = gr.WebcamOptions(mirror=False)
    return upload(
        gr.Image(
            label="Portrait", sources=["upload", "webcam", "clipboard"], type="filepath", height=190,
            webcam_options=camera, buttons=[], elem_id=elem_id,
        )
    )  # fmt: skip


def upload(component):
    """The component, giving the file as it was sent: Gradio neither decodes it, which is our reader's to do safely,
    nor fetches what a request names by URL."""
    keep = component.async_move_resource_to_block_cache

    async def sent_here(path):
        if is_http_url_like(str(path)):
            raise gr.Error("files are uploaded, not fetched", print_exception=False)
        return await keep(path)

    component.async_move_resource_to_block_cache = sent_here
    component.preprocess = lambda payload: payload.path if payload else None
    return component


def samples(prefix: str) -> dict[str, gr.Button]:
    """A button with the picture of each portrait that comes with the package, by its name."""
    with gr.Row(elem_classes="samples"):
        return {
            name: gr.Button(
                name,
                elem_id=f"{prefix}-sample-{path.stem}",
                elem_classes=["sample", f"sample-{path.stem}"],
                min_width=90,
            )
            for name, path in PORTRAITS.items()
        }


def picture(data: bytes, words: str) -> str:
    """A JPEG within the page."""
    return f'<img alt="{html.escape(words)}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


def outlined(seen: Seen | None) -> str:
    """The portrait, every face in it outlined and the one that is taken marked; or where it will stand."""
    if seen is None:
        return '<div class="empty"><svg viewBox="0 0 100 120"><ellipse cx="50" cy="60" rx="38" ry="50"/></svg></div>'
    paths = []
    for number, points in enumerate(seen.faces, 1):
        line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
        taken = ' class="taken"' if number == seen.taken else ""
        paths.append(f'<path{taken} d="{line}"/>')
        if len(seen.faces) > 1:
            x, y = points[0]
            paths.append(f'<text x="{x:.0f}" y="{y:.0f}">{number}</text>')
    style = f'class="seen" style="--ratio: {seen.width / seen.height:.4f}"'
    overlay = f'<svg viewBox="0 0 {seen.width} {seen.height}">{"".join(paths)}</svg>'
    remark = f'<figcaption class="{"trouble" if seen.taken is None else ""}">{html.escape(seen.remark)}</figcaption>'
    return f"<figure><div {style}>{picture(seen.jpeg, 'The portrait')}{overlay}</div>{remark}</figure>"
