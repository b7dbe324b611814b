"""The wheel holds what it needs and nothing else, works on its own, and is typed for those who use it."""

from __future__ import annotations

import email
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ibgw_tui

ROOT = Path(__file__).resolve().parents[1]
STRATEGY = """
from decimal import Decimal
from ibgw_tui import Order, Staging

def size(order: Order) -> Decimal:
    return order.quantity

with Staging("momentum-1") as staging:
    order = staging.stage(account="DU1234567", symbol="AAPL", side="buy", quantity="1", limit_price="100", key="k1")
    reveal_type(order)
    size(staging.wait(order.order_ref, timeout=300))
    staging.approve(order.order_ref)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the packages it needs, and far from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


def ran(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(installed), "PYTHONPATH": str(installed)}
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)


def test_it_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ibgw_tui").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == tracked and {"ibgw_tui/py.typed", "ibgw_tui/tui/styles.tcss"} <= held
    beside = {name.split(".dist-info/")[1] for name in wheel.namelist() if ".dist-info/" in name}
    licences = {"licenses/LICENSE", "licenses/THIRD_PARTY.md"}
    assert beside == {"METADATA", "WHEEL", "RECORD", "entry_points.txt"} | licences


def test_it_says_what_it_is_and_points_nowhere_that_is_not_there(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    told = email.message_from_bytes(wheel.read(name))
    assert told["License-Expression"] == "MIT" and told["Description-Content-Type"] == "text/markdown"
    assert {"mcp", "notify"} <= set(told.get_all("Provides-Extra") or ())
    versions = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if ":: Python :: 3." in line]
    assert versions[0] == told["Requires-Python"].removeprefix(">=")
    for url in told.get_all("Project-URL") or ():
        assert not re.search(r"example\.(com|org)|localhost|TODO|OWNER", url), url
    (points,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    for line in wheel.read(points).decode().splitlines()[1:]:
        if line:
            module, function = line.partition(" = ")[2].split(":")
            assert callable(getattr(importlib.import_module(module), function)), line


def test_without_the_extra_the_agents_door_says_how_to_get_it(installed: Path) -> None:
    """The package is hidden from the process; everything else of the door is as it is installed."""
    hidden = "import sys; sys.modules['mcp'] = None; from ibgw_tui.mcp_server.main import main; sys.exit(main())"
    answer = ran(installed, sys.executable, "-c", hidden, "--agent", "momentum-1", "--home", "no-desk")
    assert answer.returncode == 78 and answer.stdout == ""
    assert "mcp is not installed" in answer.stderr and "pip install 'ibgw-tui[mcp]'" in answer.stderr
    assert not (installed / "no-desk").exists()


def test_the_archive_of_the_sources_makes_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    done = subprocess.run([*build, "-t", "sdist"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (sources,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for needed_here in ("dev.py", "constraints.txt", "tests/conftest.py", "docs/architecture.svg", "examples/plan.csv"):
        assert (sources / needed_here).is_file(), needed_here
    done = subprocess.run([*build, "-t", "wheel"], cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (again,) = tmp_path.glob("*.whl")
    made = zipfile.ZipFile(again)
    assert {name: made.read(name) for name in made.namelist()} == {name: wheel.read(name) for name in wheel.namelist()}


def test_it_runs_from_its_own_files(installed: Path) -> None:
    where = ran(installed, sys.executable, "-c", "import ibgw_tui; print(ibgw_tui.__file__)")
    assert where.stdout.startswith(str(installed)), where
    version = ran(installed, sys.executable, "-m", "ibgw_tui", "--version")
    assert version.returncode == 0 and ibgw_tui.__version__ in version.stdout, version
    order = ("--account", "DU1234567", "--symbol", "AAPL", "--side", "buy", "--quantity", "1", "--limit-price", "100")
    staged = ran(installed, sys.executable, "-m", "ibgw_tui", "--home", "desk", "stage", *order, "--json")
    assert staged.returncode == 0, staged.stderr
    assert json.loads(staged.stdout)["order"]["status"] == "staged"
    styled = (
        "from textual.css.stylesheet import Stylesheet; from ibgw_tui.tui.app import DeskApp; import inspect, pathlib; "
    )
    styled += "print((pathlib.Path(inspect.getfile(DeskApp)).parent / DeskApp.CSS_PATH).is_file())"
    assert ran(installed, sys.executable, "-c", styled).stdout == "True\n"


def test_a_users_strict_mypy_knows_every_type_and_that_nobody_approves(installed: Path) -> None:
    (installed / "strategy.py").write_text(STRATEGY, encoding="utf-8")
    cache = ROOT / ".mypy_cache" / "of-a-user"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "strategy.py"]
    found = ran(installed, *command).stdout.splitlines()
    assert any('Revealed type is "ibgw_tui.sdk.Order"' in line for line in found), found
    errors = [line for line in found if ": error:" in line]
    assert len(errors) == 1 and '"Staging" has no attribute "approve"' in errors[0], found


def needed(extras: frozenset[str]) -> dict[str, str]:
    """Every package that comes with ours, and its licence as it tells it itself."""
    seen: dict[str, str] = {}
    todo = [("ibgw-tui", extras)]
    done: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, wanted = todo.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if (key, wanted) in done:
            continue
        done.add((key, wanted))
        found = importlib.metadata.distribution(name)
        seen[key] = str(found.metadata.json.get("license_expression") or "")
        for text in found.requires or ():
            each = Requirement(text)
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {*wanted, ""}):
                todo.append((each.name, frozenset(each.extras)))
    del seen["ibgw-tui"]
    return seen


def test_the_notices_name_everything_that_is_installed_with_it() -> None:
    rows = re.findall(
        r"^\| ([a-z0-9-]+) \| ([^|]+) \|", (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    listed = dict(rows)
    for name, licence in needed(frozenset({"mcp"})).items():
        assert name in listed, f"THIRD_PARTY.md does not name {name}"
        if licence and name != "apsw":
            assert listed[name].strip() == licence, f"THIRD_PARTY.md says {listed[name]} of {name}, it says {licence}"
