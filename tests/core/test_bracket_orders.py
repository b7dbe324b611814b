"""Brackets and changes as orders: what is asked for, what goes over the wire, and what shows that it took effect."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.broker import BrokerSnapshot, shows_terms
from ibgw_tui.core.context import ExitTerms, OrderTerms
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.orders import BrokerOrder, order_sentence, parse_intent
from ibgw_tui.core.reconcile import compare
from ibgw_tui.core.terms import OrderType, Side, TimeInForce
from tests.core.test_reconcile import a_preview, a_record, a_report
from tests.makers import NOON, a_contract, an_intent, an_intent_data, terms

BOTH = {"take_profit_price": "103", "stop_loss_price": "97"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"stop_loss_limit_price": "96"}, "stop_loss_limit_price: needs a stop_loss_price, too"),
        (
            {"order_type": "trailing_stop", "limit_price": None, "trailing_amount": "2", "take_profit_price": "103"},
            "take_profit_price: a trailing_stop order cannot be the entry of a bracket",
        ),
        (
            {"time_in_force": "ioc", "stop_loss_price": "97"},
            "stop_loss_price: an ioc order cannot be the entry of a bracket; its exits have to outlive it",
        ),
        ({"modifies": "o-0", **BOTH}, "take_profit_price: a modify changes one order; leave the exits out"),
        ({"take_profit_price": "0"}, "take_profit_price: must be greater than zero"),
        ({"stop_loss_price": "-1"}, "stop_loss_price: must be greater than zero"),
    ],
)
def test_what_cannot_be_a_bracket(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_intent(an_intent_data(**changes))
    assert len(caught.value.problems) == 1 and caught.value.problems[0].startswith(problem)


def test_the_exits_of_a_bracket_as_orders_of_their_own() -> None:
    intent = an_intent(**BOTH, stop_loss_limit_price="96", quantity="3", time_in_force="gtc", outside_hours=True)
    order = BrokerOrder.proposed("o-1", intent, a_contract())
    take, stop = (order.exit_order(leg) for leg in order.exits)
    assert (take.order_ref, take.side, take.quantity, take.order_type) == (
        "o-1.tp",
        Side.SELL,
        Decimal(3),
        OrderType.LIMIT,
    )
    assert (take.limit_price, take.stop_price, take.time_in_force, take.outside_hours) == (
        Decimal(103),
        None,
        TimeInForce.GTC,
        True,
    )
    assert (stop.order_ref, stop.order_type, stop.limit_price, stop.stop_price) == (
        "o-1.sl",
        OrderType.STOP_LIMIT,
        Decimal(96),
        Decimal(97),
    )
    plain = BrokerOrder.proposed("o-1", an_intent(side="sell", stop_loss_price="103"), a_contract())
    (only,) = (plain.exit_order(leg) for leg in plain.exits)
    assert (only.side, only.order_type, only.limit_price, only.stop_price) == (
        Side.BUY,
        OrderType.STOP,
        None,
        Decimal(103),
    )
    assert BrokerOrder.proposed("o-1", an_intent(), a_contract()).exits == ()


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        (BOTH, "; take profit at 103 USD, stop loss at 97 USD"),
        ({"stop_loss_price": "97", "stop_loss_limit_price": "96.5"}, "; stop loss at 97 USD with limit 96.5 USD"),
        ({"modifies": "o-0"}, "; changes o-0"),
    ],
)
def test_a_bracket_and_a_change_as_a_sentence(changes: dict[str, Any], end: str) -> None:
    assert order_sentence(an_intent(**changes), "USD") == f"BUY 1 AAPL at limit 100 USD, day, in DU1234567{end}"


TERMS: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_price": Decimal(100)}


@pytest.mark.parametrize(
    ("told", "shows"),
    [
        (TERMS, True),
        ({}, False),
        ({**TERMS, "order_type": OrderType.STOP_LIMIT}, False),
        ({**TERMS, "quantity": Decimal(2)}, False),
        ({**TERMS, "limit_price": Decimal(101)}, False),
        ({**TERMS, "stop_price": Decimal(99)}, False),
        ({**TERMS, "trailing_amount": Decimal(1)}, False),
        ({**TERMS, "trailing_percent": Decimal(1)}, False),
    ],
)
def test_a_change_took_effect_when_the_broker_shows_its_terms(told: dict[str, Any], shows: bool) -> None:
    report = a_report(**told)
    assert shows_terms(report, BrokerOrder.of(a_preview())) is shows
    snapshot = BrokerSnapshot(complete=True, open_orders=(report,), completed_orders=(), executions=(), at=NOON)
    change = a_record(intent=an_intent(modifies="o-0"))
    (comparison,) = compare([change], snapshot).comparisons
    assert comparison.reports == ((report,) if shows else ())


def test_an_intent_becomes_the_terms_that_are_decided() -> None:
    found = OrderTerms.of(an_intent(account="U1234567", **BOTH), a_contract())
    take = ExitTerms("take_profit", OrderType.LIMIT, Decimal(103))
    assert found == terms(exits=(take, ExitTerms("stop_loss", OrderType.STOP, None, Decimal(97))))
    assert OrderTerms.of(an_intent(account="U1234567"), a_contract()) == terms()
