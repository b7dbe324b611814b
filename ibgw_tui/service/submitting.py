"""The one road to the wire.

    market facts first (no transaction open)
    one transaction: re-read switch, counters, approval, preview; evaluate; spend the approval,
        record the pending submit, audit; commit durably
    one more look at the switch
    the wire
    what came of it: sent, provably not sent, or in doubt

A refusal writes its findings to the audit log and leaves the approval unspent. Whatever happens after
the commit, the order is never sent a second time: it has a submission, and submissions are unique.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ibgw_tui.core.broker import Broker
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import GatewayError, NotConnected
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.orders import BrokerOrder, digest_of
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.assessment import Facts, Submitting, case_of, read_checklist
from ibgw_tui.service.charging import charge
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.store import Change, OrderStore
from ibgw_tui.store.thread import StoreThread

PLACE_DEADLINE_SECONDS = 10.0
"""After that the outcome of a placement is unknown."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the submit transaction decided. `order` is None when nothing may be sent."""

    decision: Decision | None
    order: BrokerOrder | None


class Submitter:
    """Takes approved orders through the submit transaction and over the wire."""

    def __init__(
        self,
        store: StoreThread,
        broker: Broker,
        *,
        asking: Asking,
        rules: DeskRules,
        health: AuditHealth,
        principal: str,
    ) -> None:
        self._store = store
        self._broker = broker
        self._asking = asking
        self._rules = rules
        self._health = health
        self._principal = principal

    async def submit(self, record: OrderRecord, lease_token: int) -> None:
        """Send one approved order if every gate passes. Raises BrokerError before anything was spent."""
        assert record.preview is not None
        order = BrokerOrder.of(record.preview)
        facts = await self._asking.facts(order, submitting=True, modifies=record.intent.modifies)
        admission = await self._store.run(self._admit, record.order_ref, facts, lease_token)
        if admission.order is None:
            return
        held = await self._store.run(self._last_look, record.order_ref, lease_token)
        if held:
            return
        send = self._broker.modify if record.intent.modifies else self._broker.place
        try:
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes together with the answer.
            async with asyncio.timeout(PLACE_DEADLINE_SECONDS):
                await send(admission.order)
        except NotConnected as error:
            await self._store.run(
                self._conclude, record.order_ref, Signal.NOT_SENT, "NOT_SENT", error.message, lease_token
            )
        except asyncio.CancelledError:
            # The task is being torn down between the commit and the answer: that is doubt, and it is
            # written down before leaving, because nobody may be left to write it later.
            await asyncio.shield(
                self._store.run(
                    self._conclude, record.order_ref, Signal.LOSE, "IN_DOUBT", "stopped while sending", lease_token
                )
            )
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the wire may have been reached
            words = error.message if isinstance(error, GatewayError) else f"{type(error).__name__} while sending"
            await self._store.run(self._conclude, record.order_ref, Signal.LOSE, "IN_DOUBT", words, lease_token)

    def _admit(self, store: OrderStore, order_ref: str, facts: Facts, lease_token: int) -> Admission:
        audit = self._health.facts()
        with store.write(lease_token=lease_token) as change:
            record = change.order(order_ref)
            preview, approval = record.preview, record.approval
            if record.status is not Status.APPROVED or preview is None or approval is None:
                return Admission(None, None)  # recalled, voided, withdrawn or expired in the meantime
            key = f"submit:{approval.approval_id}"
            request_hash = digest_of(
                "submit", {"order_ref": order_ref, "approval": approval.approval_id, "preview": preview.digest}
            )
            claimed = change.claim_key(self._principal_of_keys, key, operation="submit", request_hash=request_hash)
            case = case_of(
                preview,
                rules=self._rules,
                now=change.now,
                known=change,
                facts=facts,
                audit=audit,
                checklist=read_checklist(store),
                replaced_by=change.successor(order_ref),
                submitting=Submitting(approval, key, claimed.is_new),
            )
            decision = case.decide()
            noted = change.record_decision(record, "submit", case, decision)
            if not decision.allowed:
                self._refuse(change, record, decision, noted, key)
                return Admission(decision, None)
            order, notional = BrokerOrder.of(preview), charge(case)
            assert notional is not None, "the notional limit passed"
            change.spend_approval(approval.approval_id)
            change.insert_submission(
                record,
                approval_id=approval.approval_id,
                idempotency_key=key,
                request_hash=request_hash,
                notional=notional,
                legs=1 + len(order.exits),
            )
            if preview.intent.modifies:
                order = self._aim(change, record, order, preview.intent.modifies)
            change.move(
                record,
                Signal.SEND,
                actor=Actor.ROUTER,
                principal=self._principal,
                detail={
                    "approval_id": approval.approval_id,
                    "idempotency_key": key,
                    "request_hash": request_hash,
                    "notional": notional.model_dump(mode="json"),
                    **noted,
                },
            )
            change.groups.send_exits(change.order(order_ref), order.exits, principal=self._principal)
        return Admission(decision, order)

    def _aim(self, change: Change, record: OrderRecord, order: BrokerOrder, modifies: str) -> BrokerOrder:
        """The broker knows the order that is changed by the reference it was first sent with."""
        target = change.carrier(modifies)
        assert target is not None, "the modify gate passed"
        change.groups.put_on_wire(record, target.on_wire)
        return order.replaced(order_ref=target.on_wire)

    _principal_of_keys = "router"

    def _refuse(self, change: Change, record: OrderRecord, decision: Decision, noted: dict[str, Any], key: str) -> None:
        change.release_key(self._principal_of_keys, key)
        # The operator asks again with one key; without this mark the router would ask by itself for ever.
        change.note(
            record, submit_asked=False, reason_code=decision.refusal_code or "SUBMIT_REFUSED", reason=decision.message
        )
        change.append_audit(
            "submit.refused",
            actor=Actor.ROUTER,
            principal=self._principal,
            order_ref=record.order_ref,
            body=noted,
        )

    def _last_look(self, store: OrderStore, order_ref: str, lease_token: int) -> bool:
        """After the commit, before the wire: a switch closed or a cancel asked in between still counts.

        So does a switch that was closed and opened again: the epoch tells. And so does another router that took
        over while this one stood still: what it found unfinished is in doubt, and no longer ours to send.
        """
        switch, record, lease = store.switch(), store.order(order_ref), store.lease()
        if lease is None or lease.token != lease_token:
            return True
        epoch = record.approval.switch_epoch if record and record.approval else None
        closed = switch.state is not KillSwitch.OPEN or switch.epoch != epoch
        if not closed and record is not None and record.status is Status.SENDING:
            return False
        words = "the kill switch closed just before sending" if closed else "a cancel was asked just before sending"
        self._conclude(store, order_ref, Signal.NOT_SENT, "NOT_SENT", words, lease_token)
        return True

    def _conclude(
        self, store: OrderStore, order_ref: str, signal: Signal, code: str, words: str, lease_token: int
    ) -> None:
        with store.write(lease_token=lease_token) as change:
            # What became of the entry became of its exits: they were sent in one act.
            for record in (change.order(order_ref), *change.groups.exits_of(order_ref)):
                if record.status not in (Status.SENDING, Status.CANCEL_REQUESTED):
                    continue  # the broker has spoken meanwhile: its word is better than ours
                change.move(
                    record, signal, actor=Actor.ROUTER, principal=self._principal, reason_code=code, reason=words
                )
