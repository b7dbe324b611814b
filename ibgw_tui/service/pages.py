"""What the terminal's pages show, as values: positions, kill switch, policies, agents, settings. Formatting is the door's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import AuditEntry, SwitchState
from ibgw_tui.core.terms import CheckStatus, Mode, Money, iso
from ibgw_tui.service.checklist import ChecklistView
from ibgw_tui.service.policy_views import Remark, Setting
from ibgw_tui.service.standing import Standing
from ibgw_tui.service.views import LimitBar


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One contract of one account: what is held, what works, and where it ends if one side fills and the other not."""

    symbol: str
    con_id: int
    held: Decimal | None
    """Signed; None while the broker's positions are not known."""
    average_cost: Decimal | None
    buys: Decimal
    """Remaining quantity of open buys: working, being sent, in doubt, and foreign ones."""
    sells: Decimal
    in_doubt: Decimal
    """Of both, what is in doubt."""
    longest: Decimal | None
    shortest: Decimal | None
    worst: LimitBar | None
    """The worst of the two against max_position of the policy; None while the position is not known."""


@dataclass(frozen=True, slots=True)
class AccountUse:
    """One account: its positions, and how much of the limits is used."""

    account: str
    positions: tuple[PositionRow, ...]
    bars: tuple[LimitBar, ...]
    unconverted: tuple[Money, ...]
    """Session notional in other currencies than the limit's: a decision converts it at the rate of that moment."""
    funds: tuple[tuple[str, Money], ...]
    """What the broker says the account has: (name, amount)."""


@dataclass(frozen=True, slots=True)
class PositionsPage:
    now: datetime
    policy_id: str | None
    known: bool
    """Whether the broker's positions are fresh enough to be relied on."""
    session_began: datetime
    accounts: tuple[AccountUse, ...]


@dataclass(frozen=True, slots=True)
class SwitchPage:
    now: datetime
    state: SwitchState
    history: tuple[AuditEntry, ...]
    """Oldest first."""
    standing: Standing


@dataclass(frozen=True, slots=True)
class OverrideView:
    """What is tighter for one account or one symbol."""

    where: str
    digest: str
    """Of the policy as it is there."""
    given: tuple[tuple[str, str], ...]
    """(field, value) as the configuration gives them."""


@dataclass(frozen=True, slots=True)
class PolicyView:
    policy_id: str
    digest: str
    in_force: bool
    settings: tuple[Setting, ...]
    overrides: tuple[OverrideView, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    now: datetime
    mode: Mode
    policies: tuple[PolicyView, ...]
    """That in force first."""
    checklist: ChecklistView


@dataclass(frozen=True, slots=True)
class NoView:
    """An order of an agent that was refused or rejected, and why."""

    order_ref: str
    symbol: str
    status: Status
    code: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentView:
    """Who stages what, and what becomes of it."""

    name: str
    counts: Mapping[Status, int]
    approved: int
    rejected: int
    """By a person, changes asked for included."""
    waiting: int
    """Open orders, which count against the budget."""
    budget: int
    newest_at: datetime
    noes: tuple[NoView, ...]
    """Newest first."""

    @property
    def staged(self) -> int:
        return sum(self.counts.values())

    @property
    def approval_rate(self) -> Decimal | None:
        """Percent of the orders that a person decided; None when nobody decided any."""
        decided = self.approved + self.rejected
        return Decimal(100 * self.approved) / decided if decided else None

    @property
    def budget_status(self) -> CheckStatus:
        return CheckStatus.REFUSE if self.waiting >= self.budget else CheckStatus.PASS


@dataclass(frozen=True, slots=True)
class AgentsPage:
    now: datetime
    looked_at: int
    """Only so many of the newest orders are counted."""
    agents: tuple[AgentView, ...]
    """Who staged last comes first."""


@dataclass(frozen=True, slots=True)
class FoundEntries:
    """Some of the audit log: what was found, and how far back was looked."""

    entries: tuple[AuditEntry, ...]
    """Oldest first."""
    looked_to: int
    """The lowest number that was looked at; 1 when there is nothing before it."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class SettingsPage:
    file: str
    """The configuration file that was read, or would be."""
    exists: bool
    rows: tuple[SettingRow, ...]


def entry_contains(entry: AuditEntry, words: Sequence[str]) -> bool:
    """Whether number, time, kind, actor, order, body and hash together contain every word, which is in lower case."""
    told = (
        f"{entry.seq} {iso(entry.at)} {entry.kind} {entry.actor} {entry.principal} {entry.order_ref or ''} {entry.hash}"
    )
    body = json.dumps(entry.body, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    text = f"{told} {body}".lower()
    return all(word in text for word in words)


NO_SETTINGS = SettingsPage("", False, ())
