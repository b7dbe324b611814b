"""`audit export`: entries as JSON Lines for other programs, or the evidence of one order for other people."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.output import SCHEMA_VERSION
from ibgw_tui.cli.progress import progress_bar
from ibgw_tui.cli.session import audit_side
from ibgw_tui.core.errors import InvalidRequest, OrderStoreError
from ibgw_tui.core.redaction import redact
from ibgw_tui.core.text import one_line

if TYPE_CHECKING:
    from ibgw_tui.store.audit_file import AuditFile
    from ibgw_tui.wiring.audit_side import AuditSide


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to export."""

    after: int
    limit: int | None
    since: datetime | None
    until: datetime | None
    kinds: tuple[str, ...]
    order_ref: str | None


@command(
    "export",
    help="Entries as JSON Lines, oldest first, without secrets and account numbers. For the next page give the last "
    "seq as --after. With --case REF: the evidence of one order, which anybody can verify with a plain Python; it is "
    "not redacted, because its hashes are of the exact bytes.",
    examples="""
        ibgw audit export --since 2026-11-01 --until 2026-12-01 --output november.jsonl
        ibgw audit export --kind "order.*" --kind "switch.*" --limit 1000 --after 4000
        ibgw audit export --order o-4f2a
        ibgw audit export --case o-4f2a --to case-4f2a.zip
    """,
)
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Only entries after this one.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@click.option("--since", metavar="TIME", help="From this time on, such as 2026-11-23 or 2026-11-23T15:00:00Z.")
@click.option("--until", metavar="TIME", help="Before this time; a date alone means before that day.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; order.* is allowed; may be repeated."
)
@click.option("--order", "order_ref", metavar="REF", help="Only entries about this order.")
@click.option("--no-redact", is_flag=True, help="Leave account numbers and secrets in.")
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="A new file, mode 0600."
)
@click.option("--case", "case_ref", metavar="REF", help="The evidence of this order instead.")
@click.option("--to", "target", metavar="DIR_OR_ZIP", type=click.Path(path_type=Path), help="Where the evidence goes.")
def export(
    state: Globals,
    after: int,
    limit: int | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    order_ref: str | None,
    no_redact: bool,
    output: Path | None,
    case_ref: str | None,
    target: Path | None,
) -> int:
    if (case_ref is None) != (target is None):
        raise click.UsageError("--case REF and --to DIR_OR_ZIP belong together")
    side = audit_side(state)
    if case_ref is not None and target is not None:
        if after or limit or since or until or kinds or order_ref or no_redact or output:
            raise click.UsageError("--case goes with --to alone: evidence is whole or it is none")
        return _case(state, side, case_ref, target)
    wanted = Wanted(after, limit, _moment("--since", since), _moment("--until", until), kinds, None)
    accounts = () if no_redact else (*side.config.paper.allowed_accounts, *side.config.live.allowed_accounts)
    with side.file() as file, progress_bar(state.console) as progress:
        if order_ref is not None:
            wanted = Wanted(after, limit, wanted.since, wanted.until, kinds, _full_reference(file, order_ref))
        visible = progress if output is not None or not sys.stdout.isatty() else None
        with _sink(output) as write:
            count, last = 0, 0
            for seq, line in _lines(file, wanted, visible):
                told = line if no_redact else {**redact(line, accounts=accounts), "hash": line["hash"]}
                document = {"schema_version": SCHEMA_VERSION, **told, "redacted": not no_redact}
                write(json.dumps(document, ensure_ascii=True) + "\n")
                count, last = count + 1, seq
    more = f"; for the next page: --after {last}" if limit is not None and count == limit else ""
    state.console.note(f"{count} entries{more}")
    return Exit.OK


def _lines(
    file: AuditFile, wanted: Wanted, progress: Callable[[str, int, int], None] | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(seq, line) of each entry that is wanted, read page by page."""
    total, found = file.chain.head()[0], 0
    after = max(wanted.after, _before(file, wanted.since, total) if wanted.since else 0)
    for page in _pages(file, wanted.order_ref, after):
        for seq, content, stored in page:
            line = _line(seq, content, stored)
            at = _at(line)
            if wanted.until is not None and at is not None and at >= wanted.until:
                return
            if wanted.since is not None and at is not None and at < wanted.since:
                continue
            if wanted.kinds and not any(fnmatch.fnmatchcase(str(line.get("kind")), kind) for kind in wanted.kinds):
                continue
            yield seq, line
            found += 1
            if found == wanted.limit:
                return
        if progress is not None:
            progress("exporting", page[-1][0], max(total, page[-1][0]))


def _pages(file: AuditFile, order_ref: str | None, after: int) -> Iterator[list[tuple[int, bytes, bytes]]]:
    if order_ref is None:
        yield from file.chain.pages(after)
        return
    sql = "SELECT seq, CAST(entry AS BLOB), hash FROM audit WHERE order_ref = ? AND seq > ? ORDER BY seq LIMIT 1000"
    while page := file.rows(sql, (order_ref, after)):
        yield page
        after = page[-1][0]


_COLUMNS = ("at", "kind", "actor", "principal", "order_ref", "body")


def _line(seq: int, content: bytes, stored: bytes) -> dict[str, Any]:
    """An entry that is damaged is exported as the bytes it has become."""
    try:
        entry = json.loads(content)
        return {"seq": seq, **{name: entry[name] for name in _COLUMNS}, "hash": stored.hex()}
    except (ValueError, TypeError, KeyError):
        return {"seq": seq, "damaged": content.hex(), "hash": stored.hex()}


def _at(line: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(line["at"])
    except (KeyError, ValueError, TypeError):
        return None


def _before(file: AuditFile, since: datetime, total: int) -> int:
    """The newest entry before `since`: entries are never dated before the one they follow, so halving finds it."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        rows = file.rows("SELECT CAST(entry AS BLOB), hash FROM audit WHERE seq = ?", (middle,))
        at = _at(_line(middle, *rows[0])) if rows else None
        if at is None:
            return 0  # a damaged log is read from its beginning
        low, high = (middle, high) if at < since else (low, middle - 1)
    return low


def _full_reference(file: AuditFile, part: str) -> str:
    """By the log itself: an order whose row was deleted is still exported."""
    rows = file.rows(
        "SELECT DISTINCT order_ref FROM audit WHERE kind IN ('order.staged', 'order.edited') "
        "AND (order_ref = ? OR instr(order_ref, ?) > 0)",
        (part, part),
    )
    names = [row[0] for row in rows]
    if part in names:
        return part
    if len(part) < 4 or not names:
        raise InvalidRequest(f"there is no order {one_line(part, 44)!r}", user_action="see `ibgw list --all`")
    if len(names) > 1:
        raise InvalidRequest(
            f"{one_line(part, 44)!r} could be {', '.join(names[:6])}", user_action="give more of the reference"
        )
    return str(names[0])


def _moment(option: str, text: str | None) -> datetime | None:
    """A date is its first moment in UTC; a time without a zone is refused."""
    if text is None:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("it has no zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{option}: {one_line(text, 40)!r} is not a time ({error})",
            user_action="give 2026-11-23 or 2026-11-23T15:00:00Z",
        ) from error


@contextmanager
def _sink(output: Path | None) -> Iterator[Callable[[str], object]]:
    if output is None:
        yield sys.stdout.write
        sys.stdout.flush()
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidRequest(f"{output} exists already", user_action="name a new file") from None
    except OSError as error:
        raise OrderStoreError(
            f"{output} cannot be written: {error.strerror}", user_action="name another file"
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yield file.write


def _case(state: Globals, side: AuditSide, ref: str, target: Path) -> int:
    from ibgw_tui.service.evidence import write_case

    case = side.case(ref)
    write_case(case, target)
    state.console.result(
        {
            "case": {
                "order_ref": case.order_ref,
                "entries": case.entries,
                "links": case.links,
                "key_fingerprint": case.fingerprint,
                "written_to": str(target),
            }
        },
        f"evidence     of order {case.order_ref}: {case.entries} entries, {case.links} links of the chain",
        f"written to   {one_line(str(target))}",
        f"key          {case.fingerprint}  (tell it on another way)",
        "verify with  python3 verify.py, in the folder",
    )
    return Exit.OK
