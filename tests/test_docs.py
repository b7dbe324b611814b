"""The documentation is true: generated parts are fresh, named commands, keys and files exist."""

from __future__ import annotations

import re
from collections.abc import Callable

import click
import pytest

from ibgw_tui.cli.main import cli
from tests.generated_docs import PARTS, ROOT, renewed

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(("page", "name", "make"), PARTS)
def test_generated_parts_are_fresh(page: str, name: str, make: Callable[[], str]) -> None:
    current = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(page, name, make()) == current, "run: python -m tests.generated_docs"


def named_commands() -> list[tuple[str, list[str]]]:
    """Every `ibgw ...` that a page shows."""
    shown = re.compile(r"(?:\.venv/bin/)?\bibgw ([a-z][^`\n]*)")
    return [(page.name, line.split()) for page in PAGES for line in shown.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "words"), named_commands())
def test_every_command_a_page_shows_exists_with_its_options(page: str, words: list[str]) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        follower = command.get_command(context, rest[0])
        if follower is None:
            break
        command, rest = follower, rest[1:]
    assert command is not cli, f"{page} shows 'ibgw {' '.join(words)}'"
    known = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        if word.startswith("--"):
            assert word in known, f"{page}: {command.name} has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: object) -> None:
    assert hasattr(page, "read_text") and hasattr(page, "parent")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page} links to {target}"


def test_the_tasks_of_the_readme_are_tasks() -> None:
    text = (ROOT / "dev.py").read_text(encoding="utf-8")
    for task in re.findall(r"python3 dev\.py (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert f'"{task}"' in text
