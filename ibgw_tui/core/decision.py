"""The answer to 'may this order go?': every finding, and one headline derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ibgw_tui.core.errors import ErrorCode
from ibgw_tui.core.terms import CheckStatus, iso


class Finding(NamedTuple):
    """What one check saw. A check that passes also tells its numbers.

    A tuple, because some forty of them are made for every order once a second.
    """

    check: str
    """The check's own name, such as 'max_notional' or 'kill_switch'."""
    code: str
    """The refusal code this check gives (or would give)."""
    status: CheckStatus
    message: str
    observed: str | None = None
    limit: str | None = None
    unit: str | None = None
    headroom: str | None = None
    """What is left before the check refuses, where both are numbers; negative when broken."""
    user_action: str | None = None
    as_of: datetime | None = None
    """When what was observed was true."""
    source: str | None = None
    leg: str | None = None
    """Of a bracket: 'take_profit', 'stop_loss', or 'bracket' for the group; None is the order (the entry) itself."""

    @property
    def blocks(self) -> bool:
        return self.status is CheckStatus.REFUSE or self.status is CheckStatus.UNKNOWN

    def age_seconds(self, now: datetime) -> Decimal | None:
        """How old what was observed is; None when the check does not say when."""
        return None if self.as_of is None else Decimal((now - self.as_of) // datetime.resolution) / 1_000_000

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "check": self.check,
            "code": self.code,
            "status": self.status.value,
            "message": self.message,
            "observed": self.observed,
            "limit": self.limit,
            "unit": self.unit,
            "headroom": self.headroom,
            "user_action": self.user_action,
            "as_of": iso(self.as_of) if self.as_of else None,
            "source": self.source,
        }
        if self.leg is not None:
            data["leg"] = self.leg
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        as_of = datetime.fromisoformat(data["as_of"]) if data.get("as_of") else None
        return cls(**{**data, "status": CheckStatus(data["status"]), "as_of": as_of})


_BADNESS = (CheckStatus.OFF, CheckStatus.PASS, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.REFUSE)


def worst_status(findings: Iterable[Finding]) -> CheckStatus:
    """The worst status among findings; OFF when there is none."""
    return max((finding.status for finding in findings), key=_BADNESS.index, default=CheckStatus.OFF)


@dataclass(frozen=True, slots=True)
class Decision:
    """All findings of one evaluation, gates first, then limits, each in the order of its table."""

    gates: tuple[Finding, ...]
    limits: tuple[Finding, ...]
    error_code: ErrorCode | None
    """The headline (decisions, section 5); None means allowed."""
    refusal_code: str | None
    message: str = ""
    user_action: str = ""

    @property
    def allowed(self) -> bool:
        return self.error_code is None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.gates + self.limits

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.status is CheckStatus.WARN)

    def as_json(self) -> dict[str, Any]:
        return {
            "allowed": self.allowed,
            "error_code": self.error_code.value if self.error_code else None,
            "refusal_code": self.refusal_code,
            "message": self.message,
            "user_action": self.user_action,
            "gates": [f.as_json() for f in self.gates],
            "limits": [f.as_json() for f in self.limits],
        }

    def told(self) -> dict[str, Any]:
        """What the audit log says of it: the headline, and every finding that stopped the order.

        The rest is kept once, with the inputs; the entry carries the digest of both.
        """
        return {
            "allowed": self.allowed,
            "error_code": self.error_code.value if self.error_code else None,
            "refusal_code": self.refusal_code,
            "message": self.message,
            "stopped_by": [finding.as_json() for finding in self.findings if finding.blocks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Decision:
        return cls(
            gates=tuple(Finding.from_json(f) for f in data["gates"]),
            limits=tuple(Finding.from_json(f) for f in data["limits"]),
            error_code=ErrorCode(data["error_code"]) if data["error_code"] else None,
            refusal_code=data["refusal_code"],
            message=data["message"],
            user_action=data["user_action"],
        )
