"""What passes bytes between a client and the desk's socket ends without noise, whoever leaves first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


def test_a_client_that_closes_its_end_is_an_end_like_any_other() -> None:
    with tempfile.TemporaryDirectory(prefix="ibgw-") as folder, socket.socket(socket.AF_UNIX) as server:
        path = Path(folder) / "agents.sock"
        server.bind(str(path))
        server.listen()
        reading, writing = os.pipe()
        bridge = subprocess.Popen(
            [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--connect", str(path)],
            stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(writing)
        line, _ = server.accept()
        with line:
            line.sendall(b"an answer\n")
            assert os.read(reading, 100) == b"an answer\n"
            os.close(reading)
            line.sendall(b"one that nobody reads\n")
            _, said = bridge.communicate(timeout=30)
        assert (bridge.returncode, said) == (0, "")
