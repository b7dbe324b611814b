"""The agent's role: what it records, what it refuses, and that asking again is safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.staging import Staging
from tests.makers import an_intent_data
from tests.service.bench_desk import bench_desk


async def test_staging_records_the_order_and_one_audit_entry(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.staged()
        assert record.status is Status.STAGED and record.staged_by == "agent-1"
        assert await desk.audit_kinds(record.order_ref) == ["order.staged"]


async def test_the_same_key_and_order_is_the_same_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first = await desk.do(lambda: desk.staging.stage(an_intent_data(), key="k1"))
        again = await desk.do(lambda: desk.staging.stage(an_intent_data(limit_price="100.00"), key="k1"))
        assert (first.replayed, again.replayed) == (False, True)
        assert again.record.order_ref == first.record.order_ref
        assert await desk.do(lambda: desk.store.count([Status.STAGED])) == 1


async def test_the_same_key_for_another_order_is_a_conflict_and_nothing_is_recorded(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.do(lambda: desk.staging.stage(an_intent_data(), key="k1"))
        before = await desk.do(lambda: desk.store.last_seq())
        with pytest.raises(Conflict, match="used before"):
            await desk.do(lambda: desk.staging.stage(an_intent_data(quantity="2"), key="k1"))
        assert await desk.do(lambda: desk.store.last_seq()) == before


async def test_keys_of_two_agents_do_not_meet(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.do(lambda: desk.staging.stage(an_intent_data(), key="k1"))
        other = await desk.do(lambda: Staging(desk.store, principal="agent-2", make_ref=desk.make_id, max_pending=5))
        staged = await desk.do(lambda: other.stage(an_intent_data(quantity="2"), key="k1"))
        assert not staged.replayed


async def test_bad_input_records_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        before = await desk.do(lambda: desk.store.last_seq())
        with pytest.raises(InvalidRequest):
            await desk.staged(quantity="-1")
        assert await desk.do(lambda: desk.store.last_seq()) == before


@pytest.mark.parametrize("key", ["", "  ", " k", "k\n", "é", "x" * 129])
async def test_a_key_that_is_none_records_nothing(tmp_path: Path, key: str) -> None:
    async with bench_desk(tmp_path) as desk:
        before = await desk.do(lambda: desk.store.last_seq())
        with pytest.raises(InvalidRequest, match="idempotency key"):
            await desk.do(lambda: desk.staging.stage(an_intent_data(), key=key))
        assert await desk.do(lambda: desk.store.last_seq()) == before


async def test_an_agents_budget_of_waiting_orders(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, max_pending_per_agent=2) as desk:
        first = await desk.staged()
        await desk.staged()
        with pytest.raises(NotPermitted, match="2 are allowed"):
            await desk.staged()
        await desk.do(lambda: desk.staging.withdraw(first.order_ref))
        await desk.staged()


async def test_withdrawing_is_for_the_one_who_staged_and_happens_once(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        stranger = await desk.do(lambda: Staging(desk.store, principal="agent-2", make_ref=desk.make_id, max_pending=5))
        with pytest.raises(NotPermitted):
            await desk.do(lambda: stranger.withdraw(record.order_ref))
        with pytest.raises(NotFound):
            await desk.do(lambda: desk.staging.withdraw("o-nothing-here"))
        gone = await desk.do(lambda: desk.staging.withdraw(record.order_ref, reason="changed\x1b[2J my mind"))
        assert gone.status is Status.WITHDRAWN and "\x1b" not in gone.reason
        seq = await desk.do(lambda: desk.store.last_seq())
        assert (await desk.do(lambda: desk.staging.withdraw(record.order_ref))).status is Status.WITHDRAWN
        assert await desk.do(lambda: desk.store.last_seq()) == seq
        # and its approval cannot be used any more
        assert (await desk.submit(record.order_ref)).status is Status.WITHDRAWN
        assert desk.broker.placed == []


async def test_what_was_sent_cannot_be_withdrawn_but_a_cancel_can_be_asked(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        with pytest.raises(Conflict, match="cannot be withdrawn"):
            await desk.do(lambda: desk.staging.withdraw(record.order_ref))
        asked = await desk.do(lambda: desk.staging.ask_cancel(record.order_ref))
        assert (asked.status, asked.cancel_asked_by) == (Status.CANCEL_REQUESTED, "agent-1")
        pending = await desk.pending()
        with pytest.raises(Conflict, match="nothing at the broker"):
            await desk.do(lambda: desk.staging.ask_cancel(pending.order_ref))


async def test_an_agent_may_stop_everything_and_open_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        state = await desk.do(lambda: desk.staging.arm_kill_switch("something is odd"))
        assert state.state is KillSwitch.CLOSED
        verbs = {name for name in dir(desk.staging) if not name.startswith("_")}
        assert verbs == {
            "arm_kill_switch",
            "ask_cancel",
            "look_up",
            "own",
            "stage",
            "stage_modify",
            "switch",
            "withdraw",
        }


async def test_a_moment_that_has_passed_is_no_good_till(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        with pytest.raises(InvalidRequest, match=r"good_till: 2026-11-23T14:59:59\.000000Z has passed"):
            await desk.staged(time_in_force="gtd", good_till="2026-11-23T14:59:59Z")
        assert (await desk.staged(time_in_force="gtd", good_till="2026-11-23T15:00:01Z")).intent.good_till is not None
