"""A policy that changed voids what was previewed and approved under the old one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.service.previewing import outdate
from tests.makers import a_policy
from tests.service.bench_desk import BenchDesk, bench_desk


async def under(desk: BenchDesk, **changes: Any) -> None:
    """The router starts again with another policy."""

    def leave() -> None:
        with desk.store.write() as change:
            change.release_lease(desk.lease_token)

    await desk.do(leave)
    desk.rules = desk.rules.replaced(policies={"example": a_policy(**changes)})
    await desk.open()
    await desk.do(lambda: outdate(desk.store, desk.rules.policy_digest, "router-test", desk.lease_token))


async def test_an_approval_of_the_old_policy_is_void_and_the_order_is_previewed_again(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved(quantity="2")
        old = record.preview
        assert old is not None
        await under(desk, max_quantity=Decimal(5))
        stale = await desk.read(record.order_ref)
        assert stale.status is Status.STALE and stale.reason_code == "POLICY_CHANGED"
        assert stale.approval is not None and stale.approval.status is ApprovalStatus.REVOKED
        await desk.previewer.preview(stale, desk.lease_token)
        again = await desk.read(record.order_ref)
        assert again.status is Status.PENDING and again.preview is not None
        assert again.preview.policy_digest == desk.rules.policy_digest != old.policy_digest
        assert again.preview.preview_id != old.preview_id and again.preview.expires_at == old.expires_at
        assert (await desk.approve(record.order_ref)).approval is not None
        assert (await desk.submit(record.order_ref)).status is Status.SENDING


async def test_what_the_new_policy_refuses_is_refused_at_once(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="2")
        await under(desk, max_quantity=Decimal(1))
        await desk.previewer.preview(await desk.read(record.order_ref), desk.lease_token)
        refused = await desk.read(record.order_ref)
        assert refused.status is Status.REFUSED and refused.reason_code == "LIVE_QUANTITY_LIMIT_REFUSED"


async def test_the_same_policy_changes_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        await under(desk)
        assert (await desk.read(record.order_ref)).status is Status.APPROVED


async def test_every_decision_that_was_acted_on_can_be_made_again(tmp_path: Path) -> None:
    from ibgw_tui.core.cases import parse_case, read_json
    from ibgw_tui.core.written import canonical_json

    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        await desk.submit(record.order_ref)
        kept = await desk.do(lambda: list(desk.store.decisions()))
        assert [decision.step for decision in kept] == ["preview", "approve", "submit"]
        for decision in kept:
            case = parse_case(read_json(decision.inputs))
            assert canonical_json(case.decide().as_json()).decode() == decision.outcome
        entries = await desk.do(lambda: desk.store.audit_entries(order_ref=record.order_ref, limit=100))
        told = [entry.body["inputs"] for entry in entries if "inputs" in entry.body]
        assert told == [parse_case(read_json(decision.inputs)).digest for decision in kept]
