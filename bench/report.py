"""What every bench tells in the same words: a figure, what it stands beside in the same run, and what it aims for.

A bench is a module with `measure(options) -> list[Figure]`. Alone it prints its table (or JSON lines with `--json`);
`python -m bench` runs all of them, each in a process of its own, and prints one table.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]


def as_installed() -> None:
    """Compile our modules, as an installer does. Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE), every
    start would be measured with the compiling of our whole source in it, beside others that came compiled."""
    for folder in ("ibgw_tui", "bench", "tests"):
        compileall.compile_dir(ROOT / folder, quiet=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. Times are in `unit`; a rate is the higher the better."""

    what: str
    median: float
    unit: str
    p99: float | None = None
    beside: str = ""
    """What was measured in the same run, to compare with; '' where nothing is comparable."""
    base: float | None = None
    """Its median, in the same unit."""
    aim: float | None = None
    """Of the median, in the same unit: at most, or at least where `is_rate`."""
    aim_p99: float | None = None
    aim_ratio: float | None = None
    """Of median to base, at most (at least where `is_rate`)."""
    is_rate: bool = False
    note: str = ""
    spread: float | None = None
    """How far the ratio wandered within the run: half of highest minus lowest of its blocks, as a part of it."""

    @property
    def ratio(self) -> float | None:
        return self.median / self.base if self.base else None

    @property
    def verdict(self) -> str:
        """'met', 'missed', or '' where nothing was aimed for."""
        pairs = [(self.median, self.aim), (self.p99, self.aim_p99), (self.ratio, self.aim_ratio)]
        asked = [(found, aim) for found, aim in pairs if aim is not None]
        if not asked:
            return ""
        fits = all(found is not None and (found >= aim if self.is_rate else found <= aim) for found, aim in asked)
        return "met" if fits else "missed"

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Figure:
        return cls(**{name: value for name, value in data.items() if name not in ("ratio", "verdict")})

    @property
    def aims(self) -> str:
        sign = "≥" if self.is_rate else "≤"
        told = [
            f"{sign} {number(self.aim)} {self.unit}" if self.aim is not None else "",
            f"p99 {sign} {number(self.aim_p99)} {self.unit}" if self.aim_p99 is not None else "",
            f"{sign} {self.aim_ratio:g} x" if self.aim_ratio is not None else "",
        ]
        return ", ".join(text for text in told if text)


def of_times(
    what: str,
    seconds: Sequence[float],
    unit: str = "ms",
    *,
    beside: str = "",
    base: Sequence[float] | float | None = None,
    aim: float | None = None,
    aim_p99: float | None = None,
    aim_ratio: float | None = None,
    note: str = "",
) -> Figure:
    """Median and p99 of times in seconds, in the order in which they were measured; `base` likewise, in seconds."""
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]
    ordered = sorted(seconds)
    bases = base if isinstance(base, Sequence) else None if base is None else [base]
    return Figure(
        what,
        statistics.median(ordered) * scale,
        unit,
        ordered[len(ordered) * 99 // 100] * scale,
        beside=beside,
        base=statistics.median(bases) * scale if bases else None,
        aim=aim,
        aim_p99=aim_p99,
        aim_ratio=aim_ratio,
        note=note,
        spread=spread_of(seconds, bases) if bases else None,
    )


BLOCKS = 5
LEAST_IN_A_BLOCK = 3


def spread_of(seconds: Sequence[float], base: Sequence[float]) -> float | None:
    """How far the ratio of two medians wanders from block to block of one run; None where there are too few to tell."""
    if len(seconds) < BLOCKS * LEAST_IN_A_BLOCK:
        return None
    bases = _medians(base) if len(base) >= BLOCKS * LEAST_IN_A_BLOCK else [statistics.median(base)] * BLOCKS
    ratios = [mine / other for mine, other in zip(_medians(seconds), bases, strict=True) if other]
    return (max(ratios) - min(ratios)) / 2 / statistics.median(ratios) if ratios else None


def _medians(values: Sequence[float]) -> list[float]:
    size = len(values) / BLOCKS
    return [statistics.median(values[round(n * size) : round((n + 1) * size)]) for n in range(BLOCKS)]


STATED_SPREAD = 0.25
"""Of a ratio whose run was too short to tell, and the least of any: other work comes and goes on a shared machine."""


@dataclass(frozen=True, slots=True)
class Twice:
    """One ratio of two runs."""

    what: str
    first: float
    second: float
    spread: float
    """What the ratio is stated to be good for, as a part of it."""

    @property
    def difference(self) -> float:
        return abs(self.first - self.second) / min(self.first, self.second)

    @property
    def agree(self) -> bool:
        return self.difference <= self.spread


def compared(first: Sequence[Figure], second: Sequence[Figure]) -> list[Twice]:
    """Every ratio that both runs have, by its name."""
    before = {(figure.what, figure.beside): figure for figure in first}
    rows = []
    for figure in second:
        earlier = before.get((figure.what, figure.beside))
        if earlier and earlier.ratio and figure.ratio:
            spread = max(STATED_SPREAD, (earlier.spread or 0.0) + (figure.spread or 0.0))
            rows.append(Twice(f"{figure.what} / {figure.beside}", earlier.ratio, figure.ratio, spread))
    return rows


def twice_table(rows: Sequence[Twice]) -> Table:
    made = Table(title="ratios of two runs", title_justify="left", box=None, pad_edge=False)
    made.add_column("what", overflow="fold")
    for heading in ("first", "second", "differ by", "good to"):
        made.add_column(heading, justify="right", no_wrap=True)
    made.add_column("")
    for row in rows:
        made.add_row(
            row.what,
            f"{number(row.first)} x",
            f"{number(row.second)} x",
            f"{row.difference:.0%}",
            f"{row.spread:.0%}",
            "agree" if row.agree else "DIFFER",
        )
    return made


def number(value: float | None) -> str:
    """Three digits that count; thousands in groups."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(digits, 0), 3)}f}"


def table(title: str, figures: Sequence[Figure]) -> Table:
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    made.add_column("what", overflow="fold")
    made.add_column("median", justify="right", no_wrap=True)
    made.add_column("p99", justify="right", no_wrap=True)
    made.add_column("beside (same run)", overflow="fold")
    made.add_column("ratio", justify="right", no_wrap=True)
    made.add_column("aim", overflow="fold")
    made.add_column("")
    for one in figures:
        beside = f"{one.beside} {number(one.base)} {one.unit}" if one.base is not None else one.beside
        made.add_row(
            one.what + (f"\n  {one.note}" if one.note else ""),
            f"{number(one.median)} {one.unit}",
            number(one.p99),
            beside,
            (f"{number(one.ratio)} x" if one.ratio is not None else "") + (f" ±{one.spread:.0%}" if one.spread else ""),
            one.aims,
            one.verdict,
        )
    return made


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], list[Figure]]) -> int:
    """The main of a bench."""
    parser.add_argument("--json", action="store_true", help="one JSON object a figure, instead of the table")
    given = parser.parse_args()
    figures = measure(given)
    if given.json:
        for one in figures:
            print(json.dumps(one.as_json()))
        return 0
    Console(width=None if sys.stdout.isatty() else 160).print(table(parser.prog, figures))
    return 0
