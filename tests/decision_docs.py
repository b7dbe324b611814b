"""What docs/gates.md and docs/limits.md say, taken from the code: its tables, its docstrings, and what its checks
answer when they are asked. A check is asked with everything at hand, with nothing at hand, and with each thing missing.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise, product
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin

from pydantic import BaseModel

from ibgw_tui.core import gates, policy
from ibgw_tui.core.case_sections import CaseSections
from ibgw_tui.core.checks import LIMITS
from ibgw_tui.core.context import (
    AuditFacts,
    Counters,
    FxRate,
    Hours,
    KeyFacts,
    LimitContext,
    OrderTerms,
    OwnOrder,
    PositionFacts,
    PreviewFacts,
    SessionFacts,
    Steps,
    WhatIfFacts,
)
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.gates import GATES, evaluate
from ibgw_tui.core.orders import Session
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import CheckStatus, HoursKind, KillSwitch, Mode, Money, OrderType, QuoteStatus, Side
from tests.makers import NOON, a_market, a_policy, a_switch, gate_context, limit_context, terms, usd

ARMED = a_policy(
    max_fx_age_seconds=10,
    max_spread_bps=300,
    max_position=Decimal(100),
    min_excess_liquidity=usd("1000"),
    duplicate_window_seconds=60,
    refuse_self_cross=True,
    market_hours=HoursKind.LIQUID,
    max_drift_bps=100,
)
"""A policy with every field set."""


# ---- gates

GATE_PROBES: tuple[dict[str, Any], ...] = (
    {"enabled": None},
    {"enabled": False},
    {"session": SessionFacts(("U1234567",), Mode.PAPER, NOON)},
    {"allowed_accounts": None},
    {"allowed_accounts": ()},
    {"session": SessionFacts(None)},
    {"session": SessionFacts(("U7654321",), Mode.LIVE, NOON)},
    {"scopes": None},
    {"scopes": frozenset()},
    {"preview": None},
    {"preview": PreviewFacts("p1", "d1", a_policy().digest, NOON)},
    {"approval": None},
    {"idempotency_key": None},
    {"key": KeyFacts(False, True)},
    {"key": KeyFacts(True, False)},
    {"risk_policy_id": None},
    {"switch": None},
    {"switch": a_switch(KillSwitch.CLOSED)},
    {"audit": None},
    {"audit": AuditFacts(False, 0)},
    {"checklist": None},
)


def gate_sections() -> str:
    """One section a gate: question, codes, why it refuses and what to do."""
    asked: dict[str, list[Finding]] = {gate.name: [] for gate in GATES}
    for changes in (*GATE_PROBES, {}):
        refusing = changes == {}
        order = terms(quantity=Decimal(11)) if refusing else terms()
        decision = evaluate(order, a_policy(), limit_context(), gate_context(**changes))
        for finding in decision.gates:
            if finding.blocks:
                asked[finding.check].append(finding)
    sections = []
    for number, gate in enumerate(GATES, 1):
        found = asked[gate.name]
        assert found, f"no probe makes {gate.name} refuse"
        assert {finding.code for finding in found} == {gate.code}
        rows = [
            ("refuses with", f"`{gate.code}`"),
            ("as an error", f"`{gate.headline.value}`" + _headline_note(gate.name)),
            ("asked for a cancel", "yes" if gate.asked_for_cancel else "no: the way out is never locked"),
        ]
        lines = [f"## {number}. `{gate.name}`", "", gate.question, "", *_table(rows), ""]
        lines += ["| refuses, for example | what to do |", "|---|---|"]
        lines += _distinct(f"| {_cell(finding.message)} | {_cell(finding.user_action or '')} |" for finding in found)
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def _headline_note(name: str) -> str:
    if name == gates.RISK_POLICY:
        return "; alone, `LIVE_LIMIT_REFUSED` with the code of the first refusing limit"
    if name == gates.APPROVAL:
        return (
            "; alone, the approval's own error: `APPROVAL_CONSUMED`, `APPROVAL_PREVIEW_MISMATCH` or that it is missing"
        )
    return "; in paper mode `PAPER_TRADING_DISABLED`" if name == gates.FEATURE else ""


# ---- limits


class Watched:
    """A policy that remembers which of its fields were looked at."""

    def __init__(self, looked_at: LimitPolicy) -> None:
        self._policy = looked_at
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._policy, name)


def _orders() -> list[OrderTerms]:
    plain = {"limit_price": None}
    return [
        terms(),
        terms(order_type=OrderType.MARKET, **plain),
        terms(order_type=OrderType.STOP, stop_price=Decimal(105), **plain),
        terms(order_type=OrderType.STOP, **plain),
        terms(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(105), limit_price=Decimal(104)),
        terms(order_type=OrderType.STOP, stop_price=Decimal(99), **plain),
        terms(order_type=OrderType.TRAILING_STOP, trailing_amount=Decimal(3), **plain),
        terms(order_type=OrderType.TRAILING_STOP, trailing_amount=Decimal(1), **plain),
        terms(order_type=OrderType.TRAILING_STOP, **plain),
        terms(currency="EUR"),
        terms(symbol="MSFT", quantity=Decimal("200.5"), limit_price=Decimal("150.001")),
    ]


def _policies() -> list[LimitPolicy]:
    return [ARMED, LimitPolicy(), ARMED.replaced(market_hours=HoursKind.ANY)]


def _contexts() -> list[LimitContext]:
    twin = OwnOrder("U1234567", 265598, Side.BUY, Decimal(1), OrderType.LIMIT, Decimal(100), age_seconds=Decimal(5))
    other = OwnOrder("U1234567", 265598, Side.SELL, Decimal(1), OrderType.LIMIT, Decimal(99))
    day = (Session(opens=NOON - timedelta(hours=1), closes=NOON + timedelta(hours=5)),)
    full: dict[str, Any] = {
        "position": PositionFacts(Decimal(0), as_of=NOON),
        "what_if": WhatIfFacts(usd("5000"), NOON),
        "hours": Hours(day, day),
        "fx": (FxRate("EUR", "USD", Decimal("1.1"), Decimal(1)),),
        "working_orders": (),
        "recent_orders": (),
        "approved_market": a_market(),
    }
    missing: list[dict[str, Any]] = [{name: () if name == "fx" else None} for name in full]
    missing += [{name: None} for name in ("market", "counters", "steps")]
    others: list[dict[str, Any]] = [
        {},
        {"mode": Mode.PAPER},
        {"was_approved": False},
        {"market": a_market(bid=None)},
        {"market": a_market(bid="102", ask="101")},
        {"market": a_market(age_seconds=Decimal(31))},
        {"market": a_market(age_seconds=None)},
        {"market": a_market(status=QuoteStatus.STALE)},
        {"market": a_market(status=QuoteStatus.DELAYED)},
        {"market": a_market(currency="EUR")},
        {"market": a_market(bid="90", ask="120")},
        {"counters": Counters(5, 20, (usd("5000"),))},
        {"steps": Steps((), None)},
        {"position": PositionFacts(Decimal(100), as_of=NOON)},
        {"what_if": WhatIfFacts(usd("500"), NOON)},
        {"what_if": WhatIfFacts(Money(amount=Decimal(5000), currency="CHF"), NOON)},
        {"hours": Hours((), day)},
        {"hours": Hours((), ())},
        {"recent_orders": (twin,)},
        {"working_orders": (other,)},
        {"approved_market": a_market(bid="90", ask="92")},
    ]
    return [limit_context(**{**full, **changes}) for changes in (*others, *missing)]


def limit_sections() -> str:
    """One section a check: formula, codes, fields, and when it is OFF, UNKNOWN or warns."""
    orders, policies, contexts = _orders(), _policies(), _contexts()
    sections = []
    for number, check in enumerate(LIMITS, 1):
        read: set[str] = set()
        found: list[Finding] = []
        for order, looked_at, context in product(orders, policies, contexts):
            watched = Watched(looked_at)
            found.append(check(order, cast("LimitPolicy", watched), context))
            read |= watched.read
        words, formula = _docstring(check)
        refusing = [finding for finding in found if finding.blocks]
        assert refusing, f"no probe makes {check.__name__} refuse"
        codes = _distinct(finding.code for finding in found)
        fields = [name for name in LimitPolicy.model_fields if name in read]
        rows = [
            ("refuses with", ", ".join(f"`{code}`" for code in codes)),
            ("passes when", f"`{formula}`"),
            ("policy fields", ", ".join(f"`{name}`" for name in fields) or "none"),
            ("OFF when", _when(found, CheckStatus.OFF)),
            ("UNKNOWN, and so refuses, when", _when(found, CheckStatus.UNKNOWN)),
            ("warns when", _when(found, CheckStatus.WARN)),
            ("what to do", "; ".join(_distinct(_cell(finding.user_action or "") for finding in refusing))),
        ]
        head = [f"## {number}. `{found[0].check}`", "", words, "", *_table(rows)]
        sections.append("\n".join(head))
    return "\n\n".join(sections)


def _when(found: list[Finding], status: CheckStatus) -> str:
    said = _distinct(_cell(_without_numbers(finding.message)) for finding in found if finding.status is status)
    return "; ".join(said) or "never"


def _without_numbers(message: str) -> str:
    return re.sub(r"a [a-z_]+ order (has|cannot)", r"an order of this type \1", message)


def _docstring(check: Any) -> tuple[str, str]:
    """The sentence and the formula of a check."""
    text = inspect.getdoc(check) or ""
    words, _, formula = text.partition("\n\n")
    assert formula and "\n" not in formula, f"{check.__name__} has no formula"
    return re.sub(r" \(risk, [^)]*\)", "", words.replace("\n", " ")), formula


# ---- policy fields


def field_table() -> str:
    """Every field of a policy with its docstring."""
    written = dict(_field_docstrings())
    lines = ["| field | default | meaning |", "|---|---|---|"]
    for name, field in LimitPolicy.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = (
            "not set" if default is None else "empty" if not default and default is not False else str(default).lower()
        )
        lines.append(f"| `{name}` | {shown} | {_cell(written[name])} |")
    return "\n".join(lines)


def _field_docstrings() -> Iterator[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(policy))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "LimitPolicy")
    for field, after in pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text


# ---- cases

MEANING: dict[str, str] = {
    "case": "a name, given back with the answer",
    "now": "the moment of the decision",
    "operation": "what is asked for; `review` is what the operator's screen asks: gates 5 and 6 are not asked yet",
    "mode": "play money or real money",
    "order": "the order, measured in its contract's units; `bracket` makes it the entry of one",
    "preview": "what was shown to the operator",
    "approval": "the operator's yes",
    "idempotency_key": "the caller's name for this write",
    "risk_policy_id": "which of `policies` is in force",
    "policies": "limit policies by id; the fields are those of `[policies.<id>]`, see [limits.md](limits.md)",
    "live": "gates 1 and 2 of live orders (and of paper orders, where there is no `paper`)",
    "paper": "the same for paper orders",
    "scopes": "what the submitting principal may do, such as `orders:live:submit`",
    "kill_switch": "`open` or `closed`; anything else is unknown, and that is closed",
    "audit_available": "whether the audit log took an entry in this very transaction",
    "checklist": "the paper-to-live checklist",
    "market": "the quote; a price is a number, or an amount with a currency of its own",
    "counters": "orders that count against the frequency and session limits; amounts may be several, one a currency",
    "position": "what is held, and what may still come; buys and sells are never netted; one that is left out is not known",
    "working_orders": "own orders at the broker, for the self-cross check",
    "recent_orders": "own orders of late, for the duplicate check",
    "what_if": "the broker's estimate of the account after this order",
    "hours": "when the contract trades: pairs of opening and closing",
    "fx": "rates: one unit of `base` in `quote`",
    "approved_market": "the market when the order was approved, for the drift check",
    "contract": "the tick ladder and the size increment",
    "modifies": "of a modify: the order as we recorded it, as the broker has it now, and what of it is filled",
    "session": "what the connected broker session said of itself; without it nobody is asked",
    "switch": "who set the kill switch, when, and why; its state is `kill_switch`",
    "audit": "how far the audit log was verified",
    "key": "whether the idempotency key is fresh, and the order unknown to the broker",
    "policy_digest": "digest of the policy in force, compared with those of preview and approval where they are given",
    "configured_at": "when the configuration was read",
}


def case_table() -> str:
    """Every section of a case and its keys; a key that must be there is bold."""
    assert set(MEANING) == set(CaseSections.model_fields)
    lines = ["| section | keys | what it is |", "|---|---|---|"]
    for name, field in CaseSections.model_fields.items():
        shown = f"**`{name}`**" if field.is_required() else f"`{name}`"
        lines.append(f"| {shown} | {_keys(field.annotation)} | {MEANING[name]} |")
    return "\n".join(lines)


def _keys(annotation: Any) -> str:
    model = _section(annotation)
    if model is None:
        words = _words(annotation)
        return ", ".join(f"`{word}`" for word in words) or "-"
    found = []
    for name, field in model.model_fields.items():
        shown = f"**`{name}`**" if field.is_required() else f"`{name}`"
        inner = _section(field.annotation)
        if inner is not None and inner is _section(CaseSections.model_fields["order"].annotation):
            shown += " (as `order`)"
        elif inner is not None:
            shown += f" ({_keys(inner)})"
        elif words := _words(field.annotation):
            shown += f" ({', '.join(words)})"
        found.append(shown)
    many = "each: " if get_origin(_bare(annotation)) is tuple else ""
    return many + ", ".join(found)


def _bare(annotation: Any) -> Any:
    """Without `| None`."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if get_origin(annotation) in (Union, UnionType) and len(parts) == 1 else annotation


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Mapping:
        return None
    return next((found for part in get_args(annotation) if (found := _section(part)) is not None), None)


def _words(annotation: Any) -> list[str]:
    kind = _bare(annotation)
    return [str(item.value) for item in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


# ---- writing


def _table(rows: list[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _distinct(texts: Any) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
