"""The tab Speak: a portrait and a voice in; the face outlined, then the video playing over the plot of its units."""

from __future__ import annotations

import gradio as gr

from talkinghead.samples import PORTRAITS, VOICE
from talkinghead.surfaces.web_controls import Controls
from talkinghead.surfaces.web_expressions import telling
from talkinghead.surfaces.web_parts import (
    Visits,
    heavy,
    light,
    outlined,
    plainly,
    portrait_upload,
    samples,
    upload,
)  # fmt: skip
from talkinghead.surfaces.web_plot import pose_plot, units_plot
from talkinghead.surfaces.web_room import Room
from talkinghead.units.convert import read_csv

VIDEO = "#speak-video video"
INVITATION = "Click a face, and it speaks. Nobody here exists."


def speak_tab(room: Room, visits: Visits) -> None:
    """The tab, where this is called."""
    with gr.Row(elem_classes="studio"):
        with gr.Column(scale=2, elem_classes="desk"):
            gr.HTML(f"<p>{INVITATION}</p>", elem_classes="note")
            faces = samples("speak")
            portrait = portrait_upload("speak-portrait")
            voice = upload(
                gr.Audio(
                    label="Voice", sources=["upload", "microphone"], type="filepath", buttons=[], elem_id="speak-voice"
                )
            )
            with gr.Row():
                start = gr.Button("Speak", variant="primary", scale=3, min_width=120, elem_id="speak-start")
                stop = gr.Button("Stop", min_width=80, elem_id="speak-stop")
            with gr.Accordion("Options", open=False, elem_id="speak-options"):
                controls = Controls()
                sign = gr.Checkbox(label="Sign (C2PA), with a certificate for tests")
                au = upload(
                    gr.File(label="Action units (CSV, JSON) instead of the voice's", type="filepath", height=110)
                )
                clip = upload(
                    gr.Video(
                        label="A clip of a face to follow, with its sound", sources=["upload"], elem_id="speak-clip"
                    )
                )
        with gr.Column(scale=3, elem_classes="stage", elem_id="speak-stage"):
            outline = gr.HTML(outlined(None), elem_id="speak-outline", elem_classes="outline")
            video = gr.Video(
                interactive=False, autoplay=True, buttons=["download"], visible=False, show_label=False,
                elem_id="speak-video",
            )  # fmt: skip
            plot = gr.HTML(visible=False, elem_id="speak-plot")
            table = gr.File(label="All its action units", visible=False, height=70, elem_id="speak-units")

    def before() -> list[dict]:
        """The stage, as it is before a video is on it: outline, video, plot, table."""
        return [gr.update(visible=True), *(gr.update(value=None, visible=False) for _ in range(3))]

    def look(portrait, face):
        if portrait is None:
            return [gr.update(value=outlined(None), visible=True), *before()[1:]]
        with plainly(room):
            seen = room.look_at(portrait, face or None)
        return [gr.update(value=outlined(seen), visible=True), *before()[1:]]

    def sample(name, voice):
        path = room.sample(PORTRAITS[name])
        outline, *others = look(path, None)
        return [str(path), voice or str(room.sample(VOICE)), 0, outline, *others]

    def speak(progress=gr.Progress(), request: gr.Request = None, *given):
        portrait, voice, au, clip, sign, *values = given
        with plainly(room), visits.job(request, progress) as tell:
            if clip:
                made = room.drive(portrait, clip, controls.read(values), sign=sign, tell=tell)
            else:
                made = room.speak(portrait, voice, au, controls.read(values), sign=sign, tell=tell)
        units = read_csv(made.units)
        return [
            gr.update(visible=False),
            gr.update(value=str(made.path), visible=True),
            gr.update(value=units_plot(units, telling(units), VIDEO) + pose_plot(units, VIDEO), visible=True),
            gr.update(value=str(made.units), visible=True),
        ]

    stage, face = [outline, video, plot, table], controls.of("face")
    inputs = [portrait, voice, au, clip, sign, *controls.components]
    made = {"fn": speak, "inputs": inputs, "outputs": stage, "show_progress_on": outline, **heavy()}
    gr.on(
        [portrait.upload, portrait.input, portrait.clear, face.input], look,
        [portrait, face], stage, trigger_mode="always_last", **light(),
    )  # fmt: skip
    for name, button in faces.items():
        taken = button.click(
            lambda voice, name=name: sample(name, voice), voice, [portrait, voice, face, *stage], **light()
        )
        taken.success(**made)
    start.click(before, None, stage, **light()).success(**made)
    stop.click(visits.stop, queue=False, api_visibility="private")
