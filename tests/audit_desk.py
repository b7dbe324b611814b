"""A desk that has lived a little, and what somebody with a database tool could do to it afterwards."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from ibgw_tui.core.audit import GENESIS, AuditVerdict, chain_hash
from ibgw_tui.core.broker import BrokerState
from ibgw_tui.core.errors import OutcomeUnknown
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.previewing import outdate
from ibgw_tui.service.witness import Witness
from ibgw_tui.store.checkpoints import Checkpoints
from ibgw_tui.wiring.paths import DATABASE
from tests.service.bench_desk import BenchDesk, bench_desk, fill, working


@dataclass(frozen=True)
class LivedIn:
    """A closed desk: its files, and where its checkpoints are."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "home" / DATABASE

    @property
    def yesterday(self) -> Path:
        """A copy of the database as it was before the last orders."""
        return self.folder / "yesterday.sqlite3"

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder / "witness", self.database)

    def copied(self, to: Path) -> LivedIn:
        """For one test to spoil. The checkpoints are named after the database's path, so theirs is renamed."""
        shutil.copytree(self.folder, to)
        copy = LivedIn(to)
        (to / "witness" / self.checkpoints.path.name).rename(copy.checkpoints.path)
        return copy


def live(folder: Path) -> LivedIn:
    """Orders of every fate, four checkpoints, and the same clock every time."""
    return asyncio.run(_live(folder))


async def _live(folder: Path) -> LivedIn:
    lived = LivedIn(folder)
    lived.database.parent.mkdir(parents=True)
    async with bench_desk(folder) as desk:
        witness = Witness(lived.checkpoints, clock=desk.clock)
        await _checkpoint(desk, witness)
        await _fates(desk)
        await _checkpoint(desk, witness)
        await desk.do(lambda: _copy(desk.path, lived.yesterday))
        desk.clock.forward(hours=1)
        for quantity in ("4", "5", "6"):
            await desk.pending(quantity=quantity)
            await _checkpoint(desk, witness)
        for _ in range(3):
            await desk.sent(quantity="7")
        await _checkpoint(desk, witness)
        await desk.do(lambda: _copy(desk.path, lived.database))
    shutil.rmtree(folder / "desk")
    return lived


async def _checkpoint(desk: BenchDesk, witness: Witness) -> None:
    await desk.do(lambda: witness.write(desk.store, "interval"))


async def _fates(desk: BenchDesk) -> None:
    """One order each: filled with a correction, in doubt, cancelled, rejected, recalled, withdrawn, voided, refused."""

    def told(report: object) -> Callable[[], None]:
        return lambda: hear(desk.store, report, desk.lease_token)  # type: ignore[arg-type]

    filled = await desk.sent(quantity="3")
    await desk.do(told(working(filled, desk.clock)))
    await desk.do(told(fill(filled, desk.clock, "1", "e1")))
    await desk.do(told(fill(filled, desk.clock, "2", "e1c", corrects="e1")))
    await desk.do(told(fill(filled, desk.clock, "1", "e2")))
    desk.broker.place_error = OutcomeUnknown("no answer")
    await desk.submit((await desk.approved(quantity="2")).order_ref)
    desk.broker.place_error = None
    cancelled = await desk.sent()
    await desk.do(told(working(cancelled, desk.clock)))
    await desk.do(lambda: desk.review.ask_cancel(cancelled.order_ref))
    await desk.do(told(working(cancelled, desk.clock, state=BrokerState.CANCELLED)))
    rejected = await desk.pending()
    await desk.do(lambda: desk.review.reject(rejected.order_ref, reason="too early"))
    # An execution that fits no status is a discrepancy, and still in the log.
    await desk.do(told(fill(rejected, desk.clock, "1", "e9")))
    again = await desk.pending()  # shown twice: the policy was another for a moment
    await desk.do(lambda: outdate(desk.store, "f" * 64, "router-test", desk.lease_token))
    await desk.previewer.preview(await desk.read(again.order_ref), desk.lease_token)
    recalled = await desk.approved()
    await desk.do(lambda: desk.review.recall(recalled.order_ref))
    withdrawn = await desk.approved()
    await desk.do(lambda: desk.staging.withdraw(withdrawn.order_ref))
    await desk.pending(quantity="1000")
    refused = await desk.approved()
    desk.broker.bid, desk.broker.ask = "49", "51"
    await desk.submit(refused.order_ref)
    desk.broker.bid, desk.broker.ask = "99", "101"
    desk.clock.forward(minutes=10)  # beyond the frequency window
    await desk.approved()
    await desk.do(lambda: desk.review.close_switch("lunch"))
    await desk.do(lambda: desk.review.close_switch("still lunch"))
    doubtful = await desk.do(lambda: desk.store.orders(statuses=None, limit=100))
    for record in doubtful:
        if record.status.value == "in_doubt":
            await desk.do(told(working(record, desk.clock)))
    await desk.compared()
    await desk.do(lambda: desk.review.open_switch("after lunch", override="the stray fill is understood"))


def _copy(source: Path, target: Path) -> None:
    with opened(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    with opened(target) as copy:
        copy.execute("PRAGMA journal_mode = wal").fetchall()
    target.chmod(0o600)


@contextmanager
def opened(database: Path) -> Iterator[apsw.Connection]:
    """The file itself, without anything of ours."""
    connection = apsw.Connection(str(database))
    try:
        yield connection
    finally:
        connection.close()


def forced(database: Path, *statements: str | tuple[str, Sequence[object]]) -> None:
    """Take the guards off, change something, and put them back."""
    with opened(database) as shell:
        shell.execute("PRAGMA foreign_keys = 0")
        guards = shell.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            shell.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            sql, values = (statement, ()) if isinstance(statement, str) else statement
            shell.execute(sql, tuple(values))
            assert "WHERE" not in sql or shell.changes() > 0, f"nothing was changed by {sql}"
        for _, text in guards:
            shell.execute(str(text))


def last_seq(database: Path) -> int:
    with opened(database) as shell:
        return int(str(shell.execute("SELECT max(seq) FROM audit").fetchall()[0][0]))


# ---- what can be done to it


def cut_ten(desk: LivedIn) -> None:
    forced(desk.database, f"DELETE FROM audit WHERE seq > {last_seq(desk.database) - 10}")


def put_yesterday_back(desk: LivedIn) -> None:
    for name in (desk.database, Path(f"{desk.database}-wal"), Path(f"{desk.database}-shm")):
        name.unlink(missing_ok=True)
    shutil.copy(desk.yesterday, desk.database)


def rewrite(desk: LivedIn, start: int = 1) -> None:
    """Change an entry and make every hash after it anew: the chain fits together again."""
    with opened(desk.database) as shell:
        guards = shell.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            shell.execute(f"DROP TRIGGER {name}")
        rows = shell.execute("SELECT seq, entry, hash FROM audit ORDER BY seq").fetchall()
        previous = GENESIS
        for seq, entry, stored in rows:
            assert isinstance(seq, int) and isinstance(entry, str) and isinstance(stored, bytes)
            text = entry.replace('"principal":"', '"principal":"not-') if seq >= start else entry
            previous = chain_hash(seq, previous, text.encode())
            shell.execute("UPDATE audit SET entry = ?, hash = ? WHERE seq = ?", (text, previous, seq))
        for _, guard in guards:
            shell.execute(str(guard))


def forget_one(desk: LivedIn) -> None:
    forced(desk.database, "DELETE FROM audit WHERE seq = 5")


def slip_one_in(desk: LivedIn) -> None:
    """Number everything after it anew, and give the stranger a hash that fits."""
    with opened(desk.database) as shell:
        before = shell.execute("SELECT hash FROM audit WHERE seq = 4").fetchall()[0][0]
        entry = str(shell.execute("SELECT entry FROM audit WHERE seq = 5").fetchall()[0][0])
    assert isinstance(before, bytes)
    forced(
        desk.database,
        "UPDATE audit SET seq = seq + 1000000 WHERE seq >= 5",
        "UPDATE audit SET seq = seq - 999999 WHERE seq > 1000000",
        ("INSERT INTO audit (seq, entry, hash) VALUES (5, ?, ?)", (entry, chain_hash(5, before, entry.encode()))),
    )


def alter(desk: LivedIn) -> None:
    forced(
        desk.database, 'UPDATE audit SET entry = replace(entry, \'"quantity":"3"\', \'"quantity":"9"\') WHERE seq = 2'
    )


def drop_guards(desk: LivedIn) -> None:
    with opened(desk.database) as shell:
        shell.execute("DROP TRIGGER audit_no_update")
        shell.execute("DROP TRIGGER audit_no_delete")


def spoil_checkpoint(desk: LivedIn) -> None:
    path = desk.checkpoints.path
    path.write_text(path.read_text(encoding="utf-8").replace("interval", "by hand "), encoding="utf-8")


def sign_with_another_key(desk: LivedIn) -> None:
    for path in (desk.folder / "witness").glob("signing-key*"):
        path.unlink()
    desk.checkpoints.sign_bytes(b"")  # makes a new one


def change(sql: str) -> Callable[[LivedIn], None]:
    return lambda desk: forced(desk.database, sql)


TAMPERING: dict[str, tuple[Callable[[LivedIn], None], AuditVerdict, int]] = {
    "an entry altered": (alter, AuditVerdict.ALTERED, 8),
    "an entry deleted": (forget_one, AuditVerdict.GAP, 20),
    "an entry put in": (slip_one_in, AuditVerdict.INSERTED, 20),
    "an entry before all": (
        change("INSERT INTO audit (seq, entry, hash) SELECT 0, entry, hash FROM audit WHERE seq = 1"),
        AuditVerdict.INSERTED,
        20,
    ),
    "the newest ten deleted": (cut_ten, AuditVerdict.TRUNCATED, 21),
    "all entries deleted": (change("DELETE FROM audit WHERE seq > 0"), AuditVerdict.TRUNCATED, 21),
    "yesterday's copy": (put_yesterday_back, AuditVerdict.ROLLED_BACK, 22),
    "the whole chain made anew": (rewrite, AuditVerdict.REWRITTEN, 23),
    "the end of the chain made anew": (lambda desk: rewrite(desk, 60), AuditVerdict.REWRITTEN, 23),
    "guards dropped": (drop_guards, AuditVerdict.GUARDS_MISSING, 25),
    "a checkpoint changed": (spoil_checkpoint, AuditVerdict.CHECKPOINT_INVALID, 26),
    "another key": (sign_with_another_key, AuditVerdict.CHECKPOINT_INVALID, 26),
}
"""What is done -> what verification of the whole log says, and the exit code."""

_FIRST = "(SELECT seq FROM orders WHERE status = 'filled')"
BEHIND_THE_LOG: dict[str, tuple[str, str]] = {
    "order status": ("UPDATE orders SET status = 'cancelled' WHERE status = 'filled'", "orders"),
    "order filled": ("UPDATE orders SET filled = '2' WHERE status = 'filled'", "orders"),
    "order intent": ("UPDATE orders SET intent = replace(intent, 'a test', 'a tale') WHERE seq = 1", "orders"),
    "order quantity": ("UPDATE orders SET quantity = '8' WHERE seq = 1", "orders"),
    "order account": ("UPDATE orders SET account = 'DU7654321' WHERE seq = 1", "orders"),
    "order stager": ("UPDATE orders SET staged_by = 'agent-2' WHERE seq = 1", "orders"),
    "order time": ("UPDATE orders SET staged_us = staged_us + 1 WHERE seq = 1", "orders"),
    "order deleted": ("DELETE FROM orders WHERE seq = 1", "orders"),
    "order added": (
        (
            "INSERT INTO orders (order_ref, revision, status, staged_by, account, symbol, side, order_type, quantity, "
            "limit_price, stop_price, staged_us, updated_us, intent) SELECT 'o-stranger', revision, status, staged_by, "
            "account, symbol, side, order_type, quantity, limit_price, stop_price, staged_us, updated_us, intent "
            "FROM orders WHERE seq = 1"
        ),
        "orders",
    ),
    "approval status": ("UPDATE approvals SET status = 'revoked' WHERE seq = 1", "approvals"),
    "approval revived": ("UPDATE approvals SET status = 'approved' WHERE seq = 1", "approvals"),
    "approval content": (
        "UPDATE approvals SET body = replace(body, 'operator-1', 'operator-2') WHERE seq = 1",
        "approvals",
    ),
    "approval expiry": ("UPDATE approvals SET expires_us = expires_us + 1 WHERE seq = 1", "approvals"),
    "approval deleted": ("DELETE FROM approvals WHERE seq = 1", "approvals"),
    "preview content": ("UPDATE previews SET body = replace(body, 'a test', 'a tale') WHERE order_seq = 1", "previews"),
    "preview digest": ("UPDATE previews SET digest = 'd' WHERE order_seq = 1", "previews"),
    "preview deleted": ("DELETE FROM previews WHERE order_seq = 1", "previews"),
    "submission deleted": (f"DELETE FROM submissions WHERE order_seq = {_FIRST}", "submissions"),
    "submission key": (f"UPDATE submissions SET idempotency_key = 'other' WHERE order_seq = {_FIRST}", "submissions"),
    "submission account": (f"UPDATE submissions SET account = 'DU7654321' WHERE order_seq = {_FIRST}", "submissions"),
    "submission time": (f"UPDATE submissions SET submitted_us = 1 WHERE order_seq = {_FIRST}", "submissions"),
    "submission of another order": (
        (
            "UPDATE submissions SET order_seq = (SELECT seq FROM orders WHERE status = 'rejected') "
            f"WHERE order_seq = {_FIRST}"
        ),
        "submissions",
    ),
    "execution quantity": ("UPDATE executions SET quantity = '5' WHERE exec_id = 'e2'", "executions"),
    "execution price": ("UPDATE executions SET price = '1' WHERE exec_id = 'e2'", "executions"),
    "execution time": ("UPDATE executions SET at_us = 1 WHERE exec_id = 'e2'", "executions"),
    "execution deleted": ("DELETE FROM executions WHERE exec_id = 'e2'", "executions"),
    "execution added": (
        (
            "INSERT INTO executions (exec_id, order_seq, quantity, price, at_us) "
            "SELECT 'e7', order_seq, '0', price, at_us FROM executions WHERE exec_id = 'e2'"
        ),
        "executions",
    ),
    "correction undone": ("UPDATE executions SET replaced_by = NULL WHERE exec_id = 'e1'", "executions"),
    "discrepancy changed": ("UPDATE discrepancies SET text = 'nothing' WHERE seq = 1", "discrepancies"),
    "discrepancy deleted": ("DELETE FROM discrepancies WHERE seq = 1", "discrepancies"),
    "decision changed": ("UPDATE decisions SET outcome = replace(outcome, 'PASS', 'WARN') WHERE seq = 1", "decisions"),
    "decision's inputs": ("UPDATE decisions SET inputs = replace(inputs, '99', '98') WHERE seq = 1", "decisions"),
    "decision deleted": ("DELETE FROM decisions WHERE seq = 1", "decisions"),
    "kill switch": ("UPDATE kill_switch SET state = 'closed' WHERE id = 1", "kill_switch"),
    "kill switch epoch": ("UPDATE kill_switch SET epoch = 0 WHERE id = 1", "kill_switch"),
}
"""What is changed in a table while the log says otherwise -> the table that is named."""
