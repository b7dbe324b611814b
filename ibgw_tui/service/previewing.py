"""From what an agent asked for to what the operator sees: resolve, measure, decide, freeze."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from ibgw_tui.core.broker import Broker, WhatIf
from ibgw_tui.core.context import Market, OrderTerms
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.gates import refuses_for_good
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.orders import BrokerOrder, Contract, Estimate, Preview
from ibgw_tui.core.prices import notional_of, worst_case_price
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import Money, amount, canonical
from ibgw_tui.core.text import one_line
from ibgw_tui.service.asking import Asking, excess_liquidity_after
from ibgw_tui.service.assessment import Facts, case_of, read_checklist
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread

_MICRO = Decimal("0.000001")


_WANTED = frozenset({Status.STAGED, Status.STALE})


class Previewer:
    """Turns staged orders into previews, or refuses them with all findings."""

    def __init__(
        self,
        store: StoreThread,
        broker: Broker,
        *,
        asking: Asking,
        rules: DeskRules,
        health: AuditHealth,
        make_id: Callable[[], str],
        principal: str,
    ) -> None:
        self._store = store
        self._broker = broker
        self._asking = asking
        self._rules = rules
        self._health = health
        self._make_id = make_id
        self._principal = principal

    async def preview(self, record: OrderRecord, lease_token: int) -> None:
        """Preview one staged order. Raises BrokerError: it stays staged and is tried again."""
        modifies = record.intent.modifies
        try:
            contract = await self._contract(record)
        except InvalidRequest as error:
            await self._store.run(self._refuse, record.order_ref, error, lease_token)
            return
        order = BrokerOrder.proposed(record.order_ref, record.intent, contract)
        what_if = await self._asking.what_if(order)
        facts = await self._asking.facts(order, what_if=what_if, modifies=modifies)
        # The ticket shows what the preview was made with at once, not after the next pulse.
        quotes = [facts.quote] if facts.quote else []
        fx = {f"{pair.base}.{pair.quoted}": pair.quote for pair in facts.fx}
        await self._store.run(lambda store: store.put_facts(quotes=quotes, fx=fx, working=facts.working))
        await self._store.run(self._freeze, record.order_ref, contract, facts, what_if, lease_token)

    async def _contract(self, record: OrderRecord) -> Contract:
        """Resolved anew; of a modify it is the contract of the order it changes, whatever the symbol means today."""
        if record.intent.modifies is None:
            return await self._broker.resolve(record.intent)
        known = await self._store.run(_preview_of_target, record.intent.modifies)
        if known is None:
            raise InvalidRequest(f"modifies: there is no order {record.intent.modifies} at the broker")
        return known.contract

    def _refuse(self, store: OrderStore, order_ref: str, error: InvalidRequest, lease_token: int) -> None:
        with store.write(lease_token=lease_token) as change:
            record = change.order(order_ref)
            if record.status in _WANTED:
                change.move(
                    record,
                    Signal.REFUSE,
                    actor=Actor.ROUTER,
                    principal=self._principal,
                    reason_code=error.code.value,
                    reason=one_line(f"{error.message}. {error.user_action}".strip(" ."), 600),
                )

    def _freeze(
        self,
        store: OrderStore,
        order_ref: str,
        contract: Contract,
        facts: Facts,
        what_if: WhatIf | None,
        lease_token: int,
    ) -> None:
        audit = self._health.facts()
        with store.write(lease_token=lease_token) as change:
            record = change.order(order_ref)
            if record.status not in _WANTED:
                return  # withdrawn or replaced while the broker was asked
            again = record.preview
            preview = Preview(
                preview_id=self._make_id(),
                order_ref=order_ref,
                revision=record.revision,
                mode=self._rules.mode,
                staged_by=record.staged_by,
                intent=record.intent,
                contract=contract,
                estimate=self._estimate(record, contract, facts, what_if),
                policy_id=self._rules.risk_policy_id or "",
                policy_digest=self._rules.policy_digest,
                created_at=change.now,
                # A second look gives no second life.
                expires_at=again.expires_at
                if again
                else change.now + timedelta(seconds=self._rules.preview_ttl_seconds),
            )
            case = case_of(
                preview,
                rules=self._rules,
                now=change.now,
                known=change,
                facts=facts,
                audit=audit,
                checklist=read_checklist(store),
            )
            decision = case.decide()
            noted = change.record_preview(record, preview, case, decision)
            refused = refuses_for_good(decision)
            change.move(
                change.order(order_ref),
                Signal.REFUSE if refused else Signal.REFRESH if again else Signal.PREVIEWED,
                actor=Actor.ROUTER,
                principal=self._principal,
                reason_code=decision.refusal_code if refused else None,
                reason=decision.message if refused else None,
                detail={
                    "preview_id": preview.preview_id,
                    "digest": preview.digest,
                    **noted,
                },
            )

    def _estimate(self, record: OrderRecord, contract: Contract, facts: Facts, what_if: WhatIf | None) -> Estimate:
        """What it would do, for the eye; the limits measure anew each time."""
        held = next((p for p in facts.positions or () if p.con_id == contract.con_id), None)
        before = held.quantity if held else Decimal(0)
        after = before + record.intent.side.sign * record.intent.quantity
        quote = facts.quote
        policy, notional, worst = self._rules.policy, None, None
        if policy is not None:
            order = OrderTerms.of(record.intent, contract)
            price = worst_case_price(order, policy, Market.of(quote, quote.as_of) if quote else None)
            if price is not None:
                worst = amount(canonical(price.amount.quantize(_MICRO)))
                notional = Money(
                    amount=amount(canonical(notional_of(order, price).quantize(_MICRO))), currency=price.currency
                )
        return Estimate(
            notional=notional,
            worst_case_price=worst,
            position_before=before,
            position_after=after,
            commission_max=what_if.commission_max if what_if else None,
            initial_margin_change=what_if.initial_margin_change if what_if else None,
            excess_liquidity_after=excess_liquidity_after(what_if) if what_if else None,
            warning=one_line(what_if.warning, 400) if what_if else "",
        )


def _preview_of_target(store: OrderStore, wire_ref: str) -> Preview | None:
    """Of the order a modify changes; an exit of a bracket was shown with its entry."""
    target = store.carrier(wire_ref)
    if target is not None and target.parent is not None:
        target = store.order(target.parent)
    return target.preview if target else None


def outdate(store: OrderStore, policy_digest: str, principal: str, lease_token: int) -> None:
    """What was previewed or approved under another policy is neither: it is previewed anew under this one."""
    for found in store.orders(statuses=[Status.PENDING, Status.APPROVED], limit=10_000):
        if found.preview is None or found.preview.policy_digest == policy_digest:
            continue
        with store.write(lease_token=lease_token) as change:
            record = change.order(found.order_ref)
            if record.status not in (Status.PENDING, Status.APPROVED):
                continue
            change.revoke_approval(record)
            change.move(
                record,
                Signal.GO_STALE,
                actor=Actor.ROUTER,
                principal=principal,
                reason_code="POLICY_CHANGED",
                reason="the limit policy changed; it is previewed again under the new one",
            )
