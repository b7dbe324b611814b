"""The harness: it holds TWS, starts everybody, draws the faults, and waits until all have come to rest.

Nothing here decides what is right: `judge` does, when it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from ibgw_tui.config import load_config
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.store import OrderStore
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.control import Impossible
from ibgw_tui.twsim.desk import Settings
from ibgw_tui.twsim.server import TwsServer
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.desk_side import open_desk_side
from ibgw_tui.wiring.paths import DATABASE, SENTINEL
from tests.crash.inspection import KINDS
from tests.crash.journal import read_journals
from tests.pty.harness import ROOT, Terminal
from tests.trading.faults import FAULTS, Begin, Fault
from tests.trading.judge import CHECKED, Market, Wire, judge
from tests.trading.people import ACCOUNT

STEP_SECONDS = 0.25
AGENTS = ("agent-1", "agent-2", "agent-3", "agent-4")
OPERATORS = ("operator-1", "operator-2")
ROUTERS = ("router-1", "router-2")
PAUSE_SECONDS = (1.5, 7.0)
"""Between two faults."""
REST_SECONDS = 180.0
"""So long it may take, after the last fault, until nothing is left that a router could do."""
LOOK_SECONDS = 60.0

_SETTINGS = """\
[desk]
home = "{home}"
operator = "at-the-terminal"
hold_back_seconds = 1
preview_ttl_seconds = 120
max_pending_per_agent = 60

[broker]
backend = "ibkr"
port = {port}

[paper]
enabled = true
allowed_accounts = ["{account}"]

[audit]
folder = "{home}-audit"
checkpoint_minutes = 1

[terminal]
desktop = "off"
remember = false

[risk]
policy_id = "drill"

[policies.drill]
enabled = true
max_notional = {{ amount = "60000", currency = "USD" }}
max_quantity = "200000"
allowed_symbols = ["AAPL", "MSFT", "SPY", "TSLA", "EUR.USD"]
allowed_asset_classes = ["stock", "etf", "fx"]
frequency_limit = {{ max_orders = 2000, window_seconds = 300 }}
session_limit = {{ max_orders_per_session = 100000, max_session_notional = {{ amount = "1000000000", currency = "USD" }} }}
max_price_deviation_bps = 800
max_quote_age_seconds = 30
"""


@dataclass
class Report:
    """What was done and what was found."""

    seed: int
    minutes: float
    faults: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    unavailable: int = 0
    """Requests that were told that the store could not be had just then."""
    statuses: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    placed: int = 0
    executions: int = 0
    strangers: int = 0
    audit_entries: int = 0
    resting_seconds: float = 0.0
    memory: dict[str, list[float]] = field(default_factory=dict)
    """MiB of each process, once a minute; a process that was killed begins again."""
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "faults": dict(sorted(self.faults.items())),
            "faults_in_all": sum(self.faults.values()),
            "processes_killed": dict(sorted(self.killed.items())),
            "acknowledged_changes": dict(sorted(self.acknowledged.items())),
            "told_unavailable": self.unavailable,
            "orders": sum(self.statuses.values()),
            "final_statuses": dict(sorted(self.statuses.items())),
            "messages_to_tws": self.messages,
            "orders_that_arrived_at_tws": self.placed,
            "executions": self.executions,
            "orders_of_other_people": self.strangers,
            "audit_entries": self.audit_entries,
            "seconds_until_all_was_at_rest": round(self.resting_seconds, 1),
            "memory_mib": {
                name: {"first": values[0], "last": values[-1], "highest": max(values)}
                for name, values in sorted(self.memory.items())
            },
            "checked": list(CHECKED),
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
        }


class Crew:
    """The processes, by name: started, killed, put to sleep, and begun again when they are gone."""

    def __init__(self, folder: Path, config: Path, report: Report, seed: int) -> None:
        self._folder, self._config, self._report, self._seed = folder, config, report, seed
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}
        """When a process that was killed begins again."""
        self._asleep: dict[str, float] = {}

    def command(self, name: str) -> list[str]:
        kind = name.partition("-")[0]
        if kind == "router":
            return [sys.executable, "-m", "ibgw_tui", "--config", str(self._config), "router"]
        return [
            sys.executable,
            "-m",
            "tests.trading.people",
            kind,
            str(self._config),
            str(self._config.parent),
            name,
            str(self._seed),
        ]

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self.command(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._running.items()}

    def names(self, kind: str) -> list[str]:
        return [name for name in self._running if name.startswith(kind)]

    def kill(self, name: str, again_in: float) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        self._asleep.pop(name, None)
        process.kill()
        process.wait()
        self._report.killed[name.partition("-")[0]] += 1
        self._due[name] = time.monotonic() + again_in

    def freeze(self, name: str, seconds: float) -> None:
        process = self._running.get(name)
        if process is not None and name not in self._asleep:
            process.send_signal(signal.SIGSTOP)
            self._asleep[name] = time.monotonic() + seconds

    def look_after(self) -> None:
        """Wake, begin again, and notice who ended without being asked to."""
        now = time.monotonic()
        for name in [name for name, until in self._asleep.items() if now >= until]:
            del self._asleep[name]
            self._running[name].send_signal(signal.SIGCONT)
        for name in [name for name, at in self._due.items() if now >= at]:
            del self._due[name]
            self.start(name)
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                log = (self._folder / f"{name}.log").read_text(errors="replace")
                self._report.failures.append(f"{name} ended by itself with {process.returncode}: {log[-1500:]}")
                self.start(name)

    def end(self, kinds: tuple[str, ...], number: signal.Signals = signal.SIGKILL) -> None:
        for name in [name for name in (*self._running, *self._due) if name.startswith(kinds)]:
            self._due.pop(name, None)
            process = self._running.pop(name, None)
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(number)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    self._report.failures.append(f"{name} did not end within 20 s after {number.name}")
                    process.kill()
                    process.wait()


class Monkey:
    """Somebody at the terminal who presses keys without looking, in a thread of its own."""

    KEYS = (
        "j",
        "k",
        "g",
        "G",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "\t",
        "\x1b",
        "?",
        " ",
        "\x1b[A",
        "\x1b[B",
        "\r",
        "/",
        "v",
        "U",
    )

    def __init__(self, folder: Path, config: Path, seed: int) -> None:
        self._folder, self._config = folder, config
        self._draw = random.Random(f"{seed}-monkey")
        self._orders = threading.Event()
        self._lock = threading.Lock()
        self._terminal: Terminal | None = None
        self.problem = ""
        self._stopping = False
        self._deaf_until = 0.0
        self._thread = threading.Thread(target=self._work, name="monkey", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        terminal = self._terminal
        return terminal.process.pid if terminal is not None and terminal.process.poll() is None else None

    def resize(self) -> None:
        terminal = self._terminal
        if terminal is not None and terminal.process.poll() is None:
            columns, rows = self._draw.choice(((120, 40), (80, 24), (110, 34), (60, 18), (200, 60)))
            with contextlib.suppress(ProcessLookupError), self._lock:
                terminal.resize(columns, rows)

    def leave_unread(self, seconds: float) -> None:
        """A closed laptop: nobody takes what the terminal writes."""
        self._deaf_until = time.monotonic() + seconds

    def end(self) -> None:
        self._stopping = True
        self._thread.join(timeout=40)

    def _work(self) -> None:
        while not self._stopping:
            command = [sys.executable, "-m", "ibgw_tui", "--config", str(self._config), "tui"]
            self._terminal = Terminal(self._folder / "no-report", command=command, columns=120, rows=40)
            try:
                self._play(self._terminal)
                code = self._terminal.process.poll()
                if code not in (None, 0, -signal.SIGKILL):
                    self.problem = f"the terminal ended by itself with {code}:\n{self._terminal.text}"
            finally:
                self._terminal.close()
            time.sleep(1)

    def _play(self, terminal: Terminal) -> None:
        while not self._stopping and terminal.process.poll() is None:
            draw = self._draw
            self._listen(terminal, draw.uniform(0.3, 1.5))
            what = draw.random()
            if what < 0.35:  # an approval, as a person does it
                self._type(terminal, "1")
                self._listen(terminal, 0.4)
                self._type(terminal, "a")
                self._listen(terminal, draw.uniform(0.2, 2.5))
                self._type(terminal, draw.choice(("Y", "Y", "Y", "\x1b")))
            elif what < 0.4:
                self._type(terminal, "r")
                self._listen(terminal, 0.5)
                for key in ("no", "\r", "\x1b"):
                    self._type(terminal, key)
                    self._listen(terminal, 0.3)
            elif what < 0.41:
                self._type(terminal, "K")
                self._listen(terminal, 1.0)
                self._type(terminal, "\x1b")
            else:
                self._type(terminal, draw.choice(self.KEYS))
                if draw.random() < 0.2:
                    self._listen(terminal, 0.3)
                    self._type(terminal, "\x1b")

    def _listen(self, terminal: Terminal, seconds: float) -> None:
        if time.monotonic() < self._deaf_until:
            time.sleep(seconds)
            return
        with self._lock:
            terminal.listen(seconds)
            terminal.raw = terminal.raw[-65536:]

    def _type(self, terminal: Terminal, keys: str) -> None:
        with contextlib.suppress(OSError):
            terminal.type(keys)


class Hour:
    """One run."""

    def __init__(
        self, minutes: float, seed: int, *, faults: tuple[Fault, ...] = FAULTS, folder: Path | None = None
    ) -> None:
        self.report = Report(seed, minutes)
        self.draw = random.Random(seed)
        self.folder = folder or Path(tempfile.mkdtemp(prefix="ibgw-trading-"))
        self._keep = folder is not None
        self.home = self.folder / "desk"
        self.home.mkdir(mode=0o700)
        self.wire = Wire()
        self.market: Market
        self._faults = faults
        self._lifts: list[tuple[float, Begin]] = []
        self._beside: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._tws: TwsServer
        self._crew: Crew
        self._monkey: Monkey

    # ---- what faults can reach

    def do(self, act: acts.Act) -> None:
        with contextlib.suppress(Impossible):
            self._tws.do(act)

    def kill(self, name: str) -> None:
        if name != "terminal":
            self._crew.kill(name, self.draw.uniform(0.2, 4))
        elif (pid := self._monkey.pid) is not None:
            self.report.killed["terminal"] += 1
            os.kill(pid, signal.SIGKILL)

    def kill_some(self, kind: str) -> None:
        names = self._crew.names(kind)
        if names:
            self.kill(self.draw.choice(names))

    def freeze(self, name: str, seconds: float) -> None:
        self._crew.freeze(name, seconds)

    def active_router(self) -> str | None:
        with self._store() as store:
            lease = store.lease()
        if lease is None:
            return None
        if lease.pid == self._monkey.pid:
            return "terminal"
        return next((name for name, pid in self._crew.pids.items() if pid == lease.pid), None)

    def hold_lock(self, seconds: float) -> None:
        def hold() -> None:
            with contextlib.closing(apsw.Connection(str(self.home / DATABASE))) as connection:
                connection.set_busy_timeout(10_000)
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.execute("ROLLBACK")

        threading.Thread(target=hold, daemon=True).start()

    def run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "ibgw_tui", "--config", str(self.home / "config.toml"), *arguments]
        log = (self.folder / "beside.log").open("ab")
        with log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                       env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
        self._beside.append((" ".join(arguments), process))

    def put_file(self) -> None:
        (self.home / SENTINEL).write_text("a drill\n")

    def take_file_away(self) -> None:
        (self.home / SENTINEL).unlink(missing_ok=True)

    def resize_terminal(self) -> None:
        self._monkey.resize()

    def leave_terminal_unread(self, seconds: float) -> None:
        self._monkey.leave_unread(seconds)

    # ---- the hour

    async def play(self, tell: Callable[[Report], object] = bool) -> Report:
        began = time.monotonic()
        async with TwsServer(Settings(seed=self.report.seed, tick_milliseconds=0), utc_now) as self._tws:
            config = self._prepare(self._tws.port)
            market = asyncio.create_task(self._move_the_market())
            self._crew = Crew(self.folder, config, self.report, self.report.seed)
            self._monkey = Monkey(self.folder, config, self.report.seed)
            try:
                for name in (*ROUTERS, *AGENTS, *OPERATORS):
                    self._crew.start(name)
                await self._trade(began + self.report.minutes * 60, tell)
                await self._come_to_rest()
            finally:
                market.cancel()
                self._tap()
                await asyncio.to_thread(self._monkey.end)
                self._crew.end(("router", "agent", "operator"), signal.SIGTERM)
            self.market = Market.of(self._tws, ACCOUNT)
            self.report.failures += judge(self.home / DATABASE, self.market, self.wire)
            self._add_up()
        self.report.seconds = time.monotonic() - began
        if not self.report.failures and not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.report

    def _prepare(self, port: int) -> Path:
        config = self.home / "config.toml"
        config.write_text(_SETTINGS.format(home=self.home, port=port, account=ACCOUNT))
        config.chmod(0o600)
        with open_desk_side(load_config(config, {}, {})) as side:
            side.review.open_switch(
                "the drill begins", override="the market is simulated, and nothing was sent to it yet"
            )
        return config

    async def _move_the_market(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            self._tws.do(acts.Step())
            self._tap()

    def _tap(self) -> None:
        log = self._tws.desk.log
        while log:
            self.wire.take(log.popleft())

    async def _trade(self, until: float, tell: Callable[[Report], object]) -> None:
        next_fault = time.monotonic() + 8
        next_look = time.monotonic() + LOOK_SECONDS
        while (now := time.monotonic()) < until:
            self._crew.look_after()
            self._lift(now)
            self._look_beside()
            if self._faults and now >= next_fault:
                self._begin_one(now)
                next_fault = now + self.draw.uniform(*PAUSE_SECONDS)
            if now >= next_look:
                next_look = now + LOOK_SECONDS
                await asyncio.to_thread(self._look)
                tell(self.report)
            await asyncio.sleep(0.1)

    def _begin_one(self, now: float) -> None:
        (fault,) = self.draw.choices(self._faults, [fault.weight for fault in self._faults])
        self.report.faults[fault.name] += 1
        self._note(f"{fault.name}")
        fault.begin(self)
        if fault.lift is not None:
            self._lifts.append((now + self.draw.uniform(*fault.seconds), fault.lift))

    def _lift(self, now: float) -> None:
        for at, lift in [entry for entry in self._lifts if now >= entry[0]]:
            self._lifts.remove((at, lift))
            lift(self)

    def _look_beside(self) -> None:
        for what, process in [entry for entry in self._beside if entry[1].poll() is not None]:
            self._beside.remove((what, process))
            if process.returncode:
                log = (self.folder / "beside.log").read_text(errors="replace")
                self.report.failures.append(f"ibgw {what} ended with {process.returncode}: {log[-1500:]}")
        if self._monkey.problem:
            self.report.failures.append(self._monkey.problem)
            self._monkey.problem = ""

    def _look(self) -> None:
        """In the middle of it: memory, and whether the log verifies as it stands."""
        for name, pid in {**self._crew.pids, "terminal": self._monkey.pid or 0}.items():
            with contextlib.suppress(OSError, StopIteration):
                text = Path(f"/proc/{pid}/status").read_text()
                resident = next(line for line in text.splitlines() if line.startswith("VmRSS"))
                self.report.memory.setdefault(name, []).append(round(int(resident.split()[1]) / 1024, 1))

    async def _come_to_rest(self) -> None:
        """No more faults and no more people; the routers go on until nothing is left to do."""
        self._crew.end(("agent", "operator"))
        for _, lift in self._lifts:
            lift(self)
        self._lifts.clear()
        self.take_file_away()
        for act in (
            acts.Clear(),
            acts.Resume(),
            acts.Connectivity(state="restored"),
            acts.Quotes(mode="live"),
            acts.HangUp(),
        ):
            self.do(act)
        await asyncio.to_thread(self._monkey.end)
        began = time.monotonic()
        calm_since: float | None = None
        while time.monotonic() - began < REST_SECONDS:
            self._crew.look_after()
            self._look_beside()
            restless = await asyncio.to_thread(self._restless)
            if restless or self._beside:
                calm_since = None
            elif calm_since is None:
                calm_since = time.monotonic()
            elif time.monotonic() - calm_since > 12:  # a full comparison with the broker after the last report
                break
            await asyncio.sleep(0.2)
        else:
            self.report.failures.append(f"not at rest after {REST_SECONDS:.0f} s: {restless[:5]}")
        self.report.resting_seconds = time.monotonic() - began

    def _restless(self) -> list[str]:
        """Orders with which a router could still do something by itself."""
        with self._store() as store:
            undone = store.orders(statuses=[Status.STAGED, Status.STALE, Status.SENDING], limit=100)
            due = [o for o in store.orders(statuses=[Status.APPROVED], limit=1000) if not _waits_for_a_person(o)]
            cancels = store.orders(statuses=[Status.CANCEL_REQUESTED, Status.IN_DOUBT], limit=1000)
            unsent = [order for order in cancels if order.cancel_asked_by and order.cancel_sent_at is None]
            leaving = store.orders(statuses=[Status.CANCEL_REQUESTED], limit=1000)
        return [f"{order.order_ref} is {order.status.value}" for order in (*undone, *due, *unsent, *leaving)]

    def _add_up(self) -> None:
        report = self.report
        for line in read_journals(self.home):
            if line["act"] in KINDS:
                report.acknowledged[line["act"]] += 1
            report.unavailable += "unavailable" in line
        report.messages, report.placed = self.wire.messages, len(self.wire.placed)
        report.executions, report.strangers = len(self.market.executions), self.market.strangers
        with AuditFile(self.home / DATABASE) as file:
            report.statuses.update(dict(file.rows("SELECT status, count(*) FROM orders GROUP BY status")))
            report.audit_entries = file.rows("SELECT count(*) FROM audit")[0][0]

    @contextlib.contextmanager
    def _store(self) -> Iterator[OrderStore]:
        store = OrderStore.open(self.home / DATABASE, clock=utc_now, read_only=True)
        try:
            yield store
        finally:
            store.close()

    def _note(self, words: str) -> None:
        with (self.folder / "faults.log").open("a") as log:
            log.write(f"{utc_now():%H:%M:%S.%f} {words}\n")


def _waits_for_a_person(record: OrderRecord) -> bool:
    """An approval that gates refused at the last moment waits for the operator to ask again."""
    return record.reason_code is not None
