"""Orders, switch and desk as JSON documents: the names scripts rely on.

Numbers with digits that matter are text; an amount of money is {"amount", "currency"}; times are UTC.
An order's `intent` has the very field names that `ibgw stage --file` reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from ibgw_tui.core.orders import order_sentence
from ibgw_tui.core.records import AuditEntry, LeaseState, OrderRecord, SwitchState
from ibgw_tui.core.terms import iso
from ibgw_tui.service.views import DeskState


def plain(value: Any) -> Any:
    """Any value of ours as JSON-like data: decimals as text, moments as UTC text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def currency_of(record: OrderRecord) -> str | None:
    """Of the resolved contract, else as the caller gave it, else not known yet."""
    return record.preview.contract.currency if record.preview else record.intent.currency


def money(amount: Decimal | None, currency: str | None) -> dict[str, str | None] | None:
    return None if amount is None else {"amount": format(amount, "f"), "currency": currency}


def order_line(record: OrderRecord) -> dict[str, Any]:
    """One order as a listing shows it."""
    intent, currency = record.intent, currency_of(record)
    notional = record.preview.estimate.notional if record.preview else None
    return {
        "order_ref": record.order_ref,
        "seq": record.seq,
        "revision": record.revision,
        "revises": record.revises,
        "status": record.status.value,
        "staged_by": record.staged_by,
        "edited_by": record.edited_by,
        "staged_at": iso(record.staged_at),
        "updated_at": iso(record.updated_at),
        "sentence": order_sentence(intent, currency or ""),
        "account": intent.account,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "quantity": plain(intent.quantity),
        "filled": plain(record.filled),
        "order_type": intent.order_type.value,
        "limit_price": money(intent.limit_price, currency),
        "stop_price": money(intent.stop_price, currency),
        "time_in_force": intent.time_in_force.value,
        "average_price": money(record.average_price, currency),
        "notional": plain(notional) if notional else None,
        "reason_code": record.reason_code,
        "reason": record.reason,
    }


def order_in_full(
    record: OrderRecord,
    *,
    executions: Sequence[Mapping[str, Any]],
    history: Sequence[AuditEntry],
    passing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One order with everything that is known of it. `passing`: the numbers that came with a no."""
    preview, approval, currency = record.preview, record.approval, currency_of(record)
    return {
        **order_line(record),
        "intent": plain(record.intent),
        "preview": {**plain(preview), "digest": preview.digest} if preview else None,
        "decision": record.decision.as_json() if record.decision else None,
        "passing": plain(passing) if passing else None,
        "approval": plain(approval) if approval else None,
        "commission": money(record.commission, currency),
        "perm_id": record.perm_id,
        "submit_asked": record.submit_asked,
        "cancel_asked_by": record.cancel_asked_by,
        "cancel_sent_at": plain(record.cancel_sent_at),
        "executions": [_execution(execution, currency) for execution in executions],
        "history": [audit_line(entry) for entry in history],
    }


def _execution(execution: Mapping[str, Any], currency: str | None) -> dict[str, Any]:
    return {
        "exec_id": execution["exec_id"],
        "at": iso(execution["at"]),
        "quantity": plain(execution["quantity"]),
        "price": money(execution["price"], currency),
        "commission": money(execution["commission"], currency),
    }


def audit_line(entry: AuditEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": iso(entry.at),
        "kind": entry.kind,
        "actor": entry.actor,
        "principal": entry.principal,
        "order_ref": entry.order_ref,
        "body": plain(entry.body),
        "hash": entry.hash,
    }


def switch_state(switch: SwitchState) -> dict[str, Any]:
    return {
        "state": switch.state.value,
        "epoch": switch.epoch,
        "changed_by": switch.changed_by,
        "reason": switch.reason,
        "changed_at": plain(switch.changed_at),
        "source": switch.source,
    }


def desk_state(desk: DeskState) -> dict[str, Any]:
    return {
        "now": iso(desk.now),
        "mode": desk.mode.value,
        "backend": desk.backend,
        "accounts": list(desk.accounts),
        "operator": desk.operator,
        "kill_switch": switch_state(desk.switch),
        "link": {"state": desk.link_state, "text": desk.link_text, "at": plain(desk.link_at)},
        "router": _router(desk.router, desk.router_alive),
        "audit": {"seq": desk.audit_seq, "head": desk.audit_head, "ok": desk.audit_ok, "problem": desk.audit_problem},
        "orders": {
            "pending": desk.pending,
            "working": desk.working,
            "in_doubt": desk.in_doubt,
            "by_status": {status.value: count for status, count in desk.counts.items() if count},
        },
        "discrepancies": desk.discrepancies,
        "foreign": len(desk.foreign),
        "against_opening": list(desk.against_opening),
    }


def _router(lease: LeaseState | None, alive: bool) -> dict[str, Any]:
    return {
        "active": alive,
        "holder": lease.holder if lease else None,
        "pid": lease.pid if lease else None,
        "heartbeat_at": plain(lease.heartbeat_at) if lease else None,
    }
