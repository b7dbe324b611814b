"""What is armed and what lasts: the memory of the faults that were asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from ibgw_tui.exchange.faults import CancelFault
from ibgw_tui.twsim.acts import Answer, LoseAfter, LoseBefore

Armed = LoseBefore | LoseAfter | Answer


@dataclass(slots=True)
class Faults:
    """Mutable; one per TWS."""

    armed: list[Armed] = field(default_factory=list)
    """In the order in which they were asked for; each is spent by one request."""
    swallowed: dict[str, int | None] = field(default_factory=dict)
    """Answers not to send, and how many more of them; None is all."""
    mute: int = 0
    """Connections to accept and never answer."""
    read_only: bool = False
    what_if: str = "ok"
    duplicates: bool = False
    cancel: CancelFault = CancelFault.NONE

    def take(self, request: str, client: int) -> Armed | None:
        """The fault that this request spends."""
        for fault in self.armed:
            if fault.request in (None, request) and fault.client in (None, client):
                self.armed.remove(fault)
                return fault
        return None

    def swallows(self, answer: str) -> bool:
        """Whether to keep this answer back; counts it."""
        if answer not in self.swallowed:
            return False
        left = self.swallowed[answer]
        if left is not None:
            if left == 1:
                del self.swallowed[answer]
            else:
                self.swallowed[answer] = left - 1
        return True

    def spend_cancel(self) -> CancelFault:
        fault, self.cancel = self.cancel, CancelFault.NONE
        return fault
