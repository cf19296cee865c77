"""How dataclasses of options become options of the command line: a command that takes one gets each of its fields.

def speak(portrait: PortraitArg, options: FrameOptions, force: ForceOption = False): ...
app.command()(spread(speak))        # --face, --crop, --gain ... with help, defaults and checks of talkinghead.options
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from talkinghead.errors import OptionError
from talkinghead.media.encoders import ENCODERS, check_encoder
from talkinghead.media.timing import frame_rate
from talkinghead.options import About, described, option
from talkinghead.surfaces.running import tell_all

if TYPE_CHECKING:
    from talkinghead.pipeline import TalkingHead

VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say what was found, and how long each stage took.")
]
PortraitArg = Annotated[Path, typer.Argument(help="Picture of one face seen from the front.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write: .mp4, .mov, .webm or .gif.")]
PlaylistsOption = Annotated[
    bool, typer.Option("--allow-playlists", help="Play lists (HLS, DASH, concat), which may name any file of yours.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


def _known_encoder(name: str) -> str:
    try:
        return check_encoder(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


EncoderOption = Annotated[
    str,
    typer.Option(
        callback=_known_encoder,
        help=f"Of .mp4 and .mov: {', '.join(ENCODERS)}; auto takes the machine's own circuits, if ffmpeg reaches any.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Models:
    """Which weights, and where they run."""

    generator: Path | None = option(None, "Weights of another generator.", Path)
    device: str = option(
        "auto",
        "Where a video's frames are drawn, and the paper's generator runs: cpu, cuda, mps. Default: the CPU; for the"
        " paper's a GPU if there is one.",
    )

    def head(self) -> TalkingHead:
        """Raises ModelError when a model is first needed."""
        from talkinghead.pipeline import TalkingHead

        return TalkingHead(self.generator, device=self.device)


def check_fps(text: str | None) -> str | None:
    """For options of a frame rate that stand alone."""
    try:
        text is None or frame_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a dataclass of options spread out into its fields, and --verbose.

    What a field's check or the dataclass itself refuses is a usage error that names the option.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if dataclasses.is_dataclass(hint):
            groups[parameter.name] = hint
            defaults = {field.name: field.default for field in dataclasses.fields(hint)}
            parameters += [_parameter(name, about, defaults[name]) for name, about in described(hint).items()]
        else:
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))

    parameters.append(
        inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=VerboseOption)
    )

    def run(**given: Any) -> None:
        if given.pop("verbose"):
            tell_all()
        for name, kind in groups.items():
            values = {field: given.pop(field) for field in described(kind)}
            try:
                given[name] = kind(**values)
            except OptionError as error:
                hint = f"--{error.option.replace('_', '-')}"
                raise typer.BadParameter(str(error), param_hint=hint) from None
        command(**given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(name: str, about: About, default: Any) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    if about.kind is bool:
        names = (flag,) if default is False else (f"{flag}/--no-{name.replace('_', '-')}",)
    else:
        names = (flag,)
        if about.kind is str and default is not None:
            default = f"{default:g}" if isinstance(default, int | float) else str(default)
    told = typer.Option(*names, help=about.help, min=about.least, max=about.most)
    kind = about.kind if default is not None else about.kind | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, told])
