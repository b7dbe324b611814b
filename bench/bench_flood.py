"""Twenty agents that stage 5,000 orders at once: what is lost (nothing), and what the operator waits for meanwhile.

    python -m bench.bench_flood [--agents 20] [--each 260] [--budget 250]

Each agent is a process with the public SDK. Some ask twice with a key, some use a key for another order, and the last ten
of each are over the budget. The figures are orders a second and the time of one reading of the queue, as the terminal does it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.flood import flood


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--each", type=int, default=260)
    parser.add_argument("--budget", type=int, default=250)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ibgw-flood-") as folder:
        found = flood(Path(folder), agents=options.agents, each=options.each, budget=options.budget)
    looks = sorted(found.looks)
    print(
        f"{found.staged} orders of {found.agents} agents in {found.seconds:.1f} s: {found.staged / found.seconds:.0f} a second"
    )
    print(
        f"queue read {len(looks)} times: median {looks[len(looks) // 2] * 1e3:.1f} ms, p99 {looks[len(looks) * 99 // 100] * 1e3:.1f} ms"
    )
    for problem in found.problems:
        print(f"PROBLEM: {problem}")
    return 1 if found.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
