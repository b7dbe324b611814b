"""The price walk: on tick, two-sided, inside its band, and the same everywhere for one seed."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.terms import QuoteStatus
from ibgw_tui.exchange.exact import is_multiple, total
from ibgw_tui.exchange.faults import QuoteFault, distorted
from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, EUR_USD, INSTRUMENTS, TSLA, listed
from ibgw_tui.exchange.quotes import touch
from tests.exchange.market import Market

SEEDS = st.integers(min_value=-(2**63), max_value=2**63)
STEPS = st.integers(min_value=0, max_value=10**9)
ANY = st.sampled_from(list(INSTRUMENTS.values()))


@given(ANY, SEEDS, STEPS)
def test_every_touch_is_two_sided_on_tick_and_in_its_band(instrument, seed, step):  # type: ignore[no-untyped-def]
    t = touch(instrument, seed, step)
    widest = max(s.increment for s in instrument.contract.price_steps) * (instrument.widest_spread + 1)
    assert 0 < t.bid < t.ask
    assert is_multiple(t.bid, instrument.tick_at(t.bid)) and is_multiple(t.ask, instrument.tick_at(t.ask))
    assert abs(t.middle - instrument.base) <= instrument.band + widest
    assert t.last in (t.bid, t.ask)
    for size in (t.bid_size, t.ask_size):
        assert instrument.smallest_size <= size <= instrument.largest_size
        assert is_multiple(size, instrument.size_increment)


@given(ANY, SEEDS, STEPS)
def test_a_step_is_a_small_step(instrument, seed, step):  # type: ignore[no-untyped-def]
    """No jump that would look like an outage of the feed: at most a tenth of the band, and the spread."""
    before, after = touch(instrument, seed, step), touch(instrument, seed, step + 1)
    tick = max(s.increment for s in instrument.contract.price_steps)
    assert abs(after.bid - before.bid) <= instrument.band / 10 + 2 * tick


@given(SEEDS, STEPS)
def test_a_first_order_at_100_always_finds_a_seller(seed: int, step: int) -> None:
    assert touch(INSTRUMENTS[AAPL], seed, step).ask <= 100


@given(SEEDS, STEPS)
def test_a_patient_bid_for_tsla_rests(seed: int, step: int) -> None:
    """The demo cancels a working order at 232, within the collar and below any price of the walk."""
    assert touch(INSTRUMENTS[TSLA], seed, step).ask > Decimal("236.5")


def test_the_walk_moves_and_seeds_differ() -> None:
    for instrument in listed():
        bids = {touch(instrument, 1, step).bid for step in range(2000)}
        assert len(bids) > 3, instrument.contract.local_symbol
    walks = {tuple(touch(INSTRUMENTS[AAPL], seed, step).bid for step in range(50)) for seed in range(20)}
    assert len(walks) == 20


def test_a_quote_says_when_and_whose() -> None:
    market = Market.new()
    quote = market.exchange.quote(INSTRUMENTS[EUR_USD].contract)
    assert (quote.con_id, quote.currency, quote.status) == (EUR_USD, "USD", QuoteStatus.LIVE)
    assert quote.as_of == market.clock() and quote.source == "simulated"
    market.clock.forward(seconds=60)  # nothing moved it: the quote ages
    assert (market.clock() - market.exchange.quote(INSTRUMENTS[EUR_USD].contract).as_of).seconds == 60


def test_a_contract_that_is_not_listed_has_no_quote() -> None:
    stranger = INSTRUMENTS[AAPL].contract.replaced(con_id=1)
    quote = Market.new().exchange.quote(stranger)
    assert quote.status is QuoteStatus.UNAVAILABLE and quote.bid is None and quote.ask is None


@pytest.mark.parametrize("fault", list(QuoteFault))
def test_each_quote_fault_shows(fault: QuoteFault) -> None:
    good = Market.new().exchange.quote(INSTRUMENTS[AAPL].contract)
    seen = distorted(good, fault)
    assert good.bid is not None and good.ask is not None
    expected = {
        QuoteFault.NONE: seen == good,
        QuoteFault.STALE: (good.as_of - seen.as_of).total_seconds() == 600 and seen.status is QuoteStatus.LIVE,
        QuoteFault.UNAVAILABLE: (seen.bid, seen.ask, seen.last, seen.status)
        == (None, None, None, QuoteStatus.UNAVAILABLE),
        QuoteFault.CROSSED: (seen.bid, seen.ask) == (good.ask, good.bid),
        QuoteFault.ONE_SIDED: seen.bid is None and seen.bid_size is None and seen.ask == good.ask,
        QuoteFault.DELAYED: seen.status is QuoteStatus.DELAYED and seen.as_of < good.as_of,
        QuoteFault.FROZEN: seen.status is QuoteStatus.FROZEN,
    }
    assert expected[fault]


PROGRAM = """
import hashlib
from ibgw_tui.exchange.instruments import listed
from ibgw_tui.exchange.quotes import touch
h = hashlib.sha256()
for instrument in listed():
    for step in range(300):
        h.update(repr(touch(instrument, 42, step)).encode())
print(h.hexdigest())
"""


def test_other_processes_see_the_same_market() -> None:
    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    assert run("0") == run("1") == run("4711")


def test_option_prices_change_their_tick_at_three() -> None:
    option = INSTRUMENTS[AAPL_CALL]
    assert option.tick_at(Decimal("2.99")) == Decimal("0.01")
    assert option.tick_at(Decimal(3)) == Decimal("0.05")
    assert total(Decimal("2.99"), option.tick_at(Decimal("2.99"))) == 3
