"""The kill switch: closed when in doubt about itself, closed by anyone, opened only when all is known."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from ibgw_tui.core.broker import BrokerState, CancelRefused, LinkState
from ibgw_tui.core.errors import Conflict, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.orders import ApprovalStatus, BrokerOrder
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.exchange.faults import CancelFault, Faults
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.submitting import Admission
from ibgw_tui.service.switch import Outcome, cancel_working, heed_file, what_came_of
from tests.service.bench_desk import BenchDesk, bench_desk, fill, working
from tests.service.markets import FILLS, RESTS, at_market, market_desk

# ---- closing


@pytest.mark.parametrize("who", ["operator", "agent"])
async def test_anyone_closes_it_and_what_was_approved_waits_again(tmp_path: Path, who: str) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        close = desk.review.close_switch if who == "operator" else desk.staging.arm_kill_switch
        state = await desk.do(lambda: close("stop"))
        assert (state.state, state.epoch) == (KillSwitch.CLOSED, 1)
        found = await desk.read(record.order_ref)
        assert found.status is Status.PENDING and found.approval is not None
        assert found.approval.status is ApprovalStatus.REVOKED


async def test_an_approval_of_an_earlier_epoch_does_not_pass_even_if_it_was_not_taken_back(tmp_path: Path) -> None:
    """As if the taking back had been forgotten: the epoch says the same a second time."""
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()

        def close_and_open() -> None:
            with desk.store.write() as change:
                for state in (KillSwitch.CLOSED, KillSwitch.OPEN):
                    change.set_switch(state, actor=Actor.OPERATOR, principal="operator-1", reason="r")

        await desk.do(close_and_open)
        refused = await desk.submit(record.order_ref)
        assert refused.status is Status.APPROVED and desk.broker.placed == []
        assert refused.decision is not None and not refused.decision.allowed


async def between_commit_and_wire(desk: BenchDesk, act: Callable[[], object]) -> Status:
    """Submit an approved order, and let something happen after the commit and before the last look."""
    record = await desk.approved()
    admit = desk.submitter._admit

    def admit_and_act(*arguments: object) -> Admission:
        admission = admit(*arguments)  # type: ignore[arg-type]
        act()
        return admission

    desk.submitter._admit = admit_and_act  # type: ignore[method-assign, assignment]
    try:
        return (await desk.submit(record.order_ref)).status
    finally:
        desk.submitter._admit = admit  # type: ignore[method-assign]


async def test_closed_and_opened_again_just_before_the_wire_sends_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:

        def close_and_open() -> None:
            desk.review.close_switch("stop")
            desk.review.open_switch("never mind")

        assert await between_commit_and_wire(desk, close_and_open) is Status.NOT_PLACED
        assert desk.broker.placed == []


async def test_a_cancel_of_everything_just_before_the_wire_sends_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        asked: list[str] = []
        status = await between_commit_and_wire(
            desk, lambda: asked.extend(cancel_working(desk.store, actor=Actor.AGENT, principal="agent-1"))
        )
        assert status is Status.NOT_PLACED and desk.broker.placed == [] and len(asked) == 1
        (swept,) = await desk.do(lambda: what_came_of(desk.store, asked))
        assert swept.outcome is Outcome.NOT_AT_BROKER and swept.is_certain


async def test_a_router_that_lost_its_lease_before_the_wire_sends_nothing(tmp_path: Path) -> None:
    """It stood still between its commit and the wire; the next one has doubted the order meanwhile, or will."""
    async with bench_desk(tmp_path) as desk:

        def take_over() -> None:
            with desk.store.write() as change:
                assert change.take_lease("router-2", 2, over=desk.store.lease()) is not None

        assert await between_commit_and_wire(desk, take_over) is Status.SENDING
        assert desk.broker.placed == []


# ---- the file


async def test_taking_the_file_away_opens_nothing_that_a_router_has_seen_closed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        sentinel = desk.path.parent / "KILL"
        sentinel.touch()
        found: SwitchState = await desk.do(lambda: desk.store.switch())
        assert found.source == "sentinel file" and found.by_file_alone and found.epoch == 0
        assert await desk.do(lambda: heed_file(desk.store, "router-1"))
        assert not await desk.do(lambda: heed_file(desk.store, "router-1")), "once is enough"
        sentinel.unlink()
        found = await desk.do(lambda: desk.store.switch())
        assert (found.state, found.epoch, found.source) == (KillSwitch.CLOSED, 1, "store")
        assert (await desk.read(record.order_ref)).status is Status.PENDING
        kinds = await desk.audit_kinds()
        assert kinds.count("switch.closed") == 1


async def test_a_file_beside_a_closed_switch_changes_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        (desk.path.parent / "KILL").touch()
        assert not await desk.do(lambda: heed_file(desk.store, "router-1"))
        assert await desk.audit_kinds() == []


async def test_the_file_holds_it_closed_whatever_override_is_given(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        (desk.path.parent / "KILL").touch()
        with pytest.raises(NotPermitted, match="KILL"):
            await desk.do(lambda: desk.review.open_switch("all clear", override="I know"))


# ---- opening


async def closed_desk(desk: BenchDesk) -> None:
    await desk.do(lambda: desk.review.close_switch("stop"))


async def opens(desk: BenchDesk, override: str = "") -> SwitchState:
    return await desk.do(lambda: desk.review.open_switch("all clear", override=override))


async def test_a_clean_reconciliation_opens(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await closed_desk(desk)
        assert (await opens(desk)).state is KillSwitch.OPEN
        assert "switch.override" not in await desk.audit_kinds()


async def not_connected(desk: BenchDesk) -> None:
    await desk.do(
        lambda: desk.store.put_facts(link=(LinkState.BROKER_UNREACHABLE.value, "1100", desk.clock())),
    )


async def long_ago(desk: BenchDesk) -> None:
    desk.clock.forward(minutes=2, seconds=1)


async def clock_stepped_back(desk: BenchDesk) -> None:
    desk.clock.forward(hours=-1)


async def in_doubt(desk: BenchDesk) -> None:
    await desk.do(lambda: desk.review.open_switch("before"))
    record = await desk.approved()
    desk.broker.place_error = RuntimeError("socket died")
    await desk.submit(record.order_ref)
    await closed_desk(desk)


async def stranger(desk: BenchDesk) -> None:
    pending = await desk.pending()
    report = working(pending, desk.clock, order_ref="by hand")
    await desk.thread.run(hear, report, desk.lease_token)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (not_connected, "not connected"),
        (long_ago, "newest comparison"),
        (clock_stepped_back, "newest comparison"),
        (in_doubt, "1 order in doubt"),
        (stranger, "1 report of the broker not explained"),
    ],
)
async def test_what_stands_against_opening(tmp_path: Path, trouble: Callable[[BenchDesk], object], words: str) -> None:
    async with bench_desk(tmp_path) as desk:
        await closed_desk(desk)
        await trouble(desk)  # type: ignore[misc]
        with pytest.raises(NotPermitted, match=words) as caught:
            await opens(desk)
        assert caught.value.user_action and (await desk.do(desk.store.switch)).state is KillSwitch.CLOSED
        assert any(words in one for one in (await desk.do(desk.views.desk)).against_opening)
        refusal = await desk.do(lambda: desk.store.latest_audit("switch.refused"))
        assert refusal is not None and any(words in one for one in refusal.body["against"])
        assert (await opens(desk, "the broker's own screens are right")).state is KillSwitch.OPEN
        entry = await desk.do(lambda: desk.store.latest_audit("switch.override"))
        assert entry is not None and entry.body["override"] == "the broker's own screens are right"
        assert entry.principal == "operator-1" and any(words in one for one in entry.body["against"])


async def test_an_incomplete_comparison_is_none(tmp_path: Path) -> None:
    async with market_desk(tmp_path) as desk:
        desk.market.set_faults(Faults(snapshot_incomplete=True))
        await desk.look()
        with pytest.raises(NotPermitted, match="completely"):
            await opens(desk)
        desk.market.set_faults(Faults())
        await desk.look()
        assert (await opens(desk)).state is KillSwitch.OPEN


async def test_a_desk_that_was_never_connected_does_not_open(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        with pytest.raises(NotPermitted, match="no router"):
            await opens(desk)


async def test_what_was_explained_stands_against_nothing_and_what_comes_later_does(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await closed_desk(desk)
        await stranger(desk)
        for through in (0, 2):
            with pytest.raises(InvalidRequest, match="no discrepancy"):
                await desk.do(lambda through=through: desk.review.explain(through, reason="?"))  # type: ignore[misc]
        with pytest.raises(InvalidRequest, match="reason"):
            await desk.do(lambda: desk.review.explain(1, reason=" "))
        assert await desk.do(lambda: desk.review.explain(1, reason="placed by hand")) == 1
        assert (await desk.do(desk.views.desk)).discrepancies == 0
        with pytest.raises(Conflict, match="before"):
            await desk.do(lambda: desk.review.explain(1, reason="again"))
        pending = await desk.pending(quantity="2")
        await desk.thread.run(hear, working(pending, desk.clock), desk.lease_token)
        with pytest.raises(NotPermitted, match="1 report"):
            await opens(desk)


# ---- cancelling what works


async def test_each_order_is_told_as_cancelled_filled_in_the_race_or_unconfirmed(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        fates = [CancelFault.NONE, CancelFault.FILLED_FIRST, CancelFault.LOST]
        refs = [(await desk.working()).order_ref for _ in fates]
        await desk.do(lambda: desk.review.close_switch("stop"))
        asked = await desk.do(lambda: cancel_working(desk.store, actor=Actor.OPERATOR, principal="operator-1"))
        assert asked == refs
        for ref, fate in zip(refs, fates, strict=True):
            desk.market.set_faults(Faults(cancel=fate))
            await desk.market.cancel(ref)
        before = await desk.do(lambda: what_came_of(desk.store, refs))
        assert {swept.outcome for swept in before} == {Outcome.UNCONFIRMED}, (
            "nothing is certain before the broker's word"
        )
        await desk.market.step()
        await desk.hear_all()
        after = await desk.do(lambda: what_came_of(desk.store, refs))
        assert [swept.outcome for swept in after] == [Outcome.CANCELLED, Outcome.FILLED, Outcome.UNCONFIRMED]
        assert after[1].filled == after[1].record.intent.quantity


async def test_a_fill_after_the_cancel_was_confirmed_is_a_fill(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.working()
        await desk.do(lambda: desk.review.ask_cancel(record.order_ref))
        desk.market.set_faults(Faults(cancel=CancelFault.FILLED_AFTER))
        await desk.market.cancel(record.order_ref)
        seen: list[Status] = []
        for _ in range(4):
            await desk.market.step()
            await desk.hear_all()
            seen.append((await desk.read(record.order_ref)).status)
        assert seen[0] is Status.CANCELLED and seen[-1] is Status.FILLED


async def test_a_cancel_that_was_refused_can_be_asked_for_again(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        await desk.thread.run(hear, working(order, desk.clock), desk.lease_token)
        await desk.do(lambda: desk.review.ask_cancel(order.order_ref))
        await desk.do(lambda: noted_as_sent(desk, order.order_ref))
        refusal = CancelRefused(order_ref=order.order_ref, code=161, text="not now", at=desk.clock())
        await desk.thread.run(hear, refusal, desk.lease_token)
        assert (await desk.read(order.order_ref)).status is Status.WORKING
        await desk.do(lambda: desk.review.ask_cancel(order.order_ref))
        again = await desk.read(order.order_ref)
        assert again.status is Status.CANCEL_REQUESTED and again.cancel_sent_at is None, "it is sent anew"


def noted_as_sent(desk: BenchDesk, order_ref: str) -> None:
    with desk.store.write() as change:
        change.note(change.order(order_ref), cancel_sent_at=change.now)


async def test_a_cancel_that_overtakes_the_order_reaches_it_after_all(tmp_path: Path) -> None:
    """Asked for while the order was on its way: the broker does not know it yet, then it does."""
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        await desk.do(lambda: desk.review.ask_cancel(order.order_ref))
        await desk.do(lambda: noted_as_sent(desk, order.order_ref))
        refusal = CancelRefused(order_ref=order.order_ref, code=10147, text="not found", at=desk.clock())
        await desk.thread.run(hear, refusal, desk.lease_token)
        assert (await desk.read(order.order_ref)).status is Status.IN_DOUBT, "not found proves nothing"
        await desk.thread.run(hear, working(order, desk.clock), desk.lease_token)
        found = await desk.read(order.order_ref)
        assert found.status is Status.CANCEL_REQUESTED and found.cancel_sent_at is None, "the wish is sent anew"
        await desk.thread.run(hear, working(order, desk.clock, state=BrokerState.CANCELLED), desk.lease_token)
        assert (await desk.read(order.order_ref)).status is Status.CANCELLED


async def test_a_fill_that_overtakes_the_cancel_of_a_sent_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        asked = await desk.do(lambda: cancel_working(desk.store, actor=Actor.AGENT, principal="agent-1"))
        await desk.thread.run(hear, fill(order, desk.clock, "1"), desk.lease_token)
        (swept,) = await desk.do(lambda: what_came_of(desk.store, asked))
        assert swept.outcome is Outcome.FILLED


# ---- racing


@pytest.mark.parametrize("after", [0, 1, 7, 25])
async def test_a_kill_that_races_many_submits_leaves_nothing_unexplained(tmp_path: Path, after: int) -> None:
    """The switch closes, and all is cancelled, while orders are between approval, commit and wire."""
    async with market_desk(tmp_path, opened=True) as desk:
        records = [
            await desk.approved(limit_price=price) for price in itertools.islice(itertools.cycle((RESTS, FILLS)), 30)
        ]
        arrived: list[str] = []
        place, reached = desk.market.place, asyncio.Event()
        known_open: list[str] = []

        async def place_and_tell(order: BrokerOrder) -> None:
            arrived.append(order.order_ref)
            if len(arrived) > after:
                reached.set()
            await place(order)

        desk.market.place = place_and_tell  # type: ignore[method-assign]
        if not after:
            reached.set()

        async def kill() -> list[str]:
            await reached.wait()

            def stop() -> list[str]:
                desk.staging.arm_kill_switch("runaway")
                known_open.extend(record.order_ref for record in desk.store.orders(statuses=[Status.SENDING]))
                return cancel_working(desk.store, actor=Actor.AGENT, principal="agent-1")

            return await desk.do(stop)

        submits = (desk.submitter.submit(record, desk.lease_token) for record in records)
        killing = asyncio.create_task(kill())
        await asyncio.gather(*submits)
        asked = await killing
        refs = [record.order_ref for record in records]
        closed_at = await desk.do(lambda: desk.store.latest_audit("switch.closed"))
        assert closed_at is not None
        sends = [entry for entry in await desk.entries() if entry.kind == "order.send"]
        assert all(entry.seq < closed_at.seq for entry in sends), (
            "nothing was committed to the wire after the epoch rose"
        )
        assert set(arrived) <= {entry.order_ref for entry in sends}
        # An order in the last gap before the wire is known as such, and its cancel was asked for.
        assert set(asked) >= set(known_open)
        await desk.settle(asked)
        found = {ref: (await desk.read(ref)).status for ref in refs}
        allowed = {Status.PENDING, Status.APPROVED, Status.NOT_PLACED, Status.CANCELLED, Status.FILLED, Status.IN_DOUBT}
        assert set(found.values()) <= allowed
        at_broker = {ref for ref in refs if at_market(desk.market, ref)}
        assert at_broker == set(arrived)
        for ref in refs:
            if ref in at_broker:
                assert found[ref] in (Status.CANCELLED, Status.FILLED), ref
            else:
                assert found[ref] in (Status.PENDING, Status.NOT_PLACED), ref
        assert await desk.do(lambda: desk.store.discrepancies()) == []
