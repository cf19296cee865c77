"""Settings of a recipe: a dataclass, filled from words and override files, every mistake listed at once."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TypeVar, get_type_hints

Config = TypeVar("Config")
TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse(cls: type[Config], words: list[str]) -> Config:
    """Build `cls` from override files `FILE.json`, in order, and then `key=value`, `--key=value` or `--key value`.

    Keys after `--` may be written with dashes for underscores. Unknown keys and values of the wrong type are collected
    and end the program in one message, exit code 2.
    """
    kinds = get_type_hints(cls)
    given: dict[str, object] = {}
    files, pairs, errors = split(words)
    for key, value in read(files, errors) + pairs:
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


def split(words: list[str]) -> tuple[list[str], list[tuple[str, object]], list[str]]:
    """Override files, settings, and mistakes among `words`."""
    files, pairs, errors = [], [], []
    rest = iter(words)
    for word in rest:
        key, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            key = key.replace("-", "_")
            if not equals:
                value = next(rest, None)
                if value is None:
                    errors.append(f"{word}: no value")
                    continue
        elif not equals:
            files.append(word)
            continue
        pairs.append((key, value))
    return files, pairs, errors


def read(files: list[str], errors: list[str]) -> list[tuple[str, object]]:
    """The settings of override files; mistakes are added to `errors`."""
    pairs: list[tuple[str, object]] = []
    for name in files:
        try:
            pairs += json.loads(Path(name).read_text()).items()
        except (OSError, ValueError) as error:
            errors.append(f"{name}: {error}")
        except AttributeError:
            errors.append(f"{name}: not an object of settings")
    return pairs


def convert(kind: type, value: object) -> object:
    """`value` as `kind`; ValueError where it is none."""
    if kind is bool:
        if str(value).lower() not in TRUTH:
            raise ValueError(value)
        return TRUTH[str(value).lower()]
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(value)
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return kind(value)


def save(config: object, path: Path) -> None:
    """The resolved settings as JSON, readable by `parse`."""
    path.write_text(json.dumps(dataclasses.asdict(config), indent=1, default=str) + "\n")
