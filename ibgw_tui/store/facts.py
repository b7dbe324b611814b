"""What the router last saw of the market, for every screen to read: newest value only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from ibgw_tui.core.broker import AccountFacts, OrderReport, Position, Quote
from ibgw_tui.core.records import Absence, ComparisonMade
from ibgw_tui.core.terms import iso
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.failures import undamaged

_PUT = (
    "INSERT INTO facts (kind, name, body) VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body"
)


def put(
    connection: Connection,
    quotes: Sequence[Quote],
    positions: Sequence[Position] | None,
    accounts: Sequence[AccountFacts],
    link: tuple[str, str, datetime] | None,
    fx: Mapping[str, Quote],
    foreign: Sequence[OrderReport] | None,
    working: OrderReport | None,
) -> None:
    for quote in quotes:
        connection.execute(_PUT, ("quote", str(quote.con_id), quote.model_dump_json()))
    if positions is not None:
        connection.execute("DELETE FROM facts WHERE kind = 'position'")
        for held in positions:
            connection.execute(_PUT, ("position", f"{held.account}/{held.con_id}", held.model_dump_json()))
    for account in accounts:
        connection.execute(_PUT, ("account", account.account, account.model_dump_json()))
    for pair, rate in fx.items():
        connection.execute(_PUT, ("fx", pair, rate.model_dump_json()))
    if working is not None:
        connection.execute(_PUT, ("working", working.order_ref, working.model_dump_json()))
    if foreign is not None:
        reports = json.dumps([report.model_dump(mode="json") for report in foreign])
        connection.execute(_PUT, ("foreign", "all", reports))
    if link is not None:
        connection.execute(_PUT, ("link", "router", json.dumps([link[0], link[1], iso(link[2])])))


def quote(connection: Connection, con_id: int) -> Quote | None:
    row = connection.row("SELECT body FROM facts WHERE kind = 'quote' AND name = ?", (str(con_id),))
    with undamaged("a quote"):
        return Quote.model_validate_json(row[0]) if row else None


def positions(connection: Connection, account: str | None) -> list[Position]:
    rows = connection.rows("SELECT body FROM facts WHERE kind = 'position' ORDER BY name")
    with undamaged("a position"):
        held = [Position.model_validate_json(row[0]) for row in rows]
    return [position for position in held if account is None or position.account == account]


def accounts(connection: Connection) -> list[AccountFacts]:
    rows = connection.rows("SELECT body FROM facts WHERE kind = 'account' ORDER BY name")
    with undamaged("what the broker said of an account"):
        return [AccountFacts.model_validate_json(row[0]) for row in rows]


def link(connection: Connection) -> tuple[str, str, datetime] | None:
    row = connection.row("SELECT body FROM facts WHERE kind = 'link' AND name = 'router'")
    if row is None:
        return None
    with undamaged("the state of the link"):
        state, text, at = json.loads(row[0])
        return state, text, datetime.fromisoformat(at)


def fx_quotes(connection: Connection) -> dict[str, Quote]:
    """By pair, such as EUR.USD."""
    rows = connection.rows("SELECT name, body FROM facts WHERE kind = 'fx' ORDER BY name")
    with undamaged("an FX quote"):
        return {name: Quote.model_validate_json(body) for name, body in rows}


def working_order(connection: Connection, wire_ref: str) -> OrderReport | None:
    """An order of ours as the broker showed it when a change of it was looked at last."""
    row = connection.row("SELECT body FROM facts WHERE kind = 'working' AND name = ?", (wire_ref,))
    with undamaged("a working order"):
        return OrderReport.model_validate_json(row[0]) if row else None


def foreign_orders(connection: Connection) -> list[OrderReport] | None:
    """Open orders at the broker that are not ours, as of the newest complete comparison; None before the first."""
    row = connection.row("SELECT body FROM facts WHERE kind = 'foreign' AND name = 'all'")
    if row is None:
        return None
    with undamaged("the broker's foreign orders"):
        return _REPORTS.validate_json(row[0])


def put_comparison(connection: Connection, made: ComparisonMade, absences: Sequence[Absence]) -> None:
    """Absences are replaced: an order that was found, or of which this session knows nothing yet, has none."""
    connection.execute(_PUT, ("comparison", "newest", _COMPARISON.dump_json(made).decode()))
    connection.execute("DELETE FROM facts WHERE kind = 'absence'")
    for absence in absences:
        connection.execute(_PUT, ("absence", absence.order_ref, _ABSENCE.dump_json(absence).decode()))


def comparison(connection: Connection) -> ComparisonMade | None:
    row = connection.row("SELECT body FROM facts WHERE kind = 'comparison' AND name = 'newest'")
    with undamaged("the comparison with the broker's records"):
        return _COMPARISON.validate_json(row[0]) if row else None


def absences(connection: Connection) -> dict[str, Absence]:
    """By order reference."""
    rows = connection.rows("SELECT name, body FROM facts WHERE kind = 'absence' ORDER BY name")
    with undamaged("what was not found at the broker"):
        return {name: _ABSENCE.validate_json(body) for name, body in rows}


_COMPARISON: TypeAdapter[ComparisonMade] = TypeAdapter(ComparisonMade)
_ABSENCE: TypeAdapter[Absence] = TypeAdapter(Absence)
_REPORTS: TypeAdapter[list[OrderReport]] = TypeAdapter(list[OrderReport])
