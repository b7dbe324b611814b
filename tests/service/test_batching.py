"""Several orders approved together: each by itself, and as a whole within the limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.batches import MOST
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.policy import FrequencyLimit, SessionLimit
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.batching import Answered
from ibgw_tui.service.replaying import replay
from ibgw_tui.service.staging import Staging
from ibgw_tui.service.views import Shown
from tests.makers import a_policy, an_intent_data, usd
from tests.service.bench_desk import BenchDesk, bench_desk


async def several(desk: BenchDesk, count: int, **changes: Any) -> list[OrderRecord]:
    return [await desk.pending(**changes) for _ in range(count)]


async def shown(desk: BenchDesk, *records: OrderRecord) -> list[Shown]:
    await desk.publish()
    found = [(await desk.do(lambda ref=each.order_ref: desk.views.ticket(ref))).shown for each in records]  # type: ignore[misc]
    return [each for each in found if each is not None]


async def approve(desk: BenchDesk, *records: OrderRecord) -> list[Answered]:
    batch = await shown(desk, *records)
    return await desk.do(lambda: desk.review.approve_batch(batch, how={"key": "Y"}))


async def statuses(desk: BenchDesk, *records: OrderRecord) -> list[Status]:
    return [(await desk.read(each.order_ref)).status for each in records]


async def test_every_order_is_an_approval_of_its_own(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        records = await several(desk, 3)
        answers = await approve(desk, *records)
        assert [answer.problem for answer in answers] == ["", "", ""]
        approvals = [answer.approval for answer in answers if answer.approval]
        assert len({approval.approval_id for approval in approvals}) == 3
        for record, approval in zip(records, approvals, strict=True):
            assert record.preview is not None and approval.preview_digest == record.preview.digest
            assert approval.release_at > desk.clock() and approval.status is ApprovalStatus.APPROVED
            entry = (await desk.do(lambda ref=record.order_ref: desk.store.audit_entries(order_ref=ref)))[-1]  # type: ignore[misc]
            assert entry.kind == "order.approve" and entry.body["how"]["batch"].endswith("of 3")
        desk.clock.forward(seconds=4)
        await desk.publish()
        for record in records:
            assert (await desk.submit(record.order_ref)).status is Status.SENDING


async def test_the_batch_as_a_whole_stays_in_the_session(tmp_path: Path) -> None:
    """Each of them alone would pass: 400 of 1000. Together only two do."""
    policy = a_policy(session_limit=SessionLimit(max_orders_per_session=20, max_session_notional=usd("1000")))
    async with bench_desk(tmp_path, policies={"example": policy}) as desk:
        records = await several(desk, 4, quantity="4")
        await desk.publish()
        batch = await desk.do(lambda: desk.views.batch([each.order_ref for each in records]))
        assert [bool(line.problem) for line in batch.lines] == [False, False, True, True]
        assert "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED" in batch.problem and records[2].order_ref in batch.problem
        answers = await approve(desk, *records)
        assert [bool(answer.approval) for answer in answers] == [True, True, False, False]
        assert await statuses(desk, *records) == [Status.APPROVED] * 2 + [Status.PENDING] * 2
        refused = await desk.audit_kinds(records[2].order_ref)
        assert refused[-1] == "approval.refused"
        alone = await desk.approve(records[2].order_ref)
        assert alone.approval is not None, "by itself it passes: the two before it are not sent"


async def test_it_stays_in_the_window_and_in_the_position(tmp_path: Path) -> None:
    few = a_policy(frequency_limit=FrequencyLimit(max_orders=2, window_seconds=300))
    async with bench_desk(tmp_path / "window", policies={"example": few}) as desk:
        answers = await approve(desk, *await several(desk, 3))
        assert [answer.problem[:28] for answer in answers] == ["", "", "LIVE_FREQUENCY_LIMIT_REFUSED"]
    small = a_policy(max_position=5)
    async with bench_desk(tmp_path / "position", policies={"example": small}) as desk:
        await desk.do(lambda: desk.store.put_facts(positions=[], foreign=[]))
        answers = await approve(desk, *await several(desk, 3, quantity="2"))
        assert [answer.problem[:27] for answer in answers] == ["", "", "LIVE_POSITION_LIMIT_REFUSED"]


async def test_what_is_approved_and_unsent_counts_already(tmp_path: Path) -> None:
    few = a_policy(frequency_limit=FrequencyLimit(max_orders=2, window_seconds=300))
    async with bench_desk(tmp_path, policies={"example": few}) as desk:
        await desk.approved()
        answers = await approve(desk, *await several(desk, 2))
        assert [bool(answer.approval) for answer in answers] == [True, False]


async def test_one_that_is_refused_takes_nothing_with_it(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first, second, third = await several(desk, 3)
        batch = await shown(desk, first, second, third)
        await desk.do(lambda: desk.staging.withdraw(second.order_ref))
        answers = await desk.do(lambda: desk.review.approve_batch(batch))
        assert [bool(answer.approval) for answer in answers] == [True, False, True]
        assert "withdrawn, not pending" in answers[1].problem


async def test_each_is_bound_to_what_was_displayed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        records = await several(desk, 2)
        one, other = await shown(desk, *records)
        forged = replace(other, preview_digest="0" * 64)
        answers = await desk.do(lambda: desk.review.approve_batch([one, forged]))
        assert answers[0].approval and not answers[1].approval and "differs" in answers[1].problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"side": "sell"}, "another side"),
        ({"time_in_force": "gtc"}, "another validity"),
        ({"order_type": "stop_limit", "stop_price": "101.5", "limit_price": "102"}, "another order type"),
        ({"order_type": "market", "limit_price": None}, "it has no limit price"),
        ({"outside_hours": True}, "it may fill outside regular hours"),
        ({"take_profit_price": "104"}, "it is a bracket"),
    ],
)
async def test_only_what_is_alike_and_dull_goes_together(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    async with bench_desk(tmp_path) as desk:
        records = [await desk.pending(), await desk.pending(**changes)]
        answers = await approve(desk, *records)
        assert answers[0].approval is not None and answers[1].problem.startswith(problem)


async def test_orders_of_two_agents_are_not_one_batch(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        own = await desk.pending()
        other = Staging(desk.store, principal="agent-2", make_ref=desk.make_id, max_pending=9)
        staged = (await desk.do(lambda: other.stage(an_intent_data()))).record
        await desk.previewer.preview(staged, desk.lease_token)
        answers = await approve(desk, own, await desk.read(staged.order_ref))
        assert answers[1].problem == "another agent than the first (agent-2, not agent-1)"


async def test_a_closed_switch_approves_none(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        records = await several(desk, 2)
        batch = await shown(desk, *records)
        await desk.do(lambda: desk.review.close_switch("enough"))
        answers = await desk.do(lambda: desk.review.approve_batch(batch))
        assert not any(answer.approval for answer in answers)
        assert await statuses(desk, *records) == [Status.PENDING, Status.PENDING]


async def test_too_many_or_one_twice_is_not_a_batch(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        (one,) = await shown(desk, await desk.pending())
        many = [replace(one, order_ref=f"o-many{number}") for number in range(MOST + 1)]
        for batch in ([], [one, one], many):
            with pytest.raises(InvalidRequest, match="approved together"):
                await desk.do(lambda batch=batch: desk.review.approve_batch(batch))  # type: ignore[misc]


async def test_one_key_takes_all_of_them_back(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        records = await several(desk, 3)
        await approve(desk, *records)
        recalled = await desk.do(desk.review.recall_all)
        assert [each.order_ref for each in recalled] == [each.order_ref for each in records]
        assert await statuses(desk, *records) == [Status.PENDING] * 3
        desk.clock.forward(seconds=60)
        for record in records:
            assert (await desk.submit(record.order_ref)).status is Status.PENDING
        assert desk.broker.placed == [] and await desk.do(desk.review.recall_all) == []


async def test_the_decisions_of_a_batch_can_be_made_again(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await approve(desk, *await several(desk, 3, quantity="2"))
        found = [each for each in await desk.do(lambda: list(desk.store.decisions())) if each.step == "approve"]
        assert len(found) == 3 and '"submitted_in_session":2' in found[-1].inputs.replace(" ", "")
        checked = await desk.do(lambda: list(replay(desk.store)))
        assert checked and all(not each.problems for each in checked)
