"""What the terminal's pages show, on the real store."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path

from ibgw_tui.core.broker import Position
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.pace import Pace
from ibgw_tui.core.policy import Override, SessionLimit
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import CheckStatus, KillSwitch
from ibgw_tui.service.desk_pages import Pages
from ibgw_tui.store import OrderStore
from tests.makers import a_policy, usd
from tests.service.bench_desk import BenchDesk, bench_desk


def pages_of(desk: BenchDesk) -> Pages:
    return Pages(desk.store, rules=desk.rules, clock=desk.clock)


async def test_positions_count_what_works_on_both_sides_apart(tmp_path: Path) -> None:
    policy = a_policy(max_position=Decimal(6))
    async with bench_desk(tmp_path, policies={"example": policy}) as desk:
        await desk.do(lambda: desk.store.put_facts(foreign=[]))
        first = await desk.sent(quantity="2")
        await desk.sent(quantity="3", side="sell")
        await desk.publish()
        con_id = (await desk.read(first.order_ref)).preview.contract.con_id  # type: ignore[union-attr]
        held = Position(account="DU1234567", con_id=con_id, symbol="AAPL", quantity=Decimal(5))
        await desk.do(lambda: desk.store.put_facts(positions=[held], foreign=[]))
        page = await desk.do(pages_of(desk).positions)
        assert page.known and page.policy_id == "example"
        (use,) = page.accounts
        (row,) = use.positions
        assert [row.held, row.buys, row.sells, row.longest, row.shortest] == [Decimal(n) for n in (5, 2, 3, 7, 2)]
        assert row.worst is not None and row.worst.used == 7 and row.worst.limit == 6
        assert row.worst.status is CheckStatus.REFUSE
        bars = {bar.name: bar for bar in use.bars}
        assert bars["orders in session"].used == 2
        assert bars["session notional"].used == 500


async def test_without_a_fresh_router_what_is_held_is_not_known(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent(quantity="2")
        desk.clock.forward(minutes=10)
        page = await desk.do(pages_of(desk).positions)
        (row,) = page.accounts[0].positions
        assert not page.known and row.held is None and row.longest is None and row.worst is None
        assert row.buys == 2, "our own orders are known all the same"


async def test_a_symbol_with_a_tighter_session_has_bars_of_its_own(tmp_path: Path) -> None:
    tight = Override(session_limit=SessionLimit(max_orders_per_session=1, max_session_notional=usd("100")))
    async with bench_desk(tmp_path, policies={"example": a_policy(symbols={"AAPL": tight})}) as desk:
        page = await desk.do(pages_of(desk).positions)
        bars = {bar.name: bar for bar in page.accounts[0].bars}
        assert bars["orders in session (AAPL)"].limit == 1 and bars["session notional (AAPL)"].limit == 100


async def test_without_a_policy_there_are_no_bars(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, risk_policy_id=None) as desk:
        page = await desk.do(pages_of(desk).positions)
        assert page.policy_id is None and page.accounts[0].bars == ()
        assert (await desk.do(pages_of(desk).policies)).policies[0].in_force is False


async def test_the_switch_has_its_history_and_what_stands_against_opening(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.do(lambda: desk.review.close_switch("drill"))
        page = await desk.do(pages_of(desk).switch)
        assert page.state.state is KillSwitch.CLOSED and page.state.reason == "drill"
        assert page.history[-1].kind == "switch.closed" and page.history[-1].body["reason"] == "drill"
        assert [entry.seq for entry in page.history] == sorted(entry.seq for entry in page.history)
        assert page.standing.against == (), "everything was compared with the broker"
        desk.clock.forward(hours=2)
        assert (await desk.do(pages_of(desk).switch)).standing.against, "that was long ago"


async def test_policies_come_with_digest_overrides_and_the_checklist(tmp_path: Path) -> None:
    tight = Override(max_quantity=Decimal(1))
    async with bench_desk(tmp_path, policies={"example": a_policy(symbols={"AAPL": tight}), "b": a_policy()}) as desk:
        page = await desk.do(pages_of(desk).policies)
        first, second = page.policies
        assert first.in_force and first.digest == desk.rules.policy_digest and not second.in_force
        (override,) = first.overrides
        assert override.where == "symbols.AAPL" and override.given == (("max_quantity", "1"),)
        assert override.digest != first.digest
        assert len(page.checklist.items) == 5 and not page.checklist.complete


async def test_agents_are_told_by_what_becomes_of_their_orders(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        assert (await desk.do(pages_of(desk).agents)).agents == ()
        await desk.sent(quantity="2")
        waits, no = await desk.pending(quantity="1"), await desk.pending(quantity="3")
        await desk.do(lambda: desk.review.reject(no.order_ref, reason="too early", reason_code="BAD_TIMING"))
        page = await desk.do(pages_of(desk).agents)
        (agent,) = page.agents
        assert agent.name == "agent-1" and agent.staged == 3 and agent.waiting == 1
        assert agent.counts[Status.PENDING] == 1 and waits.order_ref != no.order_ref
        assert agent.approved == agent.rejected == 1 and agent.approval_rate == 50
        (said,) = agent.noes
        assert (said.order_ref, said.code, said.reason) == (no.order_ref, "BAD_TIMING", "too early")
        assert agent.budget == desk.rules.max_pending_per_agent and agent.budget_status is CheckStatus.PASS


async def test_pages_are_read_through_a_connection_that_cannot_write(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent(quantity="2")
        store = OrderStore.open(desk.path, clock=desk.clock, read_only=True)
        try:
            pages = Pages(store, rules=desk.rules, clock=desk.clock)
            assert pages.positions().accounts and pages.agents().agents and pages.policies().policies
            assert pages.switch().state.state is KillSwitch.OPEN
        finally:
            store.close()


async def test_the_whole_audit_log_is_searched_in_bounded_looks(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        first = await desk.staged(rationale='Naïve "Ünter" C:\\plan')
        for number in range(60):
            await desk.staged(rationale=f"lot {number}")
        pages, head = pages_of(desk), (await desk.do(desk.store.audit_head))[0]

        async def search(text: str, limit: int = 10) -> list[int]:
            found: list[int] = []
            before = head + 1
            while before > 1:
                look = await desk.do(lambda: pages.audit_before(before, text, limit))  # noqa: B023
                assert look.looked_to < before and len(look.entries) <= limit
                found = [entry.seq for entry in look.entries] + found
                before = look.looked_to
            return found

        assert await search("") == list(range(1, head + 1))
        assert len(await search("order.staged agent-1")) == 61
        (seq,) = [e.seq for e in await desk.do(lambda: desk.store.audit_entries(order_ref=first.order_ref))]
        for text in ("naïve", "ÜNTER", '"ünter\\"', "c:\\\\plan", first.order_ref + " staged"):
            assert seq in await search(text), text
        (entry,) = await desk.do(lambda: desk.store.audit_entries(order_ref=first.order_ref))
        assert await search(entry.hash[:20].upper()) == [seq]
        assert await search("kind") == [], "names of the file's own columns are no text of an entry"


async def test_the_pace_is_counted_from_the_audit_log_and_survives_a_restart(tmp_path: Path) -> None:
    """Two of a batch, one alone, one taken back again and one no; not what another operator or an older hour approved."""
    async with bench_desk(tmp_path) as desk:
        await approve(desk, [await desk.pending()], reviewed="60")
        desk.clock.forward(seconds=121)
        batch = [await desk.pending(), await desk.pending()]
        await approve(desk, batch, reviewed="6.000")
        alone = await desk.pending()
        await approve(desk, [alone], reviewed="1.500", together=False)
        await desk.do(lambda: desk.review.recall(alone.order_ref))
        await desk.do(lambda: desk.review.reject(alone.order_ref, reason="on second thoughts"))
        expected = Pace(approved=3, batched=2, turned_down=1, seconds=Decimal(3))
        assert await desk.do(pages_of(desk).pace) == expected
        store = OrderStore.open(desk.path, clock=desk.clock, read_only=True)
        try:
            assert Pages(store, rules=desk.rules, clock=desk.clock).pace() == expected
            other = desk.rules.replaced(operator="operator-2")
            assert Pages(store, rules=other, clock=desk.clock).pace() == Pace()
        finally:
            store.close()
        desk.clock.forward(seconds=121)
        assert await desk.do(pages_of(desk).pace) == Pace()


async def approve(desk: BenchDesk, records: list[OrderRecord], *, reviewed: str, together: bool = True) -> None:
    await desk.publish()
    shown = [(await desk.do(partial(desk.views.ticket, record.order_ref))).shown for record in records]
    batch, how = [each for each in shown if each is not None], {"key": "Y", "reviewed": reviewed}
    if together:
        assert all(answer.approval for answer in await desk.do(lambda: desk.review.approve_batch(batch, how=how)))
    else:
        assert (await desk.do(lambda: desk.review.approve(batch[0], how=how))).approval is not None
