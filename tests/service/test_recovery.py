"""After a crash, and whenever nobody answers: doubted, looked up, adopted or written off; never sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ibgw_tui.core.broker import BrokerState, LinkState
from ibgw_tui.core.errors import Conflict, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Side
from ibgw_tui.exchange.faults import CancelFault, Faults, PlaceFault
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.reconciling import CANCEL_SECONDS, COMPARE_SECONDS
from ibgw_tui.service.standing import Standing, standing
from tests.service.bench_desk import bench_desk, fill, working
from tests.service.markets import FILLS, RESTS, MarketDesk, at_market, market_desk

# ---- deaths on the way to the wire


class Death(BaseException):
    """The process is gone: nothing after it runs."""


async def dies(desk: MarketDesk, record: OrderRecord) -> None:
    with pytest.raises(Death):
        await desk.submitter.submit(record, desk.lease_token)


async def before_the_wire(desk: MarketDesk, record: OrderRecord) -> None:
    """The commit is there, the last look was taken, the order never left."""

    async def place(order: BrokerOrder) -> None:
        raise Death

    desk.market.place = place  # type: ignore[method-assign]
    await dies(desk, record)


async def after_the_wire(desk: MarketDesk, record: OrderRecord) -> None:
    """The market took the order, and nobody was there to hear of it."""
    place = desk.market.place

    async def place_and_die(order: BrokerOrder) -> None:
        await place(order)
        raise Death

    desk.market.place = place_and_die  # type: ignore[method-assign]
    await dies(desk, record)


async def reborn(desk: MarketDesk) -> None:
    """A new session and a new router's memory; what an old session had not told is lost."""
    await desk.market.close()
    desk.reconciler = desk.a_reconciler()
    await desk.market.connect()
    await desk.look()


@pytest.mark.parametrize("limit_price", [RESTS, FILLS])
async def test_death_between_the_commit_and_the_wire_is_doubt(tmp_path: Path, limit_price: str) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.approved(limit_price=limit_price)
        await before_the_wire(desk, record)
        assert (await desk.read(record.order_ref)).status is Status.SENDING
        await reborn(desk)
        found = await desk.read(record.order_ref)
        assert (found.status, found.reason_code) == (Status.IN_DOUBT, "IN_DOUBT")
        assert not at_market(desk.market, record.order_ref)
        assert (await desk.do(desk.views.desk)).in_doubt == 1


@pytest.mark.parametrize(("limit_price", "status"), [(RESTS, Status.WORKING), (FILLS, Status.FILLED)])
async def test_death_between_the_wire_and_the_answer_is_adopted(
    tmp_path: Path, limit_price: str, status: Status
) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.approved(limit_price=limit_price)
        await after_the_wire(desk, record)
        await desk.market.step()
        await reborn(desk)
        found = await desk.read(record.order_ref)
        assert found.status is status and found.filled == (1 if status is Status.FILLED else 0)
        kinds = [entry.kind for entry in await desk.entries(record.order_ref)]
        assert kinds.index("order.lose") > kinds.index("order.send"), "it was in doubt before it was adopted"
        assert desk.wire == [record.order_ref]


@pytest.mark.parametrize(
    ("fault", "there"),
    [
        (PlaceFault.DROP, False),
        (PlaceFault.DROP_UNKNOWN, False),
        (PlaceFault.LOSE_ACK, True),
    ],
)
async def test_each_way_of_not_being_answered_ends_in_doubt_or_adopted(
    tmp_path: Path, fault: PlaceFault, there: bool
) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.approved(limit_price=RESTS)
        desk.market.set_faults(Faults(place=fault))
        await desk.submit(record.order_ref)
        desk.market.set_faults(Faults())
        desk.pass_time(10)
        await desk.look_again()
        found = await desk.read(record.order_ref)
        assert found.status is (Status.WORKING if there else Status.IN_DOUBT)
        assert at_market(desk.market, record.order_ref) is there


async def test_an_order_just_sent_is_not_doubted_by_a_look_in_between(tmp_path: Path) -> None:
    """The broker's answer is under way: only after ten seconds it should have come."""
    async with market_desk(tmp_path, opened=True) as desk:
        desk.market.set_faults(Faults(place=PlaceFault.DROP))
        record = await desk.submit((await desk.approved(limit_price=RESTS)).order_ref)
        desk.pass_time(COMPARE_SECONDS - 1 - 30)
        for seconds, status in ((1, Status.SENDING), (8, Status.SENDING), (2, Status.IN_DOUBT)):
            desk.pass_time(seconds)
            desk.monotonic += COMPARE_SECONDS  # time to compare everything
            await desk.look_again()
            assert (await desk.read(record.order_ref)).status is status


async def test_a_clock_that_steps_back_does_not_delay_the_looking_up(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        desk.market.set_faults(Faults(place=PlaceFault.DROP))
        record = await desk.submit((await desk.approved(limit_price=RESTS)).order_ref)
        desk.clock.forward(hours=-1)
        await desk.look_again()
        assert (await desk.read(record.order_ref)).status is Status.IN_DOUBT


async def test_a_cancel_asked_of_an_order_without_an_answer_is_in_doubt_too_and_outlives_it(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.approved(limit_price=RESTS)
        await after_the_wire(desk, record)
        await desk.do(lambda: desk.review.ask_cancel(record.order_ref))
        desk.market.set_faults(Faults(snapshot_incomplete=True, stall=True))
        await reborn(desk)
        found = await desk.read(record.order_ref)
        assert found.status is Status.CANCEL_REQUESTED, "found among the open orders, and the wish stands"
        kinds = [entry.kind for entry in await desk.entries(record.order_ref)]
        assert "order.lose" in kinds and kinds[-1] == "order.ask_cancel"
        desk.market.set_faults(Faults())
        await desk.settle([record.order_ref])
        assert (await desk.read(record.order_ref)).status is Status.CANCELLED


async def test_an_incomplete_look_finds_but_does_not_miss(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        done = await desk.sent(limit_price=FILLS)
        works = await desk.working()
        desk.market.set_faults(Faults(stall=True))
        await desk.market.step()  # filled, and nobody was told
        desk.market.set_faults(Faults(stall=True, snapshot_incomplete=True))
        await desk.look()
        assert (await desk.read(works.order_ref)).status is Status.WORKING
        assert (await desk.read(done.order_ref)).status is Status.WORKING, "its absence proves nothing"
        desk.market.set_faults(Faults(stall=True))
        await desk.look()
        assert (await desk.read(done.order_ref)).status is Status.FILLED


async def test_a_working_order_that_complete_records_do_not_show_is_in_doubt(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.working()
        del desk.market._market.exchange._floor.book.orders[record.order_ref]
        await desk.look()
        found = await desk.read(record.order_ref)
        assert found.status is Status.IN_DOUBT and "do not show it" in found.reason


async def test_looking_again_and_again_changes_nothing(tmp_path: Path) -> None:
    """What is read anew every half minute must not fill the log, nor count a fill twice."""
    async with market_desk(tmp_path, opened=True) as desk:
        await desk.working()
        await desk.sent(limit_price=FILLS)
        await desk.market.step()
        await desk.hear_all()
        await desk.look()
        before = await desk.do(lambda: desk.store.last_seq())
        for _ in range(5):
            desk.pass_time(COMPARE_SECONDS)
            await desk.look_again()
        assert await desk.do(lambda: desk.store.last_seq()) == before


# ---- writing off


async def lost(desk: MarketDesk, **changes: str) -> OrderRecord:
    """An order in doubt that the market does not have."""
    desk.market.set_faults(Faults(place=PlaceFault.DROP_UNKNOWN))
    record = await desk.submit((await desk.approved(limit_price=RESTS, **changes)).order_ref)
    desk.market.set_faults(Faults())
    assert record.status is Status.IN_DOUBT
    return record


async def stands(desk: MarketDesk) -> Standing:
    return await desk.do(lambda: standing(desk.store, desk.clock()))


async def against(desk: MarketDesk) -> str:
    (doubtful,) = (await stands(desk)).in_doubt
    return "; ".join(doubtful.against)


async def test_two_complete_looks_half_a_minute_apart_allow_a_person_to_write_it_off(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await lost(desk)
        assert "0 times" in await against(desk)
        await desk.look_again()
        assert "1 time " in await against(desk)
        desk.pass_time(29)
        await desk.look_again()
        assert "29 s, not 30 s" in await against(desk)
        with pytest.raises(NotPermitted, match="29 s"):
            await desk.do(lambda: desk.review.write_off(record.order_ref, reason="not on the broker's screen"))
        refused = (await desk.entries(record.order_ref))[-1]
        assert refused.kind == "write_off.refused" and refused.body["looked_up"]["looks"] == 2
        desk.pass_time(1)
        await desk.look_again()
        assert await against(desk) == ""
        assert (await desk.read(record.order_ref)).status is Status.IN_DOUBT, "nobody does it by himself"
        written = await desk.do(lambda: desk.review.write_off(record.order_ref, reason="not on the broker's screen"))
        assert (written.status, written.reason_code) == (Status.NOT_PLACED, "WRITTEN_OFF")
        entry = (await desk.entries(record.order_ref))[-1]
        assert (entry.kind, entry.actor, entry.principal) == ("order.write_off", "operator", "operator-1")
        assert entry.body["reason"] == "not on the broker's screen" and entry.body["looked_up"]["looks"] == 3
        await desk.do(lambda: desk.review.close_switch("a"))
        await desk.do(lambda: desk.review.open_switch("nothing is in doubt"))


async def a_new_session(desk: MarketDesk) -> None:
    await reborn(desk)


async def a_break_of_the_link(desk: MarketDesk) -> None:
    for state in (LinkState.BROKER_UNREACHABLE, LinkState.CONNECTED):
        desk.market.set_faults(Faults(link=state))
        await desk.hear_all()
    await desk.look_again()


async def an_incomplete_look(desk: MarketDesk) -> None:
    desk.market.set_faults(Faults(snapshot_incomplete=True))
    await desk.look_again()
    desk.market.set_faults(Faults())
    await desk.look_again()


@pytest.mark.parametrize("breaking", [a_new_session, a_break_of_the_link, an_incomplete_look])
async def test_looks_count_in_one_healthy_session_only(
    tmp_path: Path, breaking: Callable[[MarketDesk], object]
) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        await lost(desk)
        await desk.look_again()
        desk.pass_time(40)
        await breaking(desk)  # type: ignore[misc]
        assert "1 time " in await against(desk), "it begins anew"


async def test_a_wall_clock_that_steps_forward_makes_no_half_minute(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        await lost(desk)
        await desk.look_again()
        desk.clock.forward(hours=1)
        desk.monotonic += 5
        await desk.look_again()
        assert "5 s, not 30 s" in await against(desk)


async def test_what_was_found_cannot_be_written_off_and_old_looks_do_not_count(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await lost(desk)
        for _ in range(2):
            desk.pass_time(31)
            await desk.look_again()
        desk.pass_time(121)
        assert "newest comparison" in await against(desk), "who knows what came since"
        await desk.thread.run(hear, working(record, desk.clock), desk.lease_token)
        with pytest.raises(Conflict, match="not in doubt"):
            await desk.do(lambda: desk.review.write_off(record.order_ref, reason="too late", override="really"))


async def test_an_override_is_recorded_with_what_stood_against_it(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await lost(desk)
        with pytest.raises(InvalidRequest, match="reason"):
            await desk.do(lambda: desk.review.write_off(record.order_ref, reason="", override="the trade desk said so"))
        written = await desk.do(
            lambda: desk.review.write_off(record.order_ref, reason="gone", override="the trade desk said so")
        )
        assert written.status is Status.NOT_PLACED
        body = (await desk.entries(record.order_ref))[-1].body
        assert body["override"] == "the trade desk said so" and body["against"] and body["looked_up"] is None


async def test_a_late_word_of_the_broker_wins_over_a_write_off_and_raises_an_alarm(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await lost(desk)
        await desk.do(lambda: desk.review.write_off(record.order_ref, reason="gone", override="sure"))
        assert (await desk.do(desk.views.desk)).discrepancies == 0
        assert record.preview is not None
        await desk.market.place(BrokerOrder.of(record.preview))  # it had been on its way all the time
        desk.wire.pop()
        await desk.hear_all()
        found = await desk.read(record.order_ref)
        assert found.status is Status.WORKING
        (alarm,) = (await stands(desk)).discrepancies
        assert alarm.order_ref == record.order_ref and "never placed (gone)" in alarm.text and "working" in alarm.text
        assert any("not explained" in words for words in (await stands(desk)).against)


async def test_a_written_off_order_that_only_the_records_show_is_found_by_the_next_look(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.approved(limit_price=RESTS)
        desk.market.set_faults(Faults(place=PlaceFault.LOSE_ACK, stall=True))
        assert (await desk.submit(record.order_ref)).status is Status.IN_DOUBT
        await desk.do(lambda: desk.review.write_off(record.order_ref, reason="gone", override="wrongly sure"))
        await reborn(desk)
        assert (await desk.read(record.order_ref)).status is Status.WORKING
        assert len((await stands(desk)).discrepancies) == 1
        await desk.look()
        assert len((await stands(desk)).discrepancies) == 1, "said once"


async def test_a_fill_of_a_written_off_order_counts(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        desk.broker.place_error = RuntimeError("socket died")
        order = await desk.submit((await desk.approved()).order_ref)
        await desk.do(lambda: desk.review.write_off(order.order_ref, reason="gone", override="wrongly sure"))
        await desk.thread.run(hear, fill(order, desk.clock, "1"), desk.lease_token)
        found = await desk.read(order.order_ref)
        assert found.status is Status.FILLED and found.filled == 1
        tally = await desk.do(
            lambda: desk.store.tally("DU1234567", window_start=desk.clock(), session_start=desk.clock())
        )
        assert tally.submitted_in_window == 1, "and so do the limits"


# ---- what is not ours


async def by_hand(desk: MarketDesk, order_ref: str) -> None:
    """Somebody trades in the same account, past this program."""
    record = await desk.pending(limit_price=RESTS)
    assert record.preview is not None
    await desk.market.place(BrokerOrder.of(record.preview).replaced(order_ref=order_ref))


async def test_an_unknown_order_at_the_broker_is_shown_as_foreign_and_told_once(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        desk.market.set_faults(Faults(stall=True))
        await by_hand(desk, "by-hand-1")
        for _ in range(3):
            await desk.look()
        found = await stands(desk)
        assert [report.order_ref for report in found.foreign] == ["by-hand-1"]
        assert [one.order_ref for one in found.discrepancies] == [None]
        assert "not ours" in found.discrepancies[0].text
        state = await desk.do(desk.views.desk)
        assert len(state.foreign) == 1 and state.discrepancies == 1
        desk.market.set_faults(Faults())
        await desk.look()
        assert len((await stands(desk)).discrepancies) == 1, "its report says nothing new"
        await desk.do(lambda: desk.review.explain(1, reason="placed by hand"))
        await desk.look()
        found = await stands(desk)
        assert found.discrepancies == () and len(found.foreign) == 1 and found.against == ()
        await desk.market.cancel("by-hand-1")
        await desk.market.step()
        await desk.look()
        assert (await stands(desk)).foreign == ()


async def test_our_reference_on_what_cannot_be_our_order_is_an_alarm_and_changes_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        others = (
            working(order, desk.clock, side=Side.SELL),
            working(order, desk.clock, con_id=1),
            working(order, desk.clock, account="DU7654321"),
            fill(order, desk.clock, "1", account="DU7654321"),
        )
        for report in others:
            for _ in range(2):
                await desk.thread.run(hear, report, desk.lease_token)
        found = await desk.read(order.order_ref)
        assert found.status is Status.SENDING and found.filled == 0
        texts = [one.text for one in await desk.do(lambda: desk.store.discrepancies())]
        assert len(texts) == 4 and all("our reference but another" in text for text in texts)


async def test_two_orders_of_one_reference_are_an_alarm(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        for perm_id in (77, 78, 78):
            await desk.thread.run(hear, working(order, desk.clock, perm_id=perm_id), desk.lease_token)
        (alarm,) = await desk.do(lambda: desk.store.discrepancies())
        assert "permanent ids 77 and 78" in alarm.text
        await desk.thread.run(hear, working(order, desk.clock, state=BrokerState.CANCELLED), desk.lease_token)
        assert (await desk.read(order.order_ref)).status is Status.CANCELLED


# ---- all loops together


async def test_a_router_that_starts_finds_what_the_dead_one_left(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        there, gone = [await desk.approved(limit_price=price) for price in (RESTS, RESTS)]
        await after_the_wire(desk, there)
        await before_the_wire(desk, gone)

        async def sent_again(order: BrokerOrder) -> None:
            pytest.fail(f"{order.order_ref} was sent again")

        desk.market.place = sent_again  # type: ignore[method-assign]
        await desk.market.close()

        def let_go() -> None:
            with desk.store.write() as change:
                change.release_lease(desk.lease_token)

        await desk.do(let_go)
        router = desk.router()
        running = asyncio.create_task(router.run())
        try:
            async with asyncio.timeout(10):
                while (await desk.read(gone.order_ref)).status is not Status.IN_DOUBT:
                    await asyncio.sleep(0.01)
                while (await desk.read(there.order_ref)).status is not Status.WORKING:
                    await asyncio.sleep(0.01)
                (desk.path.parent / "KILL").touch()
                while (await desk.do(lambda: desk.store.switch())).by_file_alone:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        switch = await desk.do(lambda: desk.store.latest_audit("switch.closed"))
        assert switch is not None and switch.body["epoch"] == 1, "the file's closing was made to last"


# ---- a cancel is never in doubt: it can be sent again, and it is


async def test_a_cancel_that_was_lost_on_the_way_is_sent_again(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.working()
        desk.market.set_faults(Faults(cancel=CancelFault.LOST))
        await desk.do(lambda: desk.review.ask_cancel(record.order_ref))
        await desk.send_cancels()
        desk.market.set_faults(Faults())
        await desk.market.step()
        desk.pass_time(CANCEL_SECONDS - 1)
        await desk.look()
        assert (await desk.read(record.order_ref)).cancel_sent_at is not None, "it may still be on its way"
        desk.pass_time(COMPARE_SECONDS)
        await desk.look_again()
        found = await desk.read(record.order_ref)
        assert (found.status, found.cancel_sent_at) == (Status.CANCEL_REQUESTED, None)
        await desk.settle([record.order_ref])
        assert (await desk.read(record.order_ref)).status is Status.CANCELLED
        kinds = [entry.kind for entry in await desk.entries(record.order_ref)]
        assert kinds[-5:] == ["order.ask_cancel", "cancel.sent", "cancel.lost", "cancel.sent", "order.cancel"]


async def test_a_cancel_that_the_broker_has_is_not_sent_again(tmp_path: Path) -> None:
    async with market_desk(tmp_path, opened=True) as desk:
        record = await desk.working()
        await desk.do(lambda: desk.review.ask_cancel(record.order_ref))
        await desk.send_cancels()
        desk.pass_time(CANCEL_SECONDS + COMPARE_SECONDS)
        await desk.look_again()  # the market did not move: it is pending there
        assert (await desk.read(record.order_ref)).cancel_sent_at is not None
