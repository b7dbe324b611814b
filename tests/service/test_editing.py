"""An operator's edit is a new revision: decided anew, told to the agent, approved like any other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.agent_documents import order_status
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.review import Review
from ibgw_tui.service.views import Edit
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.replay import Replay
from tests.service.bench_desk import BenchDesk, bench_desk, rules, working


async def edit(desk: BenchDesk, record: OrderRecord, changes: Mapping[str, str], reason: str = "") -> OrderRecord:
    """As the terminal does it: what is displayed, edited; then the router previews the revision."""
    assert record.preview is not None
    wanted = Edit(record.order_ref, record.preview.digest, changes, reason)
    revision = await desk.do(lambda: desk.review.edit(wanted))
    assert revision.status is Status.STAGED and revision.preview is None, "nothing is decided by editing"
    await desk.previewer.preview(revision, desk.lease_token)
    return await desk.read(revision.order_ref)


async def test_an_edit_is_a_new_revision_of_the_agents_order_by_the_operators_hand(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        agents = await desk.pending(quantity="8")
        revision = await edit(desk, agents, {"quantity": "5", "limit_price": "99.50"}, "half is enough")
        assert (revision.status, revision.revision, revision.revises) == (Status.PENDING, 2, agents.order_ref)
        assert (revision.staged_by, revision.edited_by) == ("agent-1", "operator-1")
        assert (revision.intent.quantity, revision.intent.limit_price) == (Decimal(5), Decimal("99.5"))
        assert await desk.audit_kinds(revision.order_ref) == ["order.edited", "order.previewed"]
        said = (await desk.do(lambda: desk.store.audit_entries(order_ref=revision.order_ref)))[0]
        assert (said.actor, said.principal, said.body["staged_by"]) == ("operator", "operator-1", "agent-1")
        assert said.body["changes"] == {"quantity": ["8", "5"], "limit_price": ["100", "99.5"]}


async def test_the_agent_reads_what_became_of_its_order(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        agents = await desk.pending(quantity="8")
        revision = await edit(desk, agents, {"quantity": "5"}, "half is enough")
        former = await desk.read(agents.order_ref)
        assert (former.status, former.reason_code) == (Status.SUPERSEDED, "EDITED_BY_OPERATOR")
        assert former.reason == "quantity 8 -> 5: half is enough"
        assert await desk.do(lambda: desk.store.successor(agents.order_ref)) == revision.order_ref
        told = order_status(revision, revised_by=None, hints=None, executions=())
        assert (told["edited_by"], told["revises"], told["staged_by"]) == ("operator-1", agents.order_ref, "agent-1")
        own = await desk.do(lambda: desk.store.orders(staged_by="agent-1"))
        assert revision.order_ref in [each.order_ref for each in own]
        assert (await desk.do(lambda: desk.staging.withdraw(revision.order_ref))).status is Status.WITHDRAWN


async def test_it_is_approved_through_the_same_review_and_sent_as_edited(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        agents = await desk.pending(quantity="8")
        await desk.publish()
        old = (await desk.do(lambda: desk.views.ticket(agents.order_ref))).shown
        revision = await edit(desk, agents, {"quantity": "5"})
        assert old is not None
        with pytest.raises(Conflict, match="superseded"):
            await desk.do(lambda: desk.review.approve(old))
        ticket = await desk.do(lambda: desk.views.ticket(revision.order_ref))
        assert [each.words for each in ticket.compared] == ["changed by operator-1 against revision 1: quantity 8 -> 5"]
        assert (await desk.approve(revision.order_ref)).approval is not None
        desk.clock.forward(seconds=4)
        await desk.publish()
        assert (await desk.submit(revision.order_ref)).status is Status.SENDING
        assert [order.quantity for order in desk.broker.placed] == [5]
        verdict = await desk.do(lambda: desk.store.verify_audit())
        assert verdict.problem is None or not verdict.problem


async def test_what_the_limits_do_not_allow_an_edit_does_not_either(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        revision = await edit(desk, await desk.pending(quantity="8"), {"quantity": "11"})
        assert revision.status is Status.REFUSED and revision.reason_code == "LIVE_QUANTITY_LIMIT_REFUSED"
        off = await edit(desk, await desk.pending(quantity="2"), {"limit_price": "120"})
        await desk.publish()
        assert not (await desk.do(lambda: desk.views.ticket(off.order_ref))).approvable


async def test_an_edit_is_no_way_around_four_eyes(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, operator="agent-1") as desk:
        revision = await edit(desk, await desk.pending(quantity="8"), {"quantity": "5"})
        await desk.publish()
        ticket = await desk.do(lambda: desk.views.ticket(revision.order_ref))
        assert not ticket.approvable and ticket.why_not.startswith("AUTH_SELF_APPROVAL")


@pytest.mark.parametrize("changes", [{}, {"quantity": "8"}, {"quantity": "none"}, {"side": "sell"}])
async def test_a_refused_edit_changes_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="8")
        entries = await desk.audit_kinds()
        with pytest.raises(InvalidRequest):
            await edit(desk, record, changes)
        assert await desk.read(record.order_ref) == record and await desk.audit_kinds() == entries


async def test_only_what_is_displayed_and_still_waits_is_edited(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first = await desk.pending(quantity="8")
        other = Edit(first.order_ref, "0" * 64, {"quantity": "5"})
        with pytest.raises(Conflict, match="differs from what was displayed") as caught:
            await desk.do(lambda: desk.review.edit(other))
        assert caught.value.code is ErrorCode.APPROVAL_PREVIEW_MISMATCH
        await desk.do(lambda: desk.staging.revise(first.order_ref, {"quantity": "3"}))
        with pytest.raises(Conflict, match="revised already"):
            await edit(desk, first, {"quantity": "5"})
        approved = await desk.approved(quantity="2")
        with pytest.raises(Conflict, match="cannot be edited") as caught:
            await edit(desk, approved, {"quantity": "1"})
        assert caught.value.user_action == "recall the approval first"


async def test_of_two_operators_the_first_edit_counts(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="8")
        assert record.preview is not None
        second = await desk.do(
            lambda: Review(
                desk.store, rules=rules(operator="operator-2"), make_id=desk.make_id, make_ref=desk.make_id,
                health=desk.health,
            )
        )  # fmt: skip
        revision = await edit(desk, record, {"quantity": "5"})
        late = Edit(record.order_ref, record.preview.digest, {"quantity": "6"})
        with pytest.raises(Conflict, match="revised already") as caught:
            await desk.do(lambda: second.edit(late))
        assert revision.order_ref in caught.value.user_action


async def test_an_order_given_back_can_be_edited_instead_of_waiting_for_the_agent(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="8")
        await desk.do(lambda: desk.review.ask_changes(record.order_ref, reason="half of it"))
        revision = await edit(desk, await desk.read(record.order_ref), {"quantity": "4"})
        assert revision.status is Status.PENDING
        with pytest.raises(Conflict, match="revised already"):
            await desk.do(lambda: desk.staging.revise(record.order_ref, {"quantity": "2"}))


async def test_a_change_of_a_working_order_is_compared_with_it_and_edited_in_numbers_only(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        sent = await desk.sent(quantity="4")
        await desk.do(lambda: hear(desk.store, working(sent, desk.clock), desk.lease_token))
        staged = await desk.do(lambda: desk.staging.stage_modify(sent.order_ref, {"limit_price": "101"}))
        await desk.previewer.preview(staged.record, desk.lease_token)
        change = await desk.read(staged.record.order_ref)
        revision = await edit(desk, change, {"limit_price": "100.50"})
        assert revision.intent.modifies == sent.order_ref
        ticket = await desk.do(lambda: desk.views.ticket(revision.order_ref))
        assert [each.words for each in ticket.compared] == [
            "changed against the working order: limit price 100 -> 100.5",
            "changed by operator-1 against revision 2: limit price 101 -> 100.5",
        ]
        with pytest.raises(InvalidRequest, match="time_in_force"):
            await edit(desk, revision, {"time_in_force": "gtc"})


async def test_the_tables_of_an_edit_are_what_the_log_tells(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await edit(desk, await desk.pending(quantity="8"), {"quantity": "5"})
        path = desk.path
    with AuditFile(path) as file:
        assert Replay(file).run() == []
    raw = apsw.Connection(str(path))
    raw.execute("DROP TRIGGER orders_frozen")
    raw.execute("UPDATE orders SET edited_by = NULL")
    raw.close()
    with AuditFile(path) as file:
        assert [found.table for found in Replay(file).run()] == ["orders"], "who wrote it cannot be taken away unseen"
