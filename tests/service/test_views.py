"""What screens and listings show."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.core.errors import NotFound
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.rules import LiveRules
from ibgw_tui.core.terms import CheckStatus, Mode
from ibgw_tui.service.hearing import hear
from tests.service.bench_desk import bench_desk, fill, working


async def test_the_queue_is_in_the_order_of_arrival_and_shows_what_waits(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first, second = await desk.pending(), await desk.pending(quantity="2")
        sent = await desk.sent(quantity="3")
        rows = await desk.do(desk.views.queue)
        assert [row.order_ref for row in rows] == [first.order_ref, second.order_ref]
        assert rows[1].quantity == 2 and rows[1].notional is not None and str(rows[1].notional) == "200 USD"
        assert rows[0].worst is CheckStatus.PASS and rows[0].mode is Mode.PAPER
        assert [row.order_ref for row in await desk.do(desk.views.blotter)] == [sent.order_ref]


async def test_a_ticket_has_everything_as_numbers(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent(quantity="2")
        record = await desk.pending(quantity="3")
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert ticket.sentence == "BUY 3 AAPL at limit 100 USD, day, in DU1234567"
        assert ticket.position is not None and ticket.position.quantity == 0 and ticket.position_after == 3
        bars = {bar.name: bar for bar in ticket.bars}
        assert bars["orders in session"].used == 1 and bars["orders in session"].this_order == 1
        assert bars["session notional"].used == 200 and bars["session notional"].this_order == 300
        assert bars["session notional"].limit == 5000
        assert bars["quantity"].limit == 10 and bars["price collar"].unit == "bps"
        assert len(ticket.gates) == 10 and len(ticket.limits) == 22
        assert ticket.quote is not None and ticket.quote_age_seconds == 0
        assert ticket.approvable and ticket.why_not == "" and ticket.shown is not None


async def test_the_first_trade_of_a_contract_is_told_of_live_orders(tmp_path: Path) -> None:
    live = LiveRules(enabled=True, invocation_enabled=True, allowed_accounts=("U1234567",))
    async with bench_desk(tmp_path, mode=Mode.LIVE, live=live) as desk:
        desk.broker.accounts, desk.broker.mode = ("U1234567",), Mode.LIVE
        record = await desk.pending(account="U1234567")
        assert record.status is Status.PENDING, record.reason
        assert (await desk.do(lambda: desk.views.ticket(record.order_ref))).first_trade


async def test_what_was_filled_before_is_no_first_trade(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        assert not (await desk.do(lambda: desk.store.has_filled("DU1234567", 265598)))
        order = await desk.sent(quantity="5")
        assert not (await desk.do(lambda: desk.store.has_filled("DU1234567", 265598))), "sent is not filled"
        for report in (working(order, desk.clock), fill(order, desk.clock, "2")):
            await desk.thread.run(hear, report, desk.lease_token)
        assert await desk.do(lambda: desk.store.has_filled("DU1234567", 265598))
        assert not (await desk.do(lambda: desk.store.has_filled("DU1234567", 1)))
        record = await desk.pending(quantity="3")
        assert not (await desk.do(lambda: desk.views.ticket(record.order_ref))).first_trade, "paper asks for no more"


async def test_without_a_session_that_names_the_account_nothing_can_be_approved(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert not ticket.approvable and "LIVE_ACCOUNT_NOT_ALLOWLISTED" in ticket.why_not


async def test_a_ticket_is_evaluated_anew_each_time(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        desk.clock.forward(seconds=31)
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert not ticket.approvable and "LIVE_STALE_QUOTE" in ticket.why_not
        assert ticket.quote_age_seconds == 31


async def test_the_queue_says_what_the_kill_switch_makes_of_an_order_now(tmp_path: Path) -> None:
    """The recorded verdict was made with the switch of then."""
    async with bench_desk(tmp_path, opened=False) as desk:

        async def worst() -> list[CheckStatus]:
            return [row.worst for row in await desk.do(desk.views.queue)]

        await desk.pending()
        assert await worst() == [CheckStatus.REFUSE]
        await desk.compared()
        await desk.do(lambda: desk.review.open_switch("start of day"))
        assert await worst() == [CheckStatus.OFF], "nothing else stood against it; the ticket tells"
        await desk.pending()
        assert await worst() == [CheckStatus.OFF, CheckStatus.PASS]
        await desk.do(lambda: desk.review.close_switch("lunch"))
        assert await worst() == [CheckStatus.REFUSE, CheckStatus.REFUSE]


async def test_the_hold_back_counts_down(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert ticket.release_in_seconds == 3 and ticket.why_not == "it is approved"
        desk.clock.forward(seconds=2.5)
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert ticket.release_in_seconds == Decimal("0.5")


async def test_fills_are_listed_as_they_come(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent(quantity="5")
        for report in (working(order, desk.clock), fill(order, desk.clock, "2"), fill(order, desk.clock, "3", "e2")):
            await desk.thread.run(hear, report, desk.lease_token)
        ticket = await desk.do(lambda: desk.views.ticket(order.order_ref))
        assert [row.quantity for row in ticket.executions] == [2, 3]
        assert ticket.record.status is Status.FILLED


async def test_an_unknown_order_has_no_ticket(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        with pytest.raises(NotFound):
            await desk.do(lambda: desk.views.ticket("o-none"))


async def test_the_header_says_where_we_are(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        await desk.pending()
        state = await desk.do(desk.views.desk)
        assert state.switch.state.value == "closed" and state.switch.source == "default"
        assert (state.pending, state.working, state.in_doubt) == (1, 0, 0)
        assert state.router is not None and state.router_alive
        assert state.audit_ok and len(state.audit_head) == 64
        assert state.link_state is None
        desk.clock.forward(seconds=10)
        assert not (await desk.do(desk.views.desk)).router_alive


async def test_a_broken_audit_log_is_said_and_refuses(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()

        def tamper() -> None:
            connection = desk.store._connection
            connection.execute("DROP TRIGGER audit_no_update")
            connection.execute("UPDATE audit SET entry = replace(entry, 'router', 'rooter')")

        await desk.do(tamper)
        state = await desk.do(desk.views.desk)
        assert state.audit_ok, "the tail was verified before; the next check is due later"
        for _ in range(220):
            await desk.do(lambda: desk.review.close_switch("again"))
        state = await desk.do(desk.views.desk)
        assert not state.audit_ok and "altered" in state.audit_problem
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert "LIVE_AUDIT_UNAVAILABLE" in {finding.code for finding in ticket.gates if finding.blocks}


async def test_the_exposure_counts_what_is_open_on_the_same_side(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first = await desk.pending(quantity="3")
        await desk.publish()
        alone = await desk.do(lambda: desk.views.ticket(first.order_ref))
        assert alone.open_besides == 0 and alone.exposure == (Decimal(0), Decimal(3))
        await desk.sent(quantity="2")
        beside = await desk.do(lambda: desk.views.ticket(first.order_ref))
        assert beside.open_besides == 2 and beside.exposure == (Decimal(2), Decimal(5))
        sell = await desk.pending(side="sell", quantity="1")
        other = await desk.do(lambda: desk.views.ticket(sell.order_ref))
        assert other.open_besides == 0, "buys and sells are never netted"
