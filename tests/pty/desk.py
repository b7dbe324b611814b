"""The whole program in a real terminal, on a real store with the simulated market: the operator's side is keys and a
screen, everybody else (agents, a colleague) acts through the store, as other processes do."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ibgw_tui.config import load_config
from ibgw_tui.core.lifecycle import OPEN, Status
from ibgw_tui.core.records import AuditEntry, OrderRecord
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.agent_side import open_agent_side
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.desk_side import DeskSide, open_desk_side
from tests.pty.harness import DEADLINE, Terminal

ARMED, DISARMED = "press Y to approve", "disarmed"
DIALOG = ("armed in", "not armed", ARMED, DISARMED, "taken")


class WholeDesk:
    """A home with a configuration, an open switch, and shortcuts for everybody who is not at the terminal."""

    def __init__(self, folder: Path, *, hold_back: int = 60) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.folder = folder
        self.config = write_demo_settings(folder, mode="paper", seed=1, hold_back=hold_back)
        with self.colleague() as side:
            side.review.open_switch("a test", override="the market is simulated, and nothing was sent to it yet")
        self._numbers = iter(range(10, 240))

    # ---- the others

    @contextlib.contextmanager
    def colleague(self) -> Iterator[DeskSide]:
        """Another operator, somewhere else."""
        with open_desk_side(load_config(self.config, {}, {"desk.operator": "colleague"})) as side:
            yield side

    def stage(self, *, wait: bool = True, **changes: Any) -> OrderRecord:
        """An order that passes everything; a quantity of its own tells it from the others on the screen."""
        order = {
            "account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": str(next(self._numbers)),
            "limit_price": "99.00", "rationale": "a test", **changes,
        }  # fmt: skip
        with open_agent_side(load_config(self.config, {}, {}), "agent-1") as side:
            record = side.staging.stage(order).record
        return self.until(record.order_ref, Status.PENDING) if wait else record

    def revise(self, order_ref: str, **changes: Any) -> OrderRecord:
        with open_agent_side(load_config(self.config, {}, {}), "agent-1") as side:
            return side.staging.revise(order_ref, changes).record

    def withdraw(self, order_ref: str) -> None:
        with open_agent_side(load_config(self.config, {}, {}), "agent-1") as side:
            side.staging.withdraw(order_ref)

    def approve_elsewhere(self, order_ref: str) -> None:
        with self.colleague() as side:
            shown = side.views.ticket(order_ref).shown
            assert shown is not None
            assert side.review.approve(shown, how={"key": "Y"}).approval is not None

    def clear(self) -> None:
        """Nothing waits any more."""
        with self.colleague() as side:
            for row in side.views.queue():
                if row.status is Status.APPROVED:
                    side.review.recall(row.order_ref)
                side.review.reject(row.order_ref, reason="the test is over")

    # ---- what is recorded

    @contextlib.contextmanager
    def _store(self) -> Iterator[OrderStore]:
        store = OrderStore.open(self.folder / "desk.sqlite3", clock=utc_now, read_only=True)
        try:
            yield store
        finally:
            store.close()

    def record(self, order_ref: str) -> OrderRecord:
        with self._store() as store:
            record = store.order(order_ref)
        assert record is not None
        return record

    def entries(self, kind: str, order_ref: str | None = None) -> list[AuditEntry]:
        with self._store() as store:
            found = store.audit_entries(order_ref=order_ref, limit=100_000)
        return [entry for entry in found if entry.kind == kind]

    def approvals(self) -> int:
        return len(self.entries("order.approve"))

    def until(self, order_ref: str, *statuses: Status) -> OrderRecord:
        end = time.monotonic() + DEADLINE
        while (record := self.record(order_ref)).status not in statuses:
            assert time.monotonic() < end, f"{order_ref} is {record.status}, not {statuses}"
            time.sleep(0.02)
        return record

    def verifies(self) -> bool:
        with self._store() as store:
            return store.verify_audit().ok

    def market_orders(self, order_ref: str) -> int:
        """Of this reference in the books of the simulated market."""
        text = (self.folder / "simulated-market.json").read_text(encoding="utf-8")
        return sum(order_ref in json.dumps(order) for order in json.loads(text)["book"]["orders"])

    # ---- the terminal

    @contextlib.contextmanager
    def terminal(
        self, environment: Mapping[str, str] | None = None, *, columns: int = 120, rows: int = 40
    ) -> Iterator[Terminal]:
        """`ibgw tui`, ready for keys, and this process the router."""
        command = [sys.executable, "-m", "ibgw_tui", "--config", str(self.config), "tui"]
        terminal = Terminal(
            self.folder / "no-report", command=command, environment=environment, columns=columns, rows=rows
        )
        try:
            terminal.wait_for("the desk", lambda: "router: this terminal" in terminal.text)
            yield terminal
        finally:
            terminal.close()


class Operator:
    """What a person does at the terminal."""

    def __init__(self, desk: WholeDesk, terminal: Terminal) -> None:
        self.desk, self.terminal = desk, terminal

    def sees(self, *texts: str) -> None:
        self.terminal.wait_for(f"{texts}", lambda: all(text in self.terminal.text for text in texts))

    @property
    def is_asked(self) -> bool:
        return any(text in self.terminal.text for text in DIALOG)

    def clear(self) -> None:
        """Close what is open; an empty list."""
        self.leave()
        self.desk.clear()
        self.sees("0 wait")

        def is_empty() -> bool:
            self.terminal.type("g")  # moving clears tombstones away
            self.terminal.listen(0.1)
            return "No orders wait" in self.terminal.text

        self.terminal.wait_for("an empty list", is_empty)

    def leave(self) -> None:
        """Out of dialogs, and with the keys back in the list."""

        def is_left() -> bool:
            was_asked = self.is_asked
            self.presses("\x1b", seconds=0.25)
            return not was_asked and not self.is_asked

        self.terminal.wait_for("the dialog to close", is_left)

    def reads(self, order: OrderRecord) -> None:
        """Its ticket is on display."""
        self.sees(f"ticket {order.order_ref}", "waits for you")

    def reviews(self, order: OrderRecord) -> None:
        """Open the review of what is under the cursor, and wait until it is armed."""

        def is_open() -> bool:
            if not self.is_asked:
                self.terminal.type("a")  # the dead time after the last one drops it: again
                self.terminal.listen(0.2)
            return self.is_asked

        self.terminal.wait_for("the review", is_open)
        self.sees(ARMED, order.order_ref)
        self.terminal.listen(0.25)

    def presses(self, key: str, *, seconds: float = 0.6) -> None:
        """And waits for what a wrong program would do."""
        self.terminal.type(key)
        self.terminal.listen(seconds)

    def waits_for(self, what: str, condition: Callable[[], bool]) -> None:
        self.terminal.wait_for(what, condition)


__all__ = ["ARMED", "DISARMED", "OPEN", "Operator", "WholeDesk"]
