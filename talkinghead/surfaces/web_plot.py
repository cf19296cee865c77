"""The plot of curves over time as HTML: values over seconds in; an SVG with its legend out, which a video's moment runs
through (web.js) and a click moves to.

Drawn here because the plots that Gradio brings follow no video.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Mapping

import numpy as np

from talkinghead.units.names import INDEX
from talkinghead.units.pose import ANGLES, POSE_NAMES
from talkinghead.units.track import UnitTrack

POINTS = 500  # of one curve, at most
LEAST_DEGREES = 5.0  # what the plot of a pose shows, at least
TICKS = 8  # along the time, at most
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)  # seconds between ticks
COLOURS = ("#17896f", "#d9792b", "#5b7fd6", "#c2527a", "#a08a1f", "#7a6ac8")  # to be seen on either ground
EMPTY = '<div class="plot"><div class="field"></div></div>'


def plot(
    times: np.ndarray,
    curves: Mapping[str, np.ndarray],
    low: float = 0.0,
    high: float = 1.0,
    follows: str = "",
    measure: str = "",
) -> str:
    """Curves by name, each of `times` [N] in seconds, from `low` to `high` of `measure`; `follows` is the CSS
    selector of the video whose time is shown. Curves are thinned to POINTS."""
    seconds = max(float(times[-1]), 1e-3)
    kept = np.unique(np.linspace(0, len(times) - 1, POINTS).round().astype(int))
    across = 1000 * times[kept] / seconds
    lines, legend = [], []
    for (name, values), colour in zip(curves.items(), itertools.cycle(COLOURS)):
        down = 100 * (1 - (np.asarray(values)[kept] - low) / (high - low))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down))
        lines.append(f'<polyline points="{points}" stroke="{colour}"/>')
        legend.append(f'<li><i style="background:{colour}"></i>{html.escape(name)}</li>')
    step = next((step for step in STEPS if seconds / step <= TICKS), seconds)
    ticks = "".join(
        f'<span style="left:{100 * t / seconds:.2f}%">{t:g}</span>' for t in np.arange(0, seconds + step / 100, step)
    )
    ends = f"<em>{high:g}{measure}</em><em>{low:g}{measure}</em>"
    return (
        f'<div class="plot"><ul>{"".join(legend)}</ul>'
        f'<div class="field" data-seconds="{seconds:.3f}" data-follows="{html.escape(follows)}">'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none">{"".join(lines)}</svg>{ends}<b></b></div>'
        f'<div class="ticks">{ticks}</div></div>'
    )


def units_plot(track: UnitTrack | None, names: list[str], follows: str = "") -> str:
    """The named units of a track over seconds."""
    if track is None or not names:
        return EMPTY
    return plot(track.times, {name: track.units[:, INDEX[name]] for name in names}, follows=follows)


def pose_plot(track: UnitTrack | None, follows: str = "") -> str:
    """How the head of a track is turned, in degrees over seconds; nothing where nobody knows."""
    if track is None or track.pose is None:
        return ""
    most = max(LEAST_DEGREES, float(np.ceil(np.abs(track.pose[:, ANGLES]).max())))
    return plot(track.times, dict(zip(POSE_NAMES, track.pose[:, ANGLES].T)), -most, most, follows, "\u00b0")
