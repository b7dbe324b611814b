from __future__ import annotations

import pytest

from ibgw_tui.cli.exits import AFTER_VERIFYING, AFTER_WAITING, BY_CLASS, BY_CODE, MEANING, Exit, exit_code, published
from ibgw_tui.core import errors
from ibgw_tui.core.audit import AuditVerdict
from ibgw_tui.core.errors import ErrorCode, GatewayError
from ibgw_tui.core.lifecycle import Actor, IllegalTransition, Signal, Status

PUBLISHED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 21, 22, 23, 24, 25, 26, 78, 130}


def test_the_codes_are_those_of_the_contract() -> None:
    assert {code.value for code in Exit} == PUBLISHED


def test_every_code_has_a_meaning_and_is_published() -> None:
    assert set(MEANING) == set(Exit)
    assert all(f"{code.value:>3}  {MEANING[code]}" in published() for code in Exit)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("?"), 1),
        (GatewayError("?"), 1),
        (errors.InvalidRequest("?"), 2),
        (errors.NotFound("?"), 3),
        (errors.NotPermitted("?"), 4),
        (errors.Conflict("?"), 5),
        (IllegalTransition(Status.FILLED, Signal.WITHDRAW, Actor.AGENT), 5),
        (errors.BrokerError("?"), 7),
        (errors.NotConnected("?"), 7),
        (errors.OutcomeUnknown("?"), 7),
        (errors.OrderStoreError("?"), 7),
        (errors.OrderStoreError("?", code=ErrorCode.AUDIT_CHAIN_INVALID), 8),
        (errors.SettingsError("?"), 78),
        (errors.SettingsError("?", code=ErrorCode.CONFIG_LIVE_TRADING_FORBIDDEN), 78),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_no_kind_of_error_was_forgotten() -> None:
    """A new branch of the error tree needs a row, or it would be 'unexpected'."""

    def kinds(of: type[GatewayError]) -> set[type[GatewayError]]:
        ours = [kind for kind in of.__subclasses__() if kind.__module__.startswith("ibgw_tui.")]
        return {of}.union(*(kinds(kind) for kind in ours))

    missing = {
        kind for kind in kinds(GatewayError) - {GatewayError} if not any(issubclass(kind, row) for row, _ in BY_CLASS)
    }
    assert not missing


def test_a_row_is_never_hidden_by_a_wider_one() -> None:
    rows = [kind for kind, _ in BY_CLASS]
    assert not [(wide, narrow) for i, wide in enumerate(rows) for narrow in rows[i + 1 :] if issubclass(narrow, wide)]


def test_codes_that_override_are_codes() -> None:
    assert set(BY_CODE) <= set(ErrorCode)


def test_waiting_tells_a_rejection_from_a_refusal() -> None:
    assert (AFTER_WAITING[Status.REJECTED], AFTER_WAITING[Status.REFUSED]) == (10, 4)


def test_each_verdict_of_the_audit_log_has_its_own_exit_code() -> None:
    assert set(AFTER_VERIFYING) == set(AuditVerdict)
    together = {verdict for verdict in AuditVerdict if AFTER_VERIFYING[verdict] is AFTER_VERIFYING[AuditVerdict.GAP]}
    assert together == {AuditVerdict.GAP, AuditVerdict.INSERTED}
    assert len(set(AFTER_VERIFYING.values())) == len(AuditVerdict) - 1
