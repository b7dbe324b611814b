"""What may be put differently in an order, and how a difference is told."""

from __future__ import annotations

import pytest

from ibgw_tui.core.edits import Comparison, differences, editable, edited
from ibgw_tui.core.errors import InvalidRequest
from tests.makers import an_intent


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        ({}, ("quantity", "limit_price", "time_in_force")),
        ({"order_type": "market", "limit_price": None}, ("quantity", "time_in_force")),
        (
            {"order_type": "stop_limit", "stop_price": "101"},
            ("quantity", "limit_price", "stop_price", "time_in_force"),
        ),
        ({"time_in_force": "gtd", "good_till": "2026-12-01T15:00:00Z"}, ("quantity", "limit_price")),
        ({"modifies": "o-abc23"}, ("quantity", "limit_price")),
        (
            {"take_profit_price": "110", "stop_loss_price": "90"},
            ("quantity", "limit_price", "take_profit_price", "stop_loss_price", "time_in_force"),
        ),
    ],
)
def test_an_order_is_edited_in_what_it_has(order: dict[str, str], fields: tuple[str, ...]) -> None:
    assert editable(an_intent(**order)) == fields


def test_an_edit_keeps_everything_else() -> None:
    before = an_intent(quantity="10")
    after = edited(before, {"quantity": "1,000", "limit_price": " 99.50 ", "time_in_force": "GTC"})
    assert [found.words for found in differences(before, after)] == [
        "quantity 10 -> 1,000",
        "limit price 100 -> 99.5",
        "time in force day -> gtc",
    ]
    assert after.rationale == before.rationale and after.account == before.account


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": "1"}, "nothing was changed"),
        ({"quantity": ""}, "quantity: is required"),
        ({"quantity": "0"}, "quantity: "),
        ({"quantity": "-5"}, "quantity: "),
        ({"quantity": "many"}, "quantity: "),
        ({"quantity": "nan"}, "quantity: "),
        ({"quantity": "1e3000"}, "quantity: "),
        ({"limit_price": "99,50"}, "limit_price: '99,50' can be read in two ways; write a point"),
        ({"quantity": "1,5"}, "quantity: '1,5' can be read in two ways"),
        ({"quantity": "1,00,000"}, "quantity: '1,00,000' can be read in two ways"),
        ({"limit_price": "0"}, "limit_price: must be greater than zero"),
        ({"time_in_force": "gtd"}, "good_till: a gtd order needs a moment"),
        ({"time_in_force": "soon"}, "time_in_force: must be"),
        ({"account": "DU7654321"}, "account: cannot be changed here"),
        ({"side": "sell"}, "side: cannot be changed here"),
        ({"stop_price": "90"}, "stop_price: cannot be changed here"),
    ],
)
def test_what_is_wrong_names_its_field(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        edited(an_intent(), changes)
    assert message in caught.value.message and caught.value.user_action


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        edited(an_intent(), {"quantity": "x", "limit_price": "y"})
    assert "quantity: " in caught.value.message and "limit_price: " in caught.value.message


def test_a_comparison_says_by_whom_and_against_what() -> None:
    found = differences(an_intent(), an_intent(quantity="2"))
    assert Comparison("revision 1", "o-1", "operator-1", found).words == (
        "changed by operator-1 against revision 1: quantity 1 -> 2"
    )
    assert Comparison("the working order", "o-1", "", ()).words.endswith("nothing but the reason")
