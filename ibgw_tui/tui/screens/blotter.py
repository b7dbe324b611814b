"""The blotter: orders that were sent or have ended, newest at the bottom, and one of them as a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content

from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.session import Snapshot
from ibgw_tui.tui.widgets.columns import BLOTTER, Column


class BlotterScreen(OrdersScreen):
    COLUMNS: ClassVar[Sequence[Column]] = BLOTTER
    START_AT_END = True
    view = "blotter"
    title_word = "blotter"
    no_ticket = Content("\n Choose an order: what became of it stands here.")

    def rows_of(self, lists: Snapshot) -> Sequence[OrderRow]:
        return lists.blotter

    def empty_text(self) -> Content:
        return Content.assemble(
            "\n",
            ("Nothing was sent, and nothing has ended yet.", "bold"),
            "\n\nOrders come here when you approve or reject them on the review desk (key 1),\n"
            "when they expire, or when their agent withdraws them.\n"
            "x asks the broker to cancel the order under the cursor, X all that work.",
        )
