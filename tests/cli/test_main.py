"""What is true of every command."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import click
import pytest

import ibgw_tui
from ibgw_tui.cli import main as door
from ibgw_tui.cli.commands import Group
from ibgw_tui.cli.exits import published
from ibgw_tui.cli.main import cli as root
from ibgw_tui.wiring.paths import DATABASE
from tests.cli.conftest import ORDER, Cli


def commands(group: Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(commands())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_help_has_an_example(path: tuple[str, ...], flag: str, cli: Cli) -> None:
    answer = cli(*path, flag)
    assert answer.code == 0
    assert "Examples:" in answer.out
    assert f"  ibgw {' '.join(path)}".rstrip() in answer.out
    for option in ("--config", "--home", "--json", "--quiet", "--no-input"):
        assert option in answer.out


def test_the_exit_codes_are_published(cli: Cli) -> None:
    help_text = [line.strip() for line in cli("--help").out.splitlines()]
    assert all(line.strip() in help_text for line in published().splitlines())


def test_the_version_tells_what_a_bug_report_needs(cli: Cli) -> None:
    answer = cli("--version")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == f"ibgw {ibgw_tui.__version__}"
    assert f"Python {platform.python_version()}" in lines[1]
    for name in ("apsw", "ib-async", "peewee", "textual", "mcp"):
        assert f"{name} {importlib.metadata.version(name)}" in answer.out
    assert f"SQLite {apsw.sqlite_lib_version()}" in answer.out


@pytest.mark.parametrize("arguments", [["--version", "--json"], ["--json", "--version"]])
def test_the_version_for_programs(arguments: list[str], cli: Cli) -> None:
    told = cli(*arguments).json
    assert told["version"] == ibgw_tui.__version__
    assert told["python"] == platform.python_version()
    assert told["sqlite"] == apsw.sqlite_lib_version()
    assert told["packages"]["textual"] == importlib.metadata.version("textual")
    assert "apprise" in told["packages"], "an extra that is not installed is null, not left out"


def test_help_of_a_group_without_a_command(cli: Cli) -> None:
    answer = cli("kill")
    assert answer.code == 2
    assert "close" in answer.out + answer.err


@pytest.mark.parametrize("arguments", [["--json", "list"], ["list", "--json"]])
def test_global_options_stand_on_both_sides(arguments: list[str], cli: Cli) -> None:
    assert cli(*arguments).json["orders"] == []


def test_the_home_may_be_given_on_both_sides(cli: Cli, tmp_path: Path) -> None:
    here = str(tmp_path / "here")
    cli("--home", here, "stage", *ORDER)
    assert len(cli("list", "--home", here, "--json").json["orders"]) == 1
    assert len(cli("--home", str(tmp_path / "there"), "list", "--home", here, "--json").json["orders"]) == 1
    assert cli("list", "--json").json["orders"] == []


@pytest.mark.parametrize("option", ["--home", "--config"])
def test_an_unset_shell_variable_is_no_folder(option: str, cli: Cli) -> None:
    answer = cli("list", option, "")
    assert answer.code == 2
    assert "is empty" in answer.err


def test_an_empty_home_in_the_environment_is_none(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBGW_DESK__HOME", " ")
    assert cli("list").code == 78
    assert not (tmp_path / DATABASE).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lst"], "did you mean 'list'?"),
        (["zzz"], "choose from tui"),
        (["kill", "clos"], "did you mean 'close'?"),
        (["list", "--nope"], "--nope"),
        (["list", "--limit", "0"], "--limit"),
        (["show"], "REF"),
        (["list", "extra"], "extra"),
    ],
)
def test_wrong_usage_is_told_in_both_forms(arguments: list[str], says: str, cli: Cli) -> None:
    people, programs = cli(*arguments), cli(*arguments, "--json")
    assert (people.code, programs.code) == (2, 2)
    assert says in people.err
    assert people.out == ""
    assert says in programs.json["error"]["message"]
    assert programs.err == ""
    assert "--help" in programs.json["error"]["user_action"]


def test_json_behind_a_double_dash_is_an_argument(cli: Cli) -> None:
    answer = cli("list", "--nope", "--", "--json")
    assert (answer.code, answer.out) == (2, "")


def test_nobody_sees_a_traceback(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret \x1b[2J detail")

    monkeypatch.setattr("ibgw_tui.wiring.agent_side.open_agent_side", burst)
    answer = cli("list")
    log = home / "logs" / "ibgw-errors.log"
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err == f"ibgw: unexpected error (ZeroDivisionError); details are in {log}\n"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in log.read_text()
    assert "\x1b" not in log.read_text()
    assert cli("list", "--json").json["error"]["code"] == "UNEXPECTED"


def test_a_crash_without_a_place_for_its_log(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ibgw_tui.wiring.agent_side.open_agent_side", burst)
    (tmp_path / "file").write_text("")
    answer = cli("list", "--home", str(tmp_path / "file" / "home"))
    assert answer.code == 1
    assert "details could not be written" in answer.err


def test_an_interrupt_has_its_own_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ibgw_tui.wiring.agent_side.open_agent_side", stop)
    assert cli("list").code == 130
    assert cli("list", "--json").json["error"]["code"] == "INTERRUPTED"


def test_a_store_that_is_none(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "desk.sqlite3").write_bytes(b"this is no database " * 500)
    answer = cli("list", "--json")
    assert answer.code == 7
    assert answer.json["error"]["code"] == "ORDER_STORE_UNAVAILABLE"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, cli: Cli) -> None:
    assert "_IBGW_COMPLETE" in cli("completion", shell).out


def test_the_shell_is_told_the_words(cli: Cli) -> None:
    asked = {**os.environ, "_IBGW_COMPLETE": "bash_complete", "COMP_WORDS": "ibgw kill c", "COMP_CWORD": "2"}
    assert ibgw_process(env=asked).stdout == "plain,close\n"


# ---- real processes


def ibgw_process(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ibgw_tui", *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=60,
        env=env,
    )


def test_a_real_process(cli: Cli) -> None:
    done = ibgw_process("stage", *ORDER, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["order"]["order_ref"] == cli("list", "--json").json["orders"][0]["order_ref"]
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_drama(cli: Cli) -> None:
    cli("stage", *ORDER)
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "ibgw_tui", "list"],
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writes)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_show_a_letter(encoding: str, cli: Cli) -> None:
    done = ibgw_process("stage", *ORDER, "--rationale", "größer ☃")
    assert done.returncode == 0
    shown = ibgw_process("show", done.stdout.split()[3], env={**os.environ, "PYTHONIOENCODING": encoding})
    assert shown.returncode == 0, shown.stderr
    assert "\\u2603" in shown.stdout
    assert "in DU1234567" in shown.stdout


HEAVY = ("textual", "mcp", "ib_async", "numpy", "rich", "eventkit")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--json"],
        ["status", "--json"],
        ["stage", *ORDER],
        ["kill", "status"],
        ["audit", "verify"],
        ["--help"],
        ["show", "-h"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_loaded(arguments: list[str], cli: Cli) -> None:
    """A script calls this a thousand times a day."""
    probe = (
        "import sys; from ibgw_tui.cli.main import main; code = main(sys.argv[1:]);"
        "print(','.join(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not set(HEAVY) & set(done.stderr.splitlines()[-1].split(","))


@pytest.mark.parametrize(
    "arguments", [["list"], ["stage", *ORDER], ["show", "-h"], ["audit", "tail"], ["kill", "close"]], ids=" ".join
)
def test_an_agents_process_never_loads_what_approves(arguments: list[str], cli: Cli) -> None:
    probe = (
        "import sys; from ibgw_tui.cli.main import main; code = main(sys.argv[1:]);"
        "print(','.join(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split(","))
    assert not {"ibgw_tui.service.review", "ibgw_tui.service.routing"} & loaded
    assert not [name for name in loaded if name.startswith(("ibgw_tui.brokers", "ibgw_tui.tui"))]


def test_the_list_of_commands_is_true() -> None:
    assert {path[0] for path in ALL if path} == set(door.COMMANDS)


@pytest.mark.parametrize("group", [(), ("kill",), ("checklist",)], ids=" ".join)
def test_a_group_alone_shows_its_page(group: tuple[str, ...], cli: Cli) -> None:
    answer = cli(*group)
    assert answer.code == 2 and not answer.out
    assert answer.err.startswith(f"Usage: {' '.join(['ibgw', *group])} ") and "\nCommands:\n" in answer.err
    error = cli(*group, "--json").json["error"]
    assert error["code"] == "INPUT_INVALID" and "--help" in error["user_action"]


@pytest.mark.parametrize("flags", ["", "--json"])
def test_a_full_disk_behind_stdout_is_no_traceback(flags: str, home: Path) -> None:
    shell = f"{sys.executable} -m ibgw_tui --home {home} list {flags} > /dev/full"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_stop_no_stop(closed: str, home: Path) -> None:
    shell = f"{sys.executable} -m ibgw_tui --home {home} kill close --reason night {closed}"
    assert subprocess.run(["sh", "-c", shell], capture_output=True).returncode == 0


def test_a_closed_stdin_is_an_empty_file(home: Path) -> None:
    shell = f"{sys.executable} -m ibgw_tui --home {home} stage --file - <&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and "stdin is empty" in done.stderr
