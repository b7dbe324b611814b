"""The agent's role: what it records, what it refuses, and that asking again is safe."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ibgw_tui.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.staging import Staging
from tests.makers import an_intent_data
from tests.service.bench_desk import bench_desk
from tests.service.test_groups import at_work


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
        assert (asked.record.status, asked.record.cancel_asked_by) == (Status.CANCEL_REQUESTED, "agent-1")
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
            "revise",
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


async def test_a_revision_supersedes_what_waits_and_is_linked_to_it(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        former = await desk.approved()
        staged = await desk.do(lambda: desk.staging.revise(former.order_ref, {"quantity": "2"}, key="r1"))
        again = await desk.do(lambda: desk.staging.revise(former.order_ref, {"quantity": "2"}, key="r1"))
        record, old = staged.record, await desk.read(former.order_ref)
        assert (record.revises, record.revision, str(record.intent.quantity)) == (former.order_ref, 2, "2")
        assert record.intent.limit_price == former.intent.limit_price
        assert old.status is Status.SUPERSEDED and old.approval is not None
        assert old.approval.status.value == "revoked"
        assert again.replayed and again.record.order_ref == record.order_ref
        assert (await desk.do(lambda: desk.store.verify_audit())).ok


async def test_what_was_refused_can_be_followed_by_a_revision_and_stays_refused(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        refused = await desk.pending(quantity="1000")
        assert refused.status is Status.REFUSED
        staged = await desk.do(lambda: desk.staging.revise(refused.order_ref, {"quantity": "1"}))
        assert staged.record.revises == refused.order_ref
        assert (await desk.read(refused.order_ref)).status is Status.REFUSED
        with pytest.raises(Conflict, match="revised already"):
            await desk.do(lambda: desk.staging.revise(refused.order_ref, {"quantity": "2"}))


async def test_a_revision_may_take_a_field_out_and_must_change_something(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        former = await desk.staged()
        with pytest.raises(InvalidRequest, match="changes nothing"):
            await desk.do(lambda: desk.staging.revise(former.order_ref, {}))
        changes = {"order_type": "market", "limit_price": None}
        record = (await desk.do(lambda: desk.staging.revise(former.order_ref, changes))).record
        assert record.intent.limit_price is None


async def test_what_was_sent_or_taken_back_cannot_be_revised(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        for former in (await desk.sent(), await desk.staged(quantity="3")):
            if former.status is Status.STAGED:
                await desk.do(lambda ref=former.order_ref: desk.staging.withdraw(ref))  # type: ignore[misc]
            with pytest.raises(Conflict, match="cannot be revised"):
                await desk.do(lambda ref=former.order_ref: desk.staging.revise(ref, {"quantity": "2"}))  # type: ignore[misc]


async def test_a_revision_does_not_count_twice_against_the_budget(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        tight = await desk.do(lambda: Staging(desk.store, principal="agent-3", make_ref=desk.make_id, max_pending=1))
        first = (await desk.do(lambda: tight.stage(an_intent_data()))).record
        await desk.do(lambda: tight.revise(first.order_ref, {"quantity": "2"}))
        with pytest.raises(NotPermitted, match="wait for review already"):
            await desk.do(lambda: tight.stage(an_intent_data(quantity="3")))


async def test_what_was_done_under_a_key_is_told_also_when_it_could_not_be_done_any_more(tmp_path: Path) -> None:
    """The moment of a gtd order has passed, the order that was to be changed is gone: the answer stays the answer."""
    async with bench_desk(tmp_path) as desk:
        till = (desk.clock.now + timedelta(hours=1)).isoformat()
        data = an_intent_data(time_in_force="gtd", good_till=till)
        first = await desk.do(lambda: desk.staging.stage(data, key="g1"))
        desk.clock.forward(hours=2)
        assert (await desk.do(lambda: desk.staging.stage(data, key="g1"))).record.order_ref == first.record.order_ref
        with pytest.raises(InvalidRequest, match="has passed"):
            await desk.do(lambda: desk.staging.stage(data, key="g2"))


async def test_a_change_that_is_asked_for_again_is_replayed_whatever_became_of_its_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await at_work(desk)
        ask = lambda: desk.staging.stage_modify(order.order_ref, {"limit_price": "99"}, key="m1")  # noqa: E731
        first = await desk.do(ask)
        await desk.do(lambda: desk.staging.ask_cancel(order.order_ref))
        assert (await desk.do(ask)).record.order_ref == first.record.order_ref


async def test_a_cancel_with_a_key_is_asked_for_once(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        first = await desk.do(lambda: desk.staging.ask_cancel(order.order_ref, key="c1"))
        again = await desk.do(lambda: desk.staging.ask_cancel(order.order_ref, key="c1"))
        assert (first.replayed, again.replayed) == (False, True)
        assert (await desk.audit_kinds(order.order_ref)).count("order.ask_cancel") == 1
        with pytest.raises(Conflict, match="used before"):
            await desk.do(lambda: desk.staging.stage(an_intent_data(), key="c1"))
