from __future__ import annotations

import re
import uuid
from datetime import UTC, timedelta

from ibgw_tui.wiring.clock import make_order_ref, make_uuid7, utc_now


def test_the_clock_tells_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_an_order_reference_can_be_read_aloud() -> None:
    """Ten letters of Crockford's alphabet: no i, l, o, u to mistake."""
    for _ in range(200):
        assert re.fullmatch(r"o-[0-9a-hjkmnp-tv-z]{10}", make_order_ref())


def test_references_differ() -> None:
    assert len({make_order_ref() for _ in range(5000)}) == 5000


def test_a_uuid7_is_one_by_the_standard() -> None:
    made = uuid.UUID(make_uuid7())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_a_uuid7_carries_its_time() -> None:
    before = utc_now() - timedelta(milliseconds=1)
    milliseconds = uuid.UUID(make_uuid7()).int >> 80
    assert before.timestamp() * 1000 <= milliseconds <= (utc_now() + timedelta(milliseconds=1)).timestamp() * 1000
