"""A moving two-sided price: a pure function of seed, contract and step.

The middle is value noise: three layers of random lattice points, joined by straight lines, the
slow layer the largest. So it moves in small steps, returns to its base, can never leave its band,
and the price of any step is known without those before it. Randomness is SHA-256 of what is asked
for: no generator to keep or to save, and the same numbers in every process.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from ibgw_tui.core.broker import Quote
from ibgw_tui.core.terms import QuoteStatus, Side
from ibgw_tui.exchange.exact import floor_to, times, total
from ibgw_tui.exchange.instruments import Instrument

_LAYERS = ((480, 6), (60, 3), (8, 1))
"""Steps between lattice points, and the layer's share of the band in tenths."""
_SIZE_STEPS = 4
"""Displayed sizes stay for so many steps."""
_UNIT = 1000


@dataclass(frozen=True, slots=True)
class Touch:
    """The best bid and ask of one step."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    last: Decimal

    def price_for(self, side: Side) -> Decimal:
        """What a buyer pays or a seller gets."""
        return self.ask if side is Side.BUY else self.bid

    def size_for(self, side: Side) -> Decimal:
        return self.ask_size if side is Side.BUY else self.bid_size

    @property
    def middle(self) -> Decimal:
        return times(total(self.bid, self.ask), Decimal("0.5"))


@lru_cache(maxsize=65_536)
def _draw(seed: int, con_id: int, what: str, number: int, below: int) -> int:
    """A number from 0 up to, and not including, `below`."""
    digest = hashlib.sha256(f"{seed}/{con_id}/{what}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def _offset_in_ticks(instrument: Instrument, seed: int, step: int) -> int:
    """Distance of the middle from the base, in finest ticks, rounded towards zero."""
    band = int(instrument.band / instrument.finest_tick)
    numerator, denominator = 0, 1
    for number, (period, share) in enumerate(_LAYERS):
        place, passed = divmod(step, period)
        before, after = (
            _draw(seed, instrument.con_id, f"walk{number}", point, 2 * _UNIT + 1) - _UNIT
            for point in (place, place + 1)
        )
        layer = share * band * (before * (period - passed) + after * passed)
        numerator, denominator = numerator * period + layer * denominator, denominator * period
    denominator *= 10 * _UNIT
    magnitude = abs(numerator) // denominator
    return magnitude if numerator >= 0 else -magnitude


def _size(instrument: Instrument, seed: int, step: int, side: str) -> Decimal:
    """Displayed size, in round lots of the smallest size where that is a lot, else of one increment."""
    lot = max(instrument.size_increment, min(instrument.smallest_size, Decimal(100)))
    lots = int((instrument.largest_size - instrument.smallest_size) / lot) + 1
    return total(
        instrument.smallest_size, times(lot, Decimal(_draw(seed, instrument.con_id, side, step // _SIZE_STEPS, lots)))
    )


def touch(instrument: Instrument, seed: int, step: int) -> Touch:
    """The best bid and ask at `step`: on tick, bid below ask."""
    offset = Decimal(_offset_in_ticks(instrument, seed, step))
    raw = total(instrument.base, times(offset, instrument.finest_tick))
    bid = floor_to(raw, instrument.tick_at(raw))
    ask = bid
    for _ in range(1 + _draw(seed, instrument.con_id, "spread", step // _SIZE_STEPS, instrument.widest_spread)):
        ask = total(ask, instrument.tick_at(ask))
    return Touch(
        bid=bid,
        ask=ask,
        bid_size=_size(instrument, seed, step, "bid"),
        ask_size=_size(instrument, seed, step, "ask"),
        last=bid if _draw(seed, instrument.con_id, "last", step, 2) else ask,
    )


def as_quote(instrument: Instrument, touch: Touch, at: datetime) -> Quote:
    """A touch in the words of the port."""
    return Quote(
        con_id=instrument.con_id,
        currency=instrument.contract.currency,
        status=QuoteStatus.LIVE,
        bid=touch.bid,
        ask=touch.ask,
        last=touch.last,
        bid_size=touch.bid_size,
        ask_size=touch.ask_size,
        close=instrument.base,
        as_of=at,
        source="simulated",
    )
