"""Who stages what, and what becomes of it: counts, the share that was approved, the last noes, the budget."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, TERMINAL, Status
from ibgw_tui.service.pages import AgentsPage, AgentView
from ibgw_tui.service.views import LimitBar
from ibgw_tui.tui.present import STATUSES, Tone, ago, utc_clock
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.widgets.sections import Cell, Col, Row, Section, sentence, table, use_row

SUMMARY = (
    Col("agent", 24),
    Col("staged", 7, right=True),
    Col("wait", 5, right=True),
    Col("approved", 8, right=True),
    Col("rejected", 8, right=True, weight=1),
    Col("rate", 5, right=True),
    Col("refused", 7, right=True, weight=2),
    Col("at broker", 9, right=True, weight=3),
    Col("filled", 6, right=True, weight=4),
    Col("last staged", 14, right=True, weight=5),
)


class AgentsScreen(PageScreen[AgentsPage]):
    ONLY_BY_AUDIT = True
    view = "agents"
    title_word = "agents"

    async def read(self) -> AgentsPage:
        return await self.session.port.agents_page()

    def sections(self, page: AgentsPage, width: int) -> Sequence[Section]:
        if not page.agents:
            told = (
                "Nobody has staged an order yet. Agents do with `ibgw stage`; what becomes of their orders stands here."
            )
            return [Section("who stages", [sentence(told, width, Tone.QUIET)])]
        note = f"newest {page.looked_at:,} orders; rate: approved of those decided"
        cells = [_cells(agent, page) for agent in page.agents]
        return [table("who stages", SUMMARY, cells, width, note), *(_agent(agent, width) for agent in page.agents)]


def _cells(agent: AgentView, page: AgentsPage) -> list[Cell]:
    counts, rate = agent.counts, agent.approval_rate
    refused = counts.get(Status.REFUSED, 0)
    return [
        (agent.name, Tone.STRONG),
        (f"{agent.staged:,}", Tone.PLAIN),
        (f"{agent.waiting:,}", Tone.STRONG if agent.waiting else Tone.QUIET),
        (f"{agent.approved:,}", Tone.PLAIN),
        (f"{agent.rejected:,}", Tone.PLAIN),
        (f"{rate:.0f} %" if rate is not None else "-", Tone.STRONG if rate is not None else Tone.QUIET),
        (f"{refused:,}", Tone.REFUSE if refused else Tone.QUIET),
        (f"{sum(counts.get(status, 0) for status in AT_BROKER):,}", Tone.PLAIN),
        (f"{counts.get(Status.FILLED, 0):,}", Tone.PLAIN),
        (ago(page.now - agent.newest_at), Tone.QUIET),
    ]


def _agent(agent: AgentView, width: int) -> Section:
    order = sorted(OPEN) + sorted(AT_BROKER) + sorted(TERMINAL)
    told = ", ".join(
        f"{agent.counts[status]:,} {STATUSES[status].word}" for status in order if agent.counts.get(status)
    )
    budget = LimitBar(
        "pending budget", Decimal(agent.waiting), Decimal(0), Decimal(agent.budget), "orders", agent.budget_status
    )
    rows: list[Row] = [sentence(told, width), use_row(budget, width)]
    for no in agent.noes:
        word = STATUSES[no.status]
        told = no.reason if no.code and no.reason.startswith(no.code) else ": ".join(filter(None, (no.code, no.reason)))
        why = told or "no reason recorded"
        rows.append(sentence(f"{word} {utc_clock(no.at)} {no.symbol} {no.order_ref}  {why}", width, word.tone))
    if not agent.noes:
        rows.append(sentence("no order was refused or rejected", width, Tone.QUIET))
    return Section(agent.name, rows)
