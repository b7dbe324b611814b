"""The pages of the desk in memory, from the same records that its lists and tickets show."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.records import Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import CheckStatus, Side
from ibgw_tui.service.checklist import ITEMS, ChecklistItem, ChecklistView
from ibgw_tui.service.desk_pages import NEWEST_ORDERS, policy_view, usage_bars
from ibgw_tui.service.pages import (
    AccountUse,
    AgentsPage,
    AgentView,
    NoView,
    PoliciesPage,
    PositionRow,
    PositionsPage,
    SwitchPage,
)
from ibgw_tui.service.standing import Standing
from ibgw_tui.service.views import LimitBar
from ibgw_tui.store.looks import NOES

if TYPE_CHECKING:
    from tests.tui.fake_desk import FakeDesk


def positions(desk: FakeDesk) -> PositionsPage:
    now = desk.clock()
    working = [record for record in desk.records.values() if record.status in AT_BROKER]
    symbols = sorted({*desk.held, *(record.intent.symbol for record in working)})
    rows = []
    for symbol in symbols:
        buys, sells = (
            sum(
                (r.intent.quantity - r.filled for r in working if (r.intent.symbol, r.intent.side) == (symbol, side)),
                Decimal(0),
            )
            for side in (Side.BUY, Side.SELL)
        )
        held = Decimal(desk.held.get(symbol, "0")) if desk.positions_known else None
        longest, shortest = (held + buys, held - sells) if held is not None else (None, None)
        limit = desk.policy.effective(desk.account, symbol).max_position
        worst = None
        if longest is not None and shortest is not None:
            reach = max(longest, -shortest, Decimal(0))
            status = CheckStatus.OFF if limit is None else CheckStatus.REFUSE if reach > limit else CheckStatus.PASS
            worst = LimitBar(f"{symbol} worst position", reach, Decimal(0), limit, "units", status)
        rows.append(
            PositionRow(symbol, 1 + sum(symbol.encode()), held, None, buys, sells, Decimal(0), longest, shortest, worst)
        )
    bars = usage_bars(desk.policy, Tally(2, 5, {"USD": Decimal("3120.50")}))
    use = AccountUse(desk.account, tuple(rows), tuple(bars), (), ())
    return PositionsPage(now, "demo", desk.positions_known, now.replace(hour=0), (use,))


def switch(desk: FakeDesk, standing: Standing) -> SwitchPage:
    history = tuple(entry for entry in desk.entries if entry.kind.startswith("switch."))
    return SwitchPage(desk.clock(), desk.switch, history, standing)


def policies(desk: FakeDesk) -> PoliciesPage:
    rules = DeskRules(mode=desk.mode, backend=desk.backend, operator=desk.operator, risk_policy_id="demo")
    items = [
        ChecklistItem(name, text, name in desk.acknowledged, "", None, "" if name in desk.acknowledged else "not acknowledged",
                      "" if name in desk.acknowledged else action)
        for name, (text, action) in ITEMS.items()
    ]  # fmt: skip
    done = all(item.acknowledged for item in items)
    view = ChecklistView(desk.clock(), done, "olga" if desk.acknowledged else None, None, tuple(items))
    return PoliciesPage(desk.clock(), desk.mode, (policy_view("demo", desk.policy, rules),), view)


def agents(desk: FakeDesk) -> AgentsPage:
    names = dict.fromkeys(record.staged_by for record in reversed(desk.records.values()))
    views = []
    for name in names:
        mine = [record for record in desk.records.values() if record.staged_by == name]
        counts = {status: n for status in Status if (n := sum(record.status is status for record in mine))}
        noes = tuple(
            NoView(r.order_ref, r.intent.symbol, r.status, r.reason_code or "", r.reason, r.updated_at)
            for r in reversed(mine)
            if r.status in NOES
        )
        views.append(
            AgentView(
                name, counts, sum(r.status not in OPEN | NOES or r.status is Status.APPROVED for r in mine),
                counts.get(Status.REJECTED, 0), sum(r.status in OPEN for r in mine), 200,
                max(r.staged_at for r in mine), noes[:3],
            )
        )  # fmt: skip
    return AgentsPage(desk.clock(), NEWEST_ORDERS, tuple(views))
