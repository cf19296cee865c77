"""The tab Edit: a portrait in, and its picture under 46 sliders out, again at every move."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from talkinghead.options import PortraitOptions
from talkinghead.samples import PORTRAITS
from talkinghead.surfaces.web_controls import Controls
from talkinghead.surfaces.web_expressions import GROUPS, expressions, group
from talkinghead.surfaces.web_parts import heavy, light, picture, plainly, portrait_upload, samples
from talkinghead.surfaces.web_room import Room, Sitting
from talkinghead.units.names import SOURCES, UNIT_NAMES

NEUTRAL = dict.fromkeys(UNIT_NAMES, 0.0)
SIDES = "Left and right are the subject's own: their left eye is on the right of the picture."


def edit_tab(room: Room) -> None:
    """The tab, where this is called."""
    sitting = gr.State()
    with gr.Row(elem_classes="studio"):
        with gr.Column(scale=2):
            faces = samples("edit")
            preview = gr.HTML(elem_id="edit-preview", elem_classes="preview")
            with gr.Row():
                reset = gr.Button("Reset", size="sm", elem_id="edit-reset")
                neutral = gr.Button("No expression (neutralise)", size="sm", elem_id="edit-neutral")
            with gr.Row(elem_classes="presets"):
                presets = [gr.Button(name, size="sm", min_width=90) for name in expressions(NEUTRAL)]
            portrait = portrait_upload("edit-portrait")
            with gr.Accordion("Options", open=False):
                look = Controls(PortraitOptions)
            with gr.Row():
                save = gr.Button("Make the full picture", size="sm", elem_id="edit-save")
                sign = gr.Checkbox(label="Sign (C2PA)", min_width=80)
            full = gr.File(label="Full picture", interactive=False, height=100, elem_id="edit-full")
        with gr.Column(scale=3, elem_classes="sliders"):
            gr.HTML(f"<p>{SIDES}</p>", elem_classes="note", elem_id="edit-sides")
            sliders = dict(unit for title in GROUPS for unit in _sliders(title))
    sliders = [sliders[name] for name in UNIT_NAMES]

    def shown(sitting: Sitting | None, units: dict[str, float] | None) -> list:
        """The picture, and the sliders, under these units."""
        if sitting is None:
            return ["", *[0.0] * len(UNIT_NAMES)]
        with plainly(room):
            image = picture(room.preview(sitting, units), "The portrait under these units")
        return [image, *(round(units[name], 3) for name in UNIT_NAMES)]

    def sit(portrait, *values):
        if portrait is None:
            return [None, None, *shown(None, None)]
        with plainly(room):
            new = room.sit(portrait, look.read(values))
        return [new, None, *shown(new, new.own)]

    def follow(sitting, *values):
        return shown(sitting, dict(zip(UNIT_NAMES, values)))[0]

    def make(sitting, sign, *values):
        with plainly(room):
            return str(room.picture(sitting, dict(zip(UNIT_NAMES, values)), sign)) if sitting else None

    # Not `change`, which comes twice for some uploads.
    seat = dict(
        fn=sit,
        inputs=[portrait, *look.components],
        outputs=[sitting, full, preview, *sliders],
        show_progress_on=preview,
        api_visibility="private",
    )
    gr.on([portrait.input, portrait.clear, *(option.input for option in look.components)], **seat)
    for name, button in faces.items():
        chosen = button.click(lambda name=name: str(room.sample(PORTRAITS[name])), None, portrait, **light())
        chosen.then(**seat)
    # A page waits for one picture before it asks for the next.
    gr.on(
        [slider.input for slider in sliders],
        follow,
        [sitting, *sliders],
        preview,
        trigger_mode="always_last",
        **light(),
    )
    reset.click(lambda sitting: shown(sitting, sitting and sitting.own), sitting, [preview, *sliders], **light())
    neutral.click(lambda sitting: shown(sitting, NEUTRAL), sitting, [preview, *sliders], **light())
    for button in presets:
        button.click(
            lambda sitting, name: shown(sitting, sitting and expressions(sitting.own)[name]),
            [sitting, button],
            [preview, *sliders],
            **light(),
        )
    save.click(make, [sitting, sign, *sliders], full, show_progress_on=full, **heavy())


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
