"""The import rule, read from the source, and what importing costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {"audio2au": {"gath", "talkinghead", "recipes"}, "gath": {"audio2au", "talkinghead", "recipes"},
             "talkinghead": {"recipes"}}  # fmt: skip
SOURCES = sorted(path for package in (*FORBIDDEN, "recipes") for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "mediapipe", "librosa", "cv2", "skimage", "scipy")


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_import_rule(path):
    package = path.relative_to(ROOT).parts[0]
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        assert not name.startswith("."), f"{name}: relative import"
        assert name.split(".")[0] not in FORBIDDEN.get(package, set()), f"{package} imports {name}"


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ
    ).stdout


@pytest.mark.parametrize(
    "module", ["talkinghead", "talkinghead.surfaces.cli", "talkinghead.pipeline", "audio2au", "gath"]
)
def test_importing_loads_nothing_heavy(module):
    loaded = python("-c", f"import sys, {module}; print(*(m for m in {HEAVY} if m in sys.modules))")
    assert loaded.split() == []


@pytest.mark.parametrize(
    "arguments", [("-c", "import talkinghead"), ("-c", "from talkinghead.surfaces.cli import main; main()", "--help")]
)
def test_answers_in_under_half_a_second(arguments):
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        python(*arguments)
        best = min(best, time.perf_counter() - start)
        if best < 0.5:
            break
    assert best < 0.5


def test_public_names():
    import talkinghead

    assert talkinghead.__version__
    for name in talkinghead.__all__:
        assert getattr(talkinghead, name)
    with pytest.raises(AttributeError):
        talkinghead.nothing
