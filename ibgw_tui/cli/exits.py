"""The exit codes, all on one page: what a script may rely on.

`--help` prints this table, the tests walk it, and `exit_code` is the only place that chooses.
"""

from __future__ import annotations

from enum import IntEnum

from ibgw_tui.core.audit import AuditVerdict
from ibgw_tui.core.errors import (
    BrokerError,
    Conflict,
    ErrorCode,
    GatewayError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    OrderStoreError,
    SettingsError,
)
from ibgw_tui.core.lifecycle import IllegalTransition, Status


class Exit(IntEnum):
    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    TIMED_OUT = 6
    UNAVAILABLE = 7
    AUDIT_BROKEN = 8
    REJECTED = 10
    AUDIT_GAP = 20
    AUDIT_TRUNCATED = 21
    AUDIT_ROLLED_BACK = 22
    AUDIT_REWRITTEN = 23
    AUDIT_DIVERGES = 24
    AUDIT_UNGUARDED = 25
    AUDIT_CHECKPOINT = 26
    BAD_CONFIGURATION = 78
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.UNEXPECTED: "unexpected error; details are in the log file that is named",
    Exit.USAGE: "wrong usage, or a request that cannot be meant",
    Exit.NOT_FOUND: "no such order or policy",
    Exit.REFUSED: "refused by a gate or a limit, or not permitted",
    Exit.CONFLICT: "conflict: it changed meanwhile, or the key was used for something else",
    Exit.TIMED_OUT: "timed out waiting",
    Exit.UNAVAILABLE: "order store or broker unavailable",
    Exit.AUDIT_BROKEN: "the audit chain is broken: an entry was altered",
    Exit.REJECTED: "rejected by the operator (only `wait`)",
    Exit.AUDIT_GAP: "an audit entry is missing or was put in (20 to 26: only `audit verify`)",
    Exit.AUDIT_TRUNCATED: "the end of the audit log was cut off",
    Exit.AUDIT_ROLLED_BACK: "the database is an older copy",
    Exit.AUDIT_REWRITTEN: "the audit log was rewritten: it does not fit a checkpoint",
    Exit.AUDIT_DIVERGES: "a table does not say what the audit log says",
    Exit.AUDIT_UNGUARDED: "the triggers that guard the database are missing, or something was added",
    Exit.AUDIT_CHECKPOINT: "a saved checkpoint is damaged or signed by another key",
    Exit.BAD_CONFIGURATION: "bad configuration",
    Exit.INTERRUPTED: "interrupted",
}

BY_CODE: dict[ErrorCode, Exit] = {
    ErrorCode.AUDIT_CHAIN_INVALID: Exit.AUDIT_BROKEN,
    ErrorCode.CONFIG_INVALID: Exit.BAD_CONFIGURATION,
    ErrorCode.CONFIG_LIVE_TRADING_FORBIDDEN: Exit.BAD_CONFIGURATION,
}
"""Codes that say more than the class of the error does."""

BY_CLASS: tuple[tuple[type[BaseException], Exit], ...] = (
    (NotFound, Exit.NOT_FOUND),
    (InvalidRequest, Exit.USAGE),
    (NotPermitted, Exit.REFUSED),
    (Conflict, Exit.CONFLICT),
    (IllegalTransition, Exit.CONFLICT),
    (BrokerError, Exit.UNAVAILABLE),
    (OrderStoreError, Exit.UNAVAILABLE),
    (SettingsError, Exit.BAD_CONFIGURATION),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)
"""First hit wins; what is not listed is unexpected."""

AFTER_WAITING: dict[Status, Exit] = {
    Status.REJECTED: Exit.REJECTED,
    Status.CHANGES_REQUESTED: Exit.REJECTED,
    Status.REFUSED: Exit.REFUSED,
    Status.WITHDRAWN: Exit.CONFLICT,
    Status.EXPIRED: Exit.CONFLICT,
    Status.SUPERSEDED: Exit.CONFLICT,
    Status.CANCELLED: Exit.CONFLICT,
    Status.REJECTED_BY_BROKER: Exit.REFUSED,
    Status.NOT_PLACED: Exit.UNAVAILABLE,
}
"""What `wait` answers for the status it ended on; every other status is OK."""


AFTER_VERIFYING: dict[AuditVerdict, Exit] = {
    AuditVerdict.INTACT: Exit.OK,
    AuditVerdict.ALTERED: Exit.AUDIT_BROKEN,
    AuditVerdict.GAP: Exit.AUDIT_GAP,
    AuditVerdict.INSERTED: Exit.AUDIT_GAP,
    AuditVerdict.TRUNCATED: Exit.AUDIT_TRUNCATED,
    AuditVerdict.ROLLED_BACK: Exit.AUDIT_ROLLED_BACK,
    AuditVerdict.REWRITTEN: Exit.AUDIT_REWRITTEN,
    AuditVerdict.TABLES_DIVERGE: Exit.AUDIT_DIVERGES,
    AuditVerdict.GUARDS_MISSING: Exit.AUDIT_UNGUARDED,
    AuditVerdict.CHECKPOINT_INVALID: Exit.AUDIT_CHECKPOINT,
}
"""What `audit verify` answers for the gravest thing it found."""


def exit_code(error: BaseException) -> Exit:
    """The exit code of an error."""
    if isinstance(error, GatewayError) and error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((code for kind, code in BY_CLASS if isinstance(error, kind)), Exit.UNEXPECTED)


def published() -> str:
    """The table as `--help` prints it."""
    return "\n".join(f"  {code.value:>3}  {MEANING[code]}" for code in Exit)
