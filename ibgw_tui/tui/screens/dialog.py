"""What every guarded confirmation shares: it feeds the arming machine and shows where it stands.

No widget here can take the focus, so Enter and Space have nothing to press; every key goes through
`on_key`, and keys that mean nothing do nothing. The background is opaque: a translucent one would
repaint whatever moves beneath it, under the very page that is being read. Toasts are not drawn over
a page that decides about money.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from ibgw_tui.core.text import one_line
from ibgw_tui.tui import arming
from ibgw_tui.tui.arming import Outcome, Phase, Plan, State, step
from ibgw_tui.tui.session import LEAST_HEIGHT, LEAST_WIDTH
from ibgw_tui.tui.sheet import Sheet

Answer = TypeVar("Answer")

FRAMED_WIDTH, FRAMED_HEIGHT = 100, 30
"""From this size on a page has a border and air around it."""
KILL_CHORD = "f12"
"""The app's priority key that closes the kill switch. `K` is passed on to it from dialogs without text."""

_READY, _NOT_YET, _STOPPED = "bold $background on $pass", "bold $warn", "bold $alarm-text on $alarm"
_STATE_STYLES = {
    Phase.WAITING: "$quiet",
    Phase.DWELLING: _NOT_YET,
    Phase.ARMED: _READY,
    Phase.CONFIRMING: _READY,
    Phase.HELD: "bold $caution-text on $caution",
    Phase.DISARMED: _STOPPED,
    Phase.ENDED: "$quiet",
}


class Page(Widget):
    """Draws the lines of a sheet, and knows whether all of them were drawn."""

    DEFAULT_CSS = "Page { height: auto; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__(id="page")
        self.sheet = Sheet(())
        self.drawn_whole = False
        """Set when the compositor asked for every line since the last `expect`."""

    def show(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.styles.height = max(1, len(sheet.lines))
        self.expect()

    def expect(self) -> None:
        """Draw all of it again, and notice when that has happened."""
        self.drawn_whole = False
        self.refresh()

    def render(self) -> Content:
        return Content("\n").join(self.sheet.lines)

    def render_lines(self, crop: Region) -> list[Strip]:
        if crop.y == 0 and crop.height >= len(self.sheet.lines) and crop.width >= self.size.width:
            self.drawn_whole = True
        return super().render_lines(crop)


class ArmedScreen(ModalScreen[Answer], Generic[Answer]):
    """A page, a line that says where the confirmation stands, and the machine behind it.

    Subclasses say what is confirmed (`digest`, `plan`), draw it (`make_page`) and make the answer.
    """

    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = []
    WIDEST: ClassVar[int] = 132
    """Columns at most: wider lines are hard to read across."""
    DEFAULT_CSS = """
    ArmedScreen { background: $background; align: center middle; overflow: hidden; }
    ArmedScreen:ansi { background: ansi_default; }
    ArmedScreen Toast, ArmedScreen Tooltip { display: none; }
    ArmedScreen #frame { height: auto; width: 1fr; background: $surface; }
    ArmedScreen:ansi #frame { background: ansi_default; }
    ArmedScreen #frame.-framed { border: round $primary; padding: 0 1; }
    ArmedScreen #frame.-framed.-live { border: heavy $error; }
    ArmedScreen #frame.-framed #state { margin-top: 1; }
    ArmedScreen #state, ArmedScreen #typing, ArmedScreen #keys { height: 1; width: 1fr; }
    ArmedScreen #keys { color: $text-muted; }
    """

    def __init__(self, digest: str, plan: Plan, *, live: bool, clock: Callable[[], datetime] | None = None) -> None:
        super().__init__()
        self.state: State = arming.opened(digest, time.monotonic(), plan)
        self._live = live
        self._clock = clock
        self._jump = arming.ClockJump(clock().timestamp(), time.monotonic()) if clock else None
        self._asked_frame = -1
        self._scroll = 0
        self._laid_out = Size(0, 0)
        self._foot: dict[str, Content] = {}
        self._resumed_before = False

    @property
    def is_armed(self) -> bool:
        """Whether the confirming key would be taken now."""
        return self.state.armed and self.state.typed_right

    # ---- what subclasses say

    def make_page(self, width: int, height: int, scroll: int) -> Sheet:
        raise NotImplementedError

    def ready_text(self) -> str:
        """What pressing the key will do."""
        raise NotImplementedError

    def key_text(self) -> str:
        raise NotImplementedError

    def typing_text(self) -> str:
        """The line above the state, where a value has to be typed; empty when there is none."""
        return ""

    def answered(self) -> Answer | None:
        """The answer of a decided confirmation."""
        raise NotImplementedError

    def begin(self) -> None:
        """Called once, when the page is there. (Textual calls every `on_mount` of a class tree by itself.)"""

    def beat(self) -> None:
        """Called at every beat; subclasses look at their clocks here."""

    # ---- the page

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield Page()
            yield Static(id="typing")
            yield Static(id="state")
            yield Static(id="keys")

    def on_mount(self) -> None:
        self._sized()
        self.set_interval(arming.BEAT, self._beat, name="arming")
        self.watch(self.app, "app_focus", self._focus_changed, init=False)
        self.app.app_suspend_signal.subscribe(self, lambda _: self.feed(arming.Suspended(self._now(), "it is stopped")))
        self.app.app_resume_signal.subscribe(self, lambda _: self.feed(arming.Resumed(self._now(), "continued")))
        if not self.app.app_focus:
            self.feed(arming.FocusLost(self._now()))
        self.begin()

    @property
    def page(self) -> Page:
        return self.query_one(Page)

    def _lay_out(self) -> str:
        """Make the page for the window's size. Returns why it cannot be shown, or ''."""
        columns, rows = self._laid_out = self.app.size
        framed = columns >= FRAMED_WIDTH and rows >= FRAMED_HEIGHT
        frame = self.query_one("#frame")
        frame.styles.max_width = self.WIDEST
        frame.set_class(framed, "-framed")
        frame.set_class(self._live, "-live")
        typing = bool(self.state.plan.accepted)
        self.query_one("#typing").display = typing
        foot = 2 + typing + (3 if framed else 0)
        width = min(columns, self.WIDEST) - (4 if framed else 0)
        room = max(1, rows - foot)
        sheet = self.make_page(width, room, self._scroll)
        # A page that does not fit is not armed; what matters then is that the line that says so is there.
        self.page.show(replace(sheet, lines=sheet.lines[:room]) if sheet.problem else sheet)
        if columns < LEAST_WIDTH or rows < LEAST_HEIGHT:
            return f"the window is {columns}x{rows}: deciding needs at least {LEAST_WIDTH}x{LEAST_HEIGHT}"
        return sheet.problem

    # ---- feeding the machine

    @staticmethod
    def _now() -> float:
        return time.monotonic()

    def feed(self, event: arming.Event) -> None:
        """Tell the machine, and show what came of it."""
        if not self.is_attached:
            return
        before = self.state
        self.state = step(before, event)
        if self.state.outcome is not Outcome.NONE and before.outcome is Outcome.NONE:
            self.dismiss(self.answered() if self.state.outcome is Outcome.DECIDED else None)
            return
        self._ask_for_painting()
        self._show_foot()

    def _ask_for_painting(self) -> None:
        if self.state.wants_painting and self._asked_frame != self.state.frame:
            self._asked_frame = self.state.frame
            self.page.expect()
            self.call_after_refresh(self._maybe_painted, self.state.frame)

    def _maybe_painted(self, frame: int) -> None:
        """A refresh has passed. It counts when this screen was in front and all lines were drawn."""
        if frame != self.state.frame or not self.state.wants_painting:
            return
        if self.is_active and self.page.drawn_whole:
            self.feed(arming.Painted(frame, self.page.sheet.digest, self._now()))
        else:
            self.set_timer(arming.BEAT, lambda: self.call_after_refresh(self._maybe_painted, frame))

    def _beat(self) -> None:
        now = self._now()
        if self._clock and self._jump and self._jump.slept(self._clock().timestamp(), now):
            self.feed(arming.Resumed(now, "this machine slept"))
        self.beat()
        self.feed(arming.Tick(now))

    def _focus_changed(self, focused: bool) -> None:
        self.feed(arming.FocusGained(self._now()) if focused else arming.FocusLost(self._now()))

    def on_screen_suspend(self) -> None:
        self.feed(arming.Suspended(self._now()))

    def on_screen_resume(self) -> None:
        if self._resumed_before:
            self.on_resize()  # a screen that is not in front is not told
            self.feed(arming.Resumed(self._now()))
        self._resumed_before = True

    def on_resize(self) -> None:
        if self._laid_out != self.app.size:
            self._sized()

    def _sized(self) -> None:
        first = self._laid_out == Size(0, 0)
        problem = self._lay_out()
        if problem or not first:
            self.feed(arming.Resized(self._now(), problem))

    def stalled(self, milliseconds: float) -> None:
        """For the watchdog: the loop was away."""
        self.feed(arming.Stall(milliseconds, self._now()))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "K":
            self.app.simulate_key(KILL_CHORD)
        scrolled = {"up": -1, "down": 1, "pageup": -5, "pagedown": 5}.get(event.key)
        if scrolled is not None:
            self._scroll_by(scrolled)
        self.feed(arming.Key(event.key, event.character, event.time, self._now()))

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.feed(arming.Paste(event.time, self._now()))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.feed(arming.Mouse(self._now()))

    def on_mouse_scroll_down(self) -> None:
        self._scroll_by(1)

    def on_mouse_scroll_up(self) -> None:
        self._scroll_by(-1)

    def _scroll_by(self, lines: int) -> None:
        """Move the agent's text. The facts do not move, and what was painted of them stays painted."""
        sheet = self.page.sheet
        moved = max(-sheet.agent_above, min(lines, sheet.agent_below))
        if moved:
            self._scroll = sheet.agent_above + moved
            self._lay_out()
            self.feed(arming.Redrawn(self._now()))

    # ---- saying where it stands

    def state_text(self) -> str:
        state, now = self.state, self._now()
        because = f" ({state.note})" if state.note else ""
        match state.phase:
            case Phase.WAITING:
                return f"not armed yet{because}"
            case Phase.DWELLING:
                return f"armed in {state.armed_in(now):.1f} s{because}"
            case Phase.ARMED:
                return self.ready_text() + because
            case Phase.CONFIRMING:
                return "taken ..."
            case Phase.HELD:
                return f"not armed: {arming.impediment_text(state)}"
            case Phase.DISARMED:
                return f"disarmed: {state.reason}"
            case Phase.ENDED:
                return ""

    def _show_foot(self) -> None:
        ready = self.state.typed_right or self.state.phase is not Phase.ARMED
        style = _STATE_STYLES[self.state.phase] if ready else _NOT_YET
        width = max(10, self.query_one("#state").size.width or LEAST_WIDTH)
        first, *rest = Content(one_line(self.state_text())).wrap(width - 2) or [Content("")]
        self._put("state", Content.styled(f" {first.plain}".ljust(width), style))
        if rest:  # why it is not armed is more than a line, and matters more than the keys
            second = Content(" ".join(line.plain for line in rest)).truncate(width - 16, ellipsis=True)
            self._put("keys", Content.styled(f" {second.plain}   esc close".ljust(width), style))
        else:
            self._put("keys", Content(" " + self.key_text()))
        if self.state.plan.accepted:
            self._put(
                "typing", Content.styled(" " + one_line(self.typing_text()), _NOT_YET).truncate(width, ellipsis=True)
            )

    def _put(self, name: str, content: Content) -> None:
        """Only what differs is drawn, and without a new layout: a countdown must stay cheap."""
        if self._foot.get(name) != content:
            self._foot[name] = content
            self.query_one(f"#{name}", Static).update(content, layout=False)
