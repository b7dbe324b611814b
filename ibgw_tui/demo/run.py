"""`ibgw demo`: a fresh desk on the simulated market, with agents (or, headless, with the fixed scene)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ibgw_tui.config import Loaded, load_config
from ibgw_tui.core.context import Checklist
from ibgw_tui.core.errors import BrokerError, InvalidRequest
from ibgw_tui.demo.agents import CHARACTERS
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.tui import hygiene
from ibgw_tui.wiring.desk_side import open_desk_side
from ibgw_tui.wiring.paths import remove_demo_note, write_demo_note


def run_demo(*, headless: bool, as_json: bool, seed: int, mode: str, backend: str, quiet: bool) -> int:
    """Play the demo. Returns the exit code; headless it is 0 only when all came out right.

    With the backend "ibkr" the same market stands behind a simulated TWS, a process of its own, and every order goes
    over its wire protocol. Raises InvalidRequest (live over the wire), BrokerError (the simulated TWS did not start).
    """
    if backend == "ibkr" and mode == "live":
        raise InvalidRequest(
            "a live desk behind TWS wants the paper-to-live checklist with its evidence, which a demo has not",
            user_action="leave out --mode live, or leave out --backend ibkr",
        )
    hygiene.scrub_environment()
    home = Path(tempfile.mkdtemp(prefix="ibgw-demo-"))
    with _tws(home, seed) if backend == "ibkr" else contextlib.nullcontext() as port:
        settings = write_demo_settings(home, mode=mode, seed=seed, hold_back=3, tws_port=port)
        loaded = load_config(settings, {}, {})
        _prepare(loaded, live=mode == "live")
        if headless:
            return _play(loaded, home, as_json=as_json, quiet=quiet)
        return _open(loaded, home, seed=seed, enable_live=mode == "live", quiet=quiet)


@contextlib.contextmanager
def _tws(home: Path, seed: int) -> Iterator[int]:
    """A simulated TWS as a process of its own; its port. Gone when the demo is gone."""
    command = [sys.executable, "-m", "ibgw_tui", "twsim", "--port", "0", "--seed", str(seed), "--json"]
    with (
        (home / "twsim.log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise BrokerError(
                    "the simulated TWS did not start", user_action=f"see {home / 'twsim.log'} for what it said"
                )
            yield int(json.loads(line)["port"])
        finally:
            process.terminate()


def _prepare(loaded: Loaded, *, live: bool) -> None:
    """A demo starts with the switch open, and (live) the checklist signed: it is about approving."""
    with open_desk_side(loaded) as side:
        side.review.open_switch("demo", override="the market is simulated, and nothing was sent to it yet")
        if live:
            side.review.acknowledge_checklist(
                Checklist(
                    paper_trading_validated=True,
                    approvals_reviewed=True,
                    limits_reviewed=True,
                    kill_switch_tested=True,
                    incident_runbook_reviewed=True,
                )
            )


def _folders(home: Path) -> tuple[Path, Path]:
    """All that a demo leaves: its desk, and the checkpoints of its audit log beside it."""
    return home, Path(f"{home}-audit")


def _play(loaded: Loaded, home: Path, *, as_json: bool, quiet: bool) -> int:
    from ibgw_tui.demo.scene import Outcome, play

    outcome: Outcome = asyncio.run(play(loaded, home / "config.toml"))
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    elif not quiet:
        print("\n".join(outcome.lines()))
    if outcome.ok:
        for folder in _folders(home):
            shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"the scene did not come out right; its files are kept in {home}", file=sys.stderr)
    return 0 if outcome.ok else 1


def _open(loaded: Loaded, home: Path, *, seed: int, enable_live: bool, quiet: bool) -> int:
    from ibgw_tui.tui.run import run_terminal

    write_demo_note(home)
    try:
        with _agents(home / "config.toml", seed, home):
            code = run_terminal(loaded, enable_live=enable_live)
    finally:
        remove_demo_note()
    if not quiet:
        kept = " and ".join(map(str, _folders(home)))
        print(f"The demo's record stays in {kept}; delete both folders when you no longer want it.")
    return code


@contextlib.contextmanager
def _agents(config: Path, seed: int, home: Path) -> Iterator[None]:
    """The demo agents, each a process of its own; gone when the terminal is gone."""
    with (home / "agents.log").open("wb") as log:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "ibgw_tui.demo.agents", str(config), name, str(seed)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            for name in CHARACTERS
        ]
        try:
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(timeout=10)
