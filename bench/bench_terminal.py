"""What the operator waits for, and what a slow link has to carry: the terminal in a real pseudo terminal.

    python -m bench.bench_terminal [--rounds 7] [--parts start,move,cells,stage,idle,day] [--without-others] [--cache DIR]

The programs take turns, so that the ratios hold on a busy machine: a minimal Textual app (nobody can be below), a
stock DataTable, posting and harlequin (installed into environments of their own in --cache; left out, and said so,
with --without-others or without a network), and `ibgw tui` on real SQLite files. The window is 120x40. *First paint* is
the first picture of at least 20 cells on the alternate screen after the start of the process, *ready* when the
program's own content stands there. *First byte* is what a key waits for; *bytes* are all that follow it, so with us
also the ticket of the order the cursor came to. Nothing is drawn by the bench while it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.pty_probe import Probe, a_picture, with_text
from bench.report import Figure, as_installed, of_times, run
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
PARTS = ("start", "move", "cells", "stage", "idle", "day")


@dataclass(frozen=True)
class Subject:
    """A program whose start is measured."""

    name: str
    command: Sequence[str]
    ready: str
    seconds: float = 20.0
    """At most."""
    rounds: int = 99
    environment: dict[str, str] = field(default_factory=dict)
    is_ours: bool = False
    aim: float | None = None
    """Milliseconds to the first paint."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_desk(folder: Path, orders: int) -> Path:
    """A real file with so many orders that have ended, the demo's configuration beside it, the switch open."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(folder, orders))
    config = write_demo_settings(folder / "desk", mode="paper", seed=1, hold_back=3)
    with open_desk_side(load_config(config, {}, {})) as side:
        side.review.open_switch("bench", override="the market is simulated, and nothing was sent to it yet")
    return config


def desk_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "ibgw_tui", "--config", str(config), "tui"]


def others(cache: Path) -> list[Subject]:
    """Each in an environment of its own: they want other versions of Textual."""
    found = []
    home = str(cache / "home")
    environment = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "PYTHONPATH": ""}
    (cache / "home").mkdir(parents=True, exist_ok=True)
    for name, packages, ready in OTHERS:
        place = cache / name
        if not (place / "bin" / name).exists():
            made = subprocess.call([sys.executable, "-m", "venv", str(place)]) == 0
            if not made or subprocess.call([str(place / "bin" / "pip"), "install", "--quiet", *packages]) != 0:
                say(f"{name} could not be installed (no network?): left out")
                shutil.rmtree(place, ignore_errors=True)
                continue
        found.append(Subject(name, [str(place / "bin" / name)], ready, environment=environment))
    return found


def _contains(sign: bytes, seen: bytes) -> bool:
    return sign in seen


# ---- start


def subjects(desks: dict[int, Path], cache: Path | None) -> list[Subject]:
    listed = "100,000 orders in the list"
    return [
        Subject("minimal Textual app", [*OURS, "minimal"], "a plain line"),
        Subject("DataTable, 1,000 rows", [*OURS, "table", "1000"], READY),
        *(
            Subject(f"ibgw tui, {size:,} orders", desk_command(config), EMPTY, is_ours=True, aim=1000)
            for size, config in desks.items()
        ),
        Subject("DataTable, 100,000 rows", [*OURS, "table", "100000"], READY, seconds=90, rounds=2),
        Subject(f"ibgw, {listed}", [*OURS, "stored", str(desks[100_000]), "100000"], "filled", 60, 3, aim=1000),
        *(others(cache) if cache is not None else []),
    ]


def starting(programs: Sequence[Subject], rounds: int) -> list[Figure]:
    painted: dict[str, list[float]] = {each.name: [] for each in programs}
    ready: dict[str, list[float]] = {each.name: [] for each in programs}
    for turn in range(rounds):
        for program in programs:
            if turn >= program.rounds:
                continue
            with Probe(program.command, environment=program.environment) as probe:
                with contextlib.suppress(TimeoutError):
                    probe.listen_until(partial(_contains, program.ready.encode()), program.seconds)
                probe.listen(0.5)
                painted[program.name].append(probe.painted(a_picture) / 1000)
                ready[program.name].append(probe.painted(with_text(program.ready)) / 1000)
    floor = painted["minimal Textual app"]
    found = []
    for each in programs:
        at_most = 1.5 if each.is_ours else None
        found.append(
            of_times(
                f"{each.name}: first paint", painted[each.name], beside="minimal app", base=floor, aim=each.aim, aim_ratio=at_most,
            )
        )  # fmt: skip
        found.append(of_times(f"{each.name}: ready", ready[each.name], beside="minimal app", base=floor))
        if each.is_ours and "posting" in painted:
            mine, other = painted[each.name], painted["posting"]
            found.append(of_times(f"{each.name}: first paint", mine, beside="posting", base=other, aim_ratio=1 / 3))
    return found


# ---- keys


def moving(keys: int) -> list[Figure]:
    """One line down or up, inside the page."""
    found = []
    for count in (1_000, 100_000):
        with Probe([*OURS, "rows", str(count)]) as ours, Probe([*OURS, "table", str(count)]) as table:
            probes = {"ibgw": ours, "DataTable": table}
            for probe in probes.values():
                probe.listen_until(lambda seen: READY.encode() in seen or b"waits" in seen, 90)
                probe.settle()
            times: dict[str, list[float]] = {name: [] for name in probes}
            sizes: dict[str, list[float]] = {name: [] for name in probes}
            draw = random.Random(1)
            for _ in range(max(1, keys // 20)):
                for name, probe in probes.items():
                    probe.listen(0.05)
                    taken, size = probe.moves([DOWN] * 10 + [UP] * 10, draw)
                    times[name] += [value / 1000 for value in taken]
                    sizes[name].append(size)
            what, mine, base = f"move, {count:,} rows", times["ibgw"], times["DataTable"]
            found.append(of_times(f"{what}: first byte", mine, beside="DataTable", base=base, aim=10, aim_p99=40))
            found.append(of_times(f"{what}: first byte of the DataTable", times["DataTable"]))
            found.append(_beside(f"{what}: bytes, the ticket's too", sizes["ibgw"], sizes["DataTable"], "B"))
            found.append(_beside(f"{count:,} rows: resident", [ours.memory_mib], [table.memory_mib], "MiB"))
    with Probe([*OURS, "rows", "100000"], columns=80, rows=24) as narrow:
        narrow.listen_until(lambda seen: b"waits" in seen, 90)
        narrow.settle()
        draw = random.Random(2)
        size = statistics.median(narrow.moves([DOWN] * 4 + [UP] * 4, draw)[1] for _ in range(5))
        found.append(Figure("move, 100,000 rows, the list alone (80x24): bytes", size, "B", aim=500))
    return found


def _beside(
    what: str, ours: Sequence[float], theirs: Sequence[float], unit: str, *, aim: float | None = None
) -> Figure:
    return Figure(
        what, statistics.median(ours), unit, beside="DataTable", base=statistics.median(theirs), aim=aim
    )  # fmt: skip


def changing(seconds: float) -> list[Figure]:
    """20 cells change ten times a second."""
    used = {}
    for name, which in (("DataTable", "table"), ("ibgw", "rows")):
        with Probe([*OURS, which, "1000", "--cells"]) as probe:
            probe.listen(4)
            used[name] = probe.usage(seconds)
    cpu, output = [used["ibgw"].core], [used["ibgw"].rate]
    return [
        _beside("20 cells, 10 times a second: of a core", cpu, [used["DataTable"].core], "%", aim=8),
        _beside("20 cells, 10 times a second: output", output, [used["DataTable"].rate], "KiB/s"),
    ]


# ---- other processes, and nobody


def staging(config: Path, count: int) -> list[Figure]:
    """From the commit in the agent's process to the bytes of the order's line."""
    times = []
    command = [*OURS, "agent", str(config)]
    agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert agent.stdin is not None and agent.stdout is not None
    draw = random.Random(3)
    with agent, Probe(desk_command(config)) as probe:
        probe.listen_until(partial(_contains, EMPTY.encode()), 20)
        probe.settle()
        agent.stdout.readline()
        for number in range(count):
            quantity = 101 + number % 140
            agent.stdin.write(f"{quantity}\n")
            sign = f"{quantity:>8}".encode()  # its column in the list
            at = probe.listen_until(partial(_contains, sign), 10)
            times.append(at - float(agent.stdout.readline()))
            probe.listen(draw.uniform(0.3, 0.5))
            agent.stdin.write("-\n")
            probe.listen(draw.uniform(0.2, 0.4))
            probe.write(b"g")  # moving clears away what has gone
            probe.listen(draw.uniform(0.2, 0.4))
        agent.stdin.close()
    return [of_times("staged in another process until painted", times, aim_p99=30)]


def idling(config: Path, seconds: float) -> list[Figure]:
    programs = {
        "minimal Textual app": [*OURS, "minimal"],
        "ibgw tui": [*desk_command(config), "--read-only"],
        "ibgw tui with the router and the simulated market in it": desk_command(config),
    }
    found = []
    for name, command in programs.items():
        with Probe(command) as probe:
            probe.listen(6)
            used = probe.usage(seconds)
            aim = 1 if name == "ibgw tui" else None
            found.append(Figure(f"{name}, nobody there: output", used.rate, "KiB/s", aim=aim))
            found.append(Figure(f"{name}, nobody there: of a core", used.core, "%", aim=aim))
            found.append(Figure(f"{name}: resident", probe.memory_mib, "MiB"))
    return [replace(each, median=max(each.median, 0.001)) for each in found]


def a_day(config: Path, orders: int) -> list[Figure]:
    """Staged, previewed, shown, withdrawn, while somebody looks around."""
    command = [*OURS, "day", str(config), str(orders)]
    draw = random.Random(4)
    with Probe(desk_command(config)) as probe, subprocess.Popen(command, stdout=subprocess.PIPE) as agent:
        probe.listen_until(partial(_contains, EMPTY.encode()), 20)
        assert agent.stdout is not None
        os.set_blocking(agent.stdout.fileno(), False)
        marks, done = [(0, probe.memory_mib)], 0
        began = time.monotonic()
        while agent.poll() is None and time.monotonic() - began < 1800:
            probe.listen(0.5)
            probe.write(draw.choice([b"G", b"g", DOWN, UP]))
            with contextlib.suppress(BlockingIOError):
                for word in os.read(agent.stdout.fileno(), 4096).split():
                    done = int(word) if word.isdigit() else done
            if done >= len(marks) * orders // 10:
                marks.append((done, probe.memory_mib))
        probe.listen(3)
        marks.append((orders, probe.memory_mib))
    start, tenth, middle, end = (_at(marks, share) for share in (0, orders // 10, orders // 2, orders))
    told = f"{start:.0f} MiB at the start, {tenth:.0f} after a tenth, {middle:.0f} in the middle, {end:.0f} at the end"
    growth = max(end - tenth, 0.001)
    return [Figure(f"a day of {orders:,} orders: growth after its first tenth", growth, "MiB", aim=10, note=told)]


def _at(marks: Sequence[tuple[int, float]], count: int) -> float:
    return next((memory for at, memory in marks if at >= count), marks[-1][1])


def measure(given: argparse.Namespace) -> list[Figure]:
    parts = given.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    as_installed()
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        cache = None if given.without_others else given.cache or folder / "others"
        sizes = SIZES if "start" in parts else (100, 10_000) if "stage" in parts else (100,)
        desks = {size: make_desk(folder / str(size), size) for size in sizes}
        acts: dict[str, Callable[[], list[Figure]]] = {
            "start": lambda: starting(subjects(desks, cache), given.rounds),
            "move": lambda: moving(given.rounds * 40),
            "cells": lambda: changing(2 + given.rounds * 3),
            "stage": lambda: staging(desks[10_000], given.rounds * 16),
            "idle": lambda: idling(desks[100], 2 + given.rounds * 4),
            "day": lambda: a_day(desks[100], given.orders),
        }
        for part in parts:
            found += acts[part]()
            say(f"{part} is done; load {os.getloadavg()[0]:.1f}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--orders", type=int, default=5_000, help="of the day")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--without-others", action="store_true", help="leave posting and harlequin out")
    parser.add_argument("--cache", type=Path, default=None, help="where posting and harlequin are kept between runs")
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
