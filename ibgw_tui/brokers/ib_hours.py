"""When a contract trades, as TWS writes it, turned into moments. Pure.

    20261123:0930-20261123:1600;20261126:CLOSED        the newer form
    20261123:0930-1600,1830-2330;20261126:CLOSED       the older one

What cannot be read is unknown as a whole: half a calendar would let an order out at the wrong hour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ibgw_tui.core.orders import Session

ZONES: Mapping[str, str] = MappingProxyType(
    {
        "US/Eastern": "America/New_York",
        "EST": "America/New_York",
        "EST5EDT": "America/New_York",
        "US/Central": "America/Chicago",
        "CST": "America/Chicago",
        "CST6CDT": "America/Chicago",
        "US/Mountain": "America/Denver",
        "MST7MDT": "America/Denver",
        "US/Pacific": "America/Los_Angeles",
        "PST": "America/Los_Angeles",
        "PST8PDT": "America/Los_Angeles",
        "GB": "Europe/London",
        "GB-Eire": "Europe/London",
        "MET": "Europe/Berlin",
        "JST": "Asia/Tokyo",
        "Japan": "Asia/Tokyo",
        "Hongkong": "Asia/Hong_Kong",
        "Singapore": "Asia/Singapore",
        "Israel": "Asia/Jerusalem",
        "Australia/NSW": "Australia/Sydney",
        "Asia/Calcutta": "Asia/Kolkata",
    }
)
"""Zones as TWS names them. Its EST and CST keep summer time; those of the zone database do not."""

_DAY = r"(\d{8})"
_CLOSED = re.compile(rf"{_DAY}:CLOSED")
_NEWER = re.compile(rf"{_DAY}:(\d{{4}})-{_DAY}:(\d{{4}})")
_OLDER = re.compile(rf"{_DAY}:((?:\d{{4}}-\d{{4}})(?:,\d{{4}}-\d{{4}})*)")


def zone_name(told: str) -> str:
    """The IANA name of a zone; empty when it is not known."""
    name = ZONES.get(told.strip(), told.strip())
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ""
    return name


def sessions_of(text: str, zone: str) -> tuple[Session, ...] | None:
    """The sessions in a text of TWS, in order; `zone` is an IANA name. None when they are not known."""
    if not text.strip() or not zone:
        return None
    local, found = ZoneInfo(zone), []
    try:
        # Several sessions of one day are parted by commas in both forms.
        for part in filter(None, (piece.strip() for piece in text.split(";"))):
            for opens, closes in _spans(part):
                session = _session(opens, closes, local)
                if session is None:
                    return None
                found.append(session)
    except ValueError:
        return None
    return tuple(sorted(found, key=lambda session: session.opens))


def _spans(part: str) -> list[tuple[str, str]]:
    """Pairs of `YYYYMMDDHHMM`. Raises ValueError."""
    if _CLOSED.fullmatch(part):
        return []
    if older := _OLDER.fullmatch(part):
        day, spans = older[1], []
        for span in older[2].split(","):
            opens, closes = span.split("-")
            # A session that ends before it begins began on the evening before.
            spans.append((f"{day if opens < closes else _day_before(day)}{opens}", f"{day}{closes}"))
        return spans
    spans = []
    for piece in part.split(","):
        newer = _NEWER.fullmatch(piece)
        if newer is None:
            raise ValueError(part)
        spans.append((newer[1] + newer[2], newer[3] + newer[4]))
    return spans


def _session(opens: str, closes: str, local: ZoneInfo) -> Session | None:
    first, last = _moment(opens, local), _moment(closes, local)
    return Session(opens=first, closes=last) if first < last else None


def _moment(text: str, local: ZoneInfo) -> datetime:
    """A wall time of the exchange. Midnight may be written as 2400. Raises ValueError."""
    day, clock = text[:8], text[8:]
    ends = clock == "2400"
    wall = datetime.strptime(day + ("0000" if ends else clock), "%Y%m%d%H%M").replace(tzinfo=local)
    return (wall + timedelta(days=1) if ends else wall).astimezone(UTC)


def _day_before(day: str) -> str:
    return f"{datetime.strptime(day, '%Y%m%d').replace(tzinfo=UTC) - timedelta(days=1):%Y%m%d}"
