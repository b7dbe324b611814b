"""Arithmetic that never rounds unless it says so: the default context would cut products after 28 digits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import reduce

from ibgw_tui.core.terms import EXACT, canonical

PLACES = Decimal("0.00000001")
"""The finest number that the port can carry."""


def times(*factors: Decimal) -> Decimal:
    return canonical(reduce(EXACT.multiply, factors))


def total(*terms: Decimal) -> Decimal:
    return canonical(reduce(EXACT.add, terms, Decimal(0)))


def less(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    return canonical(EXACT.subtract(minuend, subtrahend))


def divided(dividend: Decimal, divisor: Decimal, places: Decimal = PLACES) -> Decimal:
    """The one operation that may round: half-even, to `places`."""
    return rounded(EXACT.divide(dividend, divisor), places)


def rounded(value: Decimal, places: Decimal = PLACES) -> Decimal:
    return canonical(value.quantize(places, rounding=ROUND_HALF_EVEN, context=EXACT))


def is_multiple(value: Decimal, increment: Decimal) -> bool:
    return not EXACT.remainder(value, increment)


def floor_to(value: Decimal, increment: Decimal) -> Decimal:
    """The multiple of `increment` at or below `value`."""
    below = EXACT.subtract(value, EXACT.remainder(value, increment))
    return canonical(below if below <= value else EXACT.subtract(below, increment))


def ceil_to(value: Decimal, increment: Decimal) -> Decimal:
    """The multiple of `increment` at or above `value`."""
    below = floor_to(value, increment)
    return below if below == value else total(below, increment)


def as_text(value: Decimal) -> str:
    """Every digit, without an exponent."""
    return format(value, "f")


def from_text(text: str) -> Decimal:
    """The number written by `as_text`. Anything but text is refused: a float has lost its digits."""
    if not isinstance(text, str):
        raise TypeError(f"a number must be text, not {type(text).__name__}")
    return Decimal(text)
