"""Numbers, money and text: what they refuse, and that nothing is lost in what they take."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ibgw_tui.core.terms import Amount, CurrencyMismatch, Moment, Money, amount, canonical
from tests.makers import usd

plain_numbers = st.decimals(min_value=-(10**11), max_value=10**11, places=8, allow_nan=False, allow_infinity=False)


@given(plain_numbers)
def test_an_amount_survives_being_written_and_read_again(value: Decimal) -> None:
    adapter = TypeAdapter(Amount)
    written = adapter.dump_json(amount(value))
    assert adapter.validate_json(written) == value
    assert written == adapter.dump_json(adapter.validate_json(written))


@given(plain_numbers)
def test_equal_numbers_have_one_form(value: Decimal) -> None:
    padded = value.quantize(Decimal("0.000000001"))
    assert canonical(value).as_tuple() == canonical(padded).as_tuple()
    assert "E" not in format(canonical(value), "f")


@pytest.mark.parametrize(
    "value",
    [0.1, 1.0, float("nan"), float("inf"), True, None, b"1", [], "NaN", "nan", "Infinity", "-inf", "", " ", "1e5", "1_000",
     " 12", "12 ", "+1", "１２", "1,000", "0x10", "--1", "1.", ".5", "1234567890123", "0.123456789", Decimal("NaN"),
     Decimal("Infinity"), Decimal("1E+12"), Decimal("1E-9"), 10**12],
)  # fmt: skip
def test_what_is_not_a_plain_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        amount(value)


def test_float_noise_gets_a_remedy() -> None:
    with pytest.raises(ValueError, match="more than 8 digits after the decimal point; round it first"):
        amount("0.30000000000000004")


@pytest.mark.parametrize(
    ("text", "form"), [("1.10", "1.1"), ("-0", "0"), ("0.00", "0"), ("1000", "1000"), ("007", "7")]
)
def test_one_form(text: str, form: str) -> None:
    assert format(amount(text), "f") == form


def test_the_json_schema_of_an_amount_is_text() -> None:
    assert TypeAdapter(Amount).json_schema()["type"] == "string"


def test_money_adds_and_compares_in_one_currency_only() -> None:
    euros = Money(amount=Decimal(1), currency="EUR")
    assert usd("1.10") + usd("2.20") == usd("3.3")
    assert usd("3") - usd("1") == usd("2")
    assert usd("1") < usd("2") <= usd("2")
    assert usd("3") > usd("2") >= usd("2")
    for operation in ("__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"):
        with pytest.raises(CurrencyMismatch):
            getattr(usd("1"), operation)(euros)
    with pytest.raises(TypeError):
        usd("1") + 1  # type: ignore[operator]
    assert usd("1") != euros
    assert str(usd("1.50")) == "1.5 USD"


@pytest.mark.parametrize(
    "data", ['{"amount": 1.5, "currency": "USD"}', '{"amount": "1", "currency": "usd"}', '{"amount": "1"}']
)
def test_money_is_strict(data: str) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate_json(data)


def test_values_are_frozen_and_know_their_fields() -> None:
    with pytest.raises(ValidationError):
        usd("1").amount = Decimal(2)  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": "1", "currency": "USD", "note": "x"})
    assert usd("1").replaced(currency="EUR").currency == "EUR"
    with pytest.raises(ValidationError):
        usd("1").replaced(currency="euro")


def test_a_moment_needs_a_zone_and_is_kept_in_utc() -> None:
    adapter = TypeAdapter(Moment)
    assert adapter.dump_json(adapter.validate_python("2026-11-22T10:00:00-05:00")) == b'"2026-11-22T15:00:00.000000Z"'
    naive = datetime.fromisoformat("2026-11-22")
    for bad in ("2026-11-22T10:00:00", naive, 5, "soon"):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)
