"""The review desk: orders that wait for the operator, and one of them as a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content

from ibgw_tui.core.lifecycle import OPEN
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.safe import safe_line
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.session import Snapshot
from ibgw_tui.tui.widgets.columns import QUEUE, Column

LONG = 500
"""Shorter lists are whole: the desk and its list are read one after the other, and may differ for a moment."""


class DeskScreen(OrdersScreen):
    COLUMNS: ClassVar[Sequence[Column]] = QUEUE
    view = "desk"
    marks_here = True
    title_word = "orders that wait"
    no_ticket = Content("\n Choose an order: its ticket stands here.")

    def rows_of(self, lists: Snapshot) -> Sequence[OrderRow]:
        return lists.queue

    def unlisted(self) -> int:
        desk, lists = self.session.desk, self.session.lists
        if desk is None or lists is None or len(lists.queue) < LONG:
            return 0
        return max(0, sum(desk.counts.get(status, 0) for status in OPEN) - len(lists.queue))

    def empty_text(self) -> Content:
        account = self.session.desk.accounts[0] if self.session.desk and self.session.desk.accounts else "DU1234567"
        return Content.assemble(
            "\n",
            ("No orders wait.", "bold"),
            "\n\nAgents, scripts and people stage them; you decide here.\nStage one in another terminal:\n\n",
            ("ibgw stage --account ", "$secondary"),
            safe_line(account, "$secondary", 20),
            (" --symbol AAPL --side buy --quantity 1 --limit-price 99.50", "$secondary"),
            "\n\nIt appears here at once. a then opens its review, ? lists all keys.",
        )
