"""What the operator waits for, and what a slow link has to carry: the terminal in a real pseudo terminal.

    python -m bench.bench_terminal [--quick] [--without-others] [--json] [--cache DIR]

Everything is measured in one run, the programs taking turns, so that the ratios hold on a busy machine: a minimal
Textual app (nobody can be below), a stock DataTable, posting and harlequin (installed into environments of their own
under --cache, unless --without-others or without a network) and `ibgw tui` on real SQLite files. The window is 120x40.
*First paint* is the first picture of at least 20 cells on the alternate screen after the start of the process, *ready*
when the program's own content stands there. *First byte* is what a key waits for; *bytes* are all that follow it, so
with us also the ticket of the order the cursor came to. Nothing is drawn by the bench while it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.pty_probe import Probe, a_picture, percentile, with_text
from bench.terminal_apps import READY
from ibgw_tui.config import load_config
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.wiring.desk_side import open_desk_side
from tests.service.filling import make

SIZES = (100, 10_000, 100_000)
DOWN, UP = b"\x1b[B", b"\x1b[A"
OURS = (sys.executable, "-m", "bench.terminal_apps")
EMPTY = "No orders wait"
OTHERS = (
    ("posting", ("posting==2.11.1", "tree-sitter<0.26"), "Collection is empty"),
    ("harlequin", ("harlequin==2.17.0",), "Query Editor"),
)
"""Name, what to install (posting falls over the newest tree-sitter), and what its first screen shows."""


@dataclass
class Report:
    """Figures by name, and how they compare with what was promised."""

    figures: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, bool] = field(default_factory=dict)
    quiet: bool = False

    def put(self, name: str, value: float, unit: str = "ms", *, below: float | None = None) -> float:
        self.figures[name] = round(value, 3)
        told = ""
        if below is not None:
            self.verdicts[name] = value < below
            told = f"   (target below {below:g}: {'met' if value < below else 'MISSED'})"
        if not self.quiet:
            print(f"  {name:<58} {value:10.2f} {unit}{told}", flush=True)
        return value

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)


@dataclass(frozen=True)
class Subject:
    name: str
    command: Sequence[str]
    ready: str
    seconds: float = 20.0
    """At most."""
    rounds: int = 99
    environment: dict[str, str] = field(default_factory=dict)


def config_in(folder: Path) -> Path:
    return folder / "desk" / "config.toml"


def make_desk(folder: Path, orders: int) -> Path:
    """A real file with so many orders that have ended, the demo's configuration beside it, the switch open."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(folder, orders))
    write_demo_settings(folder / "desk", mode="paper", seed=1, hold_back=3)
    with open_desk_side(load_config(config_in(folder), {}, {})) as side:
        side.review.open_switch("bench", override="the market is simulated, and nothing was sent to it yet")
    return config_in(folder)


def desk_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "ibgw_tui", "--config", str(config), "tui"]


def others(cache: Path, report: Report) -> list[Subject]:
    """posting and harlequin, each in an environment of its own: they want other versions of Textual."""
    found = []
    home = str(cache / "home")
    environment = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "PYTHONPATH": ""}
    (cache / "home").mkdir(parents=True, exist_ok=True)
    for name, packages, ready in OTHERS:
        place = cache / name
        program = place / "bin" / name
        if not program.exists():
            made = subprocess.call([sys.executable, "-m", "venv", str(place)]) == 0
            if not made or subprocess.call([str(place / "bin" / "pip"), "install", "--quiet", *packages]) != 0:
                report.say(f"{name} could not be installed (no network?): left out")
                shutil.rmtree(place, ignore_errors=True)
                continue
        found.append(Subject(name, [str(program)], ready, environment=environment))
    return found


# ---- measurements


def first_paint(report: Report, subjects: Iterable[Subject], rounds: int) -> None:
    report.say(f"\nstart (medians of {rounds} rounds, taking turns)")
    subjects = list(subjects)
    painted: dict[str, list[float]] = {}
    ready: dict[str, list[float]] = {}
    for turn in range(rounds):
        for subject in subjects:
            if turn >= subject.rounds:
                continue
            with Probe(subject.command, environment=subject.environment) as probe:
                with contextlib.suppress(TimeoutError):
                    probe.listen_until(partial(_contains, subject.ready.encode()), subject.seconds)
                probe.listen(0.5)
                painted.setdefault(subject.name, []).append(probe.painted(a_picture))
                ready.setdefault(subject.name, []).append(probe.painted(with_text(subject.ready)))
    floor = statistics.median(painted["minimal"])
    posting = statistics.median(painted["posting"]) if "posting" in painted else None
    for subject in subjects:
        first, then = statistics.median(painted[subject.name]), statistics.median(ready[subject.name])
        is_ours = subject.name.startswith("ibgw")
        report.put(f"{subject.name}: first paint", first, below=1000 if "100,000" in subject.name and is_ours else None)
        report.put(f"{subject.name}: ready", then)
        report.put(f"{subject.name}: first paint / minimal", first / floor, "x", below=1.5 if is_ours else None)
        if posting and is_ours:
            report.put(f"{subject.name}: first paint / posting", first / posting, "x", below=1 / 3)


def moving(report: Report, keys: int) -> None:
    report.say("\none line down or up, inside the page")
    sides = {"DataTable": "table", "ibgw": "rows"}
    for count in (1_000, 100_000):
        with Probe([*OURS, "rows", str(count)]) as ours, Probe([*OURS, "table", str(count)]) as table:
            probes = {"ibgw": ours, "DataTable": table}
            for probe in probes.values():
                probe.listen_until(lambda seen: READY.encode() in seen or b"waits" in seen, 90)
                probe.settle()
            times: dict[str, list[float]] = {name: [] for name in sides}
            sizes: dict[str, list[float]] = {name: [] for name in sides}
            draw = random.Random(1)  # noqa: S311  gaps between keys
            for _ in range(max(1, keys // 20)):
                for name, probe in probes.items():  # in turns, so that both meet the same machine
                    probe.listen(0.05)
                    taken, size = probe.moves([DOWN] * 10 + [UP] * 10, draw)
                    times[name] += taken
                    sizes[name].append(size)
            for name in sides:
                limits = (10, 40) if name == "ibgw" else (None, None)
                what = f"{name}, {count:,} rows"
                report.put(f"{what}: first byte, median", statistics.median(times[name]), below=limits[0])
                report.put(f"{what}: first byte, p99", percentile(times[name], 99), below=limits[1])
                report.put(f"{what}: bytes a key, all that follows", statistics.median(sizes[name]), "B")
            report.put(f"ibgw, {count:,} rows: resident", ours.memory_mib, "MiB")
            report.put(f"DataTable, {count:,} rows: resident", table.memory_mib, "MiB")
    with Probe([*OURS, "rows", "100000"], columns=80, rows=24) as narrow:
        narrow.listen_until(lambda seen: b"waits" in seen, 90)
        narrow.settle()
        draw = random.Random(2)  # noqa: S311  gaps between keys
        size = statistics.median(narrow.moves([DOWN] * 4 + [UP] * 4, draw)[1] for _ in range(5))
        report.put("ibgw, 100,000 rows, 80x24 (the list alone): bytes a key", size, "B", below=500)


def cells(report: Report, seconds: float) -> None:
    report.say("\n20 cells change ten times a second, 1,000 rows")
    for name, which in (("DataTable", "table"), ("ibgw", "rows")):
        with Probe([*OURS, which, "1000", "--cells"]) as probe:
            probe.listen(4)
            used = probe.usage(seconds)
            report.put(f"{name}: of a core", used.core, "%", below=8 if name == "ibgw" else None)
            report.put(f"{name}: output", used.rate, "KiB/s")


def staging(report: Report, config: Path, count: int) -> None:
    """From the commit in the agent's process to the bytes of the order's line."""
    report.say("\nstaged in another process")
    times = []
    agent = subprocess.Popen(
        [*OURS, "agent", str(config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert agent.stdin is not None and agent.stdout is not None
    draw = random.Random(3)  # noqa: S311  gaps between orders
    with agent, Probe(desk_command(config)) as probe:
        probe.listen(4)
        agent.stdout.readline()
        for number in range(count):
            quantity = 101 + number % 140
            agent.stdin.write(f"{quantity}\n")
            sign = f"{quantity:>8}".encode()  # its column in the list
            at = probe.listen_until(partial(_contains, sign), 10)
            times.append((at - float(agent.stdout.readline())) * 1000)
            probe.listen(draw.uniform(0.3, 0.5))
            agent.stdin.write("-\n")
            probe.listen(draw.uniform(0.2, 0.4))
            probe.write(b"g")  # moving clears away what has gone
            probe.listen(draw.uniform(0.2, 0.4))
        agent.stdin.close()
    report.put("committed by the agent until painted, median", statistics.median(times))
    report.put("committed by the agent until painted, p99", percentile(times, 99), below=30)


def _contains(sign: bytes, seen: bytes) -> bool:
    return sign in seen


def idle(report: Report, config: Path, seconds: float) -> None:
    report.say("\nnobody there, clocks ticking")
    programs = {
        "minimal": [*OURS, "minimal"],
        "ibgw": [*desk_command(config), "--read-only"],
        "ibgw, the router and the simulated market in it": desk_command(config),
    }
    for name, command in programs.items():
        with Probe(command) as probe:
            probe.listen(6)
            used = probe.usage(seconds)
            limits = (1, 1) if name == "ibgw" else (None, None)
            report.put(f"{name}: output", used.rate, "KiB/s", below=limits[0])
            report.put(f"{name}: of a core", used.core, "%", below=limits[1])
            report.put(f"{name}: resident", probe.memory_mib, "MiB")


def a_day(report: Report, config: Path, orders: int) -> None:
    report.say(f"\na day of {orders:,} orders: staged, previewed, shown, withdrawn")
    with (
        Probe(desk_command(config)) as probe,
        subprocess.Popen([*OURS, "day", str(config), str(orders)], stdout=subprocess.PIPE) as agent,
    ):
        probe.listen(4)
        assert agent.stdout is not None
        os.set_blocking(agent.stdout.fileno(), False)
        marks, done = [(0, probe.memory_mib)], 0
        began = time.monotonic()
        while agent.poll() is None and time.monotonic() - began < 1800:
            probe.listen(0.5)
            probe.write(random.choice([b"G", b"g", DOWN, UP]))  # noqa: S311  somebody looks around
            with contextlib.suppress(BlockingIOError):
                for word in os.read(agent.stdout.fileno(), 4096).split():
                    done = int(word) if word.isdigit() else done
            if done >= (len(marks)) * orders // 10:
                marks.append((done, probe.memory_mib))
        probe.listen(3)
        marks.append((done, probe.memory_mib))
    warm = next(memory for at, memory in marks if at >= orders // 10)
    for name, memory in (
        ("start", marks[0][1]),
        ("a tenth", warm),
        ("middle", _at(marks, orders // 2)),
        ("end", marks[-1][1]),
    ):
        report.put(f"resident, {name}", memory, "MiB")
    report.put("growth from a tenth of the day to its end", marks[-1][1] - warm, "MiB", below=10)


def _at(marks: Sequence[tuple[int, float]], count: int) -> float:
    return next(memory for at, memory in marks if at >= count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a shorter day")
    parser.add_argument("--without-others", action="store_true", help="leave posting and harlequin out")
    parser.add_argument("--only", default="", help="parts, separated by commas: start,move,cells,stage,idle,day")
    parser.add_argument("--cache", type=Path, default=None, help="where posting and harlequin are kept between runs")
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    report = Report(quiet=given.as_json)
    only = set(given.only.split(",")) - {""}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        run(report, folder, only=only, quick=given.quick, cache=None if given.without_others else given.cache or folder)
    if given.as_json:
        print(
            json.dumps({"figures": report.figures, "targets_met": report.verdicts, "load": os.getloadavg()}, indent=2)
        )


def run(report: Report, folder: Path, *, only: set[str], quick: bool, cache: Path | None) -> None:
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    report.say(f"{os.cpu_count()} cores, load at the start {load}; Python {sys.version.split()[0]}")
    desks = {size: make_desk(folder / str(size), size) for size in SIZES if not only or only - {"move", "cells"}}
    parts: dict[str, Callable[[], Any]] = {
        "start": lambda: first_paint(report, _subjects(report, desks, cache), 3 if quick else 7),
        "move": lambda: moving(report, 60 if quick else 300),
        "cells": lambda: cells(report, 5 if quick else 20),
        "stage": lambda: staging(report, desks[10_000], 20 if quick else 120),
        "idle": lambda: idle(report, desks[100], 10 if quick else 30),
        "day": lambda: a_day(report, desks[100], 500 if quick else 5_000),
    }
    for part, measure in parts.items():
        if not only or part in only:
            measure()
            report.say(f"  load now {os.getloadavg()[0]:.1f}")


def _subjects(report: Report, desks: dict[int, Path], cache: Path | None) -> list[Subject]:
    if cache is None:
        report.say("without posting and harlequin, as asked")
    found = [Subject("minimal", [*OURS, "minimal"], "a plain line")]
    found += [Subject("DataTable, 1,000 rows", [*OURS, "table", "1000"], READY)]
    found += [Subject(f"ibgw tui, {size:,} orders", desk_command(config), EMPTY) for size, config in desks.items()]
    found += [Subject("DataTable, 100,000 rows", [*OURS, "table", "100000"], READY, seconds=90, rounds=2)]
    listed = "100,000 orders in the list"
    found += [Subject(f"ibgw, {listed}", [*OURS, "stored", str(desks[100_000]), "100000"], "filled", seconds=60)]
    return found + (others(cache, report) if cache is not None else [])


if __name__ == "__main__":
    main()
