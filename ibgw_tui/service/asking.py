"""Asks the broker for what the limits look at, before any transaction is opened.

Only what an armed check needs is asked for: a what-if or the list of open orders costs a round trip.
What does not answer in time stays unknown, and the check that needs it refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ibgw_tui.core.broker import Broker, BrokerSnapshot, OrderReport, WhatIf
from ibgw_tui.core.context import SessionFacts, WhatIfFacts
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import AssetClass, Currency, Money
from ibgw_tui.service.assessment import Facts, FxQuote
from ibgw_tui.service.lookahead import SNAPSHOT_SECONDS, Lookahead, Seen, in_time

WHAT_IF_SECONDS = 4.0
"""A what-if that hangs (the real one can, for ever) is treated as not answered."""


class Asking:
    """Questions to one broker, each with its own deadline."""

    def __init__(self, broker: Broker, *, rules: DeskRules, clock: Callable[[], datetime]) -> None:
        self._broker = broker
        self._rules = rules
        self._clock = clock
        self._pairs: dict[str, Contract | None] = {}
        self.ahead = Lookahead(broker, clock=clock)

    async def facts(
        self,
        order: BrokerOrder,
        *,
        what_if: WhatIf | None = None,
        submitting: bool = False,
        modifies: str | None = None,
    ) -> Facts:
        """Everything the limits of this order may look at. Raises NotConnected."""
        policy = (self._rules.policy or LimitPolicy()).effective(order.account, order.contract.symbol)
        asked_at = self._clock()
        seen, working = None, None
        if modifies:  # what is changed is read at the last moment
            snapshot = await self._snapshot()
            seen = Seen.of(snapshot) if snapshot else None
            working = _working(snapshot, modifies) if snapshot else None
        elif submitting or policy.max_position is not None or policy.refuse_self_cross:
            seen = self.ahead.young or await self._seen()
        if what_if is None and policy.min_excess_liquidity is not None:
            what_if = await self.what_if(order)
        left = excess_liquidity_after(what_if) if what_if else None
        accounts = await self._broker.managed_accounts()
        mode = (await self._broker.account(accounts[0])).mode if accounts else None
        return Facts(
            quote=await self._broker.quote(order.contract),
            session=SessionFacts(tuple(accounts) or None, mode, asked_at),
            positions=await self._broker.positions(order.account),
            positions_at=min(asked_at, seen.at) if seen else asked_at,
            open_orders=seen.open_orders if seen else None,
            what_if=WhatIfFacts(left, what_if.as_of) if what_if else None,
            fx=await self.fx(order.contract.currency, policy, what_if),
            is_unknown_to_broker=None if seen is None else order.order_ref not in seen.references,
            working=working,
        )

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        return await in_time(self._broker.what_if(order), WHAT_IF_SECONDS)

    async def _snapshot(self) -> BrokerSnapshot | None:
        """Open, completed and executed; None unless all of it came."""
        snapshot = await in_time(self._broker.snapshot(), SNAPSHOT_SECONDS)
        return snapshot if snapshot is not None and snapshot.complete else None

    async def _seen(self) -> Seen | None:
        snapshot = await self._snapshot()
        return Seen.of(snapshot) if snapshot else None

    async def fx(self, currency: Currency, policy: LimitPolicy, what_if: WhatIf | None = None) -> tuple[FxQuote, ...]:
        """Quotes that convert the order's currency, and the what-if's, into those of the limits."""
        if policy.max_fx_age_seconds is None:
            return ()
        session = policy.session_limit.max_session_notional if policy.session_limit else None
        limits = [limit for limit in (policy.max_notional, session, policy.min_excess_liquidity) if limit is not None]
        left = excess_liquidity_after(what_if) if what_if else None
        sources = {currency, left.currency} if left is not None else {currency}
        pairs = {(source, limit.currency) for source in sources for limit in limits if limit.currency != source}
        quotes = [await self._pair(base, quoted) or await self._pair(quoted, base) for base, quoted in sorted(pairs)]
        return tuple(quote for quote in quotes if quote is not None)

    async def _pair(self, base: Currency, quoted: Currency) -> FxQuote | None:
        symbol = f"{base}.{quoted}"
        if symbol not in self._pairs:
            self._pairs[symbol] = await self._resolve(symbol)
        contract = self._pairs[symbol]
        if contract is None:
            return None
        return FxQuote(base, quoted, await self._broker.quote(contract))

    async def _resolve(self, symbol: str) -> Contract | None:
        account = next(iter(self._rules.mode_rules.allowed_accounts), None)
        if account is None:
            return None
        fields = {"account": account, "symbol": symbol, "side": "buy", "quantity": "1", "order_type": "market"}
        intent = OrderIntent.model_validate({**fields, "asset_class": AssetClass.FX}, strict=False)
        try:
            return await self._broker.resolve(intent)
        except InvalidRequest:
            return None


def excess_liquidity_after(what_if: WhatIf) -> Money | None:
    """Equity with loan less maintenance margin, after the order (risk, F5). None when either is missing."""
    equity, margin = what_if.equity_with_loan_after, what_if.maintenance_margin_after
    if equity is None or margin is None or equity.currency != margin.currency:
        return None
    return equity - margin


def _working(snapshot: BrokerSnapshot, wire_ref: str) -> OrderReport | None:
    return next((report for report in snapshot.open_orders if report.order_ref == wire_ref), None)
