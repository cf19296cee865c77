"""Pages about the code name only what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name}
    named |= {str(Path(page).parent / link) for link in re.findall(r"\]\((?!http)([^)#]+)", text)}
    assert named and not [name for name in named if not (ROOT / name).exists()]


def test_architecture_is_short_and_shows_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 120 and max(map(len, text.splitlines())) <= 130
    for room in (path for path in (ROOT / "talkinghead").iterdir() if (path / "__init__.py").exists()):
        assert f"`talkinghead/{room.name}/`" in text
    assert all(f"({number})" in text for number in (1, 2, 3, 4, 8, 9, 10))


def test_every_package_that_is_asked_for_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {re.match(r"[\w-]+", line)[0] for line in asked} - {"talkinghead", "playwright"}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Which package")[2]
    assert not [name for name in names if f"`{name}`" not in table]


def test_the_changelog_knows_this_version():
    import talkinghead

    assert f"## {talkinghead.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
