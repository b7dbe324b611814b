"""All benches, one after the other, each in a process of its own: `python3 dev.py bench`.

    python -m bench [NAME ...] [--quick] [--json FILE]

Every figure stands beside what it is compared with in the same run: on another machine, or on this one tomorrow, the
ratios are what can be compared. `--quick` takes a tenth of the rounds, to see that everything runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.report import Figure, compared, table, twice_table
from ibgw_tui.core.terms import iso
from ibgw_tui.wiring.clock import utc_now

BENCHES: dict[str, tuple[list[str], list[str]]] = {
    "decisions": ([], ["--rounds", "2000"]),
    "store": ([], ["--sizes", "1000", "--rounds", "40"]),
    "audit": ([], ["--entries", "50000", "--own", "20000", "--rounds", "2"]),
    "contention": ([], ["--agents", "3", "--rounds", "60"]),
    "wire": ([], ["--rounds", "8", "--burst", "20"]),
    "flood": ([], ["--agents", "4", "--each", "30", "--budget", "25"]),
    "start": ([], ["--rounds", "3"]),
    "terminal": ([], ["--rounds", "1", "--orders", "200", "--without-others"]),
}
"""Name -> its options in full, and when in a hurry."""


def one(name: str, options: list[str]) -> tuple[list[Figure], str]:
    """Its figures, or what went wrong."""
    command = [sys.executable, "-m", f"bench.bench_{name}", *options, "--json"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [], (done.stderr.strip().splitlines() or ["no reason was told"])[-1]
    return [Figure.from_json(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")], ""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one or several of {', '.join(BENCHES)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that everything runs, not to quote")
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures there, too ('-' for the standard output alone)"
    )
    parser.add_argument(
        "--against",
        metavar="FILE",
        type=Path,
        help="figures of an earlier run: do the ratios of this one agree with them?",
    )
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(BENCHES))
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    names = [name for name in BENCHES if not given.names or name in given.names]
    found: dict[str, list[Figure]] = {}
    problems: dict[str, str] = {}
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=f"bench {name}")
            found[name], problem = one(name, BENCHES[name][given.quick])
            if problem:
                problems[name] = problem
            progress.advance(task)
    told = {
        "made_at": iso(utc_now()),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "quick": given.quick,
        "figures": [{"bench": name, **figure.as_json()} for name, figures in found.items() for figure in figures],
        "problems": problems,
    }
    if given.json == "-":
        print(json.dumps(told, indent=1))
    else:
        screen = Console(width=None if sys.stdout.isatty() else 160)
        for name, figures in found.items():
            screen.print(table(name, figures), "")
        if given.json:
            Path(given.json).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for name, problem in problems.items():
        print(f"bench {name} failed: {problem}", file=sys.stderr)
    differ = _compare(given.against, [one for figures in found.values() for one in figures]) if given.against else 0
    return 1 if problems or differ else 0


def _compare(earlier: Path, figures: list[Figure]) -> int:
    """How many ratios do not agree."""
    before = json.loads(earlier.read_text(encoding="utf-8"))["figures"]
    for data in before:
        del data["bench"]
    rows = compared([Figure.from_json(data) for data in before], figures)
    Console(stderr=True, width=None if sys.stderr.isatty() else 160).print(twice_table(rows))
    return sum(not row.agree for row in rows)


if __name__ == "__main__":
    raise SystemExit(main())
