"""Core values in, core values out: the store that all processes of one desk meet in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ibgw_tui.core.audit import ChainVerdict
from ibgw_tui.core.broker import AccountFacts, OrderReport, Position, Quote
from ibgw_tui.core.errors import InvalidRequest, NotFound
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.orders import Contract, Preview
from ibgw_tui.core.records import (
    Absence,
    AuditEntry,
    ComparisonMade,
    CompletedCycle,
    Discrepancy,
    LeaseState,
    OrderLine,
    OrderRecord,
    RecordedDecision,
    SwitchTest,
)
from ibgw_tui.core.terms import Mode
from ibgw_tui.core.text import one_line
from ibgw_tui.store import decisions, facts, fills, groups, milestones
from ibgw_tui.store.audit_log import AuditLog
from ibgw_tui.store.chain import Chain
from ibgw_tui.store.change import Change
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.doorbell import Doorbell, Listener, bell_folder
from ibgw_tui.store.lease import require_lease
from ibgw_tui.store.looks import Looks
from ibgw_tui.store.rows import LINE_SQL, RECORD_SQL, from_us, to_lease, to_line, to_record, to_us

REST_SECONDS, REST_SHARE, LONGEST_REST = 0.002, 9, 0.5
"""What an automated actor rests between two commits: at least so long, and so many times as long as the commit took.

A person is then not kept waiting, neither for the lock nor for a processor that a dozen runaway agents share. One who
commits now and then never notices.
"""
SHORTEST_PART = 4


class OrderStore(Looks):
    """One connection to one SQLite file. Use it from one thread only."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime], automated: bool) -> None:
        self._connection = connection
        self._clock = clock
        self._automated = automated
        self._rested_at = 0.0
        self._audit = AuditLog(connection)
        self._bell = Doorbell(bell_folder(connection.path))

    @classmethod
    def open(
        cls, path: Path, *, clock: Callable[[], datetime], automated: bool = False, read_only: bool = False
    ) -> OrderStore:
        """Open (creating file 0600 in a folder 0700, and the schema, unless read_only).

        `automated` actors rest between two commits. Raises OrderStoreError, SettingsError.
        """
        return cls(Connection(path, read_only=read_only), clock, automated)

    def close(self) -> None:
        self._bell.close()
        self._connection.close()

    @property
    def path(self) -> Path:
        return self._connection.path

    def listen(self) -> Listener:
        """A socket that becomes readable after every commit of any process."""
        return Listener(bell_folder(self.path))

    @contextmanager
    def write(self, *, lease_token: int | None = None) -> Iterator[Change]:
        """One durable transaction; commits on leaving, rolls back on any exception, rings the doorbell after.

        With `lease_token` it raises Conflict unless that lease is still ours.
        """
        if self._automated:
            time.sleep(max(0.0, self._rested_at - time.monotonic()))
        began = time.monotonic()
        with self._connection.transaction():
            if lease_token is not None:
                require_lease(self._connection, lease_token)
            change = Change(self._connection, self._audit, self._clock)
            try:
                yield change
            finally:
                change.end()
        self._bell.ring()
        now = time.monotonic()
        self._rested_at = now + min(max(REST_SECONDS, REST_SHARE * (now - began)), LONGEST_REST)

    # ---- orders

    def order(self, order_ref: str) -> OrderRecord | None:
        return self._record(order_ref)

    def find_order(self, prefix_or_ref: str) -> OrderRecord:
        """By full reference, or by its unambiguous beginning or end of at least four characters."""
        exact = self.order(prefix_or_ref)
        if exact is not None:
            return exact
        part = prefix_or_ref.removeprefix("o-")
        shown = one_line(prefix_or_ref, 44)
        if len(part) < SHORTEST_PART or not all(c.isalnum() or c in "._:-" for c in part):
            raise NotFound(f"there is no order {shown!r}", user_action="see `ibgw list --all`")
        rows = self._connection.rows(
            "SELECT order_ref FROM orders WHERE substr(order_ref, 1, ?) = ? OR substr(order_ref, 1, ?) = ? "
            "OR substr(order_ref, -?) = ? LIMIT 6",
            (len(part), part, len(part) + 2, "o-" + part, len(part), part),
        )
        if not rows:
            raise NotFound(f"there is no order {shown!r}", user_action="see `ibgw list --all`")
        if len(rows) > 1:
            names = ", ".join(row[0] for row in rows)
            raise InvalidRequest(f"{shown!r} could be {names}", user_action="give more of the reference")
        found = self.order(rows[0][0])
        assert found is not None
        return found

    def orders(
        self,
        *,
        statuses: Sequence[Status] | None = None,
        staged_by: str | None = None,
        account: str | None = None,
        after_seq: int = 0,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[OrderRecord]:
        where, parameters = _where(statuses, staged_by, account, after_seq, "o.")
        order = "DESC" if newest_first else "ASC"
        rows = self._connection.rows(f"{RECORD_SQL} WHERE {where} ORDER BY o.seq {order} LIMIT ?", [*parameters, limit])
        return [to_record(row) for row in rows]

    def lines(
        self, *, statuses: Sequence[Status], after_seq: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> list[OrderLine]:
        """Orders as lists show them, from columns alone."""
        where, parameters = _where(statuses, None, None, after_seq, "")
        order = "DESC" if newest_first else "ASC"
        rows = self._connection.rows(f"{LINE_SQL} WHERE {where} ORDER BY seq {order} LIMIT ?", [*parameters, limit])
        return [to_line(row) for row in rows]

    def lapsed(self, now: datetime, *, staged_before: datetime, limit: int = 500) -> list[str]:
        """References of open orders whose preview or live approval has expired, or that were never previewed in time."""
        marks, names = _marks(sorted(OPEN))
        rows = self._connection.rows(
            f"SELECT order_ref FROM orders WHERE status IN ({marks}) AND (preview_expires_us <= ? "
            "OR approval_expires_us <= ? OR (preview_expires_us IS NULL AND staged_us <= ?)) LIMIT ?",
            [*names, to_us(now), to_us(now), to_us(staged_before), limit],
        )
        return [row[0] for row in rows]

    def live_contracts(self, limit: int) -> list[Contract]:
        """The contract of each con_id among open and sent orders, newest orders first."""
        marks, names = _marks(sorted(OPEN | AT_BROKER))
        rows = self._connection.rows(
            f"SELECT p.body FROM previews p JOIN (SELECT max(seq) AS seq FROM orders WHERE status IN ({marks}) "
            "AND con_id IS NOT NULL GROUP BY con_id ORDER BY 1 DESC LIMIT ?) o ON p.order_seq = o.seq ORDER BY o.seq DESC",
            [*names, limit],
        )
        return [Preview.model_validate_json(row[0]).contract for row in rows]

    def count(self, statuses: Sequence[Status]) -> int:
        marks, names = _marks(statuses)
        return int(self._connection.rows(f"SELECT count(*) FROM orders WHERE status IN ({marks})", names)[0][0])

    def live_counts(self) -> dict[Status, int]:
        """Number of open and sent orders by status; what has ended is not counted, so this stays cheap."""
        marks, names = _marks(sorted(OPEN | AT_BROKER))
        rows = self._connection.rows(
            f"SELECT status, count(*) FROM orders WHERE status IN ({marks}) GROUP BY status", names
        )
        return {Status(row[0]): row[1] for row in rows}

    def executions(self, order_ref: str) -> list[dict[str, Any]]:
        """Fills that count, oldest first: exec_id, quantity, price (Decimal), at, commission."""
        return fills.of_order(self._connection, order_ref)

    def knows_execution(self, exec_id: str) -> bool:
        return fills.is_known(self._connection, exec_id)

    def decisions(
        self, *, since: datetime | None = None, until: datetime | None = None, order_ref: str | None = None
    ) -> Iterator[RecordedDecision]:
        """Decisions that were acted on, with their inputs, oldest first."""
        return decisions.walk(self._connection, since=since, until=until, order_ref=order_ref)

    def count_decisions(self, *, since: datetime | None = None) -> int:
        return decisions.count(self._connection, since=since)

    def completed_cycle(self, mode: Mode) -> CompletedCycle | None:
        """The newest order of this mode that was approved, submitted and filled."""
        return milestones.completed_cycle(self._connection, mode)

    def has_filled(self, account: str, con_id: int) -> bool:
        """Whether any order of this contract was ever filled, in part or whole, in this account."""
        return milestones.has_filled(self._connection, account, con_id)

    def switch_test(self) -> SwitchTest | None:
        """The newest closing of the kill switch that was followed by an opening."""
        return milestones.switch_test(self._connection)

    # ---- counters, switch, lease

    def _reading(self) -> Connection:
        return self._connection

    def exits_of(self, order_ref: str) -> list[str]:
        """References of a bracket's exits."""
        return groups.exits_of(self._connection, order_ref)

    def lease(self) -> LeaseState | None:
        row = self._connection.row("SELECT holder, pid, token, heartbeat_us FROM lease WHERE id = 1 AND holder <> ''")
        return to_lease(row) if row else None

    def discrepancies(self, *, limit: int = 50, after: int = 0) -> list[Discrepancy]:
        """Newest first."""
        rows = self._connection.rows(
            "SELECT seq, at_us, order_ref, text FROM discrepancies WHERE seq > ? ORDER BY seq DESC LIMIT ?",
            (after, limit),
        )
        return [Discrepancy(row[0], from_us(row[1]), row[2], row[3]) for row in rows]

    # ---- audit

    def last_seq(self) -> int:
        return self._audit.head()[0]

    def audit_head(self) -> tuple[int, str]:
        seq, head = self._audit.head()
        return seq, head.hex()

    def audit_entries(
        self, *, after_seq: int = 0, order_ref: str | None = None, limit: int = 100, newest: bool = False
    ) -> list[AuditEntry]:
        """In ascending order; with `newest` the last ones."""
        return self._audit.entries(after_seq=after_seq, order_ref=order_ref, limit=limit, newest=newest)

    def latest_audit(self, kind: str) -> AuditEntry | None:
        return self._audit.latest(kind)

    @property
    def chain(self) -> Chain:
        """The audit log as what is hashed: for verification and checkpoints."""
        return self._audit.chain

    def verify_audit(self, *, progress: Callable[[int, int], None] | None = None) -> ChainVerdict:
        return self._audit.verify(progress=progress)

    def verify_audit_tail(self, last: int = 1000) -> ChainVerdict:
        return self._audit.verify(after_seq=max(0, self.last_seq() - last))

    # ---- facts for screens, written by the router: no audit, no doorbell

    def put_facts(
        self,
        *,
        quotes: Sequence[Quote] = (),
        positions: Sequence[Position] | None = None,
        accounts: Sequence[AccountFacts] = (),
        link: tuple[str, str, datetime] | None = None,
        fx: Mapping[str, Quote] | None = None,
        foreign: Sequence[OrderReport] | None = None,
        working: OrderReport | None = None,
    ) -> None:
        """`fx` by pair, such as EUR.USD; `foreign` are open orders at the broker that are not ours."""
        with self._connection.transaction():
            facts.put(self._connection, quotes, positions, accounts, link, fx or {}, foreign, working)

    def quote(self, con_id: int) -> Quote | None:
        return facts.quote(self._connection, con_id)

    def fx_quotes(self) -> dict[str, Quote]:
        return facts.fx_quotes(self._connection)

    def working_order(self, wire_ref: str) -> OrderReport | None:
        """An order of ours as the broker showed it when a change of it was looked at last."""
        return facts.working_order(self._connection, wire_ref)

    def foreign_orders(self) -> list[OrderReport] | None:
        return facts.foreign_orders(self._connection)

    def put_comparison(self, made: ComparisonMade, absences: Sequence[Absence]) -> None:
        """What the newest comparison with the broker's records was, and which orders it did not find."""
        with self._connection.transaction():
            facts.put_comparison(self._connection, made, absences)

    def comparison(self) -> ComparisonMade | None:
        return facts.comparison(self._connection)

    def absences(self) -> dict[str, Absence]:
        """By order reference, of this session with the broker."""
        return facts.absences(self._connection)

    def positions(self, account: str | None = None) -> list[Position]:
        return facts.positions(self._connection, account)

    def account_facts(self) -> list[AccountFacts]:
        return facts.accounts(self._connection)

    def link(self) -> tuple[str, str, datetime] | None:
        """(LinkState value, text, at) as the router last wrote it."""
        return facts.link(self._connection)


def _marks(values: Sequence[Status]) -> tuple[str, list[object]]:
    return ", ".join("?" * len(values)), [value.value for value in values]


def _where(
    statuses: Sequence[Status] | None, staged_by: str | None, account: str | None, after_seq: int, prefix: str
) -> tuple[str, list[object]]:
    parts, parameters = [f"{prefix}seq > ?"], [after_seq]  # type: tuple[list[str], list[object]]
    if statuses is not None:
        marks, names = _marks(statuses)
        parts.append(f"{prefix}status IN ({marks})")
        parameters += names
    if staged_by is not None:
        parts.append(f"{prefix}staged_by = ?")
        parameters.append(staged_by)
    if account is not None:
        parts.append(f"{prefix}account = ?")
        parameters.append(account)
    return " AND ".join(parts), parameters
