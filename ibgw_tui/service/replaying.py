"""Recorded decisions made again: as they were, to prove the record; and under another policy, to test it.

Each decision that was acted on was kept with all its inputs. Deciding it again must give the same
findings byte for byte, and the audit entry of the act must carry the SHA-256 of those inputs: who
changes one of the three without the others is found out. Reads only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ibgw_tui.core.cases import Case, parse_case, read_json
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.records import AuditEntry, RecordedDecision
from ibgw_tui.core.written import canonical_json
from ibgw_tui.store import OrderStore
from ibgw_tui.store.decisions import STEP_OF

_PAGE = 1000
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Again:
    """One recorded decision, made again from its inputs."""

    record: RecordedDecision
    case: Case | None
    """None when the inputs are no case any more."""
    decision: Decision | None
    problem: str = ""
    """Empty when it came out as it was recorded, byte for byte."""


def decide_again(record: RecordedDecision) -> Again:
    """Never raises: what cannot be decided again is told as a problem of the record."""
    try:
        data = read_json(record.inputs)
        case = parse_case(data)
        decision = case.decide()
    except InvalidRequest as error:
        return Again(record, None, None, f"its inputs are no case: {error.message}")
    except (ValueError, TypeError, RecursionError, ArithmeticError) as error:
        return Again(record, None, None, f"its inputs cannot be read: {error}")
    made = decision.as_json()
    if canonical_json(made).decode() == record.outcome:
        return Again(record, case, decision)
    return Again(record, case, decision, f"it is decided differently now: {_difference(record.outcome, made)}")


def _difference(recorded: str, made: dict[str, Any]) -> str:
    """Which findings differ, or what else."""
    try:
        then = json.loads(recorded)
        names = [
            str(new.get("check"))
            for part in ("gates", "limits")
            for old, new in zip(then[part], made[part], strict=True)
            if old != new
        ]
        names += [name for name in ("allowed", "error_code", "refusal_code", "message") if then[name] != made[name]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return "the recorded outcome has another shape"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "it is written differently"


@dataclass(frozen=True, slots=True)
class Checked:
    """What replaying one decision showed."""

    seq: int | None
    """None for a decision that the audit log tells of and that is not recorded."""
    order_ref: str
    step: str
    made_at: datetime
    problems: tuple[str, ...]


_Act = tuple[str, str, datetime]
"""Order, step, moment."""


def replay(store: OrderStore, *, since: datetime | None = None, order_ref: str | None = None) -> Iterator[Checked]:
    """Every recorded decision made again and compared with the audit log; then what is missing."""
    newest = store.last_seq()
    told = _told(store, since, order_ref, newest)
    for record in store.decisions(since=since, order_ref=order_ref):
        again = decide_again(record)
        problems = [again.problem] if again.problem else []
        act: _Act = (record.order_ref, record.step, record.made_at)
        problem = _of_digest(hashlib.sha256(record.inputs.encode()).hexdigest(), act, told, store, newest)
        problems += [problem] if problem else []
        yield Checked(record.seq, record.order_ref, record.step, record.made_at, tuple(problems))
    for (ref, step, at), digests in told.items():
        for digest, count in digests.items():
            for _ in range(count):
                words = f"the audit log tells of it (inputs {digest[:12]}), and it is not recorded"
                yield Checked(None, ref, step, at, (words,))


def _told(store: OrderStore, since: datetime | None, order_ref: str | None, newest: int) -> dict[_Act, Counter[str]]:
    """What the audit log says of the inputs of each act."""
    told: dict[_Act, Counter[str]] = {}
    for entry in _entries(store, order_ref, newest):
        act = _act(entry)
        if act is not None and (since is None or act[2] >= since):
            told.setdefault(act, Counter())[str(entry.body["inputs"])] += 1
    return told


def _entries(store: OrderStore, order_ref: str | None, newest: int) -> Iterator[AuditEntry]:
    after = 0
    while page := store.audit_entries(after_seq=after, order_ref=order_ref, limit=_PAGE):
        for entry in page:
            if entry.seq > newest:
                return  # came while we read: its decision may not be in what we walk
            yield entry
        after = page[-1].seq


def _act(entry: AuditEntry) -> _Act | None:
    step = STEP_OF.get(entry.kind)
    if step is None or entry.order_ref is None or not entry.body.get("inputs"):
        return None
    said = entry.body.get("clock_said")  # where the clock stepped back, entries are dated later than they were made
    at = datetime.fromisoformat(said).astimezone(UTC) if isinstance(said, str) else entry.at
    return entry.order_ref, step, at


def _of_digest(digest: str, act: _Act, told: dict[_Act, Counter[str]], store: OrderStore, newest: int) -> str | None:
    """What is wrong between a decision's inputs and the audit entry of its act; takes the entry out of `told`."""
    digests = told.get(act)
    if digests and digests[digest] > 0:
        digests[digest] -= 1
        return None
    if digests and digests.total() > 0:
        other = next(name for name, count in digests.items() if count > 0)
        digests[other] -= 1
        return f"its inputs are {digest[:12]}, the audit log says {other[:12]}"
    since_then = store.last_seq()
    if since_then > newest and _told(store, None, act[0], since_then).get(act, Counter())[digest] > 0:
        return None  # made while we read
    return "no audit entry tells of it"
