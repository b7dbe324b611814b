"""Approving binds to what was displayed; everything else refuses, and is in the audit log."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.context import Checklist
from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.passing import Passing
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.assessment import read_checklist
from ibgw_tui.service.review import Review
from ibgw_tui.service.staging import Staging
from ibgw_tui.service.suggesting import told
from tests.makers import a_policy, an_intent_data
from tests.service.bench_desk import BenchDesk, bench_desk, rules


async def test_an_approval_carries_what_was_displayed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        assert record.status is Status.APPROVED and record.approval is not None and record.preview is not None
        assert record.approval.preview_digest == record.preview.digest
        assert record.approval.operator == "operator-1"
        assert await desk.audit_kinds(record.order_ref) == ["order.staged", "order.previewed", "order.approve"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preview_digest": "0" * 64}, "differs from what was displayed"),
        ({"preview_id": "another"}, "differs from what was displayed"),
        ({"policy_digest": "0" * 64}, "policy changed"),
        ({"switch_epoch": 99}, "kill switch"),
    ],
)
async def test_anything_other_than_what_was_displayed_is_not_approved(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert ticket.shown is not None
        other = replace(ticket.shown, **change)
        with pytest.raises(Conflict, match=message) as caught:
            await desk.do(lambda: desk.review.approve(other))
        assert caught.value.code is ErrorCode.APPROVAL_PREVIEW_MISMATCH
        assert (await desk.read(record.order_ref)).status is Status.PENDING
        assert (await desk.audit_kinds(record.order_ref))[-1] == "approval.refused"


async def a_pending_order_off_the_market(desk: BenchDesk) -> str:
    """It was inside the collar when it was previewed; the market has gone since."""
    record = await desk.pending(limit_price="104")
    desk.broker.bid, desk.broker.ask = "90", "91"
    await desk.publish()
    return record.order_ref


async def test_a_no_tells_the_agent_what_the_limits_would_let_pass(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = await a_pending_order_off_the_market(desk)
        ticket = await desk.do(lambda: desk.views.ticket(ref))
        assert not ticket.approvable and ticket.passing == Passing(limit_price=Decimal("95.02"))
        record = await desk.do(lambda: desk.review.reject(ref, reason="the market has gone"))
        history = await desk.do(lambda: desk.store.audit_entries(order_ref=ref))
        said = {"quantity": None, "limit_price": "95.02", "both": None, "words": "limit price 95.02"}
        assert history[-1].kind == "order.reject" and history[-1].body["passing"] == said
        assert await desk.do(lambda: told(desk.store, record, history)) == said
        assert not (await desk.do(lambda: desk.store.verify_audit())).problem
        assert (await desk.do(lambda: desk.views.ticket(ref))).passing is None, "nothing is to be decided any more"


async def test_a_no_without_numbers_that_help_tells_none(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        await desk.do(lambda: desk.review.reject(record.order_ref, reason="no"))
        assert "passing" not in (await desk.do(lambda: desk.store.audit_entries(order_ref=record.order_ref)))[-1].body


async def test_an_order_refused_at_its_preview_is_answered_from_what_was_recorded(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="14")
        assert record.status is Status.REFUSED
        history = await desk.do(lambda: desk.store.audit_entries(order_ref=record.order_ref))
        found = await desk.do(lambda: told(desk.store, record, history))
        assert found is not None and found["words"] == "quantity 10"
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert ticket.passing == Passing(quantity=Decimal(10))


async def test_an_order_given_back_for_changes_can_be_rejected_or_withdrawn_and_never_approved(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = (await desk.pending()).order_ref
        await desk.publish()
        shown = (await desk.do(lambda: desk.views.ticket(ref))).shown
        assert shown is not None
        record = await desk.do(
            lambda: desk.review.ask_changes(ref, reason="half of it", reason_code="SMALLER_QUANTITY")
        )
        assert record.status is Status.CHANGES_REQUESTED and record.reason == "half of it"
        assert record.reason_code == "SMALLER_QUANTITY"
        with pytest.raises(Conflict, match="changes_requested"):
            await desk.do(lambda: desk.review.approve(shown))
        with pytest.raises(Conflict, match="given back for changes"):
            await desk.do(lambda: desk.review.ask_changes(ref, reason="again"))
        ticket = await desk.do(lambda: desk.views.ticket(ref))
        assert not ticket.approvable and ticket.shown is None
        assert (await desk.do(lambda: desk.staging.withdraw(ref))).status is Status.WITHDRAWN


async def test_a_revision_answers_the_wish_and_is_reviewed_anew(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = (await desk.pending(quantity="4")).order_ref
        await desk.do(lambda: desk.review.ask_changes(ref, reason="half of it"))
        revision = (await desk.do(lambda: desk.staging.revise(ref, {"quantity": "2"}))).record
        assert (await desk.read(ref)).status is Status.SUPERSEDED
        assert revision.status is Status.STAGED and revision.revises == ref and revision.intent.quantity == 2
        await desk.previewer.preview(revision, desk.lease_token)
        verdict = await desk.approve(revision.order_ref)
        assert verdict.approval is not None, "it is an order like any other, with a preview of its own"
        kinds = await desk.audit_kinds(ref)
        assert kinds == ["order.staged", "order.previewed", "order.ask_changes", "order.revise"]


async def test_changes_need_a_reason_and_an_order_that_waits(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        pending, approved = await desk.pending(), await desk.approved(quantity="2")
        with pytest.raises(InvalidRequest):
            await desk.do(lambda: desk.review.ask_changes(pending.order_ref, reason=" "))
        with pytest.raises(Conflict, match="approved"):
            await desk.do(lambda: desk.review.ask_changes(approved.order_ref, reason="smaller"))
        assert (await desk.read(approved.order_ref)).status is Status.APPROVED


async def test_two_operators_and_one_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        shown = (await desk.do(lambda: desk.views.ticket(record.order_ref))).shown
        assert shown is not None
        await desk.do(lambda: desk.review.approve(shown))
        with pytest.raises(Conflict, match="approved, not pending"):
            await desk.do(lambda: desk.review.approve(shown))


async def test_nobody_approves_an_own_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        own = await desk.do(lambda: Staging(desk.store, principal="operator-1", make_ref=desk.make_id, max_pending=5))
        record = (await desk.do(lambda: own.stage(an_intent_data()))).record
        await desk.previewer.preview(record, desk.lease_token)
        await desk.publish()
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert not ticket.approvable and ticket.why_not.startswith("AUTH_SELF_APPROVAL")
        shown = ticket.shown
        assert shown is not None
        with pytest.raises(NotPermitted) as caught:
            await desk.do(lambda: desk.review.approve(shown))
        assert caught.value.code is ErrorCode.AUTH_SELF_APPROVAL


async def test_a_closed_switch_refuses_an_approval_and_says_so(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        record = await desk.pending()
        assert record.status is Status.PENDING
        ticket = await desk.do(lambda: desk.views.ticket(record.order_ref))
        assert not ticket.approvable
        verdict = await desk.approve(record.order_ref)
        assert verdict.approval is None
        assert verdict.decision.refusal_code == "LIVE_KILL_SWITCH_CLOSED"
        assert (await desk.audit_kinds(record.order_ref))[-1] == "approval.refused"


async def test_gates_are_measured_anew_when_approving(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        shown = (await desk.do(lambda: desk.views.ticket(record.order_ref))).shown
        assert shown is not None
        desk.clock.forward(seconds=31)  # the quote is older than the policy's 30 s now
        verdict = await desk.do(lambda: desk.review.approve(shown))
        assert verdict.approval is None and verdict.decision.refusal_code == "LIVE_STALE_QUOTE"


async def test_a_changed_policy_refuses_what_was_previewed_under_the_old_one(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        await desk.publish()
        shown = (await desk.do(lambda: desk.views.ticket(record.order_ref))).shown
        assert shown is not None
        stricter = rules(policies={"example": a_policy(max_price_deviation_bps=400)})
        other = await desk.do(
            lambda: Review(desk.store, rules=stricter, make_id=desk.make_id, make_ref=desk.make_id, health=desk.health)
        )
        with pytest.raises(Conflict, match="policy changed"):
            await desk.do(lambda: other.approve(shown))


async def test_rejecting_needs_a_reason_and_tells_the_agent(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending()
        with pytest.raises(InvalidRequest):
            await desk.do(lambda: desk.review.reject(record.order_ref, reason="  \n "))
        rejected = await desk.do(
            lambda: desk.review.reject(record.order_ref, reason="too large", reason_code="TOO_LARGE")
        )
        assert (rejected.status, rejected.reason_code, rejected.reason) == (Status.REJECTED, "TOO_LARGE", "too large")
        with pytest.raises(Conflict, match="can no longer be rejected"):
            await desk.do(lambda: desk.review.reject(record.order_ref, reason="again"))


async def test_recalling_takes_the_approval_back_for_good(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        recalled = await desk.do(lambda: desk.review.recall(record.order_ref))
        assert recalled.status is Status.PENDING
        assert recalled.approval is not None and recalled.approval.status is ApprovalStatus.REVOKED
        assert (await desk.submit(record.order_ref)).status is Status.PENDING
        again = await desk.approve(record.order_ref)
        assert again.approval is not None and again.approval.approval_id != record.approval.approval_id  # type: ignore[union-attr]


async def test_rejecting_an_approved_order_voids_its_approval(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        rejected = await desk.do(lambda: desk.review.reject(record.order_ref, reason="on second thought"))
        assert rejected.approval is not None and rejected.approval.status is ApprovalStatus.REVOKED


async def test_closing_the_switch_takes_approvals_back(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        before = await desk.do(lambda: desk.store.switch())
        after = await desk.do(lambda: desk.review.close_switch("stop"))
        assert (after.state, after.epoch) == (KillSwitch.CLOSED, before.epoch + 1)
        voided = await desk.read(record.order_ref)
        assert voided.status is Status.PENDING and voided.reason_code == "LIVE_KILL_SWITCH_CLOSED"
        await desk.do(lambda: desk.review.open_switch("all clear"))
        assert (await desk.submit(record.order_ref)).status is Status.PENDING
        assert desk.broker.placed == []


async def test_opening_needs_a_reason_and_nothing_in_doubt(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.broker.place_error = RuntimeError("socket died")
        assert (await desk.submit(record.order_ref)).status is Status.IN_DOUBT
        await desk.do(lambda: desk.review.close_switch("stop"))
        with pytest.raises(InvalidRequest):
            await desk.do(lambda: desk.review.open_switch(""))
        with pytest.raises(NotPermitted, match="in doubt"):
            await desk.do(lambda: desk.review.open_switch("all clear"))


async def test_a_sentinel_file_closes_the_switch_and_keeps_it_closed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        (desk.path.parent / "KILL").touch()
        assert (await desk.do(lambda: desk.store.switch())).state is KillSwitch.CLOSED
        assert (await desk.submit(record.order_ref)).status is Status.APPROVED
        assert desk.broker.placed == []
        with pytest.raises(NotPermitted):
            await desk.do(lambda: desk.review.open_switch("all clear"))


async def test_cancel_all_asks_for_everything_at_the_broker(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first, second = await desk.sent(), await desk.sent(quantity="2")
        waiting = await desk.pending(quantity="3")
        await desk.do(lambda: desk.review.close_switch("stop"))  # a cancel passes a closed switch
        asked = await desk.do(lambda: desk.review.ask_cancel_all())
        assert {record.order_ref for record in asked} == {first.order_ref, second.order_ref}
        with pytest.raises(Conflict):
            await desk.do(lambda: desk.review.ask_cancel(waiting.order_ref))


async def test_the_checklist_is_signed_whole_or_not_at_all(tmp_path: Path) -> None:
    everything = Checklist(
        paper_trading_validated=True,
        approvals_reviewed=True,
        limits_reviewed=True,
        kill_switch_tested=True,
        incident_runbook_reviewed=True,
    )
    async with bench_desk(tmp_path) as desk:
        with pytest.raises(InvalidRequest, match="limits_reviewed"):
            await desk.do(lambda: desk.review.acknowledge_checklist(everything.replaced(limits_reviewed=False)))
        assert await desk.do(lambda: read_checklist(desk.store)) is None
        await desk.do(lambda: desk.review.acknowledge_checklist(everything))
        signed = await desk.do(lambda: read_checklist(desk.store))
        assert signed is not None and signed.acknowledged_by == "operator-1" and not signed.missing()


async def test_submit_now_is_for_approved_orders(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        pending = await desk.pending()
        with pytest.raises(Conflict):
            await desk.do(lambda: desk.review.submit_now(pending.order_ref))
        approved = await desk.approved(quantity="2")
        assert (await desk.do(lambda: desk.review.submit_now(approved.order_ref))).submit_asked
