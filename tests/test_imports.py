"""The import rules, read from the source, and what importing costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("talkinghead", "audio2au", "gath", "recipes")
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in (*PACKAGES, "tests")
    for path in sorted((ROOT / package).rglob("*.py"))
}
LONGEST = 350  # lines of a file
# What each part may import of what stands here, itself included; a part is the longest name that a module begins with.
# talkinghead/__init__ hands out names of all others, and only the command line asks it for one: its version.
PARTS = {
    "audio2au": (),
    "gath": (),
    "talkinghead.errors": (),
    "talkinghead.media": ("talkinghead.errors",),
    "talkinghead.units": ("talkinghead.errors", "talkinghead.media"),
    "talkinghead.face": ("talkinghead.errors", "talkinghead.media", "talkinghead.units", "gath"),
    "talkinghead.options": ("talkinghead.errors", "talkinghead.media", "talkinghead.units"),
    "talkinghead.models": ("talkinghead.errors", "talkinghead.units", "audio2au", "gath"),
    "talkinghead.clip": ("talkinghead.media", "talkinghead.units", "talkinghead.face"),
    "talkinghead.pipeline": (
        "talkinghead.errors", "talkinghead.media", "talkinghead.units", "talkinghead.face", "talkinghead.options",
        "talkinghead.models", "talkinghead.clip",
    ),
    "talkinghead.surfaces": ("talkinghead",),
    "talkinghead": ("talkinghead",),
    "recipes.parts": ("audio2au", "gath", "talkinghead"),
    "recipes": ("recipes.parts", "audio2au", "gath", "talkinghead"),
}  # fmt: skip
HEAVY = ("torch", "torchaudio", "mediapipe", "librosa", "cv2", "skimage", "scipy")


def begins(name, part):
    return name == part or name.startswith(f"{part}.")


def part_of(name):
    return max((part for part in PARTS if begins(name, part)), key=len)


def imports(module):
    """The modules of ours that a module names, wherever in it: inside functions and for type checkers alone, too."""
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in SOURCES else node.module for name in below]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in PACKAGES)


@pytest.mark.parametrize("module", [name for name in SOURCES if name.split(".")[0] in PACKAGES])
def test_imports_go_one_way(module):
    part = part_of(module)
    for name in imports(module):
        inside = part_of(name) == part and part != "recipes"  # a stage imports no other stage
        assert inside or any(begins(name, allowed) for allowed in PARTS[part]), f"{module} imports {name}"


def test_nothing_is_imported_in_a_circle():
    graph = {module: set(imports(module)) - {module} for module in SOURCES}
    while leaves := [module for module, needed in graph.items() if not needed & graph.keys()]:
        for module in leaves:
            del graph[module]
    assert not graph, f"in a circle, or on the way to one: {', '.join(graph)}"


@pytest.mark.parametrize("module", SOURCES)
def test_files_are_short_and_say_what_they_are(module):
    source = SOURCES[module].read_text(encoding="utf-8")
    assert source.count("\n") <= LONGEST
    assert module.split(".")[0] not in PACKAGES or ast.get_docstring(ast.parse(source))


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
    """Of a processor's time, which other programs on the machine do not lengthen."""
    before = os.times()
    python(*arguments)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.5


def test_public_names():
    import talkinghead

    assert talkinghead.__version__
    for name in talkinghead.__all__:
        assert getattr(talkinghead, name)
    with pytest.raises(AttributeError):
        talkinghead.nothing
