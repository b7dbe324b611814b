"""Every command line that a page shows is run, on the same desk as the examples of the help texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_examples import ENDLESS, bench, fits, quick, ran  # noqa: F401 - a fixture
from tests.test_docs import PAGES


def shown() -> Iterator[tuple[str, str]]:
    """(page, line) of every `ibgw` line in a shell block, without prompts and remarks."""
    for page in PAGES:
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                text = line.strip().removeprefix("$ ").replace(".venv/bin/", "")
                if text.startswith("ibgw "):
                    yield page.name, " ".join(text.split())


LINES = list(dict.fromkeys(shown()))


def test_pages_show_commands() -> None:
    assert len(LINES) > 100


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_that_a_page_shows_runs(page: str, line: str, bench: Cli, tmp_path: Path) -> None:  # noqa: F811
    words = shlex.split(line, comments=True)[1:]
    for arrow in (">", ">>", "|", "&&", "&"):
        if arrow in words:
            words = words[: words.index(arrow)]
    if any(set(each) <= set(words) and words[0] == each[0] for each in ENDLESS):
        return  # they work until they are stopped; that they exist with these options is tested with the pages
    words = quick(words, tmp_path)
    answer = ran(bench, words, tmp_path)
    assert fits(answer, words), f"{page}: {line}\n{answer.code}\n{answer.out}{answer.err}"
