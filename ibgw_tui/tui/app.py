"""The terminal: views over one desk. It owns the views, the feed and the clock; it decides nothing.

`DeskApp(port)` is all there is to construct. What keys do is in `keys`, what deciding means in
`deciding` and `stopping`, what is on the screens in `screens` and `widgets`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker

from ibgw_tui.core.ringing import Ring
from ibgw_tui.service.views import Ticket
from ibgw_tui.tui import theme
from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.conversation import Conversation
from ibgw_tui.tui.deciding import Deciding
from ibgw_tui.tui.feed import Feed
from ibgw_tui.tui.heralds import desktop_kind, desktop_sequence
from ibgw_tui.tui.jumping import refs_meant, view_meant
from ibgw_tui.tui.keys import KEYS, Place, bindings, grouped, works_on
from ibgw_tui.tui.messages import JumpAsked
from ibgw_tui.tui.palette import LOOKING, ORDERS_ONLY, SCREENS
from ibgw_tui.tui.port import DeskPort
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.remembered import Known, Memory
from ibgw_tui.tui.ringing import Ringing
from ibgw_tui.tui.screens.agents import AgentsScreen
from ibgw_tui.tui.screens.audit import AuditScreen
from ibgw_tui.tui.screens.blotter import BlotterScreen
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.screens.desk import DeskScreen
from ibgw_tui.tui.screens.help import HelpScreen
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.screens.policies import PoliciesScreen
from ibgw_tui.tui.screens.positions import PositionsScreen
from ibgw_tui.tui.screens.settings import SettingsScreen
from ibgw_tui.tui.screens.switch_page import SwitchScreen
from ibgw_tui.tui.session import Session
from ibgw_tui.tui.stopping import Stopping
from ibgw_tui.tui.widgets.order_list import ORDERINGS
from ibgw_tui.tui.widgets.view_bar import VIEWS

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
TICK = 1.0
FIRST_READING = 0.2
"""The desk is read when the first picture was drawn, and after so many seconds at the latest."""
LAG_SHOWN = 5.0
"""Seconds for which a stall of the loop is told."""
DESK = "desk"
"""The screen one starts with."""
KNOWN = Known(
    themes=frozenset(theme.NAMES),
    views=frozenset(name for name, _ in VIEWS),
    orderings=frozenset(name for name, _ in ORDERINGS),
)


class DeskApp(App[int]):
    """Shows a desk and asks a person."""

    CSS_PATH = "styles.tcss"
    TITLE = "ibgw"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.APP)]
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-vast")]  # noqa: RUF012  Textual's own form

    def __init__(
        self,
        port: DeskPort,
        *,
        theme_name: str | None = None,
        comfort: Comfort | None = None,
        memory: Memory | None = None,
    ) -> None:
        """`theme_name`: one of `theme.NAMES`; None is what is remembered, else the dark one."""
        self.memory = memory or Memory()
        remembered = self.memory.load(KNOWN)
        # Textual reads it in the next line and never again.
        self.DEFAULT_MODE = remembered.view or DESK  # type: ignore[misc]
        super().__init__()
        self.animation_level = "none"
        self.port = port
        self.comfort = comfort or Comfort()
        self.session = Session(port)
        self.session.saved = self.comfort.saved
        self.session.on_change = self._changed
        self.ringing = Ringing(
            self.session,
            every=self.comfort.ring_every_seconds,
            flood_per_minute=self.comfort.flood_per_minute,
            ring=self._ring,
        )
        self.feed = Feed(self.session, wanted=self._wanted, show_ticket=self._show_ticket)
        self._reading: Worker[None] | None = None
        self.talk = Conversation(self.session, self)
        self.deciding = Deciding(self.talk)
        self.stopping = Stopping(self.talk)
        self._register_themes(theme_name or remembered.theme or theme.DEFAULT)
        self.set_keymap(self.comfort.keymap.bound())
        views: dict[str, Callable[[], Screen[Any]]] = {
            "desk": lambda: DeskScreen(self.session, self.deciding, self.stopping, self.feed, self.memory),
            "blotter": lambda: BlotterScreen(self.session, self.deciding, self.stopping, self.feed, self.memory),
            "audit": lambda: AuditScreen(self.session),
            "positions": lambda: PositionsScreen(self.session),
            "switch": lambda: SwitchScreen(self.session),
            "policies": lambda: PoliciesScreen(self.session),
            "agents": lambda: AgentsScreen(self.session),
            "settings": lambda: SettingsScreen(self.session, self.comfort),
        }
        for name, make in views.items():
            self.add_mode(name, make)

    def _register_themes(self, chosen: str) -> None:
        for ours in theme.OURS:
            self.register_theme(ours)
        for name in set(self.available_themes) - set(theme.NAMES):
            self.unregister_theme(name)
        self.theme = chosen if chosen in theme.NAMES else theme.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.FALLBACK

    def on_load(self) -> None:
        """Tasks begin in their turn, as on Python 3.11. Textual makes them eager from 3.12 on: a screen would compose
        before it is on the stack, and the router of this loop run in another order than the one it was proved in."""
        asyncio.get_running_loop().set_task_factory(None)

    def on_mount(self) -> None:
        # The first picture first, for the first question may open the desk. A dialog that a quick key opens keeps the
        # view from being drawn: then soon.
        self.call_after_refresh(self._first_reading)
        self.set_timer(FIRST_READING, self._first_reading, name="first reading")
        self.set_interval(TICK, self._tick, name="tick")
        self.theme_changed_signal.subscribe(self, lambda chosen: self.memory.note(theme=chosen.name))
        for problem in self.comfort.keymap.problems[:3]:
            self.session.say(f"keymap: {problem}", Tone.WARN)

    def _first_reading(self) -> None:
        if self._reading is None:
            self._begin_reading()

    def _begin_reading(self) -> None:
        self._reading = self.run_worker(self.feed.run(), name="feed", group="feed", exit_on_error=False)

    # ---- what is on the screen

    @property
    def view(self) -> BoardScreen | None:
        """The view of the current mode, also while a dialog is over it."""
        stack = self.screen_stack
        return stack[0] if stack and isinstance(stack[0], BoardScreen) else None

    @property
    def dialog_is_open(self) -> bool:
        return len(self.screen_stack) > 1

    @property
    def displayed_ref(self) -> str | None:
        """Reference of the order whose ticket is on display."""
        view = self.view
        if not isinstance(view, OrdersScreen) or not view.is_mounted:
            return None
        ticket = view.ticket_pane.ticket
        return ticket.record.order_ref if ticket is not None else None

    def select(self, order_ref: str) -> bool:
        """Put the cursor of the current list on an order; False when it is not listed."""
        view = self.view
        return isinstance(view, OrdersScreen) and view.select(order_ref)

    def _changed(self) -> None:
        self.ringing.look()
        view = self.view
        if view is not None:
            view.show()

    def stalled(self, milliseconds: float) -> None:
        """The watchdog: the loop was away, and what is on the screen was old. It says so for a while."""
        session = self.session
        if session.lists is None:
            return  # nothing was on the screen yet
        session.health = health = replace(session.health, lag_seconds=milliseconds / 1000)
        self._changed()

        def caught_up() -> None:
            if session.health.lag_seconds == health.lag_seconds:
                session.health = replace(session.health, lag_seconds=0.0)
                self._changed()

        self.set_timer(LAG_SHOWN, caught_up, name="caught up")

    def _tick(self) -> None:
        if (
            self._reading is not None and self._reading.is_finished
        ):  # whatever ended it: a screen must never go quietly old
            self.feed.ended()
            self._begin_reading()
        self.ringing.look(tick=True)
        if self.memory.is_due:
            # In a group of its own: an exclusive worker cancels all others of its group.
            self.run_worker(
                asyncio.to_thread(self.memory.save),
                name="remember",
                group="remember",
                exclusive=True,
                exit_on_error=False,
            )
        view = self.view
        if view is not None:
            view.tick()

    def _wanted(self) -> str | None:
        view = self.view
        return view.wanted if isinstance(view, OrdersScreen) else None

    def _show_ticket(self, ref: str, ticket: Ticket | None) -> None:
        view = self.view
        if isinstance(view, OrdersScreen):
            view.show_ticket(ref, ticket)

    def _ring(self, ring: Ring) -> None:
        """Fixed words and counts, to everybody who wants to hear; none of them can hold the screen up."""
        if self.comfort.bell:
            self.bell()
        sequence = desktop_sequence(desktop_kind(self.comfort.desktop, os.environ), ring.text, os.environ)
        if sequence and self._driver is not None and not self.is_headless:
            self._driver.write(sequence)
        for herald in self.comfort.heralds:
            try:
                herald.tell(ring.text)
            except Exception as error:  # noqa: BLE001  whoever cannot be called must not stop the reading of the desk
                log.warning("%s: %s", herald.name, type(error).__name__)

    # ---- what deciding needs

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        return await self.push_screen_wait(screen)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.run_worker(self._caught(work, name), name=name, exit_on_error=False)

    async def _caught(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Whatever fails in here is a fault of ours; the operator learns of it, and the desk stays open."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  said on the screen
            self.log.error(error)
            self.session.say(
                f"{name}: failed ({type(error).__name__}); look at the status before you do anything again", Tone.ALARM
            )

    def reread(self) -> None:
        self.feed.ring()

    # ---- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "kill":
            # Closing works over any dialog. Opening asks, and one question is open at a time.
            return self.session.may_be_open or not self.dialog_is_open
        return super().check_action(action, parameters)

    def action_kill(self) -> None:
        self.stopping.kill()

    async def action_view(self, name: str) -> None:
        if not self.dialog_is_open:
            await self.switch_mode(name)
            self.memory.note(view=name)
            self.feed.ring()

    async def on_jump_asked(self, message: JumpAsked) -> None:
        """To a row or an entry of this screen, an order of either list, or a screen."""
        words = message.words
        if self.dialog_is_open or (self.view is not None and self.view.jump_to(words)):
            return
        view, refs = view_meant(words), self._refs_meant(words)
        if len(refs) == 1:
            await self._show_order(refs[0])
        elif refs:
            self.session.say(f"{words}: {len(refs)} orders end so; type more of the reference", Tone.WARN)
        elif view is not None:
            await self.action_view(view)
        else:
            told = "neither an order that is listed, nor a row, nor a screen; `ibgw show` finds older orders"
            self.session.say(f"{words}: {told}", Tone.WARN)

    def _refs_meant(self, words: str) -> list[str]:
        lists = self.session.lists
        return refs_meant(words, [row.order_ref for row in (*lists.queue, *lists.blotter)]) if lists else []

    async def _show_order(self, ref: str) -> None:
        lists = self.session.lists
        name = "desk" if lists and any(row.order_ref == ref for row in lists.queue) else "blotter"
        if self.current_mode != name:
            await self.action_view(name)
        view = self.view
        if isinstance(view, OrdersScreen) and not view.select(ref):
            view.unfilter()
            view.select(ref)

    def action_go_back(self) -> None:
        if self.view is not None:
            self.view.back()

    def action_help(self) -> None:
        """The keys of this screen under their headings, then those that only work elsewhere."""
        shown, here = self.comfort.keymap.shown, works_on(self.current_mode)
        mine = [key for key in KEYS if key.place in here]
        groups = [
            (group.value, [(shown(key), key.label, key.help) for key in keys]) for group, keys in grouped(mine, ())
        ]
        away = [key for _, keys in grouped() for key in keys if key.place not in here]
        groups += [("On other screens", [(shown(key), key.label, key.help) for key in away])] if away else []
        self.push_screen(HelpScreen(groups, f"Keys of this screen: {self.current_mode}"))

    def action_quit_guard(self) -> None:
        self.stopping.leave(lambda: self.exit(0), self.session.reasons_to_stay())

    async def action_quit(self) -> None:
        """Textual's own way out leads past nobody either."""
        self.action_quit_guard()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: looking around only. Nothing in it decides."""
        for name, told, view in SCREENS:
            yield SystemCommand(name, told, partial(self._go, view))
        yield SystemCommand(
            "Theme", "Dark, light, high contrast, or the terminal's own colours", self.action_change_theme
        )
        yield SystemCommand("Keys", "All keys and what they do", self.action_help)
        for name, told, action in LOOKING:
            if action in ORDERS_ONLY and not isinstance(self.view, OrdersScreen):
                continue
            yield SystemCommand(name, told, partial(self._on_view, action))
        yield SystemCommand(
            "Forget what is remembered", "Filter, order of rows, widths: as shipped again", self._forget
        )
        yield SystemCommand("Leave", "The same as q: asks first while something is under way", self.action_quit_guard)
        yield SystemCommand("Screenshot", "Save what is on the screen as an SVG file", self.deliver_screenshot)

    def _go(self, name: str) -> None:
        self.call_later(self.action_view, name)

    def _on_view(self, action: str) -> None:
        if self.view is not None:
            self.call_later(self.view.run_action, action)

    def _forget(self) -> None:
        """All but the theme, which is seen and chosen again in a moment."""
        self.memory.note(view=None, filters={}, orderings={}, split=None)
        self.session.say("forgotten: the next start is as shipped, but for the theme", Tone.QUIET)
