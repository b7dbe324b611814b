"""The clock and the makers of identities: the only place that reads the time or draws at random.

All other rooms are handed these as callables, so that a test can move the time and name the orders.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 without i, l, o and u: a reference can be read aloud and typed from paper."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def make_order_ref() -> str:
    """A new order reference such as 'o-7k3m9q2x4d': 50 random bits, unique for ever (the store insists)."""
    return "o-" + "".join(secrets.choice(_CROCKFORD) for _ in range(10))


def make_uuid7() -> str:
    """A UUID of version 7 as text: 48 bits of milliseconds, then 74 random bits; sorts by time."""
    milliseconds = (utc_now() - _EPOCH) // timedelta(milliseconds=1)
    value = (
        (milliseconds & (2**48 - 1)) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    )
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
