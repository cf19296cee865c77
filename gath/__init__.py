"""The face: a portrait and action units in, frames out. `load()` gives the generator that ships."""

from __future__ import annotations

import json
from pathlib import Path

VERSION = 1
DEFAULT = Path(__file__).parent / "weights" / "flow.safetensors"


def load(path: str | Path | None = None, device: str = "cpu"):
    """The generator in a safetensors file, ready for inference (default: the one that ships).

    Raises OSError where the file cannot be read and ValueError where it is not a generator of this version.
    """
    import torch
    from safetensors import safe_open

    from gath.generator import FlowConfig, FlowGenerator

    with safe_open(str(path or DEFAULT), "pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != f"talkinghead-flow-{VERSION}":
            raise ValueError(f"{path or DEFAULT}: not a flow generator of format {VERSION}")
        config = json.loads(metadata["config"])
        state = {name: file.get_tensor(name).float() for name in file.keys()}
    config["unit_names"] = tuple(config["unit_names"])
    generator = FlowGenerator(FlowConfig(**config))
    generator.load_state_dict(state)
    return generator.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def save(generator, path: str | Path, **notes: object) -> None:
    """Write a generator as half-precision safetensors, with its config (and `notes`) in the metadata."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().half().contiguous() for name, value in generator.state_dict().items()}
    metadata = {"format": f"talkinghead-flow-{VERSION}", "config": json.dumps(generator.metadata())}
    save_file(state, str(path), metadata | {key: str(value) for key, value in notes.items()})
