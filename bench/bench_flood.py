"""Twenty agents that stage 5,000 orders at once: what is lost (nothing), and what the operator waits for meanwhile.

    python -m bench.bench_flood [--agents 20] [--each 260] [--budget 250]

Each agent is a process with the public SDK. Some ask twice with a key, some use a key for another order, and the last ten
of each are over the budget. The figures are orders a second and the time of one reading of the queue, as the terminal does it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.report import Figure, of_times, run
from tests.flood import flood


def measure(given: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="ibgw-flood-") as folder:
        found = flood(Path(folder), agents=given.agents, each=given.each, budget=given.budget)
    if found.problems:
        raise SystemExit("\n".join(f"PROBLEM: {problem}" for problem in found.problems))
    what = f"orders of {found.agents} agents at once: {found.staged:,}, none lost, no key twice, every budget kept"
    return [
        Figure(what, found.staged / found.seconds, "orders/s", is_rate=True),
        of_times("reading the queue meanwhile", found.looks),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--each", type=int, default=260)
    parser.add_argument("--budget", type=int, default=250)
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
