"""Try one fault: load the module with it into a fork of this process, and ask the tests that know it best first.

The tests are called directly, in one process: collecting four thousand of them for every fault would take
longer than running them.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import inspect
import itertools
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.mutation.faults import Fault, with_fault
from tests.sources import parsed

CORE = Path(__file__).parents[2] / "ibgw_tui" / "core"
TESTS: Mapping[str, tuple[str, ...]] = {
    # module: the tests that know it best, first; all others follow
    "prices": ("test_own_limits", "test_seed_limits", "test_facts", "test_boundaries"),
    "limits": ("test_seed_limits", "test_brackets", "test_boundaries"),
    "own_limits": ("test_own_limits", "test_boundaries"),
    "checks": ("test_brackets",),
    "gates": ("test_gate_findings", "test_gates"),
    "policy": ("test_policy",),
    "cases": ("test_cases",),
    "case_sections": ("test_cases",),
    "decision": ("test_facts", "test_gates"),
    "context": ("test_facts", "test_own_limits", "test_brackets", "test_gate_findings"),
    "lifecycle": ("test_lifecycle",),
    "terms": ("test_terms", "test_facts", "test_orders"),
}
REST = (
    "test_terms", "test_facts", "test_gates", "test_limits", "test_seed_limits", "test_own_limits", "test_gate_findings",
    "test_policy", "test_brackets", "test_orders", "test_cases", "test_boundaries", "test_lifecycle", "test_properties",
)  # fmt: skip


@lru_cache
def source_of(module: str) -> str:
    """Read once: the run must not mix two states of a file that somebody edits."""
    return (CORE / f"{module}.py").read_text(encoding="utf-8")


def dependents(module: str) -> set[str]:
    """Modules of the core that see `module`, straight or through others."""
    uses: dict[str, set[str]] = {}
    for path in CORE.glob("*.py"):
        tree = parsed(path)
        named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        uses[path.stem] = {name.removeprefix("ibgw_tui.core.") for name in named if name.startswith("ibgw_tui.core.")}
    found = {module}
    while True:
        more = {name for name, used in uses.items() if used & found} | found
        if more == found:
            return found
        found = more


class _Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the module with the fault instead of the one on disk."""

    def __init__(self, name: str, tree: ast.Module, path: str) -> None:
        self.name, self.tree, self.path = name, tree, path

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self, origin=self.path) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, self.path, "exec"), module.__dict__)


def calls(module: ModuleType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every test of a module with its parameters, as pytest would call it."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or not callable(test):
            continue
        axes: list[list[dict[str, Any]]] = []
        for mark in getattr(test, "pytestmark", []):
            names = mark.args[0] if not isinstance(mark.args[0], str) else [n.strip() for n in mark.args[0].split(",")]
            rows = [getattr(row, "values", row) if not isinstance(row, dict) else row for row in mark.args[1]]
            axes.append([dict(zip(names, row if len(names) > 1 or _is_set(raw) else (row,), strict=True))
                         for raw, row in zip(mark.args[1], rows, strict=True)])  # fmt: skip
        given = {key for axis in axes for row in axis[:1] for key in row}
        if not hasattr(test, "hypothesis") and set(inspect.signature(test).parameters) - given:
            continue  # needs a fixture
        for chosen in itertools.product(*axes):
            yield test, {key: value for row in chosen for key, value in row.items()}


def _is_set(raw: Any) -> bool:
    """A pytest.param, whose values are a tuple also when there is one."""
    return type(raw).__name__ == "ParameterSet"


def load(fault: Fault | None) -> None:
    """Forget what sees the module, and load it anew with the fault in it."""
    if fault is None:
        return
    for name in dependents(fault.module):
        sys.modules.pop(f"ibgw_tui.core.{name}", None)
    name = f"ibgw_tui.core.{fault.module}"
    tree = with_fault(source_of(fault.module), fault.number)
    sys.meta_path.insert(0, _Wrong(name, tree, str(CORE / f"{fault.module}.py")))
    importlib.import_module(name)


def first_failure(module: str) -> str | None:
    """The first test that fails, best first; None when all pass."""
    warnings.simplefilter("error")
    order = (*TESTS.get(module, ()), *REST)
    for name in dict.fromkeys(order):
        for test, parameters in calls(importlib.import_module(f"tests.core.{name}")):
            try:
                test(**parameters)
            except BaseException:
                return f"{name}::{test.__name__}"
    return None


def outcome(fault: Fault | None, module: str, seconds: float) -> str:
    """'survived', 'killed by ...', 'killed at import' or 'killed: took too long'; tried in a fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        try:
            load(fault)
            failure = first_failure(module)
            said = "survived" if failure is None else f"killed by {failure}"
        except BaseException:
            said = "killed at import"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, _ = os.waitpid(child, os.WNOHANG)
        if done:
            with os.fdopen(reader) as pipe:
                return pipe.read() or "killed: the process ended"
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    return "killed: took too long"
