"""What can be asked of a video besides portrait and voice: each option once, with its help, its default and its check.

Takes values as the API gives them, or as text; gives frozen dataclasses that the API, the command line, the page,
`live` and `batch` share. A field added here is a keyword of `TalkingHead.speak`, an option of the commands that take
these options, and a column of a batch's list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from talkinghead.errors import OptionError
from talkinghead.media.timing import DEFAULT_FPS, frame_rate

if TYPE_CHECKING:
    import numpy as np

    from talkinghead.media.provenance import Seal
    from talkinghead.units.moods import Mood

TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class About:
    """What surfaces know of an option: its `help`, the `kind` of its value as text (bool, int, float, str or Path), the
    least and most of a number, and a `check` that raises ValueError in one line."""

    help: str
    kind: type = str
    least: float | None = None
    most: float | None = None
    check: Callable[[Any], object] | None = None

    def verify(self, value: Any) -> None:
        """Raises ValueError in one line; None is always allowed."""
        if value is None:
            return
        if self.check:
            self.check(value)
        if self.least is not None and value < self.least or self.most is not None and value > self.most:
            raise ValueError(f"{value} is not {self._range}")

    def parse(self, text: str) -> Any:
        """The value that a cell of a table holds. Raises ValueError in one line."""
        if self.kind is bool:
            if text.lower() not in TRUTH:
                raise ValueError(f"{text!r} is neither yes nor no")
            return TRUTH[text.lower()]
        try:
            value = self.kind(text)
            self.verify(value)
        except ValueError:
            if self.kind in (int, float):
                raise ValueError(f"{text!r} is not {self._range}") from None
            raise
        return value

    @property
    def _range(self) -> str:
        low = "" if self.least is None else f" from {self.least:g}"
        high = "" if self.most is None else f" to {self.most:g}"
        return ("a whole number" if self.kind is int else "a number") + low + high


def option(default: Any, help: str, kind: type = str, **about: Any) -> Any:
    """A dataclass field with its About."""
    return dataclasses.field(default=default, metadata={"about": About(help, kind, **about)})


def described(cls: type) -> dict[str, About]:
    """The options of a dataclass, in order, by name."""
    return {field.name: field.metadata["about"] for field in dataclasses.fields(cls) if "about" in field.metadata}


def _gain(value: float | str | dict[str, float]) -> object:
    from talkinghead.units.moods import gain_vector

    return gain_vector(value)


def _mood(value: str | dict[str, float] | None) -> object:
    from talkinghead.units.moods import parse_mood

    return parse_mood(value)


def _teeth(value: str | int) -> int | str:
    """A seed, "own" or "none"."""
    if value in ("own", "none"):
        return value
    try:
        seed = int(value)
    except ValueError:
        seed = -1
    if seed < 0:
        raise ValueError(f"{value!r} is neither a whole number from 0 nor own nor none")
    return seed


@dataclass(frozen=True, kw_only=True)
class PortraitOptions:
    """How a portrait is made ready; hashable. Raises OptionError."""

    face: int | None = option(None, "Which face, from 1, the largest.", int, least=1)
    crop: bool = option(False, "Keep the aligned face square only.", bool)
    enhance: bool = option(False, "More contrast, less noise, sharper: the face only.", bool)
    teeth: str | int = option(
        "own", "Whose teeth are seen: a number draws some, own takes the portrait's, none.", check=_teeth
    )

    def __post_init__(self) -> None:
        for name, about in described(type(self)).items():
            try:
                about.verify(getattr(self, name))
            except ValueError as error:
                raise OptionError(name, str(error)) from None

    @property
    def which_teeth(self) -> int | str:
        """The seed of the teeth, "own" or "none"."""
        return _teeth(self.teeth)

    @classmethod
    def of(cls, options: Self | None, changes: Mapping[str, Any]) -> Self:
        """`options`, or the defaults, with some changed by name. Raises OptionError, and TypeError for a name that is
        none."""
        return dataclasses.replace(options or cls(), **changes)


@dataclass(frozen=True, kw_only=True)
class FrameOptions(PortraitOptions):
    """How a portrait moves. `gain` and `mood` are text or numbers by name, see units.moods; `blink` None adds blinks
    to a voice and none to given units; `head` multiplies the pose that a voice gives, or the driver's own; `still` is
    for a voice. Raises OptionError."""

    fps: str | float | Fraction = option(DEFAULT_FPS, "Frames a second: 25, 29.97, 30000/1001.", check=frame_rate)
    gain: float | str | dict[str, float] = option(
        "auto",
        "Multiplies the motion: 1.2, or by region, mouth=1.2,brows=0.5; auto: the mouth opens as people's do.",
        check=_gain,
    )
    mood: str | dict[str, float] | None = option(None, "happy, sad:0.5, ...: docs/moods.md.", check=_mood)
    blink: bool | None = option(None, "Add blinks. Default: to a voice, not to given units.", bool)
    head: float = option(1.0, "How far the head moves: 0 not at all, 1.5 more.", float, least=0, most=3)
    still: bool = option(False, "Leave gaze and brows still.", bool)
    seed: int = option(0, "Of head, gaze, brows and blinks.", int, least=0)

    @property
    def rate(self) -> Fraction:
        """The exact frame rate."""
        return frame_rate(self.fps)

    @property
    def gains(self) -> np.ndarray:
        """What multiplies each unit, [46]."""
        from talkinghead.units.moods import gain_vector

        return gain_vector(self.gain)

    @property
    def auto(self) -> bool:
        """Whether a voice is to open the mouth as widely as people do, see units.width."""
        from talkinghead.units.moods import is_auto

        return is_auto(self.gain)

    @property
    def feeling(self) -> Mood:
        """What colours every frame."""
        from talkinghead.units.moods import Mood

        return Mood(self.mood)

    @property
    def look(self) -> PortraitOptions:
        """Those that a portrait is made ready by, which frames of one portrait share."""
        return PortraitOptions(**{name: getattr(self, name) for name in described(PortraitOptions)})


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Whether results carry a signed manifest, and whose."""

    sign: bool = option(False, "Add a signed C2PA manifest: docs/provenance.md.", bool)
    sign_cert: Path | None = option(None, "PEM certificates to sign with. Default: one for tests.", Path)
    sign_key: Path | None = option(None, "The private key of --sign-cert, PEM.", Path)

    def __post_init__(self) -> None:
        if (self.sign_cert is None) != (self.sign_key is None):
            raise OptionError("sign_cert", "a certificate and its key belong together")

    @property
    def wanted(self) -> bool:
        return self.sign or self.sign_cert is not None

    def absolute(self) -> Signing:
        """The same from any folder."""
        cert, key = (path and Path(path).absolute() for path in (self.sign_cert, self.sign_key))
        return Signing(sign=self.sign, sign_cert=cert, sign_key=key)

    def seal(self, *outputs: Path | str) -> Seal | None:
        """What signs files named like `outputs`, None if nobody asked for it. Raises SigningError."""
        if not self.wanted:
            return None
        from talkinghead.media.provenance import Seal, check_signable

        for output in outputs:
            check_signable(output)
        return Seal(self.sign_cert, self.sign_key)
