"""How the web page looks: Gradio components in three tabs, and which function of web_room answers which of them.

Import this after GRADIO_TEMP_DIR is set: Gradio's components read it when they are made.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gradio as gr
import numpy as np
import pandas as pd
from gradio_client.utils import is_http_url_like

from talkinghead.errors import TalkingHeadError
from talkinghead.options import FrameOptions, PortraitOptions
from talkinghead.surfaces.web_expressions import GROUPS, expressions, group, liveliest
from talkinghead.surfaces.web_room import Room, Sitting, Stopped
from talkinghead.units.moods import MAX_STRENGTH, MOODS
from talkinghead.units.names import SOURCES, UNIT_NAMES
from talkinghead.units.track import UnitTrack

QUEUE = 16  # jobs that may wait
SWEEP, KEEP = 600, 3600  # seconds: how often old files are looked for, and from which age they go
FPS = ("12", "15", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60")
BLINKS = {"with a voice": None, "always": True, "never": False}
NEUTRAL = dict.fromkeys(UNIT_NAMES, 0.0)
PLOT_POINTS = 500  # of one unit's line, at most
INTRO = "# talkinghead\nFrom a photograph and a voice to a talking video. Left and right are the subject's own."
CONSENT = (
    "Use portraits and voices of people who agreed to it, or who cannot be harmed by it. What is made here is synthetic"
    " and says so in its metadata: say it too wherever you show it. The server deletes files after an hour."
)
STYLE = """
.gradio-container { max-width: 1200px !important; }
.preview img { width: 100%; max-height: 60vh; object-fit: contain; }
.sliders { max-height: 90vh; overflow-y: auto; flex-wrap: nowrap !important; }
.sliders > * { flex-shrink: 0; }
"""


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


def build(room: Room) -> gr.Blocks:
    """The page."""
    visits = Visits()
    with gr.Blocks(title="talkinghead", analytics_enabled=False, delete_cache=(SWEEP, KEEP)) as page:
        gr.Markdown(INTRO)
        with gr.Tab("Speak"):
            _speak_tab(room, visits)
        with gr.Tab("Edit"):
            _edit_tab(room)
        with gr.Tab("Track"):
            _track_tab(room, visits)
        gr.Markdown(CONSENT)
        page.unload(visits.stop)
    return page.queue(max_size=QUEUE)


def _speak_tab(room: Room, visits: Visits) -> None:
    with gr.Row():
        with gr.Column():
            portrait = _portrait("speak-portrait")
            voice = _upload(
                gr.Audio(
                    label="Voice", sources=["upload", "microphone"], type="filepath", buttons=[], elem_id="speak-voice"
                )
            )
            with gr.Accordion("Options", open=False):
                with gr.Row():
                    mood = gr.Dropdown(["none", *MOODS], value="none", label="Mood")
                    strength = gr.Slider(0, MAX_STRENGTH, 1, step=0.05, label="Strength of the mood")
                with gr.Row():
                    gain = gr.Textbox("1", label="Gain", info="1.2, or by region: mouth=1.2,brows=0.5", max_length=200)
                    fps = gr.Dropdown(FPS, value="25", label="Frames a second")
                with gr.Row():
                    blink = gr.Dropdown(list(BLINKS), value="with a voice", label="Blinks")
                    seed = gr.Number(0, label="Seed of the blinks", precision=0, minimum=0)
                look = _look()
                sign = gr.Checkbox(label="Sign (C2PA), with a certificate for tests")
                au = _upload(gr.File(label="Action units (CSV, JSON) instead of the voice's", type="filepath"))
        with gr.Column():
            with gr.Row():
                start = gr.Button("Speak", variant="primary", elem_id="speak-start")
                stop = gr.Button("Stop", elem_id="speak-stop")
            video = gr.Video(label="Video", interactive=False, buttons=["download"], elem_id="speak-video")
            table = gr.File(label="Its action units", interactive=False, elem_id="speak-units")

    def speak(
        portrait, voice, au, mood, strength, gain, fps, blink, seed, sign, face, crop, enhance,
        request: gr.Request, progress=gr.Progress(),
    ):  # fmt: skip
        with _plainly(room), visits.job(request, progress) as tell:
            options = FrameOptions(
                face=face or None, crop=crop, enhance=enhance, fps=fps, gain=gain or "1",
                mood=None if mood == "none" else {mood: strength}, blink=BLINKS[blink], seed=int(seed or 0),
            )  # fmt: skip
            made = room.speak(portrait, voice, au, options, sign=sign, tell=tell)
        return str(made.path), str(made.units)

    inputs = [portrait, voice, au, mood, strength, gain, fps, blink, seed, sign, *look]
    start.click(speak, inputs, [video, table], show_progress_on=video, **_heavy())
    stop.click(visits.stop, queue=False, api_visibility="private")


def _edit_tab(room: Room) -> None:
    sitting = gr.State()
    with gr.Row():
        with gr.Column(scale=2):
            preview = gr.HTML(elem_id="edit-preview", elem_classes="preview")
            with gr.Row():
                reset = gr.Button("Reset", size="sm", elem_id="edit-reset")
                neutral = gr.Button("No expression (neutralise)", size="sm", elem_id="edit-neutral")
            with gr.Row():
                presets = [gr.Button(name, size="sm", min_width=90) for name in expressions(NEUTRAL)]
            portrait = _portrait("edit-portrait")
            with gr.Accordion("Options", open=False):
                look = _look()
            with gr.Row():
                save = gr.Button("Make the full picture", size="sm", elem_id="edit-save")
                sign = gr.Checkbox(label="Sign (C2PA)", min_width=80)
            full = gr.File(label="Full picture", interactive=False, height=100, elem_id="edit-full")
        with gr.Column(scale=3, elem_classes="sliders"):
            sliders = dict(unit for title in GROUPS for unit in _sliders(title))
    sliders = [sliders[name] for name in UNIT_NAMES]

    def shown(sitting: Sitting | None, units: dict[str, float] | None) -> list:
        """The picture, and the sliders, under these units."""
        if sitting is None:
            return ["", *[0.0] * len(UNIT_NAMES)]
        with _plainly(room):
            return [_picture(room.preview(sitting, units)), *(round(units[name], 3) for name in UNIT_NAMES)]

    def sit(portrait, face, crop, enhance):
        if portrait is None:
            return [None, None, *shown(None, None)]
        with _plainly(room):
            new = room.sit(portrait, PortraitOptions(face=face or None, crop=crop, enhance=enhance))
        return [new, None, *shown(new, new.own)]

    def follow(sitting, *values):
        return shown(sitting, dict(zip(UNIT_NAMES, values)))[0]

    def picture(sitting, sign, *values):
        with _plainly(room):
            return str(room.picture(sitting, dict(zip(UNIT_NAMES, values)), sign)) if sitting else None

    # Past the queue, which looks for news only every 50 ms; a page waits for one picture before it asks for the next.
    light = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    gr.on(
        [portrait.change, *(option.input for option in look)],
        sit,
        [portrait, *look],
        [sitting, full, preview, *sliders],
        show_progress_on=preview,
        api_visibility="private",
    )
    gr.on(
        [slider.input for slider in sliders],
        follow,
        [sitting, *sliders],
        preview,
        trigger_mode="always_last",
        **light,
    )
    reset.click(lambda sitting: shown(sitting, sitting and sitting.own), sitting, [preview, *sliders], **light)
    neutral.click(lambda sitting: shown(sitting, NEUTRAL), sitting, [preview, *sliders], **light)
    for button in presets:
        button.click(
            lambda sitting, name: shown(sitting, sitting and expressions(sitting.own)[name]),
            [sitting, button],
            [preview, *sliders],
            **light,
        )
    save.click(picture, [sitting, sign, *sliders], full, show_progress_on=full, **_heavy())


def _track_tab(room: Room, visits: Visits) -> None:
    found = gr.State()
    with gr.Row():
        with gr.Column():
            clip = _upload(gr.Video(label="Clip", sources=["upload", "webcam"], elem_id="track-clip"))
            with gr.Row():
                start = gr.Button("Track", variant="primary", elem_id="track-start")
                stop = gr.Button("Stop", elem_id="track-stop")
            table = gr.File(label="Action units", interactive=False, elem_id="track-units")
        with gr.Column(scale=2):
            names = gr.Dropdown(list(UNIT_NAMES), value=[], multiselect=True, label="Units shown")
            plot = gr.LinePlot(
                x="seconds", y="value", color="unit", y_lim=[0, 1], height=400, label="Units over time",
                elem_id="track-plot",
            )  # fmt: skip

    def track(clip, request: gr.Request, progress=gr.Progress()):
        with _plainly(room), visits.job(request, progress) as tell:
            units, _, path = room.track(clip, tell)
        chosen = liveliest(units)
        return units, str(path), chosen, lines(units, chosen)

    start.click(track, clip, [found, table, names, plot], show_progress_on=plot, **_heavy())
    stop.click(visits.stop, queue=False, api_visibility="private")
    names.input(
        lambda units, names: lines(units, names), [found, names], plot, show_progress="hidden", api_visibility="private"
    )


def _sliders(title: str) -> Iterator[tuple[str, gr.Slider]]:
    """The sliders of one group by unit, two in a row, left beside right."""
    rows: list[list[str]] = []
    for name in group(title):
        if not rows or len(rows[-1]) == 2 or name.endswith("_L"):
            rows.append([])
        rows[-1].append(name)
    with gr.Accordion(title):
        for row in rows:
            with gr.Row():
                for name in row:
                    does = SOURCES[name][1]
                    yield name, gr.Slider(0, 1, 0, step=0.01, label=name, info=does, buttons=[], elem_id=f"unit-{name}")


def lines(track: UnitTrack | None, names: list[str]) -> pd.DataFrame:
    """Long form (seconds, value, unit) of the named units, thinned to PLOT_POINTS each."""
    if track is None:
        return pd.DataFrame({"seconds": [], "value": [], "unit": []})
    kept = np.unique(np.linspace(0, len(track.times) - 1, PLOT_POINTS).round().astype(int))
    columns = [UNIT_NAMES.index(name) for name in names]
    return pd.DataFrame(
        {
            "seconds": np.tile(track.times[kept], len(names)),
            "value": track.units[np.ix_(kept, columns)].T.ravel().astype(float),
            "unit": np.repeat(names, len(kept)),
        }
    )


def _portrait(elem_id: str) -> gr.Image:
    camera = gr.WebcamOptions(mirror=False)
    return _upload(
        gr.Image(
            label="Portrait", sources=["upload", "webcam", "clipboard"], type="filepath", height=300,
            webcam_options=camera, buttons=[], elem_id=elem_id,
        )
    )  # fmt: skip


def _look() -> list:
    with gr.Row():
        face = gr.Number(0, label="Which face", info="0 or 1 is the largest", precision=0, minimum=0, maximum=99)
        crop = gr.Checkbox(label="The face square alone")
        enhance = gr.Checkbox(label="Enhance")
    return [face, crop, enhance]


def _upload(component):
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


def _picture(jpeg: bytes) -> str:
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="The portrait under these units" src="data:image/jpeg;base64,{data}">'


def _heavy() -> dict:
    """Jobs that take the machine: one at a time, whoever asks."""
    return {"concurrency_limit": 1, "concurrency_id": "heavy", "api_visibility": "private"}


@contextmanager
def _plainly(room: Room) -> Iterator[None]:
    """What a visitor can mend, as the one line of the command line."""
    try:
        yield
    except TalkingHeadError as error:
        raise gr.Error(html.escape(room.plain(error)), print_exception=False, duration=None) from None
