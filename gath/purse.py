"""Pursed lips: a mouth's points and two units in, how far those draw it together out; numpy arrays or tensors alike.

A mover taught by landmarks makes lips thick where they should be narrow, and units that are rarely alone it hardly
knows. So pursing is a shape of its own: how talkers' mouths differ when pursed (`recipes.fit_lips`), in widths of the
mouth, times an amount for each unit.
"""

from __future__ import annotations

from typing import Any

from gath.mesh import MOUTH, OUTER_LIP

PURSING = ("LipsPucker", "LipsFunnel")
CORNERS = MOUTH.index(OUTER_LIP[0]), MOUTH.index(OUTER_LIP[len(OUTER_LIP) // 2])
# Times the talkers' shape at a unit of one; HALF of it is reached where a unit is so large. Chosen on val so that the
# tracker reads off finished frames what was asked.
AMOUNT, HALF = (2.1, 2.6), (0.45, 2.0)
NARROWEST = (0.36, 0.48)  # of its width is the most that a mouth gives up, without and with LipsFunnel of one


def pursing(units: Any, shapes: Any) -> Any:
    """The motion [..., P, 2], in widths of the mouth, that the two units PURSING, [..., 2], give to one without them.

    `shapes` [2, P, 2] are those of the units; float arrays or tensors.
    """
    much = [
        most * units[..., k] * (1 + half) / (units[..., k] + half) for k, (most, half) in enumerate(zip(AMOUNT, HALF))
    ]
    motion = much[0][..., None, None] * shapes[0] + much[1][..., None, None] * shapes[1]
    narrower = motion[..., CORNERS[0], 0] - motion[..., CORNERS[1], 0]
    most = NARROWEST[0] + (NARROWEST[1] - NARROWEST[0]) * units[..., 1]
    return motion / ((1 + (narrower / most) ** 4) ** 0.25)[..., None, None]


def width(points: Any) -> Any:
    """Of a mouth [..., P, 2] between its corners."""
    return points[..., CORNERS[1], 0] - points[..., CORNERS[0], 0]
