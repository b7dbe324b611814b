"""The configuration in the words of the core: what the roles may know of it."""

from __future__ import annotations

from datetime import UTC, datetime, time

from ibgw_tui.config import Config
from ibgw_tui.core.rules import DeskRules, LiveRules
from ibgw_tui.core.terms import Mode


def desk_rules(config: Config, *, enable_live: bool = False, read_at: datetime | None = None) -> DeskRules:
    """What the configuration allows. Live orders also need `enable_live`: this start of the program asked for them."""
    desk, live = config.desk, config.live
    mode = Mode(config.broker.mode)
    return DeskRules(
        mode=mode,
        backend=config.broker.backend,
        operator=desk.operator,
        paper=LiveRules(
            enabled=config.paper.enabled,
            invocation_enabled=config.paper.enabled,
            allowed_accounts=config.paper.allowed_accounts,
        ),
        live=LiveRules(
            enabled=live.enabled and live.allow_live_trading,
            invocation_enabled=enable_live,
            allowed_accounts=live.allowed_accounts,
        ),
        # A live order is never judged by the policy that was written for play money.
        risk_policy_id=live.risk_policy_id if mode is Mode.LIVE else config.risk.policy_id,
        policies=config.policies,
        preview_ttl_seconds=desk.preview_ttl_seconds,
        approval_ttl_seconds=desk.approval_ttl_seconds,
        hold_back_seconds=desk.hold_back_seconds,
        max_pending_per_agent=desk.max_pending_per_agent,
        session_zone=desk.time_zone,
        session_roll=time.fromisoformat(desk.session_roll),
        read_at=read_at or datetime.now(UTC),
    )
