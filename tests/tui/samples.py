"""Tickets as the desk would show them, judged by the real gates and limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import Position
from ibgw_tui.core.context import Operation, OrderTerms, PreviewFacts, SessionFacts
from ibgw_tui.core.gates import evaluate
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Estimate, Preview, order_sentence
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.terms import CheckStatus, Mode, OrderType
from ibgw_tui.service.views import Shown, Ticket
from tests import makers

NASTY = (
    "\x1b[2J\x1b[1;1HAPPROVED \x1b]52;c;ZXZpbA==\x07 [@click=app.quit]ok[/] [/red] \u202e0009\u200b\x9b31m\x1b7\x1b8"
)
"""What a hostile rationale tries: escapes, a clipboard write, markup, bidi and zero-width characters."""


def a_ticket(
    *, mode: Mode = Mode.PAPER, policy: dict[str, Any] | None = None, switch: SwitchState | None = None, **intent: Any
) -> Ticket:
    """A pending order on display; keywords change the intent."""
    account = "U1234567" if mode is Mode.LIVE else "DU1234567"
    order = makers.an_intent(**{"account": account, **intent})
    contract = makers.a_contract(primary_exchange="NASDAQ", description="APPLE INC")
    rules = makers.a_policy(**(policy or {}))
    switch = switch or makers.a_switch()
    limit = order.limit_price or Decimal("103.02")
    sign = order.side.sign
    preview = Preview(
        preview_id="01935a6e-7c1b-7f3e-9a51-6d2c0b9e4f17",
        order_ref="o-7k3m9q2x4d",
        mode=mode,
        staged_by="momentum-1",
        intent=order,
        contract=contract,
        estimate=Estimate(
            notional=makers.usd(f"{limit * order.quantity:f}"),
            worst_case_price=limit,
            position_before=Decimal(0),
            position_after=sign * order.quantity,
            commission_max=makers.usd("1.05"),
            initial_margin_change=makers.usd("250.5"),
        ),
        policy_id="configured-policy",
        policy_digest=rules.digest,
        created_at=makers.NOON,
        expires_at=makers.NOON + timedelta(minutes=15),
    )
    decision = evaluate(
        OrderTerms.of(order, contract),
        rules,
        makers.limit_context(),
        makers.gate_context(
            operation=Operation.REVIEW,
            mode=mode,
            allowed_accounts=(account,),
            session=SessionFacts((account,), mode, makers.NOON),
            scopes=frozenset({"orders:live:submit", "orders:paper:submit"}),
            preview=PreviewFacts(preview.preview_id, preview.digest, rules.digest, preview.expires_at),
            approval=None,
            idempotency_key=None,
            policy_digest=rules.digest,
            switch=switch,
        ),
    )
    record = OrderRecord(
        seq=1,
        order_ref=preview.order_ref,
        revision=1,
        revises=None,
        status=Status.PENDING,
        staged_by="momentum-1",
        intent=order,
        staged_at=makers.NOON,
        updated_at=makers.NOON,
        preview=preview,
        decision=decision,
        approval=None,
        submit_asked=False,
        filled=Decimal(0),
        average_price=None,
        commission=None,
        perm_id=None,
        reason_code=None,
        reason="",
        cancel_asked_by=None,
        cancel_sent_at=None,
    )
    return Ticket(
        record=record,
        now=makers.NOON,
        sentence=order_sentence(order, "USD"),
        quote=makers.a_quote(),
        quote_age_seconds=Decimal("0.8"),
        position=Position(account=account, con_id=contract.con_id, symbol="AAPL", quantity=Decimal(0)),
        position_after=sign * order.quantity,
        bars=(),
        decision=decision,
        gates=decision.gates,
        limits=decision.limits,
        executions=(),
        shown=Shown(preview.order_ref, preview.preview_id, preview.digest, rules.digest, switch.epoch),
        approvable=decision.allowed,
        why_not="" if decision.allowed else f"{decision.message} ({decision.user_action})",
        release_in_seconds=None,
    )


def a_market_order(**intent: Any) -> Ticket:
    return a_ticket(order_type=OrderType.MARKET.value, limit_price=None, **intent)


def warned(ticket: Ticket, check: str, message: str) -> Ticket:
    """The ticket with one limit to mind."""
    limits = tuple(
        f._replace(status=CheckStatus.WARN, message=message) if f.check == check else f for f in ticket.limits
    )
    return replace(ticket, limits=limits)
