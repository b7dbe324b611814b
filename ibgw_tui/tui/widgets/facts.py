"""The facts of one order as lines: what is asked, what it would do, what the market says. No widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content

from ibgw_tui.core.broker import Quote
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.terms import EXACT, Money, QuoteStatus
from ibgw_tui.service.views import SESSION_BAR, Ticket
from ibgw_tui.tui.present import (
    QUOTES,
    SIDES,
    Tone,
    age,
    instrument,
    measured,
    money,
    number,
    price,
    price_words,
    signed,
    tick_of,
    units,
    utc_clock,
    validity,
)
from ibgw_tui.tui.safe import safe_line
from ibgw_tui.tui.theme import STYLES

LABEL = 9
TWO_COLUMNS = 56
"""From this width on, two facts stand in one line."""


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    tone: Tone = Tone.PLAIN
    wide: bool = False
    """Needs a line of its own."""


def fact_lines(ticket: Ticket, now: datetime, width: int) -> list[Content]:
    """A table of facts. A value that is too long takes more lines; nothing is cut."""
    return grid(facts(ticket, now), width)


def facts(ticket: Ticket, now: datetime) -> list[Fact]:
    record, intent, preview = ticket.record, ticket.record.intent, ticket.record.preview
    contract = preview.contract if preview else None
    currency = contract.currency if contract else (intent.currency or "")
    tick = tick_of(contract, intent.limit_price or intent.stop_price)
    side = SIDES[intent.side]
    notional = preview.estimate.notional if preview else None
    mode = f" {preview.mode.value.upper()}" if preview else ""
    rows = [
        Fact("account", f"{intent.account}{mode}", Tone.STRONG),
        Fact("side", str(side), side.tone),
        Fact("quantity", f"{number(intent.quantity)} {units(contract, intent.quantity)}", Tone.STRONG),
        Fact("symbol", instrument(intent), Tone.STRONG),
        Fact("price", price_words(intent, currency, tick), Tone.STRONG),
        Fact("notional", money(notional) if notional else "not known", Tone.STRONG),
        Fact("valid", validity(intent), Tone.WARN if intent.outside_hours else Tone.PLAIN),
        Fact("position", *_position(ticket)),
        *_exposure(ticket),
        *_session(ticket),
        Fact("bid / ask", *_market(ticket, now), wide=True),
    ]
    if preview is not None:
        rows += _broker_facts(preview, ticket.excess_before)
    rows += [Fact("agent", record.staged_by), Fact("staged", f"{utc_clock(record.staged_at)} UTC")]
    if record.revision > 1:
        by = f", edited by operator {record.edited_by}" if record.edited_by else ""
        after = f"{record.revision}, after {record.revises or record.intent.modifies or 'another'}{by}"
        rows.append(Fact("revision", after, Tone.WARN, wide=True))
    if record.reason or record.reason_code:
        rows.append(Fact("reason", " ".join(filter(None, (record.reason_code, record.reason))), Tone.WARN, wide=True))
    return rows


def _position(ticket: Ticket) -> tuple[str, Tone]:
    if ticket.position is None:
        return "not known", Tone.QUIET
    before, after = ticket.position.quantity, ticket.position_after
    if after is None:
        return signed(before), Tone.PLAIN
    short = " SHORT" if after < 0 else ""
    return f"{signed(before)} -> {signed(after)}{short}", Tone.WARN if short else Tone.STRONG


def _exposure(ticket: Ticket) -> list[Fact]:
    """The position if everything that is open on this side fills too, before -> after this order."""
    found = ticket.exposure
    if found is None or not ticket.open_besides:
        return []
    before, after = found
    words = f"{signed(before)} -> {signed(after)} with {number(ticket.open_besides)} open"
    return [Fact("exposure", words, Tone.WARN if after < 0 else Tone.PLAIN)]


def _session(ticket: Ticket) -> list[Fact]:
    """What the session has used, before -> after this order."""
    one = next((bar for bar in ticket.bars if bar.name == SESSION_BAR), None)
    if one is None:
        return []
    after = EXACT.add(one.used, one.this_order)
    moved = measured(one.used, one.unit) + (f" -> {measured(after, one.unit)}" if one.this_order else "")
    limit = f" of {number(one.limit)}" if one.limit is not None else ""
    over = one.limit is not None and after > one.limit
    return [Fact("session", f"{moved}{limit} {one.unit}", Tone.REFUSE if over else Tone.PLAIN)]


def _market(ticket: Ticket, now: datetime) -> tuple[str, Tone]:
    quote, preview = ticket.quote, ticket.record.preview
    if quote is None:
        return "no quote yet", Tone.WARN
    tick = tick_of(preview.contract if preview else None, quote.bid or quote.ask or quote.last)
    stale = any(f.check == "quote_age" and f.blocks for f in ticket.limits)
    word = QUOTES[QuoteStatus.STALE if stale and quote.status is QuoteStatus.LIVE else quote.status]
    sizes = [f" x {number(size)}" if size is not None else "" for size in (quote.bid_size, quote.ask_size)]
    two_sided = f"{price(quote.bid, tick)}{sizes[0]} / {price(quote.ask, tick)}{sizes[1]}"
    one_sided = quote.last is not None and (quote.bid is None or quote.ask is None)
    last = f" last {price(quote.last, tick)}" if one_sided else ""
    tone = Tone.PLAIN if word.tone is Tone.GOOD else word.tone
    return f"{two_sided}{last}, {word}, {age(_age_of(quote, now))} old", tone


def _age_of(quote: Quote, now: datetime) -> timedelta:
    return now - quote.as_of


def _broker_facts(preview: Preview, before: Money | None) -> list[Fact]:
    estimate, rows = preview.estimate, []
    if estimate.commission_max is not None:
        rows.append(Fact("fee", f"at most {money(estimate.commission_max)}"))
    if estimate.initial_margin_change is not None:
        change = estimate.initial_margin_change
        rows.append(Fact("margin", f"{signed(change.amount)} {change.currency}"))
    after = estimate.excess_liquidity_after
    if after is not None:
        known = before is not None and before.currency == after.currency
        was = f"{number(before.amount, 2)} -> " if before is not None and known else ""
        rows.append(Fact("excess", f"{was}{money(after)}", Tone.REFUSE if after.amount < 0 else Tone.PLAIN))
    if estimate.worst_case_price is not None and preview.intent.limit_price is None:
        rows.append(Fact("worst", price(estimate.worst_case_price), Tone.WARN))
    if estimate.warning:
        rows.append(Fact("broker", estimate.warning, Tone.WARN, wide=True))
    contract = preview.contract
    where = contract.exchange + (f"/{contract.primary_exchange}" if contract.primary_exchange else "")
    rows += [Fact("contract", f"{contract.asset_class.value} {contract.con_id}"), Fact("exchange", where)]
    return rows


def grid(rows: Sequence[Fact], width: int) -> list[Content]:
    """Facts in one or two columns of labels and values."""
    if width < TWO_COLUMNS:
        return [line for row in rows for line in _row([row], width)]
    lines: list[Content] = []
    waiting: Fact | None = None
    column = (width - 2) // 2
    for row in rows:
        if row.wide or len(row.value) > column - LABEL - 2:
            if waiting is not None:
                lines += _row([waiting], width)
                waiting = None
            lines += _row([row], width)
        elif waiting is None:
            waiting = row
        else:
            lines += _row([waiting, row], width)
            waiting = None
    return lines + (_row([waiting], width) if waiting is not None else [])


def _row(pair: Sequence[Fact], width: int) -> list[Content]:
    column = (width - 2 * (len(pair) - 1)) // len(pair)
    cells = [safe_line(fact.value, STYLES[fact.tone]).wrap(max(8, column - LABEL - 2)) for fact in pair]
    lines = []
    for at in range(max(len(cell) for cell in cells)):
        parts: list[Content] = []
        for fact, cell in zip(pair, cells, strict=True):
            label = Content.styled((fact.label if at == 0 else "").rjust(LABEL + 1), STYLES[Tone.QUIET])
            joined = Content.assemble(label, " ", cell[at] if at < len(cell) else "")
            parts.append(joined.pad_right(max(0, column + 2 - joined.cell_length)) if fact is not pair[-1] else joined)
        lines.append(Content.assemble(*parts))
    return lines
