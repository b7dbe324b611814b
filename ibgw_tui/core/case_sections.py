"""The sections of a decision case, as they are written in JSON: strict in shape, patient with numbers.

An unknown key is an error. A number that stands for 'unknown' at a broker (NaN, an unset double, empty
text; zero and below where a price must be positive) is unknown here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from ibgw_tui.core.context import (
    ApprovalFacts,
    AuditFacts,
    Checklist,
    Counters,
    ExitTerms,
    FxRate,
    GateContext,
    Hours,
    KeyFacts,
    LimitContext,
    Market,
    Modification,
    Operation,
    OrderTerms,
    OwnOrder,
    PositionFacts,
    PreviewFacts,
    Price,
    SessionFacts,
    Steps,
    WhatIfFacts,
)
from ibgw_tui.core.orders import PRICE_FIELDS, ApprovalStatus, PriceStep, Session
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import (
    EXACT,
    AssetClass,
    KillSwitch,
    Mode,
    Moment,
    Money,
    OrderType,
    QuoteStatus,
    Side,
    TimeInForce,
    canonical,
)

LARGEST = Decimal(10) ** 15
"""Numbers beyond this are not prices: the broker writes its unset double (1.797e308) for 'unknown'."""
_SMALLEST_STEP = Decimal("1E-18")
"""With at most 15 digits before and 18 after the point no product of a decision is ever rounded."""


def _number(value: object) -> Decimal | None:
    """An exact number, or None for everything that stands for 'unknown'. Raises ValueError on what is neither."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"must be a number in text such as '12.5', not {type(value).__name__}")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{str(value)[:40]!r} is not a number such as '12.5'") from error
    if not number.is_finite() or number.copy_abs() >= LARGEST:
        return None
    plain = number.quantize(_SMALLEST_STEP, context=EXACT)
    if plain != number:
        raise ValueError(f"{str(value)[:40]!r} has more than 18 digits after the decimal point; round it first")
    return canonical(plain)


def _needed(value: object) -> Decimal:
    number = _number(value)
    if number is None or number <= 0:
        raise ValueError("must be a number greater than zero")
    return number


Number = Annotated[Decimal | None, BeforeValidator(_number)]
Needed = Annotated[Decimal, BeforeValidator(_needed)]
Yes = Annotated[bool, Strict()]
Count = Annotated[int, Strict()]
Word = Annotated[str, Strict(), Field(max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Amount(_Section):
    amount: Number
    currency: Word


def _money(value: _Amount | None) -> Money | None:
    """Exact money; None when the amount is unknown. Wider than Money's own fields, for a broker's figures."""
    if value is None or value.amount is None:
        return None
    return Money.model_construct(amount=value.amount, currency=value.currency)


class _Exits(_Section):
    class _TakeProfit(_Section):
        limit_price: Number = None

    class _StopLoss(_Section):
        stop_price: Number = None
        limit_price: Number = None

    take_profit: _TakeProfit | None = None
    stop_loss: _StopLoss | None = None

    def terms(self) -> tuple[ExitTerms, ...]:
        legs = []
        if self.take_profit is not None:
            legs.append(ExitTerms("take_profit", OrderType.LIMIT, self.take_profit.limit_price))
        if self.stop_loss is not None:
            limit = self.stop_loss.limit_price
            kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
            legs.append(ExitTerms("stop_loss", kind, limit, self.stop_loss.stop_price))
        return tuple(legs)


class _Order(_Section):
    account: Word
    con_id: Count
    symbol: Word
    asset_class: AssetClass
    currency: Word
    multiplier: Needed
    side: Side
    quantity: Needed
    order_type: OrderType
    limit_price: Number = None
    stop_price: Number = None
    trailing_amount: Number = None
    trailing_percent: Number = None
    limit_offset: Number = None
    time_in_force: TimeInForce = TimeInForce.DAY
    good_till: Moment | None = None
    outside_hours: Yes = False
    bracket: _Exits | None = None

    def terms(self) -> OrderTerms:
        kept = PRICE_FIELDS[self.order_type]

        def price(name: str) -> Decimal | None:
            """A price that orders of this type do not have binds nobody, so it says nothing."""
            return getattr(self, name) if name in kept else None

        exits = self.bracket.terms() if self.bracket else ()
        return OrderTerms(
            self.account,
            self.con_id,
            self.symbol,
            self.asset_class,
            self.currency,
            self.multiplier,
            self.side,
            self.quantity,
            self.order_type,
            self._price(price("limit_price")),
            self._price(price("stop_price")),
            _positive(price("trailing_amount")),
            _positive(price("trailing_percent")),
            price("limit_offset"),
            tuple([self._exit(leg) for leg in exits]),
        )

    def _exit(self, leg: ExitTerms) -> ExitTerms:
        return ExitTerms(leg.leg, leg.order_type, self._price(leg.limit_price), self._price(leg.stop_price))

    def _price(self, value: Decimal | None) -> Decimal | None:
        return _priced(value, self.asset_class)


def _priced(value: Decimal | None, asset_class: AssetClass) -> Decimal | None:
    """Only a future may be priced at or below zero; for anything else that means 'unknown'."""
    return value if asset_class is AssetClass.FUTURE else _positive(value)


def _positive(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value > 0 else None


class _Quoted(_Section):
    amount: Number
    currency: Word | None = None
    """None is the currency of the whole quote."""


def _as_quoted(value: object) -> object:
    return value if value is None or isinstance(value, Mapping) else {"amount": value}


_Side = Annotated[_Quoted | None, BeforeValidator(_as_quoted)]
"""A bare number, or an object where its currency differs."""


class _Market(_Section):
    bid: _Side = None
    ask: _Side = None
    last: _Side = None
    currency: Word
    status: QuoteStatus
    age_seconds: Number = None
    as_of: Moment | None = None
    source: Word | None = None

    def facts(self, asset_class: AssetClass) -> Market:
        age = self.age_seconds
        return Market(
            self.currency,
            self.status,
            age if age is not None and age >= 0 else None,
            self._side(self.bid, asset_class),
            self._side(self.ask, asset_class),
            self._side(self.last, asset_class),
            self.as_of,
            self.source,
        )

    def _side(self, value: _Quoted | None, asset_class: AssetClass) -> Price | None:
        if value is None:
            return None
        amount = _priced(value.amount, asset_class)
        return None if amount is None else Price(amount, value.currency or self.currency)


def _as_totals(value: object) -> object:
    return (value,) if isinstance(value, Mapping) else value


class _Counters(_Section):
    submitted_in_window: Annotated[Count, Field(ge=0)] | None = None
    submitted_in_session: Annotated[Count, Field(ge=0)] | None = None
    session_notional: Annotated[tuple[_Amount, ...] | None, BeforeValidator(_as_totals)] = None
    """One amount, or one of each currency."""

    def facts(self) -> Counters:
        given = self.session_notional or ()
        known = tuple([total for part in given if (total := _money(part)) is not None])
        is_known = self.session_notional is not None and len(known) == len(given)
        return Counters(self.submitted_in_window, self.submitted_in_session, known if is_known else None)


class _Position(_Section):
    filled: Number = None
    working_buys: Number = None
    working_sells: Number = None
    reserved_buys: Number = None
    reserved_sells: Number = None
    in_doubt_buys: Number = None
    in_doubt_sells: Number = None
    as_of: Moment | None = None

    def facts(self) -> PositionFacts:
        return PositionFacts(**{name: getattr(self, name) for name in type(self).model_fields})


class _WhatIf(_Section):
    excess_liquidity_after: _Amount | None = None
    as_of: Moment | None = None


class _Hours(_Section):
    liquid: tuple[tuple[Moment, Moment], ...]
    trading: tuple[tuple[Moment, Moment], ...]

    def facts(self) -> Hours:
        return Hours(
            tuple(Session(opens=a, closes=b) for a, b in self.liquid),
            tuple(Session(opens=a, closes=b) for a, b in self.trading),
        )


class _Rate(_Section):
    base: Word
    quote: Word
    rate: Number = None
    age_seconds: Number = None


class _OwnOrder(_Section):
    account: Word
    con_id: Count
    side: Side
    quantity: Needed
    order_type: OrderType
    limit_price: Number = None
    stop_price: Number = None
    trailing_amount: Number = None
    trailing_percent: Number = None
    limit_offset: Number = None
    age_seconds: Number = None
    order_ref: Word = ""

    def facts(self) -> OwnOrder:
        return OwnOrder(**{name: getattr(self, name) for name in type(self).model_fields})


class _Step(_Section):
    from_price: Number = None
    increment: Needed


class _Contract(_Section):
    price_steps: tuple[_Step, ...] = ()
    size_increment: Number = None

    def facts(self) -> Steps:
        steps = [
            PriceStep.model_construct(from_price=step.from_price or Decimal(0), increment=step.increment)
            for step in self.price_steps
        ]
        return Steps(tuple(sorted(steps, key=lambda step: step.from_price)), _positive(self.size_increment))


class _Modifies(_Section):
    recorded: _Order
    working: _Order | None = None
    filled: Number = None

    def facts(self) -> Modification:
        working = self.working.terms() if self.working else None
        # An unknown number of fills is as bad as an order that could not be read.
        return Modification(
            self.recorded.terms(), working if self.filled is not None else None, self.filled or Decimal(0)
        )


class _Preview(_Section):
    preview_id: Word
    digest: Word
    expires_at: Moment | None = None
    policy_digest: Word | None = None
    replaced_by: Word | None = None
    staged_by: Word | None = None
    created_at: Moment | None = None


class _Approval(_Section):
    approval_id: Word
    preview_id: Word
    digest: Word
    account: Word
    status: ApprovalStatus
    operator: Word
    expires_at: Moment | None = None
    approved_at: Moment | None = None
    policy_digest: Word | None = None
    switch_epoch: Count | None = None


class _Enabled(_Section):
    enabled: Yes | None = None
    invocation_enabled: Yes | None = None
    allowed_accounts: tuple[Word, ...] | None = None


class _Session(_Section):
    managed_accounts: tuple[Word, ...] | None = None
    mode: Mode | None = None
    as_of: Moment | None = None


class _Switch(_Section):
    """What else is known of the kill switch; its state is the key `kill_switch`."""

    epoch: Count = 0
    changed_by: str = ""
    reason: str = ""
    changed_at: Moment | None = None
    source: str = "case"


class _Audit(_Section):
    seq: Count = 0
    verified_seq: Count | None = None
    verified_at: Moment | None = None
    problem: str = ""


class _Key(_Section):
    is_fresh: Yes | None = None
    is_unknown_to_broker: Yes | None = None


class _Checklist(_Section):
    paper_trading_validated: Yes = False
    approvals_reviewed: Yes = False
    limits_reviewed: Yes = False
    kill_switch_tested: Yes = False
    incident_runbook_reviewed: Yes = False
    acknowledged_by: str | None = None
    acknowledged_at: Moment | None = None
    evidence: dict[str, str] = Field(default_factory=dict)

    def facts(self) -> Checklist:
        return Checklist.model_construct(**{name: getattr(self, name) for name in type(self).model_fields})


class CaseSections(_Section):
    case: Word = ""
    now: Moment
    operation: Operation
    mode: Mode
    order: _Order
    preview: _Preview | None = None
    approval: _Approval | None = None
    idempotency_key: str | None = None
    risk_policy_id: str | None = None
    policies: Mapping[str, Any] = Field(default_factory=dict)
    live: _Enabled | None = None
    paper: _Enabled | None = None
    scopes: tuple[Word, ...] | None = None
    kill_switch: str | None = None
    audit_available: Yes | None = None
    checklist: _Checklist | None = None
    market: _Market | None = None
    counters: _Counters | None = None
    position: _Position | None = None
    working_orders: tuple[_OwnOrder, ...] | None = None
    recent_orders: tuple[_OwnOrder, ...] | None = None
    what_if: _WhatIf | None = None
    hours: _Hours | None = None
    fx: tuple[_Rate, ...] = ()
    approved_market: _Market | None = None
    contract: _Contract | None = None
    modifies: _Modifies | None = None
    # Recorded with the desk's own decisions; a hand-written case leaves them out.
    session: _Session | None = None
    switch: _Switch | None = None
    audit: _Audit | None = None
    key: _Key | None = None
    policy_digest: str | None = None
    configured_at: Moment | None = None

    def limits(self) -> LimitContext:
        kind = self.order.asset_class
        what_if = self.what_if
        return LimitContext(
            now=self.now,
            market=self.market.facts(kind) if self.market else None,
            counters=self.counters.facts() if self.counters else None,
            mode=self.mode,
            steps=self.contract.facts() if self.contract else None,
            position=self.position.facts() if self.position else None,
            what_if=WhatIfFacts(_money(what_if.excess_liquidity_after), what_if.as_of) if what_if else None,
            hours=self.hours.facts() if self.hours else None,
            fx=tuple(FxRate(r.base, r.quote, _positive(r.rate), r.age_seconds) for r in self.fx),
            working_orders=_own(self.working_orders),
            recent_orders=_own(self.recent_orders),
            approved_market=self.approved_market.facts(kind) if self.approved_market else None,
            was_approved=self.operation is not Operation.REVIEW,
            modifies=self.modifies.facts() if self.modifies else None,
        )

    def gates(self) -> GateContext:
        # In paper mode a case may name its own section; without one the switches of `live` are meant.
        enabled = (self.paper or self.live if self.mode is Mode.PAPER else self.live) or _Enabled()
        preview, approval, session, key = self.preview, self.approval, self.session, self.key
        return GateContext(
            now=self.now,
            operation=self.operation,
            mode=self.mode,
            enabled=enabled.enabled,
            invocation_enabled=enabled.invocation_enabled,
            allowed_accounts=enabled.allowed_accounts,
            scopes=None if self.scopes is None else frozenset(self.scopes),
            preview=PreviewFacts(**_fields(preview)) if preview else None,
            approval=ApprovalFacts(**_fields(approval)) if approval else None,
            idempotency_key=self.idempotency_key,
            risk_policy_id=self.risk_policy_id,
            switch=self._switch(),
            audit=self._audit(),
            checklist=self.checklist.facts() if self.checklist else None,
            key=KeyFacts(key.is_fresh, key.is_unknown_to_broker) if key else None,
            policy_digest=self.policy_digest,
            session=SessionFacts(session.managed_accounts, session.mode, session.as_of) if session else None,
            asks_session=session is not None,
            configured_at=self.configured_at,
        )

    def _switch(self) -> SwitchState | None:
        """Missing, unreadable or unknown is no state at all, and that counts as closed."""
        if self.kill_switch not in (KillSwitch.OPEN.value, KillSwitch.CLOSED.value):
            return None
        told = self.switch or _Switch()
        state = KillSwitch(self.kill_switch)
        return SwitchState(state, told.epoch, told.changed_by, told.reason, told.changed_at, told.source)

    def _audit(self) -> AuditFacts | None:
        if self.audit_available is None:
            return None
        told = self.audit or _Audit()
        return AuditFacts(self.audit_available, told.seq, told.verified_seq, told.problem, told.verified_at)


def _own(orders: tuple[_OwnOrder, ...] | None) -> tuple[OwnOrder, ...] | None:
    return None if orders is None else tuple(order.facts() for order in orders)


def _fields(section: BaseModel) -> dict[str, Any]:
    return {name: getattr(section, name) for name in type(section).model_fields}
