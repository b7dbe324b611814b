"""Several orders, decided one after another as if those before were sent: what is displayed, and what is approved.

`Weighing` is used twice, on the same facts: outside a transaction for the page that lists the orders, and inside
the one that approves them. Each order is an approval of its own, bound to its own preview; one that is refused
takes nothing with it and reserves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ibgw_tui.core.batches import why_alone, why_apart
from ibgw_tui.core.cases import Case
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.orders import Approval, Preview
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.assessment import Known
from ibgw_tui.service.reserving import Reserving

MakeCase = Callable[[Preview, Reserving], Case]


@dataclass(frozen=True, slots=True)
class Weighed:
    """One order of several. `problem` says why it cannot be approved with the others; empty when it can."""

    record: OrderRecord
    case: Case
    decision: Decision
    problem: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one order of a batch: approved, or `problem` says why not."""

    record: OrderRecord
    approval: Approval | None
    problem: str


class Weighing:
    """Decides orders in the order they are given; what passes is reserved for those that follow."""

    def __init__(self, known: Known, make_case: MakeCase, approved: Iterable[OrderRecord]) -> None:
        """`approved` was approved before and is not sent yet: it will be counted, too."""
        self.reserving = Reserving(known)
        self._make_case = make_case
        self._first: Preview | None = None
        for record in approved:
            if record.preview is not None:
                self.reserving.reserve(record.preview, make_case(record.preview, self.reserving))

    def weigh(self, record: OrderRecord) -> Weighed:
        """`record` has a preview."""
        preview = record.preview
        assert preview is not None, "only what was displayed is weighed"
        self._first = self._first or preview
        case = self._make_case(preview, self.reserving)
        decision = case.decide()
        problem = why_alone(preview, decision) or why_apart(preview, self._first)
        if not problem:
            self.reserving.reserve(preview, case)
        return Weighed(record, case, decision, problem)
