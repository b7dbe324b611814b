"""A two-sided price that moves: a pure function of seed, instrument and step.

No random generator is carried along: the quote of step n is the same in every process and after every
restart, whatever was asked before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from ibgw_tui.exchange.instruments import Instrument

_WAVES = ((601, 5), (97, 3), (23, 2))
"""(period in steps, weight) of the slow movements."""


@dataclass(frozen=True, slots=True)
class Book:
    """The best bid and ask at one step."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    bid_size: int
    ask_size: int


def book_at(seed: int, instrument: Instrument, step: int) -> Book:
    """Bid below ask, both on tick, within the instrument's swing."""
    tick = instrument.contract.tick_at(instrument.middle)
    assert tick is not None, "every instrument here has a tick"
    offset = _offset(seed, instrument, step)
    middle = instrument.middle + offset * tick
    bid = middle - instrument.half_spread_ticks * tick
    ask = middle + instrument.half_spread_ticks * tick
    noise = _noise(seed, instrument.contract.con_id, step, "size")
    shares = max(1, instrument.touch_size // 4)
    return Book(
        bid=bid,
        ask=ask,
        last=bid if noise % 2 else ask,
        bid_size=shares + noise % (3 * shares + 1),
        ask_size=shares + (noise >> 16) % (3 * shares + 1),
    )


def _offset(seed: int, instrument: Instrument, step: int) -> int:
    """Ticks from the middle: slow triangle waves plus a little noise, never beyond the swing."""
    con_id, total, weights = instrument.contract.con_id, 0, 0
    room = max(1, instrument.swing_ticks - instrument.step_ticks)
    for number, (period, weight) in enumerate(_WAVES):
        phase = _noise(seed, con_id, number, "phase") % period
        position = (step + phase) % period
        triangle = 4 * abs(position - period // 2) - period  # from about -period to +period
        total += weight * room * triangle // period
        weights += weight
    jitter = _noise(seed, con_id, step, "jitter") % (instrument.step_ticks + 1) - instrument.step_ticks // 2
    limit = instrument.swing_ticks
    return max(-limit, min(limit, total // weights + jitter))


def _noise(seed: int, con_id: int, number: int, purpose: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{con_id}/{number}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
