"""Each bad day of `docs/twsim.md`, over the wire: never two orders for one reference, nothing lost in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ibgw_tui.core.broker import (
    BrokerState,
    CommissionReport,
    ExecutionReport,
    LinkReport,
    LinkState,
    Notice,
    OrderReport,
)
from ibgw_tui.core.errors import BrokerError, NotConnected, OutcomeUnknown
from ibgw_tui.exchange.instruments import TSLA
from ibgw_tui.twsim import acts
from tests.brokers.bench import connected, listening
from tests.brokers.ib.bench import IbBench, ib_bench
from tests.exchange.market import an_order


def resting(**changes: object):  # type: ignore[no-untyped-def]
    return an_order(TSLA, limit_price="232", **changes)


def stale(bench: IbBench) -> None:
    """The newest proof that the link lives is too old to count."""
    bench.session.proof.alive_at = float("-inf")


# ---- what became of an order


@pytest.mark.parametrize("link", ["close", "keep"])
async def test_lost_before_tws_it_is_nowhere(bench: IbBench, link: str) -> None:
    order = resting()
    async with connected(bench) as ear:
        bench.do(acts.LoseBefore(link=link))  # type: ignore[arg-type]
        await bench.broker.place(order)
        if link == "close":
            await ear.until(lambda: ear.ended)
            await bench.broker.connect()
        snapshot = await bench.broker.snapshot()
        assert snapshot.complete and not (snapshot.open_orders or snapshot.completed_orders or snapshot.executions)
        assert ear.of(order.order_ref) == [], "silence stays silence"
        if link == "keep":  # and the reference is spent all the same
            await bench.broker.place(order)
            await ear.until(lambda: any(isinstance(r, Notice) for r in ear.heard))
    assert len(bench.received("place_order")) == 1 and bench.refs() == []


@pytest.mark.parametrize(
    ("later", "state"),
    [(None, "working"), (acts.Fill(), "filled"), (acts.Kill(reason="test"), "cancelled")],
    ids=["working", "filled", "cancelled"],
)
@pytest.mark.parametrize("link", ["close", "keep"])
async def test_lost_after_tws_took_it_it_is_found_by_reading(
    bench: IbBench, link: str, later: acts.Act | None, state: str
) -> None:
    order = resting()
    async with connected(bench) as ear:
        bench.do(acts.LoseAfter(link=link))  # type: ignore[arg-type]
        await bench.broker.place(order)
        if link == "close":
            await ear.until(lambda: ear.ended)
        else:
            await bench.settle()
        assert ear.of(order.order_ref) == []
        if later is not None:
            bench.do(later)
        if link == "close":
            await bench.broker.connect()
        snapshot = await bench.broker.snapshot()
        found = {r.order_ref: r.state for r in (*snapshot.open_orders, *snapshot.completed_orders)}
        assert found == {order.order_ref: state}
        assert [e.order_ref for e in snapshot.executions] == [order.order_ref] * (state == "filled")
        await bench.broker.place(order)  # whoever tries again
        await bench.settle()
    assert bench.refs() == [order.order_ref]


async def test_a_stalled_tws_gets_no_order_and_its_client_id_is_a_fence(bench: IbBench) -> None:
    first, second = resting(), resting()
    async with connected(bench) as ear:
        await bench.broker.place(first)
        await bench.settle()
        bench.do(acts.Stall())
        stale(bench)
        with pytest.raises(NotConnected) as caught:
            await bench.broker.place(second)
        assert "does not answer" in caught.value.message
        await bench.broker.close()
        with pytest.raises(BrokerError) as taken:
            await bench.broker.connect()
        assert "326" in taken.value.message, "the same client id, and no other one"
        bench.do(acts.Resume())
        await bench.broker.connect()
        snapshot = await bench.broker.snapshot()
        assert [r.order_ref for r in snapshot.open_orders] == [first.order_ref]
        assert ear.ended
    assert bench.refs() == [first.order_ref]


async def test_an_order_in_a_stall_is_carried_out_later_and_heard(bench: IbBench) -> None:
    order = an_order()
    async with connected(bench) as ear:
        await bench.settle()
        bench.session.proof.alive_at = asyncio.get_running_loop().time() + 1e9  # the proof was just good enough
        bench.do(acts.Stall())
        await bench.broker.place(order)
        await asyncio.sleep(0.05)
        assert ear.of(order.order_ref) == []
        bench.do(acts.Resume())
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)


async def test_a_half_open_link_is_found_out_and_given_up() -> None:
    bench = ib_bench(beat_seconds=0.05, silence_seconds=0.2)
    async with bench.opened(), connected(bench) as ear:
        bench.do(acts.HalfOpen())
        stale(bench)
        with pytest.raises(NotConnected):
            await bench.broker.place(resting())
        await ear.until(lambda: ear.ended)
        link = ear.heard[-1]
        assert isinstance(link, LinkReport) and "does not answer" in link.text
        with pytest.raises(BrokerError, match="326"):
            await bench.broker.connect()
        bench.do(acts.HangUp())
        await bench.broker.connect()
        assert (await bench.broker.snapshot()).open_orders == ()


async def test_a_fill_after_the_cancel_is_heard(bench: IbBench) -> None:
    order = resting()
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await bench.broker.cancel(order.order_ref)
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.CANCELLED)
        bench.do(acts.Fill(order_ref=order.order_ref))
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        assert [type(r) for r in ear.heard[-2:]] != [Notice, Notice]
        assert any(isinstance(r, ExecutionReport) for r in ear.heard)


async def test_an_id_that_is_offered_again_is_not_used_again(bench: IbBench, tmp_path: Path) -> None:
    bench.ids_path = tmp_path / "ids.json"
    broker = bench.broker = bench.another()
    first, second = an_order(), resting()
    async with connected(bench) as ear:
        await broker.place(first)
        await bench.advance()
        await ear.until_state(first.order_ref, BrokerState.FILLED)
    bench.do(acts.RollBack(ids=50))
    bench.broker = bench.another()  # another process, with nothing but the file
    async with connected(bench) as ear:
        await bench.broker.place(second)
        working = await ear.until_state(second.order_ref, BrokerState.WORKING)
        assert ear.of(first.order_ref) == []
        used = [request.values["orderId"] for request in bench.received("place_order")]
        assert len(set(used)) == 2 and int(used[1]) > int(used[0])
        snapshot = await bench.broker.snapshot()
        perms = {r.order_ref: r.perm_id for r in (*snapshot.open_orders, *snapshot.completed_orders)}
        assert perms[second.order_ref] == working.perm_id != perms[first.order_ref]


async def test_everything_twice_is_told_once(bench: IbBench) -> None:
    order = an_order()
    async with connected(bench) as ear:
        bench.do(acts.Duplicates())
        await bench.broker.place(order)
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        await bench.broker.snapshot()
        await bench.broker.snapshot()
        await bench.settle()
        assert [r.state for r in ear.of(order.order_ref)] == [BrokerState.WORKING, BrokerState.FILLED]
        assert sum(isinstance(r, ExecutionReport) for r in ear.heard) == 1
        assert sum(isinstance(r, CommissionReport) for r in ear.heard) == 1


# ---- TWS without its own link


@pytest.mark.parametrize("back", ["restored", "restored_data_lost"])
async def test_1100_freezes_and_listens_until_everything_was_read(bench: IbBench, back: str) -> None:
    filled, cancelled = resting(), resting()
    async with connected(bench) as ear:
        for order in (filled, cancelled):
            await bench.broker.place(order)
        contract = filled.contract
        await bench.broker.quote(contract)
        bench.do(acts.Connectivity(state="lost"))
        await ear.until(lambda: _states(ear.heard)[-1:] == [LinkState.BROKER_UNREACHABLE])
        for act in (bench.broker.place, bench.broker.modify):
            with pytest.raises(NotConnected):
                await act(resting())
        with pytest.raises(OutcomeUnknown):
            await bench.broker.cancel(cancelled.order_ref)
        assert not (await bench.broker.snapshot()).complete
        bench.do(acts.Fill(order_ref=filled.order_ref))
        bench.do(acts.Connectivity(state=back))  # type: ignore[arg-type]
        await ear.until(lambda: _states(ear.heard)[2:] == [LinkState.CONNECTED])
        await bench.advance()
        await ear.until_state(filled.order_ref, BrokerState.FILLED)
        await ear.until_state(cancelled.order_ref, BrokerState.CANCELLED)
        assert (await bench.broker.quote(contract)).bid is not None, "what was lost is subscribed again"
        assert len(bench.received("req_mkt_data")) == (2 if back == "restored_data_lost" else 1)
        assert bench.received("req_account_summary") == []
        await bench.broker.place(resting())
        assert (await bench.broker.snapshot()).complete
    assert len(bench.refs()) == 3


def _states(heard: Sequence[object]) -> list[LinkState]:
    return [report.state for report in heard if isinstance(report, LinkReport)]


async def test_nothing_is_sent_before_the_lists_were_read(bench: IbBench) -> None:
    async with connected(bench) as ear:
        bench.do(acts.Connectivity(state="lost"))
        bench.do(acts.Swallow(answer="completed_orders_end", count=1))
        bench.do(acts.Connectivity(state="restored"))
        await bench.settle()
        with pytest.raises(NotConnected):
            await bench.broker.place(resting())
        assert _states(ear.heard)[-1] is LinkState.BROKER_UNREACHABLE
        # One end was swallowed for ever: the session cannot match ends to lists any more, and says so.
        await ear.until(lambda: ear.ended)
    assert bench.refs() == []


async def test_a_broken_data_farm_is_no_broken_link(bench: IbBench) -> None:
    async with connected(bench) as ear:
        bench.do(acts.Say(code=2103, text="farm"), acts.Say(code=2104, text="farm"))
        await bench.settle()
        assert _states(ear.heard) == [LinkState.CONNECTED]
        assert [r.code for r in ear.heard if isinstance(r, Notice)] == [2103]
        await bench.broker.place(resting())


async def test_a_changed_port_ends_the_session(bench: IbBench) -> None:
    async with connected(bench) as ear:
        bench.do(acts.Say(code=1300, text="TWS socket port has been reset"))
        await ear.until(lambda: ear.ended)
        assert isinstance(ear.heard[-1], LinkReport) and "1300" in ear.heard[-1].text


# ---- lists


@pytest.mark.parametrize("answer", ["open_order_end", "completed_orders_end", "exec_details_end"])
async def test_a_list_that_did_not_end_is_not_complete(bench: IbBench, answer: str) -> None:
    async with connected(bench):
        bench.do(acts.Swallow(answer=answer))
        assert not (await bench.broker.snapshot()).complete


async def test_a_late_end_does_not_complete_the_next_list(bench: IbBench) -> None:
    order = resting()
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await ear.until_state(order.order_ref, BrokerState.WORKING)
        bench.do(acts.Stall())
        assert not (await bench.broker.snapshot()).complete
        bench.do(acts.Resume())
        snapshot = await bench.broker.snapshot()
        assert snapshot.complete and [r.order_ref for r in snapshot.open_orders] == [order.order_ref]


async def test_many_snapshots_at_once_do_not_disturb_each_other(bench: IbBench) -> None:
    async with connected(bench):
        await bench.broker.place(resting())
        snapshots = await asyncio.gather(*(bench.broker.snapshot() for _ in range(5)))
        assert all(snapshot.complete and len(snapshot.open_orders) == 1 for snapshot in snapshots)


async def test_orders_of_others_are_listed_and_not_ours_to_touch(bench: IbBench) -> None:
    other, theirs = bench.another(client_id=3), resting()
    await other.connect()
    await other.place(theirs)
    await other.snapshot()
    bench.do(acts.ManualOrder(con_id=TSLA, side="BUY", quantity=resting().quantity, limit_price=resting().limit_price))
    async with connected(bench) as ear:
        snapshot = await bench.broker.snapshot()
        assert sorted(r.order_ref for r in snapshot.open_orders) == sorted(["", theirs.order_ref])
        assert [r for r in ear.heard if isinstance(r, OrderReport)] == []
        await bench.broker.cancel(theirs.order_ref)
        await bench.broker.modify(theirs)
        await ear.until(lambda: len(ear.heard) == 3)
        assert "client id 3" in str(ear.heard[1]) and "client id 3" in str(ear.heard[2])
    await other.close()
    assert bench.received("cancel_order") == []


async def test_a_message_that_cannot_be_read_is_said(bench: IbBench) -> None:
    async with connected(bench) as ear:
        (session,) = bench.tws.desk.sessions.values()
        session.send("commission_report", execId="e.01", commission="1", currency="nonsense")
        await ear.until(lambda: any(isinstance(r, Notice) for r in ear.heard))
        assert "commissionReport" in str(ear.heard[-1])
        async with listening(bench.broker):
            await bench.settle()
