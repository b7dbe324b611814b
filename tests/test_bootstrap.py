"""`dev.py` runs where nothing is installed."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_help_lists_every_task() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "dev.py"), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for task in ("demo", "test", "check", "bench", "setup", "screenshots"):
        assert f"\n  {task} " in done.stdout


def test_an_unknown_task_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "dev.py"), "tset"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "tset" in done.stderr


def test_it_needs_the_standard_library_only_and_parses_on_an_old_python() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {str(name).split(".")[0] for name in imported} <= set(sys.stdlib_module_names) | {"__future__"}


def test_the_stamp_follows_what_is_installed(tmp_path: Path) -> None:
    for name in ("dev.py", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    made = [runpy.run_path(str(tmp_path / "dev.py"))["stamp"]()]
    made.append(runpy.run_path(str(tmp_path / "dev.py"))["stamp"]())
    with (tmp_path / "constraints.txt").open("a") as file:
        file.write("another==1\n")
    made.append(runpy.run_path(str(tmp_path / "dev.py"))["stamp"]())
    assert made[0] == made[1] != made[2]


def test_ci_calls_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "dev.py test" in script and os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "python3 dev.py test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["constraints.txt"])
def test_every_dependency_is_pinned(name: str) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["mcp"], *(line for line in extras["dev"] if "ibgw-tui" not in line)]
    assert [line for line in extras["dev"] if "ibgw-tui" in line] == ["ibgw-tui[mcp]"], "what `setup` installs"
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / name).read_text().splitlines() if "==" in line
    }
    names = {line.split(">")[0].split("=")[0].split("[")[0].strip().lower().replace("_", "-") for line in wanted}
    assert names <= pinned
