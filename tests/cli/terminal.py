"""One command on a terminal of its own, for questions that only a person can answer."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path


def at_terminal(home: Path, typed: str, *command: str) -> tuple[int, str]:
    """Run `ibgw COMMAND` and type once a question is there. Returns the exit code and all that was shown."""
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-m", "ibgw_tui", "--home", str(home), *command]
    process = subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "NO_COLOR": "1"}
    )
    os.close(theirs)
    seen, asked, deadline = b"", False, time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        if not asked and b"Type " in seen and seen.endswith(b": "):
            asked = True
            time.sleep(0.05)
            os.write(ours, typed.encode())
        if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    code = process.wait(timeout=5)
    os.close(ours)
    return code, seen.decode().replace("\r\n", "\n")
