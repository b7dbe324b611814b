"""The documentation is true: generated parts are fresh, named commands, keys and files exist."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from ibgw_tui.cli.main import cli, main
from ibgw_tui.core.case_sections import CaseSections
from ibgw_tui.core.cases import parse_case
from ibgw_tui.core.errors import InvalidRequest
from tests.generated_docs import PARTS, ROOT, WHOLE, renewed
from tests.import_docs import COLUMNS, DOES, arrows, contract, read

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(("page", "name", "make"), PARTS)
def test_generated_parts_are_fresh(page: str, name: str, make: Callable[[], str]) -> None:
    current = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(page, name, make()) == current, "run: python -m tests.generated_docs"


@pytest.mark.parametrize(("file", "make"), WHOLE)
def test_generated_files_are_fresh(file: str, make: Callable[[], str]) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == make() + "\n", "run: python -m tests.generated_docs"


def test_the_picture_of_the_imports_has_every_room_and_hides_no_import() -> None:
    """What it leaves out follows from what it shows: along its arrows one comes to every import of the code."""
    rooms = {room for row in contract()[0] for room in row}
    package = ROOT / "ibgw_tui"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms == set(COLUMNS) == set(DOES) == {name for name in there if not name.startswith("__")}
    shown = set(arrows())
    for room, imported in read()[0].items():
        reached, todo = set[str](), [room]
        while todo:
            here = todo.pop()
            fresh = {other for one, other in shown if one == here} - reached
            reached |= fresh
            todo += fresh
        assert imported <= reached, room


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


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}


def test_links_into_a_page_lead_to_a_heading() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
            text = (page.parent / target if target else page).read_text(encoding="utf-8")
            headings = [
                line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")
            ]
            assert anchor in headings, f"{page.name}: {target}#{anchor}"


def examples_of_cases() -> list[str]:
    return re.findall(r"```json\n(.*?)```", (ROOT / "docs/cases.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_case_in_the_documentation_has_every_section_and_is_decided_as_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, answer, bad = examples_of_cases()
    either = {"paper", "policy_digest", "modifies"}
    """A live order has no paper section, and only a modify tells what it modifies."""
    assert set(json.loads(case)) == set(CaseSections.model_fields) - either
    file = tmp_path / "cases.jsonl"
    file.write_text(case)
    assert main(["explain", "--cases", str(file), "--json"]) == 0
    got, told = json.loads(capsys.readouterr().out), json.loads(answer)
    shown = told.pop("findings")
    assert all(finding in got["findings"] for finding in shown)
    assert not [finding for finding in got["findings"] if finding["status"] in ("WARN", "REFUSE", "UNKNOWN")]
    assert {name: value for name, value in got.items() if name != "findings"} == told
    file.write_text("\n" * 6 + '{"case":}\n')
    assert main(["explain", "--cases", str(file), "--json"]) == 2
    got, told = json.loads(capsys.readouterr().out), json.loads(bad)
    told["error"]["problems"] = got["error"]["problems"]
    assert {**got, "case": "broken"} == told


@pytest.mark.parametrize("section", sorted(set(json.loads(examples_of_cases()[0])) - {"case", "now", "fx"}))
def test_each_section_of_the_case_in_the_documentation_counts(section: str) -> None:
    """Without it at least one finding is another one. (Nothing in the example is in euros, so the rate is not.)"""
    data = json.loads(examples_of_cases()[0])
    whole = parse_case(data).decide()
    del data[section]
    try:
        assert parse_case(data).decide() != whole
    except InvalidRequest as error:
        assert error.problems == (f"{section}: is required",)


def test_the_tasks_of_the_readme_are_tasks() -> None:
    text = (ROOT / "dev.py").read_text(encoding="utf-8")
    for task in re.findall(r"python3 dev\.py (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert f'"{task}"' in text


def test_the_guide_to_the_terminal_names_every_setting_screen_and_picture_of_it() -> None:
    from ibgw_tui.config import TerminalSection
    from ibgw_tui.tui.widgets.view_bar import VIEWS
    from tests.scenes import SCENES

    text = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    for name, setting in TerminalSection.model_fields.items():
        assert f"| `{name}` |" in text, name
        if isinstance(setting.default, bool | int):
            assert f"| `{name}` | {str(setting.default).lower()} |" in text, name
    for number, (_, word) in enumerate(VIEWS, 1):
        assert f"| `{number}` | {word} |" in text
    drawn = {scene.name for scene in SCENES}
    for picture in re.findall(r"screenshots/(\w+)-\d+x\d+(?:-light)?\.svg", text):
        assert picture in drawn, picture


def test_the_keymap_in_the_guide_is_one() -> None:
    import tomllib

    from ibgw_tui.tui.keymap import make_keymap

    text = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    keymap = make_keymap(tomllib.loads(found[1]))
    assert keymap.problems == ()
    assert set(keymap.extra) == {"down", "filter", "blotter"}


def test_every_test_that_a_page_names_exists() -> None:
    named = [
        (page.name, path, name)
        for page in (ROOT / "docs").glob("*.md")
        for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 40, "docs/reliability.md names a test for each fault"
    for page, path, name in named:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), (
            page,
            path,
            name,
        )
