"""Opening the kill switch: the one act that lets orders leave again, so it takes words and a typed phrase."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.tui.screens.phrase import PhraseScreen
from ibgw_tui.tui.sheet import BAD, CAUTION, MUTED, STRONG, safe_part


class OpenSwitchScreen(PhraseScreen):
    """Returns the operator's words, or None when it was closed and the switch stays as it is."""

    title_text = "Open the kill switch"
    phrase = "OPEN"
    purpose = "open it"
    otherwise = "the kill switch stays closed"

    def __init__(self, state: SwitchState, against: Sequence[str] = ()) -> None:
        super().__init__(against)
        self.switch = state

    def head(self) -> Sequence[Content]:
        state = self.switch
        closed = state.state is KillSwitch.CLOSED
        when = f" at {state.changed_at:%Y-%m-%d %H:%M:%SZ}" if state.changed_at else ""
        who = state.changed_by or state.source
        return (
            safe_part("The kill switch is CLOSED: no new order leaves.", BAD)
            if closed
            else safe_part("The kill switch is open already.", CAUTION),
            safe_part(f"by {who}{when}: {state.reason or 'no reason given'}", MUTED),
            safe_part("Opening it lets approved orders pass to the other gates again.", STRONG),
        )
