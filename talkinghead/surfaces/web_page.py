"""The web page as a whole: head, a tab for each of its works, foot. Takes a Room; gives Gradio's Blocks.

Import this after GRADIO_TEMP_DIR is set: Gradio's components read it when they are made.
"""

from __future__ import annotations

import gradio as gr

from talkinghead.surfaces.web_edit import edit_tab
from talkinghead.surfaces.web_parts import Visits
from talkinghead.surfaces.web_room import Room
from talkinghead.surfaces.web_speak import speak_tab
from talkinghead.surfaces.web_track import track_tab

QUEUE = 16  # jobs that may wait
SWEEP, KEEP = 600, 3600  # seconds: how often old files are looked for, and from which age they go
MASTHEAD = """
<header class="masthead">
  <svg viewBox="0 0 48 48" aria-hidden="true">
    <ellipse cx="20" cy="24" rx="15" ry="20"/><path d="M13 32q7 6 14 0"/><path d="M39 17q5 7 0 14M44 13q8 11 0 22"/>
  </svg>
  <h1>talkinghead</h1>
  <p>A photograph and a voice become a talking video, on this machine.</p>
</header>
"""
CONSENT = (
    "Use portraits and voices of people who agreed to it, or who cannot be harmed by it. What is made here is synthetic"
    " and says so in its metadata: say it too wherever you show it. The server deletes files after an hour."
)


def build(room: Room) -> gr.Blocks:
    """The page."""
    visits = Visits()
    with gr.Blocks(title="talkinghead", analytics_enabled=False, delete_cache=(SWEEP, KEEP)) as page:
        gr.HTML(MASTHEAD)
        with gr.Tab("Speak"):
            speak_tab(room, visits)
        with gr.Tab("Edit"):
            edit_tab(room)
        with gr.Tab("Track"):
            track_tab(room, visits)
        gr.HTML(f"<p>{CONSENT}</p>", elem_classes="note consent")
        page.unload(visits.stop)
    return page.queue(max_size=QUEUE)
