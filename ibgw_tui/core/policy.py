"""The numbers a human allows. An absent limit allows nothing."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from ibgw_tui.core.orders import digest_of
from ibgw_tui.core.terms import Amount, AssetClass, Frozen, Money, Symbol


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise ValueError("must not be negative")
    return value


MoneyLimit = Annotated[Money, AfterValidator(_not_negative)]


class FrequencyLimit(Frozen):
    max_orders: Annotated[int, Field(ge=0)]
    window_seconds: Annotated[int, Field(gt=0)]


class SessionLimit(Frozen):
    max_orders_per_session: Annotated[int, Field(ge=0)]
    max_session_notional: MoneyLimit | None = None


class LimitPolicy(Frozen):
    """One table `[policies.<id>]` of the configuration.

    The fields without which a check cannot be made (quantity, notional, frequency, session) refuse
    when they are absent. The price collar and the quote age are OFF, visibly, when they are not set.
    """

    enabled: bool = False
    max_notional: MoneyLimit | None = None
    """Largest value of one order: quantity x multiplier x worst-case price."""
    max_quantity: Annotated[Amount, Field(ge=0)] | None = None
    """Largest quantity of one order: shares, contracts, or units of an FX pair's base currency."""
    allowed_symbols: tuple[Symbol, ...] = ()
    allowed_asset_classes: tuple[AssetClass, ...] = ()
    frequency_limit: FrequencyLimit | None = None
    session_limit: SessionLimit | None = None
    max_price_deviation_bps: Annotated[int, Field(ge=0)] | None = None
    """Price collar around the reference price, in basis points."""
    max_quote_age_seconds: Annotated[int, Field(ge=0)] | None = None
    market_order_haircut_bps: Annotated[int, Field(ge=0)] = 200
    """Added to the worst-case price of orders without a limit price (200 = 2 %)."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of every number in it; approvals and audit entries carry it."""
        return digest_of("policy", self.model_dump(mode="json"))
