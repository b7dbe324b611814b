"""`bracket`, `revise`, `submit`, `cancel`, `stage --csv`: what they do, and that they never say more than is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.wiring.clock import utc_now
from tests.cli.conftest import ORDER, Cli, Shown
from tests.service.bench_desk import bench_desk


def test_a_bracket_is_one_order_with_exits(cli: Cli) -> None:
    body = cli("bracket", *ORDER, "--stop-loss-price", "95", "--json").json
    assert "stop loss at 95" in body["order"]["sentence"]
    answer = cli("bracket", *ORDER, "--json")
    assert answer.code == 2 and answer.json["error"]["problems"][0].startswith("take_profit_price")


def test_a_revision_replaces_and_is_replayed(cli: Cli) -> None:
    ref = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    first = cli("revise", ref, "--quantity", "2", "--key", "r", "--json").json
    again = cli("revise", ref, "--quantity", "2", "--key", "r", "--json").json
    assert (first["revises"], first["replayed"], again["replayed"]) == (ref, False, True)
    assert cli("show", ref, "--json").json["order"]["status"] == "superseded"
    assert cli("revise", ref, "--quantity", "3").code == 5
    assert cli("revise", first["order"]["order_ref"], "--quantity", "-3").code == 2
    assert cli("revise", first["order"]["order_ref"], "--quantity", "3", "--agent", "other").code == 4


# ---- many


def table(tmp_path: Path, text: str) -> str:
    file = tmp_path / "orders.csv"
    file.write_text(text)
    return str(file)


def test_a_table_is_staged_line_by_line_and_twice_is_once(cli: Cli, tmp_path: Path) -> None:
    file = table(
        tmp_path, "symbol,side,quantity,limit_price,key\nAAPL,buy,1,100,\nAAPL,sell,2,101,mine\nAAPL,buy,3,99,\n"
    )
    first = cli("stage", "--csv", file, "--account", "DU1234567", "--key", "plan", "--json").json
    again = cli("stage", "--csv", file, "--account", "DU1234567", "--key", "plan", "--json").json
    assert (first["staged"], first["failed"]) == (3, 0)
    assert [each["order"]["order_ref"] for each in first["orders"]] == [
        each["order"]["order_ref"] for each in again["orders"]
    ]
    assert all(each["replayed"] for each in again["orders"])
    assert len(cli("list", "--json").json["orders"]) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("symbl,side\nAAPL,buy\n", "did you mean symbol?"),
        ("symbol,symbol\nAAPL,AAPL\n", "more than once"),
        ("symbol,side,quantity,limit_price\n", "has no orders"),
        ("symbol,side,quantity,limit_price\nAAPL,buy,1,100\nAAPL,buy,x,100\nAAPL,hold,1,100\n", "line 3: quantity"),
        ("symbol,side,quantity,limit_price\nAAPL,buy,1\n", "another number of cells"),
        ("symbol,side,quantity,limit_price\nAAPL,buy,1,100,9\n", "another number of cells"),
    ],
)
def test_a_wrong_table_stages_nothing(text: str, says: str, cli: Cli, tmp_path: Path) -> None:
    answer = cli("stage", "--csv", table(tmp_path, text), "--account", "DU1234567", "--json")
    assert answer.code == 2 and says in answer.json["error"]["message"]
    assert cli("list", "--json").json["orders"] == []


def test_ctrl_c_in_a_long_table_tells_what_was_staged(home: Path, cli: Cli, tmp_path: Path) -> None:
    """It ended with 'interrupted', and whoever had stopped it could not know how far it had come."""
    config = tmp_path / "config.toml"
    config.write_text("[desk]\nmax_pending_per_agent = 3000\n")
    config.chmod(0o600)
    file = table(tmp_path, "symbol,side,quantity,limit_price\n" + "AAPL,buy,1,100\n" * 3000)
    options = ["--home", str(home), "--config", str(config), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ibgw_tui", *options, "stage", "--csv", str(file), "--account", "DU1234567"],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not cli("list", "--json").json["orders"]:
        assert time.monotonic() < deadline and process.poll() is None
    process.send_signal(signal.SIGINT)
    told = json.loads(process.communicate(timeout=30)[0])
    assert process.returncode == 130
    assert 0 < told["staged"] == len(told["orders"]) < 3000 and told["failed"] == 0
    assert told["not_tried"] == 3000 - told["staged"]
    staged = cli("list", "--limit", "3000", "--json").json["orders"]
    assert {order["order_ref"] for order in staged} == {each["order"]["order_ref"] for each in told["orders"]}


def test_a_line_over_the_budget_fails_alone_and_tells_its_code(cli: Cli, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[desk]\nmax_pending_per_agent = 1\n")
    config.chmod(0o600)
    file = table(tmp_path, "symbol,side,quantity,limit_price\nAAPL,buy,1,100\nAAPL,buy,2,100\n")
    answer = cli("stage", "--csv", file, "--account", "DU1234567", "--config", str(config), "--json")
    assert answer.code == 4 and (answer.json["staged"], answer.json["failed"]) == (1, 1)
    assert answer.json["orders"][1]["error"]["code"] == "AUTH_PERMISSION_DENIED"


def test_a_file_and_a_table_are_not_both(cli: Cli) -> None:
    assert cli("stage", "--csv", "x.csv", "--file", "y.json").code == 2
    assert cli("stage", "--csv", "/nonexistent.csv").code == 2


# ---- submit and cancel


def asked(approval: str, *more: str, key: str = "s1", account: str = "DU1234567") -> list[str]:
    return ["submit", "--account", account, "--approval-id", approval, "--idempotency-key", key, *more, "--json"]


async def test_submitting_records_a_request_and_replays_it(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path / "bench") as desk:
        cli = at(desk)
        order = await desk.approved()
        assert order.approval is not None
        approval = order.approval.approval_id
        desk.clock.forward(seconds=10)
        assert cli(*asked("nothing-like-it")).json["error"]["code"] == "PAPER_APPROVAL_REQUIRED"
        answer = cli(*asked(approval, account="U7654321"))
        assert (answer.code, answer.json["error"]["code"]) == (2, "INPUT_UNAUTHORIZED_ACCOUNT")
        answer = cli(*asked(approval, key=" "))
        assert (answer.code, answer.json["error"]["code"]) == (2, "PAPER_IDEMPOTENCY_CONFLICT")


async def test_the_whole_way_of_a_submit(tmp_path: Path, at: Shown) -> None:
    """On the clock of the machine, because the command has no other."""
    async with bench_desk(tmp_path / "bench", opened=False) as desk:
        cli = at(desk)
        desk.clock.now = utc_now()
        await desk.compared()
        await desk.do(lambda: desk.review.open_switch("start of day"))
        order = await desk.approved()
        assert order.approval is not None
        approval = order.approval.approval_id
        first = cli(*asked(approval))
        assert first.code == 0, first.out
        assert (first.json["result"], first.json["held_back"]) == ("recorded", True)
        assert not (await desk.read(order.order_ref)).submit_asked, (
            "the operator may take it back for as long as promised"
        )
        assert cli(*asked(approval)).json["result"] == "replayed"
        answer = cli(*asked(approval, "--enable-live"))
        assert (answer.code, answer.json["error"]["code"]) == (5, "PAPER_IDEMPOTENCY_CONFLICT")
        people = cli(*asked(approval)[:-1])
        assert "submit request replayed" in people.out and "submitted" not in people.out
        desk.clock.now = utc_now()
        sent = await desk.submit(order.order_ref)
        assert sent.status is Status.SENDING, sent
        answer = cli(*asked(approval, key="s2"))
        assert (answer.code, answer.json["error"]["code"]) == (5, "APPROVAL_CONSUMED")
        other = await desk.approved(quantity="2")
        assert other.approval is not None
        cli("kill", "close", "--reason", "stop")
        answer = cli(*asked(other.approval.approval_id, key="s3"))
        assert (answer.code, answer.json["error"]["code"]) == (4, "LIVE_GATE_MISSING")
        assert (await desk.read(other.order_ref)).status is Status.PENDING


async def test_cancelling_records_a_request_and_replays_it(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path / "bench") as desk:
        cli = at(desk)
        order = await desk.sent()
        ask = ["cancel", order.order_ref, "--agent", "agent-1", "--idempotency-key", "c1", "--json"]
        answer = cli(*ask, "--account", "U7654321")
        assert (answer.code, answer.json["error"]["code"]) == (2, "INPUT_UNAUTHORIZED_ACCOUNT")
        first, again = cli(*ask, "--account", "DU1234567"), cli(*ask)
        assert (first.json["result"], again.json["result"]) == ("recorded", "replayed")
        assert first.json["order"]["status"] == "cancel_requested"
        assert "cancelled" not in cli(*ask[:-1]).out
        pending = await desk.pending(quantity="2")
        assert cli("cancel", pending.order_ref, "--agent", "agent-1", "--idempotency-key", "c2").code == 5
        assert cli("cancel", order.order_ref, "--idempotency-key", "c3").code == 4


def test_no_command_approves(cli: Cli) -> None:
    from ibgw_tui.cli.main import COMMANDS

    assert not [name for name in COMMANDS if "approve" in name]
    assert cli("approve", "o-x").code == 2


# ---- what is known


def test_limits_positions_and_a_dry_run(cli: Cli, tmp_path: Path) -> None:
    body = cli("limits", "--json").json["limits"]
    assert body["waiting_orders"]["limit"] == 200 and "max_notional" in cli("limits").out
    assert cli("limits", "--account", "U7654321").code == 2
    held = cli("positions", "--json").json
    assert held["known"] is False and "NOT KNOWN" in cli("positions").out
    file = tmp_path / "order.json"
    file.write_text('{"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "70", "limit_price": "100"}')
    advice = cli("explain", "--order", str(file), "--json").json["advice"]
    assert advice["verdict"] == "refuse" and advice["hints"]["proposal"]["changes"] == {"quantity": "10"}
    assert "quantity 10" in cli("explain", "--order", str(file)).out
    assert cli("list", "--json").json["orders"] == []


@pytest.mark.parametrize("form", ["order", "policy", "case", "errors", "exit-codes"])
def test_schemas(form: str, cli: Cli) -> None:
    assert cli("schema", form, "--json").json["schema"]
    assert cli("schema", form).code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(shell: str, cli: Cli) -> None:
    assert "ibgw" in cli("completion", shell).out
