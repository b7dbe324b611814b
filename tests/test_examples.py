"""What lies in examples/ works as it lies there."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from ibgw_tui.cli.main import main
from ibgw_tui.config import load_config
from ibgw_tui.mcp_server.main import parser
from tests.cli.test_examples import resolved
from tests.mcp_server.conftest import live_home  # noqa: F401 - a fixture
from tests.test_imports import ROOT

EXAMPLES = ROOT / "examples"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT, env={**os.environ, **environment}
    )


def test_the_agent_learns_from_its_refusal(live_home: Path) -> None:  # noqa: F811
    done = run(sys.executable, "examples/mcp_agent.py", "--home", str(live_home), "--until-pending")
    assert done.returncode == 0, done.stderr
    assert "refused: LIVE_" in done.stdout
    assert done.stdout.strip().endswith("now: pending"), done.stdout


def test_the_agent_says_it_when_nobody_routes(tmp_path: Path) -> None:
    done = run(sys.executable, "examples/mcp_agent.py", "--home", str(tmp_path))
    assert done.returncode == 0 and "no router is running" in done.stdout


@pytest.mark.skipif(shutil.which("sh") is None, reason="NOT TESTED HERE: there is no shell")
def test_the_script_stages_its_plan_once_however_often_it_runs(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    ibgw = bin_ / "ibgw"
    ibgw.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ibgw_tui "$@"\n')
    ibgw.chmod(0o755)
    settings = {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "IBGW_DESK__HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
    }
    for replayed in (False, True):
        done = run("sh", "examples/cron_rebalance.sh", "examples/plan.csv", **settings)
        assert done.returncode == 0, done.stderr
        staged = json.loads(done.stdout.splitlines()[0])
        assert staged["staged"] == 2 and all(each["replayed"] is replayed for each in staged["orders"])
        assert "waiting orders" in done.stdout


def test_the_strategy_runs_and_asks_for_the_same_order_once(tmp_path: Path) -> None:
    first = run(sys.executable, "examples/strategy.py", str(tmp_path))
    again = run(sys.executable, "examples/strategy.py", str(tmp_path))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "(asked before)" in again.stdout and "(asked before)" not in first.stdout


def test_the_strategy_of_the_page_is_ten_lines() -> None:
    code = (EXAMPLES / "strategy.py").read_text().partition("with Staging")[2]
    assert len(code.splitlines()) <= 10


def test_the_policy_is_one_that_allows_something(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(EXAMPLES / "policy.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema_version"] == 1


def test_client_configurations_name_options_that_exist() -> None:
    found = [
        json.loads((EXAMPLES / "mcp-clients" / name).read_text())["mcpServers"]
        for name in ("claude_desktop_config.json", "generic.json")
    ]
    found.append(tomllib.loads((EXAMPLES / "mcp-clients" / "codex_config.toml").read_text())["mcp_servers"])
    servers = [server for each in found for server in each.values()]
    assert len(servers) == 4
    for server in servers:
        assert server["command"] == "ibgw-mcp"
        parser().parse_args(server["args"])


@pytest.mark.parametrize("unit", ["ibgw-router.service", "ibgw-agents.service"])
def test_units_start_what_exists_and_close_the_store_to_others(unit: str) -> None:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read(EXAMPLES / "systemd" / unit)
    service = read["Service"]
    assert service["User"] == "ibgw" and service["StateDirectoryMode"] == "0700" and service["UMask"] == "0077"
    set_ = re.findall(r"^Environment=(\w+)=(.*)$", (EXAMPLES / "systemd" / unit).read_text(), re.MULTILINE)
    loaded = load_config(None, dict(set_), {})
    home, witness = loaded.config.desk.home, str(loaded.config.audit.folder)
    assert len(set_) == 2 and not witness.startswith(home + "/"), "the key never lies in the data folder"
    program, *arguments = service["ExecStart"].split()
    if program.endswith("/ibgw-mcp"):
        assert parser().parse_args(arguments).group == "ibgw-agents"
    else:
        command, path, rest = resolved(arguments)
        assert path == ("router",)
        with command.make_context("router", rest):
            pass


def snippets() -> list[tuple[str, str]]:
    """(page, program) of every Python that a page shows for agents and strategies."""
    pages = [ROOT / "README.md", ROOT / "docs/tutorial.md", ROOT / "docs/agents.md"]
    found = [
        (page.name, re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)) for page in pages
    ]
    return [(name, text) for name, texts in found for text in texts]


@pytest.mark.parametrize(("page", "program"), snippets(), ids=[name for name, _ in snippets()])
def test_the_python_that_a_page_shows_runs(page: str, program: str, tmp_path: Path) -> None:
    """It waits for a decision; here the agent takes the order back meanwhile, so that nothing has to route."""
    home = str(tmp_path / "home")
    environment = {**os.environ, "IBGW_DESK__HOME": home, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as it:
        deadline = time.monotonic() + 60
        while not (orders := list_of(home)):
            assert it.poll() is None and time.monotonic() < deadline, it.communicate()
            time.sleep(0.05)
        reference = orders[0]["order_ref"]
        taken_back = ("withdraw", reference, "--reason", "enough seen", "--agent", "momentum-1", "--home", home)
        assert run(sys.executable, "-m", "ibgw_tui", *taken_back).returncode == 0
        said, wrong = it.communicate(timeout=60)
    assert it.returncode == 0 and not wrong, wrong.decode()
    assert "print" not in program or said.startswith(b"withdrawn enough seen"), said


def list_of(home: str) -> list[dict[str, str]]:
    done = run(sys.executable, "-m", "ibgw_tui", "list", "--json", "--home", home)
    return list(json.loads(done.stdout)["orders"]) if done.returncode == 0 else []
