"""The options of talkinghead.options as controls of the web page: dataclass in, Gradio components out, and their values
back as an instance of the dataclass.

An option without an entry in CONTROLS gets the control that its description asks for, so that a new one is on the page
by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from talkinghead.options import About, FrameOptions, PortraitOptions, described
from talkinghead.units.moods import MAX_STRENGTH, MOODS

FPS = ("12", "15", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60")
BLINKS = {"with a voice": None, "always": True, "never": False}


@dataclass(frozen=True)
class Control:
    """How one option is asked for: what makes its components, and what their values mean."""

    make: Callable[[], list]
    value: Callable[..., Any] = lambda value: value


def _mood() -> list:
    return [
        gr.Dropdown(["none", *MOODS], value="none", label="Mood"),
        gr.Slider(0, MAX_STRENGTH, 1, step=0.05, label="Strength of the mood", buttons=[]),
    ]


def _gain() -> list:
    return [gr.Textbox("auto", label="Gain", info="auto, 1.2, or by region: mouth=1.2,brows=0.5", max_length=200)]


CONTROLS: dict[str, Control] = {
    "face": Control(
        lambda: [gr.Number(0, label="Which face", info="0 or 1: the largest", precision=0, minimum=0, maximum=99)],
        lambda number: number or None,
    ),
    "crop": Control(lambda: [gr.Checkbox(label="The face square alone")]),
    "enhance": Control(lambda: [gr.Checkbox(label="Enhance")]),
    "mood": Control(_mood, lambda mood, strength: None if mood == "none" else {mood: strength}),
    "gain": Control(_gain, lambda gain: gain or "auto"),
    "fps": Control(lambda: [gr.Dropdown(FPS, value="25", label="Frames a second")]),
    "blink": Control(lambda: [gr.Dropdown(list(BLINKS), value="with a voice", label="Blinks")], BLINKS.get),
    "seed": Control(lambda: [gr.Number(0, label="Seed", precision=0, minimum=0)], lambda seed: int(seed or 0)),
}


class Controls:
    """The components of all options of `cls`, made where this is made; `components` in the order `read` takes them."""

    def __init__(self, cls: type[PortraitOptions] = FrameOptions):
        self._cls = cls
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        self._parts = []
        with gr.Row(elem_classes="options"):
            for name, about in described(cls).items():
                if about.kind is Path:  # a file of this machine, which is not the visitor's to name
                    continue
                control = CONTROLS.get(name) or plain_control(name, about, defaults[name])
                self._parts.append((name, control, control.make()))

    @property
    def components(self) -> list:
        return [component for _, _, made in self._parts for component in made]

    def of(self, name: str) -> Any:
        """The first component of an option."""
        return next(made[0] for other, _, made in self._parts if other == name)

    def read(self, values: Sequence[Any]) -> Any:
        """The options that these values of `components` say. Raises OptionError."""
        rest, options = iter(values), {}
        for name, control, made in self._parts:
            options[name] = control.value(*(next(rest) for _ in made))
        return self._cls(**options)


def plain_control(name: str, about: About, default: Any) -> Control:
    """A checkbox, a slider where both ends are known, a number, or a line of text; an empty one is the default."""
    label, info = name.replace("_", " ").capitalize(), about.help
    if about.kind is bool:
        return Control(lambda: [gr.Checkbox(bool(default), label=label, info=info)])
    if about.kind in (int, float):
        whole = about.kind is int
        if about.least is not None and about.most is not None:
            step = 1 if whole else (about.most - about.least) / 100
            value = about.least if default is None else default
            return Control(
                lambda: [gr.Slider(about.least, about.most, value, step=step, label=label, info=info, buttons=[])],
                about.kind,
            )
        ends = {"minimum": about.least, "maximum": about.most}
        return Control(
            lambda: [gr.Number(default, label=label, info=info, precision=0 if whole else None, **ends)],
            lambda value: default if value is None else about.kind(value),
        )
    return Control(
        lambda: [gr.Textbox(default or "", label=label, info=info, max_length=200)], lambda text: text or default
    )
