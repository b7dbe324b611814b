"""How long a call of the command line takes, beside a bare start of Python.

    python -m bench.bench_start [--rounds 15]

In turns, so that a busy machine slows all of them. The first start of each is not counted: it fills the caches.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Figure, as_installed, of_times, run

ORDER = ("--account", "DU1234567", "--symbol", "AAPL", "--side", "buy", "--quantity", "1", "--limit-price", "100")


def commands(home: Path) -> dict[str, list[str]]:
    ibgw = [sys.executable, "-m", "ibgw_tui", "--home", str(home)]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "ibgw completion bash": [*ibgw, "completion", "bash"],
        "ibgw list --json": [*ibgw, "list", "--json"],
        "ibgw kill status --json": [*ibgw, "kill", "status", "--json"],
        "ibgw stage": [*ibgw, "stage", *ORDER],
        "import of the SDK": [sys.executable, "-c", "from ibgw_tui import Staging"],
        "import of the terminal": [sys.executable, "-c", "import ibgw_tui.tui.app"],
    }


def once(command: list[str]) -> float:
    environment = {**os.environ, "IBGW_AGENT": "bench"} if "stage" in command else dict(os.environ)
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def measure(given: argparse.Namespace) -> list[Figure]:
    as_installed()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        calls = commands(Path(name) / "desk")
        times: dict[str, list[float]] = {call: [] for call in calls}
        for number in range(given.rounds + 1):
            for call, command in calls.items():
                seconds = once(command)
                if number:
                    times[call].append(seconds)
    bare = times.pop("python -c pass")
    return [of_times(call, taken, beside="python -c pass", base=bare) for call, taken in times.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
