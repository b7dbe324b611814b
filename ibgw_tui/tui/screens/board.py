"""What all views share: header, the names of the views, alarms, a body, results, footer - and saying so when it is too small."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.messages import FilterLeft, FilterTyped
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.session import LEAST_HEIGHT, LEAST_WIDTH, Session
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.banner import Banners, alarms
from ibgw_tui.tui.widgets.filter_input import FilterInput
from ibgw_tui.tui.widgets.footer import KeyFooter, Situation
from ibgw_tui.tui.widgets.header import DeskHeader
from ibgw_tui.tui.widgets.results import Results
from ibgw_tui.tui.widgets.view_bar import ViewBar, ViewChosen

TALL = 36
"""From so many lines on there is room for three lines of results."""


class BoardScreen(Screen[None]):
    """A view. Subclasses say what is in the body, and show what was read."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.VIEW)]
    view = ""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._composed = False
        self.header, self.banners, self.results, self.footer = DeskHeader(), Banners(), Results(), KeyFooter()
        self.view_bar = ViewBar(self.view)
        self.filter_input = FilterInput()
        self._too_small = Static(id="too-small")

    # ---- for subclasses

    def compose_body(self) -> ComposeResult:
        raise NotImplementedError

    def show_body(self) -> None:
        """Show what was read last."""
        raise NotImplementedError

    def tick_body(self) -> None:
        """A second has passed."""

    def situation(self) -> Situation:
        """What the footer has to know."""
        raise NotImplementedError

    @property
    def copied(self) -> str | None:
        """What the copy key takes."""
        raise NotImplementedError

    def back(self) -> None:
        """Escape."""

    def filter_by(self, text: str) -> None:
        raise NotImplementedError

    def focus_list(self) -> None:
        raise NotImplementedError

    # ---- the frame

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.view_bar
        yield self.banners
        with Container(id="body"):
            yield from self.compose_body()
        yield self._too_small
        yield self.results
        yield self.footer

    def on_mount(self) -> None:
        self._composed = True
        self.focus_list()
        self.show()
        self.tick()

    def on_screen_resume(self) -> None:
        self.show()
        self.tick()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size.width, event.size.height
        big_enough = width >= LEAST_WIDTH and height >= LEAST_HEIGHT
        self.session.big_enough = big_enough
        self.set_class(not big_enough, "-too-small")
        if self._composed:
            self._too_small.update(too_small(width, height))
            self.results.set_class(height >= TALL, "-tall")
            self.show()

    def show(self) -> None:
        """Take over everything that was read. Behind a dialog the lists stand still; the head goes on."""
        if not self._composed:
            return
        self.show_head()
        if self.is_active:
            self.show_body()
        self.show_footer()

    def show_head(self) -> None:
        session = self.session
        router_problem = session.port.router_problem
        self.header.show(session.desk, is_router=session.port.is_router, read_only=session.port.read_only)
        self.banners.show(alarms(session.desk, session.health, router_problem, session.now))
        self.results.show(session.results)

    def show_footer(self) -> None:
        self.footer.show(self.situation())

    def tick(self) -> None:
        if self._composed:
            self.header.tick(self.session.now)
            if self.is_active:
                self.tick_body()

    # ---- actions that every view has

    def action_filter(self) -> None:
        self.filter_input.open()

    def on_filter_typed(self, message: FilterTyped) -> None:
        self.filter_by(message.text)
        self.show_footer()

    async def on_view_chosen(self, message: ViewChosen) -> None:
        await self.run_action(f"app.view('{message.view}')")

    def on_filter_left(self, message: FilterLeft) -> None:
        self.focus_list()

    def action_copy(self) -> None:
        text = self.copied
        if text:
            self.app.copy_to_clipboard(text)
            self.session.say("handed to the terminal's clipboard (some terminals do not take it): " + text, Tone.QUIET)

    def action_newest(self) -> None:
        raise NotImplementedError


def too_small(width: int, height: int) -> Content:
    return Content.assemble(
        (f" This window is {width} x {height}. ", STYLES[Tone.CAUTION]),
        f"\n\n It needs at least {LEAST_WIDTH} x {LEAST_HEIGHT} to show an order whole.\n"
        " Until then nothing can be decided here.\n"
        " K still closes the kill switch.",
    )
