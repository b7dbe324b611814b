"""Replaying the audit log: what its entries add up to, compared with what the tables say.

The chain proves that the log was not changed; it proves nothing of the tables beside it. Here every
entry is read again and each row it tells of is looked up: orders, previews, approvals, submissions,
executions, discrepancies, decisions, the kill switch. What never changes is compared when its entry
passes; what moves (statuses) is compared at the end, in one state of the file, and so is whatever
stands in a table and was never told of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import ApprovalStatus, OrderIntent, Preview
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.chain import Progress
from ibgw_tui.store.decisions import STEP_OF
from ibgw_tui.store.rows import intent_columns, to_micro, to_us

MOST = 200
"""So many differences are told one by one; the rest is counted."""

_ENDS: dict[str, frozenset[str]] = {
    "order.send": frozenset({ApprovalStatus.CONSUMED.value}),
    "order.expire": frozenset({ApprovalStatus.EXPIRED.value}),
    "order.recall": frozenset({ApprovalStatus.REVOKED.value}),
    "order.void": frozenset({ApprovalStatus.REVOKED.value}),
    "order.reject": frozenset({ApprovalStatus.REVOKED.value}),
    "order.withdraw": frozenset({ApprovalStatus.REVOKED.value}),
}
_ENDED = frozenset({ApprovalStatus.REVOKED.value, ApprovalStatus.EXPIRED.value})
"""What other ways out of 'approved' leave behind."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A table that does not say what the log says."""

    table: str
    name: str
    """Which row: an order reference, an approval, an execution."""
    words: str
    seq: int | None
    """The entry it disagrees with; None where there is none."""

    def __str__(self) -> str:
        where = f" (entry {self.seq})" if self.seq else ""
        return f"{self.table} {self.name}: {self.words}{where}"


@dataclass(slots=True)
class _Order:
    """What the entries say of one order so far."""

    seq: int | None
    """Of its row; None when there is no row."""
    account: str
    status: str
    told: int
    """The entry that said so."""
    live_approval: str | None = None
    carried: Decimal = Decimal(0)
    """Of a modify that took effect: what the order it changed had filled."""
    decision: int = 0
    """The newest recorded decision that was compared."""


@dataclass(slots=True)
class _Told:
    """What all entries add up to, and what did not fit."""

    orders: dict[str, _Order] = field(default_factory=dict)
    approvals: dict[str, tuple[frozenset[str], int]] = field(default_factory=dict)
    """The statuses each may have, and the entry that says so."""
    previews: set[str] = field(default_factory=set)
    submissions: set[str] = field(default_factory=set)
    executions: set[str] = field(default_factory=set)
    discrepancies: int = 0
    decisions: int = 0
    switch: tuple[str, int, str, str] | None = None
    found: list[Divergence] = field(default_factory=list)
    count: int = 0

    def say(self, table: str, name: str, words: str, seq: int | None) -> None:
        self.count += 1
        if len(self.found) < MOST:
            self.found.append(Divergence(table, name, words, seq))


Entry = dict[str, Any]


class Replay:
    """One pass over the log of `file`. Call `run` once."""

    def __init__(self, file: AuditFile) -> None:
        self._file = file
        self._told = _Told()
        self._handlers: dict[str, Callable[[Entry], None]] = {
            "order.staged": self._staged,
            "order.edited": self._staged,
            "order.exit_sent": self._exit_sent,
            "order.approve": self._approved,
            "order.send": self._sent,
            "discrepancy": self._discrepancy,
            "switch.opened": self._switched,
            "switch.closed": self._switched,
        }

    def run(self, progress: Progress | None = None) -> list[Divergence]:
        total, last = self._file.chain.head()[0], self._pass(0, progress)
        # Nobody is held up while the log is read; then one state is looked at, with what was added meanwhile.
        with self._file.one_state():
            self._pass(last, None)
            for look in (_statuses, _never_told, _fills, _kill_switch):
                look(self._file, self._told)
        if progress is not None:
            progress(total, total)
        return self._told.found

    @property
    def count(self) -> int:
        """How many differences there are, also those that are not told one by one."""
        return self._told.count

    def _pass(self, after: int, progress: Progress | None) -> int:
        total = self._file.chain.head()[0]
        for page in self._file.chain.pages(after):
            for seq, content, _ in page:
                after = seq
                self._entry(seq, content)
            if progress is not None:
                progress(min(after, total), total)
        return after

    def _entry(self, seq: int, content: bytes) -> None:
        try:
            entry: Entry = json.loads(content)
            kind, body = entry["kind"], entry["body"]
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(entry)
            if kind.startswith("order.") and "to" in body:
                self._moved(entry)
            if "exec_id" in body:
                self._executed(entry)
            if "preview_id" in body and "digest" in body:
                self._previewed(entry)
            if kind in STEP_OF and body.get("inputs"):
                self._decided(entry)
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            self._told.say("audit", str(seq), f"the entry does not read as one of ours ({type(error).__name__})", seq)

    # ---- what an entry says, compared with its row

    def _staged(self, entry: Entry) -> None:
        """An order begins: by its stager, or as a revision by the operator's hand."""
        ref, body = entry["order_ref"], entry["body"]
        edit = entry["kind"] == "order.edited"
        intent = OrderIntent.model_validate_json(json.dumps(body["intent"]))
        row = self._row(
            "SELECT seq, revision, revises, staged_by, intent, staged_us, account, symbol, side, order_type, quantity, "
            "limit_price, stop_price, edited_by FROM orders WHERE order_ref = ?",
            ref,
        )
        self._told.orders[ref] = _Order(row[0] if row else None, intent.account, Status.STAGED.value, entry["seq"])
        if row is None:
            self._told.say("orders", ref, "was staged, but its row is missing", entry["seq"])
            return
        self._same(
            "orders",
            ref,
            entry,
            ("revision", body["revision"], row[1]),
            ("revises", body["revises"], row[2]),
            ("staged_by", body["staged_by"] if edit else entry["principal"], row[3]),
            ("edited_by", entry["principal"] if edit else None, row[13]),
            ("intent", body["intent"], _json(row[4])),
            ("staged_us", _moment(entry), row[5]),
            ("columns", intent_columns(intent), tuple(row[6:13])),
        )

    def _exit_sent(self, entry: Entry) -> None:
        """An exit of a bracket begins its life with the sending of its entry."""
        ref, body = entry["order_ref"], entry["body"]
        row = self._row("SELECT seq, parent, leg, account, staged_us FROM orders WHERE order_ref = ?", ref)
        entry_order = self._told.orders.get(body["entry"])
        account = entry_order.account if entry_order else ""
        self._told.orders[ref] = _Order(row[0] if row else None, account, Status.SENDING.value, entry["seq"])
        if row is None:
            self._told.say("orders", ref, "was sent with its entry, but its row is missing", entry["seq"])
            return
        self._same(
            "orders",
            ref,
            entry,
            ("entry", body["entry"], row[1]),
            ("leg", body["exit"]["leg"], row[2]),
            ("account", account, row[3]),
            ("staged_us", _moment(entry), row[4]),
        )

    def _moved(self, entry: Entry) -> None:
        ref, body = entry["order_ref"], entry["body"]
        order = self._told.orders.get(ref)
        if order is None:
            self._told.say("audit", ref, "an order moves that was never staged", entry["seq"])
            return
        if body["from"] != order.status:
            words = f"moves from {body['from']}, but entry {order.told} left it {order.status}"
            self._told.say("audit", ref, words, entry["seq"])
        if order.live_approval and body["from"] == Status.APPROVED.value != body["to"]:
            self._told.approvals[order.live_approval] = (_ENDS.get(entry["kind"], _ENDED), entry["seq"])
            order.live_approval = None
        order.status, order.told = body["to"], entry["seq"]
        if "carried_over" in body:
            order.carried = Decimal(body["carried_over"])

    def _previewed(self, entry: Entry) -> None:
        ref, body = entry["order_ref"], entry["body"]
        self._told.previews.add(body["preview_id"])
        row = self._row(
            "SELECT o.order_ref, p.digest, p.body FROM previews p JOIN orders o ON o.seq = p.order_seq "
            "WHERE p.preview_id = ?",
            body["preview_id"],
        )
        if row is None:
            self._told.say("previews", ref, "was previewed, but the preview is missing", entry["seq"])
            return
        self._same(
            "previews",
            ref,
            entry,
            ("order", ref, row[0]),
            ("digest", body["digest"], row[1]),
            ("digest of its content", body["digest"], _digest(row[2])),
        )

    def _approved(self, entry: Entry) -> None:
        ref, approval = entry["order_ref"], entry["body"].get("approval")
        if approval is None:
            return  # an entry of an early version: only the move is told
        name = approval["approval_id"]
        self._told.approvals[name] = (frozenset({ApprovalStatus.APPROVED.value}), entry["seq"])
        order = self._told.orders.get(ref)
        if order is not None:
            order.live_approval = name
        row = self._row(
            "SELECT a.body, a.expires_us, o.order_ref FROM approvals a JOIN orders o ON o.seq = a.order_seq "
            "WHERE a.approval_id = ?",
            name,
        )
        if row is None:
            self._told.say("approvals", name, f"of order {ref} is missing", entry["seq"])
            return
        self._same(
            "approvals",
            name,
            entry,
            ("content", approval, _json(row[0])),
            ("expires_us", _us(approval["expires_at"]), row[1]),
            ("order", ref, row[2]),
        )

    def _sent(self, entry: Entry) -> None:
        ref, body = entry["order_ref"], entry["body"]
        if "approval_id" not in body:
            return
        order = self._told.orders.get(ref)
        self._told.submissions.add(ref)
        row = self._row(
            "SELECT s.approval_id, s.idempotency_key, s.account, s.submitted_us, s.request_hash, s.currency, s.notional_u "
            "FROM submissions s JOIN orders o ON o.seq = s.order_seq WHERE o.order_ref = ?",
            ref,
        )
        if row is None:
            self._told.say("submissions", ref, "was sent, but its submission is missing", entry["seq"])
            return
        told = [
            ("approval_id", body["approval_id"], row[0]),
            ("idempotency_key", body["idempotency_key"], row[1]),
            ("account", order.account if order else row[2], row[2]),
            ("submitted_us", _moment(entry), row[3]),
        ]
        if "request_hash" in body:
            told.append(("request_hash", body["request_hash"], row[4]))
        if "notional" in body:
            notional = body["notional"]
            told.append(("notional", (notional["currency"], to_micro(Decimal(notional["amount"]))), (row[5], row[6])))
        self._same("submissions", ref, entry, *told)

    def _executed(self, entry: Entry) -> None:
        ref, body = entry["order_ref"], entry["body"]
        name = body["exec_id"]
        self._told.executions.add(name)
        row = self._row(
            "SELECT e.quantity, e.price, e.at_us, e.corrects, o.order_ref FROM executions e "
            "JOIN orders o ON o.seq = e.order_seq WHERE e.exec_id = ?",
            name,
        )
        if row is None:
            self._told.say("executions", name, f"of order {ref} is missing", entry["seq"])
            return
        told: list[tuple[str, object, object]] = [
            ("quantity", Decimal(body["quantity"]), _decimal(row[0])),
            ("price", Decimal(body["price"]), _decimal(row[1])),
            ("order", ref, row[4]),
        ]
        if "at" in body:
            told += [("at_us", _us(body["at"]), row[2]), ("corrects", body.get("corrects"), row[3])]
        self._same("executions", name, entry, *told)

    def _discrepancy(self, entry: Entry) -> None:
        self._told.discrepancies += 1
        row = self._row("SELECT text, order_ref FROM discrepancies WHERE seq = ?", self._told.discrepancies)
        name = str(self._told.discrepancies)
        if row is None:
            self._told.say("discrepancies", name, "is missing", entry["seq"])
            return
        self._same(
            "discrepancies", name, entry, ("text", entry["body"]["text"], row[0]), ("order", entry["order_ref"], row[1])
        )

    def _decided(self, entry: Entry) -> None:
        ref, body = entry["order_ref"], entry["body"]
        order = self._told.orders.get(ref)
        if order is None or order.seq is None:
            return  # said already
        self._told.decisions += 1
        rows = self._file.rows(
            "SELECT seq, step, inputs, outcome FROM decisions WHERE order_seq = ? AND seq > ? ORDER BY seq LIMIT 1",
            (order.seq, order.decision),
        )
        if not rows:
            self._told.say("decisions", ref, "the decision of this entry is missing", entry["seq"])
            return
        order.decision, step, inputs, outcome = rows[0]
        self._same(
            "decisions",
            f"{order.decision} of {ref}",
            entry,
            ("step", STEP_OF[entry["kind"]], step),
            ("inputs", body["inputs"], hashlib.sha256(str(inputs).encode()).hexdigest()),
            ("outcome", body["decision"]["digest"], hashlib.sha256(str(outcome).encode()).hexdigest()),
        )

    def _switched(self, entry: Entry) -> None:
        state = entry["kind"].removeprefix("switch.")
        state = "open" if state == "opened" else state
        if self._told.switch is None or self._told.switch[0] != state:  # saying again what is so changes nothing
            body = entry["body"]
            self._told.switch = (state, body["epoch"], entry["principal"], body["reason"])

    # ---- helpers

    def _row(self, sql: str, name: object) -> tuple[Any, ...] | None:
        rows = self._file.rows(sql, (name,))
        return rows[0] if rows else None

    def _same(self, table: str, name: str, entry: Entry, *pairs: tuple[str, object, object]) -> None:
        wrong = [column for column, told, stored in pairs if told != stored]
        if wrong:
            self._told.say(table, name, f"{', '.join(wrong)} differ from the log", entry["seq"])


# ---- the end: what moves, and what was never told of


def _statuses(file: AuditFile, told: _Told) -> None:
    for ref, status in file.rows("SELECT order_ref, status FROM orders"):
        order = told.orders.get(ref)
        if order is None:
            told.say("orders", ref, "is there, but was never staged", None)
        elif order.status != status:
            told.say("orders", ref, f"is {status}, but the log says {order.status}", order.told)
    for name, status in file.rows("SELECT approval_id, status FROM approvals"):
        given = told.approvals.get(name)
        if given is None:
            told.say("approvals", name, "is there, but was never given", None)
        elif status not in given[0]:
            told.say("approvals", name, f"is {status}, but the log says {' or '.join(sorted(given[0]))}", given[1])


def _never_told(file: AuditFile, told: _Told) -> None:
    named = "SELECT o.order_ref FROM {} t JOIN orders o ON o.seq = t.order_seq"
    _strangers(file, told, "previews", "SELECT preview_id FROM previews", told.previews)
    _strangers(file, told, "submissions", named.format("submissions"), told.submissions)
    _strangers(file, told, "executions", "SELECT exec_id FROM executions", told.executions)
    for table, count in (("decisions", told.decisions), ("discrepancies", told.discrepancies)):
        stored = file.rows(f"SELECT count(*) FROM {table}")[0][0]
        if stored > count:
            told.say(table, "", f"has {stored} rows, but the log tells of {count}", None)


def _strangers(file: AuditFile, told: _Told, table: str, sql: str, names: set[str]) -> None:
    for (name,) in file.rows(sql):
        if name not in names:
            told.say(table, name, "is there, but the log does not tell of it", None)


def _fills(file: AuditFile, told: _Told) -> None:
    """An order's filled quantity is the sum of its executions that no correction replaced."""
    rows = file.rows("SELECT exec_id, order_seq, quantity, corrects, replaced_by FROM executions")
    corrected = {(corrects, order): name for name, order, _, corrects, _ in rows if corrects is not None}
    sums: dict[int, Decimal] = {}
    for name, order, quantity, _, replaced_by in rows:
        if replaced_by != corrected.get((name, order)):
            told.say("executions", name, f"says it was replaced by {replaced_by or 'nothing'}", None)
        if replaced_by is None:
            sums[order] = sums.get(order, Decimal(0)) + (_decimal(quantity) or 0)
    for order, ref, filled in file.rows("SELECT seq, order_ref, filled FROM orders"):
        known = told.orders.get(ref)
        total = sums.get(order, Decimal(0)) + (known.carried if known else Decimal(0))
        if _decimal(filled) != total:
            told.say("orders", ref, f"says {filled} is filled, but its executions make {total:f}", None)


def _kill_switch(file: AuditFile, told: _Told) -> None:
    rows = file.rows("SELECT state, epoch, changed_by, reason FROM kill_switch")
    stored = tuple(rows[0]) if rows else None
    if stored != told.switch:
        told.say("kill_switch", "", f"is {_switch(stored)}, but the log says {_switch(told.switch)}", None)


# ---- helpers


def _switch(state: Iterable[object] | None) -> str:
    return "not set" if state is None else " ".join(str(part) for part in state)


def _json(text: object) -> object:
    try:
        return json.loads(str(text))
    except ValueError:
        return None


def _digest(body: object) -> str:
    try:
        return Preview.model_validate_json(str(body)).digest
    except ValueError:
        return "unreadable"


def _decimal(text: object) -> Decimal | None:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return None


def _us(moment: str) -> int:
    return to_us(datetime.fromisoformat(moment).astimezone(UTC))


def _moment(entry: Entry) -> int:
    """When it was done by the clock of then: an entry is never dated before the one it follows."""
    return _us(entry["body"].get("clock_said") or entry["at"])
