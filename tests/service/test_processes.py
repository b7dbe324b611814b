"""Several processes on one file."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now

STAGER = """
import sys
from pathlib import Path
from ibgw_tui.service.staging import Staging
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import make_order_ref, utc_now
store = OrderStore.open(Path(sys.argv[1]), clock=utc_now, automated=True)
staging = Staging(store, principal=sys.argv[2], make_ref=make_order_ref, max_pending=100_000)
data = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}
for number in range(int(sys.argv[3])):
    print(staging.stage(data, key=f"k{number}").record.order_ref, flush=True)
"""


def stager(database: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STAGER, str(database), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_what_another_process_stages_rings_here_within_half_a_second(tmp_path: Path) -> None:
    store = OrderStore.open(tmp_path / "desk.sqlite3", clock=utc_now)
    listener = store.listen()
    try:
        with stager(store.path, "agent-1", 1) as process:
            assert process.stdout is not None
            reference = process.stdout.readline().strip()
            committed = time.monotonic()
            readable, _, _ = select.select([listener.fileno()], [], [], 5)
            assert readable and time.monotonic() - committed < 0.5
            listener.drain()
            assert store.order(reference) is not None
    finally:
        listener.close()
        store.close()


def test_many_agents_at_once_lose_nothing_and_the_chain_holds(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite3"
    OrderStore.open(database, clock=utc_now).close()
    agents = [stager(database, f"agent-{n}", 60) for n in range(4)]
    references = [line for agent in agents for line in agent.communicate()[0].split()]
    assert len(references) == len(set(references)) == 240
    store = OrderStore.open(database, clock=utc_now)
    assert all(store.order(reference) is not None for reference in references)
    verdict = store.verify_audit()
    assert verdict.ok and verdict.entries == 240
    store.close()


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """And asking again with the same keys makes no second order."""
    database = tmp_path / "desk.sqlite3"
    OrderStore.open(database, clock=utc_now).close()
    acknowledged: set[str] = set()
    for _ in range(4):
        process = stager(database, "agent-1", 200)
        assert process.stdout is not None
        for _ in range(random.randint(3, 40)):
            acknowledged.add(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    store = OrderStore.open(database, clock=utc_now)
    assert all(store.order(reference) is not None for reference in acknowledged)
    assert store.verify_audit().ok
    assert store.last_seq() <= 200, "each key is one order, however often it was asked for"
    store.close()


def test_the_journey_through_two_processes(tmp_path: Path) -> None:
    """`ibgw stage` and `ibgw show` on a home that nobody prepared."""

    def ibgw(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", "ibgw_tui", "--home", str(tmp_path / "home"), "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        document: dict[str, object] = json.loads(done.stdout)
        return document

    order = ["--account", "DU1234567", "--symbol", "AAPL", "--side", "buy", "--quantity", "1", "--limit-price", "100"]
    staged = ibgw("stage", *order, "--rationale", "by hand")["order"]
    assert isinstance(staged, dict) and staged["status"] == "staged"
    shown = ibgw("show", str(staged["order_ref"]))["order"]
    assert isinstance(shown, dict) and shown["order_ref"] == staged["order_ref"]
