"""The desk's rules as one value: what the configuration allows, in the words of the core.

The service never reads a configuration file; `wiring` translates one into this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import ConfigDict

from ibgw_tui.core.orders import digest_of
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import AccountId, Frozen, Mode, Moment, PrincipalName


class LiveRules(Frozen):
    """Gates 1 and 2 of the mode the desk runs in."""

    enabled: bool = False
    """The configuration allows orders in this mode at all."""
    invocation_enabled: bool = False
    """And this start of the program asked for it."""
    allowed_accounts: tuple[AccountId, ...] = ()


class DeskRules(Frozen):
    """Everything a person configured that a decision or a role needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    mode: Mode
    backend: str
    """'simulated' or 'ibkr': shown in the header."""
    operator: PrincipalName
    paper: LiveRules = LiveRules()
    live: LiveRules = LiveRules()
    risk_policy_id: str | None = None
    policies: Mapping[str, LimitPolicy] = {}
    preview_ttl_seconds: int = 900
    approval_ttl_seconds: int = 300
    hold_back_seconds: int = 3
    max_pending_per_agent: int = 200
    session_zone: str = "UTC"
    session_roll: time = time(0, 0)
    read_at: Moment | None = None
    """When the configuration was read: how old what it says is."""

    @property
    def mode_rules(self) -> LiveRules:
        return self.live if self.mode is Mode.LIVE else self.paper

    @property
    def policy(self) -> LimitPolicy | None:
        return self.policies.get(self.risk_policy_id) if self.risk_policy_id else None

    @cached_property
    def policy_digest(self) -> str:
        """Digest of the policy in force; approvals given under another one are void."""
        return self.policy.digest if self.policy else digest_of("policy", None)

    def session_start(self, now: datetime) -> datetime:
        """The newest roll of the session at or before `now`, in UTC."""
        zone = ZoneInfo(self.session_zone)
        local = now.astimezone(zone)
        roll = datetime.combine(local.date(), self.session_roll, tzinfo=zone)
        if roll > local:
            roll = datetime.combine(local.date() - timedelta(days=1), self.session_roll, tzinfo=zone)
        return roll.astimezone(UTC)
