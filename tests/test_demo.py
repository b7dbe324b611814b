"""The fixed scene of the demo, as a stranger runs it: a process of its own, the real app, other processes that stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ibgw_tui.core.errors import BrokerError, InvalidRequest
from ibgw_tui.demo import run
from ibgw_tui.demo.run import run_demo


@pytest.mark.parametrize("backend", ["simulated", "ibkr"])
def test_the_scene_comes_out_right(backend: str, tmp_path: Path) -> None:
    """Behind "ibkr" every order goes through the client library and a socket to a simulated TWS."""
    command = [sys.executable, "-m", "ibgw_tui", "demo", "--headless", "--json", "--backend", backend]
    folders = {name: str(tmp_path) for name in ("TMPDIR", "HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    played = subprocess.run(command, capture_output=True, text=True, timeout=180, env={**os.environ, **folders})
    assert played.returncode == 0, played.stdout + played.stderr
    told = json.loads(played.stdout)
    assert told["ok"] and told["audit_ok"] and told["problem"] is None
    assert {name: order["status"] for name, order in told["orders"].items()} == {
        "first": "filled", "second": "rejected", "third": "filled", "fourth": "cancelled",
    }  # fmt: skip
    assert told["gate_codes"] == ["LIVE_KILL_SWITCH_CLOSED", "OPERATOR_REJECTED"]
    assert not list(tmp_path.glob("ibgw-demo-*")), "a scene that came out right leaves nothing behind"


def test_a_live_desk_behind_tws_is_no_demo() -> None:
    with pytest.raises(InvalidRequest, match="checklist"):
        run_demo(headless=True, as_json=True, seed=1, mode="live", backend="ibkr", quiet=True)


def test_a_simulated_tws_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BrokerError, match="did not start"), run._tws(tmp_path, 1):
        pass
    assert (tmp_path / "twsim.log").exists()
