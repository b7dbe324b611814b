"""Starts worker processes in a millisecond: a process that has everything loaded, and forks.

Loading the product takes half a second; a thousand rounds with several processes each would be spent
on that. The nursery is one thread and opens no database, so forking it is safe.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


class Nursery:
    """Used from the harness: start, wait, kill. Ends every process it started when it is closed."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._alive: set[int] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery", str(log)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask(ready=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in tuple(self._alive):
            self.kill(pid)
        self._process.communicate(timeout=30)

    def start(self, job: str, **arguments: Any) -> int:
        """A new process that does the job (`workers.JOBS`, `storms.JOBS`); its pid."""
        pid: int = self._ask(start=job, arguments=arguments)
        self._alive.add(pid)
        return pid

    def wait(self, pid: int, seconds: float = 60) -> int:
        """The exit code, negative for a signal. Raises TimeoutError."""
        limit = time.monotonic() + seconds
        while (code := self._ask(poll=pid)) is None:
            if time.monotonic() > limit:
                raise TimeoutError(f"process {pid} did not end within {seconds} s\n{self.log_tail()}")
            time.sleep(0.002)
        self._alive.discard(pid)
        return int(code)

    def kill(self, pid: int) -> int:
        """SIGKILL, and wait. The pid is ours until it was waited for."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def signal(self, pid: int, number: signal.Signals) -> None:
        os.kill(pid, number)

    def log_tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def _ask(self, **command: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the nursery died\n{self.log_tail()}"
        return json.loads(line)


def _main(log: str) -> None:
    jobs = {**importlib.import_module("tests.crash.workers").JOBS, **importlib.import_module("tests.crash.storms").JOBS}
    children: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        answer: Any = True
        if "start" in command:
            answer = os.fork()
            if answer == 0:
                _work(jobs[command["start"]], command["arguments"], log)
            children.add(answer)
        elif "poll" in command:
            pid, status = os.waitpid(command["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
            children.discard(pid)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in children:  # whoever asked for them is gone
        os.kill(pid, signal.SIGKILL)


def _work(job: Any, arguments: dict[str, Any], log: str) -> None:
    """In the child; never returns."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        job(**arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _main(sys.argv[1])
