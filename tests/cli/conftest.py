"""A desk of its own for each test: a home in tmp_path, and no trace of this machine's user."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.cli.main import main
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE
from tests.service.bench_desk import BenchDesk

ORDER = ["--account", "DU1234567", "--symbol", "AAPL", "--side", "buy", "--quantity", "1", "--limit-price", "100"]
"""Flags of a good order."""
DATA: dict[str, Any] = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}
"""The same order as JSON."""


@dataclass(frozen=True)
class Answer:
    """What one invocation said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """stdout as exactly one document."""
        document = json.loads(self.out)
        assert document["schema_version"] == 1
        assert isinstance(document, dict)
        return document


Cli = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without files and variables."""
    for name, folder in (
        ("HOME", "user"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "settings"),
        ("XDG_STATE_HOME", "state"),
    ):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("IBGW_AGENT", "IBGW_DESK__HOME", "IBGW_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `ibgw` in this process on the home of this test."""
    monkeypatch.setenv("IBGW_DESK__HOME", str(home))

    def run(*arguments: str) -> Answer:
        capfd.readouterr()
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run


Shown = Callable[[BenchDesk], Cli]


@pytest.fixture
def at(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """The commands on the store of a bench desk."""

    def move(desk: BenchDesk) -> Cli:
        monkeypatch.setenv("IBGW_DESK__HOME", str(desk.path.parent))
        return cli

    return move


@pytest.fixture
def store(home: Path) -> Iterator[OrderStore]:
    """The same store the commands use."""
    opened = OrderStore.open(home / DATABASE, clock=utc_now)
    yield opened
    opened.close()
