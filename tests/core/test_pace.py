"""How fast an operator approves, by what is recorded, and when that is worth a word."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.pace import WINDOW, Answer, Pace, answer_of, pace_of
from ibgw_tui.core.records import AuditEntry
from tests.makers import NOON


def an_entry(kind: str = "order.approve", at: datetime = NOON, **body: Any) -> AuditEntry:
    return AuditEntry(1, at, kind, "operator", "olga", "o-1", body, "00")


def yes(ago: float, seconds: str | None = None, *, batched: bool = False) -> Answer:
    return Answer(NOON - timedelta(seconds=ago), True, Decimal(seconds) if seconds else None, batched)


def no(ago: float) -> Answer:
    return Answer(NOON - timedelta(seconds=ago), False)


@pytest.mark.parametrize(
    ("answers", "pace"),
    [
        pytest.param([], Pace(), id="nothing yet"),
        pytest.param([yes(0), no(5), no(6)], Pace(approved=1, turned_down=2), id="a yes and two noes"),
        pytest.param([yes(120), yes(120.001)], Pace(approved=1), id="the window includes its old end"),
        pytest.param(
            [yes(-5), yes(-3600)], Pace(approved=1), id="a clock that stepped back by seconds, and by an hour"
        ),
        pytest.param([yes(1, "9"), yes(2, "1"), yes(3, "2")], Pace(3, 0, 0, Decimal(2)), id="the one in the middle"),
        pytest.param(
            [yes(1, "9"), yes(2)], Pace(2, 0, 0, Decimal(9)), id="what is not recorded counts, without a time"
        ),
        pytest.param([no(1), yes(200, "9")], Pace(turned_down=1), id="only what was approved lately has a time"),
        pytest.param([yes(1, "3", batched=True), yes(2)], Pace(2, 1, 0, Decimal(3)), id="one of them in a batch"),
    ],
)
def test_what_is_counted(answers: list[Answer], pace: Pace) -> None:
    assert pace_of(answers, NOON) == pace


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        (Pace(), ""),
        (Pace(approved=7, seconds=Decimal(9)), ""),
        (Pace(approved=8, seconds=Decimal(9)), "8 approved in 2 min, 9.0 s each"),
        (Pace(approved=8), "8 approved in 2 min"),
        (Pace(approved=3, seconds=Decimal(1)), ""),
        (Pace(approved=4, seconds=Decimal("1.99")), "4 approved in 2 min, 2.0 s each"),
        (Pace(approved=4, seconds=Decimal(2)), ""),
        (Pace(turned_down=50), ""),
    ],
)
def test_when_it_is_told(pace: Pace, told: str) -> None:
    assert (pace.hints[2] if pace.hints else "") == told


def test_the_words_from_the_longest_to_the_shortest() -> None:
    assert Pace(approved=14, batched=12, turned_down=1, seconds=Decimal("1.84")).hints == (
        "you approved 14 (12 in batches) and turned 1 down in the last 2 minutes, 1.8 s each",
        "you approved 14 in the last 2 minutes, 1.8 s each",
        "14 approved in 2 min, 1.8 s each",
        "14 in 2 min",
    )
    assert "and turned none down in" in Pace(approved=14).hints[0]
    assert timedelta(minutes=2) == WINDOW, "the words say minutes"


@pytest.mark.parametrize(
    ("how", "seconds", "batched"),
    [
        ({"reviewed": "12.345"}, "12.345", False),
        ({"reviewed": "12", "batch": "3 of 8"}, "1.5", True),
        ({"batch": "1 of 2"}, None, True),
        ({}, None, False),
        (None, None, False),
        ("Y", None, False),
        *(({"reviewed": odd}, None, False) for odd in ("", "nan", "-1", "1e9", "١", "1.", "9" * 40, 3, None)),
        ({"reviewed": "3", "batch": "1 of 0"}, "3", True),
        ({"reviewed": "3", "batch": "several"}, "3", True),
    ],
)
def test_an_approval_as_it_is_recorded(how: Any, seconds: str | None, batched: bool) -> None:
    expected = Answer(NOON, True, Decimal(seconds) if seconds else None, batched)
    assert answer_of(an_entry(how=how)) == expected


@pytest.mark.parametrize("kind", ["order.reject", "order.ask_changes"])
def test_a_no_is_an_answer_too(kind: str) -> None:
    assert answer_of(an_entry(kind, reason="not today")) == Answer(NOON, False)
