"""The paper-to-live checklist: evidence from the store, and who put a name to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.core.context import Checklist
from ibgw_tui.core.errors import InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.core.terms import Mode
from ibgw_tui.service.assessment import CHECKLIST_KIND, read_checklist
from ibgw_tui.service.checklist import ITEMS, ChecklistView, evidence_of, view_checklist
from ibgw_tui.service.review import Review
from tests.makers import a_policy
from tests.service.bench_desk import BenchDesk, bench_desk, fill, rules

REVIEWED = ("approvals_reviewed", "limits_reviewed", "incident_runbook_reviewed")


async def filled(desk: BenchDesk) -> str:
    record = await desk.sent()

    def broker_fills() -> None:
        with desk.store.write() as change:
            change.add_execution(record, fill(record, desk.clock, "1", exec_id=f"e-{record.order_ref}"))
            change.move(change.order(record.order_ref), Signal.FILL, actor=Actor.BROKER, principal="router-test")

    desk.clock.forward(seconds=2)
    await desk.do(broker_fills)
    return record.order_ref


async def drill(desk: BenchDesk, seconds: int = 30) -> None:
    await desk.do(lambda: desk.review.close_switch("drill"))
    desk.clock.forward(seconds=seconds)
    await desk.compared()
    await desk.do(lambda: desk.review.open_switch("drill is over"))


async def seen(desk: BenchDesk) -> ChecklistView:
    return await desk.do(lambda: view_checklist(desk.store, desk.rules, desk.clock()))


async def test_a_new_desk_has_nothing_to_show(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        view = await seen(desk)
        assert [item.name for item in view.items] == list(ITEMS) and not view.complete
        assert all(not item.acknowledged and item.missing and item.user_action for item in view.items)
        assert {item.name for item in view.items if item.evidence} == {"limits_reviewed"}


def test_the_items_are_those_of_the_gate() -> None:
    assert list(ITEMS) == [name for name in Checklist().missing() if name in Checklist.model_fields][:5]


@pytest.mark.parametrize("items", [tuple(ITEMS), ("paper_trading_validated",), ("kill_switch_tested",)])
async def test_what_leaves_a_trace_is_not_taken_on_anybodys_word(items: tuple[str, ...], tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        before = await desk.do(desk.store.last_seq)
        with pytest.raises(NotPermitted) as caught:
            await desk.do(lambda: desk.review.acknowledge(items))
        for name in set(items) & {"paper_trading_validated", "kill_switch_tested"}:
            assert name in caught.value.message and ITEMS[name][1] in caught.value.user_action
        assert await desk.do(desk.store.last_seq) == before, "nothing was recorded"


async def test_an_order_that_was_only_sent_is_no_cycle(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent()
        assert await desk.do(lambda: desk.store.completed_cycle(Mode.PAPER)) is None


async def test_the_newest_completed_paper_order_is_the_evidence(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await filled(desk)
        newest = await filled(desk)
        submitted = desk.clock()
        cycle = await desk.do(lambda: desk.store.completed_cycle(Mode.PAPER))
        assert cycle is not None
        assert (cycle.order_ref, cycle.approved_by, cycle.filled_at) == (newest, "operator-1", submitted)
        assert (cycle.filled_at - cycle.submitted_at).total_seconds() == 2
        assert await desk.do(lambda: desk.store.completed_cycle(Mode.LIVE)) is None
        await desk.pending()
        await desk.do(lambda: desk.review.acknowledge(["paper_trading_validated"]))
        known = await desk.do(lambda: read_checklist(desk.store))
        assert known is not None and newest in known.evidence["paper_trading_validated"]


async def test_the_first_opening_is_no_test(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        assert await desk.do(desk.store.switch_test) is None
        await desk.compared()
        await desk.do(lambda: desk.review.open_switch("start of day"))
        assert await desk.do(desk.store.switch_test) is None
        await desk.do(lambda: desk.review.close_switch("end of day"))
        assert await desk.do(desk.store.switch_test) is None, "it was not opened again"


async def test_the_newest_closing_that_was_opened_again_is_the_test(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await drill(desk, seconds=5)
        desk.clock.forward(seconds=100)
        closed_at = desk.clock()
        await desk.do(lambda: desk.review.close_switch("drill"))
        desk.clock.forward(seconds=10)
        await desk.do(lambda: desk.staging.arm_kill_switch("another one closes what is closed"))
        desk.clock.forward(seconds=10)
        await desk.compared()
        await desk.do(lambda: desk.review.open_switch("over"))
        opened_at = desk.clock()
        desk.clock.forward(seconds=10)
        await desk.compared()
        await desk.do(lambda: desk.review.open_switch("opening what is open changes nothing of it"))
        test = await desk.do(desk.store.switch_test)
        assert test is not None
        assert (test.closed_at, test.closed_by, test.opened_at) == (closed_at, "operator-1", opened_at)
        told = await desk.do(lambda: evidence_of(desk.store, desk.rules))
        assert "closed for 20 s" in told["kill_switch_tested"].text
        desk.clock.forward(seconds=10)
        await desk.do(lambda: desk.review.close_switch("for good"))
        assert await desk.do(desk.store.switch_test) == test


async def test_all_of_it_with_evidence_passes_the_gate(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = await filled(desk)
        await drill(desk)
        desk.clock.forward(seconds=3600)
        signed = await desk.do(lambda: desk.review.acknowledge(tuple(ITEMS)))
        assert not signed.missing() and signed.acknowledged_by == "operator-1"
        assert signed.acknowledged_at == desk.clock()
        assert set(signed.evidence) == {"paper_trading_validated", "kill_switch_tested", "limits_reviewed"}
        view = await seen(desk)
        assert view.complete and not any(item.missing for item in view.items)
        paper = view.items[0]
        assert paper.evidence is not None and ref in paper.recorded and paper.evidence.at is not None
        entry = await desk.do(lambda: desk.store.latest_audit(CHECKLIST_KIND))
        assert entry is not None and (entry.actor, entry.principal) == ("operator", "operator-1")
        assert Checklist.model_validate(entry.body, strict=False) == signed


async def test_items_come_one_by_one_and_keep_who_and_when(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await drill(desk)
        first = desk.clock()
        await desk.do(lambda: desk.review.acknowledge(["kill_switch_tested", "approvals_reviewed"]))
        assert (await seen(desk)).complete is False
        desk.clock.forward(seconds=60)
        other = Review(
            desk.store,
            rules=rules(operator="operator-2"),
            make_id=desk.make_id,
            make_ref=desk.make_id,
            health=desk.health,
        )
        signed = await desk.do(lambda: other.acknowledge(["limits_reviewed"]))
        assert signed.acknowledged_by == "operator-2" and signed.kill_switch_tested and signed.approvals_reviewed
        by = f"acknowledged by operator-1 at {first.isoformat(timespec='microseconds')[:26]}Z"
        assert signed.evidence["kill_switch_tested"].endswith(by) and signed.evidence["approvals_reviewed"] == by
        again = await desk.do(lambda: other.acknowledge(["incident_runbook_reviewed"]))
        assert again.evidence["approvals_reviewed"] == by, "told once, however often others follow"
        assert again.missing() == ("paper_trading_validated",)


async def test_a_clock_that_stepped_back_does_not_make_it_unreadable(tmp_path: Path) -> None:
    """The audit log then adds what the clock said to the entry that is the checklist."""
    async with bench_desk(tmp_path) as desk:
        desk.clock.forward(seconds=-30)
        await desk.do(lambda: desk.review.acknowledge(REVIEWED))
        entry = await desk.do(lambda: desk.store.latest_audit(CHECKLIST_KIND))
        assert entry is not None and "clock_said" in entry.body
        known = await desk.do(lambda: read_checklist(desk.store))
        assert known is not None and known.limits_reviewed


@pytest.mark.parametrize("items", [(), ("limits_reviewd",)])
async def test_only_what_is_on_the_list(items: tuple[str, ...], tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        with pytest.raises(InvalidRequest, match="item") as caught:
            await desk.do(lambda: desk.review.acknowledge(items))
        assert "limits_reviewed" in caught.value.user_action


async def test_another_policy_since_then_is_said(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.do(lambda: desk.review.acknowledge(REVIEWED))
        assert not (await seen(desk)).items[2].missing
        desk.rules = rules(policies={"example": a_policy(max_price_deviation_bps=400)})
        limits = (await seen(desk)).items[2]
        assert limits.acknowledged and "another one" in limits.missing


async def test_a_checklist_without_evidence_is_for_the_pretended_market(tmp_path: Path) -> None:
    whole = Checklist(**dict.fromkeys(ITEMS, True))  # type: ignore[arg-type]
    async with bench_desk(tmp_path, backend="ibkr") as desk:
        with pytest.raises(NotPermitted, match="simulated"):
            await desk.do(lambda: desk.review.acknowledge_checklist(whole))
