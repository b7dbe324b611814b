"""What is known, as if some orders that were not sent yet had been: so that many are decided as a whole.

Each order of a batch is decided with those before it, and with everything approved and unsent of its account,
already counted: in the window, in the session, in the position, in the liquidity. Nothing here is written: at
submit every order is decided once more, on what is true then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import OwnOrder, WhatIfFacts
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.records import Exposure, OrderRecord, SwitchState, Tally
from ibgw_tui.core.terms import EXACT, Money, Side
from ibgw_tui.service.assessment import Facts, Known
from ibgw_tui.service.charging import charge


@dataclass(frozen=True, slots=True)
class Reservation:
    """One order as the limits would count it."""

    own: OwnOrder
    legs: int
    charge: Money | None
    margin: Money | None
    """What it takes of the account's liquidity at most; None where the broker did not say."""


class Reserving:
    """Implements `assessment.Known` over another one."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.taken: list[Reservation] = []

    def reserve(self, preview: Preview, case: Case) -> None:
        intent, estimate = preview.intent, preview.estimate
        own = OwnOrder(
            account=intent.account,
            con_id=preview.contract.con_id,
            side=intent.side,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            stop_price=intent.stop_price,
            trailing_amount=intent.trailing_amount,
            trailing_percent=intent.trailing_percent,
            limit_offset=intent.limit_offset,
            age_seconds=Decimal(0),
            order_ref=preview.order_ref,
        )
        self.taken.append(Reservation(own, 1 + len(case.order.exits), charge(case), estimate.initial_margin_change))

    def facts(self, facts: Facts, account: str) -> Facts:
        """The broker estimated each order alone; together they leave less."""
        what_if, mine = facts.what_if, [each for each in self.taken if each.own.account == account]
        if what_if is None or what_if.excess_liquidity_after is None or not mine:
            return facts
        left = what_if.excess_liquidity_after
        for each in mine:
            if each.margin is None or each.margin.currency != left.currency:
                return replace(facts, what_if=None)  # not known, and refuses where the check is armed
            left = Money(
                amount=EXACT.subtract(left.amount, max(Decimal(0), each.margin.amount)), currency=left.currency
            )
        return replace(facts, what_if=WhatIfFacts(left, what_if.as_of))

    # ---- Known

    def switch(self) -> SwitchState:
        return self._known.switch()

    def tally(self, account: str, *, window_start: datetime, session_start: datetime) -> Tally:
        known = self._known.tally(account, window_start=window_start, session_start=session_start)
        mine = [each for each in self.taken if each.own.account == account]
        legs, totals = sum(each.legs for each in mine), dict(known.session_notional)
        for each in mine:
            if each.charge is not None:
                before = totals.get(each.charge.currency, Decimal(0))
                totals[each.charge.currency] = EXACT.add(before, each.charge.amount)
        return Tally(known.submitted_in_window + legs, known.submitted_in_session + legs, totals)

    def exposure(self, account: str, con_id: int, *, besides: Sequence[str] = ()) -> Exposure:
        known = self._known.exposure(account, con_id, besides=besides)
        for own in self._owned(con_id, besides):
            if own.account != account:
                continue
            name = "reserved_buys" if own.side is Side.BUY else "reserved_sells"
            known = replace(known, **{name: EXACT.add(getattr(known, name), own.quantity)})
        return known

    def own_orders(
        self, account: str, con_id: int, *, now: datetime, since: datetime, besides: Sequence[str]
    ) -> list[OwnOrder]:
        """What waits and what is approved is among them already."""
        return self._known.own_orders(account, con_id, now=now, since=since, besides=besides)

    def own_working(self, con_id: int, *, now: datetime, besides: Sequence[str]) -> list[OwnOrder]:
        return [*self._known.own_working(con_id, now=now, besides=besides), *self._owned(con_id, besides)]

    def _owned(self, con_id: int, besides: Sequence[str]) -> list[OwnOrder]:
        owned = (each.own for each in self.taken)
        return [own for own in owned if own.con_id == con_id and own.order_ref not in besides]

    def carrier(self, wire_ref: str) -> OrderRecord | None:
        return self._known.carrier(wire_ref)

    def counted(self, order_ref: str) -> Money | None:
        return self._known.counted(order_ref)

    def is_ours(self, order_ref: str) -> bool:
        return self._known.is_ours(order_ref)
