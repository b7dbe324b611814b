"""Money: exact, conserved, and what an order ties up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.broker import BrokerState, CommissionReport
from ibgw_tui.core.terms import AssetClass, OrderType, Side
from ibgw_tui.exchange.accounts import Account, Holding, new_accounts
from ibgw_tui.exchange.exact import ceil_to, floor_to, from_text, is_multiple, times, total
from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD, INSTRUMENTS
from ibgw_tui.exchange.margins import commission_of
from tests.exchange.market import Market, an_order

D = Decimal
CENTS = st.integers(min_value=1, max_value=10**8).map(lambda cents: D(cents) / 100)
SIGNED = st.integers(min_value=-(10**6), max_value=10**6).filter(bool).map(D)


@pytest.mark.parametrize(
    ("asset_class", "quantity", "value", "commission"),
    [
        (AssetClass.STOCK, "1", "100", "1"),
        (AssetClass.STOCK, "200", "20000", "1"),
        (AssetClass.STOCK, "201", "20100", "1.005"),
        (AssetClass.ETF, "1000", "580000", "5"),
        (AssetClass.FX, "10000", "10800", "2"),
        (AssetClass.FX, "1000000", "1080000", "21.6"),
        (AssetClass.FUTURE, "3", "877500", "6.75"),
        (AssetClass.OPTION, "2", "840", "1.3"),
        (AssetClass.STOCK, "0", "0", "0"),
    ],
)
def test_commissions(asset_class: AssetClass, quantity: str, value: str, commission: str) -> None:
    assert commission_of(asset_class, D(quantity), D(value)) == D(commission)


def test_the_minimum_commission_is_charged_once_for_an_order_in_parts() -> None:
    market, order = Market.new(), an_order(quantity="1900", limit_price="101")
    market.place(order)
    market.until(order.order_ref, BrokerState.FILLED)
    costs = [r.commission.amount for r in market.heard if isinstance(r, CommissionReport)]
    assert len(costs) > 1 and sum(costs) == D("9.5")


def test_a_stock_trade_moves_its_whole_value() -> None:
    account = new_accounts()["DU1234567"]
    account.trade(INSTRUMENTS[AAPL], D(10), D("99.5"), D(1))
    assert (account.cash, account.worth({AAPL: D("99.5")})) == (D(99004), D(99999))
    account.trade(INSTRUMENTS[AAPL], D(-15), D(100), D(1))  # through zero: ten closed, five sold short
    assert (account.realised, account.quantity_of(AAPL)) == (D(5), D(-5))
    assert account.holdings[AAPL].average_cost == 100
    account.trade(INSTRUMENTS[AAPL], D(5), D(98), D(1))
    assert (account.realised, account.open(), account.cash) == (D(15), [], D("100012"))


def test_a_future_moves_only_what_was_won() -> None:
    account = new_accounts()["DU1234567"]
    account.trade(INSTRUMENTS[ES_FRONT], D(2), D("5850.25"), D("4.5"))
    assert account.cash == D("99995.5")
    assert account.worth({ES_FRONT: D("5851.25")}) == D("100095.5")
    account.trade(INSTRUMENTS[ES_FRONT], D(-2), D("5849.25"), D("4.5"))
    assert account.cash == D("99891") == account.worth({})


@given(st.lists(st.tuples(SIGNED, CENTS), min_size=1, max_size=20))
def test_holdings_lose_no_cent(trades: list[tuple[Decimal, Decimal]]) -> None:
    """What was paid is either still in the cost or was realised, to the last digit."""
    holding, won = Holding(), D(0)
    for quantity, price in trades:
        won = total(won, holding.trade(quantity, times(quantity, price)))
    paid = total(*(times(quantity, price) for quantity, price in trades))
    assert total(holding.cost, -won) == paid
    assert holding.quantity == sum(quantity for quantity, _ in trades)
    assert holding.quantity or holding.cost == 0
    assert holding.average_cost is None or holding.average_cost >= 0


@given(
    st.lists(st.tuples(st.sampled_from(list(INSTRUMENTS)), SIGNED, CENTS, CENTS), max_size=15),
    st.integers(min_value=1, max_value=10**6),
)
def test_accounts_conserve_value(trades: list[tuple[int, Decimal, Decimal, Decimal]], cents: int) -> None:
    """Worth = what there was + what the positions moved - commissions, computed here from the trades alone."""
    account = Account("DU1234567", new_accounts()["DU1234567"].mode)
    marks = dict.fromkeys(INSTRUMENTS, D(cents) / 100)
    expected = account.cash
    for con_id, quantity, price, commission in trades:
        account.trade(INSTRUMENTS[con_id], quantity, price, commission)
        moved = times(quantity, marks[con_id] - price, INSTRUMENTS[con_id].contract.multiplier)
        expected = total(expected, moved, -commission)
    assert account.worth(marks) == expected
    assert Account.load(account.dump()) == account


@given(st.integers(min_value=-(10**9), max_value=10**9), st.sampled_from(["0.01", "0.05", "0.25", "0.00005", "1"]))
def test_rounding_to_ticks(raw: int, tick: str) -> None:
    value, step = D(raw) / 100_000, D(tick)
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low <= value <= high and high - low in (0, step)
    assert is_multiple(low, step) and is_multiple(high, step)


def test_numbers_are_read_from_text_alone() -> None:
    with pytest.raises(TypeError):
        from_text(0.1)  # type: ignore[arg-type]


# ---- what-if


def test_a_stock_ties_up_half_and_costs_its_commission() -> None:
    market = Market.new()
    estimate = market.exchange.what_if(an_order(quantity="100", limit_price="99"), ("DU1234567",))
    mark = market.exchange.touch(AAPL).middle
    assert estimate.initial_margin_change is not None and estimate.maintenance_margin_change is not None
    assert estimate.initial_margin_change.amount == mark * 50
    assert estimate.maintenance_margin_change.amount == mark * 25
    assert estimate.commission_max is not None and estimate.commission_max.amount == 1
    assert estimate.equity_with_loan_after is not None and estimate.equity_with_loan_after.amount == 99_999
    assert estimate.warning == ""


def test_a_future_ties_up_a_fixed_amount() -> None:
    estimate = Market.new().exchange.what_if(an_order(ES_FRONT, quantity="2", limit_price="5850"), ("DU1234567",))
    assert estimate.initial_margin_after is not None and estimate.initial_margin_after.amount == 32_000
    assert estimate.maintenance_margin_after is not None and estimate.maintenance_margin_after.amount == 29_000


def test_a_bought_option_is_paid_in_full_and_a_written_one_ties_up_the_underlying() -> None:
    market = Market.new()
    bought = market.exchange.what_if(an_order(AAPL_CALL, limit_price="4.5"), ("DU1234567",))
    assert bought.initial_margin_change is not None and bought.initial_margin_change.amount == 0
    premium = market.exchange.touch(AAPL_CALL).middle * 100
    assert bought.equity_with_loan_after is not None
    assert bought.equity_with_loan_after.amount == 100_000 - premium - D("0.65")
    written = market.exchange.what_if(an_order(AAPL_CALL, side=Side.SELL, limit_price="4"), ("DU1234567",))
    assert written.initial_margin_change is not None
    assert written.initial_margin_change.amount == market.exchange.touch(AAPL).middle * 20


def test_an_order_that_would_be_rejected_has_a_warning_and_no_numbers() -> None:
    estimate = Market.new().exchange.what_if(an_order(limit_price="99.995"), ("DU1234567",))
    assert estimate.warning.startswith("110 ") and estimate.initial_margin_change is None
    poor = Market.new().exchange.what_if(an_order(quantity="3000"), ("DU1234567",))
    assert poor.warning.startswith("201 ") and poor.initial_margin_after is not None


def test_what_if_is_what_then_happens() -> None:
    market = Market.new()
    order = an_order(EUR_USD, quantity="500000", limit_price="1.09")
    estimate = market.exchange.what_if(order, ("DU1234567",))
    market.place(order)
    market.until(order.order_ref, BrokerState.FILLED)
    facts = market.exchange.account_facts("DU1234567")
    assert facts.net_liquidation and facts.available_funds and facts.excess_liquidity and facts.cash
    held = facts.net_liquidation.amount - facts.available_funds.amount
    assert estimate.initial_margin_after is not None and abs(held - estimate.initial_margin_after.amount) < 50
    assert estimate.commission_max is not None
    (fill, *rest) = market.executions()
    value = sum(f.price * f.quantity for f in (fill, *rest))
    assert abs(facts.cash.amount - (100_000 - value - estimate.commission_max.amount)) < 1
    assert facts.excess_liquidity.amount > facts.available_funds.amount
    position = market.exchange.positions("DU1234567")[0]
    assert (position.symbol, position.quantity) == ("EUR.USD", D(500_000))


def test_asking_changes_nothing() -> None:
    market = Market.new()
    before = market.exchange.dump()
    market.exchange.what_if(an_order(order_type=OrderType.MARKET), ("DU1234567",))
    market.exchange.account_facts("DU1234567")
    market.exchange.snapshot("DU1234567")
    assert market.exchange.dump() == before
