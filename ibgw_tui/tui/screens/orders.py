"""A list of orders and one of them as a ticket: what the review desk and the blotter share.

In a narrow window Enter puts the ticket in the list's place; in a wide one it moves the keys into the
ticket. Whatever is decided is decided about the order under the cursor, and only when its ticket is
the one on display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.deciding import Deciding
from ibgw_tui.tui.feed import Feed
from ibgw_tui.tui.jumping import row_meant
from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.messages import CursorMoved, RowOpened, WindowChanged
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.remembered import SPLITS, Memory
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.session import Session, Snapshot
from ibgw_tui.tui.stopping import Stopping
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.columns import Column
from ibgw_tui.tui.widgets.footer import Situation
from ibgw_tui.tui.widgets.order_list import ORDERINGS, OrderList
from ibgw_tui.tui.widgets.ticket import TicketPane
from ibgw_tui.tui.widgets.ticket_page import ticket_lines

SAVED_WIDTH = 110
"""Cells of a line in a saved ticket."""


class OrdersScreen(BoardScreen):
    """List and ticket. Subclasses say which orders."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.ORDERS)]
    COLUMNS: ClassVar[Sequence[Column]] = ()
    START_AT_END = False
    marks_here = False
    """Whether orders of this list can be marked."""
    title_word = ""
    no_ticket = Content("")

    def __init__(
        self, session: Session, deciding: Deciding, stopping: Stopping, feed: Feed, memory: Memory | None = None
    ) -> None:
        super().__init__(session)
        self._memory = memory or Memory()
        self._recalled = False
        self._deciding = deciding
        self._stopping = stopping
        self._feed = feed
        self._filter = ""
        self._order_name = ""
        self._titled = self._columns = self._told_empty = Content("")
        clock = session.port.clock
        self.orders = OrderList(self.COLUMNS, clock=clock, start_at_end=self.START_AT_END, name="orders")
        self.ticket_pane = TicketPane(clock=clock, empty=self.no_ticket)
        self._box, self._titles, self._empty = Vertical(id="list-box"), Static(id="titles"), Static(id="empty")

    # ---- for subclasses

    def rows_of(self, lists: Snapshot) -> Sequence[OrderRow]:
        raise NotImplementedError

    def fates_of(self, lists: Snapshot) -> Mapping[str, OrderRow]:
        """What became of orders that left the list."""
        return lists.sent

    def unlisted(self) -> int:
        """Orders that belong here and were not read: lists have an end."""
        return 0

    def empty_text(self) -> Content:
        """What a newcomer reads when there is nothing in the list."""
        raise NotImplementedError

    # ---- the body

    def compose_body(self) -> ComposeResult:
        with Container(id="pair"):
            with self._box:
                yield self.filter_input
                yield self._titles
                yield self.orders
                yield self._empty
            yield self.ticket_pane

    def on_mount(self) -> None:
        self._split()
        super().on_mount()

    def _recall(self) -> None:
        """As it was left: the order of the rows and the filter, once there are rows. A filter is said aloud."""
        self._recalled = True
        ordering, words = self._memory.now.orderings.get(self.view), self._memory.now.filters.get(self.view)
        if ordering:
            self._order_name = self.orders.order_by(ordering)
        if words:
            self.filter_input.add_class("-open")
            self.filter_input.value = words
            self.session.say(f"{self.title_word}: the filter of the last time is on: {words}. Esc clears it", Tone.WARN)

    def show_body(self) -> None:
        lists, orders = self.session.lists, self.orders
        if lists is not None:
            orders.show_orders(self.rows_of(lists), self.fates_of(lists))
            if not self._recalled:
                self._recall()
            self._follow()
            self._keep_marks(orders)
        is_empty = not orders.rows.shown
        self._box.set_class(is_empty, "-empty")
        if not is_empty and self.focused is None:
            self.call_after_refresh(self._focus_again)
        if is_empty:
            text = self.empty_text() if lists is not None else Content(" reading the desk ...")
            if not self._told_empty.is_same(text):
                self._told_empty = text
                self._empty.update(text)
        self._show_titles()

    def _follow(self) -> None:
        """To the revision that the operator made of the order under the cursor, once it is listed."""
        follow = self.session.follow
        if follow is not None and (self.orders.cursor != follow[0] or self.orders.select(follow[1])):
            self.session.follow = None

    def _focus_again(self) -> None:
        """An empty list is not drawn, and what is not drawn loses the keys: they come back with the first order."""
        if self.is_active and self.focused is None:
            self.focus_list()

    def _keep_marks(self, orders: OrderList) -> None:
        """A mark goes with the last moment in which its order waited for the operator."""
        marks = self.session.marks
        if self.marks_here:
            for ref in [ref for ref in marks if not orders.waits(ref)]:
                del marks[ref]
            orders.show_marks(marks)

    def _show_titles(self) -> None:
        orders = self.orders
        columns = orders.titles()
        if not self._columns.is_same(columns):
            self._columns = columns
            self._titles.update(columns, layout=False)
        marked = len(self.session.marks) if self.marks_here else 0
        told = told_of(orders, unlisted=self.unlisted(), marked=marked, order_name=self._order_name)
        title = Content.assemble(self.title_word, " ", (" · ".join(told), STYLES[Tone.QUIET]))
        if not self._titled.is_same(title):
            self._titled = title
            self._box.border_title = title

    def tick_body(self) -> None:
        self.orders.tick()
        self.ticket_pane.tick()

    # ---- the ticket

    @property
    def wanted(self) -> str | None:
        """Reference of the order whose ticket belongs on the screen."""
        return self.orders.cursor if self._composed else None

    def show_ticket(self, ref: str, ticket: Ticket | None) -> None:
        """A ticket was read. It is shown only if the cursor still stands on its order."""
        if not self._composed or ref != self.wanted or not self.is_active:
            return
        if ticket is not None and ticket.record.order_ref != ref:
            return  # never another order than the one under the cursor
        if ticket is None:
            self.ticket_pane.show_nothing(f" {ref}: there is no such order in the store")
        else:
            self.ticket_pane.show(ticket)
        self.show_footer()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        selected = self.orders.selected
        if selected is None:
            self.ticket_pane.show_nothing()
        elif self.ticket_pane.ref != selected.order_ref:
            self.ticket_pane.show_reading(selected)
        self._show_titles()
        self.show_footer()
        self._feed.ring(everything=False)

    def on_window_changed(self, message: WindowChanged) -> None:
        self._show_titles()

    def on_row_opened(self, message: RowOpened) -> None:
        self.add_class("-ticket")
        self.ticket_pane.focus()
        self.call_after_refresh(self.show_footer)

    def back(self) -> None:
        if self.has_class("-ticket") or self.ticket_pane.has_focus:
            self.remove_class("-ticket")
            self.focus_list()
        elif self._filter:
            self.filter_input.action_leave_filter()
        elif self._deciding.batch.clear():
            self.show_body()
        self.call_after_refresh(self.show_footer)

    def focus_list(self) -> None:
        self.orders.focus()

    def select(self, ref: str) -> bool:
        """Put the cursor on an order, if it is listed."""
        return self._composed and self.orders.select(ref)

    def situation(self) -> Situation:
        session, pane = self.session, self.ticket_pane
        selected = self.orders.selected
        shown = pane.ticket if selected is not None and pane.ref == selected.order_ref else None
        return Situation(
            view=self.view,
            selected=selected,
            approvable=shown.approvable if shown is not None else selected is not None and not _blocked(selected),
            in_ticket=self.has_class("-ticket"),
            switch_open=session.switch_open,
            read_only=session.port.read_only,
            may_decide=session.may_decide,
            working=len(session.at_broker()),
            marked=len(session.marks) if self.marks_here else 0,
            held=len(session.held_back()),
        )

    # ---- actions

    @property
    def copied(self) -> str | None:
        return self.orders.cursor

    @property
    def saved(self) -> str:
        ticket = self.ticket_pane.ticket
        if ticket is None:
            return ""
        # Drawn anew: in a narrow window the pane is not shown and has no lines.
        lines = ticket_lines(ticket, self.session.now, SAVED_WIDTH)
        return "\n".join(line.plain.rstrip() for line in lines)

    def jump_to(self, words: str) -> bool:
        rows = self.orders.rows.shown
        ref = row_meant(words, rows)
        return ref is not None and self.select(ref)

    def unfilter(self) -> None:
        """Show every row: somebody goes to one that the filter hides."""
        if self._filter:
            self.filter_input.action_leave_filter()
            self.filter_by("")

    def filter_by(self, text: str) -> None:
        self._filter = text.strip()
        self._memory.note_filter(self.view, self._filter)
        self.orders.filter_by(text)
        self.show_body()

    def action_newest(self) -> None:
        self.back()
        self.orders.action_last()

    def action_order_by(self) -> None:
        self._order_name = self.orders.order_by_next()
        is_first = self._order_name == ORDERINGS[0][0]
        self._memory.note_ordering(self.view, "" if is_first else self._order_name)
        self._show_titles()

    def action_wider(self) -> None:
        self._resplit(1)

    def action_narrower(self) -> None:
        self._resplit(-1)

    def _resplit(self, by: int) -> None:
        """The next width of the list. Where list and ticket do not stand side by side, it only counts for later."""
        now = self._memory.now.split
        if now is None:
            shown = self._box.size.width * 100 // max(1, self.size.width)
            now = min(SPLITS, key=lambda split: abs(split - shown))
        at = max(0, min(SPLITS.index(now) + by, len(SPLITS) - 1))
        self._memory.note(split=SPLITS[at])
        self._split()
        self.session.say(f"list {SPLITS[at]} % of the width, where it stands beside the ticket", Tone.QUIET)

    def _split(self) -> None:
        for split in SPLITS:
            self.set_class(split == self._memory.now.split, f"-split-{split}")

    def action_approve(self) -> None:
        self._deciding.approve(self.ticket_pane.ticket, self.orders.selected)

    def action_reject(self) -> None:
        self._deciding.reject(self.ticket_pane.ticket, self.orders.selected)

    def action_edit(self) -> None:
        self._deciding.edit(self.ticket_pane.ticket, self.orders.selected)

    def action_ask_changes(self) -> None:
        self._deciding.ask_changes(self.ticket_pane.ticket, self.orders.selected)

    def action_mark(self) -> None:
        if self.marks_here and self._deciding.batch.mark(self.ticket_pane.ticket, self.orders.selected):
            self.show_body()
            self.show_footer()

    def action_review_marked(self) -> None:
        self._deciding.batch.review(self.orders.rows.hidden)

    def action_recall_all(self) -> None:
        self._deciding.batch.recall_all()

    def action_submit(self) -> None:
        self._deciding.submit(self.ticket_pane.ticket, self.orders.selected)

    def action_recall(self) -> None:
        self._deciding.recall(self.orders.selected)

    def action_write_off(self) -> None:
        self._stopping.write_off(self.orders.selected)

    def action_cancel(self) -> None:
        self._stopping.cancel(self.orders.selected)

    def action_cancel_all(self) -> None:
        self._stopping.cancel_all(self.orders.rows.hidden)


def _blocked(row: OrderRow) -> bool:
    """Whether the recorded decision refuses: what is offered while the ticket is being read."""
    return row.worst in (CheckStatus.REFUSE, CheckStatus.UNKNOWN)


def told_of(orders: OrderList, *, unlisted: int, marked: int, order_name: str) -> list[str]:
    """What the title of a list says of its rows."""
    rows = orders.rows
    told = [f"{rows.total}"]
    if rows.is_filtered:
        told = [f"{rows.total - len(rows.hidden)} of {rows.total} shown by the filter"]
    if unlisted:
        told.append(f"{unlisted:,} newer ones not listed")
    if marked:
        told.append(f"{marked} marked")
    if order_name:
        told.append(f"by {order_name}")
    if rows.below:
        told.append(f"{rows.below} below ↓")
    return told
