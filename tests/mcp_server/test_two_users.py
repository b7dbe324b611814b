"""The boundary: the store belongs to one OS user, agents are another, and all they share is a socket.

As root this runs with two real users. Elsewhere it is skipped, loudly: the boundary is then not tested.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibgw_tui.mcp_server.listening import AT_ONCE
from tests.mcp_server.conftest import ORDER
from tests.mcp_server.raw import RawClient

DESK, AGENT, OUTSIDER, DOOR_GROUP = 61_001, 61_002, 61_003, 61_010
"""Numbers that nobody has: the kernel needs no name to keep users apart."""


AS_USER = """
import importlib, json, os, sys
uid, groups, modules, code, *rest = json.loads(sys.argv[1])
for name in modules:
    importlib.import_module(name)
os.chdir("/")
os.setgroups(groups)
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
os.environ["HOME"] = "/nonexistent"
sys.argv = ["ibgw-mcp", *rest]
exec(code)
"""
"""Modules are loaded first, because the interpreter may lie where only root can read; then the user is another."""
MAIN = "from ibgw_tui.mcp_server.main import main; sys.exit(main(sys.argv[1:]))"
LOADED = [
    "anyio._backends._asyncio",
    "ibgw_tui.mcp_server.listening",
    "ibgw_tui.mcp_server.main",
    "ibgw_tui.wiring.paths",
    "importlib.metadata",
]

needs_two_users = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0,
    reason="NOT TESTED HERE: the boundary between the desk's user and the agents' user needs root to start both",
)


def as_user(uid: int, code: str, *arguments: str) -> list[str]:
    """A command that runs `code` as this user; agents and the desk are in the door's group."""
    groups = [] if uid == OUTSIDER else [DOOR_GROUP]
    needed = LOADED if uid == DESK else ["ibgw_tui.mcp_server.bridge", "ibgw_tui.mcp_server.main", "locale", "shutil"]
    if code == ATTEMPTS:
        needed = ["ibgw_tui.wiring.desk_side", "ibgw_tui.wiring.paths"]
    return [sys.executable, "-c", AS_USER, json.dumps([uid, groups, needed, code, *arguments])]


def serve(folder: Path, *more: str, uid: int | None = None) -> subprocess.Popen[str]:
    arguments = ["--home", str(folder / "home"), "--listen", str(folder / "door" / "agents.sock"), *more]
    command = [sys.executable, "-m", "ibgw_tui.mcp_server.main", *arguments]
    process = subprocess.Popen(as_user(uid, MAIN, *arguments) if uid else command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "listening" in line, line + process.stderr.read()
    return process


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because a socket's path has to be; and not below the test's own folder, which is closed to others."""
    made = Path(tempfile.mkdtemp(prefix="ibgw-"))
    made.chmod(0o711)
    (made / "door").mkdir()
    yield made
    shutil.rmtree(made)


def bridge(folder: Path) -> list[str]:
    return [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--connect", str(folder / "door" / "agents.sock")]


def run_as(uid: int, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = as_user(uid, code, *arguments)
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)


ATTEMPTS = """
import json, os, sys
from pathlib import Path
home = Path(sys.argv[1])

def open_store():
    from ibgw_tui.store import OrderStore
    from ibgw_tui.wiring.clock import utc_now
    OrderStore.open(home / "desk.sqlite3", clock=utc_now)

def hold_the_operators_role():
    from ibgw_tui.config import load_config
    from ibgw_tui.wiring.desk_side import open_desk_side
    open_desk_side(load_config(None, {}, {"desk.home": str(home)}))

attempts = {
    "open the store": open_store,
    "hold the operator's role": hold_the_operators_role,
    "read the file": (home / "desk.sqlite3").read_bytes,
    "delete the file": (home / "desk.sqlite3").unlink,
    "replace the file": lambda: os.replace("/dev/null", home / "desk.sqlite3"),
    "look into the folder": lambda: os.listdir(home),
    "put a sentinel file": lambda: (home / "KILL").write_text("stop"),
    "open the folder": lambda: home.chmod(0o777),
    "replace the socket": (home.parent / "door" / "agents.sock").unlink,
}
answers = {}
for name, attempt in attempts.items():
    try:
        attempt()
        answers[name] = "DONE"
    except Exception as error:
        answers[name] = f"{type(error).__name__}: {error}"
print(json.dumps(answers))
"""
"""A shell could do no more than this. Stopping the desk is what an agent may do, but through the door."""


@needs_two_users
def test_an_agent_under_another_user_can_stage_and_cannot_reach_the_store(folder: Path) -> None:
    for path, mode in ((folder / "door", 0o755), (folder / "home", 0o700)):
        path.mkdir(exist_ok=True)
        os.chown(path, DESK, DESK)
        path.chmod(mode)
    server = serve(folder, "--group", str(DOOR_GROUP), uid=DESK)
    try:
        socket = folder / "door" / "agents.sock"
        found = socket.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (DESK, DOOR_GROUP, 0o660)
        with RawClient(folder, command=as_user(AGENT, MAIN, "--connect", str(socket))) as agent:
            body = agent.tool("stage_order", **ORDER, idempotency_key="k1")
            assert body["order"]["staged_by"] == f"uid-{AGENT}", "the kernel says who it is, not the agent"
            names = [tool["name"] for tool in agent.call("tools/list", {})["result"]["tools"]]
            assert "stage_order" in names and not [name for name in names if "approve" in name or "submit" in name]
        done = run_as(AGENT, ATTEMPTS, str(folder / "home"))
        answers = json.loads(done.stdout)
        assert len(answers) == 9, done.stderr
        assert not [name for name, said in answers.items() if not re.search("ermission|permitted", said)], answers
        refused = run_as(OUTSIDER, MAIN, "--connect", str(socket))
        assert refused.returncode == 7 and "ermission denied" in refused.stderr
    finally:
        server.terminate()
        assert server.wait(timeout=30) == 0
    assert not socket.exists()


# ---- the socket itself, as one user


@pytest.fixture
def door(folder: Path) -> Iterator[subprocess.Popen[str]]:
    server = serve(folder)
    yield server
    server.terminate()
    server.communicate(timeout=30)


def test_through_the_socket_an_agent_is_called_what_its_user_is_called(door: object, folder: Path) -> None:
    with RawClient(folder, command=bridge(folder)) as one, RawClient(folder, command=bridge(folder)) as other:
        body = one.tool("stage_order", **ORDER, idempotency_key="k")
        assert body["order"]["staged_by"] == pwd.getpwuid(os.getuid()).pw_name
        assert other.tool("stage_order", **ORDER, idempotency_key="k")["replayed"]
    assert (folder / "door" / "agents.sock").stat().st_mode & 0o777 == 0o600


def test_one_user_has_so_many_connections_and_no_more(door: object, folder: Path) -> None:
    clients = [RawClient(folder, command=bridge(folder)) for _ in range(AT_ONCE)]
    try:
        with pytest.raises(AssertionError, match="it left"):
            RawClient(folder, command=bridge(folder))
    finally:
        for client in clients:
            client.__exit__(None, None, None)
    until = time.monotonic() + 10
    while True:
        try:
            with RawClient(folder, command=bridge(folder)) as again:
                again.tool("kill_switch_status")
            break
        except (AssertionError, BrokenPipeError):
            assert time.monotonic() < until, "a connection that ended is not given back"


def test_garbage_on_the_socket_ends_nothing_but_itself(door: subprocess.Popen[str], folder: Path) -> None:
    import socket

    for junk in (
        b"\x00\xff\n",
        b"{" * 1000 + b"\n",
        b'{"jsonrpc": "2.0", "id": 1, "method": "nonsense"}\n',
        b"no newline",
    ):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(folder / "door" / "agents.sock"))
            line.sendall(junk)
    with RawClient(folder, command=bridge(folder)) as client:
        client.tool("kill_switch_status")
    assert door.poll() is None


def test_a_socket_that_was_left_behind_is_replaced_and_one_that_is_served_is_not(folder: Path) -> None:
    first = serve(folder)
    command = [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--home", str(folder / "home"), "--listen"]
    second = subprocess.run(
        [*command, str(folder / "door" / "agents.sock")], capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 78 and "served by another process" in second.stderr
    first.kill()
    first.communicate()
    assert (folder / "door" / "agents.sock").is_socket()
    third = serve(folder)
    third.terminate()
    assert third.wait(timeout=30) == 0
    third.communicate()
