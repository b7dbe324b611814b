"""What is started in the pseudo terminal beside `ibgw tui`: the plainest Textual app, a stock DataTable, and our
screen over more rows than the desk hands out.

    python -m bench.terminal_apps minimal
    python -m bench.terminal_apps table ROWS [--cells]
    python -m bench.terminal_apps rows ROWS [--cells]
    python -m bench.terminal_apps stored CONFIG ROWS
    python -m bench.terminal_apps agent CONFIG
    python -m bench.terminal_apps day CONFIG ORDERS
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibgw_tui.tui import hygiene

if TYPE_CHECKING:
    from ibgw_tui.service.views import OrderRow, Ticket

CELLS = 20
CHANGES_PER_SECOND = 10
READY = "ROW-00000"
"""What the first row of either list begins with."""


def minimal() -> None:
    """What nobody can be below."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Minimal(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("a plain line of text, longer than twenty cells")

    Minimal().run()


def table(count: int, *, cells: bool) -> None:
    """A stock DataTable with ten columns of fixed width, nothing tuned."""
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    columns = ("order", "side", "quantity", "symbol", "price", "state", "left", "notional", "agent", "account")

    class Tabular(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            grid: DataTable[Any] = self.query_one(DataTable)
            for name in columns:
                grid.add_column(name, key=name, width=10)
            for number in range(count):
                grid.add_row(
                    f"ROW-{number + 1:07}", "BUY", str(number % 900), "AAPL", "100.00", "PASS", "4m", "1,000.00",
                    "agent-1", "DU1234567", key=str(number),
                )  # fmt: skip
            grid.focus()
            self.turn = 0
            if cells:
                self.set_interval(1 / CHANGES_PER_SECOND, self.change)

        def change(self) -> None:
            self.turn += 1
            grid: DataTable[Any] = self.query_one(DataTable)
            for number in range(CELLS):
                grid.update_cell(str(number), "price", f"{100 + self.turn % 90}.{number:02}")

    Tabular().run()


def rows(count: int, *, cells: bool) -> None:
    """Our whole screen over a desk in memory that hands out `count` rows, of which some change."""
    hygiene.scrub_environment()
    from ibgw_tui.core.errors import NotFound
    from ibgw_tui.tui.app import DeskApp
    from tests.tui.fake_desk import FakeDesk, TickingClock

    class Crowded(FakeDesk):
        """One order many times over."""

        def __init__(self) -> None:
            super().__init__(clock=TickingClock())
            self.one = self.stage()
            row = self._row(self.records[self.one])
            self.crowd: list[OrderRow] = [
                replace(row, seq=number + 1, order_ref=f"ROW-{number + 1:07}") for number in range(count)
            ]

        async def queue(self) -> list[OrderRow]:
            return list(self.crowd)

        async def ticket(self, order_ref: str, /) -> Ticket:
            if not order_ref.startswith("ROW"):
                raise NotFound(order_ref)
            found = await super().ticket(self.one)
            return replace(found, record=replace(found.record, order_ref=order_ref))

        def change(self, turn: int) -> None:  # type: ignore[override]
            for number in range(1, 1 + CELLS):  # below the cursor: the ticket is another matter
                price = Decimal(100 + turn % 90) + Decimal(number) / 100
                self.crowd[number] = replace(self.crowd[number], limit_price=price)
            self.write("order.price", "agent", "agent-1")
            self.ring()

    async def run() -> None:
        desk = Crowded()
        app = DeskApp(desk)

        async def changing() -> None:
            turn = 0
            while True:
                await asyncio.sleep(1 / CHANGES_PER_SECOND)
                turn += 1
                desk.change(turn)

        task = asyncio.create_task(changing()) if cells else None
        await hygiene.run_app(app, Path())
        if task is not None:
            task.cancel()

    asyncio.run(run())


def stored(config: Path, count: int) -> None:
    """`ibgw tui --read-only` on a real store, but the queue lists `count` orders that have ended."""
    hygiene.scrub_environment()
    from ibgw_tui.config import load_config
    from ibgw_tui.core.lifecycle import TERMINAL
    from ibgw_tui.service.desk_views import order_row
    from ibgw_tui.tui.app import DeskApp
    from ibgw_tui.wiring.operator_side import open_desk

    async def run() -> None:
        async with open_desk(load_config(config, {}, {}), read_only=True) as desk:
            store = desk._store  # noqa: SLF001

            async def queue() -> list[OrderRow]:
                return await store.run(
                    lambda its: [order_row(line) for line in its.lines(statuses=sorted(TERMINAL), limit=count)]
                )

            desk.queue = queue  # type: ignore[method-assign]
            await hygiene.run_app(DeskApp(desk), config.parent)

    asyncio.run(run())


def agent(config: Path) -> None:
    """Stages an order of so many shares for every number on stdin, says when it was committed, and withdraws it at '-'."""
    from ibgw_tui.config import load_config
    from ibgw_tui.wiring.agent_side import open_agent_side

    with open_agent_side(load_config(config, {}, {}), "bench") as side:
        print("ready", flush=True)
        order_ref = ""
        for line in sys.stdin:
            if line.strip() == "-":
                side.staging.withdraw(order_ref)
                continue
            order_ref = side.staging.stage(_an_order(line.strip())).record.order_ref
            print(time.monotonic(), flush=True)


def day(config: Path, count: int) -> None:
    """Stages `count` orders as fast as the desk previews them, each withdrawn when ten newer ones wait."""
    from ibgw_tui.config import load_config
    from ibgw_tui.service.staging import Staging
    from ibgw_tui.store import OrderStore
    from ibgw_tui.wiring.clock import make_order_ref, utc_now
    from ibgw_tui.wiring.paths import resolve_home

    # Not as an automated actor, who would rest between two commits: a day has to pass in minutes.
    store = OrderStore.open(resolve_home(load_config(config, {}, {})).database, clock=utc_now)
    staging = Staging(store, principal="bench", make_ref=make_order_ref, max_pending=100)
    print("ready", flush=True)
    waiting: list[str] = []
    for number in range(count):
        waiting.append(staging.stage(_an_order(str(1 + number % 90))).record.order_ref)
        time.sleep(0.005)
        if len(waiting) > 10:
            staging.withdraw(waiting.pop(0))
        if number % 100 == 99:
            print(number + 1, flush=True)
    for order_ref in waiting:
        staging.withdraw(order_ref)
    store.close()


def _an_order(quantity: str) -> dict[str, str]:
    return {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": quantity, "limit_price": "99.00"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["minimal", "table", "rows", "stored", "agent", "day"])
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--cells", action="store_true", help="20 cells change ten times a second")
    given = parser.parse_args()
    if given.which == "minimal":
        minimal()
    elif given.which == "agent":
        agent(Path(given.arguments[0]))
    elif given.which in ("stored", "day"):
        {"stored": stored, "day": day}[given.which](Path(given.arguments[0]), int(given.arguments[1]))
    else:
        {"table": table, "rows": rows}[given.which](int(given.arguments[0]), cells=given.cells)


if __name__ == "__main__":
    main()
