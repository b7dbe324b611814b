"""What can be made to go wrong, as a value.

Real brokers lose orders, answer late, fill after a cancel and go silent. Each of these is one field
here, so that a test or a drill can ask for it by name and get the same trouble every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ibgw_tui.core.broker import LinkState, Quote
from ibgw_tui.core.terms import QuoteStatus


class PlaceFault(StrEnum):
    NONE = "none"
    DROP = "drop"
    """Lost before acceptance, in silence: no report will ever come."""
    DROP_UNKNOWN = "drop_unknown"
    """Lost before acceptance, and the sender only learns that the outcome is unknown."""
    LOSE_ACK = "lose_ack"
    """Accepted; the acknowledgement is swallowed and the outcome is unknown. Later fills are reported."""
    HANG = "hang"
    """Accepted and reported, but the call does not return."""


class CancelFault(StrEnum):
    NONE = "none"
    LOST = "lost"
    """The request is lost in silence."""
    UNKNOWN = "unknown"
    """The request is taken, but the sender only learns that the outcome is unknown."""
    FILLED_FIRST = "filled_first"
    """The fill wins the race: the order fills while the cancel is pending."""
    FILLED_AFTER = "filled_after"
    """Reported as cancelled, and then it fills after all."""


class QuoteFault(StrEnum):
    NONE = "none"
    STALE = "stale"
    """Labelled live, but ten minutes old."""
    UNAVAILABLE = "unavailable"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    """No bid."""
    DELAYED = "delayed"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Rejection:
    """The broker's no, by its number and its words."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class Faults:
    """All of them. They last until other faults are set, except `reject_next`, which is spent by one order."""

    place: PlaceFault = PlaceFault.NONE
    cancel: CancelFault = CancelFault.NONE
    quote: QuoteFault = QuoteFault.NONE
    reject_next: Rejection | None = None
    stall: bool = False
    """No report is delivered; they come, in order, once it is lifted."""
    delay_steps: int = 0
    """Every report is so many steps late."""
    link: LinkState = LinkState.CONNECTED
    what_if_hangs: bool = False
    snapshot_incomplete: bool = False
    """Completed orders and executions do not answer."""


NO_FAULTS = Faults()

_OLD = timedelta(minutes=10)
_DELAY = timedelta(minutes=15)


def distorted(quote: Quote, fault: QuoteFault) -> Quote:
    """The quote as a faulty feed would show it. Matching goes on with the true one."""
    match fault:
        case QuoteFault.NONE:
            return quote
        case QuoteFault.STALE:
            return quote.replaced(as_of=quote.as_of - _OLD)
        case QuoteFault.DELAYED:
            return quote.replaced(status=QuoteStatus.DELAYED, as_of=quote.as_of - _DELAY)
        case QuoteFault.FROZEN:
            return quote.replaced(status=QuoteStatus.FROZEN)
        case QuoteFault.CROSSED:
            return quote.replaced(bid=quote.ask, ask=quote.bid, bid_size=quote.ask_size, ask_size=quote.bid_size)
        case QuoteFault.ONE_SIDED:
            return quote.replaced(bid=None, bid_size=None)
        case QuoteFault.UNAVAILABLE:
            blank = dict.fromkeys(("bid", "ask", "last", "bid_size", "ask_size", "close"))
            return quote.replaced(status=QuoteStatus.UNAVAILABLE, **blank)
