"""What must hold of a desk after any crash and one recovery.

Three things that were written independently of each other are compared: the database, the journals of
the processes (what they were told), and the market (what arrived there). `inspect` returns sentences;
none is well.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibgw_tui.core.lifecycle import AT_BROKER
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.replay import Replay
from tests.crash.journal import read_journals
from tests.crash.market import Truth

CHECKED = (
    "every acknowledged change is in the audit log, under its own name",
    "the same key is one order",
    "each approval is spent at most once, and only in a submission of its own",
    "nothing is sent that was not approved, and nothing after the kill switch closed, until it was opened",
    "no order reference arrived at the broker twice, and none without a recorded submission",
    "every submit is resolved or in doubt; what the broker has was adopted, what it has not is not shown as working",
    "what was filled at the broker is what is booked, each execution once",
    "the audit chain verifies, and replaying it gives the tables",
    "the file passes integrity_check and foreign_key_check",
)

KINDS = {
    "stage": ("order.staged",),
    "preview": ("order.previewed", "order.refuse", "order.refresh"),
    "approve": ("order.approve",),
    "recall": ("order.recall",),
    "reject": ("order.reject",),
    "withdraw": ("order.withdraw",),
    "submit": ("order.send",),
    "submit_now": ("submit.asked",),
    "cancel": ("order.ask_cancel",),
    "kill": ("switch.closed",),
    "open": ("switch.opened",),
    "revise": ("order.staged",),
    "modify": ("order.staged",),
    "edit": ("order.edited",),
}
"""The audit entries that an acknowledged act must have left."""

_HAS = ("working", "partially_filled", "cancel_requested", "filled", "cancelled", "rejected_by_broker")
_HAS_NOT = ("in_doubt", "not_placed")


@dataclass(frozen=True, slots=True)
class Row:
    status: str
    filled: Decimal
    submitted: bool
    begins: bool
    """Staged by itself: no revision, no change of another order, no exit of a bracket."""


class Desk:
    """One reading of everything."""

    def __init__(self, database: Path, truth: Truth) -> None:
        self.truth = truth
        self.journal = list(read_journals(database.parent))
        with AuditFile(database) as file:
            self.entries = [json.loads(row[0]) for row in file.rows("SELECT entry FROM audit ORDER BY seq")]
            self.orders = {
                row[0]: Row(row[1], Decimal(row[2]), bool(row[3]), bool(row[4]))
                for row in file.rows(
                    "SELECT o.order_ref, o.status, o.filled, s.order_seq IS NOT NULL, coalesce(o.revises, o.modifies, o.parent) IS NULL "
                    "FROM orders o "
                    "LEFT JOIN submissions s ON s.order_seq = o.seq"
                )
            }
            self.keys = {
                (row[0], row[1]): row[2]
                for row in file.rows("SELECT principal, key, order_ref FROM idempotency WHERE operation = 'stage'")
            }
            self.spent = file.rows(
                "SELECT a.approval_id, a.status = 'consumed', s.order_seq IS NOT NULL, a.order_seq = s.order_seq "
                "FROM approvals a LEFT JOIN submissions s ON s.approval_id = a.approval_id"
            )
            self.executions = Counter(
                row[0] for row in file.rows("SELECT exec_id FROM executions WHERE replaced_by IS NULL")
            )
            self.file_problems = file_problems(file)


def file_problems(file: AuditFile) -> list[str]:
    """What is wrong with the database, taken by itself."""
    verdict = file.chain.verify()
    problems = [] if verdict.ok else [f"the chain does not verify: {verdict.problem}"]
    problems += [f"replay: {divergence}" for divergence in Replay(file).run()]
    problems += file.changed_guards()
    for check, well in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        found = file.rows(f"PRAGMA {check}")
        if found != well:
            problems.append(f"{check}: {found}")
    return problems


def inspect(database: Path, truth: Truth) -> list[str]:
    """Everything that does not hold. Empty is well."""
    desk = Desk(database, truth)
    parts = (acknowledged, keys, approvals, history, _wire, _statuses, _fills)
    return [*desk.file_problems, *(words for part in parts for words in part(desk))]


def acknowledged(desk: Desk) -> Iterator[str]:
    told = Counter((entry["kind"], entry["order_ref"] or "") for entry in desk.entries)
    approvals = {
        entry["body"]["approval"]["approval_id"]: entry["order_ref"]
        for entry in desk.entries
        if entry["kind"] == "order.approve"
    }
    reasons = {(entry["kind"], entry["body"].get("reason")) for entry in desk.entries}
    said: Counter[tuple[str, str]] = Counter()
    for line in desk.journal:
        act, order_ref = line["act"], line.get("order_ref", "")
        if act not in KINDS:
            continue
        if act in ("kill", "open"):
            if (KINDS[act][0], line["reason"]) not in reasons:
                yield f"lost: {line}"
        elif act == "approve":
            if approvals.get(line["approval_id"]) != order_ref:
                yield f"lost: {line}"
        elif act == "stage":
            if not told["order.staged", order_ref]:  # asked again, it is acknowledged again
                yield f"lost: {line}"
        else:
            said[act, order_ref] += 1
    for (act, order_ref), count in said.items():
        found = sum(told[kind, order_ref] for kind in KINDS[act])
        # Withdrawing and cancelling twice is acknowledged twice and is one change.
        if found < (1 if act in ("withdraw", "cancel") else count):
            yield f"lost: {act} of {order_ref} was acknowledged {count} times and is recorded {found} times"


def keys(desk: Desk) -> Iterator[str]:
    for line in desk.journal:
        if line["act"] == "stage" and desk.keys.get((line["principal"], line["key"])) != line["order_ref"]:
            yield f"key: {line} is now {desk.keys.get((line['principal'], line['key']))}"
    staged = Counter(entry["order_ref"] for entry in desk.entries if entry["kind"] == "order.staged")
    if any(count > 1 for count in staged.values()):
        yield f"staged twice: {staged.most_common(3)}"
    # Everything in these rounds is staged with a key: an order without one was made by half a transaction.
    loose = {ref for ref, row in desk.orders.items() if row.begins} - set(desk.keys.values())
    if loose:
        yield f"orders without the key they were staged with: {sorted(loose)}"


def approvals(desk: Desk) -> Iterator[str]:
    for approval_id, consumed, submitted, same in desk.spent:
        if bool(consumed) != bool(submitted) or (submitted and not same):
            yield f"approval {approval_id}: consumed {consumed}, submitted {submitted}, of the same order {same}"
    sent = Counter(entry["body"]["approval_id"] for entry in desk.entries if entry["kind"] == "order.send")
    yield from (f"approval {name} was spent {count} times" for name, count in sent.items() if count > 1)


def history(desk: Desk) -> Iterator[str]:
    """Walks the log: at each sending the switch must be open, and the approval live."""
    is_open, live = False, {}  # type: bool, dict[str, str]
    sent: set[str] = set()
    for entry in desk.entries:
        kind, order_ref = entry["kind"], entry["order_ref"]
        if kind == "switch.opened":
            is_open = True
        elif kind == "switch.closed":
            is_open = False
        elif kind == "order.approve":
            live[order_ref] = entry["body"]["approval"]["approval_id"]
        elif kind in ("order.recall", "order.void", "order.reject", "order.withdraw", "order.expire", "order.go_stale"):
            live.pop(order_ref, None)
        elif kind == "order.send":
            if not is_open:
                yield f"{order_ref} was sent (entry {entry['seq']}) while the kill switch was closed"
            if live.pop(order_ref, None) != entry["body"]["approval_id"]:
                yield f"{order_ref} was sent (entry {entry['seq']}) without a live approval"
            if order_ref in sent:
                yield f"{order_ref} was sent twice (entry {entry['seq']})"
            sent.add(order_ref)


def _wire(desk: Desk) -> Iterator[str]:
    arrived = Counter(desk.truth.wire)
    yield from (f"{ref} arrived at the broker {count} times" for ref, count in arrived.items() if count > 1)
    for order_ref in arrived:
        if order_ref not in desk.orders or not desk.orders[order_ref].submitted:
            yield f"{order_ref} arrived at the broker without a recorded submission"


def _statuses(desk: Desk) -> Iterator[str]:
    at_broker = {status.value for status in AT_BROKER}
    for order_ref, row in desk.orders.items():
        if row.status == "sending":
            yield f"{order_ref} is neither resolved nor in doubt"
        if not row.submitted:
            if row.status in at_broker:
                yield f"{order_ref} is {row.status} without a submission"
        elif row.status not in (_HAS if order_ref in desk.truth.orders else _HAS_NOT):
            yield f"{order_ref} is {row.status}; the broker has {desk.truth.orders.get(order_ref)}"


def _fills(desk: Desk) -> Iterator[str]:
    for order_ref, report in desk.truth.orders.items():
        row = desk.orders.get(order_ref)
        if row is not None and row.filled != report.filled:
            yield f"{order_ref}: {report.filled} were filled at the broker, {row.filled} are booked"
    real = {execution.exec_id for execution in desk.truth.executions}
    if set(desk.executions) != real:
        yield f"executions differ: {sorted(set(desk.executions) ^ real)}"


def unanswered(desk: Desk) -> list[dict[str, Any]]:
    """Requests whose caller died before it was told: the reason why keys are kept."""
    said = {(line["principal"], line["key"]) for line in desk.journal if line["act"] == "stage"}
    return [line for line in desk.journal if line["act"] == "wanted" and (line["principal"], line["key"]) not in said]
