"""What all views share: header, the names of the views, alarms, a body, results, footer - and saying so when it is too small."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.messages import FilterLeft, FilterTyped, JumpAsked, JumpLeft
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.saving import SaveError, save_text
from ibgw_tui.tui.session import LEAST_HEIGHT, LEAST_WIDTH, LEGIBLE_HEIGHT, LEGIBLE_WIDTH, Session
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.banner import Banners
from ibgw_tui.tui.widgets.filter_input import FilterInput
from ibgw_tui.tui.widgets.footer import KeyFooter, Situation
from ibgw_tui.tui.widgets.header import DeskHeader
from ibgw_tui.tui.widgets.jump_input import JumpInput
from ibgw_tui.tui.widgets.results import Results
from ibgw_tui.tui.widgets.view_bar import ViewBar, ViewChosen

HUGE = 240
"""From so many columns on list and ticket both have room for more."""
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
        self.jump_input = JumpInput()
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

    @property
    def saved(self) -> str:
        """What the save key takes, as text: what is on display, whole."""
        raise NotImplementedError

    def jump_to(self, words: str) -> bool:
        """Go to what is meant on this screen; False when it is not here."""
        return False

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
        yield self.jump_input
        with Container(id="body"):
            yield from self.compose_body()
        yield self._too_small
        # Below the body: a line that comes or goes moves no order on the screen.
        yield self.banners
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
        legible = width >= LEGIBLE_WIDTH and height >= LEGIBLE_HEIGHT
        self.set_class(not legible, "-too-small")
        self.set_class(legible and not big_enough, "-small")
        self.set_class(width >= HUGE, "-huge")
        if self._composed:
            self._too_small.update(small_hint(width, height) if legible else too_small(width, height))
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
        self.header.show(session.desk, is_router=session.port.is_router, read_only=session.port.read_only)
        self.banners.show(session.alarms())
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

    def action_jump(self) -> None:
        self.jump_input.open()

    def on_jump_asked(self, message: JumpAsked) -> None:
        self.focus_list()  # the app does the rest

    def on_jump_left(self, message: JumpLeft) -> None:
        self.focus_list()

    def action_copy(self) -> None:
        text = self.copied
        if text:
            lines = text.splitlines()
            told = text if len(lines) == 1 else f"{len(lines)} lines of this page"
            self.app.copy_to_clipboard(text)
            self.session.say(f"copied to the clipboard {where_copies_go()} (S saves to a file): {told}", Tone.QUIET)

    def action_save(self) -> None:
        """To a file of the operator's own; its name has nothing of an order in it."""
        try:
            path = save_text(self.session.saved, self.view, self.saved, self.session.now)
        except SaveError as error:
            self.session.say(f"not saved: {error}", Tone.WARN)
        else:
            self.session.say(f"saved as {path.name} in {path.parent}", Tone.QUIET)

    def action_newest(self) -> None:
        raise NotImplementedError


def where_copies_go() -> str:
    """Where an OSC 52 copy ends up: nobody answers it, so only the way is known."""
    if os.environ.get("TMUX"):
        return "by way of tmux, where set-clipboard is on"
    if "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ:
        return "of the terminal you sit at, by way of ssh, if it takes copies"
    return "of this terminal, if it takes copies"


def small_hint(width: int, height: int) -> Content:
    return Content.styled(
        f" {width} x {height}: to look only. Deciding needs {LEAST_WIDTH} x {LEAST_HEIGHT}.",
        STYLES[Tone.CAUTION],
    )


def too_small(width: int, height: int) -> Content:
    return Content.assemble(
        (f" This window is {width} x {height}. ", STYLES[Tone.CAUTION]),
        f"\n\n From {LEAST_WIDTH} x {LEAST_HEIGHT} on orders can be decided,\n"
        f" from {LEGIBLE_WIDTH} x {LEGIBLE_HEIGHT} on lists can be read.\n"
        " K still closes the kill switch.",
    )
