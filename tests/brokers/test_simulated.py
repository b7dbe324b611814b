"""What is particular to the simulated broker: its file, its ticks, its faults."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.core.broker import BrokerState, ExecutionReport, LinkReport, LinkState, OrderReport, Report
from ibgw_tui.core.errors import BrokerError, NotConnected, OutcomeUnknown
from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import CancelFault, Faults, PlaceFault, Rejection
from ibgw_tui.state_file import StateFile, Taken
from tests.brokers.bench import DEADLINE_SECONDS, SimulatedBench, connected, listening, simulated_bench
from tests.exchange.market import an_order
from tests.makers import SettableClock, an_intent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "market.json"


def on_file(path: Path, **more: Any) -> SimulatedBench:
    return simulated_bench(state_path=path, **more)


# ---- the file


async def test_a_restart_finds_working_orders_positions_and_prices(path: Path) -> None:
    resting, bought = an_order(limit_price="90"), an_order(quantity="3")
    async with connected(before := on_file(path)):
        await before.broker.place(bought)
        await before.broker.place(resting)
        await before.advance(20)
        first = await before.broker.snapshot()
        price = await before.broker.quote(bought.contract)
    after = on_file(path, seed=999)  # the file's own seed counts
    after.clock.now = before.clock.now
    async with connected(after) as ear:
        now = await after.broker.quote(bought.contract)
        assert now.bid is not None and price.bid is not None and abs(now.bid - price.bid) < Decimal("0.05")
        snapshot = await after.broker.snapshot()
        assert snapshot.open_orders == first.open_orders and snapshot.executions == first.executions
        assert [p.quantity for p in await after.broker.positions("DU1234567")] == [3]
        await after.broker.cancel(resting.order_ref)
        await after.advance()
        await ear.until_state(resting.order_ref, BrokerState.CANCELLED)
        await after.broker.place(bought)  # even now it is the same order
        sold = an_order()
        await after.broker.place(sold)
        await after.advance()
        await ear.until_state(sold.order_ref, BrokerState.FILLED)
        executions = (await after.broker.snapshot()).executions
        assert len({e.exec_id for e in executions}) == 2


def test_exec_ids_of_different_markets_differ(tmp_path: Path) -> None:
    async def first_exec_id(bench: SimulatedBench) -> str:
        async with connected(bench):
            await bench.broker.place(an_order())
            await bench.advance()
            return (await bench.broker.snapshot()).executions[0].exec_id

    later = simulated_bench()
    later.clock.forward(seconds=1)
    assert asyncio.run(first_exec_id(simulated_bench())) != asyncio.run(first_exec_id(later))


async def test_the_file_is_private_whole_and_without_floats(path: Path) -> None:
    old_mask = os.umask(0)
    try:
        async with connected(bench := on_file(path)):
            await bench.broker.place(an_order(limit_price="90"))
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

            def refuse(text: str) -> None:
                raise AssertionError(text)

            assert json.loads(path.read_text(), parse_float=refuse)["version"] == 1
            assert sorted(p.name for p in path.parent.iterdir()) == ["market.json", "market.json.lock"]
    finally:
        os.umask(old_mask)


async def test_placing_is_saved_before_it_returns_and_a_fill_before_it_is_told(path: Path) -> None:
    async with connected(bench := on_file(path)) as ear:
        order = an_order()
        await bench.broker.place(order)
        assert order.order_ref in path.read_text()
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        (execution,) = [r for r in ear.heard if isinstance(r, ExecutionReport)]
        assert execution.exec_id in path.read_text()


CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from ibgw_tui.brokers.simulated import SimulatedBroker
from tests.exchange.market import an_order

async def main():
    broker = SimulatedBroker(lambda: datetime.now(UTC), state_path=Path(sys.argv[1]), tick_seconds=0.002)
    await broker.connect()
    for number in range(10_000):
        ref = f"{sys.argv[2]}-{number}"
        await broker.place(an_order(order_ref=ref, limit_price="90" if number % 2 else "101"))
        print(ref, flush=True)

asyncio.run(main())
"""


async def test_a_killed_terminal_loses_no_order_it_was_told_of(path: Path) -> None:
    """SIGKILL at some moment between two writes, three times over the same file."""
    told: list[str] = []
    for life in range(3):
        command = [sys.executable, "-c", CHILD, str(path), f"life{life}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            told += [child.stdout.readline().strip() for _ in range(5 + 7 * life)]
            child.send_signal(signal.SIGKILL)
            told += [line.strip() for line in child.stdout.read().splitlines()]
    bench = on_file(path)
    async with connected(bench):
        snapshot = await bench.broker.snapshot()
        known = {r.order_ref for r in (*snapshot.open_orders, *snapshot.completed_orders)}
        assert len(told) >= 5 + 12 + 19 and set(told) <= known
        filled = {r.order_ref for r in snapshot.completed_orders if r.state is BrokerState.FILLED}
        assert {e.order_ref for e in snapshot.executions} == filled
        assert len({e.exec_id for e in snapshot.executions}) == len(snapshot.executions)
        held = sum(p.quantity for p in await bench.broker.positions("DU1234567"))
        assert held == sum(e.quantity for e in snapshot.executions)


async def test_one_process_at_a_time(path: Path) -> None:
    async with connected(on_file(path)):
        with pytest.raises(BrokerError, match="another process"):
            await on_file(path).broker.connect()
        program = "import sys; from pathlib import Path; from ibgw_tui.state_file import StateFile\n"
        program += "try: StateFile(Path(sys.argv[1])).hold()\nexcept Exception as e: print(type(e).__name__)"
        done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == Taken.__name__
    async with connected(on_file(path)):
        pass


async def test_another_process_may_trade_in_between(path: Path) -> None:
    first, second = on_file(path), on_file(path)
    await first.broker.connect()
    await first.broker.close()
    order = an_order(limit_price="90")
    async with connected(second):
        await second.broker.place(order)
    async with connected(first):
        assert [r.order_ref for r in (await first.broker.snapshot()).open_orders] == [order.order_ref]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"version": 1, "seed": 1.5}', '{"version": 1}'])
async def test_a_damaged_file_is_refused_and_left_alone(path: Path, content: str) -> None:
    path.write_text(content)
    for _ in range(2):
        with pytest.raises(BrokerError, match="cannot be read") as caught:
            await on_file(path).broker.connect()
        assert str(path) in caught.value.user_action
    assert path.read_text() == content


async def test_a_folder_that_is_not_there_is_the_reason(path: Path) -> None:
    with pytest.raises(BrokerError, match="No such file"):
        await on_file(path.parent / "nowhere" / "market.json").broker.connect()


async def test_what_could_not_be_saved_is_in_doubt_and_never_happened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(bench := on_file(path)) as ear:
        kept, lost = an_order(limit_price="90"), an_order(limit_price="90")
        await bench.broker.place(kept)

        def full(self: StateFile, data: dict[str, Any]) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(StateFile, "write", full)
            with pytest.raises(OutcomeUnknown, match="No space left"):
                await bench.broker.place(lost)
        await ear.until(lambda: ear.ended)
        assert ear.of(lost.order_ref) == []
        assert isinstance(ear.heard[-1], LinkReport) and ear.heard[-1].state is LinkState.DISCONNECTED
        with pytest.raises(NotConnected):
            await bench.broker.place(an_order())
        await bench.broker.connect()
        assert [r.order_ref for r in (await bench.broker.snapshot()).open_orders] == [kept.order_ref]


# ---- the ticks


async def test_the_market_moves_by_itself() -> None:
    broker = SimulatedBroker(SettableClock(), tick_seconds=0.001)
    order = an_order()
    await broker.connect()
    async with listening(broker) as ear:
        await broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.FILLED)
    await broker.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "simulated-market"]


async def test_a_market_that_breaks_says_so_and_starts_again_from_its_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker = SimulatedBroker(SettableClock(), state_path=path, tick_seconds=0.001)
    order = an_order(limit_price="90")
    await broker.connect()
    async with listening(broker) as ear:
        await broker.place(order)

        def broken(self: Exchange, at: datetime) -> list[Report]:
            raise RuntimeError("a mistake of ours")

        with monkeypatch.context() as patch:
            patch.setattr(Exchange, "step", broken)
            await ear.until(lambda: ear.ended)
        last = ear.heard[-1]
        assert isinstance(last, LinkReport) and "a mistake of ours" in last.text
        with pytest.raises(NotConnected):
            await broker.quote(order.contract)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "the simulated market stopped" not in caplog.text:
            await asyncio.sleep(0)  # said in a later turn of the loop, in which one depends on the Python
    await broker.connect()
    assert [r.order_ref for r in (await broker.snapshot()).open_orders] == [order.order_ref]
    async with listening(broker) as ear:
        second = an_order()
        await broker.place(second)
        await ear.until_state(second.order_ref, BrokerState.FILLED)  # it ticks again
    await broker.close()


async def test_without_ticks_only_steps_move_it() -> None:
    async with connected(bench := simulated_bench()):
        contract = await bench.broker.resolve(an_intent())
        before = await bench.broker.quote(contract)
        bench.clock.forward(minutes=2)
        assert await bench.broker.quote(contract) == before, "it ages"
        await bench.advance(9)
        assert await bench.broker.quote(contract) != before


async def test_two_brokers_of_one_seed_show_one_market() -> None:
    one, other = simulated_bench(seed=3), simulated_bench(seed=3)
    async with connected(one), connected(other):
        contract = await one.broker.resolve(an_intent(symbol="SPY"))
        for _ in range(50):
            assert await one.broker.quote(contract) == await other.broker.quote(contract)
            await one.advance()
            await other.advance()


# ---- modes, hours


async def test_the_mode_decides_which_account_is_managed(path: Path) -> None:
    live = on_file(path, mode=Mode.LIVE)
    async with connected(live) as ear:
        assert await live.broker.managed_accounts() == ("U1234567",)
        assert (await live.broker.account("U1234567")).mode is Mode.LIVE
        order, foreign = an_order(account="U1234567"), an_order(account="DU1234567")
        await live.broker.place(order)
        await live.broker.place(foreign)
        await live.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        assert (await ear.until_state(foreign.order_ref, BrokerState.REJECTED)).text.startswith("321 ")
    async with connected(paper := on_file(path)):
        assert (await paper.broker.account("DU1234567")).mode is Mode.PAPER
        assert await paper.broker.positions("DU1234567") == ()


async def test_hours_are_offered() -> None:
    async with connected(bench := simulated_bench()):
        contract = await bench.broker.resolve(an_intent())
        hours = await bench.broker.hours(contract)
        assert hours is not None and hours.is_liquid and hours.time_zone == "America/New_York"
        assert await bench.broker.hours(contract.replaced(con_id=1)) is None


# ---- the faults


async def test_a_rejection_on_command_is_spent_by_one_order() -> None:
    async with connected(bench := simulated_bench()) as ear:
        bench.inflict(Faults(reject_next=Rejection(201, "Order rejected - reason: test")))
        first, second = an_order(), an_order()
        await bench.broker.place(first)
        await bench.broker.place(second)
        rejected = await ear.until_state(first.order_ref, BrokerState.REJECTED)
        assert rejected.text == "201 Order rejected - reason: test"
        await ear.until_state(second.order_ref, BrokerState.WORKING)


async def test_late_answers_come_so_many_steps_later() -> None:
    async with connected(bench := simulated_bench()) as ear:
        bench.inflict(Faults(delay_steps=4))
        order = an_order(limit_price="90")
        await bench.broker.place(order)
        await bench.advance(3)
        await asyncio.sleep(0)
        assert ear.of(order.order_ref) == []
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.WORKING)


async def test_a_hanging_place_has_happened_all_the_same() -> None:
    async with connected(bench := simulated_bench()) as ear:
        bench.inflict(Faults(place=PlaceFault.HANG))
        order = an_order(limit_price="90")
        task = asyncio.create_task(bench.broker.place(order))
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [r.order_ref for r in (await bench.broker.snapshot()).open_orders] == [order.order_ref]


async def test_a_caller_that_gives_up_leaves_no_half_order(path: Path) -> None:
    """Cancelled while the file is being written: the order is whole, saved and reported."""
    async with connected(bench := on_file(path)) as ear:
        order = an_order(limit_price="90")
        task = asyncio.create_task(bench.broker.place(order))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        assert order.order_ref in path.read_text()


@pytest.mark.parametrize("fault", [CancelFault.LOST, CancelFault.UNKNOWN, CancelFault.FILLED_AFTER])
async def test_faults_of_a_cancel(fault: CancelFault) -> None:
    async with connected(bench := simulated_bench()) as ear:
        order = an_order(limit_price="90")
        await bench.broker.place(order)
        bench.inflict(Faults(cancel=fault))
        if fault is CancelFault.UNKNOWN:
            with pytest.raises(OutcomeUnknown):
                await bench.broker.cancel(order.order_ref)
        else:
            await bench.broker.cancel(order.order_ref)
        await bench.advance(3)
        expected = {
            CancelFault.LOST: BrokerState.WORKING,
            CancelFault.UNKNOWN: BrokerState.CANCELLED,
            CancelFault.FILLED_AFTER: BrokerState.FILLED,
        }[fault]
        snapshot = await bench.broker.snapshot()
        assert [r.state for r in (*snapshot.open_orders, *snapshot.completed_orders)] == [expected]
        await ear.until_state(order.order_ref, expected)


async def test_fills_after_a_lost_acknowledgement_are_reported() -> None:
    async with connected(bench := simulated_bench()) as ear:
        bench.inflict(Faults(place=PlaceFault.LOSE_ACK))
        order = an_order()
        with pytest.raises(OutcomeUnknown):
            await bench.broker.place(order)
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        assert [type(r) for r in ear.heard[1:3]] == [ExecutionReport, OrderReport]


async def test_a_cut_session_can_be_opened_again_with_the_market_running(path: Path) -> None:
    async with connected(bench := on_file(path, faults=Faults(link=LinkState.BROKER_UNREACHABLE))) as ear:
        (link,) = await ear.count(1)
        assert isinstance(link, LinkReport) and link.state is LinkState.BROKER_UNREACHABLE
        bench.inflict(Faults(link=LinkState.DISCONNECTED))
        await ear.until(lambda: ear.ended)
        await bench.advance()
        bench.inflict(Faults())
        await bench.broker.connect()
        await bench.broker.place(an_order())
    with pytest.raises(NotConnected):
        await bench.broker.step()
