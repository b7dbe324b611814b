"""`from ibgw_tui import Staging`: typed results, the same rules as every door, and nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ibgw_tui
from ibgw_tui import AsyncStaging, Conflict, InvalidRequest, NotPermitted, Staging, Status
from tests.test_imports import ROOT, loaded_after

ORDER: dict[str, Any] = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}
HEAVY = {
    "textual",
    "ib_async",
    "numpy",
    "mcp",
    "anyio",
    "click",
    "rich",
    "ibgw_tui.service.review",
    "ibgw_tui.service.routing",
}


def test_a_strategy_stages_revises_reads_and_withdraws(tmp_path: Path) -> None:
    with Staging("strategy-1", home=tmp_path) as staging:
        order = staging.stage(**{**ORDER, "quantity": Decimal(2)}, key="k1")
        again = staging.stage(**{**ORDER, "quantity": 2}, key="k1")
        assert (order.replayed, again.replayed, again.order_ref) == (False, True, order.order_ref)
        assert order.status is Status.STAGED and order.is_open and order.quantity == Decimal(2)
        revised = staging.revise(order.order_ref, quantity="3", key="k2")
        assert (revised.revises, revised.revision) == (order.order_ref, 2)
        former = staging.order(order.order_ref)
        assert former.has_ended and former.revised_by == revised.order_ref
        assert [each.order_ref for each in staging.orders()] == [revised.order_ref]
        assert staging.wait(revised.order_ref, timeout=0.1).status is Status.STAGED
        assert staging.withdraw(revised.order_ref, reason="gone").status is Status.WITHDRAWN
        assert staging.wait(revised.order_ref, timeout=5, until="end").reason == "gone"


def test_errors_are_typed_and_floats_are_refused(tmp_path: Path) -> None:
    with Staging("strategy-1", home=tmp_path) as staging, Staging("strategy-2", home=tmp_path) as other:
        with pytest.raises(InvalidRequest, match="not float"):
            staging.stage(**{**ORDER, "limit_price": 100.1})
        with pytest.raises(InvalidRequest, match="did you mean limit_price"):
            staging.stage(**ORDER, limitPrice="1")
        order = staging.stage(**ORDER, key="k1")
        with pytest.raises(Conflict):
            staging.stage(**{**ORDER, "quantity": "9"}, key="k1")
        for touch in (other.order, other.cancel):
            with pytest.raises(NotPermitted):
                touch(order.order_ref)
        with pytest.raises(Conflict):
            staging.cancel(order.order_ref)
        with pytest.raises(InvalidRequest):
            Staging("not a name", home=tmp_path)


def test_a_dry_run_the_limits_and_the_switch(tmp_path: Path) -> None:
    with Staging("strategy-1", home=tmp_path) as staging:
        advice = staging.explain(**{**ORDER, "quantity": "50"})
        assert advice.verdict == "refuse" and advice.hints.proposal is not None
        assert advice.hints.proposal.changes == {"quantity": Decimal(10)}
        assert staging.limits("DU1234567").max_waiting == 200
        assert not staging.router().alive
        assert staging.arm_kill_switch("test").reason == "test" == staging.kill_switch().reason
        assert staging.hints(staging.stage(**ORDER).order_ref) is None, "not previewed yet"


async def test_the_same_for_an_event_loop(tmp_path: Path) -> None:
    async with AsyncStaging("strategy-1", home=tmp_path) as staging:
        order = await staging.stage(**ORDER, key="k1")
        revised = await staging.revise(order.order_ref, quantity="2")
        assert (await staging.order(order.order_ref)).revised_by == revised.order_ref
        assert len(await staging.orders()) == 1
        began = time.monotonic()
        assert (await staging.wait(revised.order_ref, timeout=0.5)).status is Status.STAGED
        assert 0.4 < time.monotonic() - began < 5
        assert (await staging.withdraw(revised.order_ref, reason="x")).status is Status.WITHDRAWN
        with pytest.raises(Conflict):
            await staging.cancel(revised.order_ref)
        with pytest.raises(Conflict):
            await staging.modify(revised.order_ref, quantity="3")
        assert (await staging.explain(**ORDER)).sentence.startswith("BUY 1 AAPL")
        assert (await staging.limits("DU1234567")).waiting == 0
        assert not (await staging.router()).alive
        assert (await staging.kill_switch()).epoch == 0
        assert (await staging.arm_kill_switch("why not")).reason == "why not"


def test_both_faces_have_the_same_verbs_and_none_that_decides() -> None:
    verbs = [{name for name in dir(face) if not name.startswith("_")} for face in (Staging, AsyncStaging)]
    assert verbs[0] == verbs[1]
    assert not {"approve", "submit", "reject", "open_kill_switch", "recall"} & verbs[0]


def test_importing_the_package_loads_nothing_and_using_it_nothing_heavy(tmp_path: Path) -> None:
    assert not {name for name in loaded_after("import ibgw_tui") if name.startswith("ibgw_tui.")}
    code = f"from ibgw_tui import Staging\nwith Staging('a', home=sys.argv[1]) as s: s.stage(**{ORDER!r}, key='k')"
    assert not loaded_after(code, str(tmp_path)) & HEAVY
    assert ibgw_tui.__version__
    with pytest.raises(AttributeError):
        _ = ibgw_tui.Approving
    assert all(getattr(ibgw_tui, name) for name in ibgw_tui.__all__)


def test_the_import_is_quick() -> None:
    """Processor time, best of three: the machine may be busy."""
    code = "import time; t = time.process_time(); from ibgw_tui import Staging; print(time.process_time() - t)"
    spent = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout)
        for _ in range(3)
    ]
    assert min(spent) < 1.0, spent
