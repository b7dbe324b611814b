"""Several orders side by side as the terminal shows them before a batch: each ticket, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from ibgw_tui.core.cases import Case
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.records import Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import EXACT, CheckStatus, Money
from ibgw_tui.service.assessment import case_of, read_checklist, stored_facts
from ibgw_tui.service.batching import Weighing
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.reserving import Reservation, Reserving
from ibgw_tui.service.views import SESSION_BAR, Batch, BatchLine, LimitBar, Ticket
from ibgw_tui.store import OrderStore

MOST_APPROVED = 1000


class BatchReader:
    """Reads and decides; writes nothing."""

    def __init__(
        self, store: OrderStore, rules: DeskRules, health: AuditHealth, ticket: Callable[[str], Ticket]
    ) -> None:
        self._store = store
        self._rules = rules
        self._health = health
        self._ticket = ticket

    def read(self, order_refs: Sequence[str]) -> Batch:
        """Raises NotFound."""
        tickets = [self._ticket(order_ref) for order_ref in order_refs]
        if not tickets:
            return Batch((), None, ())
        now, first = tickets[0].now, tickets[0].record.intent

        def make_case(preview: Preview, reserving: Reserving) -> Case:
            facts = stored_facts(self._store, preview, self._rules, now)
            return case_of(
                preview,
                rules=self._rules,
                now=now,
                known=reserving,
                facts=reserving.facts(facts, preview.intent.account),
                audit=self._health.facts(),
                checklist=read_checklist(self._store),
            )

        approved = self._store.orders(statuses=[Status.APPROVED], limit=MOST_APPROVED)
        weighing = Weighing(self._store, make_case, approved)
        policy = (self._rules.policy or LimitPolicy()).effective(first.account, first.symbol)
        window = timedelta(seconds=policy.frequency_limit.window_seconds if policy.frequency_limit else 0)

        def tally() -> Tally:
            start = self._rules.session_start(now)
            return weighing.reserving.tally(first.account, window_start=now - window, session_start=start)

        before, reserved = tally(), len(weighing.reserving.taken)
        lines = tuple(BatchLine(ticket, _problem(weighing, ticket)) for ticket in tickets)
        return Batch(lines, _total(weighing.reserving.taken[reserved:]), _bars(policy, before, tally()))


def _problem(weighing: Weighing, ticket: Ticket) -> str:
    if not ticket.approvable or ticket.shown is None:
        return ticket.why_not or "there is nothing to approve"
    return weighing.weigh(ticket.record).problem


def _total(taken: Sequence[Reservation]) -> Money | None:
    charges = [each.charge for each in taken]
    known = [charge for charge in charges if charge is not None]
    if not known or len(known) < len(charges) or len({charge.currency for charge in known}) > 1:
        return None
    total = Decimal(0)
    for charge in known:
        total = EXACT.add(total, charge.amount)
    return Money(amount=total, currency=known[0].currency)


def _bars(policy: LimitPolicy, before: Tally, after: Tally) -> tuple[LimitBar, ...]:
    """The limits that count over orders: what is used and approved already, and what all of them add."""
    frequency, session = policy.frequency_limit, policy.session_limit
    cap = session.max_session_notional if session else None
    currency = cap.currency if cap else ""
    rows: list[tuple[str, Decimal, Decimal, Decimal | None, str]] = [
        (
            f"orders in {frequency.window_seconds} s" if frequency else "orders in a window",
            Decimal(before.submitted_in_window),
            Decimal(after.submitted_in_window),
            Decimal(frequency.max_orders) if frequency else None,
            "orders",
        ),
        (
            "orders in session",
            Decimal(before.submitted_in_session),
            Decimal(after.submitted_in_session),
            Decimal(session.max_orders_per_session) if session else None,
            "orders",
        ),
        (
            SESSION_BAR,
            before.session_notional.get(currency, Decimal(0)),
            after.session_notional.get(currency, Decimal(0)),
            cap.amount if cap else None,
            currency,
        ),
    ]
    return tuple(
        LimitBar(name, used, EXACT.subtract(total, used), limit, unit, _status(total, limit))
        for name, used, total, limit, unit in rows
    )


def _status(total: Decimal, limit: Decimal | None) -> CheckStatus:
    if limit is None:
        return CheckStatus.OFF
    return CheckStatus.REFUSE if total > limit else CheckStatus.PASS
