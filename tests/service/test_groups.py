"""Brackets and modifies, from the stage to the broker's last word."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.core.broker import BrokerSnapshot, BrokerState, ModifyRefused, OrderReport
from ibgw_tui.core.errors import Conflict, InvalidRequest, NotPermitted, OutcomeUnknown
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.reconcile import compare
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import OrderType, Side
from ibgw_tui.service.hearing import hear, is_news
from ibgw_tui.service.staging import Staging
from tests.service.bench_desk import BenchDesk, bench_desk, fill, working

BRACKET = {"take_profit_price": "104", "stop_loss_price": "96", "stop_loss_limit_price": "95.5"}


async def told(desk: BenchDesk, *reports: object) -> None:
    for report in reports:
        await desk.do(lambda report=report: hear(desk.store, report, desk.lease_token))  # type: ignore[misc]


def as_sent(record: OrderRecord, desk: BenchDesk, **changes: object) -> OrderReport:
    """The broker shows the order with the terms it was sent with."""
    intent = record.intent
    terms = {"order_type": intent.order_type, "limit_price": intent.limit_price, "stop_price": intent.stop_price}
    return working(record, desk.clock, **{"order_ref": record.on_wire, **terms, **changes})


async def at_work(desk: BenchDesk, **changes: object) -> OrderRecord:
    record = await desk.sent(**changes)
    await told(desk, as_sent(record, desk))
    desk.broker.snapshots = BrokerSnapshot(
        complete=True,
        open_orders=(as_sent(record, desk),),
        completed_orders=(),
        executions=(),
        at=desk.clock(),
    )
    return await desk.read(record.order_ref)


async def modify(desk: BenchDesk, order_ref: str, **changes: str) -> OrderRecord:
    staged = await desk.do(lambda: desk.staging.stage_modify(order_ref, changes))
    await desk.previewer.preview(staged.record, desk.lease_token)
    return await desk.read(staged.record.order_ref)


async def modified(desk: BenchDesk, order_ref: str, **changes: str) -> OrderRecord:
    """Staged, previewed, approved and sent."""
    record = await modify(desk, order_ref, **changes)
    verdict = await desk.approve(record.order_ref)
    assert verdict.approval is not None, verdict.decision.message
    return await desk.submit(record.order_ref)


# ---- brackets


async def test_a_bracket_is_sent_in_one_act_and_its_exits_are_orders_of_their_own(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        entry = await desk.sent(quantity="2", **BRACKET)
        (wire,) = desk.broker.placed
        assert [leg.order_ref for leg in wire.exits] == [f"{entry.order_ref}.tp", f"{entry.order_ref}.sl"]
        profit, loss = [await desk.read(leg.order_ref) for leg in wire.exits]
        assert profit.status is loss.status is Status.SENDING and profit.parent == entry.order_ref
        assert (profit.leg, profit.intent.side, profit.intent.order_type) == ("take_profit", Side.SELL, OrderType.LIMIT)
        assert loss.intent.order_type is OrderType.STOP_LIMIT and loss.intent.stop_price == Decimal(96)
        tally = await desk.do(
            lambda: desk.store.tally("DU1234567", window_start=desk.clock(), session_start=desk.clock())
        )
        assert tally.submitted_in_session == 3
        assert tally.session_notional == {"USD": Decimal(2) * (100 + 104 + Decimal("95.5"))}
        exposure = await desk.do(lambda: desk.store.exposure("DU1234567", 265598))
        assert exposure.reserved_buys == 2 and exposure.reserved_sells == 2, "of two exits only one can fill"


async def test_each_leg_goes_its_own_way(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        entry = await desk.sent(quantity="2", **BRACKET)
        exits = [await desk.read(f"{entry.order_ref}.{name}") for name in ("tp", "sl")]
        await told(desk, *(as_sent(record, desk) for record in (entry, *exits)))
        await told(desk, fill(entry, desk.clock, "2", "e1"), fill(exits[0], desk.clock, "2", "e2"))
        await told(desk, as_sent(exits[1], desk, state=BrokerState.CANCELLED))
        ended = [(await desk.read(record.order_ref)).status for record in (entry, *exits)]
        assert ended == [Status.FILLED, Status.FILLED, Status.CANCELLED]


async def test_what_cannot_be_known_of_the_entry_is_not_known_of_its_exits(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        desk.broker.place_error = OutcomeUnknown("the link broke")
        entry = await desk.submit((await desk.approved(**BRACKET)).order_ref)
        legs = [await desk.read(f"{entry.order_ref}.{name}") for name in ("tp", "sl")]
        assert [record.status for record in (entry, *legs)] == [Status.IN_DOUBT] * 3


async def test_a_bracket_counts_each_leg_against_the_frequency(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.sent()
        refused = await desk.pending(**BRACKET)
        assert refused.decision is not None and not refused.decision.allowed, "3 used, 3 more are wanted, 5 allowed"
        broken = [finding.leg for finding in refused.decision.limits if finding.blocks]
        assert broken == ["bracket"]


# ---- modifies


async def test_a_modify_takes_the_place_of_the_working_order_once_the_broker_shows_it(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        await told(desk, fill(old, desk.clock, "1", "e1"))
        new = await modified(desk, old.order_ref, limit_price="101", quantity="4")
        assert new.status is Status.SENDING and new.on_wire == old.order_ref and new.revision == 2
        (wire,) = desk.broker.modified
        assert wire.order_ref == old.order_ref and wire.limit_price == Decimal(101) and wire.quantity == 4
        await told(desk, as_sent(old, desk, filled=Decimal(1), remaining=Decimal(2)))
        assert (await desk.read(new.order_ref)).status is Status.SENDING, "still the old terms"
        await told(desk, as_sent(new, desk, filled=Decimal(1), remaining=Decimal(3)))
        new, old = await desk.read(new.order_ref), await desk.read(old.order_ref)
        assert old.status is Status.SUPERSEDED
        assert new.status is Status.PARTIALLY_FILLED and new.filled == 1
        await told(desk, fill(old, desk.clock, "3", "e2"))
        new = await desk.read(new.order_ref)
        assert new.status is Status.FILLED and new.filled == 4
        assert not await desk.do(lambda: desk.store.discrepancies())
        kinds = await desk.audit_kinds(new.order_ref)
        assert kinds[-2:] == ["order.fill_part", "order.fill"]


async def test_the_session_is_charged_for_what_a_modify_adds(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        await modified(desk, old.order_ref, quantity="5")
        tally = await desk.do(
            lambda: desk.store.tally("DU1234567", window_start=desk.clock(), session_start=desk.clock())
        )
        assert tally.session_notional == {"USD": Decimal(500)} and tally.submitted_in_session == 2


async def test_a_modify_above_a_limit_is_refused_by_its_result(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        refused = await modify(desk, old.order_ref, quantity="11")
        assert refused.status is Status.REFUSED and refused.reason_code == "LIVE_QUANTITY_LIMIT_REFUSED"


async def test_a_working_order_that_is_not_as_recorded_is_not_changed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        assert desk.broker.snapshots is not None
        other = as_sent(old, desk, limit_price=Decimal(97))
        desk.broker.snapshots = desk.broker.snapshots.replaced(open_orders=(other,))
        refused = await modify(desk, old.order_ref, quantity="4")
        assert refused.status is Status.REFUSED and refused.reason_code == "LIVE_MODIFY_TARGET_REFUSED"
        assert "limit price is 97 at the broker and 100 in our record" in refused.reason


async def test_a_modify_that_the_broker_refuses_leaves_the_old_order_alive(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        new = await modified(desk, old.order_ref, limit_price="101")
        await told(desk, ModifyRefused(order_ref=old.order_ref, code=201, text="no", at=desk.clock()))
        assert (await desk.read(new.order_ref)).status is Status.REJECTED_BY_BROKER
        assert (await desk.read(old.order_ref)).status is Status.WORKING
        again = await modified(desk, old.order_ref, limit_price="101")
        await told(desk, as_sent(again, desk))
        assert (await desk.read(again.order_ref)).status is Status.WORKING


async def test_an_order_that_ends_before_its_change_ends_the_change(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        new = await modified(desk, old.order_ref, limit_price="101")
        await told(desk, fill(old, desk.clock, "3", "e1"), as_sent(old, desk, state=BrokerState.FILLED))
        assert (await desk.read(old.order_ref)).status is Status.FILLED
        ended = await desk.read(new.order_ref)
        assert ended.status is Status.REJECTED_BY_BROKER and "would have changed is filled" in ended.reason


async def test_a_change_without_an_answer_is_in_doubt_and_found_by_its_terms(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        desk.broker.place_error = OutcomeUnknown("the link broke")
        new = await modified(desk, old.order_ref, limit_price="101")
        assert new.status is Status.IN_DOUBT and (await desk.read(old.order_ref)).status is Status.WORKING
        await told(desk, as_sent(new, desk))
        assert (await desk.read(new.order_ref)).status is Status.WORKING
        assert (await desk.read(old.order_ref)).status is Status.SUPERSEDED


async def test_what_cannot_be_meant_as_a_change(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        for changes, words in (
            ({"side": "sell"}, "side: cannot be changed"),
            ({"quantity": "3"}, "changes nothing"),
            ({"quantity": "-1"}, "quantity: must be greater than zero"),
        ):
            with pytest.raises(InvalidRequest, match=words):
                await desk.do(lambda changes=changes: desk.staging.stage_modify(old.order_ref, changes))  # type: ignore[misc]
        stranger = Staging(desk.store, principal="agent-2", make_ref=desk.make_id, max_pending=9)
        with pytest.raises(NotPermitted):
            await desk.do(lambda: stranger.stage_modify(old.order_ref, {"quantity": "4"}))
        waiting = await desk.pending()
        with pytest.raises(Conflict, match="is pending and cannot be changed"):
            await desk.do(lambda: desk.staging.stage_modify(waiting.order_ref, {"quantity": "4"}))
        await modified(desk, old.order_ref, quantity="4")
        with pytest.raises(Conflict, match="on its way already"):
            await desk.do(lambda: desk.staging.stage_modify(old.order_ref, {"quantity": "5"}))


async def test_after_a_crash_a_change_is_looked_up_by_its_terms(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        old = await at_work(desk, quantity="3")
        new = await modified(desk, old.order_ref, limit_price="101")
        snapshot = desk.broker.snapshots
        assert snapshot is not None
        before, after = as_sent(old, desk), as_sent(new, desk)
        for shown, absent in ((before, True), (after, False)):
            made = compare([old, new], snapshot.replaced(open_orders=(shown,)))
            assert [comparison.absent for comparison in made.comparisons] == [False, absent]
            assert not made.others
        assert await desk.do(lambda: is_news(desk.store, after)) and not new.took_over
        await told(desk, after)
        assert (await desk.read(new.order_ref)).took_over
        assert not await desk.do(lambda: is_news(desk.store, after))
