"""Our orders beside the broker's records: the join, what contradicts, and what stands against acting on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.broker import BrokerSnapshot, BrokerState, ExecutionReport, OrderReport
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Estimate, Preview
from ibgw_tui.core.reconcile import (
    against_opening,
    against_trust,
    against_writing_off,
    belongs,
    compare,
    is_unanswered,
)
from ibgw_tui.core.records import Absence, ComparisonMade, OrderRecord
from ibgw_tui.core.terms import Mode, Side
from tests.makers import NOON, a_contract, an_intent


def a_preview() -> Preview:
    return Preview(
        preview_id="p1", order_ref="o-1", mode=Mode.PAPER, staged_by="agent", intent=an_intent(), contract=a_contract(),
        estimate=Estimate(), policy_id="example", policy_digest="x", created_at=NOON, expires_at=NOON,
    )  # fmt: skip


def a_record(ref: str = "o-1", status: Status = Status.WORKING, **changes: Any) -> OrderRecord:
    record = OrderRecord(
        seq=1, order_ref=ref, revision=1, revises=None, status=status, staged_by="agent", intent=an_intent(), staged_at=NOON,
        updated_at=NOON, preview=a_preview(), decision=None, approval=None, submit_asked=False, filled=Decimal(0),
        average_price=None, commission=None, perm_id=None, reason_code=None, reason="", cancel_asked_by=None,
        cancel_sent_at=None,
    )  # fmt: skip
    return replace(record, **changes)


def a_report(ref: str = "o-1", **changes: Any) -> OrderReport:
    data: dict[str, Any] = {
        "order_ref": ref, "account": "DU1234567", "con_id": 265598, "side": Side.BUY, "quantity": Decimal(1),
        "state": BrokerState.WORKING, "filled": Decimal(0), "remaining": Decimal(1), "at": NOON,
    }  # fmt: skip
    return OrderReport(**{**data, **changes})


def an_execution(ref: str = "o-1") -> ExecutionReport:
    return ExecutionReport(
        exec_id=f"e-{ref}", order_ref=ref, account="DU1234567", con_id=265598, side=Side.BUY, quantity=Decimal(1),
        price=Decimal(100), at=NOON,
    )  # fmt: skip


def test_open_completed_and_executed_are_looked_at_together() -> None:
    opened, ended, stranger = a_report("o-1"), a_report("o-1", state=BrokerState.FILLED), a_report("")
    snapshot = BrokerSnapshot(
        complete=True,
        open_orders=(opened, stranger),
        completed_orders=(ended, a_report("o-9")),
        executions=(an_execution("o-2"), an_execution("o-8")),
        at=NOON,
    )
    found = compare([a_record("o-1"), a_record("o-2"), a_record("o-3")], snapshot)
    assert [comparison.order_ref for comparison in found.comparisons] == ["o-1", "o-2", "o-3"]
    first, second, third = found.comparisons
    assert (first.reports, first.executions, first.absent) == ((opened, ended), (), False)
    assert (second.reports, second.executions, second.absent) == ((), (an_execution("o-2"),), False)
    assert third.absent
    assert found.others == (an_execution("o-8"), stranger, a_report("o-9"))
    assert found.complete and not compare([], snapshot.replaced(complete=False)).complete


@pytest.mark.parametrize(
    ("record", "unanswered"),
    [
        (a_record(status=Status.SENDING), True),
        (a_record(status=Status.WORKING), False),
        (a_record(status=Status.CANCEL_REQUESTED), True),
        (a_record(status=Status.CANCEL_REQUESTED, perm_id=7), False),
        (a_record(status=Status.CANCEL_REQUESTED, filled=Decimal(1)), False),
    ],
)
def test_what_the_broker_has_not_said_a_word_of(record: OrderRecord, unanswered: bool) -> None:
    assert is_unanswered(record) is unanswered


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"con_id": 0}, ""),
        ({"account": "DU7654321"}, "account DU7654321"),
        ({"side": Side.SELL}, "side sell"),
        ({"con_id": 1}, "contract 1"),
        ({"account": "DU7654321", "side": Side.SELL, "con_id": 1}, "account DU7654321, side sell, contract 1"),
    ],
)
def test_our_reference_alone_proves_nothing(changes: dict[str, Any], words: str) -> None:
    assert belongs(a_record(), a_report(**changes)) == words
    assert belongs(a_record(preview=None), a_report(con_id=1)) == ""


def made(seconds: float = 0, *, complete: bool = True) -> ComparisonMade:
    return ComparisonMade(NOON - timedelta(seconds=seconds), complete, 1, 0)


@pytest.mark.parametrize(
    ("comparison", "link", "words"),
    [
        (made(), "connected", ()),
        (made(120), "connected", ()),
        (made(-120), "connected", ()),
        (
            made(120.000001),
            "connected",
            ("the newest comparison with the broker's records is of 2026-11-23 14:57:59Z",),
        ),
        (made(-121), "connected", ("the newest comparison with the broker's records is of 2026-11-23 15:02:01Z",)),
        (made(complete=False), "connected", ("the broker's records did not come completely in the newest comparison",)),
        (None, "connected", ("our orders were never compared with the broker's records",)),
        (made(), None, ("the broker is not connected (no router has reported yet)",)),
        (made(), "broker_unreachable", ("the broker is not connected (broker unreachable)",)),
    ],
)
def test_what_stands_against_trusting_the_records(
    comparison: ComparisonMade | None, link: str | None, words: tuple[str, ...]
) -> None:
    assert against_trust(comparison, link, NOON) == words


def test_what_stands_against_opening_the_switch() -> None:
    assert against_opening((), (), 0) == ()
    assert against_opening(("not connected",), ("o-2", "o-1", "o-4", "o-3"), 2) == (
        "not connected",
        "4 orders in doubt: o-1, o-2, o-3",
        "2 reports of the broker not explained",
    )
    assert against_opening((), ("o-1",), 1) == ("1 order in doubt: o-1", "1 report of the broker not explained")


def absence(looks: int, seconds: int) -> Absence:
    return Absence("o-1", NOON, NOON, seconds, looks)


@pytest.mark.parametrize(
    ("status", "seen", "untrusted", "words"),
    [
        (Status.WORKING, absence(9, 999), (), ("the order is working, not in doubt",)),
        (Status.CANCEL_REQUESTED, None, ("x",), ("the order is cancel requested, not in doubt",)),
        (Status.IN_DOUBT, None, (), ("complete records were asked 0 times in this session, not 2 times",)),
        (
            Status.IN_DOUBT,
            absence(1, 99),
            ("x",),
            ("x", "complete records were asked 1 time in this session, not 2 times"),
        ),
        (Status.IN_DOUBT, absence(2, 29), (), ("its absence was seen over 29 s, not 30 s",)),
        (Status.IN_DOUBT, absence(2, 30), (), ()),
        (Status.IN_DOUBT, absence(3, 31), ("x",), ("x",)),
    ],
)
def test_what_stands_against_writing_an_order_off(
    status: Status, seen: Absence | None, untrusted: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert against_writing_off(status, seen, untrusted) == words
