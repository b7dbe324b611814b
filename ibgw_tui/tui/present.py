"""How values look: every format of money, price, age, countdown, status and mark is made here.

Pure functions from values to words. A word comes with a `Tone`, which the theme turns into a colour;
the word (or its mark) says everything by itself. What is not known is called so, never drawn as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from ibgw_tui.core.audit import GENESIS
from ibgw_tui.core.broker import LinkState
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Contract, OrderIntent
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import (
    EXACT,
    AssetClass,
    CheckStatus,
    KillSwitch,
    Mode,
    Money,
    OrderType,
    QuoteStatus,
    Side,
    TimeInForce,
)
from ibgw_tui.service.views import DeskState, LimitBar, OrderRow

UNKNOWN = "?"
"""What stands where a number is not known."""


class Tone(StrEnum):
    """What a piece of text means, for the eye. `theme.STYLES` has the colours."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    FAINT = "faint"
    GOOD = "good"
    WARN = "warn"
    REFUSE = "refuse"
    UNKNOWN = "unknown"
    BUY = "buy"
    SELL = "sell"
    AGENT = "agent"
    LIVE = "live"
    PAPER = "paper"
    SIMULATED = "simulated"
    SIMULATED_LIVE = "simulated-live"
    ALARM = "alarm"
    CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Word:
    """A state as a person reads it."""

    mark: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.mark} {self.word}" if self.mark else self.word


# ---- numbers


def number(value: Decimal | None, places: int | None = None) -> str:
    """'90,000' or '1.0805': grouped and never rounded; `places` adds zeros only."""
    if value is None or not value.is_finite():
        return UNKNOWN
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(value.adjusted()) > 30 or exponent < -30:
        return f"{value:.6E}"
    if places is not None and -exponent < places:
        value = value.quantize(Decimal(1).scaleb(-places), context=EXACT)
    return f"{value:,f}"


def signed(value: Decimal | None) -> str:
    """'+5', '-3', '0'."""
    text = number(value)
    return f"+{text}" if value is not None and value.is_finite() and value > 0 else text


def money(value: Money | None) -> str:
    """'1,000.00 USD': at least two decimals, never rounded."""
    return UNKNOWN if value is None else f"{number(value.amount, 2)} {value.currency}"


def measured(value: Decimal | None, unit: str) -> str:
    """A measured number of a limit: '800.00' of money, '5', '12.35'; zero is '0'."""
    return number(_rounded(value, 2), 2 if is_currency(unit) and value else None)


def is_currency(unit: str) -> bool:
    return len(unit) == 3 and unit.isupper()


def price(value: Decimal | None, tick: Decimal | None = None) -> str:
    """A price with the decimals of its tick, never rounded: '100.00', '1.08050'."""
    places = 2
    if tick is not None and tick.is_finite():
        exponent = tick.as_tuple().exponent
        places = max(0, -exponent) if isinstance(exponent, int) else 2
    return number(value, places)


def tick_of(contract: Contract | None, near: Decimal | None) -> Decimal | None:
    """The price increment around `near`, where the broker said it."""
    return contract.tick_at(near) if contract is not None and near is not None else None


def _rounded(value: Decimal | None, places: int) -> Decimal | None:
    """For measured numbers (ages, distances) only; never for what was ordered."""
    if value is None or not value.is_finite():
        return value
    step = Decimal(1).scaleb(-places)
    rounded = value.quantize(step, rounding=ROUND_HALF_EVEN, context=EXACT) if abs(value) < 10**15 else value
    return rounded.to_integral_value() if rounded == rounded.to_integral_value() else rounded


# ---- time


def utc_clock(moment: datetime | None) -> str:
    """'15:00:07'."""
    return moment.astimezone(UTC).strftime("%H:%M:%S") if moment else "--:--:--"


def utc_moment(moment: datetime | None) -> str:
    """'2026-11-23 15:00:07Z'."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else UNKNOWN


def age(span: timedelta | None) -> str:
    """How old: '0.4 s', '12 s', '3m05s', '2h10m', '3 days'. A clock that stepped back has no age."""
    if span is None:
        return UNKNOWN
    seconds = span.total_seconds()
    if seconds < 0:
        return "clock?" if seconds < -1 else "0.0 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds < 59.5 else "59 s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24} days"


def ago(span: timedelta) -> str:
    """'4m 10s ago'; what is younger than a second is 'just now'."""
    return "just now" if span < timedelta(seconds=1) else f"{age(span)} ago"


def countdown(left: timedelta | None) -> str:
    """What is left, by the second: '4:31', '1:02:03', 'expired'."""
    if left is None:
        return "-"
    seconds = left.total_seconds()
    if seconds <= 0:
        return "expired"
    whole = int(-(-seconds // 1))  # up: it says 0:01 until it is over
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def coarse_countdown(left: timedelta | None) -> str:
    """For lists, where a tick a second would repaint every line: '12m', '59s', 'over'."""
    if left is None:
        return ""
    seconds = int(-(-left.total_seconds() // 1))
    if seconds <= 0:
        return "over"
    if seconds < 60:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 6000 else f"{seconds // 3600}h"


# ---- words of an order

SIDES: dict[Side, Word] = {
    Side.BUY: Word("▲", "BUY", Tone.BUY),
    Side.SELL: Word("▼", "SELL", Tone.SELL),
}

CHECKS: dict[CheckStatus, Word] = {
    CheckStatus.PASS: Word("✓", "pass", Tone.GOOD),
    CheckStatus.WARN: Word("!", "WARNS", Tone.WARN),
    CheckStatus.REFUSE: Word("✗", "REFUSES", Tone.REFUSE),
    CheckStatus.UNKNOWN: Word("?", "UNKNOWN", Tone.UNKNOWN),
    CheckStatus.OFF: Word("·", "off", Tone.QUIET),
}

WORST_FIRST = (CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.WARN, CheckStatus.PASS, CheckStatus.OFF)

STATUSES: dict[Status, Word] = {
    Status.STAGED: Word("…", "staged", Tone.QUIET),
    Status.PENDING: Word("○", "waits", Tone.STRONG),
    Status.CHANGES_REQUESTED: Word("↺", "changes asked", Tone.QUIET),
    Status.STALE: Word("~", "stale", Tone.WARN),
    Status.APPROVED: Word("●", "APPROVED", Tone.GOOD),
    Status.REFUSED: Word("✗", "refused by gates", Tone.REFUSE),
    Status.REJECTED: Word("✗", "rejected", Tone.QUIET),
    Status.WITHDRAWN: Word("-", "withdrawn", Tone.QUIET),
    Status.EXPIRED: Word("-", "expired", Tone.QUIET),
    Status.SUPERSEDED: Word("-", "superseded", Tone.QUIET),
    Status.SENDING: Word("»", "sending", Tone.STRONG),
    Status.IN_DOUBT: Word("?", "IN DOUBT", Tone.UNKNOWN),
    Status.WORKING: Word("◇", "working", Tone.STRONG),
    Status.PARTIALLY_FILLED: Word("◆", "partly filled", Tone.STRONG),
    Status.CANCEL_REQUESTED: Word("x", "cancel asked", Tone.WARN),
    Status.FILLED: Word("✓", "filled", Tone.GOOD),
    Status.CANCELLED: Word("-", "cancelled", Tone.QUIET),
    Status.REJECTED_BY_BROKER: Word("✗", "broker rejected", Tone.REFUSE),
    Status.NOT_PLACED: Word("-", "not placed", Tone.QUIET),
}
"""Three different noes: gates refuse, the operator rejects, and so may the broker."""

GONE = Word("-", "no longer waits", Tone.QUIET)
"""A row that left the list and of which no more is known."""

PRICE_LABELS: dict[OrderType, str] = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "st-lmt",
    OrderType.TRAILING_STOP: "trail",
    OrderType.TRAILING_STOP_LIMIT: "tr-lmt",
}


def row_price(row: OrderRow) -> str:
    """The price column of a list: the limit as a bare number, everything else with its kind."""
    label = PRICE_LABELS[row.order_type]
    value = row.limit_price if row.limit_price is not None else row.stop_price
    return " ".join(part for part in (label, price(value) if value is not None else "") if part) or UNKNOWN


def row_fill(row: OrderRow) -> str:
    """'40 of 100', '100 @ 99.50', or nothing."""
    if not row.filled:
        return ""
    at = f" @ {price(row.average_price)}" if row.average_price is not None else ""
    whole = row.filled == row.quantity
    return f"{number(row.filled)}{at}" if whole else f"{number(row.filled)} of {number(row.quantity)}{at}"


def instrument(intent: OrderIntent) -> str:
    """'AAPL', 'ES 20261218', 'AAPL 20261218 200 CALL'."""
    parts = (
        intent.symbol,
        intent.expiry,
        number(intent.strike) if intent.strike is not None else None,
        intent.right.value.upper() if intent.right else None,
    )
    return " ".join(part for part in parts if part)


def units(contract: Contract | None, quantity: Decimal | None = None) -> str:
    """What the quantity counts."""
    if contract is None:
        return "units"
    if contract.asset_class in (AssetClass.STOCK, AssetClass.ETF) and quantity == 1:
        return "share"
    if contract.asset_class is AssetClass.FX:
        return contract.symbol.split(".")[0]
    if contract.asset_class in (AssetClass.OPTION, AssetClass.FUTURE):
        return f"contracts x {number(contract.multiplier)}"
    return "shares"


def price_words(intent: OrderIntent, currency: str, tick: Decimal | None = None) -> str:
    """The order type and its prices in words: 'limit 100.00 USD'."""
    limit, stop = price(intent.limit_price, tick), price(intent.stop_price, tick)
    by = (
        f"{number(intent.trailing_percent)} %"
        if intent.trailing_percent is not None
        else f"{number(intent.trailing_amount)} {currency}"
    )
    first = f", first stop {stop}" if intent.stop_price is not None else ""
    return {
        OrderType.MARKET: "MARKET, no limit",
        OrderType.LIMIT: f"limit {limit} {currency}",
        OrderType.STOP: f"stop {stop} {currency}, then MARKET",
        OrderType.STOP_LIMIT: f"stop {stop}, then limit {limit} {currency}",
        OrderType.TRAILING_STOP: f"trailing by {by}{first}, then MARKET",
        OrderType.TRAILING_STOP_LIMIT: f"trailing by {by}{first}, then limit {number(intent.limit_offset)} away",
    }[intent.order_type].rstrip()


def validity(intent: OrderIntent) -> str:
    """How long it works, and when."""
    force = {
        TimeInForce.DAY: "day",
        TimeInForce.GTC: "GTC, until cancelled",
        TimeInForce.IOC: "IOC, now or never",
        TimeInForce.GTD: f"until {utc_moment(intent.good_till)}",
    }[intent.time_in_force]
    return f"{force}, {'ALSO OUTSIDE regular hours' if intent.outside_hours else 'regular hours'}"


QUOTES: dict[QuoteStatus, Word] = {
    QuoteStatus.LIVE: Word("", "live", Tone.GOOD),
    QuoteStatus.DELAYED: Word("!", "DELAYED", Tone.WARN),
    QuoteStatus.FROZEN: Word("!", "FROZEN", Tone.WARN),
    QuoteStatus.STALE: Word("!", "STALE", Tone.REFUSE),
    QuoteStatus.UNAVAILABLE: Word("✗", "no quote", Tone.REFUSE),
}

CHECK_NAMES: dict[str, str] = {
    "feature_enabled": "trading enabled",
    "account_allowed": "account allowed",
    "scope_granted": "scope granted",
    "preview_unexpired": "preview valid",
    "approval_record": "approval",
    "idempotency_key": "idempotency key",
    "risk_policy": "limit policy",
    "kill_switch": "kill switch open",
    "audit_available": "audit log",
    "paper_to_live": "live checklist",
}


SOURCES: dict[str, str] = {
    "configuration": "config",
    "configuration and broker session": "config+link",
    "broker session": "link",
}


def source_name(source: str | None) -> str:
    """Where a value was read, short enough for a column."""
    return SOURCES.get(source or "", source or "")


def check_name(check: str) -> str:
    """A gate or limit as a person names it."""
    return CHECK_NAMES.get(check, check.replace("_", " "))


# ---- words of the desk


def mode_word(mode: Mode, backend: str) -> Word:
    """Where the orders go: PAPER, LIVE, SIMULATED, SIMULATED LIVE."""
    simulated = backend == "simulated"
    if mode is Mode.LIVE:
        return Word("", "SIMULATED LIVE", Tone.SIMULATED_LIVE) if simulated else Word("", "LIVE", Tone.LIVE)
    return Word("", "SIMULATED", Tone.SIMULATED) if simulated else Word("", "PAPER", Tone.PAPER)


def switch_word(switch: SwitchState | None) -> Word:
    """The kill switch, always with its consequence. Not known is closed."""
    if switch is not None and switch.state is KillSwitch.OPEN:
        return Word("", "kill switch open - approved orders may leave", Tone.GOOD)
    return Word("", "KILL SWITCH CLOSED - no new order leaves", Tone.ALARM)


_LINKS: dict[str, Word] = {
    LinkState.CONNECTED: Word("", "broker connected", Tone.GOOD),
    LinkState.BROKER_UNREACHABLE: Word("!", "BROKER UNREACHABLE", Tone.REFUSE),
    LinkState.DISCONNECTED: Word("!", "DISCONNECTED", Tone.REFUSE),
}


def link_word(state: DeskState) -> Word:
    """The link to the broker. Without a living router nobody knows."""
    if state.link_state is None or not state.router_alive:
        return Word("?", "broker link unknown", Tone.WARN)
    return _LINKS.get(state.link_state, Word("?", "broker link unknown", Tone.WARN))


def router_word(state: DeskState, is_router: bool) -> Word:
    """Who talks to the broker."""
    if state.router is None or not state.router_alive:
        return Word("!", "NO ROUTER", Tone.REFUSE)
    if is_router:
        return Word("", "router: this terminal", Tone.GOOD)
    return Word("", f"router: pid {state.router.pid}", Tone.PLAIN)


def audit_word(state: DeskState) -> Word:
    """The audit log's head and whether it verifies. The head can be compared with an earlier one."""
    head = (state.audit_head or GENESIS.hex())[:8]
    return Word("", f"audit {head} ok", Tone.GOOD) if state.audit_ok else Word("✗", f"audit {head} BROKEN", Tone.REFUSE)


# ---- bars


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit as cells: used, this order, free. Together `width`; over the limit there is no free cell."""

    used: int
    this: int
    free: int
    over: bool
    percent: str


def bar(limit: LimitBar, width: int) -> Bar:
    """Rounded so that a part that is not zero is never invisible, and only full looks full."""
    cap, used, this, width = limit.limit, limit.used, limit.this_order, max(0, width)
    if cap is None or not (cap.is_finite() and used.is_finite() and this.is_finite()) or used < 0 or this < 0:
        return Bar(0, 0, width, False, "")
    total = EXACT.add(used, this)
    if total > cap:
        before = _cells(used, total, width)
        return Bar(before, width - before, 0, True, "OVER")
    if not total:
        return Bar(0, 0, width, False, "0 %")
    before = _cells(used, cap, width)
    after = max(_cells(total, cap, width), min(width, before + 1) if this else before)
    return Bar(before, after - before, width - after, False, f"{EXACT.divide(total * 100, cap):.0f} %")


def _cells(part: Decimal, whole: Decimal, width: int) -> int:
    if part <= 0 or width <= 0:
        return 0
    return max(1, min(width, int(EXACT.divide(part * width, whole))))
