"""What every broker must do, numbered. One suite, run over each implementation of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    LinkReport,
    LinkState,
    ModifyRefused,
    Notice,
    OrderReport,
    Report,
    shows_terms,
)
from ibgw_tui.core.errors import BrokerError, ErrorCode, InvalidRequest, NotConnected, OutcomeUnknown
from ibgw_tui.core.orders import BrokerOrder, ExitOrder
from ibgw_tui.core.terms import OrderType, QuoteStatus, Side
from ibgw_tui.exchange.faults import CancelFault, Faults, PlaceFault, QuoteFault
from ibgw_tui.exchange.instruments import AAPL, TSLA
from tests.brokers.bench import Bench, Ear, connected, listening, simulated_bench
from tests.brokers.ib.bench import ib_bench
from tests.exchange.market import an_order
from tests.makers import an_intent

BENCHES: list[Callable[[], Bench]] = [simulated_bench, ib_bench]


@pytest.fixture(params=BENCHES, ids=lambda maker: maker.__name__)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    made: Bench = request.param()
    name = request.function.__name__
    if name in made.unfit:
        pytest.skip(made.unfit[name])
    async with made.opened():
        yield made


def resting(**changes: Any) -> BrokerOrder:
    """An order that no price of the walk can reach."""
    return an_order(TSLA, limit_price="232", **changes)


async def until_filled(bench: Bench, ear: Ear, order_ref: str, at_most: int = 100) -> None:
    for _ in range(at_most):
        await bench.advance()
        report = next((r for r in (await bench.broker.snapshot()).completed_orders if r.order_ref == order_ref), None)
        if report is not None and report.state is BrokerState.FILLED:
            break
    await ear.until_state(order_ref, BrokerState.FILLED)


async def test_c01_connecting_is_announced(bench: Bench) -> None:
    async with connected(bench) as ear:
        (link,) = await ear.count(1)
        assert isinstance(link, LinkReport) and link.state is LinkState.CONNECTED
        await bench.broker.connect()  # again: nothing happens
        assert bench.broker.name


async def test_c02_without_a_session_everything_says_so(bench: Bench) -> None:
    broker, order = bench.broker, an_order()
    calls: list[Callable[[], Any]] = [
        lambda: broker.resolve(an_intent()),
        lambda: broker.quote(order.contract),
        lambda: broker.what_if(order),
        lambda: broker.account(bench.account),
        lambda: broker.positions(bench.account),
        lambda: broker.managed_accounts(),
        lambda: broker.place(order),
        lambda: broker.cancel("o"),
        lambda: broker.snapshot(),
        lambda: broker.open_orders(),
    ]
    for call in calls:
        with pytest.raises(NotConnected):
            await call()
    async with connected(bench):
        pass
    for call in calls:
        with pytest.raises(NotConnected):
            await call()
    async with connected(bench):
        assert (await broker.snapshot()).completed_orders == (), "what was not connected was not placed"


async def test_c03_the_session_names_its_accounts(bench: Bench) -> None:
    async with connected(bench):
        assert await bench.broker.managed_accounts() == (bench.account,)
        facts = await bench.broker.account(bench.account)
        assert facts.account == bench.account and facts.net_liquidation is not None
        assert facts.net_liquidation.amount == 100_000
        with pytest.raises(InvalidRequest):
            await bench.broker.account("U7654321")
        with pytest.raises(InvalidRequest):
            await bench.broker.positions("U7654321")


async def test_c04_a_symbol_resolves_to_one_contract(bench: Bench) -> None:
    async with connected(bench):
        contract = await bench.broker.resolve(an_intent())
        assert (contract.con_id, contract.symbol, contract.currency) == (AAPL, "AAPL", "USD")
        assert contract.tick_at(Decimal(100)) == Decimal("0.01") and contract.size_increment == 1
        assert contract.time_zone == "America/New_York"


async def test_c05_what_does_not_resolve_is_explained(bench: Bench) -> None:
    async with connected(bench):
        with pytest.raises(InvalidRequest) as caught:
            await bench.broker.resolve(an_intent(symbol="APPL"))
        assert "APPL" in caught.value.message and "AAPL" in caught.value.user_action


async def test_c06_a_quote_is_two_sided_live_and_of_now(bench: Bench) -> None:
    async with connected(bench):
        contract = await bench.broker.resolve(an_intent())
        quote = await bench.broker.quote(contract)
        assert quote.status is QuoteStatus.LIVE and quote.currency == "USD" and quote.con_id == AAPL
        assert quote.bid is not None and quote.ask is not None and quote.bid < quote.ask
        assert quote.as_of == bench.clock()
        bench.clock.forward(seconds=5)
        await bench.advance()
        assert (await bench.broker.quote(contract)).as_of == bench.clock()


@pytest.mark.parametrize("fault", [QuoteFault.UNAVAILABLE, QuoteFault.ONE_SIDED])
async def test_c07_what_the_feed_does_not_say_is_none(bench: Bench, fault: QuoteFault) -> None:
    async with connected(bench):
        contract = await bench.broker.resolve(an_intent())
        bench.inflict(Faults(quote=fault))
        assert (await bench.broker.quote(contract)).bid is None
        bench.inflict(Faults())
        stranger = contract.replaced(con_id=1)
        assert (await bench.broker.quote(stranger)).status is QuoteStatus.UNAVAILABLE


async def test_c08_a_what_if_estimates_and_places_nothing(bench: Bench) -> None:
    async with connected(bench):
        estimate = await bench.broker.what_if(an_order(quantity="10"))
        assert estimate is not None and estimate.initial_margin_change is not None
        assert estimate.commission_max is not None and estimate.commission_max.amount == 1
        assert (await bench.broker.snapshot()).open_orders == ()


async def test_c09_a_what_if_that_hangs_is_no_answer(bench: Bench) -> None:
    async with connected(bench):
        bench.inflict(Faults(what_if_hangs=True))
        assert await bench.broker.what_if(an_order()) is None


async def test_c10_reports_of_a_fill_come_in_order(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order()
        await bench.broker.place(order)
        taken = await ear.until_state(order.order_ref, BrokerState.WORKING)
        await bench.advance()
        await ear.count(5)
        reports = [r for r in ear.heard if not isinstance(r, LinkReport)]
        assert [type(r) for r in reports] == [OrderReport, ExecutionReport, OrderReport, CommissionReport]
        fill, filled, cost = reports[1:]
        assert isinstance(fill, ExecutionReport) and isinstance(filled, OrderReport)
        assert isinstance(cost, CommissionReport) and cost.exec_id == fill.exec_id
        assert taken.perm_id is not None and taken.perm_id == fill.perm_id == filled.perm_id
        assert fill.order_ref == order.order_ref and fill.price <= 100 and fill.account == bench.account
        assert filled.state is BrokerState.FILLED and filled.remaining == 0
        assert cost.commission.currency == "USD"


async def test_c11_a_large_order_fills_in_parts(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order(quantity="1900", limit_price="101")
        await bench.broker.place(order)
        await until_filled(bench, ear, order.order_ref)
        fills = [r for r in ear.heard if isinstance(r, ExecutionReport)]
        assert len(fills) > 1 and sum(f.quantity for f in fills) == 1900
        assert len({f.exec_id for f in fills}) == len(fills)
        part = next(r for r in ear.of(order.order_ref) if 0 < r.filled < 1900)
        assert part.state is BrokerState.WORKING and part.filled + part.remaining == 1900


async def test_c12_a_cancel_is_confirmed_by_a_report(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = resting()
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        await bench.broker.cancel(order.order_ref)
        await bench.advance()
        ended = await ear.until_state(order.order_ref, BrokerState.CANCELLED)
        assert ended.filled == 0 and ended.remaining == 1


async def test_c13_a_cancel_of_nothing_is_refused(bench: Bench) -> None:
    async with connected(bench) as ear:
        await bench.broker.cancel("o-nobody")
        (refused,) = await refusals(ear, 1)
        assert refused.code == 10147 and refused.order_ref == "o-nobody"


async def test_c14_a_cancel_of_a_finished_order_is_refused(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order()
        await bench.broker.place(order)
        await until_filled(bench, ear, order.order_ref)
        await bench.broker.cancel(order.order_ref)
        (refused,) = await refusals(ear, 1)
        assert refused.code == 10148 and "Filled" in refused.text


async def refusals(ear: Ear, number: int) -> list[CancelRefused]:
    def found() -> list[CancelRefused]:
        return [r for r in ear.heard if isinstance(r, CancelRefused)]

    await ear.until(lambda: len(found()) >= number)
    return found()


async def test_c15_a_fill_can_win_against_a_cancel(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = resting()
        await bench.broker.place(order)
        bench.inflict(Faults(cancel=CancelFault.FILLED_FIRST))
        await bench.broker.cancel(order.order_ref)
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)


async def test_c16_a_reference_never_makes_a_second_order(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order()
        await bench.broker.place(order)
        await bench.broker.place(order)
        await until_filled(bench, ear, order.order_ref)
        await bench.broker.place(order)
        await bench.advance(5)
        await ear.until(lambda: sum(isinstance(r, Notice) for r in ear.heard) == 2)
        snapshot = await bench.broker.snapshot()
        assert len(snapshot.executions) == 1 and len(snapshot.completed_orders) == 1 and not snapshot.open_orders
        assert [p.quantity for p in await bench.broker.positions(bench.account)] == [1]


@pytest.mark.parametrize(
    "changes",
    [{"limit_price": "99.995"}, {"quantity": "0.5"}, {"quantity": "3000"}, {"account": "U7654321"}],
    ids=["off tick", "off size", "too dear", "foreign account"],
)
async def test_c17_a_bad_order_is_rejected_with_the_reason(bench: Bench, changes: dict[str, Any]) -> None:
    async with connected(bench) as ear:
        order = an_order(**changes)
        try:
            await bench.broker.place(order)
        except NotConnected as refused:
            assert refused.code is ErrorCode.ORDER_VALIDATION_FAILED and refused.message, "seen before it was sent"
        else:
            rejected = await ear.until_state(order.order_ref, BrokerState.REJECTED)
            assert rejected.text[:3].isdigit() and rejected.filled == 0
        await bench.advance(5)
        assert (await bench.broker.snapshot()).executions == ()


async def test_c18_a_stop_is_held(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order(order_type=OrderType.STOP, stop_price="150")
        await bench.broker.place(order)
        await bench.advance(3)
        held = await ear.until_state(order.order_ref, BrokerState.HELD)
        assert held.perm_id is not None and [r.state for r in ear.of(order.order_ref)] == [BrokerState.HELD]


async def test_c19_a_snapshot_has_open_completed_and_executed(bench: Bench) -> None:
    async with connected(bench) as ear:
        open_one, filled, cancelled = resting(), an_order(), resting()
        for order in (open_one, filled, cancelled):
            await bench.broker.place(order)
        await bench.broker.cancel(cancelled.order_ref)
        await until_filled(bench, ear, filled.order_ref)
        await ear.until_state(cancelled.order_ref, BrokerState.CANCELLED)
        snapshot = await bench.broker.snapshot()
        assert snapshot.complete
        assert [r.order_ref for r in snapshot.open_orders] == [open_one.order_ref]
        assert {r.order_ref: r.state for r in snapshot.completed_orders} == {
            filled.order_ref: BrokerState.FILLED,
            cancelled.order_ref: BrokerState.CANCELLED,
        }
        assert [e.order_ref for e in snapshot.executions] == [filled.order_ref]
        listed = await bench.broker.open_orders()
        assert listed is not None and [r.order_ref for r in listed] == [open_one.order_ref]


async def test_c20_a_snapshot_that_lacks_a_part_says_so(bench: Bench) -> None:
    async with connected(bench):
        bench.inflict(Faults(snapshot_incomplete=True))
        assert not (await bench.broker.snapshot()).complete


async def test_c21_a_lost_acknowledgement_is_found_by_reading(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = resting()
        bench.inflict(Faults(place=PlaceFault.LOSE_ACK))
        with pytest.raises(OutcomeUnknown):
            await bench.broker.place(order)
        assert ear.of(order.order_ref) == []
        assert [r.order_ref for r in (await bench.broker.snapshot()).open_orders] == [order.order_ref]


async def test_c22_an_order_lost_on_the_way_is_nowhere(bench: Bench) -> None:
    async with connected(bench):
        silent, told = resting(), resting()
        bench.inflict(Faults(place=PlaceFault.DROP))
        await bench.broker.place(silent)
        bench.inflict(Faults(place=PlaceFault.DROP_UNKNOWN))
        with pytest.raises(OutcomeUnknown):
            await bench.broker.place(told)
        await bench.advance(5)
        snapshot = await bench.broker.snapshot()
        assert snapshot.complete and not snapshot.open_orders and not snapshot.completed_orders


async def test_c23_a_lost_link_is_reported_and_ends_the_stream(bench: Bench) -> None:
    async with connected(bench) as ear:
        await ear.count(1)
        bench.inflict(Faults(link=LinkState.DISCONNECTED))
        await ear.until(lambda: ear.ended)
        link = ear.heard[-1]
        assert isinstance(link, LinkReport) and link.state is LinkState.DISCONNECTED
        with pytest.raises(NotConnected):
            await bench.broker.place(an_order())
        with pytest.raises(BrokerError):
            await bench.broker.connect()


async def test_c24_what_happened_while_away_is_in_the_snapshot(bench: Bench) -> None:
    order = an_order()
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        bench.inflict(Faults(link=LinkState.DISCONNECTED))
        await ear.until(lambda: ear.ended)
        await bench.advance(3)
        bench.inflict(Faults())
        await bench.broker.connect()
        async with listening(bench.broker) as again:
            snapshot = await bench.broker.snapshot()
            (execution,) = snapshot.executions
            assert execution.order_ref == order.order_ref
            assert [r.state for r in snapshot.completed_orders] == [BrokerState.FILLED]
            await bench.advance()
            await again.until(lambda: any(isinstance(r, CommissionReport) for r in again.heard))
            first = again.heard[0]
            assert isinstance(first, LinkReport) and first.state is LinkState.CONNECTED


async def test_c25_a_broker_cut_off_from_its_market_keeps_listening(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order()
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        bench.inflict(Faults(link=LinkState.BROKER_UNREACHABLE))
        await ear.until(lambda: _links(ear)[-1] is LinkState.BROKER_UNREACHABLE)
        with pytest.raises((NotConnected, OutcomeUnknown)):
            await bench.broker.place(resting())
        assert (await bench.broker.quote(order.contract)).status is QuoteStatus.UNAVAILABLE
        assert not (await bench.broker.snapshot()).complete
        await bench.advance(3)
        bench.inflict(Faults())
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        await ear.until(lambda: len(_links(ear)) == 3)
        assert _links(ear) == [LinkState.CONNECTED, LinkState.BROKER_UNREACHABLE, LinkState.CONNECTED]


def _links(ear: Ear) -> list[LinkState]:
    return [r.state for r in ear.heard if isinstance(r, LinkReport)]


async def test_c26_closing_ends_the_stream(bench: Bench) -> None:
    async with connected(bench) as ear:
        await ear.count(1)
        await bench.broker.close()
        await ear.until(lambda: ear.ended)
        await bench.broker.close()


async def test_c27_money_and_positions_follow_the_fills(bench: Bench) -> None:
    async with connected(bench) as ear:
        bought, sold = an_order(quantity="5"), an_order(side=Side.SELL, quantity="2", limit_price="90")
        for order in (bought, sold):
            await bench.broker.place(order)
            await until_filled(bench, ear, order.order_ref)
        await ear.until(lambda: sum(isinstance(r, CommissionReport) for r in ear.heard) == 2)
        (position,) = await bench.broker.positions(bench.account)
        assert position.symbol == "AAPL" and position.quantity == 3
        moved = sum(-r.side.sign * r.quantity * r.price for r in ear.heard if isinstance(r, ExecutionReport))
        spent = sum(r.commission.amount for r in ear.heard if isinstance(r, CommissionReport))
        cash = (await bench.broker.account(bench.account)).cash
        assert cash is not None and cash.amount == 100_000 + moved - spent


async def test_c28_many_at_once_are_each_placed_once(bench: Bench) -> None:
    async with connected(bench) as ear:
        orders = [an_order(limit_price="101") for _ in range(40)]
        await asyncio.gather(*(bench.broker.place(order) for order in orders))
        for order in orders:
            await until_filled(bench, ear, order.order_ref)
        snapshot = await bench.broker.snapshot()
        refs = [e.order_ref for e in snapshot.executions]
        assert sorted(refs) == sorted(order.order_ref for order in orders)
        perms = {r.perm_id for r in snapshot.completed_orders}
        assert len(perms) == len(orders)


async def test_c29_a_stalled_broker_answers_later_and_in_order(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = an_order()
        bench.inflict(Faults(stall=True))
        await bench.broker.place(order)
        await bench.advance(3)
        assert (await bench.broker.snapshot()).executions, "it did happen"
        assert ear.of(order.order_ref) == []
        bench.inflict(Faults())
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        kinds: list[type[Report]] = [type(r) for r in ear.heard if not isinstance(r, LinkReport)]
        assert kinds[:3] == [OrderReport, ExecutionReport, OrderReport]


def a_bracket(**changes: Any) -> BrokerOrder:
    """Bought at once; neither exit is near the market."""
    entry = an_order(AAPL, limit_price="100", **changes)
    exits = (
        ExitOrder(
            order_ref=f"{entry.order_ref}.tp", leg="take_profit", order_type=OrderType.LIMIT, limit_price=Decimal(150)
        ),
        ExitOrder(
            order_ref=f"{entry.order_ref}.sl", leg="stop_loss", order_type=OrderType.STOP, stop_price=Decimal(50)
        ),
    )
    return entry.replaced(exits=exits)


async def test_c30_a_bracket_is_three_orders_and_the_exits_wait_for_the_entry(bench: Bench) -> None:
    async with connected(bench) as ear:
        entry = a_bracket()
        await bench.broker.place(entry)
        await until_filled(bench, ear, entry.order_ref)
        for leg in entry.exits:
            await ear.until_state(leg.order_ref, BrokerState.WORKING, BrokerState.HELD)
        shown = {r.order_ref: r for r in (await bench.broker.snapshot()).open_orders}
        profit, loss = (shown[leg.order_ref] for leg in entry.exits)
        assert profit.side is loss.side is Side.SELL and profit.quantity == loss.quantity == 1
        assert profit.limit_price == 150 and loss.stop_price == 50


async def test_c31_the_end_of_one_exit_is_the_end_of_the_other(bench: Bench) -> None:
    async with connected(bench) as ear:
        entry = a_bracket()
        await bench.broker.place(entry)
        await until_filled(bench, ear, entry.order_ref)
        profit, loss = entry.exits
        nearer = entry.exit_order(profit).replaced(limit_price=Decimal(90))
        await bench.broker.modify(nearer)
        await until_filled(bench, ear, profit.order_ref)
        await ear.until_state(loss.order_ref, BrokerState.CANCELLED)


async def test_c32_with_its_entry_a_bracket_ends(bench: Bench) -> None:
    async with connected(bench) as ear:
        entry = resting()
        entry = entry.replaced(exits=a_bracket(order_ref=entry.order_ref).exits)
        await bench.broker.place(entry)
        await ear.until_state(entry.order_ref, BrokerState.WORKING)
        await bench.broker.cancel(entry.order_ref)
        await bench.advance(3)
        for ref in (entry.order_ref, *(leg.order_ref for leg in entry.exits)):
            await ear.until_state(ref, BrokerState.CANCELLED)


async def test_c33_a_changed_order_shows_its_new_terms(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = resting()
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        changed = order.replaced(limit_price=Decimal(231), quantity=Decimal(3))
        await bench.broker.modify(changed)
        report = await ear.first(lambda r: isinstance(r, OrderReport) and shows_terms(r, changed))
        assert isinstance(report, OrderReport) and report.state in (BrokerState.WORKING, BrokerState.HELD)
        (shown,) = (r for r in (await bench.broker.snapshot()).open_orders if r.order_ref == order.order_ref)
        assert shows_terms(shown, changed)


async def test_c34_what_cannot_be_changed_is_refused_and_stays(bench: Bench) -> None:
    async with connected(bench) as ear:
        order = resting()
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        await bench.broker.modify(order.replaced(limit_price=Decimal("231.005")))
        refused = await ear.first(lambda r: isinstance(r, ModifyRefused))
        assert isinstance(refused, ModifyRefused) and refused.order_ref == order.order_ref and refused.text
        (shown,) = (r for r in (await bench.broker.snapshot()).open_orders if r.order_ref == order.order_ref)
        assert shows_terms(shown, order)
