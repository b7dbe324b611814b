"""`explain REF`: what was decided of one order last, and what would be decided now."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ibgw_tui.core.broker import AccountFacts
from ibgw_tui.core.rules import LiveRules
from ibgw_tui.core.terms import Mode
from ibgw_tui.wiring.clock import utc_now
from tests.cli.conftest import ORDER, Cli, Shown
from tests.service.bench_desk import bench_desk


async def test_a_pending_order_then_and_now(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        desk.clock.now = utc_now() - timedelta(seconds=40)
        await desk.publish()
        record = await desk.pending(quantity="2")
        cli = at(desk)
    body = cli("explain", record.order_ref, "--json").json
    assert body["order"]["order_ref"] == record.order_ref
    then, now = body["recorded"], body["now"]
    assert (then["step"], then["allowed"], len(then["findings"])) == ("preview", True, 32)
    assert (now["allowed"], len(now["findings"])) == (False, 32), "its quote is older than the policy's 30 s by now"
    stale = next(finding for finding in now["findings"] if finding["check"] == "quote_age")
    assert stale["status"] == "REFUSE" and float(stale["observed"]) >= 40
    shown = cli("explain", record.order_ref).out
    assert "decided at preview" in shown and "as of now" in shown and "LIVE_STALE_QUOTE" in shown
    assert shown.count("max_quantity") == 2


async def test_the_newest_decision_of_an_order_that_was_sent(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        kept = await desk.do(lambda: list(desk.store.decisions(order_ref=record.order_ref)))
        cli = at(desk)
    answer = cli("explain", record.order_ref[-4:], "--json")
    assert answer.json["recorded"]["step"] == "submit" and answer.json["recorded"]["seq"] == kept[-1].seq
    assert answer.json["now"] is None
    assert "nothing is to be decided now: the order is sending" in cli("explain", record.order_ref).out


async def test_a_case_can_be_edited_and_decided_again(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        desk.clock.now = utc_now() - timedelta(seconds=5)
        await desk.publish()
        record = await desk.pending()
        cli = at(desk)
    printed = cli("explain", record.order_ref, "--case").out
    file = tmp_path / "case.json"
    file.write_text(printed)
    (again,) = [json.loads(line) for line in cli("explain", "--cases", str(file), "--json").out.splitlines()]
    now = cli("explain", record.order_ref, "--json").json["now"]
    assert again["case"] == record.order_ref
    assert [f["status"] for f in again["findings"]] == [f["status"] for f in now["findings"]]
    data = json.loads(printed)
    data["order"]["quantity"] = "11"
    file.write_text(json.dumps(data, indent=4))
    (changed,) = [json.loads(line) for line in cli("explain", "--cases", str(file), "--json").out.splitlines()]
    assert changed["refusal_code"] == "LIVE_QUANTITY_LIMIT_REFUSED"
    assert len(cli("explain", record.order_ref, "--case", "--json").out.splitlines()) == 1


async def test_the_case_of_an_order_that_was_sent_is_the_recorded_one(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        kept = await desk.do(lambda: list(desk.store.decisions()))
        cli = at(desk)
    assert json.loads(cli("explain", record.order_ref, "--case").out) == json.loads(kept[-1].inputs)


async def test_a_live_order_as_a_terminal_with_live_enabled_sees_it(
    tmp_path: Path, at: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveRules(enabled=True, invocation_enabled=True, allowed_accounts=("DU1234567",))
    async with bench_desk(tmp_path, mode=Mode.LIVE, live=live) as desk:

        async def account(name: str) -> AccountFacts:
            return AccountFacts(account=name, mode=Mode.LIVE, as_of=desk.clock())

        monkeypatch.setattr(desk.broker, "account", account)
        record = await desk.pending()
        cli = at(desk)
    file = tmp_path / "live.toml"
    file.write_text(
        'broker.mode = "live"\n[live]\nenabled = true\nallow_live_trading = true\n'
        'allowed_accounts = ["DU1234567"]\nrisk_policy_id = "example"\n'
    )
    monkeypatch.setenv("IBGW_CONFIG", str(file))

    def first_gate(*flags: str) -> str:
        findings = cli("explain", record.order_ref, "--json", *flags).json["now"]["findings"]
        return str(findings[0]["status"])

    assert (first_gate(), first_gate("--enable-live")) == ("REFUSE", "PASS")


def test_an_order_that_was_not_previewed(cli: Cli) -> None:
    ref = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    body = cli("explain", ref, "--json").json
    assert (body["recorded"], body["now"]) == (None, None)
    assert "not previewed" in cli("explain", ref).out
    answer = cli("explain", ref, "--case", "--json")
    assert answer.code == 2 and "router" in answer.json["error"]["user_action"]


def test_an_order_that_is_not_there(cli: Cli) -> None:
    assert cli("explain", "o-zzzzzzzzzz").code == 3


async def test_show_tells_the_numbers_that_came_with_a_no(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        given_back = (await desk.pending(limit_price="104")).order_ref
        refused = (await desk.pending(quantity="14")).order_ref
        desk.broker.bid, desk.broker.ask = "90", "91"
        await desk.publish()
        await desk.do(lambda: desk.review.ask_changes(given_back, reason="the market has gone"))
        cli = at(desk)
    order = cli("show", given_back, "--json").json["order"]
    assert order["status"] == "changes_requested" and order["reason"] == "the market has gone"
    assert order["passing"] == {"quantity": None, "limit_price": "95.02", "both": None, "words": "limit price 95.02"}
    assert "would pass limit price 95.02" in cli("show", given_back).out
    assert cli("show", refused, "--json").json["order"]["passing"]["quantity"] == "10"
