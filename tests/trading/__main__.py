"""An hour of trading with random faults: `python -m tests.trading --minutes 60 --seed 1 --report trading.json`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.trading.hour import Hour, Report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trading", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long there is trading (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults and what everybody does (default 1)")
    parser.add_argument("--report", type=Path, help="write the report as JSON to this file")
    chosen = parser.parse_args()

    def tell(report: Report) -> None:
        words = f"{sum(report.faults.values())} faults, {sum(report.killed.values())} processes killed"
        print(f"{words}, {len(report.failures)} failures", file=sys.stderr)

    hour = Hour(chosen.minutes, chosen.seed)
    report = asyncio.run(hour.play(tell))
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    print(text)
    if chosen.report is not None:
        chosen.report.write_text(text + "\n")
    if report.failures:
        print(f"everything is kept in {hour.folder}", file=sys.stderr)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
