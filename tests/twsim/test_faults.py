"""Each trouble on command, as the unmodified client meets it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from ib_async import IB, StartupFetch

from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.control import Impossible
from tests.twsim.bench import ACCOUNT, Bench, aapl, an_order, errors_of, place, raw, until


async def look_up(bench: Bench, client_id: int = 9) -> dict[str, str]:
    """What somebody else finds: reference -> where it stands, in open orders, completed orders and executions."""
    ib = await bench.connect(client_id)
    found = {trade.order.orderRef: trade.orderStatus.status for trade in await ib.reqAllOpenOrdersAsync()}
    found |= {t.order.orderRef: t.orderStatus.status for t in await ib.reqCompletedOrdersAsync(False)}
    found |= {fill.execution.orderRef: "Filled" for fill in ib.fills()}
    ib.disconnect()
    await until(lambda: client_id not in bench.tws.desk.sessions)
    return found


@pytest.mark.parametrize("link", ["close", "keep"])
async def test_an_order_that_is_lost_before_tws_read_it_does_not_exist(bench: Bench, link: Any) -> None:
    ib = await bench.connect()
    bench.do(acts.LoseBefore(link=link))
    trade = place(ib, an_order(lmtPrice=90, orderRef="lost"))
    if link == "close":
        await until(lambda: not ib.isConnected())
    else:
        await bench.moved(ib)
    assert trade.orderStatus.status == "PendingSubmit" and trade.order.permId == 0
    assert [request.values["orderRef"] for request in bench.received("place_order")] == ["lost"]
    assert await look_up(bench) == {}


@pytest.mark.parametrize("link", ["close", "keep"])
@pytest.mark.parametrize(
    ("later", "found"),
    [(None, "Submitted"), (acts.Fill(), "Filled"), (acts.Kill(reason="test"), "Cancelled")],
    ids=["working", "filled", "cancelled"],
)
async def test_an_order_that_is_lost_after_tws_took_it_can_only_be_found(
    bench: Bench, link: Any, later: acts.Act | None, found: str
) -> None:
    ib = await bench.connect()
    bench.do(acts.LoseAfter(link=link))
    trade = place(ib, an_order(lmtPrice=90, orderRef="taken"))
    if link == "close":
        await until(lambda: not ib.isConnected())
    else:
        await bench.settle(ib)
    assert trade.orderStatus.status == "PendingSubmit" and trade.order.permId == 0
    if later is not None:
        bench.do(later)
    assert await look_up(bench) == {"taken": found}


async def test_a_fault_is_spent_by_the_request_and_the_client_it_is_meant_for(bench: Bench) -> None:
    one, two = await bench.connect(1), await bench.connect(2)
    bench.do(acts.LoseBefore(request="cancel_order", client=2, link="keep"))
    trades = [place(one, an_order(lmtPrice=90)), place(two, an_order(lmtPrice=90))]
    await bench.settle(one)
    await bench.settle(two)
    one.cancelOrder(trades[0].order)
    raw(two).cancelOrder(trades[1].order.orderId)
    await bench.moved(one)
    await bench.moved(two)
    assert [trade.orderStatus.status for trade in trades] == ["Cancelled", "Submitted"]
    two.cancelOrder(trades[1].order)
    await bench.moved(two)
    assert trades[1].orderStatus.status == "Cancelled"


@pytest.mark.parametrize("code", [100, 103, 110, 135, 161, 201, 203, 320, 321, 322, 354, 404, 434, 10147, 10311])
async def test_any_request_can_be_answered_with_any_code(bench: Bench, code: int) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    bench.do(acts.Answer(request="place_order", code=code, text="because"))
    trade = place(ib, an_order(lmtPrice=90))
    await bench.moved(ib)
    assert heard == [(trade.order.orderId, code, "because")]
    assert await look_up(bench) == {}


@pytest.mark.parametrize("code", [399, 2109, 10349])
async def test_a_code_can_come_along_with_what_was_asked_for(bench: Bench, code: int) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    bench.do(acts.Answer(request="place_order", code=code, text="note", carried_out=True))
    place(ib, an_order(lmtPrice=90, orderRef="alive"))
    await bench.settle(ib)
    assert [code for _, code, _ in heard] == [code]
    assert await look_up(bench) == {"alive": "Submitted"}


async def test_the_next_request_of_any_kind_can_fail(bench: Bench) -> None:
    ib = await bench.connect()
    bench.do(acts.Answer(code=322, text="no"))
    with pytest.raises(Exception, match="322"):
        await ib.reqContractDetailsAsync(aapl())
    assert await ib.reqContractDetailsAsync(aapl())


async def test_codes_can_come_unasked(bench: Bench) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, orderRef="x"))
    await bench.settle(ib)
    heard = errors_of(ib)
    bench.do(
        acts.Say(code=10349, text="preset", newest_order=True),
        acts.Say(code=201, text="late", order_ref="x"),
        acts.Say(code=2103, text="farm"),
        acts.Say(code=1300, text="port", client=7),
    )
    await bench.settle(ib)
    order_id = trade.order.orderId
    assert heard == [(order_id, 10349, "preset"), (order_id, 201, "late"), (-1, 2103, "farm")]
    assert trade.orderStatus.status == "Cancelled", "that is what the library makes of it"
    assert await look_up(bench) == {"x": "Submitted"}


async def test_a_stalled_tws_fences_the_client_id_and_carries_out_the_order_later(bench: Bench) -> None:
    ib = await bench.connect(1)
    bench.do(acts.Stall(client=1))
    place(ib, an_order(lmtPrice=90, orderRef="late"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.1)
    ib.disconnect()
    await asyncio.sleep(0.05)
    assert await look_up(bench) == {}
    again = IB()
    heard = errors_of(again)
    with pytest.raises(TimeoutError):
        await again.connectAsync("127.0.0.1", bench.tws.port, clientId=1, timeout=0.2)
    assert [code for _, code, _ in heard] == [326]
    bench.do(acts.Resume())
    assert await look_up(bench) == {"late": "Submitted"}
    assert [t.order.orderRef for t in (await bench.connect(1)).openTrades()] == ["late"]


async def test_a_stall_that_ends_loses_nothing_in_either_direction(bench: Bench) -> None:
    ib = await bench.connect()
    before = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    bench.do(acts.Stall())
    after = place(ib, an_order(lmtPrice=90))
    bench.do(acts.Fill())
    await asyncio.sleep(0.05)
    assert (before.orderStatus.status, after.orderStatus.status) == ("Submitted", "PendingSubmit")
    bench.do(acts.Resume(client=1))
    await bench.settle(ib)
    assert (before.orderStatus.status, after.orderStatus.status) == ("Filled", "Submitted")


async def test_a_half_open_link_looks_healthy_and_carries_nothing(bench: Bench) -> None:
    ib = await bench.connect(1)
    bench.do(acts.HalfOpen(client=1))
    place(ib, an_order(lmtPrice=90, orderRef="void"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.1)
    assert ib.isConnected()
    assert await look_up(bench) == {}
    ib.disconnect()
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        await IB().connectAsync("127.0.0.1", bench.tws.port, clientId=1, timeout=0.1)
    bench.do(acts.HangUp(client=1))
    await bench.connect(1)


async def test_a_mute_peer_accepts_and_says_nothing(bench: Bench) -> None:
    bench.do(acts.Mute())
    with pytest.raises(TimeoutError):
        await IB().connectAsync("127.0.0.1", bench.tws.port, clientId=1, timeout=0.1)
    await bench.connect(1)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("position_end", "positions"),
        ("open_order_end", "open orders"),
        ("completed_orders_end", "completed orders"),
        ("exec_details_end", "executions"),
        ("account_download_end", "account updates"),
        ("account_update_multi_end", "account updates for"),
    ],
)
async def test_a_synchronisation_can_be_left_unfinished(bench: Bench, answer: str, missing: str) -> None:
    bench.do(acts.Swallow(answer=answer, count=1))
    with pytest.raises(ConnectionError, match=missing):
        await bench.connect(1, timeout=0.15)
    await until(lambda: not bench.tws.desk.sessions)
    await bench.connect(1)
    bench.do(acts.Swallow(answer="managed_accounts"))
    with pytest.raises(TimeoutError):
        await bench.connect(2, timeout=0.1)
    await until(lambda: 2 not in bench.tws.desk.sessions)
    bench.do(acts.Clear())
    await bench.connect(2)


async def test_a_read_only_api_refuses_orders(bench: Bench) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    bench.do(acts.ReadOnly())
    place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    assert heard[0][1] == 321 and "Read-Only" in heard[0][2]
    bench.do(acts.ReadOnly(on=False))
    place(ib, an_order(lmtPrice=90, orderRef="now"))
    await bench.settle(ib)
    assert await look_up(bench) == {"now": "Submitted"}


async def test_previews_may_be_silent_empty_or_doubled(bench: Bench) -> None:
    ib = await bench.connect()
    for reply in ("silent", "unset"):
        bench.do(acts.WhatIfReply(reply=reply))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=90)), 0.1)
    bench.do(acts.WhatIfReply(reply="twice"))
    assert (await ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=90))).initMarginChange == "0.0"
    bench.do(acts.Clear())
    assert float((await ib.whatIfOrderAsync(aapl(), an_order(lmtPrice=90))).initMarginChange) > 1


async def test_statuses_may_come_twice(bench: Bench) -> None:
    ib = await bench.connect()
    heard: list[str] = []
    wrapper: Any = ib.wrapper
    original = wrapper.orderStatus

    def listen(*told: Any) -> None:
        heard.append(told[1])
        original(*told)

    wrapper.orderStatus = listen
    bench.do(acts.Duplicates())
    place(ib, an_order("MKT"))
    await bench.moved(ib)
    assert heard == ["Submitted", "Submitted", "Filled", "Filled"]


@pytest.mark.parametrize(("winner", "history"), [("fill_first", ["Filled"]), ("fill_after", ["Cancelled", "Filled"])])
async def test_a_cancel_can_lose_the_race(bench: Bench, winner: Any, history: list[str]) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    bench.do(acts.CancelRace(winner=winner))
    ib.cancelOrder(trade.order)
    seen = []
    for _ in history:
        await bench.moved(ib)
        seen.append(trade.orderStatus.status)
    assert seen == history
    assert [p.position for p in ib.positions()] == [10]


async def test_a_cancelled_order_can_fill_late(bench: Bench) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, orderRef="late"))
    await bench.settle(ib)
    ib.cancelOrder(trade.order)
    await bench.moved(ib)
    assert trade.orderStatus.status == "Cancelled"
    bench.do(acts.Fill(order_ref="late", quantity=Decimal(4), price=Decimal("89.90")))
    await bench.settle(ib)
    assert (trade.orderStatus.status, trade.orderStatus.filled) == ("Cancelled", 4)
    bench.do(acts.Fill(perm_id=trade.order.permId))
    await bench.settle(ib)
    assert trade.orderStatus.status == "Filled"
    assert [(f.execution.shares, f.execution.price) for f in trade.fills] == [(4, 89.9), (6, 90)]


async def test_what_cannot_happen_now_says_why(bench: Bench) -> None:
    ib = await bench.connect()
    for act in (acts.Fill(), acts.Correct(price=Decimal(1)), acts.Kill(), acts.Say(code=1, newest_order=True)):
        with pytest.raises(Impossible, match="no such order"):
            bench.do(act)
    place(ib, an_order("MKT", orderRef="done"))
    await bench.settle(ib)
    with pytest.raises(Impossible, match="no execution"):
        bench.do(acts.Correct(price=Decimal(1)))
    await bench.moved(ib)
    for act, why in (
        (acts.Fill(), "remain"),
        (acts.Kill(), "not open"),
        (acts.Fill(order_ref="other"), "no such order"),
    ):
        with pytest.raises(Impossible, match=why):
            bench.do(act)
    ib.disconnect()
    await until(lambda: not bench.tws.desk.sessions)
    with pytest.raises(Impossible, match="not connected"):
        bench.do(acts.Say(code=1, newest_order=True))


async def test_order_ids_can_roll_back(bench: Bench) -> None:
    ib = await bench.connect()
    filled = place(ib, an_order("MKT", orderRef="old", orderId=10))
    working = place(ib, an_order(lmtPrice=90, orderRef="open", orderId=11))
    await bench.moved(ib)
    ib.disconnect()
    await until(lambda: not bench.tws.desk.sessions)
    bench.do(acts.RollBack(ids=2))
    again = IB()
    bench.clients.append(again)
    await again.connectAsync("127.0.0.1", bench.tws.port, clientId=1, fetchFields=StartupFetch(0))
    assert again.client.getReqId() == 10
    heard = errors_of(again)
    raw(again).placeOrder(10, aapl(), an_order("MKT", "SELL", orderRef="new", account=ACCOUNT))
    raw(again).placeOrder(11, aapl(), an_order("LMT", "SELL", lmtPrice=120, orderRef="other", account=ACCOUNT))
    await bench.moved(again)
    assert [(about, code) for about, code, _ in heard] == [(11, 105)], "an open order keeps its id"
    fills = await again.reqExecutionsAsync()
    assert [(f.execution.orderId, f.execution.orderRef) for f in fills] == [(10, "old"), (10, "new")]
    assert len({f.execution.permId for f in fills} | {filled.order.permId}) == 2
    assert (await look_up(bench))["open"] == "Submitted" and working.order.permId


async def test_without_a_link_to_the_brokerage_orders_wait_in_tws(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    heard = errors_of(ib)
    before = place(ib, an_order(lmtPrice=98, orderRef="before"))
    ticker = ib.reqMktData(aapl())
    await bench.settle(ib)
    bench.do(acts.Connectivity(state="lost"))
    during = place(ib, an_order(lmtPrice=97, orderRef="during"))
    gone = place(ib, an_order(lmtPrice=96, orderRef="gone"))
    bench.pin("97.50", "97.60")
    await bench.moved(ib, 2)
    assert [code for _, code, _ in heard] == [1100]
    assert ib.isConnected() and (before.orderStatus.status, during.orderStatus.status) == ("Submitted", "PendingSubmit")
    assert during.order.permId == 0 and ticker.ask == 99.6
    ib.cancelOrder(gone.order)
    await bench.settle(ib)
    assert [t.order.orderRef for t in await ib.reqAllOpenOrdersAsync()] == ["during"], "the fill is not known here yet"
    bench.do(acts.Connectivity(state="restored"))
    await bench.moved(ib)
    assert [code for _, code, _ in heard] == [1100, 202, 1102]
    assert (before.orderStatus.status, during.orderStatus.status) == ("Filled", "Submitted")
    assert ticker.ask == 97.6
    assert await look_up(bench) == {"before": "Filled", "during": "Submitted"}


async def test_changes_and_cancels_wait_for_the_link_as_well(bench: Bench) -> None:
    ib = await bench.connect()
    changed, ended = (place(ib, an_order(lmtPrice=90, orderRef=ref)) for ref in ("changed", "ended"))
    await bench.settle(ib)
    bench.do(acts.Connectivity(state="lost"))
    changed.order.lmtPrice = 91
    place(ib, changed.order)
    ib.cancelOrder(ended.order)
    await bench.moved(ib)
    assert ended.orderStatus.status == "PendingCancel"
    bench.do(acts.Connectivity(state="restored"))
    await bench.moved(ib)
    [left] = await (await bench.connect(2)).reqAllOpenOrdersAsync()
    assert (left.order.orderRef, left.order.lmtPrice) == ("changed", 91)


async def test_1101_ends_the_market_data_and_1102_does_not(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    ticker = ib.reqMktData(aapl())
    await bench.settle(ib)
    restored = acts.Connectivity(state="restored"), acts.Connectivity(state="restored_data_lost")
    for act, code, ask in zip(restored, (1102, 1101), (98.6, 98.6), strict=True):
        heard = errors_of(ib)
        bench.do(acts.Connectivity(state="lost"), acts.Connectivity(state="lost"))
        bench.do(act)
        bench.pin("98.50", "98.60" if code == 1102 else "98.90")
        await bench.moved(ib)
        assert [heard_code for _, heard_code, _ in heard] == [1100, code]
        assert ticker.ask == ask
    bench.do(acts.Connectivity(state="lost"))
    heard = []
    late = IB()
    bench.clients.append(late)
    heard = errors_of(late)
    await late.connectAsync("127.0.0.1", bench.tws.port, clientId=4)
    await bench.settle(late)
    assert [code for _, code, _ in heard] == [2110]


async def test_a_restart_breaks_every_link_and_keeps_every_order(bench: Bench) -> None:
    ib = await bench.connect()
    place(ib, an_order("MKT", orderRef="done"))
    place(ib, an_order(lmtPrice=90, orderRef="open"))
    await bench.moved(ib)
    port = bench.tws.port
    bench.do(acts.Restart(seconds=Decimal("0.1")))
    await until(lambda: not ib.isConnected())
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.15)
    assert bench.tws.port == port
    assert await look_up(bench) == {"done": "Filled", "open": "Submitted"}
    bench.do(acts.Restart(forget=True, mode="live"))
    await asyncio.sleep(0.05)
    again = await bench.connect()
    assert again.managedAccounts() == ["U1234567"]
    bench.do(acts.Restart(mode="paper"))
    await asyncio.sleep(0.05)
    assert await look_up(bench) == {"open": "Submitted"}


async def test_links_can_be_cut(bench: Bench) -> None:
    one, two = await bench.connect(1), await bench.connect(2)
    bench.do(acts.HangUp(client=2))
    await until(lambda: not two.isConnected())
    await bench.settle(one)
    bench.do(acts.HangUp())
    await until(lambda: not one.isConnected())


async def test_each_login_sees_the_orders_of_its_own_accounts(bench: Bench) -> None:
    ib = await bench.connect()
    place(ib, an_order(lmtPrice=90, orderRef="paper", orderId=5))
    place(ib, an_order("MKT", orderRef="done", orderId=6))
    await bench.moved(ib)
    bench.do(acts.Restart(mode="live"))
    await asyncio.sleep(0.05)
    assert await look_up(bench) == {}
    ib = await bench.connect()
    heard = errors_of(ib)
    raw(ib).cancelOrder(5)
    await bench.settle(ib)
    assert [code for _, code, _ in heard] == [10147]
    place(ib, an_order(lmtPrice=91, orderRef="live", orderId=7))
    await bench.moved(ib)
    raw(ib).reqGlobalCancel()
    bench.do(acts.Fill(order_ref="paper"))
    await bench.moved(ib)
    assert await look_up(bench) == {"live": "Cancelled"}
    bench.do(acts.Restart(mode="paper"))
    await asyncio.sleep(0.05)
    assert await look_up(bench) == {"paper": "Filled", "done": "Filled"}


async def test_what_waited_for_the_link_is_judged_when_it_is_there(bench: Bench) -> None:
    ib = await bench.connect()
    bench.do(acts.Connectivity(state="lost"))
    heard = errors_of(ib)
    good, poor, late = (place(ib, an_order(lmtPrice=90, orderRef=ref)) for ref in ("good", "poor", "late"))
    await bench.settle(ib)
    good.order.lmtPrice, poor.order.totalQuantity, late.order.lmtPrice = 91, 500_000, 90.001
    for trade in (good, poor, late):
        place(ib, trade.order)
    await bench.moved(ib)
    assert [code for _, code, _ in heard] == [1100]
    bench.do(acts.Connectivity(state="restored"))
    await bench.moved(ib)
    assert [(about, code) for about, code, _ in heard[2:]] == [(poor.order.orderId, 201), (late.order.orderId, 110)]
    limits = {t.order.orderRef: t.order.lmtPrice for t in await (await bench.connect(2)).reqAllOpenOrdersAsync()}
    assert limits == {"good": 91, "poor": 90, "late": 90}


async def test_without_a_link_to_the_brokerage_there_are_no_quotes(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    bench.do(acts.Connectivity(state="lost"))
    [ticker] = await ib.reqTickersAsync(aapl())
    assert not ticker.hasBidAsk()
    ticker = ib.reqMktData(aapl())
    await bench.moved(ib)
    assert not ticker.hasBidAsk()
    bench.do(acts.Connectivity(state="restored"))
    await bench.moved(ib)
    assert (ticker.ask, ticker.marketDataType) == (99.6, 1)


async def test_what_arrives_behind_a_broken_link_was_never_received(bench: Bench) -> None:
    ib = await bench.connect()
    bench.do(acts.LoseBefore())
    for number in range(2000):
        place(ib, an_order(lmtPrice=90, orderRef=f"r{number}"))
    await until(lambda: not ib.isConnected())
    assert len(bench.received("place_order")) == 1
    assert await look_up(bench) == {}


async def test_what_waited_for_the_link_under_another_login_is_not_sent_under_this_one(bench: Bench) -> None:
    ib = await bench.connect()
    bench.do(acts.Connectivity(state="lost"))
    place(ib, an_order(lmtPrice=90, orderRef="paper", account=ACCOUNT))
    await bench.settle(ib)
    bench.do(acts.Restart(mode="live"))
    bench.do(acts.Connectivity(state="restored"))
    await asyncio.sleep(0.05)
    assert bench.tws.desk.trading.book.orders == {}
    assert not bench.tws.desk.exchange.snapshot(ACCOUNT).open_orders


async def test_a_cancel_that_waited_may_come_too_late(bench: Bench) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90))
    await bench.settle(ib)
    bench.do(acts.Connectivity(state="lost"))
    ib.cancelOrder(trade.order)
    await bench.settle(ib)
    bench.do(acts.Fill())
    bench.do(acts.Connectivity(state="restored"))
    await bench.moved(ib)
    assert trade.orderStatus.status == "Filled" and [f.execution.shares for f in trade.fills] == [10]


async def test_a_bracket_that_was_never_transmitted_is_cancelled_whole(bench: Bench) -> None:
    ib = await bench.connect()
    parent = place(ib, an_order(lmtPrice=90, orderId=20, transmit=False, orderRef="p"))
    place(ib, an_order("LMT", "SELL", lmtPrice=110, orderId=21, parentId=20, transmit=False, orderRef="c"))
    await bench.settle(ib)
    raw(ib).cancelOrder(parent.order.orderId)
    await bench.settle(ib)
    assert await look_up(bench) == {}


async def test_manual_orders_are_judged_like_all_others(bench: Bench) -> None:
    with pytest.raises(Impossible, match="not taken"):
        bench.do(acts.ManualOrder(con_id=AAPL, side="BUY", quantity=Decimal(1), limit_price=Decimal("90.001")))
    bench.do(acts.ManualOrder(con_id=AAPL, side="BUY", quantity=Decimal(500_000), order_ref="big"))
    assert await look_up(bench) == {"big": "Inactive"}
    with pytest.raises(Impossible, match="rejected"):
        bench.do(acts.Fill(order_ref="big"))
