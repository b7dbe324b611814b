"""The unmodified client trades: every order type, changes, brackets, groups, fills and their costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ib_async import Contract, ExecutionFilter, Order

from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.desk import Settings
from tests.twsim.bench import ACCOUNT, Bench, a_tws, aapl, an_order, errors_of, place, raw

TYPES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "MKT"}, "Filled"),
    ({"kind": "LMT", "lmtPrice": 101}, "Filled"),
    ({"kind": "LMT", "lmtPrice": 90}, "Submitted"),
    ({"kind": "STP", "auxPrice": 110}, "PreSubmitted"),
    ({"kind": "STP", "auxPrice": 99}, "Filled"),
    ({"kind": "STP LMT", "auxPrice": 110, "lmtPrice": 111}, "PreSubmitted"),
    ({"kind": "STP LMT", "auxPrice": 99, "lmtPrice": 98}, "Submitted"),
    ({"kind": "TRAIL", "auxPrice": 2}, "PreSubmitted"),
    ({"kind": "TRAIL", "trailingPercent": 1.5}, "PreSubmitted"),
    ({"kind": "TRAIL", "auxPrice": 2, "trailStopPrice": 105}, "PreSubmitted"),
    ({"kind": "TRAIL LIMIT", "auxPrice": 2, "lmtPriceOffset": 0.1}, "PreSubmitted"),
    ({"kind": "TRAIL LIMIT", "auxPrice": 2, "trailStopPrice": 105, "lmtPrice": 105.5}, "PreSubmitted"),
]


@pytest.mark.parametrize("version", [157, 178])
@pytest.mark.parametrize(("terms", "status"), TYPES, ids=[str(t) for t, _ in TYPES])
async def test_each_order_type_lives_as_it_should(
    bench: Bench, terms: dict[str, Any], status: str, version: int
) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect(version=version)
    order = an_order(**terms, orderRef="o-type")
    trade = place(ib, order)
    await bench.moved(ib, 2)
    assert trade.orderStatus.status == status
    assert trade.order.permId and trade.order.orderRef == "o-type"
    if status != "Filled":
        other = await bench.connect(2)
        [seen] = await other.reqAllOpenOrdersAsync()
        for name in ("orderType", "action", "totalQuantity", "orderRef", "tif", "permId", "clientId", "orderId"):
            assert getattr(seen.order, name) == getattr(trade.order, name), name
        for name in ("lmtPrice", "auxPrice", "trailingPercent", "lmtPriceOffset"):
            if name in terms:
                assert getattr(seen.order, name) == terms[name]


@pytest.mark.parametrize(
    ("tif", "more", "status"),
    [
        ("DAY", {}, "Submitted"),
        ("GTC", {}, "Submitted"),
        ("IOC", {}, "Cancelled"),
        ("GTD", {"goodTillDate": "20261123 10:00:01 US/Eastern"}, "Cancelled"),
        ("GTD", {"goodTillDate": "20261123-15:00:01"}, "Cancelled"),
        ("GTD", {"goodTillDate": "20261201 10:00:00 US/Eastern"}, "Submitted"),
    ],
)
async def test_each_time_in_force(bench: Bench, tif: str, more: dict[str, Any], status: str) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, tif=tif, **more))
    await bench.moved(ib, 8)
    assert trade.orderStatus.status == status


async def test_a_day_order_ends_with_the_session() -> None:
    async with a_tws(keeps_hours=True) as bench:
        ib = await bench.connect()
        day, till = place(ib, an_order(lmtPrice=90)), place(ib, an_order(lmtPrice=90, tif="GTC"))
        await bench.moved(ib)
        assert day.orderStatus.status == till.orderStatus.status == "Submitted"
        bench.clock.forward(hours=6)
        await bench.moved(ib)
        assert (day.orderStatus.status, till.orderStatus.status) == ("Cancelled", "Submitted")


async def test_an_order_before_the_open_is_held_with_a_warning() -> None:
    async with a_tws(keeps_hours=True) as bench:
        bench.clock.forward(hours=-4)  # six in the morning in New York
        bench.step()
        ib = await bench.connect()
        heard = errors_of(ib)
        trade = place(ib, an_order("MKT"))
        await bench.moved(ib)
        assert 399 in {code for _, code, _ in heard}
        [seen] = await ib.reqAllOpenOrdersAsync()
        assert seen.order.permId == trade.order.permId and not trade.fills
        bench.clock.forward(hours=5)
        await bench.moved(ib)
        assert trade.orderStatus.status == "Filled"


async def test_a_fill_is_told_with_its_cost_and_moves_the_position(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    trade = place(ib, an_order("MKT", quantity=300, orderRef="o-1"))
    await bench.moved(ib)
    [fill] = trade.fills
    assert (fill.execution.shares, fill.execution.price, fill.execution.side) == (300, 99.6, "BOT")
    assert (fill.execution.cumQty, fill.execution.avgPrice) == (300, 99.6)
    assert (fill.execution.orderRef, fill.execution.acctNumber) == ("o-1", ACCOUNT)
    assert fill.execution.time == bench.clock.now.replace(microsecond=0)
    assert (fill.commissionReport.commission, fill.commissionReport.currency) == (1.5, "USD")
    assert trade.orderStatus.avgFillPrice == trade.orderStatus.lastFillPrice == 99.6
    [position] = ib.positions()
    assert (position.contract.conId, position.position, position.avgCost) == (AAPL, 300, 99.6)
    [item] = ib.portfolio()
    assert (item.position, item.marketPrice) == (300, 99.55)
    values = {value.tag: value.value for value in ib.accountValues() if value.currency == "USD"}
    assert values["TotalCashValue"] == "70118.5"


async def test_a_closed_position_is_told_as_none(bench: Bench) -> None:
    ib = await bench.connect()
    place(ib, an_order("MKT"))
    await bench.moved(ib)
    place(ib, an_order("MKT", side="SELL"))
    await bench.moved(ib)
    assert ib.positions() == [] and ib.portfolio() == []


async def test_more_than_is_shown_fills_in_parts(bench: Bench) -> None:
    bench.pin("99.50", "99.60", size="100")
    ib = await bench.connect()
    trade = place(ib, an_order("LMT", quantity=250, lmtPrice=100))
    seen = []
    for _ in range(3):
        await bench.moved(ib)
        seen.append((trade.orderStatus.status, trade.orderStatus.filled, trade.orderStatus.remaining))
    assert seen == [("Submitted", 100, 150), ("Submitted", 200, 50), ("Filled", 250, 0)]
    assert [fill.execution.cumQty for fill in trade.fills] == [100, 200, 250]
    assert sum(fill.commissionReport.commission for fill in trade.fills) == 1.25


@pytest.mark.parametrize("con_id", [ES_FRONT, AAPL_CALL, EUR_USD])
async def test_other_classes_of_contract_trade_as_well(bench: Bench, con_id: int) -> None:
    ib = await bench.connect()
    [contract] = await ib.qualifyContractsAsync(Contract(conId=con_id))
    assert isinstance(contract, Contract)
    trade = place(ib, an_order("MKT", quantity=2), contract)
    await bench.moved(ib)
    assert trade.orderStatus.status == "Filled"
    assert [(p.contract.conId, p.position) for p in ib.positions()] == [(con_id, 2)]


async def test_other_terms_for_an_open_order(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, quantity=10))
    await bench.settle(ib)
    perm_id = trade.order.permId
    trade.order.lmtPrice, trade.order.totalQuantity = 91, 20
    place(ib, trade.order)
    await bench.settle(ib)
    [seen] = await ib.reqAllOpenOrdersAsync()
    assert (seen.order.lmtPrice, seen.order.totalQuantity, seen.order.permId) == (91, 20, perm_id)
    assert len(bench.received("place_order")) == 2 and trade.orderStatus.remaining == 20
    trade.order.lmtPrice = 100
    place(ib, trade.order)
    await bench.moved(ib)
    assert trade.orderStatus.status == "Filled" and trade.orderStatus.filled == 20


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lmtPrice": 91.001}, 110),
        ({"action": "SELL"}, 105),
        ({"orderType": "MKT"}, 329),
        ({"totalQuantity": 500_000}, 201),
        ({"tif": "FOK"}, 321),
    ],
)
async def test_a_refused_change_leaves_the_order_as_it_was(bench: Bench, change: dict[str, Any], code: int) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    for name, value in change.items():
        setattr(trade.order, name, value)
    place(ib, trade.order)
    await bench.settle(ib)
    assert heard[-1][:2] == (trade.order.orderId, code)
    [seen] = await (await bench.connect(2)).reqAllOpenOrdersAsync()
    assert (seen.order.lmtPrice, seen.order.action, seen.order.totalQuantity) == (90, "BUY", 10)
    assert seen.orderStatus.status == "Submitted"


@pytest.mark.parametrize(("end", "code"), [("fill", 104), ("cancel", 103)])
async def test_a_finished_order_cannot_be_changed(bench: Bench, end: str, code: int) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    bench.do(acts.Fill() if end == "fill" else acts.Kill(reason="test"))
    await bench.settle(ib)
    raw(ib).placeOrder(trade.order.orderId, aapl(), trade.order)
    await bench.settle(ib)
    assert heard[-1][1] == code


async def test_a_cancel_is_a_request_until_it_is_confirmed(bench: Bench) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    ib.cancelOrder(trade.order)
    await bench.settle(ib)
    assert trade.orderStatus.status == "PendingCancel"
    bench.step()
    await bench.settle(ib)
    assert trade.orderStatus.status == "Cancelled"
    assert [(about, code) for about, code, _ in heard] == [(trade.order.orderId, 202)]


async def test_what_cannot_be_cancelled_says_so(bench: Bench) -> None:
    ib, other = await bench.connect(), await bench.connect(2)
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    heard = errors_of(other)
    raw(other).cancelOrder(trade.order.orderId)
    await bench.settle(other)
    assert heard[-1][1] == 10147 and "not found" in heard[-1][2]
    bench.do(acts.Fill())
    heard = errors_of(ib)
    raw(ib).cancelOrder(trade.order.orderId)
    await bench.settle(ib)
    assert heard[-1][1] == 10148 and heard[-1][2].endswith("state: Filled.")


async def test_one_client_may_cancel_everything(bench: Bench) -> None:
    first, second = await bench.connect(), await bench.connect(2)
    trades = [place(first, an_order(lmtPrice=90)), place(second, an_order("STP", auxPrice=120))]
    await bench.settle(first)
    await bench.settle(second)
    raw(first).reqGlobalCancel()
    await bench.moved(first)
    await bench.settle(second)
    assert [trade.orderStatus.status for trade in trades] == ["Cancelled", "Cancelled"]


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"lmtPrice": 90.001}, 110),
    ({"quantity": 0}, 434),
    ({"quantity": 0.5}, 201),
    ({"quantity": 500_000}, 201),
    ({"account": "DU7654321"}, 321),
    ({"kind": "MOC"}, 387),
    ({"tif": "OPG"}, 321),
    ({"tif": "GTD", "goodTillDate": "tomorrow"}, 391),
    ({"tif": "GTD", "goodTillDate": "20261122 10:00:00 US/Eastern"}, 201),
    ({"side": "HOLD"}, 321),
    ({"lmtPrice": float("nan")}, 320),
    ({"kind": "STP"}, 321),
    ({"kind": "TRAIL", "auxPrice": 1, "trailingPercent": 1}, 321),
    ({"eTradeOnly": True}, 10268),
    ({"firmQuoteOnly": True}, 10269),
    ({"algoStrategy": "Adaptive"}, 321),
    ({"minQty": 5}, 321),
    ({"goodAfterTime": "20261124 10:00:00 US/Eastern"}, 321),
    ({"hedgeType": "D"}, 321),
    ({"parentId": 77}, 10006),
]


@pytest.mark.parametrize("version", [157, 178])
@pytest.mark.parametrize(("terms", "code"), REFUSED, ids=[str(terms) for terms, _ in REFUSED])
async def test_what_is_refused_is_refused_in_words_and_leaves_nothing(
    bench: Bench, terms: dict[str, Any], code: int, version: int
) -> None:
    ib = await bench.connect(version=version)
    heard = errors_of(ib)
    trade = place(ib, an_order(**{"lmtPrice": 90, **terms}))
    await bench.moved(ib)
    assert [(about, heard_code) for about, heard_code, _ in heard] == [(trade.order.orderId, code)]
    assert heard[0][2]
    assert await ib.reqAllOpenOrdersAsync() == [] and not ib.positions()
    done = await ib.reqCompletedOrdersAsync(False)
    assert [trade.orderStatus.status for trade in done] == (["Inactive"] if code == 201 else [])


async def test_an_unknown_contract_is_no_order(bench: Bench) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    for contract in (
        Contract(symbol="NOPE", secType="STK", exchange="SMART", currency="USD"),
        Contract(symbol="AAPL", secType="OPT", exchange="SMART", currency="USD"),
        Contract(conId=AAPL),
        Contract(conId=AAPL, exchange="LSE"),
        Contract(conId=1, exchange="SMART"),
    ):
        place(ib, an_order(lmtPrice=90), contract)
    await bench.settle(ib)
    assert [code for _, code, _ in heard] == [200, 200, 321, 200, 200]


async def test_an_order_without_time_in_force_is_a_day_order_with_a_notice(bench: Bench) -> None:
    """Code 10349 is what makes clients believe that a living order is cancelled."""
    ib = await bench.connect()
    heard = errors_of(ib)
    trade = place(ib, an_order(lmtPrice=90, tif=""))
    await bench.settle(ib)
    assert [code for _, code, _ in heard] == [10349]
    [seen] = await (await bench.connect(2)).reqAllOpenOrdersAsync()
    assert (seen.order.permId, seen.order.tif, seen.orderStatus.status) == (trade.order.permId, "DAY", "Submitted")


def bracket(ib: Any, parent_limit: float) -> list[Order]:
    parent = an_order("LMT", lmtPrice=parent_limit, orderId=ib.client.getReqId(), transmit=False, orderRef="b.P")
    profit = an_order(
        "LMT", "SELL", lmtPrice=110, orderId=ib.client.getReqId(), parentId=parent.orderId, transmit=False,
        orderRef="b.T", tif="GTC",
    )  # fmt: skip
    stop = an_order(
        "STP", "SELL", auxPrice=90, orderId=ib.client.getReqId(), parentId=parent.orderId, orderRef="b.S", tif="GTC"
    )
    return [parent, profit, stop]


async def test_a_bracket_is_transmitted_whole_and_its_children_wait(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    orders = bracket(ib, 95)
    trades = [place(ib, order) for order in orders[:2]]
    await bench.moved(ib)
    assert {trade.orderStatus.status for trade in trades} == {"PendingSubmit"}
    trades.append(place(ib, orders[2]))
    await bench.moved(ib)
    assert [trade.orderStatus.status for trade in trades] == ["Submitted", "PreSubmitted", "PreSubmitted"]
    assert [trade.orderStatus.whyHeld for trade in trades] == ["", "child", "child,trigger"]
    assert [trade.orderStatus.parentId for trade in trades] == [0, orders[0].orderId, orders[0].orderId]
    listed = await (await bench.connect(2)).reqAllOpenOrdersAsync()
    parent = trades[0].order.permId
    assert [(t.order.parentId, t.order.ocaGroup, t.order.ocaType) for t in listed[1:]] == [
        (orders[0].orderId, str(parent), 3)
    ] * 2
    bench.pin("94.90", "95.00")
    await bench.moved(ib, 2)
    assert [trade.orderStatus.status for trade in trades] == ["Filled", "Submitted", "PreSubmitted"]
    bench.pin("110.50", "110.60")
    await bench.moved(ib)
    assert [trade.orderStatus.status for trade in trades] == ["Filled", "Filled", "Cancelled"]
    assert ib.positions() == []


async def test_children_end_with_their_parent(bench: Bench) -> None:
    ib = await bench.connect()
    trades = [place(ib, order) for order in bracket(ib, 80)]
    await bench.settle(ib)
    ib.cancelOrder(trades[0].order)
    await bench.moved(ib, 2)
    assert [trade.orderStatus.status for trade in trades] == ["Cancelled"] * 3


async def test_a_partial_fill_of_one_child_reduces_the_other(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    trades = [place(ib, order) for order in bracket(ib, 100)]
    await bench.moved(ib, 2)
    assert trades[0].orderStatus.status == "Filled"
    bench.pin("110.50", "110.60", size="4")
    await bench.moved(ib)
    assert (trades[1].orderStatus.filled, trades[1].orderStatus.remaining) == (4, 6)
    assert (trades[2].order.totalQuantity, trades[2].orderStatus.status) == (6, "PreSubmitted")


async def test_an_order_that_is_not_transmitted_waits_for_its_word(bench: Bench) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, transmit=False))
    await bench.moved(ib)
    assert trade.orderStatus.status == "PendingSubmit"
    [seen] = await (await bench.connect(2)).reqAllOpenOrdersAsync()
    assert (seen.orderStatus.status, seen.order.permId) == ("ApiPending", 0)
    trade.order.transmit = True
    place(ib, trade.order)
    await bench.settle(ib)
    assert trade.orderStatus.status == "Submitted"
    second = place(ib, an_order(lmtPrice=90, transmit=False))
    await bench.settle(ib)
    raw(ib).cancelOrder(second.order.orderId)
    await bench.settle(ib)
    assert [t.order.permId for t in await ib.reqAllOpenOrdersAsync()] == [trade.order.permId]


@pytest.mark.parametrize(("oca_type", "left"), [(1, "Cancelled"), (2, "Submitted"), (3, "Submitted")])
async def test_one_cancels_all(bench: Bench, oca_type: int, left: str) -> None:
    bench.pin("99.50", "99.60", size="4")
    ib = await bench.connect()
    trades = [
        place(ib, an_order(lmtPrice=price, ocaGroup="one", ocaType=oca_type, tif="GTC")) for price in (98, 97, 96)
    ]
    alone = place(ib, an_order(lmtPrice=97, tif="GTC"))
    await bench.moved(ib)
    bench.pin("97.90", "98", size="4")
    await bench.moved(ib)
    assert [trade.orderStatus.status for trade in trades] == ["Submitted", left, left]
    if left == "Submitted":
        assert [trade.order.totalQuantity for trade in trades] == [10, 6, 6]
        await bench.moved(ib, 3)
        assert [trade.orderStatus.status for trade in trades] == ["Filled", "Cancelled", "Cancelled"]
    assert alone.orderStatus.status == "Submitted"


@pytest.mark.parametrize("version", [157, 178])
async def test_a_preview_costs_nothing_and_says_what_the_order_would(bench: Bench, version: int) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect(version=version)
    state = await ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=100, quantity=300))
    assert (state.status, state.initMarginChange, state.equityWithLoanBefore) == ("PreSubmitted", "14932.5", "100000")
    assert state.minCommission == state.maxCommission == 1.5 and state.commissionCurrency == "USD"
    rich = await ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=100, quantity=5000))
    assert rich.warningText.startswith("201 ")
    await bench.moved(ib)
    assert await ib.reqAllOpenOrdersAsync() == [] and not ib.positions()


async def test_a_preview_of_what_would_be_refused_is_refused(bench: Bench) -> None:
    ib = await bench.connect()
    with pytest.raises(Exception, match="110"):
        await ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=100.001))


async def test_a_correction_comes_as_the_next_version_of_an_execution(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    trade = place(ib, an_order("MKT"))
    await bench.moved(ib)
    bench.do(acts.Correct(price=Decimal("99.40")))
    await bench.settle(ib)
    first, second = (fill.execution for fill in trade.fills)
    assert first.execId.removesuffix(".01") == second.execId.removesuffix(".02")
    assert (second.price, second.shares, second.cumQty, second.avgPrice) == (99.4, 10, 10, 99.4)
    assert trade.orderStatus.avgFillPrice == 99.4 and trade.orderStatus.filled == 10
    assert trade.fills[1].commissionReport.commission == trade.fills[0].commissionReport.commission == 1
    [position] = ib.positions()
    assert (position.position, position.avgCost) == (10, 99.4)
    again = await bench.connect(2)
    assert [fill.execution.execId for fill in again.fills()] == [first.execId, second.execId]


async def test_executions_can_be_asked_for_by_filter(bench: Bench) -> None:
    ib, other = await bench.connect(), await bench.connect(2)
    place(ib, an_order("MKT", orderRef="mine"))
    await bench.moved(ib)
    bench.clock.forward(minutes=5)
    msft = Contract(symbol="MSFT", secType="STK", exchange="SMART", currency="USD")
    place(other, an_order("MKT", side="SELL", orderRef="theirs"), msft)
    await bench.moved(other)

    async def refs(**wanted: Any) -> list[str]:
        fills = await other.reqExecutionsAsync(ExecutionFilter(**wanted))
        return [fill.execution.orderRef for fill in fills]

    assert await refs() == ["mine", "theirs"]
    assert await refs(clientId=2) == await refs(symbol="MSFT") == await refs(side="SELL") == ["theirs"]
    assert await refs(time="20261123 10:02:00") == await refs(time="20261123-15:02:00") == ["theirs"]
    assert await refs(time="20261123") == await refs(time="20261123-10:02:00") == ["mine", "theirs"]
    assert await refs(acctCode="DU7654321") == await refs(secType="OPT") == await refs(exchange="CME") == []


async def test_a_completed_order_is_known_by_perm_id_and_reference(bench: Bench) -> None:
    ib = await bench.connect()
    filled, cancelled = place(ib, an_order("MKT", orderRef="f")), place(ib, an_order(lmtPrice=90, orderRef="c"))
    await bench.moved(ib)
    ib.cancelOrder(cancelled.order)
    await bench.moved(ib)
    done = await (await bench.connect(2)).reqCompletedOrdersAsync(False)
    assert [(t.order.orderRef, t.order.permId, t.orderStatus.status) for t in done] == [
        ("f", filled.order.permId, "Filled"),
        ("c", cancelled.order.permId, "Cancelled"),
    ]
    assert {(t.order.orderId, t.order.clientId) for t in done} == {(0, 0)}
    assert [t.order.filledQuantity for t in done] == [10, 0]


async def test_what_was_typed_into_tws_can_be_bound_by_client_0(bench: Bench) -> None:
    manual = acts.ManualOrder(con_id=AAPL, side="BUY", quantity=Decimal(5), limit_price=Decimal(90), order_ref="hand")
    bench.do(manual)
    other = await bench.connect(3)
    [seen] = await other.reqAllOpenOrdersAsync()
    assert (seen.order.orderId, seen.order.orderRef) == (0, "hand")
    zero = await bench.connect(0)
    [mine] = zero.openTrades()
    assert mine.order.orderId == -1 and mine.order.permId == seen.order.permId
    bound: list[tuple[int, ...]] = []
    wrapper: Any = zero.wrapper
    wrapper.orderBound = lambda *told: bound.append(told)
    bench.do(manual)
    await bench.settle(zero)
    assert sorted(trade.order.orderId for trade in zero.openTrades()) == [-2, -1]
    assert bound == [(zero.openTrades()[-1].order.permId, 0, -2)]
    zero.cancelOrder(mine.order)
    await bench.moved(zero)
    assert {trade.orderStatus.status for trade in zero.trades()} == {"Cancelled", "Submitted"}
    assert await zero.reqCompletedOrdersAsync(True) == []
    zero.reqAutoOpenOrders(False)
    await bench.settle(zero)
    bench.do(manual)
    await bench.settle(zero)
    assert 0 in {trade.order.orderId for trade in await other.reqAllOpenOrdersAsync()}, "nobody has bound the third one"
    assert sorted(trade.order.orderId for trade in await zero.reqOpenOrdersAsync()) == [-3, -2]
    heard = errors_of(other)
    other.reqAutoOpenOrders(True)
    await bench.settle(other)
    assert [code for _, code, _ in heard] == [321]


async def test_numbers_of_any_spelling_mean_not_set(bench: Bench) -> None:
    """The official client writes the largest double where the other writes nothing."""
    ib = await bench.connect()
    order = an_order("TRAIL", auxPrice=2)
    fields: list[Any] = []
    raw(ib).send = lambda *values, **_: fields.extend(values)
    raw(ib).placeOrder(1, aapl(), order)
    del raw(ib).send
    spelled = ["1.7976931348623157e+308" if isinstance(value, float) and value > 1e300 else value for value in fields]
    raw(ib).send(*spelled)
    await bench.settle(ib)
    [trade] = await ib.reqAllOpenOrdersAsync()
    assert trade.orderStatus.status == "PreSubmitted" and trade.order.trailStopPrice > 90


def test_the_settings_of_a_newcomer_trade_around_the_clock() -> None:
    assert not Settings().keeps_hours
