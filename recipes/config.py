"""Settings of a recipe: a dataclass, filled from `key=value` words, every mistake listed at once."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TypeVar, get_type_hints

Config = TypeVar("Config")
TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse(cls: type[Config], words: list[str]) -> Config:
    """Build `cls` from words `key=value`, and from `FILE.json` words read first (an override file).

    Unknown keys and values of the wrong type are collected and end the program in one message, exit code 2.
    """
    kinds = get_type_hints(cls)
    given: dict[str, object] = {}
    errors: list[str] = []
    pairs: list[tuple[str, object]] = []
    for word in sorted(words, key=lambda w: "=" in w):
        if "=" in word:
            pairs.append(tuple(word.split("=", 1)))
        else:
            try:
                pairs += json.loads(Path(word).read_text()).items()
            except (OSError, ValueError) as error:
                errors.append(f"{word}: {error}")
    for key, value in pairs:
        if key not in kinds:
            errors.append(f"unknown key {key!r}; known: {', '.join(kinds)}")
            continue
        try:
            given[key] = convert(kinds[key], value)
        except ValueError:
            errors.append(f"{key}: {value!r} is not a {kinds[key].__name__}")
    missing = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.name not in given]
    errors += [f"missing: {name}" for name in missing]
    if errors:
        print("\n".join(errors), file=sys.stderr)
        raise SystemExit(2)
    return cls(**given)


def convert(kind: type, value: object) -> object:
    """`value` as `kind`; ValueError where it is none."""
    if kind is bool:
        if str(value).lower() not in TRUTH:
            raise ValueError(value)
        return TRUTH[str(value).lower()]
    return kind(value)


def save(config: object, path: Path) -> None:
    """The resolved settings as JSON, readable by `parse`."""
    path.write_text(json.dumps(dataclasses.asdict(config), indent=1, default=str) + "\n")
