"""A decision with all its inputs as one JSON object (decisions, section 10).

The same form is written by hand, recorded beside every decision of the desk, and decided again later:
what `Case.as_json` writes, `parse_case` reads back to an equal case, so an old decision can be replayed
to the byte. An absent section means *not known*, and refuses where an armed check needs it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ibgw_tui.core.context import (
    ExitTerms,
    GateContext,
    LimitContext,
    OrderTerms,
    SessionFacts,
)
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.gates import evaluate
from ibgw_tui.core.orders import describe_problems
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import (
    iso,
)
from ibgw_tui.core.written import canonical_json


@dataclass(frozen=True, slots=True)
class Case:
    """One question to `evaluate`, complete."""

    name: str
    order: OrderTerms
    policy: LimitPolicy | None
    """None when the named one is not defined."""
    limits: LimitContext
    gates: GateContext

    def decide(self) -> Decision:
        return evaluate(self.order, self.policy, self.limits, self.gates)

    def under(self, policy: LimitPolicy | None) -> Case:
        """The same case under another policy; approvals given under the recorded one stay what they are."""
        return Case(self.name, self.order, policy, self.limits, self.gates)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical inputs; the audit entry of the act carries it."""
        return hashlib.sha256(canonical_json(self.as_json())).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """What `parse_case` reads back to an equal case."""
        return _written(self)


@lru_cache(maxsize=256)
def _policies(text: str) -> dict[str, LimitPolicy]:
    """Policies by id. Ten thousand cases usually share one text."""
    return _POLICIES.validate_json(text)


_POLICIES: TypeAdapter[dict[str, LimitPolicy]] = TypeAdapter(dict[str, LimitPolicy])


def parse_case(data: Mapping[str, Any]) -> Case:
    """Read one case from JSON-like data. Raises InvalidRequest that names every problem."""
    # Thirty models that only a written case needs: every start of every command would pay for them.
    from ibgw_tui.core.case_sections import CaseSections

    try:
        case = CaseSections.model_validate(data)
        policies = _policies(json.dumps(case.policies, sort_keys=True, default=str))
    except ValidationError as error:
        problems = [line.replace("is not a field of an order", "is not a key of a case") for line in _problems(error)]
        raise InvalidRequest(
            "; ".join(problems),
            user_action="correct the named keys; the case was not decided",
            code=ErrorCode.INPUT_INVALID,
            problems=problems,
        ) from error
    policy = policies.get(case.risk_policy_id) if case.risk_policy_id is not None else None
    return Case(case.case, case.order.terms(), policy, case.limits(), case.gates())


def _problems(error: ValidationError) -> list[str]:
    return describe_problems(error)


def read_json(text: str | bytes) -> Any:
    """JSON with its numbers kept exact; NaN and Infinity stay what they are: unknown."""
    return json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)


# ---- writing


def _written(case: Case) -> dict[str, Any]:
    order, limits, gates = case.order, case.limits, case.gates
    enabled = {
        "enabled": gates.enabled,
        "invocation_enabled": gates.invocation_enabled,
        "allowed_accounts": gates.allowed_accounts,
    }
    switch, audit = gates.switch, gates.audit
    data: dict[str, Any] = {
        "case": case.name,
        "now": gates.now,
        "operation": gates.operation,
        "mode": gates.mode,
        "order": _order(order),
        "preview": _plain(gates.preview),
        "approval": _plain(gates.approval),
        "idempotency_key": gates.idempotency_key,
        "risk_policy_id": gates.risk_policy_id,
        "policies": {gates.risk_policy_id: case.policy.model_dump(mode="json")} if case.policy is not None else None,
        gates.mode.value: enabled,
        "scopes": sorted(gates.scopes) if gates.scopes is not None else None,
        "kill_switch": switch.state if switch else None,
        "switch": _plain(switch, leave={"state", "by_file_alone"}),
        "audit_available": audit.available if audit else None,
        "audit": _plain(audit, leave={"available"}),
        "checklist": gates.checklist,
        "market": _plain(limits.market),
        "approved_market": _plain(limits.approved_market),
        "counters": _plain(limits.counters),
        "position": _plain(limits.position),
        "working_orders": limits.working_orders,
        "recent_orders": limits.recent_orders,
        "what_if": _plain(limits.what_if),
        "hours": {
            "liquid": [(s.opens, s.closes) for s in limits.hours.liquid],
            "trading": [(s.opens, s.closes) for s in limits.hours.trading],
        }
        if limits.hours
        else None,
        "fx": limits.fx or None,
        "contract": {"price_steps": limits.steps.prices, "size_increment": limits.steps.size_increment}
        if limits.steps
        else None,
        "modifies": {
            "recorded": _order(limits.modifies.recorded),
            "working": _order(limits.modifies.working) if limits.modifies.working else None,
            "filled": limits.modifies.filled,
        }
        if limits.modifies
        else None,
        "session": _plain(gates.session or SessionFacts(None)) if gates.asks_session else None,
        "key": _plain(gates.key),
        "policy_digest": gates.policy_digest,
        "configured_at": gates.configured_at,
    }
    return {name: _json(value) for name, value in data.items() if value is not None}


def _order(order: OrderTerms) -> dict[str, Any]:
    plain = _plain(order, leave={"exits"}) or {}
    return {**plain, "bracket": _bracket(order.exits)} if order.exits else plain


def _bracket(exits: tuple[ExitTerms, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for terms in exits:
        prices = {"limit_price": terms.limit_price, "stop_price": terms.stop_price}
        found[terms.leg] = {name: value for name, value in prices.items() if value is not None}
    return found


def _plain(value: Any, *, leave: set[str] | None = None) -> dict[str, Any] | None:
    """A slotted dataclass as a dict, without what is not known."""
    if value is None:
        return None
    named = {name: getattr(value, name) for name in value.__slots__ if name not in (leave or ())}
    return {name: item for name, item in named.items() if item is not None}


def _json(value: Any) -> Any:
    """Plain JSON: decimals as text, moments as UTC text, enums as words."""
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [_json(item) for item in value]
    if isinstance(value, BaseModel):
        return {name: _json(getattr(value, name)) for name in type(value).model_fields}
    return _json(_plain(value))
