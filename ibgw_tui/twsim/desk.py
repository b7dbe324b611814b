"""What this TWS knows, whoever is connected: the market, the orders, the login and its troubles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ibgw_tui.core.broker import BrokerState, ExecutionReport, OrderReport, Report
from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.accounts import LIVE_ACCOUNT, PAPER_ACCOUNT
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.twsim.faults import Faults
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.orders import OrderBook
from ibgw_tui.twsim.telling import Telling
from ibgw_tui.twsim.trading import Trading
from ibgw_tui.twsim.wire import HIGHEST

if TYPE_CHECKING:
    from ibgw_tui.twsim.session import Session

VERSION = 1
LOG_LENGTH = 10_000
CONNECTIVITY = {
    "lost": (1100, "Connectivity between IB and Trader Workstation has been lost."),
    "restored_data_lost": (
        1101,
        "Connectivity between IB and Trader Workstation has been restored - data lost.",
    ),
    "restored": (1102, "Connectivity between IB and Trader Workstation has been restored - data maintained."),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a TWS starts. A scenario file and the command line can set each of them."""

    seed: int = 1
    mode: Mode = Mode.PAPER
    accounts: tuple[str, ...] = ()
    """Further accounts of the login, beside the market's own one of the mode."""
    quotes: str = "live"
    keeps_hours: bool = False
    """Orders wait for the market to open, and day orders end with the session; else it trades around the clock."""
    highest_version: int = HIGHEST
    messages_per_second: int = 50
    """A client that sends more hears error 100; 0 allows everything."""
    tick_milliseconds: int = 250
    """Between two steps of the market; 0 stands still but for `step`."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived, before anything went wrong with it."""

    client_id: int
    name: str
    values: Values
    at: datetime


class Desk:
    """Mutable; one per TWS. Knows sessions by client id, and nothing of sockets."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime], data: dict[str, Any] | None = None) -> None:
        """`data` is what an earlier desk dumped. Raises ValueError when it is not that."""
        self.settings = settings
        self.clock = clock
        self.sessions: dict[int, Session] = {}
        self.faults = Faults()
        self.quotes = settings.quotes
        self.mode = settings.mode
        self.has_connectivity = True
        self.log: deque[Received] = deque(maxlen=LOG_LENGTH)
        self.on_event: Callable[[str], None] = _nobody
        self._waiting: list[Callable[[], None]] = []
        self._unheard: list[Report] = []
        self._unsaved = 0
        self._saved_revision = -1
        if data is None:
            self.exchange = Exchange.new(settings.seed, clock(), keeps_hours=settings.keeps_hours)
            self.exchange.step(clock())  # so that there is a price of now
            book = OrderBook()
        else:
            self.exchange, book = _load(data)
        self.trading, self.telling = Trading(self, book), Telling(self, book)
        for account in settings.accounts:
            self.exchange.open_account(account, settings.mode)

    # ---- the login

    @property
    def accounts(self) -> tuple[str, ...]:
        own = LIVE_ACCOUNT if self.mode is Mode.LIVE else PAPER_ACCOUNT
        return (own, *(account for account in self.settings.accounts if account != own))

    def is_shut(self, con_id: int) -> bool:
        """Whether the market keeps hours and this is none of them."""
        return self.exchange.keeps_hours and not INSTRUMENTS[con_id].schedule.around(self.clock()).is_trading

    def join(self, session: Session) -> bool:
        """Take a client in, unless its id is taken: that is how TWS fences off a stale session."""
        if session.client_id in self.sessions:
            return False
        self.sessions[session.client_id] = session
        self.on_event("connect")
        return True

    def leave(self, session: Session) -> None:
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
            self.on_event("disconnect")

    def those(self, client_id: int | None) -> list[Session]:
        """The session of one client, or all of them."""
        return [s for s in self.sessions.values() if client_id in (None, s.client_id)]

    # ---- the market

    def tick(self) -> None:
        """The market moves on by one step."""
        self.hear(self.exchange.step(self.clock()))
        if self.has_connectivity:
            for session in list(self.sessions.values()):
                session.feed.update()

    def hear(self, reports: list[Report]) -> None:
        """Tell the clients; without a link to the brokerage, once there is one again."""
        if not self.has_connectivity:
            self._unheard += reports
            return
        traded: dict[tuple[str, int], None] = {}
        for report in reports:
            self.telling.hear(report)
            if isinstance(report, OrderReport):
                self._note(report.state)
            if isinstance(report, ExecutionReport) and report.account in self.accounts:
                self.on_event("fill")
                traded[report.account, report.con_id] = None
        for account, con_id in traded:
            for session in list(self.sessions.values()):
                session.account_feed.tell_trade(account, con_id)

    def _note(self, state: BrokerState) -> None:
        if state in (BrokerState.WORKING, BrokerState.HELD):
            self.on_event("accepted")
        elif state is BrokerState.CANCELLED:
            self.on_event("cancelled")

    # ---- the link to the brokerage

    def when_connected(self, act: Callable[[], None]) -> None:
        """Do this as soon as there is a link to the brokerage again."""
        self._waiting.append(act)

    def set_connectivity(self, state: str) -> None:
        code, text = CONNECTIVITY[state]
        restored = state != "lost"
        if restored == self.has_connectivity:
            return
        self.has_connectivity = restored
        for session in list(self.sessions.values()):
            if state == "restored_data_lost":
                session.feed.cancel_all()
            session.error(-1, code, text)
        if restored:
            unheard, self._unheard = self._unheard, []
            self.hear(unheard)
            waiting, self._waiting = self._waiting, []
            for act in waiting:
                act()

    # ---- what survives

    def changed(self) -> None:
        """Something that a restart must not lose."""
        self._unsaved += 1

    @property
    def is_saved(self) -> bool:
        return not self._unsaved and self._saved_revision == self.exchange.revision

    def saved(self) -> None:
        self._unsaved, self._saved_revision = 0, self.exchange.revision

    def dump(self) -> dict[str, Any]:
        self.trading.book.forget_missing(self.exchange)
        return {"version": VERSION, "exchange": self.exchange.dump(), "orders": self.trading.book.dump()}


def _nobody(event: str) -> None:
    """Nobody waits for events."""


def _load(data: dict[str, Any]) -> tuple[Exchange, OrderBook]:
    if data.get("version") != VERSION:
        raise ValueError(f"the state has version {data.get('version')}; this program reads version {VERSION}")
    try:
        return Exchange.load(data["exchange"]), OrderBook.load(data["orders"])
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"the state is damaged: {type(error).__name__} {error}") from error
