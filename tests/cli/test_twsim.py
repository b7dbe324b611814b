"""`ibgw twsim`: a process that any client can use, and that says in words what it was asked wrongly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ib_async import IB

from ibgw_tui.cli.exits import Exit
from tests.cli.conftest import Cli


def started(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ibgw_tui", "twsim", "--port", "0", "--json", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def line_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    document = json.loads(process.stdout.readline())
    assert document["schema_version"] == 1
    return dict(document)


async def test_a_client_connects_and_acts_come_through_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"on": "connect", "do": "say", "code": 2105, "text": "scripted"}\n', encoding="utf-8")
    options = ("--mode", "live", "--scenario", str(script), "--state", str(tmp_path / "state.json"), "--stdin")
    process = started(*options, "--client-version", "160", "--seed", "3")
    ib = IB()
    try:
        hello = line_of(process)
        assert (hello["twsim"], hello["mode"], hello["accounts"]) == ("listening", "live", ["U1234567"])
        heard: list[int] = []
        ib.errorEvent += lambda *told: heard.append(told[1])
        await ib.connectAsync("127.0.0.1", hello["port"], clientId=1, timeout=20)
        assert ib.managedAccounts() == ["U1234567"] and ib.client.serverVersion() == 160
        assert 2105 in heard
        assert process.stdin is not None
        process.stdin.write('{"do": "say", "code": 2103, "text": "typed"}\n\n{"do": "fill"}\n{"do": "explode"}\nno\n')
        process.stdin.flush()
        answers = [line_of(process) for _ in range(4)]
        assert [(answer["line"], answer["done"]) for answer in answers] == [
            (1, True),
            (3, False),
            (4, False),
            (5, False),
        ]
        assert "no such order" in answers[1]["problem"]
        await ib.reqCurrentTimeAsync()
        assert 2103 in heard
        process.stdin.close()
        assert line_of(process)["twsim"] == "stopped" and process.wait(timeout=20) == 0
        assert json.loads((tmp_path / "state.json").read_text())["exchange"]["seed"] == 3
    finally:
        ib.disconnect()
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: signal.Signals) -> None:
    process = started()
    try:
        port = line_of(process)["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        assert process.returncode == 0 and json.loads(out)["twsim"] == "stopped" and not err
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "not a loopback address"),
        (("--client-version", "156"), "157<=x<=178"),
        (("--port", "70000"), "65535"),
        (("--scenario", "missing.toml"), "cannot be read"),
    ],
)
def test_wrong_options_are_refused(cli: Cli, options: tuple[str, ...], said: str) -> None:
    answer = cli("twsim", *options)
    assert answer.code == Exit.USAGE and said in answer.err


def test_a_wrong_script_is_refused_with_everything_that_is_wrong(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[tws]\nsed = 1\n[[act]]\nat = 1\ndo = "no"\n', encoding="utf-8")
    answer = cli("twsim", "--scenario", str(path), "--json")
    assert answer.code == Exit.USAGE
    assert [problem.split(":")[0] for problem in answer.json["error"]["problems"]] == ["tws", "act 1"]


def test_what_is_taken_is_said(cli: Cli, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = cli("twsim", "--port", str(taken.getsockname()[1]))
    assert answer.code == Exit.UNAVAILABLE and "cannot be listened on" in answer.err
    path = tmp_path / "state.json"
    path.write_text("{}", encoding="utf-8")
    answer = cli("twsim", "--port", "0", "--state", str(path))
    assert answer.code == Exit.UNAVAILABLE and "state file" in answer.err
