"""Numbers on their way to and from the client library, which keeps them as binary floats.

The shortest text of a float is the text it was read from, up to 15 digits; so what TWS wrote comes back
exactly. What we send goes out as text and never becomes a float.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from ibgw_tui.core.terms import EXACT, canonical

_LARGEST = Decimal(10) ** 12
_FINEST = Decimal("0.00000001")


def exact(value: object) -> Decimal | None:
    """The number that TWS wrote; None for every way in which it writes that there is none.

    Averages may have more digits than we keep; they are rounded to eight after the point.
    """
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= _LARGEST:  # unset is written as the largest double
        return None
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -8:
        number = number.quantize(_FINEST, rounding=ROUND_HALF_EVEN, context=EXACT)
    return canonical(number)


def known(value: object) -> Decimal:
    """As `exact`, where nothing means zero."""
    return exact(value) or Decimal(0)


def wire_text(value: Decimal) -> str:
    """A number for the wire: plain digits, no exponent."""
    return format(value, "f")
