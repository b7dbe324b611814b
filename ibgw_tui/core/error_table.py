"""Every error of every door as a row: what it means and what to do. And the one form in which doors tell errors.

The page docs/errors.md and the tests walk this table; a code without a row does not pass them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ibgw_tui.core.errors import ErrorCode, GatewayError, InvalidRequest
from ibgw_tui.core.lifecycle import IllegalTransition

UNEXPECTED, INTERRUPTED = "UNEXPECTED", "INTERRUPTED"
"""The two codes of a door that no role gives: a fault of ours, and the caller's own Ctrl+C."""


class ErrorRow(NamedTuple):
    """One code."""

    meaning: str
    remedy: str
    retry: str = "no"
    """Whether the same call may succeed later without any change to it: 'no', 'yes', or when."""


E = ErrorCode
ERRORS: dict[str, ErrorRow] = {
    E.CONFIG_INVALID: ErrorRow("the configuration is wrong", "correct what is named; `ibgw config check` tells all"),
    E.CONFIG_LIVE_TRADING_FORBIDDEN: ErrorRow(
        "live trading is half configured", "complete [live], or leave it out; see `ibgw config check`"
    ),
    E.AUTH_PERMISSION_DENIED: ErrorRow(
        "this caller may not, or may not now: another's order, or its budget of waiting orders is used up",
        "act in the name that staged the order; withdraw what is no longer wanted",
        "when orders of yours were decided",
    ),
    E.AUTH_SELF_APPROVAL: ErrorRow("who staged an order cannot approve it", "another operator has to"),
    E.INPUT_INVALID: ErrorRow("the request cannot be meant as it stands", "correct what `problems` names"),
    E.INPUT_NOT_FOUND: ErrorRow("there is no such order, policy, approval or file", "list what there is"),
    E.INPUT_MISSING_ACCOUNT: ErrorRow("the order names no account", "give one, such as DU1234567"),
    E.INPUT_UNAUTHORIZED_ACCOUNT: ErrorRow(
        "the account named is not that of the order", "name the account of the order, or another order"
    ),
    E.INPUT_AMBIGUOUS_CONTRACT: ErrorRow("more than one contract fits", "give con_id, or currency and asset_class"),
    E.INPUT_INVALID_CONTRACT: ErrorRow("the broker knows no such contract", "check symbol, expiry, strike and right"),
    E.BROKER_SESSION_REQUIRED: ErrorRow(
        "not connected to the broker; provably nothing was sent", "start the router, or log in to the gateway", "yes"
    ),
    E.BROKER_BACKEND_UNAVAILABLE: ErrorRow(
        "the broker did not answer, or what came of the order is not known", "read the order again; never send it anew",
        "by reading",
    ),
    E.BROKER_RATE_LIMITED: ErrorRow("the broker asks for fewer requests", "wait, then ask again", "yes"),
    E.BROKER_RESPONSE_INVALID: ErrorRow("the broker's answer cannot be understood", "read the order again", "yes"),
    E.MARKET_DATA_UNAVAILABLE: ErrorRow("there is no usable quote", "check the market data subscription", "yes"),
    E.OUTPUT_UNSAFE: ErrorRow("a text cannot be shown safely", "shorten it, or take control characters out"),
    E.AUDIT_WRITE_FAILED: ErrorRow(
        "the audit entry could not be written, so nothing was done", "restore the storage; see `ibgw doctor`", "yes"
    ),
    E.AUDIT_CHAIN_INVALID: ErrorRow(
        "the audit log does not verify", "stop trading and run `ibgw audit verify`; the operator has to look"
    ),
    E.ORDER_VALIDATION_FAILED: ErrorRow("fields of the order are wrong", "correct what `problems` names"),
    E.ORDER_POLICY_REFUSED: ErrorRow("the limit policy refuses the order", "read the findings; revise the order"),
    E.ORDER_PREVIEW_DISABLED: ErrorRow("orders cannot be previewed now", "ask the operator"),
    E.ORDER_STATUS_CONFLICT: ErrorRow(
        "the order is not in a status in which that is possible", "read the order and act on what it is now"
    ),
    E.ORDER_STORE_UNAVAILABLE: ErrorRow(
        "the order store cannot be read or written; nothing was done", "check disk and permissions; `ibgw doctor`", "yes"
    ),
    E.PAPER_TRADING_DISABLED: ErrorRow("paper orders are not enabled", "enable them in [paper]"),
    E.PAPER_APPROVAL_REQUIRED: ErrorRow("there is no such approval", "the operator approves in `ibgw tui`"),
    E.PAPER_IDEMPOTENCY_CONFLICT: ErrorRow(
        "the idempotency key is blank, or was used for another request", "use a new key for a new request",
        "while the first request is pending",
    ),
    E.APPROVAL_CONSUMED: ErrorRow("the approval was spent already", "read the order; a new one needs a new approval"),
    E.APPROVAL_PREVIEW_MISMATCH: ErrorRow(
        "what was approved is not what is there now", "the operator looks again and decides again"
    ),
    E.LIVE_TRADING_DISABLED: ErrorRow(
        "live trading is not enabled, in the configuration or for this invocation", "the operator enables it"
    ),
    E.LIVE_GATE_MISSING: ErrorRow("a gate does not pass", "read the findings: each says what to do"),
    E.LIVE_POLICY_UNKNOWN: ErrorRow("the limit policy that is named is not defined", "define it in [policies]"),
    E.LIVE_LIMIT_REFUSED: ErrorRow("a limit refuses the order", "read the findings; revise the order"),
    E.LIVE_KILL_SWITCH_CLOSED: ErrorRow(
        "the kill switch is closed: no new order leaves", "the operator opens it after a review"
    ),
    E.LIVE_MIGRATION_REQUIRED: ErrorRow(
        "the paper-to-live checklist is not complete", "the operator completes it: `ibgw checklist show`"
    ),
    UNEXPECTED: ErrorRow("a fault of this program", "read the log file that is named, and report it"),
    INTERRUPTED: ErrorRow("the caller interrupted the command", "read what was done before asking again"),
}  # fmt: skip
"""Code -> row, in the order of the enum."""


def error_body(error: BaseException) -> dict[str, Any]:
    """An error as every door tells it: one JSON object."""
    if isinstance(error, IllegalTransition):
        return _body(ErrorCode.ORDER_STATUS_CONFLICT, str(error), ERRORS[ErrorCode.ORDER_STATUS_CONFLICT].remedy)
    if not isinstance(error, GatewayError):
        return _body(INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNEXPECTED, str(error))
    return _body(
        error.code.value,
        error.message,
        error.user_action,
        retryable=error.retryable,
        findings=[finding.as_json() for finding in error.findings],
        problems=list(error.problems) if isinstance(error, InvalidRequest) else [],
    )


def _body(
    code: str,
    message: str,
    user_action: str = "",
    *,
    retryable: bool = False,
    findings: Sequence[Any] = (),
    problems: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "error": {
            "code": str(code),
            "message": message,
            "findings": list(findings),
            "user_action": user_action,
            "retryable": retryable,
            "problems": list(problems),
        }
    }
