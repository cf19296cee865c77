"""The tab Track: a clip in, the CSV and the plot of its units out."""

from __future__ import annotations

import gradio as gr

from talkinghead.surfaces.web_expressions import liveliest
from talkinghead.surfaces.web_parts import Visits, heavy, plainly, upload
from talkinghead.surfaces.web_plot import EMPTY, pose_plot, units_plot
from talkinghead.surfaces.web_room import Room
from talkinghead.units.names import UNIT_NAMES

CLIP = "#track-clip video"


def track_tab(room: Room, visits: Visits) -> None:
    """The tab, where this is called."""
    found = gr.State()
    with gr.Row(elem_classes="studio"):
        with gr.Column(scale=2):
            clip = upload(gr.Video(label="Clip", sources=["upload", "webcam"], elem_id="track-clip"))
            with gr.Row():
                start = gr.Button("Track", variant="primary", scale=3, min_width=120, elem_id="track-start")
                stop = gr.Button("Stop", min_width=80, elem_id="track-stop")
            table = gr.File(label="Action units", interactive=False, height=110, elem_id="track-units")
        with gr.Column(scale=3):
            names = gr.Dropdown(list(UNIT_NAMES), value=[], multiselect=True, label="Units shown")
            plot = gr.HTML(EMPTY, elem_id="track-plot", elem_classes="tall")

    def drawn(units, names):
        return units_plot(units, names, CLIP) + pose_plot(units, CLIP)

    def track(clip, request: gr.Request, progress=gr.Progress()):
        with plainly(room), visits.job(request, progress) as tell:
            units, _, path = room.track(clip, tell)
        chosen = liveliest(units)
        return units, str(path), chosen, drawn(units, chosen)

    start.click(track, clip, [found, table, names, plot], show_progress_on=plot, **heavy())
    stop.click(visits.stop, queue=False, api_visibility="private")
    names.input(
        drawn,
        [found, names],
        plot,
        show_progress="hidden",
        api_visibility="private",
    )
