"""The glossary as types: one word for one thing, and each thing refuses what it cannot mean.

Money and quantities are exact. They enter as text, int or Decimal and are kept as Decimal in one
canonical form, so that 1.10 and 1.1 have one digest. A float is refused: by the time it is a float
the digits are already gone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from ibgw_tui.core.written import iso as iso  # said here as well: a moment is a term like the others

EXACT = Context(prec=160, rounding=ROUND_HALF_EVEN)
"""Arithmetic context of every calculation with money: wide enough that no product is ever rounded."""

AMOUNT_PATTERN = r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$"
_AMOUNT = re.compile(AMOUNT_PATTERN, re.ASCII)
_LARGEST = Decimal(10) ** 12


def canonical(value: Decimal) -> Decimal:
    """The one form of a number: no exponent, no trailing zeros, no negative zero."""
    if not value:
        return Decimal(0)
    value = value.normalize(EXACT)
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1), context=EXACT) if isinstance(exponent, int) and exponent > 0 else value


def amount(value: object) -> Decimal:
    """Read an exact number from text, int or Decimal.

    Raises ValueError (with a sentence that names the remedy) on float, bool, NaN, infinity,
    exponents, blanks, more than 12 digits before or 8 after the point.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"must be text such as '12.5', not {type(value).__name__}")
    if isinstance(value, str):
        if not _AMOUNT.match(value):
            raise ValueError(_why_not_an_amount(value))
        return canonical(Decimal(value))
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("must be a finite number")
    number = canonical(number)
    exponent = number.as_tuple().exponent
    if abs(number) >= _LARGEST or (isinstance(exponent, int) and exponent < -8):
        raise ValueError("has more than 12 digits before or 8 after the decimal point")
    return number


def _why_not_an_amount(text: str) -> str:
    shown = text if len(text) <= 40 else text[:37] + "..."
    if re.fullmatch(r"[+-]?(nan|inf|infinity)", text.strip(), re.IGNORECASE):
        return f"{shown!r} is not a number; give a finite decimal such as '12.5'"
    if re.fullmatch(r"-?[0-9]+\.[0-9]{9,}", text):
        return f"{shown!r} has more than 8 digits after the decimal point; round it first"
    return f"{shown!r} is not a plain decimal such as '12.5' (at most 12 digits before and 8 after the point)"


Amount = Annotated[
    Decimal,
    BeforeValidator(amount),
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN}),
]
"""An exact decimal number; JSON schema and JSON form are text."""


def _utc(value: object) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a time with a zone, such as 2026-11-22T15:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from error


Moment = Annotated[datetime, BeforeValidator(_utc), PlainSerializer(iso, return_type=str)]
"""A moment in UTC. Naive times are refused."""

AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,4}[0-9]{4,12}$")]
"""A brokerage account such as DU1234567 (paper) or U1234567."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217, upper case."""
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 ./-]{0,23}$")]
"""The broker's symbol, upper case."""
ListedSymbol = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./-]{0,23}$")]
"""A symbol in a policy's list. It is compared exactly: 'aapl' is readable there, and allows nothing called AAPL."""
OrderRef = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,40}$")]
"""Our identity of one order revision, sent to the broker as `orderRef`; unique for ever."""
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]
"""The caller's name for one write: 1 to 128 printable ASCII characters, not blank."""
PrincipalName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
"""Who: an agent, an operator, a router."""


class Frozen(BaseModel):
    """Base of every value that crosses a boundary: immutable, strict, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def replaced(self, **changes: Any) -> Self:
        """A validated copy with other field values."""
        return type(self).model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


class CurrencyMismatch(TypeError):
    """Two amounts of different currencies met. A mistake of ours: compare currencies first."""


class Money(Frozen):
    """An amount and its currency. Refuses arithmetic and comparison across currencies."""

    amount: Amount
    currency: Currency

    def _same(self, other: Money) -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"Money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.amount

    def __add__(self, other: Money) -> Money:
        return Money(amount=EXACT.add(self.amount, self._same(other)), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=EXACT.subtract(self.amount, self._same(other)), currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    """Good till cancelled."""
    IOC = "ioc"
    """Immediate or cancel."""
    GTD = "gtd"
    """Good till a moment (`good_till`)."""


class AssetClass(StrEnum):
    STOCK = "stock"
    ETF = "etf"
    OPTION = "option"
    FUTURE = "future"
    FX = "fx"


class OptionRight(StrEnum):
    CALL = "call"
    PUT = "put"


class Mode(StrEnum):
    """What an account trades with. Live is real money."""

    PAPER = "paper"
    LIVE = "live"


class KillSwitch(StrEnum):
    """A door. OPEN: new orders may pass to the other gates. CLOSED: no new order leaves.

    To arm the kill switch is to close it. Missing, unreadable or unknown is CLOSED.
    """

    OPEN = "open"
    CLOSED = "closed"


class HoursKind(StrEnum):
    """When the contract trades, as its details name it."""

    LIQUID = "liquid"
    """Regular hours."""
    TRADING = "trading"
    """All hours in which the contract trades."""
    ANY = "any"


class CheckStatus(StrEnum):
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    REFUSE = "REFUSE"
    UNKNOWN = "UNKNOWN"
    """An input is missing. On an armed check this refuses."""
    OFF = "OFF"
    """Not armed by the policy, or not asked at this step; visibly so."""


class QuoteStatus(StrEnum):
    LIVE = "live"
    DELAYED = "delayed"
    FROZEN = "frozen"
    STALE = "stale"
    UNAVAILABLE = "unavailable"


class Scope(StrEnum):
    """What a principal may ask the broker side for."""

    LIVE_SUBMIT = "orders:live:submit"
    LIVE_CANCEL = "orders:live:cancel"
    LIVE_MODIFY = "orders:live:modify"
    PAPER_SUBMIT = "orders:paper:submit"
    PAPER_CANCEL = "orders:paper:cancel"
    PAPER_MODIFY = "orders:paper:modify"
