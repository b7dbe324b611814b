"""All limit checks in their order, and what a bracket and a modify add.

A bracket is decided by everything that would refuse one of its legs as an order of its own, and on top
of that as a group: it can never loosen a leg. Each leg counts against the frequency, the session count
and the session's notional (decisions, section 4).
"""

from __future__ import annotations

from decimal import Decimal

from ibgw_tui.core.context import ExitTerms, LimitContext, Modification, OrderTerms
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.limits import SEED_LIMITS, Check, room_for, session_total
from ibgw_tui.core.own_limits import OWN_LIMITS
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import number, worst_case_price
from ibgw_tui.core.terms import EXACT, CheckStatus, OrderType, QuoteStatus, Side

LIMITS: tuple[Check, ...] = (*SEED_LIMITS, *OWN_LIMITS)
BRACKET = "bracket"
"""The `leg` of findings about the group."""
BRACKET_PRICES = "LIVE_BRACKET_REFUSED"


def check_limits(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> tuple[Finding, ...]:
    """All findings: the seed's twelve, ours, then those of a bracket's exits and of the group."""
    policy = policy.effective(order.account, order.symbol)
    findings = tuple([check(order, policy, context) for check in LIMITS])
    if context.modifies is not None:
        findings += (modify_target(order, context.modifies, context),)
    return findings + _bracket(order, policy, context) if order.exits else findings


MODIFY_TARGET = "LIVE_MODIFY_TARGET_REFUSED"
_FIXED = ("account", "con_id", "side", "order_type")
_CHANGEABLE = ("quantity", "limit_price", "stop_price", "trailing_amount", "trailing_percent", "limit_offset")


def modify_target(result: OrderTerms, modifies: Modification, context: LimitContext) -> Finding:
    """The working order was read first: what stays fixed is the same, and so is every field that is not changed."""
    check, code, recorded, working = "modify_target", MODIFY_TARGET, modifies.recorded, modifies.working
    if working is None:
        words, action = "the working order could not be read at the broker", "wait for the broker's orders"
        return Finding(check, code, CheckStatus.UNKNOWN, words, user_action=action, source="broker")
    problems = [
        f"{name.replace('_', ' ')} differs"
        for name in _FIXED
        if not getattr(result, name) == getattr(recorded, name) == getattr(working, name)
    ]
    problems += [
        f"{name.replace('_', ' ')} is {_value(working, name)} at the broker and {_value(recorded, name)} in our record"
        for name in _CHANGEABLE
        if getattr(result, name) == getattr(recorded, name) != getattr(working, name)
    ]
    if result.quantity <= modifies.filled:
        problems.append(f"{number(modifies.filled)} are filled already")
    if problems:
        action = "look at the working order, and stage the change anew"
        return Finding(
            check, code, CheckStatus.REFUSE, "; ".join(problems), user_action=action, as_of=context.now, source="broker"
        )
    words = "the working order is at the broker as it was recorded"
    return Finding(check, code, CheckStatus.PASS, words, as_of=context.now, source="broker")


def _value(order: OrderTerms, name: str) -> str:
    value = getattr(order, name)
    return "not set" if value is None else number(value)


def _bracket(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> tuple[Finding, ...]:
    exits = [(terms.leg, order.exit_leg(terms)) for terms in order.exits]
    findings = [check(leg, policy, context)._replace(leg=name) for name, leg in exits for check in LIMITS]
    legs = [order, *(leg for _, leg in exits)]
    group = (
        bracket_prices(order, policy, context),
        room_for(len(legs), "frequency", policy, context),
        room_for(len(legs), "session_orders", policy, context),
        session_total(legs, policy, context),
    )
    return (*findings, *(finding._replace(leg=BRACKET) for finding in group))


def bracket_prices(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The take-profit lies beyond the entry, the stop-loss before it; either alone is enough to be a bracket."""
    entry = _entry_price(order, policy, context)
    unit = order.currency
    if entry is None:
        words = "the price of the entry is not known, so the exits cannot be compared with it"
        return Finding(
            "bracket_prices",
            BRACKET_PRICES,
            CheckStatus.UNKNOWN,
            words,
            unit=unit,
            user_action="wait for a quote, or give the entry a limit",
        )
    problems = [
        problem for terms in order.exits if (problem := _wrong_side(order.side, entry, terms.leg, _price(terms)))
    ]
    problems += _repeated([terms.leg for terms in order.exits])
    shown = ", ".join(f"{terms.leg} {_shown(_price(terms))}" for terms in order.exits)
    if problems:
        return Finding(
            "bracket_prices",
            BRACKET_PRICES,
            CheckStatus.REFUSE,
            "; ".join(problems),
            shown,
            f"entry {number(entry)}",
            unit,
            user_action="put the take-profit beyond the entry and the stop-loss before it",
            source="order",
        )
    words = "the exits are on their sides of the entry"
    return Finding(
        "bracket_prices", BRACKET_PRICES, CheckStatus.PASS, words, shown, f"entry {number(entry)}", unit, source="order"
    )


def _entry_price(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Decimal | None:
    """The limit, else the trigger, else the side of the book it would trade with."""
    if order.limit_price is not None or order.stop_price is not None:
        return order.limit_price if order.limit_price is not None else order.stop_price
    market = context.market
    if order.order_type is not OrderType.MARKET or market is None or market.status is QuoteStatus.UNAVAILABLE:
        price = worst_case_price(order, policy, market)
        return price.amount if price else None
    touch = market.ask if order.side is Side.BUY else market.bid
    return touch.amount if touch is not None and touch.currency == order.currency else None


def _price(terms: ExitTerms) -> Decimal | None:
    return terms.limit_price if terms.leg == "take_profit" else terms.stop_price


def _wrong_side(side: Side, entry: Decimal, leg: str, price: Decimal | None) -> str | None:
    if price is None:
        return f"the {leg} has no price"
    gain = EXACT.multiply(Decimal(side.sign), EXACT.subtract(price, entry))
    if leg == "take_profit":
        return None if gain > 0 else f"the take-profit {number(price)} gains nothing over the entry {number(entry)}"
    return None if gain < 0 else f"the stop-loss {number(price)} loses nothing against the entry {number(entry)}"


def _repeated(legs: list[str]) -> list[str]:
    return [f"there are two of {leg}" for leg in sorted(set(legs)) if legs.count(leg) > 1]


def _shown(price: Decimal | None) -> str:
    return "?" if price is None else number(price)
