"""When a contract trades, in the zone of its exchange.

A session belongs to a trading day and may open on the evening before it, as futures and currencies
do. Local wall times are turned into UTC per day, so a change to summer time moves the session with
the exchange's clocks. US full holidays and early closes of 2026 and 2027 are known; beyond them the
calendar is weekdays only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS_SHOWN = 8
"""Trading days listed from the day before `at`: enough to span a weekend with a holiday."""


@dataclass(frozen=True, slots=True)
class Session:
    """From `opens` up to, and not including, `closes`; both in UTC."""

    opens: datetime
    closes: datetime

    def covers(self, at: datetime) -> bool:
        return self.opens <= at < self.closes


@dataclass(frozen=True, slots=True)
class Hours:
    """The sessions around a moment."""

    time_zone: str
    at: datetime
    trading: tuple[Session, ...]
    """When orders may trade at all."""
    liquid: tuple[Session, ...]
    """The regular sessions."""

    @property
    def is_trading(self) -> bool:
        return any(session.covers(self.at) for session in self.trading)

    @property
    def is_liquid(self) -> bool:
        return any(session.covers(self.at) for session in self.liquid)

    @property
    def next_liquid_open(self) -> datetime | None:
        """The opening of the next regular session after this moment."""
        return next((session.opens for session in self.liquid if session.opens > self.at), None)


@dataclass(frozen=True, slots=True)
class Span:
    """Local wall times of one trading day; `eve` opens on the calendar day before."""

    opens: time
    closes: time
    eve: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """The weekly rule of an exchange."""

    time_zone: str
    trading: Span
    liquid: Span
    holidays: frozenset[date] = frozenset()
    early_closes: frozenset[date] = frozenset()
    """On these days every session ends `early_by` sooner."""
    early_by: timedelta = timedelta(hours=3)

    def around(self, at: datetime) -> Hours:
        """The sessions from the trading day before `at` on."""
        today = at.astimezone(ZoneInfo(self.time_zone)).date()
        days = [day for n in range(-1, _DAYS_SHOWN) if self._is_open(day := today + timedelta(days=n))]
        trading = tuple(self._session(day, self.trading) for day in days)
        liquid = tuple(self._session(day, self.liquid) for day in days)
        return Hours(self.time_zone, at.astimezone(UTC), trading, liquid)

    def _is_open(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays

    def _session(self, day: date, span: Span) -> Session:
        zone = ZoneInfo(self.time_zone)
        opening_day = day - timedelta(days=1) if span.eve else day
        opens = datetime.combine(opening_day, span.opens, tzinfo=zone).astimezone(UTC)
        closes = datetime.combine(day, span.closes, tzinfo=zone).astimezone(UTC)
        return Session(opens, closes - self.early_by if day in self.early_closes else closes)


def _dates(*texts: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


_US_HOLIDAYS = _dates(
    "2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07",
    "2026-11-26", "2026-12-25", "2027-01-01", "2027-01-18", "2027-02-15", "2027-03-26", "2027-05-31", "2027-06-18",
    "2027-07-05", "2027-09-06", "2027-11-25", "2027-12-24",
)  # fmt: skip
_US_EARLY = _dates("2026-11-27", "2026-12-24", "2027-11-26")

US_STOCKS = Schedule(
    "America/New_York",
    trading=Span(time(4), time(20)),
    liquid=Span(time(9, 30), time(16)),
    holidays=_US_HOLIDAYS,
    early_closes=_US_EARLY,
)
US_OPTIONS = Schedule(
    "America/New_York",
    trading=Span(time(9, 30), time(16)),
    liquid=Span(time(9, 30), time(16)),
    holidays=_US_HOLIDAYS,
    early_closes=_US_EARLY,
)
CME_INDEX = Schedule(
    # The exchange trades shortened sessions on most US holidays; here it keeps its weekdays.
    "America/Chicago",
    trading=Span(time(17), time(16), eve=True),
    liquid=Span(time(8, 30), time(16)),
)
FOREX = Schedule(
    "America/New_York",
    trading=Span(time(17, 15), time(17), eve=True),
    liquid=Span(time(17, 15), time(17), eve=True),
)
