"""Quotes for one client: what the login may see, in which ticks it is told, and only what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from ibgw_tui.exchange.quotes import Touch
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.trading import resolve_one
from ibgw_tui.twsim.words import Refused, flag, whole

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
DELAY_STEPS = 3600
"""Fifteen minutes at four steps a second."""
NO_QUOTE = Decimal(-1)
ZERO = Decimal(0)

_PRICES = {"bid": (1, 66), "ask": (2, 67), "last": (4, 68), "close": (9, 75)}
"""What -> tick type (live or frozen, delayed)."""
_SIZES = {"bid": (0, 69), "ask": (3, 70), "last": (5, 71)}
_LAST_TIME = (45, 88)

_NOT_SUBSCRIBED = Refused(354, "Requested market data is not subscribed. Delayed market data is available.")
_NO_DELAYED = Refused(10168, "Requested market data is not subscribed. Delayed market data is not enabled.")
_COMPETING = Refused(10197, "No market data during competing live session")
_SHOWN_DELAYED = (10167, "Requested market data is not subscribed. Displaying delayed market data.")


@dataclass(slots=True)
class Subscription:
    req_id: int
    instrument: Instrument
    asked: int
    """The market data type that was in force when it was asked for."""
    kind: int = 0
    """The one that was granted; 0 while the brokerage cannot be asked."""
    told: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """What the client heard last: price and size."""


def granted(mode: str, asked: int, is_shut: bool) -> int:
    """The market data type that a login in this mode gets. Raises Refused."""
    if mode == "competing":
        raise _COMPETING
    if mode in ("delayed", "none") and asked in (LIVE, FROZEN):
        raise _NOT_SUBSCRIBED
    if mode == "none":
        raise _NO_DELAYED
    if mode == "delayed":
        return DELAYED_FROZEN if asked == DELAYED_FROZEN and is_shut else DELAYED
    resting = is_shut or mode == "frozen"
    return FROZEN if resting and asked in (FROZEN, DELAYED_FROZEN) else LIVE


class Feed:
    """The subscriptions of one session."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._subscriptions: dict[int, Subscription] = {}
        self._asked = LIVE

    def ask_for(self, kind: int) -> None:
        """The market data type of what is subscribed from now on."""
        self._asked = kind if kind in (LIVE, FROZEN, DELAYED, DELAYED_FROZEN) else LIVE

    def subscribe(self, values: Values) -> None:
        """One snapshot, or ticks until they are cancelled."""
        req_id = whole(values["reqId"], "reqId")
        try:
            if req_id in self._subscriptions:
                raise Refused(322, "Error processing request.-'twsim' : cause - Duplicate ticker id")
            subscription = Subscription(req_id, resolve_one(values), self._asked)
            if self._desk.has_connectivity:
                self._grant(subscription)
        except Refused as refused:
            self._session.error(req_id, refused.code, refused.text)
            return
        if flag(values["snapshot"]) or flag(values["regulatorySnapshot"]):
            self._session.send("tick_snapshot_end", reqId=req_id)
        else:
            self._subscriptions[req_id] = subscription

    def cancel(self, req_id: int) -> None:
        self._subscriptions.pop(req_id, None)

    def cancel_all(self) -> None:
        """The data link was lost: what was subscribed has to be subscribed again."""
        self._subscriptions.clear()

    def regrant(self) -> None:
        """The login may see something else now."""
        for subscription in list(self._subscriptions.values()):
            self._regrant(subscription)

    def update(self) -> None:
        """Tell what has changed since the last time. Frozen prices do not change."""
        for subscription in list(self._subscriptions.values()):
            if subscription.kind in (LIVE, DELAYED):
                self._tell(subscription)
            elif not subscription.kind:
                self._regrant(subscription)

    # ---- inside

    def _regrant(self, subscription: Subscription) -> None:
        try:
            subscription.told.clear()
            self._grant(subscription)
        except Refused as refused:
            self.cancel(subscription.req_id)
            self._session.error(subscription.req_id, refused.code, refused.text)

    def _grant(self, subscription: Subscription) -> None:
        desk, session, con_id = self._desk, self._session, subscription.instrument.con_id
        subscription.kind = granted(desk.quotes, subscription.asked, desk.is_shut(con_id))
        if subscription.kind in (DELAYED, DELAYED_FROZEN):
            session.error(subscription.req_id, *_SHOWN_DELAYED)
        session.send("market_data_type", reqId=subscription.req_id, marketDataType=subscription.kind)
        session.send(
            "tick_req_params",
            tickerId=subscription.req_id,
            minTick=subscription.instrument.finest_tick,
            bboExchange="9c0001",
            snapshotPermissions=3,
        )
        self._tell(subscription)

    def _tell(self, subscription: Subscription) -> None:
        column = 1 if subscription.kind in (DELAYED, DELAYED_FROZEN) else 0
        for what, (price, size) in self._shown(subscription).items():
            before = subscription.told.get(what)
            if before == (price, size):
                continue
            subscription.told[what] = price, size
            if before is None or before[0] != price:
                self._session.send(
                    "tick_price", reqId=subscription.req_id, tickType=_PRICES[what][column], price=price, size=size
                )
            elif what in _SIZES:
                self._session.send("tick_size", reqId=subscription.req_id, tickType=_SIZES[what][column], size=size)
            if what == "last":
                at = int(self._desk.clock().timestamp())
                self._session.send("tick_string", reqId=subscription.req_id, tickType=_LAST_TIME[column], value=str(at))

    def _shown(self, subscription: Subscription) -> dict[str, tuple[Decimal, Decimal]]:
        """Price and size of everything that is ticked."""
        instrument, exchange = subscription.instrument, self._desk.exchange
        delayed = subscription.kind in (DELAYED, DELAYED_FROZEN)
        touch: Touch = exchange.touch_before(instrument.con_id, DELAY_STEPS if delayed else 0)
        resting = self._desk.quotes == "frozen" or self._desk.is_shut(instrument.con_id)
        quoted = not (resting and subscription.kind == LIVE)
        return {
            "bid": (touch.bid, touch.bid_size) if quoted else (NO_QUOTE, ZERO),
            "ask": (touch.ask, touch.ask_size) if quoted else (NO_QUOTE, ZERO),
            "last": (touch.last, min(instrument.smallest_size, Decimal(100))),
            "close": (INSTRUMENTS[instrument.con_id].base, ZERO),
        }
