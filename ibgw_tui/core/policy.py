"""The numbers a human allows. An absent limit allows nothing; of several, the tightest wins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from ibgw_tui.core.orders import digest_of
from ibgw_tui.core.terms import AccountId, Amount, AssetClass, Frozen, HoursKind, ListedSymbol, Money, Symbol


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise ValueError("must not be negative")
    return value


MoneyLimit = Annotated[Money, AfterValidator(_not_negative)]
Count = Annotated[int, Field(ge=0)]
Span = Annotated[int, Field(gt=0)]
Quantity = Annotated[Amount, Field(ge=0)]


class FrequencyLimit(Frozen):
    max_orders: Count
    window_seconds: Span


class SessionLimit(Frozen):
    max_orders_per_session: Count
    max_session_notional: MoneyLimit | None = None


class Override(Frozen):
    """What is tighter for one account or one symbol. Only what is named changes, and only downward."""

    enabled: bool | None = None
    max_notional: MoneyLimit | None = None
    max_quantity: Quantity | None = None
    allowed_symbols: tuple[ListedSymbol, ...] | None = None
    allowed_asset_classes: tuple[AssetClass, ...] | None = None
    frequency_limit: FrequencyLimit | None = None
    session_limit: SessionLimit | None = None
    max_price_deviation_bps: Count | None = None
    max_quote_age_seconds: Count | None = None
    market_order_haircut_bps: Count | None = None
    max_fx_age_seconds: Count | None = None
    max_spread_bps: Count | None = None
    max_position: Quantity | None = None
    min_excess_liquidity: MoneyLimit | None = None
    duplicate_window_seconds: Span | None = None
    refuse_self_cross: bool | None = None
    market_hours: HoursKind | None = None
    max_drift_bps: Count | None = None


class LimitPolicy(Frozen):
    """One table `[policies.<id>]` of the configuration.

    The fields without which a check cannot be made (quantity, notional, frequency, session) refuse
    when they are absent. Every other check is OFF, visibly, while its field is not set.
    """

    enabled: bool = False
    """Off, the policy allows nothing."""
    max_notional: MoneyLimit | None = None
    """Largest value of one order: quantity x multiplier x worst-case price."""
    max_quantity: Quantity | None = None
    """Largest quantity of one order: shares, contracts, or units of an FX pair's base currency."""
    allowed_symbols: tuple[ListedSymbol, ...] = ()
    """Symbols, letter for letter."""
    allowed_asset_classes: tuple[AssetClass, ...] = ()
    """stock, etf, option, future, fx."""
    frequency_limit: FrequencyLimit | None = None
    """Most orders of an account in a moving window: max_orders, window_seconds."""
    session_limit: SessionLimit | None = None
    """Most orders, and most value, of an account in a session: max_orders_per_session, max_session_notional."""
    max_price_deviation_bps: Count | None = None
    """Price collar around the reference price, in basis points."""
    max_quote_age_seconds: Count | None = None
    """Oldest quote an order may be compared with."""
    market_order_haircut_bps: Count = 200
    """Added to the worst-case price of orders without a limit price (200 = 2 %)."""

    max_fx_age_seconds: Count | None = None
    """Oldest FX rate that may convert an amount into its limit's currency; not set: never convert."""
    max_spread_bps: Count | None = None
    """Widest spread of a usable quote, in basis points of its middle."""
    max_position: Quantity | None = None
    """Largest long or short position if everything of one side fills, in units of the contract."""
    min_excess_liquidity: MoneyLimit | None = None
    """What the broker's what-if must leave after the order."""
    duplicate_window_seconds: Span | None = None
    """An equal order pending, approved, working or filled this lately is a duplicate."""
    refuse_self_cross: bool = False
    """Refuse what could trade with an own working order."""
    market_hours: HoursKind | None = None
    """When orders may go out: in liquid hours, in trading hours, or at any time."""
    max_drift_bps: Count | None = None
    """How far the market may move against the order between approval and submit, in basis points."""

    accounts: Mapping[AccountId, Override] = Field(default_factory=dict)
    """Tighter numbers for an account."""
    symbols: Mapping[Symbol, Override] = Field(default_factory=dict)
    """Tighter numbers for a symbol."""

    @model_validator(mode="after")
    def _one_currency_per_limit(self) -> Self:
        for table, overrides in (("accounts", self.accounts), ("symbols", self.symbols)):
            for name, override in overrides.items():
                for field, ours, theirs in _monies(self, override):
                    if ours.currency != theirs.currency:
                        raise ValueError(
                            f"{table}.{name}.{field}: is in {theirs.currency}, the policy's own in {ours.currency};"
                            f" give it in {ours.currency}"
                        )
        return self

    @model_validator(mode="after")
    def _one_currency_of_what_is_left(self) -> Self:
        """An override may arm it where the policy does not; two that meet must be comparable."""
        overrides = (*self.accounts.values(), *self.symbols.values())
        currencies = sorted({o.min_excess_liquidity.currency for o in overrides if o.min_excess_liquidity is not None})
        if len(currencies) > 1:
            raise ValueError(
                f"min_excess_liquidity: overrides give it in {', '.join(currencies)}; give it in one currency"
            )
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of every number in it; approvals and audit entries carry it."""
        return digest_of("policy", self.model_dump(mode="json"))

    @cached_property
    def symbols_shown(self) -> str:
        """For findings, which are made every second."""
        return ", ".join(self.allowed_symbols) or "none"

    @cached_property
    def classes_shown(self) -> str:
        return ", ".join(kind.value for kind in self.allowed_asset_classes) or "none"

    @cached_property
    def _made(self) -> dict[tuple[str | None, str | None], LimitPolicy]:
        """Effective policies by what names them. No private attribute: two policies are equal whatever was asked."""
        return {}

    def effective(self, account: str, symbol: str) -> LimitPolicy:
        """The policy for one account and symbol, with every override that names them applied."""
        if not self.accounts and not self.symbols:
            return self
        key = (account if account in self.accounts else None, symbol if symbol in self.symbols else None)
        known = self._made.get(key)
        if known is None:
            known = self
            for override in (self.accounts.get(account), self.symbols.get(symbol)):
                if override is not None:
                    known = _tightened(known, override)
            self._made[key] = known
        return known


def _monies(policy: LimitPolicy, override: Override) -> list[tuple[str, Money, Money]]:
    """Name and both values of every amount of money that both set."""
    session, tighter = policy.session_limit, override.session_limit
    pairs = [
        ("max_notional", policy.max_notional, override.max_notional),
        ("min_excess_liquidity", policy.min_excess_liquidity, override.min_excess_liquidity),
        (
            "session_limit.max_session_notional",
            session.max_session_notional if session else None,
            tighter.max_session_notional if tighter else None,
        ),
    ]
    return [(name, ours, theirs) for name, ours, theirs in pairs if ours is not None and theirs is not None]


_STRICTEST = (HoursKind.LIQUID, HoursKind.TRADING, HoursKind.ANY)
_ABSENT_IS_TIGHTEST = frozenset(
    {"max_notional", "max_quantity", "frequency_limit", "session_limit", "max_fx_age_seconds"}
)
_LARGER_IS_TIGHTER = frozenset({"min_excess_liquidity", "market_order_haircut_bps", "duplicate_window_seconds"})


def _tightened(policy: LimitPolicy, override: Override) -> LimitPolicy:
    changes = {
        name: _tighter(name, getattr(policy, name), value)
        for name in Override.model_fields
        if (value := getattr(override, name)) is not None
    }
    return policy.replaced(**changes)


def _tighter(name: str, ours: Any, theirs: Any) -> Any:
    """The tighter of two values of one field."""
    if name == "enabled":
        return ours and theirs
    if name == "refuse_self_cross":
        return ours or theirs
    if name in ("allowed_symbols", "allowed_asset_classes"):
        return tuple(item for item in ours if item in theirs)
    if ours is None:
        # An absent limit allows nothing, and nothing is tighter than that; a check that is off is armed.
        return None if name in _ABSENT_IS_TIGHTEST else theirs
    if name == "market_hours":
        return min(ours, theirs, key=_STRICTEST.index)
    if name == "frequency_limit":
        # Few orders in a long window keep both promises, whichever windows they were given for.
        return FrequencyLimit(
            max_orders=min(ours.max_orders, theirs.max_orders),
            window_seconds=max(ours.window_seconds, theirs.window_seconds),
        )
    if name == "session_limit":
        caps = (ours.max_session_notional, theirs.max_session_notional)
        return SessionLimit(
            max_orders_per_session=min(ours.max_orders_per_session, theirs.max_orders_per_session),
            max_session_notional=None if caps[0] is None else caps[0] if caps[1] is None else min(caps[0], caps[1]),
        )
    return max(ours, theirs) if name in _LARGER_IS_TIGHTER else min(ours, theirs)


def looser_fields(old: LimitPolicy, new: LimitPolicy) -> tuple[str, ...]:
    """Names of the fields in which `new` allows more than `old`, overrides aside."""
    loosened = []
    for name in Override.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if before is None and name in _ABSENT_IS_TIGHTEST:
            loosened.append(name)
        elif after is None:
            if name not in _ABSENT_IS_TIGHTEST:
                loosened.append(name)
        elif before is not None and _loosens(name, before, after):
            loosened.append(name)
    return tuple(loosened)


def _loosens(name: str, before: Any, after: Any) -> bool:
    if isinstance(before, Money) and before.currency != after.currency:
        return True  # not comparable, so said
    if name in ("allowed_symbols", "allowed_asset_classes"):
        return bool(set(after) - set(before))
    if name == "session_limit":
        grown = after.max_orders_per_session > before.max_orders_per_session
        old, new = before.max_session_notional, after.max_session_notional
        if old is None or new is None:
            return bool(grown or new is not None)  # no cap allows nothing
        return bool(grown or new.currency != old.currency or new > old)
    if name == "frequency_limit":
        return bool(after.max_orders > before.max_orders or after.window_seconds < before.window_seconds)
    return bool(_tighter(name, before, after) != after)
