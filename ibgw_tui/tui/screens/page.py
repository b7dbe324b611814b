"""A screen that is one page of lines: what the pages share. Reads only while it is shown.

A page that cannot be read says so above what was read last, with its time; it never goes blank and
never looks newer than it is.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.content import Content

from ibgw_tui.tui.feed import PATIENCE, problem_of
from ibgw_tui.tui.present import Tone, utc_clock
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.session import Session
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.footer import Situation
from ibgw_tui.tui.widgets.page_pane import PagePane
from ibgw_tui.tui.widgets.sections import Section, section_lines, sentence

Page = TypeVar("Page")


class PageScreen(BoardScreen, Generic[Page]):
    """Subclasses say what is read, and how it looks."""

    ONLY_BY_AUDIT: ClassVar[bool] = False
    """True where nothing but what the audit log tells changes the page: then it is read only when that has grown."""
    title_word = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.page: Page | None = None
        self._read_at: datetime | None = None
        self._problem = ""
        self._reading = False
        self._audit_seq: int | None = None
        self._words: tuple[str, ...] = ()
        self._titled = Content("")
        self.pane = PagePane(self._make)

    # ---- for subclasses

    @abstractmethod
    async def read(self) -> Page:
        """From the port."""

    @abstractmethod
    def sections(self, page: Page, width: int) -> Sequence[Section]:
        """The page in words."""

    # ---- reading

    def compose_body(self) -> ComposeResult:
        yield self.filter_input
        yield self.pane

    def show_body(self) -> None:
        if not self._reading and self._is_due():
            self._reading = True
            self.run_worker(self._read(), name=f"page {self.view}", exit_on_error=False)
        self._show_page()

    def _is_due(self) -> bool:
        desk = self.session.desk
        if self.page is None or self._problem or not self.ONLY_BY_AUDIT:
            return True
        return desk is not None and desk.audit_seq != self._audit_seq

    async def _read(self) -> None:
        """Until it has answered: one reading at a time, and a slow one is said."""
        desk = self.session.desk
        reading = asyncio.ensure_future(self.read())
        try:
            done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
            if not done:
                self._tell(f"the desk has not answered for {PATIENCE:.0f} s")
            self.page = await reading
        except asyncio.CancelledError:
            reading.cancel()
            raise
        except Exception as error:  # noqa: BLE001  said on the screen, and tried again at the next reading
            self._problem = problem_of(error)
        else:
            self._read_at, self._problem = self.session.now, ""
            self._audit_seq = desk.audit_seq if desk is not None else None
        finally:
            self._reading = False
        if self.is_attached:
            self._show_page()

    def _tell(self, problem: str) -> None:
        self._problem = problem
        self._show_page()

    def tick_body(self) -> None:
        if self._problem:
            self.show_body()  # the feed may be down, too, and would not ring

    # ---- showing

    def _show_page(self) -> None:
        self.pane.show()
        as_of = f"as of {utc_clock(self._read_at)} UTC" if self._read_at else "reading ..."
        if self._words:
            as_of += " · filtered"
        title = Content.assemble(self.title_word, " ", (as_of, STYLES[Tone.QUIET]))
        if not self._titled.is_same(title):
            self._titled = title
            self.pane.border_title = title

    def _make(self, width: int) -> list[Content]:
        lines: list[Content] = []
        if self._problem:
            since = f"; what stands below was read at {utc_clock(self._read_at)} UTC" if self._read_at else ""
            lines = [*sentence(f"NOT READ: {self._problem}{since}", width, Tone.REFUSE), Content("")]
        if self.page is None:
            return lines or sentence("reading ...", width, Tone.QUIET)
        return lines + section_lines(self.sections(self.page, width), width, self._words)

    def situation(self) -> Situation:
        session = self.session
        return Situation(
            view=self.view,
            switch_open=session.switch_open,
            read_only=session.port.read_only,
            may_decide=session.may_decide,
        )

    # ---- actions

    def focus_list(self) -> None:
        self.pane.focus()

    def back(self) -> None:
        if self._words:
            self.filter_input.action_leave_filter()

    def filter_by(self, text: str) -> None:
        self._words = tuple(text.lower().split())
        self._show_page()

    @property
    def copied(self) -> str | None:
        return self.pane.text or None

    @property
    def saved(self) -> str:
        return self.pane.text

    def action_newest(self) -> None:
        self.focus_list()
        self.pane.action_scroll_end()
