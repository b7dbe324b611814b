"""Rows to core values and back: the one place where columns have positions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import ErrorCode, OrderStoreError
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Approval, ApprovalStatus, OrderIntent, Preview, digest_of
from ibgw_tui.core.records import AuditEntry, LeaseState, OrderLine, OrderRecord
from ibgw_tui.core.terms import CheckStatus, Mode, OrderType, Side
from ibgw_tui.store.failures import altered, undamaged

Row = tuple[Any, ...]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_SCALE = Decimal(1_000_000)
_REMEMBERED = 256
"""Parsed values kept in a process; a desk looks at few orders many times."""


def to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICRO


def from_us(value: int) -> datetime:
    return _EPOCH + value * _MICRO


def maybe_us(value: int | None) -> datetime | None:
    return None if value is None else from_us(value)


def to_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def from_text(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def to_micro(value: Decimal) -> int:
    """Money as millionths. Refuses more than six places: a sum must be exact."""
    scaled = value * _SCALE
    if scaled != scaled.to_integral_value():
        raise OrderStoreError(f"{value} has more than six decimal places", code=ErrorCode.ORDER_VALIDATION_FAILED)
    return int(scaled)


def from_micro(value: int) -> Decimal:
    return Decimal(value) / _SCALE


RECORD_SQL = """
    SELECT o.seq, o.order_ref, o.revision, o.revises, o.status, o.staged_by, o.intent, o.staged_us, o.updated_us,
           p.body, p.digest, d.outcome, a.body, a.status, o.submit_asked, o.filled, o.average_price, o.commission,
           o.perm_id, o.reason_code, o.reason, o.cancel_asked_by, o.cancel_sent_us,
           o.account, o.symbol, o.side, o.order_type, o.quantity, o.limit_price, o.stop_price,
           o.parent, o.leg, o.wire_ref, o.filled_before, o.took_over, o.edited_by
    FROM orders o
    LEFT JOIN previews p ON p.seq = (SELECT max(seq) FROM previews WHERE order_seq = o.seq)
    LEFT JOIN decisions d ON d.seq = (SELECT max(seq) FROM decisions WHERE order_seq = o.seq)
    LEFT JOIN approvals a ON a.seq = (SELECT max(seq) FROM approvals WHERE order_seq = o.seq)
"""


def to_record(row: Row) -> OrderRecord:
    """A preview whose bytes no longer give the digest they were stored with is refused, never shown.

    So is an order whose columns (which lists and counts are made from) say something else than it does.
    """
    with undamaged(f"order {row[1]}"):
        return _to_record(row)


@lru_cache(maxsize=_REMEMBERED)
def _preview(body: str) -> Preview:
    """Parsed and digested once for the same bytes: they are read again and again, and the value cannot change.

    Digested as it was written: a field that a later version added must not change what was approved.
    """
    preview = Preview.model_validate_json(body)
    preview.__dict__["digest"] = digest_of("preview", json.loads(body))
    return preview


@lru_cache(maxsize=_REMEMBERED)
def _intent(body: str) -> OrderIntent:
    return OrderIntent.model_validate_json(body)


@lru_cache(maxsize=_REMEMBERED)
def _decision(body: str) -> Decision:
    return Decision.from_json(json.loads(body))


@lru_cache(maxsize=_REMEMBERED)
def _approval(body: str, status: str) -> Approval:
    return Approval.model_validate_json(body).model_copy(update={"status": ApprovalStatus(status)})


def _to_record(row: Row) -> OrderRecord:
    preview = _preview(row[9]) if row[9] is not None else None
    if preview is not None and preview.digest != row[10]:
        raise altered(f"the preview of order {row[1]}", "its digest does not match")
    intent = _intent(row[6])
    if intent_columns(intent) != tuple(row[23:30]) or (preview is not None and preview.intent != intent):
        raise altered(f"order {row[1]}", "its parts contradict each other")
    return OrderRecord(
        seq=row[0],
        order_ref=row[1],
        revision=row[2],
        revises=row[3],
        status=Status(row[4]),
        staged_by=row[5],
        intent=intent,
        staged_at=from_us(row[7]),
        updated_at=from_us(row[8]),
        preview=preview,
        decision=_decision(row[11]) if row[11] is not None else None,
        approval=_approval(row[12], row[13]) if row[12] is not None else None,
        submit_asked=bool(row[14]),
        filled=Decimal(row[15]),
        average_price=from_text(row[16]),
        commission=from_text(row[17]),
        perm_id=row[18],
        reason_code=row[19],
        reason=row[20],
        cancel_asked_by=row[21],
        cancel_sent_at=maybe_us(row[22]),
        parent=row[30],
        leg=row[31],
        wire_ref=row[32] or "",
        filled_before=Decimal(row[33]),
        took_over=bool(row[34]),
        edited_by=row[35],
    )


def intent_columns(intent: OrderIntent) -> tuple[str | None, ...]:
    """account, symbol, side, order_type, quantity, limit_price, stop_price: as columns hold them."""
    return (
        intent.account,
        intent.symbol,
        intent.side.value,
        intent.order_type.value,
        to_text(intent.quantity),
        to_text(intent.limit_price),
        to_text(intent.stop_price),
    )


LINE_SQL = """
    SELECT seq, order_ref, status, mode, account, side, quantity, filled, average_price, symbol, order_type, limit_price,
           stop_price, currency, notional_u, staged_by, staged_us, updated_us, preview_expires_us, approval_expires_us,
           worst, refusal_code, reason_code, reason
    FROM orders
"""


def to_line(row: Row) -> OrderLine:
    with undamaged(f"order {row[1]}"):
        return _to_line(row)


def _to_line(row: Row) -> OrderLine:
    return OrderLine(
        seq=row[0],
        order_ref=row[1],
        status=Status(row[2]),
        mode=Mode(row[3]) if row[3] else None,
        account=row[4],
        side=Side(row[5]),
        quantity=Decimal(row[6]),
        filled=Decimal(row[7]),
        average_price=from_text(row[8]),
        symbol=row[9],
        order_type=OrderType(row[10]),
        limit_price=from_text(row[11]),
        stop_price=from_text(row[12]),
        currency=row[13],
        notional=None if row[14] is None else from_micro(row[14]),
        staged_by=row[15],
        staged_at=from_us(row[16]),
        updated_at=from_us(row[17]),
        preview_expires_at=maybe_us(row[18]),
        approval_expires_at=maybe_us(row[19]),
        worst=CheckStatus(row[20]) if row[20] else None,
        refusal_code=row[21],
        reason_code=row[22],
        reason=row[23],
    )


def to_entry(row: Row) -> AuditEntry:
    """(seq, entry bytes, hash) of one audit row."""
    with undamaged(f"audit entry {row[0]}"):
        data = json.loads(bytes(row[1]))
        return AuditEntry(
            seq=data["seq"],
            at=datetime.fromisoformat(data["at"]),
            kind=data["kind"],
            actor=data["actor"],
            principal=data["principal"],
            order_ref=data["order_ref"],
            body=data["body"],
            hash=bytes(row[2]).hex(),
        )


def to_lease(row: Row) -> LeaseState:
    return LeaseState(holder=row[0], pid=row[1], token=row[2], heartbeat_at=from_us(row[3]))
