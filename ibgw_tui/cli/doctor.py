"""`doctor`: is everything here as it has to be, and if not, what to do."""

from __future__ import annotations

import click

from ibgw_tui.cli.backup import progress
from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.output import table
from ibgw_tui.service.doctor import Check, Health

_COLOURS = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "red"}
_CODES = {"configuration": Exit.BAD_CONFIGURATION, "audit log": Exit.AUDIT_BROKEN}
"""The exit code of the first check that failed; of all others UNAVAILABLE."""


@command(
    "doctor",
    help="Examine this desk: program, configuration, files, store, audit log, clock. Changes nothing, and works on a "
    "store that is missing, locked or broken. The exit code is not 0 when a check fails.",
    examples="""
        ibgw doctor
        ibgw doctor --full --json
        ibgw doctor --broker
    """,
)
@click.option("--full", is_flag=True, help="Read every index and the whole audit log, too.")
@click.option(
    "--broker", is_flag=True, help="Instead: connect to TWS or IB Gateway as configured, and say what is wrong there."
)
def doctor(state: Globals, full: bool, broker: bool) -> int:
    if broker:
        from ibgw_tui.wiring.broker_doctor import examine_broker
        from ibgw_tui.wiring.clock import utc_now
        from ibgw_tui.wiring.paths import load_settings

        checks = examine_broker(load_settings(state.config, state.home).config, utc_now)
    else:
        from ibgw_tui.wiring.doctor import examine

        checks = examine(state.config, state.home, full=full, progress=progress(state))
    failed = [check for check in checks if check.health is Health.FAIL]
    warned = [check for check in checks if check.health is Health.WARN]
    state.console.result(
        {
            "doctor": {
                "ok": not failed,
                "failed": len(failed),
                "warned": len(warned),
                "full": full,
                "checks": [check.as_json() for check in checks],
            }
        },
        *_lines(checks, state),
    )
    return _CODES.get(failed[0].name, Exit.UNAVAILABLE) if failed else Exit.OK


def _lines(checks: list[Check], state: Globals) -> list[str]:
    """A line a check: health, name, what was found, what to do."""
    rows = [
        (check.health.value, check.name, check.value + (f"  ->  {check.remedy}" if check.remedy else ""))
        for check in checks
    ]
    lines = table(["", "CHECK", "FOUND"], rows)[1:]
    return [
        state.console.paint(line[:4], _COLOURS[check.health]) + line[4:]
        for line, check in zip(lines, checks, strict=True)
    ]
