"""`backup` and `restore`: a verified copy of the whole store, and the way back from one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.session import load
from ibgw_tui.core.errors import NotPermitted
from ibgw_tui.core.text import one_line

if TYPE_CHECKING:
    from ibgw_tui.store.inspection import Contents

PHRASE = "RESTORE"


@command(
    "backup",
    help="Copy the order store to a new file while everything goes on, and verify the copy from end to end.",
    examples="""
        ibgw backup
        ibgw backup desk-before-upgrade.sqlite3 --json
    """,
)
@click.argument("dest", required=False, type=click.Path(path_type=Path), metavar="[DEST]")
def backup(state: Globals, dest: Path | None) -> None:
    from ibgw_tui.wiring.upkeep import make_backup

    made = make_backup(load(state), dest, progress=progress(state))
    state.console.result(
        {"backup": {"file": str(made.path), "verified": True, **made.contents.as_json()}},
        f"written   {one_line(str(made.path))}",
        f"holds     {_summary(made.contents)}",
        f"head      {made.contents.audit_head}",
        "verified  every page, the schema and the whole audit log",
    )


@command(
    "restore",
    help="Replace the order store by a backup. The desk must be stopped. The replaced store is kept beside it; the kill "
    "switch is closed afterwards, and every order that waited in the backup has ended.",
    examples="""
        ibgw restore desk-before-upgrade.sqlite3
        ibgw restore desk-before-upgrade.sqlite3 --yes --json
    """,
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--yes", is_flag=True, help=f"Do not ask for the word {PHRASE}.")
def restore(state: Globals, file: Path, yes: bool) -> None:
    from ibgw_tui.wiring.upkeep import look_at_store, restore_backup

    loaded = load(state)
    if not yes:
        before = look_at_store(loaded)
        _ask(state, file, _summary(before.contents) if before.contents else before.problem)
    done = restore_backup(loaded, file, progress=progress(state))
    kept = str(done.kept) if done.kept else None
    state.console.result(
        {
            "restore": {
                "file": str(file),
                "replaced_store_kept_as": kept,
                "replaced_store_problem": done.before.problem or None,
                "kill_switch": "closed",
                "switch_epoch": done.contents.switch_epoch,
                "ended_orders": list(done.ended),
                "backup": done.backup.as_json(),
                "store": done.contents.as_json(),
            }
        },
        f"restored     {_summary(done.backup)}",
        f"kept         {one_line(kept) if kept else 'there was no store to keep'}",
        f"kill switch  {state.console.paint('CLOSED', 'red')}, epoch {done.contents.switch_epoch}: no new order leaves",
        f"ended        {len(done.ended)} orders that waited; stage again what is still wanted",
    )
    state.console.note(
        "note: what was sent after the backup was made is not in it: compare with the broker before opening the switch; "
        "`ibgw audit verify` calls this store an older copy (or rewritten) until `ibgw audit accept`"
    )


def _summary(contents: Contents) -> str:
    newest = f", the newest of {contents.newest_at:%Y-%m-%d %H:%M:%S} UTC" if contents.newest_at else ""
    orders = "1 order" if contents.orders == 1 else f"{contents.orders:,} orders"
    entries = "1 audit entry" if contents.audit_entries == 1 else f"{contents.audit_entries:,} audit entries"
    return f"{orders} and {entries}{newest}"


def progress(state: Globals) -> Callable[[str, int, int], None] | None:
    """Only where a person watches: the copy is looked at only to tell how far it is."""
    if state.quiet or not sys.stderr.isatty():
        return None

    def tell(what: str, done: int, total: int) -> None:
        print(f"\r{what} {done:,} of {total:,}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    return tell


def _ask(state: Globals, file: Path, there: str) -> None:
    if state.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotPermitted("restoring replaces the order store", user_action="pass --yes, or run it in a terminal")
    question = [
        f"The store now: {one_line(there)}",
        f"It is replaced by {one_line(str(file))}; the replaced one is kept beside it.",
        f"Type {PHRASE} to go on: ",
    ]
    print("\n".join(question), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != PHRASE:
        raise NotPermitted(f"{PHRASE} was not typed; nothing was changed")
