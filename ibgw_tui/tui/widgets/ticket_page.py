"""One order as a page of lines, made from one frozen ticket and the moment. No widget.

What a person needs first stands first: the order as a sentence, whether it can be approved and if not
why, then the facts, the limits, the gates. The agent's words come after, each line behind a mark, in a
frame that says whose they are.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from textual.content import Content

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.present import (
    SIDES,
    STATUSES,
    Tone,
    Word,
    age,
    countdown,
    number,
    price,
    row_price,
    utc_clock,
)
from ibgw_tui.tui.safe import fit, safe, safe_line
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.check_list import gate_lines, rule
from ibgw_tui.tui.widgets.facts import fact_lines
from ibgw_tui.tui.widgets.limit_bars import limit_lines
from ibgw_tui.tui.widgets.paint import beside
from ibgw_tui.tui.widgets.price_scale import scale_lines

WIDE = 108
"""From this width on, facts and limits stand beside gates and the agent's words."""
MOST_AGENT_LINES = 200
AGENT_TITLE = "agent says (untrusted text)"


def ticket_lines(ticket: Ticket, now: datetime, width: int) -> list[Content]:
    """The whole page."""
    blank = Content("")
    head = [*sentence_lines(ticket, width), *verdict_lines(ticket, now, width)]
    head += [*compared_lines(ticket, width), *passing_lines(ticket, width), blank]
    if width >= WIDE:
        left_width = (width - 3) * 54 // 100
        right_width = width - 3 - left_width
        left = [*_facts(ticket, now, left_width), blank, *_fills(ticket, left_width), *_limits(ticket, left_width)]
        right = [*_gates(ticket, now, right_width), *_agent(ticket, right_width)]
        return head + beside(left, right, left_width, Content.styled(" │ ", "$frame"))
    body = [
        *_facts(ticket, now, width),
        *_fills(ticket, width),
        *_limits(ticket, width),
        *_gates(ticket, now, width),
        *_agent(ticket, width),
    ]
    return head + body


def placeholder_lines(row: OrderRow, width: int) -> list[Content]:
    """What is known of an order from its row, while its ticket is being read."""
    side = SIDES[row.side]
    text = f"{side} {number(row.quantity)} {row.symbol} {row_price(row)} {row.currency} in {row.account}"
    return [
        *_banner(text, side, width),
        Content.styled(" reading the ticket ...", STYLES[Tone.QUIET]),
    ]


# ---- what it is, and whether it may go


def sentence_lines(ticket: Ticket, width: int) -> list[Content]:
    """The order as a sentence, large: its own block, coloured by side, with the side's mark."""
    side = SIDES[ticket.record.intent.side]
    return _banner(f"{side.mark} {ticket.sentence}", side, width)


def _banner(text: str, side: Word, width: int) -> list[Content]:
    style = "bold $buy on $buy 14%" if side.tone is Tone.BUY else "bold $sell on $sell 14%"
    wrapped = safe_line(text).wrap(max(8, width - 4))
    bar = "▌"
    lines = [line.plain for line in wrapped]
    return [Content.styled(f"{bar} {fit(line, width - 2)}", style) for line in ("", *lines, "")]


def verdict_lines(ticket: Ticket, now: datetime, width: int) -> list[Content]:
    """Where it stands and what the operator may do about it, in one or more full sentences."""
    word, text, tone = _verdict(ticket, now)
    wrapped = safe_line(text, STYLES[tone]).wrap(max(8, width - 4))
    mark = Content.styled(f" {word.mark} ", STYLES[tone])
    return [Content.assemble(mark if at == 0 else "   ", line) for at, line in enumerate(wrapped)]


def compared_lines(ticket: Ticket, width: int) -> list[Content]:
    """What differs from the working order that it changes, or from the revision that it follows."""
    lines: list[Content] = []
    for found in ticket.compared:
        style = STYLES[Tone.WARN]
        wrapped = safe_line(f"{found.words} ({found.order_ref})", style).wrap(max(8, width - 4))
        lines += [Content.assemble((" ≠ " if at == 0 else "   ", style), line) for at, line in enumerate(wrapped)]
    return lines


def passing_lines(ticket: Ticket, width: int) -> list[Content]:
    """What the limits would let pass, of an order that they refuse: worth telling the agent."""
    if ticket.passing is None:
        return []
    tell = "; b asks for it" if ticket.record.status is Status.PENDING else ""
    style = STYLES[Tone.GOOD]
    wrapped = safe_line(f"the limits would let pass: {ticket.passing.words}{tell}", style).wrap(max(8, width - 4))
    return [Content.assemble((" ↳ " if at == 0 else "   ", style), line) for at, line in enumerate(wrapped)]


def _verdict(ticket: Ticket, now: datetime) -> tuple[Word, str, Tone]:
    record = ticket.record
    word = STATUSES[record.status]
    if record.status is Status.PENDING:
        left = f"expires in {countdown(record.preview.expires_at - now)}" if record.preview else ""
        if ticket.approvable:
            return word, f"waits for you: a reviews, r rejects; {left}", Tone.STRONG
        return Word("✗", "", Tone.REFUSE), f"CANNOT BE APPROVED: {ticket.why_not}; {left}", Tone.REFUSE
    if record.status is Status.APPROVED and record.approval is not None:
        return word, _approved(ticket, now), Tone.GOOD
    if record.status in OPEN:
        return word, f"{word.word}: {ticket.why_not or 'nothing to decide'}", word.tone
    filled = _filled(ticket)
    since = (
        f", {age(now - record.updated_at)} ago" if record.status in AT_BROKER else f" {utc_clock(record.updated_at)}"
    )
    asked = f"; cancel asked by {record.cancel_asked_by}" if record.cancel_asked_by else ""
    return word, f"{word.word}{since}{filled}{asked}", word.tone


def _approved(ticket: Ticket, now: datetime) -> str:
    approval = ticket.record.approval
    assert approval is not None
    who = f"by {approval.operator} at {utc_clock(approval.approved_at)}"
    held = approval.release_at - now
    if approval.expires_at <= now:
        return f"APPROVED, but the approval has expired and cannot be sent; {who}"
    if ticket.record.submit_asked:
        return f"APPROVED - being sent now; u recalls it while it has not left; {who}"
    if held > timedelta(0):
        return f"APPROVED - leaves in {countdown(held)}: u recalls, s sends now; {who}"
    left = countdown(approval.expires_at - now)
    return f"APPROVED - waits for the router, good for {left}; u recalls; {who}"


def _filled(ticket: Ticket) -> str:
    record = ticket.record
    if not record.filled:
        return ""
    at = f" at {price(record.average_price)} on average" if record.average_price is not None else ""
    return f"; filled {number(record.filled)} of {number(record.intent.quantity)}{at}"


# ---- the sections


def _facts(ticket: Ticket, now: datetime, width: int) -> list[Content]:
    preview = ticket.record.preview
    note = f"digest {preview.digest[:8]}" if preview else "not previewed yet"
    return [rule("order", width, note), *fact_lines(ticket, now, width), *scale_lines(ticket, width)]


def _limits(ticket: Ticket, width: int) -> list[Content]:
    return limit_lines(ticket.bars, ticket.limits, width)


def _gates(ticket: Ticket, now: datetime, width: int) -> list[Content]:
    passing = sum(gate.status is CheckStatus.PASS for gate in ticket.gates)
    live = ticket.record.status in OPEN
    note = f"{passing} of {len(ticket.gates)} pass, {'worst first' if live else 'as recorded'}"
    return gate_lines(ticket.gates, now if live else ticket.record.updated_at, width, note)


def _fills(ticket: Ticket, width: int) -> list[Content]:
    if not ticket.executions:
        return []
    record = ticket.record
    currency = record.preview.contract.currency if record.preview else ""
    note = f"{number(record.filled)} of {number(record.intent.quantity)}"
    if record.commission is not None:
        note += f", commission {number(record.commission, 2)} {currency}"
    lines = [rule("fills", width, note)]
    for fill in ticket.executions:
        text = f" {utc_clock(fill.at)}  {number(fill.quantity)} at {price(fill.price)} {currency}"
        lines.append(Content.assemble(safe_line(text), "  ", safe_line(fill.exec_id, STYLES[Tone.QUIET], 40)))
    return lines


def _agent(ticket: Ticket, width: int) -> list[Content]:
    """The agent's words in a frame of their own, every line behind its mark."""
    text = safe(ticket.record.intent.rationale.strip(), f"italic {STYLES[Tone.AGENT]}")
    if not text.plain.strip():
        text = Content.styled("(it gave no reason)", STYLES[Tone.QUIET])
    wrapped = text.wrap(max(8, width - 5))
    more = len(wrapped) - MOST_AGENT_LINES
    edge = "$agent-frame"
    title = f"┌┄ {AGENT_TITLE} "
    lines = [Content.styled(title + "┄" * max(0, width - len(title)), edge)]
    lines += [Content.assemble(("┆ ", edge), line) for line in wrapped[:MOST_AGENT_LINES]]
    if more > 0:
        lines.append(Content.assemble(("┆ ", edge), (f"... {more} more lines are not shown", STYLES[Tone.WARN])))
    lines.append(Content.styled("└" + "┄" * (width - 1), edge))
    return lines
