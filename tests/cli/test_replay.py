"""`audit replay` and `policy test` on a recorded history."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Shown
from tests.service.bench_desk import BenchDesk, bench_desk
from tests.service.test_replaying import altered

SINCE = ["--since", "2026-11-01"]

DRAFT = """\
[policies.careful]
enabled = true
max_notional = { amount = "5000", currency = "USD" }
max_quantity = "%s"
allowed_symbols = ["AAPL"]
allowed_asset_classes = ["stock"]
frequency_limit = { max_orders = 5, window_seconds = 300 }
session_limit = { max_orders_per_session = 20, max_session_notional = { amount = "5000", currency = "USD" } }
max_price_deviation_bps = 500
max_quote_age_seconds = 30
%s
"""


def draft(folder: Path, quantity: str = "2", more: str = "") -> str:
    file = folder / "draft.toml"
    file.write_text(DRAFT % (quantity, more))
    file.chmod(0o600)
    return str(file)


async def history(desk: BenchDesk) -> tuple[str, str, str]:
    """One small order and one large one that were sent, one that was refused."""
    small, large = await desk.sent(quantity="1"), await desk.sent(quantity="3")
    desk.clock.forward(seconds=1)
    huge = await desk.pending(quantity="11")
    return small.order_ref, large.order_ref, huge.order_ref


async def test_replaying_a_sound_record(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        small, _, _ = await history(desk)
        cli = at(desk)
    answer = cli("audit", "replay", "--json")
    assert answer.code == 0 and answer.err == ""
    assert (answer.json["replay"]["ok"], answer.json["replay"]["decisions"]) == (True, 7)
    assert "every decision comes out as it was recorded" in cli("audit", "replay").out
    one = cli("audit", "replay", small, "--json").json["replay"]
    assert (one["decisions"], one["order_ref"]) == (3, small)
    assert cli("audit", "replay", "--since", "2026-11-23T15:00:01Z", "--json").json["replay"]["decisions"] == 1
    assert cli("audit", "replay", "--since", "yesterday").code == 2
    assert cli("audit", "replay", "o-zzzzzzzz").code == 3


async def test_a_record_that_was_changed_breaks_the_replay(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        small, _, _ = await history(desk)
        altered(
            desk.path,
            'UPDATE decisions SET inputs = replace(inputs, \'"quantity":"11"\', \'"quantity":"9"\') WHERE seq = 7',
        )
        cli = at(desk)
    answer = cli("audit", "replay", "--json")
    assert answer.code == 8
    (different,) = answer.json["replay"]["differences"]
    assert (different["seq"], different["step"]) == (7, "preview") and len(different["problems"]) == 2
    shown = cli("audit", "replay")
    assert shown.code == 8 and "decision 7 (preview of " in shown.out and "1 DIFFER" in shown.out
    assert cli("audit", "replay", small).code == 0, "the other orders are sound"


@pytest.mark.parametrize("command", [["audit", "replay"], ["policy", "test"]], ids=" ".join)
def test_no_store_is_no_proof(command: list[str], cli: Cli, home: Path, tmp_path: Path) -> None:
    more = [draft(tmp_path)] if "test" in command else []
    answer = cli(*command, *more, "--json")
    assert answer.code == 3 and "no order store" in answer.json["error"]["message"]
    assert not home.exists(), "and none is made"


async def test_a_tighter_policy_on_the_history(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        _, large, _ = await history(desk)
        cli = at(desk)
    answer = cli("policy", "test", draft(tmp_path), *SINCE, "--json")
    assert answer.code == 0 and answer.err == ""
    body = answer.json
    assert (body["decisions"], body["orders"], body["policy"]["id"]) == (7, 3, "careful")
    assert body["would_be_refused"] == {
        "orders": 1,
        "notional": [{"amount": "300", "currency": "USD"}],
        "notional_unknown": 0,
        "codes": {"LIVE_QUANTITY_LIMIT_REFUSED": 1},
    }
    assert body["would_be_allowed"]["orders"] == 0 and body["not_replayed"] == []
    assert [(change["order_ref"], change["step"]) for change in body["changes"]] == [
        (large, "preview"), (large, "approve"), (large, "submit"),
    ]  # fmt: skip
    assert body["changes"][0]["was"] == {"allowed": True, "code": None}
    assert body["changes"][0]["would_be"]["codes"] == ["LIVE_QUANTITY_LIMIT_REFUSED"]
    shown = cli("policy", "test", draft(tmp_path), *SINCE).out
    assert large in shown and "would be refused 1 order; 300 USD; LIVE_QUANTITY_LIMIT_REFUSED 1" in shown


async def test_a_looser_policy_on_the_history(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        _, _, huge = await history(desk)
        cli = at(desk)
    file = draft(tmp_path, "20", "[policies.other]\nenabled = true\n")
    body = cli("policy", "test", file, "--policy", "careful", *SINCE, "--json").json
    assert [
        (change["order_ref"], change["was"]["code"], change["would_be"]["allowed"]) for change in body["changes"]
    ] == [(huge, "LIVE_QUANTITY_LIMIT_REFUSED", True)]
    assert body["would_be_allowed"]["notional"] == [{"amount": "1100", "currency": "USD"}]
    assert body["would_be_allowed"]["codes"] == {"LIVE_QUANTITY_LIMIT_REFUSED": 1}
    other = cli("policy", "test", file, "--policy", "other", *SINCE, "--json").json
    assert other["would_be_refused"]["orders"] == 2
    assert cli("policy", "test", file, "--policy", "non", *SINCE).code == 3


async def test_only_the_span_that_was_asked_for(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        await history(desk)
        cli = at(desk)
    moment = "2026-11-23T15:00:01Z"
    assert cli("policy", "test", draft(tmp_path), *SINCE, "--until", moment, "--json").json["decisions"] == 6
    assert cli("policy", "test", draft(tmp_path), "--since", moment, "--json").json["decisions"] == 1
    assert cli("policy", "test", draft(tmp_path), *SINCE, "--mode", "live", "--json").json["decisions"] == 0
    assert cli("policy", "test", draft(tmp_path), *SINCE, "--mode", "paper", "--json").json["decisions"] == 7


async def test_what_cannot_be_answered_is_counted(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        await history(desk)
        cli = at(desk)
    file = draft(tmp_path, "20", "refuse_self_cross = true")
    body = cli("policy", "test", file, *SINCE, "--json").json
    assert body["not_decidable"] == {"decisions": 7, "why": {"own working orders were not gathered": 7}}
    assert "7: own working orders were not gathered" in cli("policy", "test", file, *SINCE).out


async def test_records_that_do_not_replay_come_first(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        await history(desk)
        altered(desk.path, "UPDATE decisions SET outcome = replace(outcome, 'is open', 'was open') WHERE seq = 1")
        cli = at(desk)
    answer = cli("policy", "test", draft(tmp_path), *SINCE)
    assert answer.code == 8
    assert answer.out.startswith("1 record not as it was decided, and left out:") and "audit replay" in answer.out
    (left_out,) = cli("policy", "test", draft(tmp_path), *SINCE, "--json").json["not_replayed"]
    assert left_out["seq"] == 1


async def test_a_bar_for_a_person_who_watches_and_for_nobody_else(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await history(desk)
        home = str(desk.path.parent)
    for arguments in (["audit", "replay"], ["policy", "test", draft(tmp_path), *SINCE]):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "ibgw_tui", "--home", home, *arguments],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
            timeout=60,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        seen = os.read(ours, 65536).decode()
        os.close(ours)
        assert done.returncode == 0, seen
        assert "deciding again" in seen and b"deciding again" not in done.stdout


async def test_looking_back_loads_nothing_that_decides(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = (await desk.sent()).order_ref
        home = str(desk.path.parent)
    probe = (
        "import sys; from ibgw_tui.cli.main import main; code = main(sys.argv[1:]);"
        "print(','.join(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    for arguments in (
        ["explain", ref],
        ["audit", "replay"],
        ["policy", "test", draft(tmp_path), *SINCE],
        ["checklist", "show"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", probe, *arguments, "--home", home],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        loaded = set(done.stderr.splitlines()[-1].split(","))
        assert not loaded & {"ibgw_tui.service.review", "ibgw_tui.service.routing", "textual", "rich", "ib_async"}
