"""A limit policy as a person checks it: where each number comes from, what it forgets, what a change loosens.

Read models over values: nothing here looks at a store, and nothing decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, Override, SessionLimit, looser_fields

FIELDS: tuple[str, ...] = tuple(Override.model_fields)
"""Every number of a policy, in the order of its table."""

ALLOWS_NOTHING = frozenset(
    {"max_notional", "max_quantity", "allowed_symbols", "allowed_asset_classes", "frequency_limit", "session_limit"}
)
"""Without these no order passes."""
SWITCHED_OFF: dict[str, str] = {
    "max_price_deviation_bps": "price_collar",
    "max_quote_age_seconds": "quote_age",
    "max_spread_bps": "quote_reliable",
    "max_position": "max_position",
    "min_excess_liquidity": "buying_power",
    "duplicate_window_seconds": "duplicate",
    "refuse_self_cross": "self_cross",
    "market_hours": "market_hours",
    "max_drift_bps": "price_drift",
}
"""Field -> the check that is OFF while it is not set."""
_FOR_PAPER_ONLY = frozenset({"max_spread_bps"})
"""Not set, their check still runs for live orders, with less to compare."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One number of a policy and where it comes from."""

    name: str
    value: Any
    origins: tuple[str, ...]
    """Tables of the configuration; several where each contributed, 'default' where none names it."""
    means: str
    """What it does while it is not set; empty when it is."""


def settings(policy_id: str, policy: LimitPolicy, *, account: str = "", symbol: str = "") -> list[Setting]:
    """The policy as it is for one account and symbol, number by number."""
    base = f"policies.{policy_id}"
    steps: list[tuple[str, Override, LimitPolicy]] = []
    if account in policy.accounts:
        only_account = policy.replaced(symbols={}).effective(account, symbol)
        steps.append((f"{base}.accounts.{account}", policy.accounts[account], only_account))
    if symbol in policy.symbols:
        steps.append((f"{base}.symbols.{symbol}", policy.symbols[symbol], policy.effective(account, symbol)))
    found = []
    for name in FIELDS:
        value = getattr(policy, name)
        origins: tuple[str, ...] = (base if name in policy.model_fields_set else "default",)
        for where, override, effective in steps:
            after = getattr(effective, name)
            if after != value:
                origins = (where,) if after == getattr(override, name) else (*origins, where)
            value = after
        found.append(Setting(name, value, origins, _means(name, value)))
    return found


def _means(name: str, value: Any) -> str:
    if name == "enabled":
        return "" if value else "allows nothing"
    if not (value is None or value is False or value == ()):
        return ""
    if name in ALLOWS_NOTHING:
        return "allows nothing"
    if name in SWITCHED_OFF:
        return f"the check {SWITCHED_OFF[name]} is OFF" + (" for paper orders" if name in _FOR_PAPER_ONLY else "")
    return "never converts" if name == "max_fx_age_seconds" else ""


class RemarkKind(StrEnum):
    ALLOWS_NOTHING = "allows nothing"
    OFF = "off"
    NO_EFFECT = "no effect"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something well-formed that a person should look at."""

    kind: RemarkKind
    field: str
    """Dotted, below the policy's table."""
    text: str


def remarks(policy: LimitPolicy) -> list[Remark]:
    """What allows nothing, which checks are OFF, which overrides change nothing."""
    found = list(_nothing(policy, ""))
    for name in SWITCHED_OFF:
        means = _means(name, getattr(policy, name))
        if means:
            found.append(Remark(RemarkKind.OFF, name, f"is not set: {means}"))
    for table, overrides in (("accounts", policy.accounts), ("symbols", policy.symbols)):
        for name, override in overrides.items():
            found += _of_override(policy, table, name, override)
    return found


def _nothing(policy: LimitPolicy, prefix: str) -> Iterator[Remark]:
    """Why no order can pass, whatever it is."""
    for name in ("enabled", *sorted(ALLOWS_NOTHING)):
        if _means(name, getattr(policy, name)):
            words = "is false" if name == "enabled" else "is not set" if getattr(policy, name) is None else "is empty"
            yield Remark(RemarkKind.ALLOWS_NOTHING, prefix + name, f"{words}: allows nothing")
    session, cap = policy.session_limit, policy.session_limit.max_session_notional if policy.session_limit else None
    zeros = {
        "max_quantity": policy.max_quantity,
        "max_notional": policy.max_notional.amount if policy.max_notional else None,
        "frequency_limit.max_orders": policy.frequency_limit.max_orders if policy.frequency_limit else None,
        "session_limit.max_orders_per_session": session.max_orders_per_session if session else None,
        "session_limit.max_session_notional": cap.amount if cap else None,
    }
    for name, value in zeros.items():
        if value == 0:
            yield Remark(RemarkKind.ALLOWS_NOTHING, prefix + name, "is 0: allows nothing")
    if session is not None and cap is None:
        name = "session_limit.max_session_notional"
        yield Remark(RemarkKind.ALLOWS_NOTHING, prefix + name, "is not set: allows nothing")
    elif policy.max_notional and cap and policy.max_notional.currency != cap.currency and not policy.max_fx_age_seconds:
        words = f"is in {cap.currency} and max_notional in {policy.max_notional.currency}; without "
        words += "max_fx_age_seconds no order can be compared with both: allows nothing"
        yield Remark(RemarkKind.ALLOWS_NOTHING, f"{prefix}session_limit.max_session_notional", words)


def _of_override(policy: LimitPolicy, table: str, name: str, override: Override) -> Iterator[Remark]:
    where = f"{table}.{name}"
    if table == "symbols" and name not in policy.allowed_symbols:
        yield Remark(RemarkKind.NO_EFFECT, where, f"{name} is not in allowed_symbols: it is refused anyhow")
    effective = policy.effective(name, "") if table == "accounts" else policy.effective("", name)
    for field in FIELDS:
        given = getattr(override, field)
        if given is not None and getattr(effective, field) == getattr(policy, field):
            words = f"{shown(given)} is not tighter than the policy's {shown(getattr(policy, field))}"
            yield Remark(RemarkKind.NO_EFFECT, f"{where}.{field}", words)
    known = {remark.field for remark in _nothing(policy, "")}
    for remark in _nothing(effective, ""):
        if remark.field not in known:
            yield Remark(remark.kind, f"{where}.{remark.field}", remark.text)


class Direction(StrEnum):
    TIGHTER = "tighter"
    LOOSER = "looser"
    BOTH = "looser and tighter"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One field in which two policies differ."""

    where: str
    """Empty for the policy itself, else the account or symbol it is different for."""
    name: str
    before: Any
    after: Any
    direction: Direction

    @property
    def loosens(self) -> bool:
        return self.direction in (Direction.LOOSER, Direction.BOTH)


def compare(old: LimitPolicy, new: LimitPolicy) -> list[Change]:
    """Every difference that counts: of the policy, then of accounts and symbols where it is another one.

    Effective policies are compared, because a tighter override may undo what the policy loosened. Pairs
    of account and symbol need no look of their own: the tightest wins, and both were looked at.
    """
    base, found = _changed("", old, new), []
    for account in sorted({*old.accounts, *new.accounts}):
        found += _changed(f"accounts.{account}", old.effective(account, ""), new.effective(account, ""))
    for symbol in sorted({*old.symbols, *new.symbols}):
        found += _changed(f"symbols.{symbol}", old.effective("", symbol), new.effective("", symbol))
    same = [(change.name, change.before, change.after) for change in base]
    return base + [change for change in found if (change.name, change.before, change.after) not in same]


def _changed(where: str, old: LimitPolicy, new: LimitPolicy) -> list[Change]:
    looser, tighter = looser_fields(old, new), looser_fields(new, old)
    changes = []
    for name in FIELDS:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        direction = (
            (Direction.BOTH if name in tighter else Direction.LOOSER)
            if name in looser
            else (Direction.TIGHTER if name in tighter else Direction.CHANGED)
        )
        changes.append(Change(where, name, before, after, direction))
    return changes


def shown(value: Any) -> str:
    """A number of a policy in words."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, FrequencyLimit):
        return f"{value.max_orders} orders in {value.window_seconds} s"
    if isinstance(value, SessionLimit):
        return f"{value.max_orders_per_session} orders, {shown(value.max_session_notional)}"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
