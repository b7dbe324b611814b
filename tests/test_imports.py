"""Who may load what. The static rules are contracts in pyproject.toml; these look at what really loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_module_needs_what_needs_it() -> None:
    """Circles of modules: those that only type checkers see are left out, those inside functions are not."""
    graph = grimp.build_graph("ibgw_tui", exclude_type_checking_imports=True, cache_dir=None)
    circles = [
        f"{module} -> {needed}"
        for module in graph.modules
        for needed in graph.find_modules_directly_imported_by(module)
        if graph.find_shortest_chain(importer=needed, imported=module)
    ]
    assert not circles


def loaded_after(code: str, *arguments: str) -> set[str]:
    """Modules in a fresh process after running `code`."""
    script = f"import sys, json\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


STAGE = """
from pathlib import Path
from ibgw_tui.config import load_config
from ibgw_tui.wiring.agent_side import open_agent_side
side = open_agent_side(load_config(None, {}, {"desk.home": sys.argv[1]}), "agent-1")
order = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}
side.staging.withdraw(side.staging.stage(order).record.order_ref)
side.close()
"""


def test_an_agents_process_never_holds_what_approves_or_sends(tmp_path: Path) -> None:
    loaded = loaded_after(STAGE, str(tmp_path))
    forbidden = {
        "ibgw_tui.service.review",
        "ibgw_tui.service.routing",
        "ibgw_tui.service.submitting",
        "ibgw_tui.brokers",
        "ibgw_tui.tui",
        "textual",
        "ib_async",
        "numpy",
    }
    assert not loaded & forbidden


@pytest.mark.parametrize(
    "module", ["ibgw_tui", "ibgw_tui.core.gates", "ibgw_tui.core.lifecycle", "ibgw_tui.exchange.exchange"]
)
def test_the_inner_rooms_load_neither_screen_nor_store_nor_broker(module: str) -> None:
    loaded = loaded_after(f"import {module}")
    assert not loaded & {"textual", "ib_async", "numpy", "apsw", "peewee", "click", "rich"}


def test_a_command_that_opens_no_store_starts_without_the_values_library(tmp_path: Path) -> None:
    """Half of what a start costs."""
    assert not loaded_after("import ibgw_tui.cli.main") & {"pydantic", "asyncio", "apsw", "peewee", "rich"}
    script = "import sys\nfrom ibgw_tui.cli.main import main\nassert main(['completion', 'bash']) == 0"
    assert not loaded_after(script) & {"pydantic", "asyncio", "apsw", "peewee", "rich"}


def test_only_who_reads_a_written_case_loads_its_models(tmp_path: Path) -> None:
    assert "ibgw_tui.core.case_sections" not in loaded_after(STAGE, str(tmp_path))
    assert "ibgw_tui.core.case_sections" not in loaded_after("import ibgw_tui.wiring.operator_side")


FIRST_PICTURE = "import ibgw_tui.cli.main, ibgw_tui.cli.desk, ibgw_tui.tui.run, ibgw_tui.tui.app"


def test_the_first_picture_needs_neither_roles_nor_a_broker() -> None:
    """What stands behind the screen is loaded after it was drawn; with the broker's library it is as much again."""
    loaded = loaded_after(FIRST_PICTURE)
    late = {
        "ibgw_tui.wiring.operator_side",
        "ibgw_tui.service.review",
        "ibgw_tui.service.routing",
        "ibgw_tui.brokers",
        "ibgw_tui.exchange",
        "cryptography",
        "ib_async",
        "numpy",
        "apprise",
        "mcp",
        "markdown_it",
        "pygments",
    }
    assert not loaded & late


def test_one_sqlite_library_per_process(tmp_path: Path) -> None:
    """A second library in one process would not see the first one's locks."""
    loaded = loaded_after(STAGE + "\nfrom playhouse import apsw_ext", str(tmp_path))
    assert "apsw" in loaded and "pysqlite3" not in loaded
