"""Many agents at once, each a process with the staging role, and what has to be true afterwards.

Used by the test (hundreds of orders) and by `python -m bench.bench_flood` (thousands).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.service.desk_views import order_row
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE
from tests.test_imports import ROOT

LOOK_SECONDS = 0.05

AGENT = """
import json, sys
from ibgw_tui import Conflict, NotPermitted, Staging
config, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
order = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "limit_price": "100"}
with Staging(name, config=config) as staging:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        told = {"key": f"k{number}"}
        try:
            first = staging.stage(**order, quantity=str(number % 9 + 1), key=f"k{number}")
            told["ref"] = first.order_ref
            if number % 5 == 0:
                told["again"] = staging.stage(**order, quantity=str(number % 9 + 1), key=f"k{number}").order_ref
            if number % 7 == 0:
                try:
                    staging.stage(**order, quantity="99", key=f"k{number}")
                    told["stolen"] = True
                except Conflict:
                    told["stolen"] = False
        except NotPermitted:
            told["over"] = True
        print(json.dumps(told), flush=True)
"""


@dataclass
class Flood:
    """What came of it."""

    agents: int
    each: int
    budget: int
    seconds: float = 0.0
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By agent: what it was answered."""
    looks: list[float] = field(default_factory=list)
    """Seconds of each reading of the operator's queue meanwhile."""
    problems: list[str] = field(default_factory=list)

    @property
    def staged(self) -> int:
        return sum("ref" in line for lines in self.told.values() for line in lines)


def flood(folder: Path, *, agents: int, each: int, budget: int) -> Flood:
    """Start the agents together, read the queue as a terminal does while they work, and look at what is there."""
    config = folder / "config.toml"
    config.write_text(f'[desk]\nhome = "{folder / "home"}"\nmax_pending_per_agent = {budget}\n')
    config.chmod(0o600)
    store = OrderStore.open(folder / "home" / DATABASE, clock=utc_now)
    found = Flood(agents, each, budget)
    try:
        _work(found, config, store)
        _judge(found, store)
    finally:
        store.close()
    return found


def _work(found: Flood, config: Path, store: OrderStore) -> None:
    names = [f"agent-{number}" for number in range(found.agents)]
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-c", AGENT, str(config), name, str(found.each)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for name in names
    }  # fmt: skip
    try:
        for process in processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.stderr.read() if process.stderr else ""
        began = time.monotonic()
        for process in processes.values():
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        while any(process.poll() is None for process in processes.values()):
            look = time.monotonic()
            [order_row(line) for line in store.lines(statuses=[Status.STAGED], limit=1000)]
            found.looks.append(time.monotonic() - look)
            time.sleep(LOOK_SECONDS)
        found.seconds = time.monotonic() - began
        for name, process in processes.items():
            out, err = process.communicate()
            found.told[name] = [json.loads(line) for line in out.splitlines()]
            if process.returncode:
                found.problems.append(f"{name} ended with {process.returncode}: {err[-300:]}")
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def _judge(found: Flood, store: OrderStore) -> None:
    say = found.problems.append
    seen: set[str] = set()
    for name, lines in found.told.items():
        if len(lines) != found.each:
            say(f"{name} was answered {len(lines)} times of {found.each}")
        refs = [line["ref"] for line in lines if "ref" in line]
        if len(refs) != min(found.each, found.budget):
            say(f"{name} has {len(refs)} orders; its budget is {found.budget} of {found.each} asked for")
        if seen & set(refs):
            say(f"{name} was given a reference of somebody else")
        seen |= set(refs)
        if any(line["again"] != line["ref"] for line in lines if "again" in line):
            say(f"{name} asked again with a key and got another order")
        if any(line["stolen"] for line in lines if "stolen" in line):
            say(f"{name} used a key for another order")
        kept = {record.order_ref for record in store.orders(staged_by=name, limit=100_000)}
        if kept != set(refs):
            say(f"{name}: {len(set(refs) - kept)} orders lost, {len(kept - set(refs))} that nobody was told of")
    verdict = store.verify_audit()
    if not verdict.ok or verdict.entries != len(seen):
        say(f"the audit log has {verdict.entries} entries for {len(seen)} orders: {verdict.problem}")
