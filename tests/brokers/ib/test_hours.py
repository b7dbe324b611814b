"""Trading hours as TWS writes them, in moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.brokers.ib_hours import ZONES, sessions_of, zone_name

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def spans(text: str, zone: str = NEW_YORK) -> list[tuple[datetime, datetime]] | None:
    found = sessions_of(text, zone)
    return None if found is None else [(session.opens, session.closes) for session in found]


def test_a_day_and_a_day_off() -> None:
    assert spans("20261125:0930-20261125:1600;20261126:CLOSED;20261127:0930-20261127:1300") == [
        (utc("2026-11-25 14:30"), utc("2026-11-25 21:00")),
        (utc("2026-11-27 14:30"), utc("2026-11-27 18:00")),
    ]


def test_all_days_off_is_known_and_empty() -> None:
    assert spans("20261121:CLOSED;20261122:CLOSED") == []


def test_overnight_sessions() -> None:
    assert spans("20261122:1700-20261123:1600;20261123:1700-20261124:1600", CHICAGO) == [
        (utc("2026-11-22 23:00"), utc("2026-11-23 22:00")),
        (utc("2026-11-23 23:00"), utc("2026-11-24 22:00")),
    ]


def test_the_older_form_with_a_break_and_a_night() -> None:
    assert spans("20261123:0930-1130,1300-1600;20261124:1830-1700") == [
        (utc("2026-11-23 14:30"), utc("2026-11-23 16:30")),
        (utc("2026-11-23 18:00"), utc("2026-11-23 21:00")),
        (utc("2026-11-23 23:30"), utc("2026-11-24 22:00")),
    ]


def test_several_sessions_of_one_day_in_the_newer_form() -> None:
    assert spans("20261123:0930-20261123:1130,20261123:1300-20261123:2400") == [
        (utc("2026-11-23 14:30"), utc("2026-11-23 16:30")),
        (utc("2026-11-23 18:00"), utc("2026-11-24 05:00")),
    ]


def test_summer_time_moves_the_session_with_the_exchanges_clocks() -> None:
    before, after = "20261030:0930-20261030:1600", "20261102:0930-20261102:1600"
    assert spans(f"{before};{after}") == [
        (utc("2026-10-30 13:30"), utc("2026-10-30 20:00")),
        (utc("2026-11-02 14:30"), utc("2026-11-02 21:00")),
    ]
    # A session across the night in which the clocks are put forward is an hour shorter.
    ((opens, closes),) = spans("20260307:1800-20260308:1700") or []
    assert (closes - opens).total_seconds() == 22 * 3600


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "closed",
        "20261123:0930",
        "20261123:0930-20261123:0930",
        "20261123:1600-20261123:0930",
        "20261123:0930-20261123:1600;nonsense",
        "20261323:0930-20261323:1600",
        "20261123:0960-20261123:1600",
        "20261123:0930-2400-1600",
    ],
)
def test_what_cannot_be_read_is_unknown_as_a_whole(text: str) -> None:
    assert spans(text) is None


def test_no_zone_no_hours() -> None:
    assert sessions_of("20261123:0930-20261123:1600", "") is None


@pytest.mark.parametrize(
    ("told", "name"),
    [("US/Eastern", NEW_YORK), ("EST", NEW_YORK), ("CST", CHICAGO), ("Europe/Berlin", "Europe/Berlin")],
)
def test_zones(told: str, name: str) -> None:
    assert zone_name(told) == name


def test_every_zone_of_the_table_exists() -> None:
    assert all(zone_name(told) == name for told, name in ZONES.items())
    assert zone_name("Mars/Olympus") == "" and zone_name("../etc/passwd") == ""


@given(st.text(alphabet="0123456789:-;,CLOSED ", max_size=60))
def test_it_never_breaks(text: str) -> None:
    found = sessions_of(text, NEW_YORK)
    assert found is None or all(session.opens < session.closes for session in found)
