"""From a photograph and a voice to a talking video.

    from talkinghead import TalkingHead
    head = TalkingHead()
    for frame in head.speak("portrait.jpg", "speech.wav"):
        ...

Names are imported when first asked for, so that `import talkinghead` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkinghead.clip import Clip
    from talkinghead.errors import TalkingHeadError
    from talkinghead.media.video import VideoWriter
    from talkinghead.options import FrameOptions, PortraitOptions
    from talkinghead.pipeline import TalkingHead
    from talkinghead.units.convert import read_csv
    from talkinghead.units.names import UNIT_NAMES
    from talkinghead.units.track import UnitTrack
    from talkinghead.units.unit_csv import write_csv

__version__ = "0.1.0"
_HOMES = {
    "TalkingHead": "talkinghead.pipeline",
    "Clip": "talkinghead.clip",
    "FrameOptions": "talkinghead.options",
    "PortraitOptions": "talkinghead.options",
    "UnitTrack": "talkinghead.units.track",
    "read_csv": "talkinghead.units.convert",
    "write_csv": "talkinghead.units.unit_csv",
    "UNIT_NAMES": "talkinghead.units.names",
    "VideoWriter": "talkinghead.media.video",
    "TalkingHeadError": "talkinghead.errors",
}
__all__ = [
    "UNIT_NAMES", "Clip", "FrameOptions", "PortraitOptions", "TalkingHead", "TalkingHeadError", "UnitTrack",
    "VideoWriter", "__version__", "read_csv", "write_csv",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'talkinghead' has no attribute {name!r}")
