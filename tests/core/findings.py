"""What each check must say, as rows: what is changed of an order that passes, and the whole finding that follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ibgw_tui.core.checks import check_limits
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.terms import CheckStatus
from tests.makers import an_armed_policy, armed_context, terms

Changes = Mapping[str, Any]


class Row(NamedTuple):
    """The first five say what is asked; the rest is the finding, in the order of its fields."""

    check: str
    about: str
    order: Changes
    policy: Changes
    context: Changes
    status: CheckStatus
    code: str
    message: str
    observed: str | None = None
    limit: str | None = None
    unit: str | None = None
    headroom: str | None = None
    user_action: str | None = None
    as_of: datetime | None = None
    source: str | None = None


def title(row: Row) -> str:
    return f"{row.check}: {row.about}"


def said(row: Row) -> Finding:
    """What the check says: with every other check armed, and nothing else wrong."""
    found = check_limits(terms(**row.order), an_armed_policy(**row.policy), armed_context(**row.context))
    return next(finding for finding in found if finding.check == row.check)


def expected(row: Row) -> Finding:
    return Finding(
        row.check,
        f"LIVE_{row.code}",
        row.status,
        row.message,
        row.observed,
        row.limit,
        row.unit,
        row.headroom,
        row.user_action,
        row.as_of,
        row.source,
    )
