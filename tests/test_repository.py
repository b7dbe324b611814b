"""Rules about the repository itself."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.sources import parsed

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    found = {}
    for path in tracked():
        if path.suffix in (".py", ".md", ".toml", ".txt", ".tcss", ".svg", "") and path.name != Path(__file__).name:
            found[path] = path.read_text(encoding="utf-8", errors="replace")
    if not found:
        pytest.fail("git lists no files: run the tests in a checkout")
    return found


def test_nothing_records_where_packages_came_from(texts: dict[Path, str]) -> None:
    names = [path.name for path in tracked()]
    assert not [name for name in names if name == "uv.lock" or name.startswith("pylock")]
    address = re.compile(
        r"https?://[^\s\"')]*(/simple|registry|pythonhosted|pypi\.org)|--hash=|--index-url|--find-links"
    )
    assert not [str(path) for path, text in texts.items() if address.search(text)]


def test_no_path_of_anybodys_machine(texts: dict[Path, str]) -> None:
    machine = re.compile(r"(/home/\w+|/Users/\w+|/work/main|/root/)")
    assert not [f"{path}: {found[0]}" for path, text in texts.items() if (found := machine.search(text))]


def test_no_account_but_the_made_up_ones(texts: dict[Path, str]) -> None:
    """Real accounts have seven digits after U, DU, F or DF."""
    account = re.compile(r"\b(?:DU|U|DF|F)(\d{7})\b")
    made_up = {"1234567", "7654321", "9999999", "0000000", "1111111", "2222222"}
    wrong = {f"{path.name}: {number}" for path, text in texts.items() for number in account.findall(text)} - {
        f"{path.name}: {number}" for path in texts for number in made_up
    }
    assert not wrong


def test_no_class_is_longer_than_a_page_or_four() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "ibgw_tui").rglob("*.py"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and node.end_lineno is not None and node.end_lineno - node.lineno > 300
    ]
    assert not long


def test_every_module_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "ibgw_tui").rglob("*.py"))
        if not ast.get_docstring(parsed(path))
    ]
    assert not silent


def test_no_float_touches_money() -> None:
    """float() and float literals have no business in the rooms where money is decided, kept or sent."""
    rooms = [ROOT / "ibgw_tui" / room for room in ("core", "store", "service", "exchange", "brokers")]
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in rooms
        for path in sorted(room.rglob("*.py"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    assert not wrong
