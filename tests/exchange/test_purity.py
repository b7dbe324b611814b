"""The market stays a value: no clock, no disk, no network, no tasks, no chance but its seed."""

from __future__ import annotations

import ast
from pathlib import Path

import ibgw_tui.exchange
from tests.sources import parsed

ALLOWED = {
    "__future__", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "difflib", "enum", "functools",
    "hashlib", "json", "types", "typing", "zoneinfo",
}  # fmt: skip
MODULES = sorted(Path(ibgw_tui.exchange.__file__).parent.glob("*.py"))


def imports_of(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or ".")
    return names


def test_the_market_imports_nothing_that_could_touch_the_world() -> None:
    assert len(MODULES) > 10
    for path in MODULES:
        tree = parsed(path)
        ours = ("ibgw_tui.core.", "ibgw_tui.exchange.")
        strange = {name for name in imports_of(tree) if name not in ALLOWED and not name.startswith(ours)}
        assert not strange, f"{path.name} imports {strange}"
        reads = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not reads & {"now", "utcnow", "today"}, f"{path.name} reads a clock"


def test_no_class_is_long() -> None:
    for path in (*MODULES, *(MODULES[0].parents[1] / "brokers").glob("*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                assert (node.end_lineno or 0) - node.lineno < 300, f"{path.name}: {node.name}"
