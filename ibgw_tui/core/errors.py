"""Every error of the product, sorted by whose fault it is.

    GatewayError
      InvalidRequest      the caller asked for something that cannot be meant; asking again is useless
        NotFound          the named thing is not there
      NotPermitted        well-formed, but this caller may not, or may not now
      Conflict            somebody else was faster, or the key was used for something else
      BrokerError         the market's side of the wire
        NotConnected      provably nothing left this machine
        OutcomeUnknown    the wire may have been reached: find out by reading, never by sending again
      OrderStoreError     the order store cannot be read or written: refuse to trade
      SettingsError       the configuration is wrong

A *refusal* by a gate or a limit is an answer, not an error: it is a value (`decision.Decision`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibgw_tui.core.decision import Finding


class ErrorCode(StrEnum):
    """The machine-readable name of what went wrong (decisions, section 9)."""

    CONFIG_INVALID = "CONFIG_INVALID"
    CONFIG_LIVE_TRADING_FORBIDDEN = "CONFIG_LIVE_TRADING_FORBIDDEN"
    AUTH_PERMISSION_DENIED = "AUTH_PERMISSION_DENIED"
    AUTH_SELF_APPROVAL = "AUTH_SELF_APPROVAL"
    INPUT_INVALID = "INPUT_INVALID"
    INPUT_NOT_FOUND = "INPUT_NOT_FOUND"
    INPUT_MISSING_ACCOUNT = "INPUT_MISSING_ACCOUNT"
    INPUT_UNAUTHORIZED_ACCOUNT = "INPUT_UNAUTHORIZED_ACCOUNT"
    INPUT_AMBIGUOUS_CONTRACT = "INPUT_AMBIGUOUS_CONTRACT"
    INPUT_INVALID_CONTRACT = "INPUT_INVALID_CONTRACT"
    BROKER_SESSION_REQUIRED = "BROKER_SESSION_REQUIRED"
    BROKER_BACKEND_UNAVAILABLE = "BROKER_BACKEND_UNAVAILABLE"
    BROKER_RATE_LIMITED = "BROKER_RATE_LIMITED"
    BROKER_RESPONSE_INVALID = "BROKER_RESPONSE_INVALID"
    MARKET_DATA_UNAVAILABLE = "MARKET_DATA_UNAVAILABLE"
    OUTPUT_UNSAFE = "OUTPUT_UNSAFE"
    AUDIT_WRITE_FAILED = "AUDIT_WRITE_FAILED"
    AUDIT_CHAIN_INVALID = "AUDIT_CHAIN_INVALID"
    ORDER_VALIDATION_FAILED = "ORDER_VALIDATION_FAILED"
    ORDER_POLICY_REFUSED = "ORDER_POLICY_REFUSED"
    ORDER_PREVIEW_DISABLED = "ORDER_PREVIEW_DISABLED"
    ORDER_STATUS_CONFLICT = "ORDER_STATUS_CONFLICT"
    ORDER_STORE_UNAVAILABLE = "ORDER_STORE_UNAVAILABLE"
    PAPER_TRADING_DISABLED = "PAPER_TRADING_DISABLED"
    PAPER_APPROVAL_REQUIRED = "PAPER_APPROVAL_REQUIRED"
    PAPER_IDEMPOTENCY_CONFLICT = "PAPER_IDEMPOTENCY_CONFLICT"
    APPROVAL_CONSUMED = "APPROVAL_CONSUMED"
    APPROVAL_PREVIEW_MISMATCH = "APPROVAL_PREVIEW_MISMATCH"
    LIVE_TRADING_DISABLED = "LIVE_TRADING_DISABLED"
    LIVE_GATE_MISSING = "LIVE_GATE_MISSING"
    LIVE_POLICY_UNKNOWN = "LIVE_POLICY_UNKNOWN"
    LIVE_LIMIT_REFUSED = "LIVE_LIMIT_REFUSED"
    LIVE_KILL_SWITCH_CLOSED = "LIVE_KILL_SWITCH_CLOSED"
    LIVE_MIGRATION_REQUIRED = "LIVE_MIGRATION_REQUIRED"


class GatewayError(Exception):
    """What every door shows: a code, a sentence, and what to do next.

    `retryable` means that the same call may succeed later without any change to it.
    `findings` are the checks behind a refusal, where there are any.
    """

    code: ErrorCode = ErrorCode.INPUT_INVALID
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        user_action: str = "",
        code: ErrorCode | None = None,
        retryable: bool | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.user_action = user_action
        self.findings = tuple(findings)
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class InvalidRequest(GatewayError):
    """The request cannot be meant as it stands. `problems` names every field that is wrong."""

    code = ErrorCode.INPUT_INVALID

    def __init__(
        self,
        message: str,
        *,
        user_action: str = "",
        code: ErrorCode | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        super().__init__(message, user_action=user_action, code=code)
        self.problems = tuple(problems)


class NotFound(InvalidRequest):
    code = ErrorCode.INPUT_NOT_FOUND


class NotPermitted(GatewayError):
    code = ErrorCode.AUTH_PERMISSION_DENIED


class Conflict(GatewayError):
    code = ErrorCode.ORDER_STATUS_CONFLICT


class LeaseLost(Conflict):
    """Another router took over; this one must stop writing and start waiting."""

    def __init__(self) -> None:
        super().__init__("this router no longer holds the lease", user_action="another process is the router now")


class BrokerError(GatewayError):
    code = ErrorCode.BROKER_BACKEND_UNAVAILABLE
    retryable = True


class NotConnected(BrokerError):
    """Provably nothing left this machine."""

    code = ErrorCode.BROKER_SESSION_REQUIRED


class OutcomeUnknown(BrokerError):
    """The wire may have been reached and no answer proves it."""

    retryable = False


class OrderStoreError(GatewayError):
    code = ErrorCode.ORDER_STORE_UNAVAILABLE
    retryable = True


class SettingsError(GatewayError):
    code = ErrorCode.CONFIG_INVALID
