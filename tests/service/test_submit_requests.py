"""A submit that is asked for by the name of its approval: the order of the questions, and what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.core.errors import Conflict, ErrorCode, GatewayError, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Mode
from ibgw_tui.service.submit_requests import Requested, request_submit
from tests.service.bench_desk import BenchDesk, bench_desk


async def ask(desk: BenchDesk, order: OrderRecord, key: str = "s1", **changes: str) -> Requested:
    assert order.approval is not None
    given = {"account": "DU1234567", "approval_id": order.approval.approval_id, "key": key, **changes}
    return await desk.do(lambda: request_submit(desk.store, desk.rules, **given))


async def test_the_hold_back_stays_the_operators(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.approved()
        early = await ask(desk, order)
        assert early.held_back and not early.record.submit_asked
        desk.clock.forward(seconds=30)
        late = await ask(desk, order, key="s2")
        assert not late.held_back and late.record.submit_asked
        assert (await desk.audit_kinds(order.order_ref)).count("submit.asked") == 2
        assert (await ask(desk, order, key="s2")).replayed
        assert (await desk.audit_kinds(order.order_ref)).count("submit.asked") == 2
        assert desk.broker.placed == [], "asking sends nothing"


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"approval_id": "nothing"}, NotFound, ErrorCode.PAPER_APPROVAL_REQUIRED),
        ({"key": " "}, InvalidRequest, ErrorCode.PAPER_IDEMPOTENCY_CONFLICT),
        ({"account": "U7654321"}, InvalidRequest, ErrorCode.INPUT_UNAUTHORIZED_ACCOUNT),
    ],
)
async def test_what_cannot_be_meant_records_nothing(
    tmp_path: Path, changes: dict[str, str], kind: type[GatewayError], code: ErrorCode
) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.approved()
        before = await desk.do(lambda: desk.store.last_seq())
        with pytest.raises(kind) as caught:
            await ask(desk, order, **changes)
        assert caught.value.code is code
        assert await desk.do(lambda: desk.store.last_seq()) == before


async def test_a_refused_request_leaves_its_key_to_be_used_again(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.approved()
        with pytest.raises(InvalidRequest):
            await ask(desk, order, account="U7654321")
        assert not (await ask(desk, order)).replayed


async def test_an_approval_that_has_expired_was_taken_back_or_spent_sends_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        spent = await desk.sent()
        with pytest.raises(Conflict) as caught:
            await ask(desk, spent)
        assert caught.value.code is ErrorCode.APPROVAL_CONSUMED
        recalled = await desk.approved(quantity="2")
        await desk.do(lambda: desk.review.recall(recalled.order_ref))
        old = await desk.approved(quantity="3")
        desk.clock.forward(hours=1)
        for order, number in ((recalled, 1), (old, 2)):
            with pytest.raises(NotPermitted) as refused:
                await ask(desk, order, key=f"k{number}")
            assert refused.value.code is ErrorCode.LIVE_GATE_MISSING


async def test_a_live_order_needs_this_invocation_to_say_so(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.approved()
        assert order.preview is not None and order.approval is not None
        # The same order as one of a live account: its preview says so, and the bytes of it are in the store.
        live = order.preview.replaced(mode=Mode.LIVE)
        approval = order.approval.replaced(preview_digest=live.digest)
        from dataclasses import replace

        from ibgw_tui.service import submit_requests

        record = replace(order, preview=live)
        for enabled in (False, True):
            rules = desk.rules.replaced(live=desk.rules.live.replaced(invocation_enabled=enabled))

            def check(rules: object = rules) -> None:
                with desk.store.write() as change:
                    submit_requests._check(change, record, approval, "DU1234567", rules)  # type: ignore[arg-type]

            if enabled:
                await desk.do(check)
                continue
            with pytest.raises(NotPermitted) as caught:
                await desk.do(check)
            assert caught.value.code is ErrorCode.LIVE_TRADING_DISABLED
