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
from bench.report import STATED_SPREAD, Figure, compared, number, of_times, spread_of, table

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


def test_the_spread_is_how_far_the_ratio_wandered_within_the_run() -> None:
    assert spread_of([2.0] * 50, [1.0] * 50) == 0
    wanders = [2.0] * 40 + [3.0] * 10
    assert spread_of(wanders, [1.0] * 50) == pytest.approx(0.25), "blocks of 2 2 2 2 3: half of one, by two"
    assert spread_of(wanders, [1.0] * 40 + [1.5] * 10) == 0, "both were slower: the ratio stood still"
    assert spread_of(wanders, [1.0]) == pytest.approx(0.25)
    assert spread_of([1.0] * 10, [1.0] * 10) is None, "too few to tell"


def test_ratios_of_two_runs_agree_or_differ() -> None:
    def ratio(value: float, spread: float | None = None, beside: str = "b") -> Figure:
        return Figure("a", value, "ms", base=1.0, beside=beside, spread=spread)

    def agree(first: Figure, second: Figure) -> list[bool]:
        return [row.agree for row in compared([first], [second])]

    assert agree(ratio(2.0), ratio(2.0 + 2 * STATED_SPREAD)) == [True]
    assert agree(ratio(2.0), ratio(2.01 + 2 * STATED_SPREAD)) == [False]
    assert agree(ratio(2.01 + 2 * STATED_SPREAD), ratio(2.0)) == [False], "either way round"
    assert agree(ratio(2.0, 0.3), ratio(3.0, 0.2)) == [True], "both said that they wander"
    assert agree(ratio(2.0), ratio(9.0, beside="c")) == [], "beside something else"
    assert agree(ratio(2.0), Figure("a", 2.0, "ms")) == [], "no ratio, nothing to compare"


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
    told = json.loads(target.read_text(encoding="utf-8"))
    for figure in told["figures"]:
        figure["base"] = figure["base"] and figure["base"] * 10
    target.write_text(json.dumps(told), encoding="utf-8")
    command = [sys.executable, "-m", "bench", name, "--quick", "--against", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "DIFFER" in done.stderr, done.stderr


def test_an_unknown_bench_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "sped"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no such bench: sped" in done.stderr
