"""`ibgw audit verify`, `checkpoint`, `accept`, `export`: as a script and as a person sees them."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ibgw_tui.cli.exits import AFTER_VERIFYING
from ibgw_tui.core.checkpoint import parse_checkpoint
from tests.audit_desk import BEHIND_THE_LOG, TAMPERING, LivedIn, cut_ten, forced, last_seq, live
from tests.cli.conftest import Answer, Cli


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedIn:
    return live(tmp_path_factory.mktemp("desk") / "lived")


@pytest.fixture
def desk(lived: LivedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LivedIn:
    copy = lived.copied(tmp_path / "copy")
    monkeypatch.setenv("IBGW_AUDIT__FOLDER", str(copy.folder / "witness"))
    return copy


@pytest.fixture
def home(desk: LivedIn) -> Path:
    return desk.database.parent


@pytest.mark.parametrize("mode", [[], ["--full"], ["--deep"]])
def test_an_honest_desk(cli: Cli, mode: list[str]) -> None:
    answer = cli("audit", "verify", *mode, "--json")
    told = answer.json["audit"]
    assert (answer.code, told["ok"], told["verdict"], told["problems"]) == (0, True, "intact", [])
    assert told["checkpoints_compared"] == (6 if mode else 1) and told["checkpoint"]["size"] == told["newest_seq"]
    assert "verdict      intact" in cli("audit", "verify", *mode).out


@pytest.mark.parametrize("what", TAMPERING)
def test_each_tampering_has_its_exit_code(cli: Cli, desk: LivedIn, what: str) -> None:
    act, verdict, code = TAMPERING[what]
    act(desk)
    answer = cli("audit", "verify", "--full", "--json")
    told = answer.json["audit"]
    assert (answer.code, told["verdict"], told["ok"]) == (code, verdict.value, False) and told["problem"]
    assert AFTER_VERIFYING[verdict] == code
    person = cli("audit", "verify", "--full")
    assert person.code == code and verdict.value.upper().replace("_", " ") in person.out


@pytest.mark.parametrize("what", ["order status", "approval status", "submission key", "execution quantity"])
def test_a_table_that_says_something_else(cli: Cli, desk: LivedIn, what: str) -> None:
    sql, table = BEHIND_THE_LOG[what]
    forced(desk.database, sql)
    assert cli("audit", "verify", "--full").code == 0
    answer = cli("audit", "verify", "--deep", "--json")
    told = answer.json["audit"]
    assert (answer.code, told["verdict"]) == (24, "tables_diverge")
    assert table in {found["table"] for found in told["divergences"]}
    assert f"differs    {table}" in cli("audit", "verify", "--deep").out


def test_dropped_guards_are_named_beside_a_graver_verdict(cli: Cli, desk: LivedIn) -> None:
    cut_ten(desk)
    TAMPERING["guards dropped"][0](desk)
    answer = cli("audit", "verify", "--json")
    assert answer.code == 21
    assert answer.json["audit"]["guards"] == [
        "trigger audit_no_delete is missing",
        "trigger audit_no_update is missing",
    ]


def test_against_a_copy_kept_elsewhere(cli: Cli, desk: LivedIn, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    made = cli("audit", "checkpoint", "--output", str(kept), "--json").json
    assert parse_checkpoint(kept.read_text(encoding="utf-8")).as_json() == made["checkpoint"]
    cut_ten(desk)
    desk.checkpoints.path.unlink()
    assert cli("audit", "verify", "--full").code == 0
    assert cli("audit", "verify", "--against", str(kept)).code == 21
    size = f'"size":{made["checkpoint"]["size"]}'
    kept.write_text(kept.read_text(encoding="utf-8").replace(size, '"size":5'), encoding="utf-8")
    spoiled = cli("audit", "verify", "--against", str(kept), "--json")
    assert spoiled.code == 8 and "not what was signed" in spoiled.json["error"]["message"]
    assert cli("audit", "verify", "--against", str(tmp_path / "nothing")).code == 2


def test_a_checkpoint_by_hand(cli: Cli, desk: LivedIn) -> None:
    size = last_seq(desk.database)
    cli("stage", "--account", "DU1234567", "--symbol", "AAPL", "--side", "buy", "--quantity", "1", "--limit-price", "9")
    made = cli("audit", "checkpoint", "--json").json["checkpoint"]
    assert (made["size"], made["why"]) == (size + 1, "by hand")
    assert cli("audit", "checkpoint", "--json").json["checkpoint"] == made, "nothing was added since"
    assert "kept in" in cli("audit", "checkpoint").out


def test_no_checkpoint_is_written_over_a_log_that_does_not_fit(cli: Cli, desk: LivedIn) -> None:
    before = desk.checkpoints.path.read_bytes()
    cut_ten(desk)
    answer = cli("audit", "checkpoint", "--json")
    assert answer.code == 8 and "cut off" in answer.json["error"]["message"]
    assert desk.checkpoints.path.read_bytes() == before


def test_the_status_says_it_at_once(cli: Cli, desk: LivedIn) -> None:
    assert cli("status", "--json").json["desk"]["audit"]["ok"] is True
    cut_ten(desk)
    told = cli("status", "--json").json["desk"]["audit"]
    assert told["ok"] is False and "cut off" in told["problem"]


def test_only_a_person_at_a_terminal_accepts(cli: Cli) -> None:
    answer = cli("audit", "accept", "--reason", "restored", "--json")
    assert answer.code == 4 and "terminal" in answer.json["error"]["message"]


def at_terminal(*arguments: str, question: str = "", typed: str = "") -> tuple[int, str]:
    """Run it on a terminal of its own; type once the question is there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ibgw_tui", *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "NO_COLOR": "1"})
    os.close(theirs)
    seen, asked, deadline = b"", not question, time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        if not asked and question.encode() in seen:
            asked = True
            os.write(ours, typed.encode())
        if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    code = process.wait(timeout=5)
    os.close(ours)
    return code, seen.decode()


def test_a_person_accepts_a_restored_copy(cli: Cli, desk: LivedIn, home: Path) -> None:
    TAMPERING["yesterday's copy"][0](desk)
    assert cli("audit", "verify").code == 22
    accept = ("--home", str(home), "audit", "accept", "--reason", "the disk died")
    code, seen = at_terminal(*accept, question="Type ACCEPT", typed="yes\n")
    assert code == 4 and "ROLLED BACK" in seen and cli("audit", "verify").code == 22
    code, seen = at_terminal(*accept, question="Type ACCEPT", typed="ACCEPT\n")
    assert code == 0, seen
    answer = cli("audit", "verify", "--deep")
    assert answer.code == 0 and "accepted then: the disk died" in answer.err


def test_a_bar_for_a_person_who_watches_and_nothing_for_a_pipe(cli: Cli, home: Path) -> None:
    code, seen = at_terminal("--home", str(home), "audit", "verify", "--deep")
    assert code == 0 and "verifying the chain" in seen and "replaying the entries" in seen
    assert cli("audit", "verify", "--deep").err == ""
    _, quiet = at_terminal("--home", str(home), "audit", "verify", "--quiet")
    assert "verifying the chain" not in quiet


# ---- export


def lines(answer: Answer) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.out.splitlines()]


def test_export_is_json_lines_without_accounts(cli: Cli, desk: LivedIn) -> None:
    answer = cli("audit", "export")
    exported = lines(answer)
    assert answer.code == 0 and [line["seq"] for line in exported] == list(range(1, last_seq(desk.database) + 1))
    assert "DU1234567" not in answer.out and "[account]" in answer.out
    assert all(
        line["schema_version"] == 1 and line["redacted"] is True and len(str(line["hash"])) == 64 for line in exported
    )
    assert "DU1234567" in cli("audit", "export", "--no-redact").out


def test_export_in_pages(cli: Cli) -> None:
    everything, pages, after = lines(cli("audit", "export")), [], "0"
    while page := lines(cli("audit", "export", "--limit", "9", "--after", after)):
        pages += page
        after = str(page[-1]["seq"])
    assert pages == everything
    assert "--after 9" in cli("audit", "export", "--limit", "9").err


def test_export_of_a_time_a_kind_an_order(cli: Cli) -> None:
    everything = lines(cli("audit", "export"))
    first, last = str(everything[0]["at"]), str(everything[-1]["at"])
    assert first < last
    later = lines(cli("audit", "export", "--since", last))
    assert later == [line for line in everything if str(line["at"]) >= last] and 0 < len(later) < len(everything)
    earlier = lines(cli("audit", "export", "--until", last))
    assert earlier + later == everything
    assert lines(cli("audit", "export", "--until", first[:10])) == []
    kinds = {line["kind"] for line in lines(cli("audit", "export", "--kind", "switch.*", "--kind", "order.staged"))}
    assert kinds == {"switch.opened", "switch.override", "switch.closed", "order.staged"}
    ref = str(next(line["order_ref"] for line in everything if line["order_ref"]))
    assert lines(cli("audit", "export", "--order", ref)) == [line for line in everything if line["order_ref"] == ref]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "yesterday"],
        ["--since", "2026-11-23T15:00:00"],
        ["--case", "id-1"],
        ["--to", "x.zip"],
        ["--case", "id-1", "--to", "x.zip", "--no-redact"],
        ["--order", "nothing-like-it"],
    ],
)
def test_what_cannot_be_meant(cli: Cli, arguments: list[str]) -> None:
    answer = cli("audit", "export", *arguments, "--json")
    assert answer.code in (2, 3) and answer.json["error"]["user_action"]


def test_export_to_a_private_file_that_is_not_there_yet(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    assert cli("audit", "export", "--output", str(target)).out == ""
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 and target.read_text().count("\n") > 60
    assert cli("audit", "export", "--output", str(target)).code == 2


def test_a_damaged_entry_is_exported_as_what_it_has_become(cli: Cli, desk: LivedIn) -> None:
    content = desk.database.read_bytes()
    place = content.index(b'"kind":"switch.closed"')
    desk.database.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    damaged = [line for line in lines(cli("audit", "export")) if "damaged" in line]
    assert len(damaged) == 1 and b"switch.closed" in bytes.fromhex(str(damaged[0]["damaged"]))
