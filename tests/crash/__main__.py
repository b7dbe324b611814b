"""The long form of the crash harness: `python -m tests.crash --rounds 1000 --report crash.json`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.crash.harness import Report, run
from tests.crash.workers import OPERATIONS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="how many desks are crashed (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="draws which moments and which company (default 1)")
    parser.add_argument(
        "--only", action="append", choices=OPERATIONS, help="of these operations alone; may be repeated"
    )
    parser.add_argument("--report", type=Path, help="write the report as JSON to this file")
    chosen = parser.parse_args()

    def tell(report: Report) -> None:
        if sys.stderr.isatty() or report.rounds % 100 == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            words = f"{report.rounds} rounds, {report.kills} processes killed, {len(report.failures)} failures, "
            print(f"{words}{report.seconds:.0f} s", file=sys.stderr, end=end)

    report = run(chosen.rounds, chosen.seed, operations=tuple(chosen.only or OPERATIONS), tell=tell)
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    print(text)
    if chosen.report is not None:
        chosen.report.write_text(text + "\n")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
