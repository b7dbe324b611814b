"""The scale: every mark is on it, where it belongs, and hostile or missing numbers draw nothing wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.service.views import Ticket
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.widgets.price_scale import LEAST, Mark, cell_of, collar_of, draw, marks_of, scale_lines
from tests import makers
from tests.tui import samples


def lines_of(ticket: Ticket, width: int = 80) -> list[str]:
    return [line.plain for line in scale_lines(ticket, width)]


def test_bid_ask_limit_and_collar_stand_on_one_line() -> None:
    scale, key = lines_of(samples.a_ticket(limit_price="104"))
    body = scale.split()[2]
    assert scale.split()[0] == "scale" and scale.split()[1] == "95.00" and scale.split()[-1] == "105.00"
    assert body.startswith("[") and body.endswith("]")
    assert body.index("b") < body.index("a") < body.index("L")
    assert key.strip() == "b bid 99.00, a ask 101.00, L limit 104.00, [ ] collar"


def test_a_limit_outside_the_collar_stands_outside_the_brackets() -> None:
    scale, key = lines_of(samples.a_ticket(limit_price="120"))
    assert "[ ] collar 95.00 to 105.00" in key
    assert scale.index("]") < scale.index("L") and scale.endswith("120.00")
    scale = lines_of(samples.a_ticket(side="sell", limit_price="80"))[0]
    assert scale.index("L") < scale.index("[")


def test_a_stop_is_there_too() -> None:
    scale, *key = lines_of(samples.a_ticket(order_type="stop_limit", stop_price="102", limit_price="103"))
    assert scale.index("a") < scale.index("S") < scale.index("L") and "S stop 102.00" in " ".join(key)


def test_without_a_quote_or_room_there_is_no_scale() -> None:
    ticket = samples.a_ticket()
    assert lines_of(replace(ticket, quote=None)) == []
    assert lines_of(ticket, 30) == []
    assert collar_of(replace(ticket, quote=None)) is None


def test_numbers_that_are_none_are_no_marks() -> None:
    ticket = replace(samples.a_ticket(), quote=makers.a_quote(bid=None, ask="101"))
    assert [mark.letter for mark in marks_of(ticket)] == ["a", "L"]
    assert collar_of(ticket) is None, "without a reference nothing is bracketed"


_PRICES = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(100000), places=2)


@given(
    values=st.lists(_PRICES, min_size=1, max_size=4), cells=st.integers(LEAST, 72), collar=st.tuples(_PRICES, _PRICES)
)
def test_the_orders_own_marks_are_never_covered(
    values: list[Decimal], cells: int, collar: tuple[Decimal, Decimal]
) -> None:
    band = (min(collar), max(collar))
    marks = [Mark(letter, letter, at, Tone.PLAIN) for letter, at in zip("baSL"[-len(values) :], values, strict=True)]
    low, high = min(*values, *band), max(*values, *band)
    if low == high:
        return
    line = draw(marks, band, low, high, cells)
    assert len(line) == cells and "L" in line
    assert line.index("L") == cell_of(values[-1], low, high, cells)
    assert set(line) <= set("baSL[]· ")


@pytest.mark.parametrize(("value", "cell"), [("10", 0), ("20", 10), ("15", 5)])
def test_where_a_price_stands(value: str, cell: int) -> None:
    assert cell_of(Decimal(value), Decimal(10), Decimal(20), 11) == cell
