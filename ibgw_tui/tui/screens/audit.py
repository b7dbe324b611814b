"""The audit log: its recent entries, newest at the bottom, and one of them in full."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.messages import CursorMoved, RowOpened, WindowChanged
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.session import Session
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.audit_list import AuditList, entry_page
from ibgw_tui.tui.widgets.footer import Situation

SHOWN = 500
"""Entries. `ibgw audit show` has them all."""


EMPTY = Content.assemble(
    "\n",
    ("Nothing is in the audit log yet.", "bold"),
    "\n\nEvery change of an order and of the kill switch is written here, in a chain of hashes\n"
    "that shows any later edit. `ibgw audit verify` checks it.",
)


class AuditScreen(BoardScreen):
    view = "audit"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._read_to = -1
        self._reading = False
        self._filter = ""
        self._titled = Content("")
        self.entries = AuditList()
        self._box, self._empty = Vertical(id="list-box"), Static(id="empty")
        self._entry, self._entry_text = VerticalScroll(id="entry"), Static(id="entry-text")

    def compose_body(self) -> ComposeResult:
        with Container(id="pair"):
            with self._box:
                yield self.filter_input
                yield self.entries
                yield self._empty
            with self._entry:
                yield self._entry_text

    def show_body(self) -> None:
        desk = self.session.desk
        if desk is not None and desk.audit_seq != self._read_to and not self._reading:
            self._reading = True
            self.run_worker(self._read(desk.audit_seq), name="audit", exit_on_error=False)
        is_empty = not self.entries.rows.shown
        self._box.set_class(is_empty, "-empty")
        if is_empty:
            self._empty.update(EMPTY)
        self._show_title()

    def _show_title(self) -> None:
        title = Content.assemble("audit log ", (self._told(), STYLES[Tone.QUIET]))
        if not self._titled.is_same(title):
            self._titled = title
            self._box.border_title = title

    def on_window_changed(self, message: WindowChanged) -> None:
        self._show_title()

    def _told(self) -> str:
        rows = self.entries.rows
        shown = f"{rows.total - len(rows.hidden)} of {rows.total}" if rows.is_filtered else f"{rows.total}"
        below = f" · {rows.below} below ↓" if rows.below else ""
        return f"newest {shown}{below}"

    async def _read(self, seq: int) -> None:
        try:
            entries = await self.session.port.audit(limit=SHOWN)
        except Exception as error:  # noqa: BLE001  said on the screen, and tried again at the next change
            self.session.say(f"the audit log cannot be read: {problem_of(error)}", Tone.REFUSE)
            return
        finally:
            self._reading = False
        self._read_to = seq
        if self.is_attached:
            self.entries.show(entries)
            self.show_body()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        entry = self.entries.selected
        self._entry_text.update(entry_page(entry) if entry else Content(""))
        self._entry.scroll_home(animate=False)
        self._entry.border_title = Content(f"entry {entry.seq}" if entry else "entry")
        self.show_footer()

    def on_row_opened(self, message: RowOpened) -> None:
        self.add_class("-ticket")
        self._entry.focus()
        self.call_after_refresh(self.show_footer)

    def back(self) -> None:
        if self.has_class("-ticket") or self._entry.has_focus:
            self.remove_class("-ticket")
            self.focus_list()
        elif self._filter:
            self.filter_input.action_leave_filter()
        self.call_after_refresh(self.show_footer)

    def focus_list(self) -> None:
        self.entries.focus()

    def situation(self) -> Situation:
        session = self.session
        return Situation(
            view=self.view,
            in_ticket=self.has_class("-ticket"),
            switch_open=session.switch_open,
            read_only=session.port.read_only,
            may_decide=session.may_decide,
        )

    @property
    def copied(self) -> str | None:
        entry = self.entries.selected
        return entry.hash if entry else None

    def filter_by(self, text: str) -> None:
        self._filter = text.strip()
        self.entries.filter_by(text)
        self.show_body()

    def action_newest(self) -> None:
        self.back()
        self.entries.action_last()
