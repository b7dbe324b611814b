"""The benches run, and what they print is computed as it says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import BENCHES
from bench.report import Figure, number, of_times, table

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("a", 1.0, "ms"), ""),
        (Figure("a", 1.0, "ms", aim=1.0), "met"),
        (Figure("a", 1.1, "ms", aim=1.0), "missed"),
        (Figure("a", 1.0, "ms", p99=30, aim=1.0, aim_p99=20), "missed"),
        (Figure("a", 1.0, "ms", aim_p99=20), "missed"),
        (Figure("a", 6.0, "ms", base=2.0, aim_ratio=3), "met"),
        (Figure("a", 6.1, "ms", base=2.0, aim_ratio=3), "missed"),
        (Figure("a", 500.0, "rows/s", aim=500, is_rate=True), "met"),
        (Figure("a", 499.0, "rows/s", aim=500, is_rate=True), "missed"),
    ],
)
def test_an_aim_is_met_or_missed(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict
    assert Figure.from_json(json.loads(json.dumps(figure.as_json()))) == figure


def test_times_become_median_and_p99_beside_the_median_of_the_base() -> None:
    figure = of_times("a", [n / 1000 for n in range(1, 101)], base=[0.002, 0.001, 0.003], beside="b")
    assert (figure.median, figure.p99, figure.base) == pytest.approx((50.5, 100.0, 2.0))
    assert figure.ratio == pytest.approx(25.25)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (1.2345, "1.23"), (55.29, "55.3"), (999.6, "1000"), (12345.6, "12,346"), (None, "-")],
)
def test_three_digits_count(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_table_tells_everything() -> None:
    screen = Console(width=200, record=True, file=io.StringIO())
    screen.print(table("store", [Figure("approve", 1.5, "ms", 3.0, "fdatasync", 0.5, aim=1.0, note="one sync")]))
    text = screen.export_text()
    for told in ("approve", "1.50 ms", "3.00", "fdatasync 0.500 ms", "3.00 x", "≤ 1.00 ms", "missed", "one sync"):
        assert told in text


def test_every_bench_is_in_the_list() -> None:
    there = {path.stem.removeprefix("bench_") for path in (ROOT / "bench").glob("bench_*.py")}
    assert there == set(BENCHES)


@pytest.mark.parametrize("name", ["decisions"])
def test_one_command_runs_them(name: str, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", name, "--quick", "--json", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(target.read_text(encoding="utf-8"))["figures"]
    assert figures and all(figure["bench"] == name and figure["median"] > 0 for figure in figures)
    assert figures[0]["what"].split(",")[0] in done.stdout


def test_an_unknown_bench_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "sped"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no such bench: sped" in done.stderr
