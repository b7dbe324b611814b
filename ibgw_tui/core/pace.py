"""How fast an operator says yes, counted from the audit log: a hint for the eye. Pure; nothing is refused by it.

Attention wears off long before a person notices. Who approved fourteen orders in two minutes reads that on the
fifteenth, beside what is to be approved, and may take a break or go on. What is counted was recorded with each
decision, so it is the same after a restart and on another terminal. An order of a batch counts as an order, and
its time on review is its part of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from ibgw_tui.core.records import AuditEntry

WINDOW = timedelta(minutes=2)
MANY = 8
"""So many approvals in the window are told: a review every fifteen seconds."""
FEW, BRISK_SECONDS = 4, Decimal(2)
"""So many are told already, when half of them took less than this to read."""
APPROVED, TURNED_DOWN = "order.approve", ("order.reject", "order.ask_changes")
DECISIONS = (APPROVED, *TURNED_DOWN)
"""Audit entries that tell what an operator decided about an order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operator said of one order."""

    at: datetime
    approved: bool
    seconds: Decimal | None = None
    """Its time on review, where that is recorded."""
    batched: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """What was decided in the window that ends now."""

    approved: int = 0
    batched: int = 0
    """Of them, those that were approved together with others."""
    turned_down: int = 0
    seconds: Decimal | None = None
    """The median time on review of what was approved; None where none is recorded."""

    @property
    def is_fast(self) -> bool:
        brisk = self.seconds is not None and self.seconds < BRISK_SECONDS
        return self.approved >= MANY or (self.approved >= FEW and brisk)

    @property
    def hints(self) -> tuple[str, ...]:
        """The same, the longest first, for whatever room there is; nothing while the pace is a calm one."""
        if not self.is_fast:
            return ()
        minutes = WINDOW // timedelta(minutes=1)
        each = f", {self.seconds:.1f} s each" if self.seconds is not None else ""
        together = f" ({self.batched} in batches)" if self.batched else ""
        down = f"turned {self.turned_down or 'none'} down"
        return (
            f"you approved {self.approved}{together} and {down} in the last {minutes} minutes{each}",
            f"you approved {self.approved} in the last {minutes} minutes{each}",
            f"{self.approved} approved in {minutes} min{each}",
            f"{self.approved} in {minutes} min",
        )


def pace_of(answers: Iterable[Answer], now: datetime) -> Pace:
    """Of one operator's answers. One of a clock that stepped back since is as near as it is far ahead."""
    lately = [answer for answer in answers if abs(now - answer.at) <= WINDOW]
    yes = [answer for answer in lately if answer.approved]
    seconds = [answer.seconds for answer in yes if answer.seconds is not None]
    return Pace(
        approved=len(yes),
        batched=sum(answer.batched for answer in yes),
        turned_down=len(lately) - len(yes),
        seconds=median(seconds) if seconds else None,
    )


def answer_of(entry: AuditEntry) -> Answer:
    """The answer that one of DECISIONS records. What is not told of it, or not as it should be, is not known."""
    how = entry.body.get("how")
    told: dict[str, Any] = how if isinstance(how, dict) else {}
    together = _number(str(told.get("batch", "")).rpartition(" of ")[2]) or Decimal(1)
    whole = _number(told.get("reviewed"))
    return Answer(
        at=entry.at,
        approved=entry.kind == APPROVED,
        seconds=whole / together if whole is not None else None,
        batched="batch" in told,
    )


def _number(text: object) -> Decimal | None:
    return Decimal(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
