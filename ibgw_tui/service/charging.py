"""What an order is charged against the session: worst case, all legs, of a modify only what it adds."""

from __future__ import annotations

from decimal import Decimal

from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import OrderTerms
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import notional_of, worst_case_price
from ibgw_tui.core.terms import EXACT, Money, amount, canonical

MICRO = Decimal("0.000001")


def charge(case: Case) -> Money | None:
    """None when it cannot be measured: then no notional limit passes either."""
    order, policy = case.order, case.policy
    if policy is None:
        return None
    policy = policy.effective(order.account, order.symbol)
    legs = [_measured(leg, policy, case) for leg in (order, *(order.exit_leg(terms) for terms in order.exits))]
    known = [leg for leg in legs if leg is not None]
    if len(known) < len(legs):
        return None
    total = sum(known, Decimal(0))
    if case.limits.modifies is not None:
        recorded = _measured(case.limits.modifies.recorded, policy, case)
        if recorded is None:
            return None
        total = max(Decimal(0), EXACT.subtract(total, recorded))
    return Money(amount=amount(canonical(total.quantize(MICRO))), currency=order.currency)


def _measured(order: OrderTerms, policy: LimitPolicy, case: Case) -> Decimal | None:
    price = worst_case_price(order, policy, case.limits.market)
    return None if price is None else notional_of(order, price)
