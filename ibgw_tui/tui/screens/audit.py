"""The audit log, newest at the bottom: the whole of it page by page, a search through it, and one entry in full.

Held is one unbroken piece of the log that ends with its newest entry; it grows upwards when the operator
comes to its top. A search looks through what is held at once, and through the rest in bounded looks, until
the window is full or the log's first entry was seen.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from ibgw_tui.core.records import AuditEntry
from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.messages import CursorMoved, RowOpened, WindowChanged
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.session import Session
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.audit_list import AuditList, entry_page
from ibgw_tui.tui.widgets.footer import Situation

SHOWN = 500
"""Entries that are read to begin with, and with every page further back."""
MOST_HELD = 5_000
"""More are let go again, once the operator is back at the newest."""
QUIET = 0.25
"""Seconds without another letter, after which a search goes beyond what is held."""


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
        self._problem = ""
        """Why the last reading failed."""
        self._words: tuple[str, ...] = ()
        self._held: dict[int, AuditEntry] = {}
        self._found: dict[int, AuditEntry] = {}
        """What a search found before what is held."""
        self._looked_to = 0
        """The lowest number that the search has looked at."""
        self._looking = False
        self._search: Timer | None = None
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
        self._look_back()

    def _told(self) -> str:
        rows = self.entries.rows
        below = f" · {rows.below} below ↓" if rows.below else ""
        if self._words:
            how_far = (
                "the whole log" if self._lowest <= 1 else f"searched back to entry {self._lowest:,}, go up for more"
            )
            return f"{rows.total - len(rows.hidden):,} found · {how_far}{below}"
        more = f" of {max(self._held):,}" if self._lowest > 1 else ""
        return f"newest {rows.total:,}{more}{below}"

    @property
    def _lowest(self) -> int:
        """The lowest number that is known: of what is held, or as far as the search has looked."""
        held = min(self._held, default=1)
        return min(held, self._looked_to) if self._words and self._looked_to else held

    # ---- reading

    async def _read(self, seq: int) -> None:
        """What came in since the last reading."""
        newest = max(self._held, default=0)
        try:
            entries = await self.session.port.audit(after_seq=newest, limit=SHOWN)
        except Exception as error:  # noqa: BLE001  said on the screen, and tried again at the next change
            self._tell(problem_of(error))
            return
        finally:
            self._reading = False
        self._read_to, self._problem = seq, ""
        gap = bool(entries) and entries[0].seq > newest + 1
        if gap:
            self._held.clear()
            self._forget_search()
        self._held.update((entry.seq, entry) for entry in entries)
        spare = self._spare()
        for number in spare:
            del self._held[number]
        if self.is_attached:
            if gap or spare:
                self._hold()
            else:
                self.entries.show(self._all())
            self.show_body()

    def _tell(self, problem: str) -> None:
        """Once, however often it is tried: what the desk answered to a decision must not be pushed off the screen."""
        if problem != self._problem:
            self._problem = problem
            self.session.say(f"the audit log cannot be read: {problem}", Tone.REFUSE)

    def _spare(self) -> list[int]:
        """What may be let go: much was read, and the operator is at the newest again."""
        newest, cursor = max(self._held, default=0), self.entries.selected
        near = cursor is None or cursor.seq > newest - SHOWN
        if len(self._held) <= MOST_HELD or self._words or not near:
            return []
        return [number for number in self._held if number <= newest - SHOWN]

    def _all(self) -> list[AuditEntry]:
        known = self._found | self._held
        return [known[number] for number in sorted(known)]

    def _hold(self) -> None:
        self.entries.hold(self._all(), self._words)

    def _look_back(self) -> None:
        """Go on before what is known, when the operator stands at its top."""
        if self._held and self.entries.is_at_top and self._lowest > 1 and not self._looking and self._search is None:
            self._looking = True
            self.run_worker(self._read_older(self._words), name="older entries", exit_on_error=False)

    async def _read_older(self, words: tuple[str, ...]) -> None:
        try:
            found = await self.session.port.audit_before(self._lowest, text=" ".join(words), limit=SHOWN)
        except Exception as error:  # noqa: BLE001  said on the screen; moving up tries it again
            self.session.say(f"older entries cannot be read: {problem_of(error)}", Tone.REFUSE)
            return
        finally:
            self._looking = False
        if not self.is_attached:
            return
        if words != self._words:  # another search by now
            self._look_back()
            return
        if words:
            self._looked_to = found.looked_to
            self._found.update((entry.seq, entry) for entry in found.entries)
        else:
            self._held.update((entry.seq, entry) for entry in found.entries)
        if found.entries:
            self._hold()
        self.show_body()
        self._look_back()

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
        elif self._words:
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

    @property
    def saved(self) -> str:
        entry = self.entries.selected
        return entry_page(entry).plain if entry is not None else ""

    def jump_to(self, words: str) -> bool:
        """To an entry by its number, among those that were read."""
        if not (words.isascii() and words.isdigit() and len(words) <= 12):
            return False
        if not self.entries.select(words):
            told = f"entries {self._lowest:,} to {max(self._held, default=0):,} were read"
            self.session.say(
                f"entry {words} is not on the list: {told}; go up for older ones, or search with /", Tone.WARN
            )
        return True

    def filter_by(self, text: str) -> None:
        """At once in what is held; in the rest when no letter has come for a moment."""
        words = tuple(text.lower().split())
        if words == self._words:
            return
        had_found = bool(self._found)
        self._words = words
        self._forget_search()
        if words:
            self._search = self.set_timer(QUIET, self._begin_search, name="search")
        if had_found:
            self._hold()
        else:
            self.entries.filter_by(words)
        self.show_body()

    def _begin_search(self) -> None:
        self._search = None
        self._look_back()

    def _forget_search(self) -> None:
        self._found.clear()
        self._looked_to = 0
        if self._search is not None:
            self._search.stop()
            self._search = None

    def action_newest(self) -> None:
        self.back()
        self.entries.action_last()
