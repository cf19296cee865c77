"""From a photograph and a voice to a talking video.

    from talkinghead import TalkingHead
    head = TalkingHead()
    for frame in head.speak("portrait.jpg", "speech.wav"):
        ...

Names are imported when first asked for, so that `import talkinghead` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"
_HOMES = {
    "TalkingHead": "talkinghead.pipeline",
    "Clip": "talkinghead.pipeline",
    "UnitTrack": "talkinghead.units.track",
    "read_csv": "talkinghead.units.convert",
    "write_csv": "talkinghead.units.unit_csv",
    "UNIT_NAMES": "talkinghead.units.names",
    "VideoWriter": "talkinghead.media.video",
    "TalkingHeadError": "talkinghead.errors",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'talkinghead' has no attribute {name!r}")
