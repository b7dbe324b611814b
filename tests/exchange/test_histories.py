"""Whole histories, drawn at random: what must hold after any of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.broker import BrokerState, CommissionReport, ExecutionReport, OrderReport, Report
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import AssetClass, OrderType, Side, TimeInForce
from ibgw_tui.exchange.exact import floor_to, is_multiple, times, total
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import CancelFault
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from tests.exchange.market import BOTH, Market, an_order
from tests.makers import NOON, SettableClock

FINAL = (BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.REJECTED)


@dataclass(frozen=True)
class Act:
    """One thing that somebody does: place an order (perhaps again), cancel it, or let the market move."""

    kind: str
    order: BrokerOrder | None = None
    steps: int = 0
    fault: CancelFault = CancelFault.NONE


@st.composite
def orders(draw: st.DrawFn, number: int) -> BrokerOrder:
    instrument: Instrument = draw(st.sampled_from(list(INSTRUMENTS.values())))
    kind = draw(st.sampled_from(OrderType))
    near = st.integers(min_value=-60, max_value=60)

    def price() -> Decimal:
        raw = total(instrument.base, times(instrument.band, Decimal(draw(near)) / 50))
        return floor_to(raw, instrument.tick_at(raw))

    prices: dict[str, Decimal] = {}
    if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        prices["limit_price"] = price()
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
        prices["stop_price"] = price()
    if kind in (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT):
        if draw(st.booleans()):
            prices["trailing_amount"] = times(instrument.finest_tick, Decimal(draw(st.integers(1, 20))))
        else:
            prices["trailing_percent"] = Decimal(draw(st.integers(1, 30))) / 100
    if kind is OrderType.TRAILING_STOP_LIMIT:
        prices["limit_offset"] = times(instrument.finest_tick, Decimal(draw(st.integers(0, 10))))
    force = draw(st.sampled_from(TimeInForce))
    largest = int(instrument.largest_size) * 2
    return an_order(
        instrument.con_id,
        order_ref=f"ref-{number}",
        account=draw(st.sampled_from(BOTH)),
        side=draw(st.sampled_from(Side)),
        quantity=Decimal(draw(st.integers(1, largest))),
        order_type=kind,
        time_in_force=force,
        good_till=NOON + timedelta(seconds=draw(st.integers(0, 60))) if force is TimeInForce.GTD else None,
        **prices,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Act]:
    acts: list[Act] = []
    placed: list[BrokerOrder] = []
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["place", "place", "steps", "cancel", "again"]))
        if kind == "place":
            placed.append(draw(orders(len(placed))))
            acts.append(Act("place", placed[-1]))
        elif kind == "steps":
            acts.append(Act("steps", steps=draw(st.integers(1, 40))))
        elif placed:
            fault = draw(st.sampled_from([CancelFault.NONE, CancelFault.FILLED_FIRST, CancelFault.FILLED_AFTER]))
            acts.append(Act(kind, draw(st.sampled_from(placed)), fault=fault))
    return [*acts, Act("steps", steps=3)]


def play(market: Market, acts: list[Act]) -> list[Report]:
    heard: list[Report] = []
    for act in acts:
        if act.order is None:
            heard += market.step(act.steps)
        elif act.kind == "cancel":
            heard += market.cancel(act.order.order_ref, act.fault)
        else:
            heard += market.place(act.order)
    return heard


@given(st.integers(0, 10**6), histories())
def test_no_history_fills_too_much_or_outside_the_limit(seed: int, acts: list[Act]) -> None:
    market = Market.new(seed)
    play(market, acts)
    wires = {act.order.order_ref: act.order for act in acts if act.order is not None}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for fill in market.executions():
        wire, instrument = wires[fill.order_ref], INSTRUMENTS[fill.con_id]
        filled[fill.order_ref] += fill.quantity
        assert (fill.account, fill.side, fill.con_id) == (wire.account, wire.side, wire.contract.con_id)
        assert fill.quantity > 0 and is_multiple(fill.quantity, instrument.size_increment)
        assert is_multiple(fill.price, instrument.tick_at(fill.price))
        if wire.limit_price is not None:
            assert wire.side.sign * fill.price <= wire.side.sign * wire.limit_price
    for ref, wire in wires.items():
        order = market.order(ref)
        assert order.filled == filled[ref] <= wire.quantity
        assert order.filled + order.remaining == wire.quantity
        assert (order.state is BrokerState.FILLED) == (filled[ref] == wire.quantity)
        if order.state is BrokerState.REJECTED:
            assert not filled[ref] and order.text
    assert len({fill.exec_id for fill in market.executions()}) == len(market.executions())


@given(st.integers(0, 10**6), histories())
def test_reports_tell_a_story_that_only_moves_on(seed: int, acts: list[Act]) -> None:
    """Fills grow; nothing comes after a final word but the fill of a cancelled order; every fill has its cost."""
    market = Market.new(seed)
    heard = play(market, acts)
    filled: dict[str, Decimal] = {}
    last: dict[str, BrokerState] = {}
    for index, report in enumerate(heard):
        if isinstance(report, OrderReport):
            before = last.get(report.order_ref)
            assert before not in FINAL or (before, report.state) == (BrokerState.CANCELLED, BrokerState.FILLED)
            assert report.filled >= filled.get(report.order_ref, Decimal(0))
            filled[report.order_ref], last[report.order_ref] = report.filled, report.state
        if isinstance(report, ExecutionReport):
            status, cost = heard[index + 1 : index + 3]
            assert isinstance(status, OrderReport) and status.order_ref == report.order_ref
            assert isinstance(cost, CommissionReport) and cost.exec_id == report.exec_id
    for ref, state in last.items():
        assert market.order(ref).state is state


@given(st.integers(0, 10**6), histories())
def test_cash_and_positions_are_those_of_the_executions(seed: int, acts: list[Act]) -> None:
    market = Market.new(seed)
    play(market, acts)
    costs = {r.exec_id: r.commission.amount for r in market.heard if isinstance(r, CommissionReport)}
    for account_id in BOTH:
        account = market.exchange.account(account_id)
        fills = [fill for fill in market.executions() if fill.account == account_id]
        held: dict[int, Decimal] = defaultdict(Decimal)
        paid = won_or_lost = Decimal(0)
        for fill in fills:
            held[fill.con_id] += fill.side.sign * fill.quantity
            contract = INSTRUMENTS[fill.con_id].contract
            value = times(Decimal(fill.side.sign), fill.quantity, fill.price, contract.multiplier)
            if contract.asset_class is AssetClass.FUTURE:
                won_or_lost = total(won_or_lost, -value)
            else:
                paid = total(paid, value)
        futures_cost = total(
            *(h.cost for c, h in account.open() if INSTRUMENTS[c].contract.asset_class is AssetClass.FUTURE)
        )
        spent = total(*(costs[fill.exec_id] for fill in fills))
        assert account.cash == total(Decimal(100_000), -paid, won_or_lost, futures_cost, -spent)
        assert account.commissions == spent
        positions = {p.con_id: p.quantity for p in market.exchange.positions(account_id)}
        assert positions == {con_id: quantity for con_id, quantity in held.items() if quantity}


@given(st.integers(0, 10**6), histories())
def test_the_market_never_sells_more_than_it_shows(seed: int, acts: list[Act]) -> None:
    """Each step, own fills of one side of one contract stay within its displayed size; races lost by a cancel aside."""
    market = Market.new(seed)
    calm = [act for act in acts if act.fault is CancelFault.NONE]
    play(market, calm)
    taken: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for fill in market.executions():
        taken[fill.at, fill.con_id, fill.side] += fill.quantity
    replayed = Market.new(seed)
    shown = {}
    for _ in range(sum(act.steps for act in calm)):
        replayed.step()
        shown[replayed.clock()] = {con_id: replayed.exchange.touch(con_id) for con_id in INSTRUMENTS}
    for (at, con_id, side), quantity in taken.items():
        assert quantity <= shown[at][con_id].size_for(side)


@given(st.integers(0, 10**6), histories(), histories())
def test_a_market_loaded_from_its_dump_has_the_same_future(seed: int, before: list[Act], after: list[Act]) -> None:
    market = Market.new(seed)
    play(market, before[:-1])  # without the steps in which pending cancels end
    dumped = market.exchange.dump()
    text = json.dumps(dumped)
    twin = Market(Exchange.load(json.loads(text)), SettableClock(market.clock()))
    assert twin.exchange.dump() == dumped
    assert market.step(3) == twin.step(3)
    later = [
        replace(act, order=act.order.replaced(order_ref=f"late-{act.order.order_ref}")) if act.order else act
        for act in after
    ]
    assert play(market, later) == play(twin, later)
    assert market.exchange.dump() == twin.exchange.dump()
    assert market.exchange.snapshot("DU1234567") == twin.exchange.snapshot("DU1234567")
    assert market.exchange.account_facts("U1234567") == twin.exchange.account_facts("U1234567")


@given(st.integers(0, 10**6), histories())
def test_the_revision_grows_with_every_change_that_must_be_saved(seed: int, acts: list[Act]) -> None:
    market = Market.new(seed)

    def durable() -> dict[str, Any]:
        dumped = market.exchange.dump()
        return {key: dumped[key] for key in ("accounts", "book", "taken", "executed")}

    for act in acts:
        for single in [act] if act.order else [Act("steps", steps=1)] * act.steps:
            content, revision = durable(), market.exchange.revision
            play(market, [single])
            assert market.exchange.revision > revision or durable() == content


def test_floats_are_nowhere_in_a_dump() -> None:
    market = Market.new()
    order = an_order(quantity="1500", limit_price="101")
    market.place(order)
    market.step(20)

    def walk(value: object) -> None:
        assert not isinstance(value, float)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(market.exchange.dump())


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 99},
        {"version": None},
        {"accounts": [{}]},
        {"book": {"orders": [{"wire": {}}], "executions": [], "refs": []}},
        {"at": 5},
        {"at": "yesterday"},
        {"used": [[1, "buy", 1.5]]},
        {"accounts": "none"},
    ],
)
def test_a_damaged_dump_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"market's state|[Ii]nvalid|valid"):
        Exchange.load({**Market.new().exchange.dump(), **damage})


PROGRAM = """
import hashlib
from datetime import timedelta
from tests.exchange.market import Market, an_order
from ibgw_tui.core.terms import OrderType, Side
from ibgw_tui.exchange.instruments import MSFT, ES_FRONT
market = Market.new(5)
market.place(an_order(quantity="1500", limit_price="101"))
market.place(an_order(MSFT, side=Side.SELL, order_type=OrderType.TRAILING_STOP, trailing_amount="0.5"))
market.place(an_order(ES_FRONT, quantity="5", limit_price="5849"))
market.step(400)
print(hashlib.sha256(repr((market.heard, market.exchange.dump())).encode()).hexdigest())
"""


def test_the_same_orders_have_the_same_fate_in_every_process() -> None:
    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    assert run("0") == run("1") != ""
