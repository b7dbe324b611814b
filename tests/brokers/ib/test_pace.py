"""Nothing waits in the library's queue, and TWS never hears more than it allows."""

from __future__ import annotations

import asyncio

from ibgw_tui.brokers.ib_pace import Pace
from ibgw_tui.core.broker import BrokerState, Notice
from ibgw_tui.exchange.instruments import TSLA
from tests.brokers.bench import connected
from tests.brokers.ib.bench import ib_bench
from tests.exchange.market import an_order


def test_the_window_slides() -> None:
    now = 0.0
    pace = Pace(3, lambda: now)
    pace.spent(2)
    assert pace.delay(1) == 0 and pace.delay(2) == 1.0
    now = 0.4
    pace.spent(1)
    assert abs(pace.delay(1) - 0.6) < 1e-9
    now = 1.0
    assert pace.delay(2) == 0 and abs(pace.delay(3) - 0.4) < 1e-9


async def test_a_burst_keeps_the_pace_and_every_order_arrives_once() -> None:
    """Unpaced they would be too many for TWS at once. Far apart, so that a machine that stalls does not bunch them up."""
    bench = ib_bench(messages_per_second=20, tws_messages_per_second=50, start_seconds=2.0, answer_seconds=10.0)
    orders = [an_order(TSLA, limit_price="232") for _ in range(60)]
    async with bench.opened(), connected(bench) as ear:
        waited = []
        bench.session.ib.client.throttleStart += lambda: waited.append(True)
        await asyncio.gather(*(bench.broker.place(order) for order in orders))
        for order in orders:
            await ear.until_state(order.order_ref, BrokerState.WORKING)
        assert waited == [] and not [r for r in ear.heard if isinstance(r, Notice)]
        assert sorted(bench.refs()) == sorted(order.order_ref for order in orders)
