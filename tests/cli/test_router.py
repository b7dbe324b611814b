"""`ibgw router`: the desk works without a screen, and stops cleanly when told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import parse_intent
from ibgw_tui.service.leasing import LEASE_SECONDS
from ibgw_tui.service.routing import PULSE_SECONDS
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from tests.makers import an_intent_data


def a_router(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ibgw_tui", "--home", str(home), "router"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard(router: subprocess.Popen[str], words: str) -> None:
    """Read what it says until it says this. A router that dies ends the reading."""
    assert router.stderr is not None
    lines = []
    for line in router.stderr:
        lines.append(line)
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}: {lines}")


def test_a_router_without_a_screen_previews_and_hands_over(tmp_path: Path) -> None:
    store = OrderStore.open(tmp_path / "desk.sqlite3", clock=utc_now)
    with store.write() as change:
        record = change.insert_order("o-router0001", parse_intent(an_intent_data()), staged_by="agent-1")
    first = a_router(tmp_path)
    second = None
    try:
        heard(first, "this process is the router")
        second = a_router(tmp_path)
        heard(second, "another process is the router; waiting")
        until = time.monotonic() + 30
        while (found := store.order(record.order_ref)) is None or found.status is not Status.PENDING:
            assert time.monotonic() < until, "nobody previewed it"
            time.sleep(0.05)
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0
        heard(second, "this process is the router")
        lease = store.lease()
        assert lease is not None and lease.pid == second.pid
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=30) == 0
    finally:
        for router in (first, second):
            if router is not None:
                router.kill()
                router.communicate()
    assert store.lease() is None and store.verify_audit().ok
    store.close()


def test_the_place_of_a_killed_router_is_taken_within_seconds_and_not_before_it_is_safe(tmp_path: Path) -> None:
    store = OrderStore.open(tmp_path / "desk.sqlite3", clock=utc_now)
    routers = []
    try:
        routers.append(a_router(tmp_path))
        heard(routers[0], "this process is the router")
        routers.append(a_router(tmp_path))
        heard(routers[1], "another process is the router; waiting")
        routers[0].kill()
        routers[0].wait(timeout=10)
        died = time.monotonic()
        before = store.lease()
        assert before is not None and before.pid == routers[0].pid
        while (lease := store.lease()) is None or lease.pid != routers[1].pid:
            assert time.monotonic() - died < 20, "nobody took over"
            time.sleep(0.02)
        # Its last sign of life was up to a second old when it died.
        assert time.monotonic() - died > LEASE_SECONDS - PULSE_SECONDS - 0.5
        assert lease.token > before.token
    finally:
        for router in routers:
            router.kill()
            router.communicate()
    store.close()
