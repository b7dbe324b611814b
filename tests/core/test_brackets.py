"""Brackets: each exit is decided as an order of its own, and all legs together as a group."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.checks import BRACKET, LIMITS, check_limits
from ibgw_tui.core.context import ExitTerms, LimitContext, Modification, OrderTerms, PositionFacts
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.errors import ErrorCode
from ibgw_tui.core.gates import evaluate
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.terms import CheckStatus, OrderType, QuoteStatus, Side
from tests.makers import (
    NOON,
    a_market,
    a_policy,
    an_armed_policy,
    an_own_order,
    armed_context,
    counters,
    gate_context,
    limit_context,
    terms,
    usd,
)

PASS, REFUSE, UNKNOWN = CheckStatus.PASS, CheckStatus.REFUSE, CheckStatus.UNKNOWN
GROUP = ["bracket_prices", "frequency", "session_orders", "session_notional"]


def take(price: str | None = "103") -> ExitTerms:
    return ExitTerms("take_profit", OrderType.LIMIT, Decimal(price) if price else None)


def stop(price: str | None = "97", limit: str | None = None) -> ExitTerms:
    kind = OrderType.STOP_LIMIT if limit else OrderType.STOP
    return ExitTerms("stop_loss", kind, Decimal(limit) if limit else None, Decimal(price) if price else None)


def a_bracket(*exits: ExitTerms, **changes: Any) -> OrderTerms:
    return terms(exits=exits or (take(), stop()), **changes)


def findings(
    order: OrderTerms, leg: str | None, policy: LimitPolicy | None = None, **context: Any
) -> dict[str, Finding]:
    """Of one leg, by check."""
    found = check_limits(order, policy or an_armed_policy(), armed_context(**context))
    return {finding.check: finding for finding in found if finding.leg == leg}


def test_every_leg_is_asked_everything_and_so_is_the_group() -> None:
    found = check_limits(a_bracket(), an_armed_policy(), armed_context())
    names = [check(terms(), a_policy(), limit_context()).check for check in LIMITS]
    legs: list[str | None] = [None] * len(LIMITS)
    legs += ["take_profit"] * len(LIMITS) + ["stop_loss"] * len(LIMITS) + [BRACKET] * len(GROUP)
    assert [finding.leg for finding in found] == legs
    assert [finding.check for finding in found] == names * 3 + GROUP
    assert not any(finding.blocks for finding in found)


def test_an_exit_is_an_order_of_the_other_side_and_the_same_size() -> None:
    order = a_bracket(
        quantity=Decimal(3), multiplier=Decimal(2), account="U1234567", con_id=7, trailing_amount=Decimal(9)
    )
    for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        leg = terms(**{**_fields(order), "side": side, "exits": ()}).exit_leg(stop("97", "96"))
        assert leg == terms(
            quantity=Decimal(3), multiplier=Decimal(2), con_id=7, side=other, order_type=OrderType.STOP_LIMIT,
            limit_price=Decimal(96), stop_price=Decimal(97),
        )  # fmt: skip


def _fields(order: OrderTerms) -> dict[str, Any]:
    return {name: getattr(order, name) for name in order.__slots__}


EXITS_REFUSED: list[tuple[str, str, OrderTerms, dict[str, Any], dict[str, Any]]] = [
    # leg, check, bracket, policy, context: what would refuse the exit as an order of its own
    ("take_profit", "price_collar", a_bracket(take("106")), {}, {}),
    ("take_profit", "tick_and_size", a_bracket(take("103.005")), {}, {}),
    ("take_profit", "max_notional", a_bracket(take("103"), quantity=Decimal("9.8")), {}, {}),
    ("stop_loss", "trigger_price", a_bracket(stop("99.5")), {}, {}),
    ("stop_loss", "trigger_price", a_bracket(stop("97", "98")), {}, {}),
    ("stop_loss", "tick_and_size", a_bracket(stop("97.001")), {}, {}),
    ("stop_loss", "max_position", a_bracket(stop()), {}, {"position": PositionFacts(Decimal(0), working_sells=Decimal(100))}),
    ("take_profit", "duplicate", a_bracket(take()), {}, {"recent_orders": (an_own_order(side=Side.SELL, limit_price=Decimal(103)),)}),
    ("take_profit", "self_cross", a_bracket(take()), {}, {"working_orders": (an_own_order(limit_price=Decimal("103.5")),)}),
    ("stop_loss", "max_notional", a_bracket(stop()), {}, {"market": a_market(bid=None)}),
]  # fmt: skip


@pytest.mark.parametrize(("leg", "check", "order", "policy", "context"), EXITS_REFUSED)
def test_what_refuses_an_exit_alone_refuses_the_bracket(
    leg: str, check: str, order: OrderTerms, policy: dict[str, Any], context: dict[str, Any]
) -> None:
    given, around = an_armed_policy(**policy), armed_context(**context)
    found = findings(order, leg, given, **context)[check]
    assert found.blocks
    exits = next(terms for terms in order.exits if terms.leg == leg)
    alone = {finding.check: finding for finding in check_limits(order.exit_leg(exits), given, around)}
    assert found == alone[check]._replace(leg=leg)
    decision = evaluate(order, given, around, gate_context())
    assert decision.error_code in (ErrorCode.LIVE_LIMIT_REFUSED, ErrorCode.LIVE_GATE_MISSING)


PRICES: list[tuple[Side, dict[str, Any], tuple[ExitTerms, ...], CheckStatus, str]] = [
    # side, entry, exits, status, message; the market is 99 / 101
    (Side.BUY, {}, (take("100.01"), stop("99.99")), PASS, "the exits are on their sides of the entry"),
    (Side.BUY, {}, (take("100"),), REFUSE, "the take-profit 100 gains nothing over the entry 100"),
    (Side.BUY, {}, (take("99.99"),), REFUSE, "the take-profit 99.99 gains nothing over the entry 100"),
    (Side.BUY, {}, (stop("100"),), REFUSE, "the stop-loss 100 loses nothing against the entry 100"),
    (Side.BUY, {}, (stop("100.01"),), REFUSE, "the stop-loss 100.01 loses nothing against the entry 100"),
    (Side.SELL, {}, (take("99.99"), stop("100.01")), PASS, "the exits are on their sides of the entry"),
    (Side.SELL, {}, (take("100.01"),), REFUSE, "the take-profit 100.01 gains nothing over the entry 100"),
    (Side.SELL, {}, (stop("99.99"),), REFUSE, "the stop-loss 99.99 loses nothing against the entry 100"),
    (Side.BUY, {}, (take("99"), stop("101")), REFUSE,
     "the take-profit 99 gains nothing over the entry 100; the stop-loss 101 loses nothing against the entry 100"),
    (Side.BUY, {}, (take(None),), REFUSE, "the take_profit has no price"),
    (Side.BUY, {}, (stop(None),), REFUSE, "the stop_loss has no price"),
    (Side.BUY, {}, (take(), take("104")), REFUSE, "there are two of take_profit"),
    # the entry of other types: its limit, else its trigger, else the side of the book it trades with
    (Side.BUY, {"order_type": OrderType.STOP_LIMIT, "stop_price": Decimal(102), "limit_price": Decimal(103)}, (take("103"),),
     REFUSE, "the take-profit 103 gains nothing over the entry 103"),
    (Side.BUY, {"order_type": OrderType.STOP, "stop_price": Decimal(102), "limit_price": None}, (take("102"),),
     REFUSE, "the take-profit 102 gains nothing over the entry 102"),
    (Side.BUY, {"order_type": OrderType.MARKET, "limit_price": None}, (take("101"), stop("100.99")),
     REFUSE, "the take-profit 101 gains nothing over the entry 101"),
    (Side.BUY, {"order_type": OrderType.MARKET, "limit_price": None}, (take("101.01"), stop("100.99")),
     PASS, "the exits are on their sides of the entry"),
    (Side.SELL, {"order_type": OrderType.MARKET, "limit_price": None}, (take("98.99"), stop("99.01")),
     PASS, "the exits are on their sides of the entry"),
    (Side.SELL, {"order_type": OrderType.MARKET, "limit_price": None}, (take("99"),),
     REFUSE, "the take-profit 99 gains nothing over the entry 99"),
    (Side.BUY, {"order_type": OrderType.TRAILING_STOP, "trailing_amount": Decimal(4), "limit_price": None}, (take("107.1"),),
     REFUSE, "the take-profit 107.1 gains nothing over the entry 107.1"),
    (Side.BUY, {"order_type": OrderType.TRAILING_STOP, "trailing_amount": Decimal(4), "limit_price": None}, (take("107.11"),),
     PASS, "the exits are on their sides of the entry"),
]  # fmt: skip


@pytest.mark.parametrize(("side", "entry", "exits", "status", "message"), PRICES)
def test_prices_on_the_right_sides(
    side: Side, entry: dict[str, Any], exits: tuple[ExitTerms, ...], status: CheckStatus, message: str
) -> None:
    found = findings(a_bracket(*exits, side=side, **entry), BRACKET)["bracket_prices"]
    assert (found.status, found.message, found.code) == (status, message, "LIVE_BRACKET_REFUSED")
    assert (found.unit, found.source) == ("USD", "order")
    assert (found.user_action is None) == (status is PASS)
    assert found.limit is not None and found.limit.startswith("entry ")


def test_what_is_shown_of_the_prices() -> None:
    found = findings(a_bracket(take("103.50"), stop(None)), BRACKET)["bracket_prices"]
    assert (found.observed, found.limit) == ("take_profit 103.5, stop_loss ?", "entry 100")
    assert found.user_action == "put the take-profit beyond the entry and the stop-loss before it"


MARKET_ENTRY: dict[str, Any] = {"order_type": OrderType.MARKET, "limit_price": None}


@pytest.mark.parametrize(
    ("entry", "market"),
    [
        (MARKET_ENTRY, None),
        (MARKET_ENTRY, a_market(status=QuoteStatus.UNAVAILABLE)),
        (MARKET_ENTRY, a_market(ask=None)),
        (MARKET_ENTRY, a_market(currency="EUR")),
        ({"order_type": OrderType.TRAILING_STOP, "limit_price": None, "trailing_amount": Decimal(3)}, None),
        ({"order_type": OrderType.TRAILING_STOP, "limit_price": None}, a_market()),
        ({"limit_price": None}, a_market()),
    ],
)
def test_an_entry_without_a_price_refuses_the_group(entry: dict[str, Any], market: Any) -> None:
    found = findings(a_bracket(**entry), BRACKET, market=market)["bracket_prices"]
    assert found == Finding(
        "bracket_prices", "LIVE_BRACKET_REFUSED", UNKNOWN,
        "the price of the entry is not known, so the exits cannot be compared with it", unit="USD",
        user_action="wait for a quote, or give the entry a limit", leg=BRACKET,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("used", "status", "left", "words"),
    [(2, PASS, "1", "2 orders in 300 s of 5 are used"),
     (3, REFUSE, "0", "3 orders in 300 s of 5 are used; there is no room for 3 more"),
     (4, REFUSE, "-1", "4 orders in 300 s of 5 are used; there is no room for 3 more")],
)  # fmt: skip
def test_each_leg_counts_in_the_window(used: int, status: CheckStatus, left: str, words: str) -> None:
    group = findings(a_bracket(), BRACKET, counters=counters(window=used))["frequency"]
    assert (group.status, group.headroom, group.message) == (status, left, words)
    alone = findings(a_bracket(), None, counters=counters(window=used))["frequency"]
    assert alone.status is PASS


@pytest.mark.parametrize(("used", "status"), [(17, PASS), (18, REFUSE)])
def test_each_leg_counts_in_the_session(used: int, status: CheckStatus) -> None:
    found = findings(a_bracket(), BRACKET, counters=counters(session=used))["session_orders"]
    assert found.status is status
    two = findings(a_bracket(take()), BRACKET, counters=counters(session=used))["session_orders"]
    assert two.status is PASS


@pytest.mark.parametrize(("used", "status"), [("4696.02", PASS), ("4696.03", REFUSE)])
def test_all_legs_together_stay_within_the_sessions_notional(used: str, status: CheckStatus) -> None:
    """100 for the entry, 103 for the take-profit, max(99, 97) times 1.02 for the stop-loss."""
    found = findings(a_bracket(), BRACKET, counters=counters(notional=used))["session_notional"]
    assert (found.status, found.code) == (status, "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED")
    assert found.message.startswith("session total with these 3 orders ")


def test_a_group_that_cannot_be_counted_refuses() -> None:
    nothing = LimitContext(now=NOON, market=None, counters=None)
    found = {f.check: f.status for f in check_limits(a_bracket(), a_policy(), nothing) if f.leg == BRACKET}
    assert found == {
        "bracket_prices": PASS,
        "frequency": UNKNOWN,
        "session_orders": UNKNOWN,
        "session_notional": UNKNOWN,
    }
    absent = {f.check: f.status for f in check_limits(a_bracket(), LimitPolicy(), limit_context()) if f.leg == BRACKET}
    assert absent == {
        "bracket_prices": PASS,
        "frequency": UNKNOWN,
        "session_orders": UNKNOWN,
        "session_notional": UNKNOWN,
    }


def test_overrides_of_the_symbol_hold_for_every_leg() -> None:
    policy = a_policy(
        symbols={
            "AAPL": {"max_notional": usd("102"), "frequency_limit": FrequencyLimit(max_orders=2, window_seconds=9)}
        }
    )
    found = findings(a_bracket(), "take_profit", policy)
    assert found["max_notional"].status is REFUSE
    assert findings(a_bracket(), BRACKET, policy)["frequency"].status is REFUSE


# ---- a modify


WORKING = terms(quantity=Decimal(5), limit_price=Decimal(99))


def target(result: OrderTerms, recorded: OrderTerms, working: OrderTerms | None, filled: str = "0") -> Finding:
    context = limit_context(modifies=Modification(recorded, working, Decimal(filled)))
    found = check_limits(result, a_policy(), context)
    assert len(found) == len(LIMITS) + 1
    return found[-1]


MODIFIES: list[tuple[OrderTerms, OrderTerms, OrderTerms | None, str, CheckStatus, str]] = [
    # result, recorded, working, filled, status, message
    (terms(quantity=Decimal(6), limit_price=Decimal(98)), WORKING, WORKING, "0", PASS,
     "the working order is at the broker as it was recorded"),
    (WORKING, WORKING, WORKING, "4.99", PASS, "the working order is at the broker as it was recorded"),
    (WORKING, WORKING, WORKING, "5", REFUSE, "5 are filled already"),
    (WORKING, WORKING, WORKING, "6", REFUSE, "6 are filled already"),
    (WORKING, WORKING, None, "0", UNKNOWN, "the working order could not be read at the broker"),
    (terms(quantity=Decimal(5), limit_price=Decimal(99), side=Side.SELL), WORKING, WORKING, "0", REFUSE, "side differs"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), account="U7654321"), "0", REFUSE, "account differs"),
    (WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), con_id=1), WORKING, "0", REFUSE, "con id differs"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), order_type=OrderType.STOP_LIMIT), "0", REFUSE,
     "order type differs"),
    (WORKING, WORKING, terms(quantity=Decimal(4), limit_price=Decimal(99)), "0", REFUSE,
     "quantity is 4 at the broker and 5 in our record"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal("98.50")), "0", REFUSE,
     "limit price is 98.5 at the broker and 99 in our record"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), stop_price=Decimal(90)), "0", REFUSE,
     "stop price is 90 at the broker and not set in our record"),
    (terms(quantity=Decimal(5), limit_price=Decimal(98)), WORKING, terms(quantity=Decimal(5), limit_price=Decimal(97)), "0",
     PASS, "the working order is at the broker as it was recorded"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), trailing_amount=Decimal(1)), "0", REFUSE,
     "trailing amount is 1 at the broker and not set in our record"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), trailing_percent=Decimal(1)), "0", REFUSE,
     "trailing percent is 1 at the broker and not set in our record"),
    (WORKING, WORKING, terms(quantity=Decimal(5), limit_price=Decimal(99), limit_offset=Decimal(1)), "0", REFUSE,
     "limit offset is 1 at the broker and not set in our record"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "recorded", "working", "filled", "status", "message"), MODIFIES)
def test_a_modify_starts_from_what_is_at_the_broker(
    result: OrderTerms, recorded: OrderTerms, working: OrderTerms | None, filled: str, status: CheckStatus, message: str
) -> None:
    found = target(result, recorded, working, filled)
    assert (found.status, found.message) == (status, message)
    assert (found.check, found.code, found.source) == ("modify_target", "LIVE_MODIFY_TARGET_REFUSED", "broker")
    assert found.as_of == (None if status is UNKNOWN else NOON)
    actions = {
        PASS: None,
        REFUSE: "look at the working order, and stage the change anew",
        UNKNOWN: "wait for the broker's orders",
    }
    assert found.user_action == actions[status]


def test_the_limits_see_the_result_of_a_modify() -> None:
    result = terms(quantity=Decimal(11), limit_price=Decimal(99))
    context = limit_context(modifies=Modification(WORKING, WORKING))
    by_check = {finding.check: finding for finding in check_limits(result, a_policy(), context)}
    assert by_check["max_quantity"].status is REFUSE and by_check["max_quantity"].observed == "11"


def test_a_session_limit_without_its_amount_refuses_the_group() -> None:
    policy = an_armed_policy(session_limit=SessionLimit(max_orders_per_session=20))
    assert findings(a_bracket(), BRACKET, policy)["session_notional"].status is UNKNOWN
