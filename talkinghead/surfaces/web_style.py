"""How the web page looks, in light and dark: Gradio's theme from a handful of colours, and what web.css adds to it."""

from __future__ import annotations

import base64
from pathlib import Path

import gradio as gr
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont

from talkinghead.media.pictures import at_most, jpeg, read_portrait
from talkinghead.samples import PORTRAITS

# Warm paper to ink, and the green of a studio's glass; from light to dark as Gradio counts them.
PAPER = Color(
    "#faf8f4", "#f3f0e9", "#e6e1d6", "#d3cdc0", "#a09b8f", "#77736a", "#57554e", "#34383a", "#1e2224", "#171b1c",
    "#0f1213", name="paper",
)  # fmt: skip
GLASS = Color(
    "#edf8f4", "#d5efe6", "#aadfcf", "#74ccb4", "#41b497", "#17896f", "#0c6f5a", "#0b594a", "#0b473c", "#0a3a32",
    "#04211c", name="glass",
)  # fmt: skip
WEIGHTS = (400, 700)
THUMBNAIL = 320  # pixels, of a sample's button
CSS, SCRIPT = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("web.css", "web.js"))


def style() -> str:
    """web.css, and the portraits of the samples, which are the pictures of their buttons."""
    rules = [CSS]
    for path in PORTRAITS.values():
        small = base64.b64encode(jpeg(at_most(read_portrait(path), THUMBNAIL))).decode()
        rules.append(f"button.sample-{path.stem} {{ background-image: url(data:image/jpeg;base64,{small}); }}")
    return "\n".join(rules)


def theme() -> gr.themes.Base:
    """Its fonts come with Gradio, so that nothing is fetched; of most it has a few letters only, of these all, in these
    weights. Montserrat, for headings, is named last, to be there at all."""
    sans = [LocalFont("IBM Plex Sans", WEIGHTS), "ui-sans-serif", "sans-serif", LocalFont("Montserrat", WEIGHTS)]
    mono = [LocalFont("IBM Plex Mono", WEIGHTS), "ui-monospace", "monospace"]
    base = gr.themes.Base(
        primary_hue=GLASS, secondary_hue=GLASS, neutral_hue=PAPER, radius_size="lg", font=sans, font_mono=mono
    )
    return base.set(
        body_background_fill="*neutral_100", body_background_fill_dark="*neutral_950",
        background_fill_primary="*neutral_50", background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100", background_fill_secondary_dark="*neutral_950",
        block_background_fill="*neutral_50", block_background_fill_dark="*neutral_900",
        block_border_width="1px", block_shadow="none", block_shadow_dark="none",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_label_border_width="0px", block_label_border_width_dark="0px", block_label_shadow="none",
        block_title_text_weight="400", block_info_text_size="*text_xs",
        body_text_color="*neutral_800", body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_400",
        block_label_text_color="*neutral_600", block_label_text_color_dark="*neutral_400",
        border_color_primary="*neutral_200", border_color_primary_dark="*neutral_700",
        input_background_fill="white", input_background_fill_dark="*neutral_800",
        button_primary_background_fill="*primary_600", button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover="*primary_700", button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color="white", button_primary_text_color_dark="*primary_950",
        button_secondary_background_fill="*neutral_50", button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300", button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px", button_border_width_dark="1px", button_large_text_weight="700",
        slider_color="*primary_600", slider_color_dark="*primary_300",
        color_accent="*primary_600", loader_color="*primary_600", loader_color_dark="*primary_300",
    )  # fmt: skip
