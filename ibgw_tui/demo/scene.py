"""The fixed scene: the real app without a screen, orders staged by other processes, keys pressed as a person would.

Four orders are staged. The first is approved and fills. The second is rejected with a reason. The
kill switch is closed: the third is refused; the switch is opened again and the third is approved,
sent at once and fills. The fourth is approved, works, and is cancelled. Then the audit log must
verify.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.pilot import Pilot

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.wiring.operator_side import OperatorDesk, open_desk

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded

DEADLINE_SECONDS = 20.0
"""For each step: far more than it needs on a loaded machine."""

ORDERS: dict[str, list[str]] = {
    "first": [
        "--symbol",
        "AAPL",
        "--side",
        "buy",
        "--quantity",
        "1",
        "--limit-price",
        "101",
        "--rationale",
        "breakout",
    ],
    "second": [
        "--symbol",
        "MSFT",
        "--side",
        "buy",
        "--quantity",
        "2",
        "--limit-price",
        "414",
        "--rationale",
        "strength",
    ],
    "third": [
        "--symbol",
        "SPY",
        "--side",
        "buy",
        "--quantity",
        "1",
        "--limit-price",
        "590",
        "--rationale",
        "rebalance",
    ],
    "fourth": ["--symbol", "TSLA", "--side", "buy", "--quantity", "1", "--limit-price", "232", "--rationale", "a dip"],
}
EXPECTED = {"first": "filled", "second": "rejected", "third": "filled", "fourth": "cancelled"}
EXPECTED_CODES = {"third": "LIVE_KILL_SWITCH_CLOSED"}


@dataclass
class Outcome:
    """What came of the scene."""

    statuses: dict[str, str] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    audit_ok: bool = False
    audit_entries: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def ok(self) -> bool:
        codes = all(code in self.codes.get(name, []) for name, code in EXPECTED_CODES.items())
        return not self.problem and self.statuses == EXPECTED and codes and self.audit_ok

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "ok": self.ok,
            "orders": {
                name: {
                    "order_ref": self.refs.get(name),
                    "status": self.statuses.get(name),
                    "codes": self.codes.get(name, []),
                }
                for name in ORDERS
            },
            "gate_codes": sorted({code for codes in self.codes.values() for code in codes}),
            "audit_ok": self.audit_ok,
            "audit_entries": self.audit_entries,
            "seconds": f"{self.seconds:.2f}",
            "problem": self.problem or None,
        }

    def lines(self) -> list[str]:
        rows = [f"{name:8} {self.statuses.get(name, '-'):12} {' '.join(self.codes.get(name, []))}" for name in ORDERS]
        audit = f"audit log: {self.audit_entries} entries, {'intact' if self.audit_ok else 'BROKEN'}"
        return [
            *rows,
            audit,
            f"{'all came out right' if self.ok else 'FAILED: ' + self.problem} in {self.seconds:.1f} s",
        ]


class SceneFailed(Exception):
    pass


async def play(loaded: Loaded, config: Path) -> Outcome:
    """Play the scene on a prepared desk. Never raises for what the scene itself gets wrong."""
    outcome, began = Outcome(), time.monotonic()
    try:
        async with open_desk(loaded, enable_live=True) as desk:
            app = DeskApp(desk)
            async with app.run_test(size=(120, 40)) as pilot:
                await Scene(loaded, config, desk, app, pilot, outcome).play()
    except SceneFailed as failure:
        outcome.problem = str(failure)
    outcome.seconds = time.monotonic() - began
    return outcome


class Scene:
    """The steps. Every key goes through the app; every fact is read from the store."""

    def __init__(
        self, loaded: Loaded, config: Path, desk: OperatorDesk, app: DeskApp, pilot: Pilot[Any], outcome: Outcome
    ) -> None:
        self._account = "U1234567" if loaded.config.broker.mode == "live" else "DU1234567"
        self._config, self._desk, self._app, self._pilot, self._outcome = config, desk, app, pilot, outcome

    async def play(self) -> None:
        await asyncio.gather(*(self._stage(name) for name in ORDERS))
        for name in ORDERS:
            await self._until(name, Status.PENDING)
        await self._approve("first")
        await self._until("first", Status.FILLED)
        await self._reject("second", "not before the earnings call")
        await self._close_switch()
        await self._refused("third", "LIVE_KILL_SWITCH_CLOSED")
        await self._open_switch()
        await self._approve("third")
        await self._send_now("third")
        await self._until("third", Status.FILLED)
        await self._approve("fourth")
        await self._send_now("fourth")
        await self._until("fourth", Status.WORKING)
        await self._cancel("fourth")
        await self._until("fourth", Status.CANCELLED)
        await self._conclude()

    async def _stage(self, name: str) -> None:
        """`ibgw stage` in a process of its own."""
        command = [
            sys.executable,
            "-m",
            "ibgw_tui",
            "--config",
            str(self._config),
            "stage",
            "--json",
            "--agent",
            f"agent-{name}",
        ]
        process = await asyncio.create_subprocess_exec(
            *command, "--account", self._account, *ORDERS[name],
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        if process.returncode != 0:
            raise SceneFailed(f"staging {name} failed: {(err or out).decode(errors='replace').strip()}")
        self._outcome.refs[name] = json.loads(out)["order"]["order_ref"]

    async def _approve(self, name: str) -> None:
        await self._select(name)
        await self._wait(f"{name} to be shown as approvable", lambda: self._shows_approvable(name))
        await self._press_for("a", f"the review of {name}", "ApproveScreen")
        await self._wait(f"{name} to be armed", self._armed)
        await self._pilot.press("Y")
        await self._until(name, Status.APPROVED, Status.SENDING, Status.WORKING, Status.PARTIALLY_FILLED, Status.FILLED)

    async def _send_now(self, name: str) -> None:
        """`s`, pressed until the order has left: not waiting for the rest of the hold-back."""
        end = time.monotonic() + DEADLINE_SECONDS
        while (await self._record(name)).status is Status.APPROVED:
            if time.monotonic() > end:
                raise SceneFailed(f"waited {DEADLINE_SECONDS:.0f} s for {name} to be sent")
            await self._pilot.press("s")
            await self._pilot.pause(0.2)

    async def _reject(self, name: str, reason: str) -> None:
        await self._select(name)
        await self._press_for("r", f"the rejection of {name}", "RejectScreen")
        await self._type_reason(reason)
        record = await self._until(name, Status.REJECTED)
        if reason not in record.reason:
            raise SceneFailed(f"the agent would read {record.reason!r} instead of {reason!r}")
        self._met(name, record.reason_code)

    async def _type_reason(self, reason: str) -> None:
        for character in reason:
            await self._pilot.press("space" if character == " " else character)
        await self._pilot.press("enter")

    async def _close_switch(self) -> None:
        """One chord, from any screen, without a dialog."""
        await self._pilot.press("K")
        await self._wait_async("the kill switch to close", self._switch_is("closed"))
        await self._wait("the screen to say so", lambda: not self._app.session.switch_open)

    async def _refused(self, name: str, code: str) -> None:
        """With the switch closed there is no way to approve, and the screen says why."""
        await self._select(name)
        await self._wait_async(f"{name} to show {code}", self._ticket_says(name, code))
        await self._pilot.press("a")
        await self._pilot.pause()
        if self._dialog_is("ApproveScreen"):
            raise SceneFailed(f"{name} could be approved while the kill switch was closed")
        ticket = await self._desk.ticket(self._ref(name))
        if ticket.approvable or ticket.shown is None:
            raise SceneFailed(f"{name} is {ticket.record.status.value} and approvable is {ticket.approvable}")
        # And past the screen: the role itself refuses, and writes the attempt down.
        verdict = await self._desk.approve(ticket.shown, {"key": "none", "tried": "by the scene"})
        if verdict.approval is not None:
            raise SceneFailed(f"{name} was approved while the kill switch was closed")
        self._met(name, verdict.decision.refusal_code)

    async def _open_switch(self) -> None:
        await self._press_for("K", "the dialog that opens the switch", "OpenSwitchScreen")
        await self._type_reason("looked at everything")
        for character in "OPEN":
            await self._pilot.press(character)
        await self._pilot.press("enter")
        await self._wait_async("the kill switch to open", self._switch_is("open"))
        await self._wait("the screen to say so", lambda: self._app.session.switch_open)

    async def _cancel(self, name: str) -> None:
        await self._pilot.press("2")
        await self._select(name)
        await self._press_for("x", f"the confirmation to cancel {name}", "ConfirmScreen")
        await self._wait(f"the cancel of {name} to be armed", self._armed)
        await self._pilot.press("Y")

    async def _conclude(self) -> None:
        for name in ORDERS:
            record = await self._record(name)
            self._outcome.statuses[name] = record.status.value
        verdict = await self._desk.verify_audit()
        self._outcome.audit_ok, self._outcome.audit_entries = verdict.ok, verdict.entries

    # ---- looking and waiting

    def _ref(self, name: str) -> str:
        return self._outcome.refs[name]

    async def _record(self, name: str) -> OrderRecord:
        return (await self._desk.ticket(self._ref(name))).record

    def _met(self, name: str, code: str | None) -> None:
        if code and code not in self._outcome.codes.setdefault(name, []):
            self._outcome.codes[name].append(code)

    async def _select(self, name: str) -> None:
        """Put the cursor on the order, as the arrow keys would."""
        await self._wait(f"{name} in the list", lambda: self._app.select(self._ref(name)))
        await self._wait(f"the ticket of {name}", lambda: self._app.displayed_ref == self._ref(name))

    def _shows_approvable(self, name: str) -> bool:
        view = self._app.view
        ticket = view.ticket_pane.ticket if isinstance(view, OrdersScreen) else None
        return ticket is not None and ticket.record.order_ref == self._ref(name) and ticket.approvable

    def _dialog_is(self, name: str) -> bool:
        return type(self._app.screen).__name__ == name

    def _armed(self) -> bool:
        return bool(getattr(self._app.screen, "is_armed", False))

    def _switch_is(self, word: str) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            return (await self._desk.desk()).switch.state.value == word

        return look

    def _ticket_says(self, name: str, code: str) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            return code in (await self._desk.ticket(self._ref(name))).why_not

        return look

    async def _press_for(self, key: str, what: str, dialog: str) -> None:
        """Press until the dialog is there: in the moment after a decision, deciding keys do nothing."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not self._dialog_is(dialog):
            if time.monotonic() > end:
                raise SceneFailed(f"waited {DEADLINE_SECONDS:.0f} s for {what}")
            await self._pilot.press(key)
            await self._pilot.pause(0.3)

    async def _until(self, name: str, *statuses: Status) -> OrderRecord:
        async def reached() -> bool:
            return (await self._record(name)).status in statuses

        await self._wait_async(f"{name} to be {' or '.join(status.value for status in statuses)}", reached)
        return await self._record(name)

    async def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        async def look() -> bool:
            return condition()

        await self._wait_async(what, look)

    async def _wait_async(self, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while not await condition():
            if time.monotonic() > end:
                raise SceneFailed(f"waited {DEADLINE_SECONDS:.0f} s for {what}")
            await self._pilot.pause(0.05)
