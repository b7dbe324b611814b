"""Formats: grouped, never rounded, unknown is called unknown, and every state is a word."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode, Money, OrderType, QuoteStatus, Side
from ibgw_tui.service.views import LimitBar
from ibgw_tui.tui import present
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.theme import DARK, FALLBACK, HIGH_CONTRAST, LIGHT, STYLES
from tests.makers import a_contract, a_switch, an_intent


@pytest.mark.parametrize(
    ("value", "shown"),
    [("90000", "90,000"), ("1.0805", "1.0805"), ("-1234567.5", "-1,234,567.5"), ("0", "0"), ("NaN", "?"), ("Infinity", "?")],
)  # fmt: skip
def test_numbers_are_grouped_and_never_rounded(value: str, shown: str) -> None:
    assert present.number(Decimal(value)) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8))
def test_a_number_reads_back_as_itself(value: Decimal) -> None:
    assert Decimal(present.number(value).replace(",", "")) == value
    assert Decimal(present.price(value, Decimal("0.01")).replace(",", "")) == value
    if abs(value) < 10**12:
        assert Decimal(present.money(Money(amount=value, currency="USD")).split(" ")[0].replace(",", "")) == value


def test_absurd_numbers_stay_short() -> None:
    assert len(present.number(Decimal("1E+999999"))) < 20
    assert len(present.number(Decimal("1E-999999"))) < 20


def test_prices_have_the_decimals_of_their_tick() -> None:
    assert present.price(Decimal(100)) == "100.00"
    assert present.price(Decimal("1.0805"), Decimal("0.00005")) == "1.08050"
    assert present.price(Decimal(5850), Decimal("0.25")) == "5,850.00"
    assert present.price(Decimal("1.005"), Decimal("0.01")) == "1.005", "a price off its tick is shown as it is"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.44, "0.4 s"), (9.96, "10.0 s"), (12, "12 s"), (59.9, "59 s"), (61, "1m01s"), (3600, "1h00m"), (90000, "25h00m"),
     (200000, "2 days"), (-5, "clock?"), (-0.1, "0.0 s")],
)  # fmt: skip
def test_ages(seconds: float, shown: str) -> None:
    assert present.age(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(271, "4:31"), (3723, "1:02:03"), (0.2, "0:01"), (0, "expired"), (-3, "expired")]
)
def test_countdowns_by_the_second(seconds: float, shown: str) -> None:
    assert present.countdown(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(720, "12m"), (59, "59s"), (0, "over"), (7200, "2h")])
def test_coarse_countdowns_for_lists(seconds: float, shown: str) -> None:
    assert present.coarse_countdown(timedelta(seconds=seconds)) == shown


def test_every_state_is_a_word_or_a_mark_and_not_only_a_colour() -> None:
    for table, states in (
        (present.SIDES, Side), (present.CHECKS, CheckStatus), (present.STATUSES, Status), (present.QUOTES, QuoteStatus)
    ):  # fmt: skip
        assert set(table) == set(states)
        words = [str(word) for word in table.values()]
        assert len(set(words)) == len(words), "two states read the same"
        assert all(word.strip() for word in words)


def test_buy_and_sell_differ_by_word_and_mark() -> None:
    buy, sell = present.SIDES[Side.BUY], present.SIDES[Side.SELL]
    assert buy.word != sell.word and buy.mark != sell.mark and buy.tone != sell.tone


def test_the_four_modes_have_four_words_and_four_colours() -> None:
    words = [present.mode_word(mode, backend) for mode in Mode for backend in ("ibkr", "simulated")]
    assert [word.word for word in words] == ["PAPER", "SIMULATED", "LIVE", "SIMULATED LIVE"]
    assert len({STYLES[word.tone] for word in words}) == 4


def test_the_kill_switch_is_said_with_its_consequence() -> None:
    assert present.switch_word(a_switch()).word == "kill switch open - approved orders may leave"
    for unknown_or_closed in (None, a_switch(KillSwitch.CLOSED)):
        word = present.switch_word(unknown_or_closed)
        assert word.word == "KILL SWITCH CLOSED - no new order leaves" and word.tone is Tone.ALARM


@pytest.mark.parametrize("order_type", list(OrderType))
def test_every_order_type_has_words_for_its_price(order_type: OrderType) -> None:
    prices: dict[OrderType, dict[str, str | None]] = {
        OrderType.MARKET: {"limit_price": None},
        OrderType.LIMIT: {},
        OrderType.STOP: {"limit_price": None, "stop_price": "90"},
        OrderType.STOP_LIMIT: {"stop_price": "90"},
        OrderType.TRAILING_STOP: {"limit_price": None, "trailing_percent": "2"},
        OrderType.TRAILING_STOP_LIMIT: {"limit_price": None, "trailing_amount": "2", "limit_offset": "0.1"},
    }
    words = present.price_words(an_intent(order_type=order_type.value, **prices[order_type]), "USD")
    assert words and present.UNKNOWN not in words
    assert ("MARKET" in words) == (order_type in (OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP))


def test_units_say_what_is_counted() -> None:
    assert present.units(a_contract(), Decimal(1)) == "share" and present.units(a_contract(), Decimal(2)) == "shares"


# ---- bars


def limit_bar(used: str, this: str, limit: str | None) -> LimitBar:
    return LimitBar(
        "notional", Decimal(used), Decimal(this), Decimal(limit) if limit else None, "USD", CheckStatus.PASS
    )


def test_a_bar_shows_used_this_order_and_what_is_free() -> None:
    drawn = present.bar(limit_bar("250", "500", "1000"), 20)
    assert (drawn.used, drawn.this, drawn.free, drawn.over) == (5, 10, 5, False) and drawn.percent == "75 %"


def test_a_bar_over_its_limit_has_nothing_free_and_says_so() -> None:
    drawn = present.bar(limit_bar("0", "96000", "25000"), 20)
    assert drawn.over and drawn.free == 0 and drawn.percent == "OVER"


def test_a_limit_of_zero_is_over_with_anything() -> None:
    assert present.bar(limit_bar("0", "1", "0"), 10).over


def test_a_limit_that_is_not_set_has_no_bar() -> None:
    assert present.bar(limit_bar("0", "1", None), 10) == present.Bar(0, 0, 10, False, "")


amounts = st.decimals(min_value=0, max_value=10**9, places=2)


@given(used=amounts, this=amounts, limit=amounts, width=st.integers(min_value=0, max_value=60))
def test_bars_fill_their_width_and_tell_the_truth(used: Decimal, this: Decimal, limit: Decimal, width: int) -> None:
    drawn = present.bar(LimitBar("x", used, this, limit, "USD", CheckStatus.PASS), width)
    assert drawn.used >= 0 and drawn.this >= 0 and drawn.free >= 0
    assert drawn.used + drawn.this + drawn.free == width
    assert drawn.over == (used + this > limit)
    if drawn.over and width:
        assert drawn.free == 0
    if not drawn.over and used and limit and width:
        assert drawn.used, "what is used can be seen"


# ---- themes


def test_every_theme_knows_every_colour() -> None:
    for theme in (DARK, LIGHT, HIGH_CONTRAST):
        assert set(FALLBACK) <= set(theme.variables), theme.name
    assert set(STYLES) == set(Tone)
