"""What every account holds, what works, where that can end, and how much of each limit is used."""

from __future__ import annotations

from collections.abc import Sequence

from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.pages import AccountUse, PositionRow, PositionsPage
from ibgw_tui.tui.present import UNKNOWN, Tone, money, number, price, signed, utc_moment
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.widgets.sections import Cell, Col, Row, Section, fact, sentence, table, use_row

COLUMNS = (
    Col("symbol", 12),
    Col("held", 14, right=True),
    Col("avg cost", 12, right=True, weight=4),
    Col("open buys", 12, right=True, weight=1),
    Col("open sells", 12, right=True, weight=1),
    Col("in doubt", 10, right=True, weight=3),
    Col("longest", 14, right=True, weight=2),
    Col("shortest", 14, right=True, weight=2),
    Col("contract", 10, right=True, weight=5),
)


class PositionsScreen(PageScreen[PositionsPage]):
    view = "positions"
    title_word = "positions and limit usage"

    async def read(self) -> PositionsPage:
        return await self.session.port.positions_page()

    def sections(self, page: PositionsPage, width: int) -> Sequence[Section]:
        found: list[Section] = []
        if not page.known:
            text = "The broker's positions are not fresh: a router has to be connected. What is held counts as unknown."
            found.append(Section("not known", [sentence(text, width, Tone.UNKNOWN)]))
        if not page.accounts:
            text = "No account is allowed by the configuration, so there is nothing to hold."
            found.append(Section("accounts", [sentence(text, width, Tone.QUIET)]))
        for use in page.accounts:
            found += _account(use, page, width)
        return found


def _account(use: AccountUse, page: PositionsPage, width: int) -> list[Section]:
    if use.positions:
        positions = table(f"{use.account} positions", COLUMNS, [_cells(row) for row in use.positions], width)
    else:
        words = "Nothing is held, and nothing works." if page.known else "No orders work; what is held is not known."
        positions = Section(f"{use.account} positions", [sentence(words, width, Tone.QUIET)])
    if use.funds:
        rows = [fact(name, money(amount), width, column=18) for name, amount in use.funds]
        return [positions, _limits(use, page, width), Section(f"{use.account} funds", rows, "as the broker says")]
    return [positions, _limits(use, page, width)]


def _cells(row: PositionRow) -> list[Cell]:
    over = row.worst is not None and row.worst.status is CheckStatus.REFUSE
    reach = Tone.REFUSE if over else Tone.PLAIN
    return [
        (row.symbol, Tone.STRONG),
        (signed(row.held) if row.held is not None else UNKNOWN, Tone.STRONG if row.held is not None else Tone.UNKNOWN),
        (price(row.average_cost) if row.average_cost is not None else "", Tone.QUIET),
        (number(row.buys) if row.buys else "-", Tone.BUY if row.buys else Tone.QUIET),
        (number(row.sells) if row.sells else "-", Tone.SELL if row.sells else Tone.QUIET),
        (number(row.in_doubt) if row.in_doubt else "-", Tone.UNKNOWN if row.in_doubt else Tone.QUIET),
        (signed(row.longest) if row.longest is not None else UNKNOWN, reach),
        (signed(row.shortest) if row.shortest is not None else UNKNOWN, reach),
        (str(row.con_id), Tone.FAINT),
    ]


def _limits(use: AccountUse, page: PositionsPage, width: int) -> Section:
    rows: list[Row] = [use_row(bar, width) for bar in use.bars]
    rows += [
        sentence(
            f"{money(amount)} of this session are in another currency; a decision converts them", width, Tone.QUIET, 3
        )
        for amount in use.unconverted
    ]
    worst = [row.worst for row in use.positions if row.worst is not None]
    rows += [use_row(bar, width) for bar in worst if bar.limit is not None]
    if worst and all(bar.limit is None for bar in worst):
        rows.append(sentence("· max_position is not set: the check of the worst position is off", width, Tone.QUIET))
    if page.policy_id is None or not use.bars:
        rows = [sentence("No limit policy is in force: nothing is allowed.", width, Tone.REFUSE)]
    else:
        rows.append(fact("session since", utc_moment(page.session_began), width, Tone.QUIET))
    return Section(f"{use.account} limits used", rows, f"policy {page.policy_id}" if page.policy_id else "")
