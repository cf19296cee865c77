"""What the package brings to be tried on: paths of its portraits and of its voice, see assets/README.md.

Nobody in the portraits exists and nobody recorded the voice, so that nobody is made to say what they never said.
"""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PORTRAITS: dict[str, Path] = {
    "Woman": ASSETS / "woman.jpg",
    "Man": ASSETS / "man.jpg",
    "Old man": ASSETS / "old_man.jpg",
}
DEMO = PORTRAITS["Woman"]
VOICE = ASSETS / "demo_voice.flac"
