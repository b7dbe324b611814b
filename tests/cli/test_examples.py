"""Every example of every help text is run, on a desk where what it names is there."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ibgw_tui.cli.commands import Group
from ibgw_tui.cli.main import cli as root
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE
from tests.cli.conftest import DATA, ORDER, Answer, Cli
from tests.cli.test_main import ALL
from tests.cli.test_policy import DRAFT

ENDLESS = {("tui",), ("router",), ("twsim",), ("audit", "tail", "--follow"), ("demo",)}
"""Work until they are stopped, or need a screen: their examples are parsed, and other tests run them."""
ANSWERS = {0, 3, 4, 5, 6, 10, 20, 21, 22, 23, 24, 25, 26, 78}
"""What a well-formed call may end with, by what it finds; never 1 (a fault), 2 (wrong usage) or 7 (no store)."""


def examples() -> Iterator[tuple[tuple[str, ...], str]]:
    """(command, line) of every example, without what the shell does around it."""
    for path in ALL:
        command: click.Command = root
        for name in path:
            assert isinstance(command, Group)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        text = (command.epilog or "").partition("Examples:\n")[2].partition("Exit codes:")[0]
        for line in text.splitlines():
            if line.startswith("  ") and "$(" not in line:
                yield path, line.strip()


LINES = list(dict.fromkeys(line for _, line in examples()))


def words_of(line: str) -> tuple[list[str], bool]:
    """The arguments of `ibgw` in a shell line, and whether something is piped into it."""
    _, piped, after = line.rpartition(" | ")
    words = shlex.split(after)
    for arrow in (">", ">>"):
        if arrow in words:
            words = words[: words.index(arrow)]
    assert words[0] == "ibgw", line
    return words[1:], bool(piped)


def resolved(words: list[str]) -> tuple[click.Command, tuple[str, ...], list[str]]:
    command, path, rest = root, (), list(words)  # type: click.Command, tuple[str, ...], list[str]
    while isinstance(command, Group) and rest:
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, words
        command, path, rest = found, (*path, rest[0]), rest[1:]
    return command, path, rest


def test_every_command_has_its_own_example() -> None:
    without = [path for path in ALL if not any(line.startswith(f"ibgw {' '.join(path)}".strip()) or " | ibgw " in line
                                               for found, line in examples() if found == path)]  # fmt: skip
    assert not without


@pytest.mark.parametrize("line", LINES)
def test_every_example_is_understood(line: str) -> None:
    command, _, rest = resolved(words_of(line)[0])
    if isinstance(command, Group):
        return  # a group alone, such as `ibgw reconcile`, shows what it can
    with command.make_context(command.name, rest):
        pass


@pytest.fixture
def bench(cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Everything that the examples name: the order, the files."""
    monkeypatch.chdir(tmp_path)
    cli("stage", *ORDER)
    store = OrderStore.open(home / DATABASE, clock=utc_now)
    from ibgw_tui.core.orders import parse_intent

    with store.write() as change:
        change.insert_order("o-7k3m9q2x4d", parse_intent(DATA), staged_by="cli")
        change.insert_order("o-4f2a", parse_intent(DATA), staged_by="cli")
        change.insert_order("REF", parse_intent(DATA), staged_by="cli")
    store.close()
    files = {
        "order.json": json.dumps(DATA),
        "bracket.json": json.dumps(DATA),
        "orders.csv": "symbol,side,quantity,limit_price\nAAPL,buy,1,100\nAAPL,sell,2,101\n",
        "draft.toml": DRAFT.replace("policies.careful", "policies.example") + DRAFT.partition("symbols.")[0],
        "old.toml": DRAFT,
        "new.toml": DRAFT.replace('"500"', '"400"'),
        "case.json": cli("explain", "o-7k3m9q2x4d", "--case").out or "{}",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.write_text(text)
        file.chmod(0o600)
    case = (Path(__file__).resolve().parents[2] / "docs/cases.md").read_text().split("```json\n")[1].partition("```")[0]
    (tmp_path / "case.json").write_text(case)
    (tmp_path / "cases.jsonl").write_text(json.dumps(json.loads(case)) + "\n")
    cli("backup", "desk-before-upgrade.sqlite3")
    cli("audit", "checkpoint", "--output", str(tmp_path / "saved-elsewhere.jsonl"))
    return cli


RUN = [
    line
    for line in LINES
    if not any(set(each) <= set(words_of(line)[0]) and words_of(line)[0][0] == each[0] for each in ENDLESS)
]


def quick(words: list[str], folder: Path) -> list[str]:
    """The same call, in this folder and without waiting for long."""
    words = [str(folder / "safe.jsonl") if word.startswith(("/media/", "/mnt/")) else word for word in words]
    words = ["0.2" if words[number - 1] in ("--timeout", "--wait") else word for number, word in enumerate(words)]
    if words[0] == "wait" and "--timeout" not in words:
        words += ["--timeout", "0.2"]
    return words


def ran(bench: Cli, words: list[str], folder: Path) -> Answer:
    if words[0] == "backup":
        (folder / "desk-before-upgrade.sqlite3").unlink()
    return bench(*words)


def fits(answer: Answer, words: list[str]) -> bool:
    """Whether a well-formed call may end so. No router runs here, so nothing is decided before its preview."""
    if "--case" in words and words[0] == "explain":
        return answer.code == 2 and "preview" in answer.err
    return answer.code in ANSWERS


@pytest.mark.parametrize("line", RUN)
def test_every_example_runs(line: str, bench: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, piped = words_of(line)
    words = quick(words, tmp_path)
    if piped:
        text = json.dumps(DATA) if "stage" in words else (tmp_path / "case.json").read_text()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    answer = ran(bench, words, tmp_path)
    assert fits(answer, words), f"{line}\n{answer.code}\n{answer.out}{answer.err}"
    if "--json" in words and "--cases" not in words:
        assert answer.json["schema_version"] == 1
