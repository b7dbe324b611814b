"""Opening the kill switch: the one act that lets orders leave again, so it takes words and a typed phrase."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.core.text import one_line
from ibgw_tui.tui.screens.typing import TextScreen, TypedInput
from ibgw_tui.tui.sheet import BAD, CAUTION, MUTED, STRONG, safe_part

PHRASE = "OPEN"
MAX_REASON = 400


class OpenSwitchScreen(TextScreen[str]):
    """Returns the reason, or None when it was closed and the switch stays as it is."""

    def __init__(self, state: SwitchState) -> None:
        super().__init__()
        self.switch = state

    def compose(self) -> ComposeResult:
        state = self.switch
        closed = state.state is KillSwitch.CLOSED
        when = f" at {state.changed_at:%Y-%m-%d %H:%M:%SZ}" if state.changed_at else ""
        who = state.changed_by or state.source
        with Vertical(id="frame", classes="-stern"):
            yield Static(
                safe_part("The kill switch is CLOSED: no new order leaves.", BAD)
                if closed
                else safe_part("The kill switch is open already.", CAUTION)
            )
            yield Static(safe_part(f"by {who}{when}: {state.reason or 'no reason given'}", MUTED))
            yield Static(
                safe_part("Opening it lets approved orders pass to the other gates again.", STRONG), classes="-gap"
            )
            yield Static(safe_part("why (kept in the audit log)", MUTED), classes="-gap")
            yield Input(id="reason", max_length=MAX_REASON)
            yield Static(safe_part(f"type {PHRASE} to open it", MUTED), classes="-gap")
            yield TypedInput(id="phrase", max_length=len(PHRASE) + 4)
            yield Static("", id="said", classes="-gap")
            yield Static(safe_part("enter next, then open   tab other field   esc close: it stays closed", MUTED))

    def begin(self) -> None:
        self.query_one("#frame").border_title = safe_part("Open the kill switch")
        self.query_one("#reason", Input).focus()

    def submit(self) -> None:
        reason, phrase = self.query_one("#reason", Input), self.query_one("#phrase", Input)
        words = one_line(reason.value, MAX_REASON)
        if not words:
            reason.focus()
            self.say("a reason is required; the kill switch stays closed")
        elif reason.has_focus and phrase.value != PHRASE:
            phrase.focus()
            self.say("")
        elif phrase.value != PHRASE:
            phrase.focus()
            self.say(f"type {PHRASE} exactly; the kill switch stays closed")
        elif phrase.has_focus:
            self.dismiss(words)
        else:
            phrase.focus()
