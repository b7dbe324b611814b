# ruff: noqa: N802, N803 - the official client calls these names
"""A random hour of trading by two clients, and what others then read of it: all must tell the same story.

The readers are the unmodified `ib_async` at the highest and at the lowest version and, where it is
installed, the official `ibapi`, whose code has nothing in common with the other's.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import threading
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from ib_async import IB, Contract, Order

from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD, INSTRUMENTS, MSFT
from ibgw_tui.twsim import acts
from tests.twsim.bench import ACCOUNT, Bench, a_tws, an_order, place, raw, until

Story = dict[str, Any]


def a_random_order(chance: random.Random, con_id: int, ref: str) -> Order:
    base, tick = INSTRUMENTS[con_id].base, INSTRUMENTS[con_id].finest_tick
    side = chance.choice(["BUY", "SELL"])
    away = float(base + chance.randrange(-20, 20) * tick * 5)
    above, below = float(base + 60 * tick), float(base - 60 * tick)
    stop = above if side == "BUY" else below
    terms: dict[str, Any] = chance.choice(
        [
            {"kind": "MKT"},
            {"kind": "LMT", "lmtPrice": away},
            {"kind": "LMT", "lmtPrice": away, "tif": "IOC"},
            {"kind": "STP", "auxPrice": stop, "tif": "GTC"},
            {"kind": "STP LMT", "auxPrice": stop, "lmtPrice": stop, "tif": "GTD", "goodTillDate": "20261123-15:40:00"},
            {"kind": "TRAIL", "auxPrice": float(tick * 40)},
            {"kind": "TRAIL", "trailingPercent": 1},
            {"kind": "TRAIL LIMIT", "auxPrice": float(tick * 40), "lmtPriceOffset": float(tick)},
        ]
    )
    return an_order(side=side, quantity=chance.choice([1, 2, 5]), orderRef=ref, account=ACCOUNT, **terms)


async def an_hour(bench: Bench, seed: int) -> None:
    """Two clients place, change and cancel; the market moves; now and then something happens to an order."""
    chance = random.Random(seed)
    clients = [await bench.connect(1), await bench.connect(2, version=157)]
    contracts = [AAPL, MSFT, EUR_USD, ES_FRONT, AAPL_CALL]
    for number in range(60):
        ib = chance.choice(clients)
        deed = chance.choice(["place"] * 5 + ["modify", "cancel", "late", "correct"])
        alive = [trade for trade in ib.openTrades() if trade.order.permId]
        if deed == "place":
            con_id = chance.choice(contracts)
            contract = Contract(conId=con_id, exchange=INSTRUMENTS[con_id].contract.exchange)
            place(ib, a_random_order(chance, con_id, f"r{number}"), contract)
        elif deed == "modify" and alive:
            trade = chance.choice(alive)
            trade.order.totalQuantity = float(trade.order.totalQuantity) + 1
            raw(ib).placeOrder(trade.order.orderId, trade.contract, trade.order)
        elif deed == "cancel" and alive:
            ib.cancelOrder(chance.choice(alive).order)
        elif deed in ("late", "correct"):
            try:
                bench.do(acts.Fill() if deed == "late" else acts.Correct(price=Decimal(100)))
            except Exception as error:
                assert type(error).__name__ == "Impossible"
        bench.clock.forward(minutes=1)
        await bench.moved(ib, chance.randrange(1, 5))
    for ib in clients:
        ib.disconnect()
    await until(lambda: not bench.tws.desk.sessions)


def truth(bench: Bench) -> Story:
    """What the exchange itself knows."""
    desk = bench.tws.desk
    refs = {ref: order.values["orderRef"] for ref, order in desk.trading.book.orders.items()}
    snapshot = desk.exchange.snapshot(ACCOUNT)
    return {
        "open": {(refs[o.order_ref], o.perm_id, o.quantity, o.filled) for o in snapshot.open_orders},
        "done": {(refs[o.order_ref], o.perm_id, o.quantity, o.filled) for o in snapshot.completed_orders},
        "fills": {(e.exec_id, refs[e.order_ref], e.perm_id, e.quantity, e.price) for e in snapshot.executions},
        "positions": {(p.con_id, p.quantity) for p in desk.exchange.positions(ACCOUNT)},
        "costs": {(e.report.exec_id, e.commission.amount) for e in desk.exchange.executions(ACCOUNT)},
    }


def exact(value: object) -> Decimal:
    return Decimal(str(value))


async def read_by(ib: IB) -> Story:
    opened, done = await ib.reqAllOpenOrdersAsync(), await ib.reqCompletedOrdersAsync(False)
    await ib.reqCurrentTimeAsync()
    return {
        "open": {
            (t.order.orderRef, t.order.permId, exact(t.order.totalQuantity), exact(t.orderStatus.filled))
            for t in opened
        },
        "done": {
            (t.order.orderRef, t.order.permId, exact(t.order.totalQuantity), exact(t.order.filledQuantity))
            for t in done
        },
        "fills": {
            (
                f.execution.execId,
                f.execution.orderRef,
                f.execution.permId,
                exact(f.execution.shares),
                exact(f.execution.price),
            )
            for f in ib.fills()
        },
        "positions": {(p.contract.conId, exact(p.position)) for p in ib.positions()},
        "costs": {(f.execution.execId, exact(f.commissionReport.commission)) for f in ib.fills()},
    }


def read_by_the_official_client(port: int) -> Story:
    """Runs in a thread: this client blocks."""
    client_module, wrapper_module = (importlib.import_module(f"ibapi.{name}") for name in ("client", "wrapper"))
    execution_module = importlib.import_module("ibapi.execution")
    story: Story = defaultdict(set)
    statuses: dict[int, Decimal] = {}
    opened: dict[int, Any] = {}
    ends: set[str] = set()
    ready, finished = threading.Event(), threading.Event()

    def end(name: str) -> None:
        ends.add(name)
        if ends == {"open", "done", "fills", "positions", "time"}:
            finished.set()

    class Reader(wrapper_module.EWrapper, client_module.EClient):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            client_module.EClient.__init__(self, self)

        def nextValidId(self, orderId: int) -> None:
            ready.set()

        def error(self, reqId: int, errorCode: int, errorString: str) -> None:
            assert 2100 <= errorCode < 2200, (reqId, errorCode, errorString)

        def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
            opened[order.permId] = order

        def orderStatus(
            self, orderId: int, status: str, filled: float, remaining: float, avg: float, permId: int, *more: Any
        ) -> None:
            statuses[permId] = exact(filled)

        def openOrderEnd(self) -> None:
            for perm_id, order in opened.items():
                story["open"].add((order.orderRef, perm_id, exact(order.totalQuantity), statuses[perm_id]))
            end("open")

        def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
            story["done"].add((order.orderRef, order.permId, exact(order.totalQuantity), exact(order.filledQuantity)))

        def completedOrdersEnd(self) -> None:
            end("done")

        def execDetails(self, reqId: int, contract: Any, e: Any) -> None:
            story["fills"].add((e.execId, e.orderRef, e.permId, exact(e.shares), exact(e.price)))

        def execDetailsEnd(self, reqId: int) -> None:
            end("fills")

        def commissionReport(self, report: Any) -> None:
            story["costs"].add((report.execId, exact(report.commission)))

        def position(self, account: str, contract: Any, position: float, avgCost: float) -> None:
            story["positions"].add((contract.conId, exact(position)))

        def positionEnd(self) -> None:
            end("positions")

        def currentTime(self, time: int) -> None:
            end("time")

    reader = Reader()
    reader.connect("127.0.0.1", port, 77)
    threading.Thread(target=reader.run, daemon=True).start()
    assert ready.wait(10)
    reader.reqAllOpenOrders()
    reader.reqCompletedOrders(False)
    reader.reqExecutions(1, execution_module.ExecutionFilter())
    reader.reqPositions()
    reader.reqCurrentTime()
    assert finished.wait(20), ends
    reader.disconnect()
    return story


def like(story: Story, known: Story) -> None:
    for part, facts in known.items():
        assert {tuple(map(str, fact)) for fact in numbers(story[part])} == {
            tuple(map(str, fact)) for fact in numbers(facts)
        }, part


def numbers(facts: set[Any]) -> list[tuple[Any, ...]]:
    """Numbers in one form: floats came by way of the clients."""
    return [tuple(item.normalize() + 0 if isinstance(item, Decimal) else item for item in fact) for fact in facts]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_all_clients_read_what_the_exchange_knows(seed: int) -> None:
    async with a_tws(seed=seed) as bench:
        await an_hour(bench, seed)
        known = truth(bench)
        assert len(known["open"]) > 1 and len(known["done"]) > 8 and len(known["fills"]) > 8 and known["positions"]
        for version in (178, 157):
            ib = await bench.connect(9, version=version)
            like(await read_by(ib), known)
            ib.disconnect()
            await until(lambda: not bench.tws.desk.sessions)


async def test_the_official_client_reads_the_same() -> None:
    pytest.importorskip("ibapi", reason="the official client has a licence of its own; install it to run this")
    async with a_tws(seed=4) as bench:
        await an_hour(bench, 4)
        known = truth(bench)
        other = await bench.connect(9)
        story = await asyncio.to_thread(read_by_the_official_client, bench.tws.port)
        like(story, known)
        like(await read_by(other), known)
