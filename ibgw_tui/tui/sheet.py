"""The page an operator approves: lines of text made from one frozen ticket. Pure, no widget.

Every fact comes from the ticket that is approved, so what is read and what is hashed cannot differ.
Facts are never cut: what does not fit in its column takes another line, and a page that does not fit
in the window says so instead of being shown in part. The agent's own words come last, each line
behind a mark, so that they can never look like one of ours; only they may scroll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from textual.content import Content

from ibgw_tui.core.checks import BRACKET
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.orders import Contract, Preview, order_sentence
from ibgw_tui.core.terms import CheckStatus, Side
from ibgw_tui.core.text import one_line, sanitise
from ibgw_tui.service.views import Ticket
from ibgw_tui.tui.present import (
    CHECKS,
    QUOTES,
    SIDES,
    WORST_FIRST,
    Tone,
    age,
    check_name,
    instrument,
    mode_word,
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
from ibgw_tui.tui.theme import STYLES

WIDE = 104
"""From this width on, facts and checks stand side by side."""
AGENT_ROWS = 2
"""Least rows of the agent's frame: its title and one line."""

MUTED, FAINT, STRONG = STYLES[Tone.QUIET], STYLES[Tone.FAINT], STYLES[Tone.STRONG]
CAUTION, BAD = STYLES[Tone.WARN], STYLES[Tone.REFUSE]
AGENT_STYLE, AGENT_FRAME = f"italic {STYLES[Tone.AGENT]}", "$agent-frame"
_CHECK_STYLES = {status: STYLES[word.tone] for status, word in CHECKS.items()}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of exactly as many lines as it needs, or the sentence why it cannot be shown."""

    lines: tuple[Content, ...]
    digest: str = ""
    """Of the very value the lines were made from."""
    problem: str = ""
    agent_above: int = 0
    agent_below: int = 0
    """Lines of the agent's text that are scrolled out of its frame."""


def make_sheet(
    ticket: Ticket, width: int, height: int, *, backend: str = "", scroll: int = 0, hints: Sequence[str] = ()
) -> Sheet:
    """The page for a window of `width` x `height` cells. `scroll` moves the agent's text only.

    Of `hints`, which say the same at different lengths, the first that fits is told; they never take a line.
    """
    preview = ticket.record.preview
    if preview is None:
        return Sheet((safe_part("it has no preview yet", BAD),), problem="it has no preview yet")
    inner = width - 2
    body = _roomiest(ticket, preview, inner, height - 1 - AGENT_ROWS)
    needed = len(body) + 1 + AGENT_ROWS
    if needed > height:
        problem = f"the window is too small to show the whole order: it needs {needed - height} more lines"
        return Sheet((_bar(preview, width, backend, hints), *(_inset(line) for line in body)), problem=problem)
    room = height - 1 - len(body)
    agent, above, below = _agent(preview, inner, room, scroll)
    lines = (_bar(preview, width, backend, hints), *(_inset(line) for line in (*body, *agent)))
    return Sheet(lines, preview.digest, agent_above=above, agent_below=below)


def _inset(line: Content) -> Content:
    return Content.assemble(" ", line)


def _roomiest(ticket: Ticket, preview: Preview, width: int, height: int) -> list[Content]:
    """The first arrangement that fits, the calmest first; else the tightest one."""
    arrangements = [_stacked_full, _stacked_tight, _stacked_tightest]
    if width >= WIDE - 2:
        arrangements.insert(0, _side_by_side)
    body: list[Content] = []
    for arrange in arrangements:
        body = arrange(ticket, preview, width)
        if len(body) <= height:
            return body
    return body


def _side_by_side(ticket: Ticket, preview: Preview, width: int) -> list[Content]:
    left_width = width * 46 // 100
    right_width = width - left_width - 3
    left = _grid([[fact] for fact in (*_facts(ticket, preview), *_fine_print(ticket, preview))], left_width)
    right = [*_tally(ticket, right_width), *_checks_in_full(ticket, right_width)]
    rows = max(len(left), len(right))
    blank = Content("")
    left += [blank] * (rows - len(left))
    right += [blank] * (rows - len(right))
    joined = [
        Content.assemble(_pad(one, left_width), (" │ ", FAINT), two) for one, two in zip(left, right, strict=True)
    ]
    return [blank, *_sentence(preview, width), blank, *joined, blank]


def _stacked_full(ticket: Ticket, preview: Preview, width: int) -> list[Content]:
    blank = Content("")
    facts = _grid(_pairs([*_facts(ticket, preview), *_fine_print(ticket, preview)]), width)
    return [
        *_sentence(preview, width),
        blank,
        *facts,
        blank,
        *_tally(ticket, width),
        *_checks_in_full(ticket, width),
        blank,
    ]


def _stacked_tight(ticket: Ticket, preview: Preview, width: int) -> list[Content]:
    return [*_facts_tight(ticket, preview, width), *_checks_tight(ticket, width, _columns)]


def _stacked_tightest(ticket: Ticket, preview: Preview, width: int) -> list[Content]:
    """Limits one after the other instead of in columns: room for findings that need words."""
    return [*_facts_tight(ticket, preview, width), *_checks_tight(ticket, width, _flow)]


def _facts_tight(ticket: Ticket, preview: Preview, width: int) -> list[Content]:
    facts = _grid(_pairs(_facts(ticket, preview)), width)
    fine = [
        Content.assemble(Content.styled(f"{fact.label} ", MUTED), fact.value) for fact in _fine_print(ticket, preview)
    ]
    return [*_sentence(preview, width), *facts, *_flow(fine, width)]


# ---- the head


def _bar(preview: Preview, width: int, backend: str, hints: Sequence[str]) -> Content:
    """Where this happens, in words, on a colour that is different for real money."""
    mode = mode_word(preview.mode, backend)
    money_word = " - REAL MONEY" if mode.tone is Tone.LIVE else ""
    left = one_line(f"{mode}{money_word} · {preview.intent.account}")
    return head_line(left, f"code {code_of(preview)}", hints, width, STYLES[mode.tone])


_AIR = 3
"""Columns at least between a hint and its neighbours."""


def head_line(left: str, right: str, hints: Sequence[str], width: int, style: str) -> Content:
    """One line: what stands at its two ends, and between them the first of the hints that has room."""
    gap = max(2, width - len(left) - len(right) - 2)
    hint = next((hint for hint in hints if len(hint) + 2 * _AIR <= gap), "")
    return Content.styled(f" {left}{hint:^{gap}}{right} ", style)


def _sentence(preview: Preview, width: int) -> list[Content]:
    return safe_part(order_sentence(preview.intent, preview.contract.currency), STRONG).wrap(width)


def code_of(preview: Preview) -> str:
    """Four characters that stand for what is displayed; typed to approve where that is asked."""
    return preview.digest[:4]


# ---- the facts


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: Content


def _facts(ticket: Ticket, preview: Preview) -> list[Fact]:
    """What the operator decides about, each in its fixed place."""
    intent, estimate = preview.intent, preview.estimate
    rows: list[tuple[str, str, str]] = [
        ("account", f"{intent.account} {preview.mode.value.upper()}", STRONG),
        ("symbol", f"{instrument(intent)}, conId {preview.contract.con_id}", STRONG),
        ("side", "", ""),
        ("quantity", f"{number(intent.quantity)} {_units(preview)}", STRONG),
        ("price", price_words(intent, preview.contract.currency, _tick(preview)), STRONG),
        ("notional", money(estimate.notional) if estimate.notional else "not known", STRONG),
        ("position", _position(ticket, preview), STRONG),
        ("market", _market(ticket), ""),
        ("valid", validity(intent), CAUTION if intent.outside_hours else ""),
        ("expires", f"{utc_clock(preview.expires_at)}Z", ""),
    ]
    facts = [Fact(label, safe_part(value, style)) for label, value, style in rows]
    facts[2] = Fact("side", _side(intent.side))
    return [*_warning(preview), *_compared(ticket), *facts]


def _warning(preview: Preview) -> list[Fact]:
    text = preview.estimate.warning
    return [Fact(_WARNED, safe_part(f"! {text}", CAUTION))] if text else []


def _compared(ticket: Ticket) -> list[Fact]:
    """What differs from the working order that it changes, or from the revision that it follows."""
    return [Fact(_CHANGED, safe_part(found.words.removeprefix("changed "), CAUTION)) for found in ticket.compared]


_WARNED, _CHANGED = "broker", "changed"
"""Facts that have a row of their own."""


def _fine_print(ticket: Ticket, preview: Preview) -> list[Fact]:
    """The rest of what the digest covers."""
    contract = preview.contract
    rows = [
        ("cost", _cost(preview)),
        ("contract", _contract(contract)),
        ("staged", f"{utc_clock(ticket.record.staged_at)}Z by {preview.staged_by}, {_revision(ticket)}"),
        ("previewed", f"{utc_clock(preview.created_at)}Z, {preview.preview_id[-8:]}"),
        ("order", preview.order_ref),
        ("policy", f"{preview.policy_id or 'none'} {preview.policy_digest[:8]}"),
        ("digest", preview.digest[:16]),
    ]
    return [Fact(label, safe_part(value)) for label, value in rows]


def _revision(ticket: Ticket) -> str:
    by = f" by operator {ticket.record.edited_by}" if ticket.record.edited_by else ""
    return f"revision {ticket.record.revision}{by}"


def _side(side: Side) -> Content:
    """BUY stands left, SELL stands right: word, mark and place differ as well as the colour."""
    word = SIDES[side]
    return Content.styled(f"{word}" if side is Side.BUY else f"         {word}", STYLES[word.tone])


def _units(preview: Preview) -> str:
    words = units(preview.contract)
    return "share" if words == "shares" and preview.intent.quantity == 1 else words


def _tick(preview: Preview) -> Decimal | None:
    return tick_of(preview.contract, preview.intent.limit_price or preview.intent.stop_price)


def _position(ticket: Ticket, preview: Preview) -> str:
    before = ticket.position.quantity if ticket.position else preview.estimate.position_before
    after = ticket.position_after if ticket.position_after is not None else preview.estimate.position_after
    if before is None or after is None:
        return "not known"
    crosses = " (SHORT)" if after < 0 else ""
    exposure = ticket.exposure if ticket.open_besides else None
    most = f", with open orders {number(exposure[0])} -> {number(exposure[1])}" if exposure else ""
    return f"{number(before)} -> {number(after)}{crosses}{most}"


def _market(ticket: Ticket) -> str:
    quote = ticket.quote
    if quote is None:
        return "no quote"
    preview = ticket.record.preview
    tick = preview.contract.tick_at(quote.ask or quote.bid or Decimal(0)) if preview else None
    seconds = ticket.quote_age_seconds
    old = f", {age(timedelta(seconds=float(seconds)))}" if seconds is not None else ""
    return f"{price(quote.bid, tick)} / {price(quote.ask, tick)} {QUOTES[quote.status].word}{old}"


def _cost(preview: Preview) -> str:
    estimate = preview.estimate
    parts = []
    if estimate.commission_max is not None:
        parts.append(f"commission <= {money(estimate.commission_max)}")
    margin = estimate.initial_margin_change
    if margin is not None:
        parts.append(f"margin {signed(margin.amount)} {margin.currency}")
    if estimate.worst_case_price is not None and preview.intent.limit_price is None:
        parts.append(f"worst case {number(estimate.worst_case_price)}")
    return ", ".join(parts) or "the broker did not say"


def _contract(contract: Contract) -> str:
    exchange = contract.exchange + (f"/{contract.primary_exchange}" if contract.primary_exchange else "")
    ticks = {step.increment for step in contract.price_steps}
    parts = [
        contract.asset_class.value,
        exchange,
        f"tick {'/'.join(number(tick) for tick in sorted(ticks))}" if ticks else "tick not known",
        f"lot {number(contract.size_increment)}" if contract.size_increment is not None else "",
        contract.local_symbol if contract.local_symbol != contract.symbol else "",
        contract.description,
    ]
    return ", ".join(part for part in parts if part)


def _pairs(facts: Sequence[Fact]) -> list[list[Fact]]:
    """Two facts a row; a warning of the broker, and what was changed, keep rows of their own."""
    rest = list(facts)
    rows = []
    while rest and rest[0].label in (_WARNED, _CHANGED):
        rows.append([rest.pop(0)])
    rows += [rest[at : at + 2] for at in range(0, len(rest), 2)]
    return rows


_LABEL = 9


def _grid(rows: Iterable[Sequence[Fact]], width: int) -> list[Content]:
    """Facts in columns. A value that is too long takes more lines; nothing is cut."""
    lines: list[Content] = []
    for row in rows:
        column = (width - 2 * (len(row) - 1)) // len(row)
        cells = [fact.value.wrap(max(8, column - _LABEL - 1)) for fact in row]
        for at in range(max(len(cell) for cell in cells)):
            parts: list[Content | str] = []
            for fact, cell in zip(row, cells, strict=True):
                label = Content.styled((fact.label if at == 0 else "").rjust(_LABEL), MUTED)
                value = cell[at] if at < len(cell) else Content("")
                joined = Content.assemble(label, " ", value)
                parts.append(joined if fact is row[-1] else Content.assemble(_pad(joined, column), "  "))
            lines.append(Content.assemble(*parts))
    return lines


# ---- the checks


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.status))


def _tally(ticket: Ticket, width: int) -> list[Content]:
    findings = (*ticket.gates, *ticket.limits)
    parts = [Content.styled(f"{len(ticket.gates)} gates, {len(ticket.limits)} limits", MUTED)]
    for status in WORST_FIRST:
        count = sum(finding.status is status for finding in findings)
        if count:
            parts.append(Content.styled(f"{CHECKS[status].mark} {count} {_COUNTED[status]}", _CHECK_STYLES[status]))
    return _flow(parts, width)


_COUNTED = {
    CheckStatus.REFUSE: "refuse",
    CheckStatus.UNKNOWN: "not known",
    CheckStatus.WARN: "to mind",
    CheckStatus.PASS: "pass",
    CheckStatus.OFF: "not armed",
}


def _checks_in_full(ticket: Ticket, width: int) -> list[Content]:
    """A line for each check, with what was measured; more lines where it needs the eye."""
    lines: list[Content] = []
    told = _told_one_by_one(ticket.limits)
    unarmed = [f for f in told if f.status is CheckStatus.OFF]
    for finding in worst_first((*ticket.gates, *(f for f in told if f.status is not CheckStatus.OFF))):
        head = f"{CHECKS[finding.status].mark} {_check_name(finding)}".ljust(_NAME) + " "
        text = _measured(finding) if finding.status is CheckStatus.PASS else _said(finding)
        style = _CHECK_STYLES[finding.status]
        wrapped = safe_part(text, "" if finding.status is CheckStatus.PASS else style).wrap(max(12, width - _NAME - 1))
        for at, line in enumerate(wrapped):
            lines.append(Content.assemble(Content.styled(head if at == 0 else " " * len(head), style), line))
    return [*lines, *_flow(_exits(ticket.limits), width), *_not_armed(unarmed, width)]


_NAME = 20


def _told_one_by_one(findings: Sequence[Finding]) -> list[Finding]:
    """An exit of a bracket passes the same checks as its entry: of these only what needs the eye is told singly."""
    return [f for f in findings if f.leg in (None, BRACKET) or f.status not in (CheckStatus.PASS, CheckStatus.OFF)]


def _exits(findings: Sequence[Finding]) -> list[Content]:
    """'✓ take-profit 14 pass, 8 not armed' of each exit."""
    cells = []
    for leg in dict.fromkeys(f.leg for f in findings if f.leg not in (None, BRACKET)):
        of_leg = [f for f in findings if f.leg == leg]
        worst = worst_first(of_leg)[0]
        counts = [
            f"{number} {_COUNTED[status]}"
            for status in WORST_FIRST
            if (number := sum(f.status is status for f in of_leg))
        ]
        cells.append(_cell(worst, f"{(leg or '').replace('_', '-')} {', '.join(counts)}"))
    return cells


def _checks_tight(
    ticket: Ticket, width: int, arrange: Callable[[Sequence[Content], int], list[Content]]
) -> list[Content]:
    """What needs the eye in full, the rest in as little room as it can be read in."""
    findings = worst_first((*ticket.gates, *ticket.limits))
    loud = [f for f in findings if f.status not in (CheckStatus.PASS, CheckStatus.OFF)]
    lines: list[Content] = []
    for finding in loud:
        text = f"{CHECKS[finding.status].mark} {finding.status.value} {_check_name(finding)}: {_said(finding)}"
        lines += safe_part(text, _CHECK_STYLES[finding.status]).wrap(width)
    told = _told_one_by_one(ticket.limits)
    passed = [f for f in told if f.status is CheckStatus.PASS]
    cells = [_cell(finding, f"{_short_name(finding)} {_measured(finding, tight=True)}".strip()) for finding in passed]
    unarmed = [f for f in told if f.status is CheckStatus.OFF]
    quiet_gates = [f for f in worst_first(ticket.gates) if f not in loud]
    flow = [_cell(finding, _short_name(finding)) for finding in quiet_gates]
    exits = _flow(_exits(ticket.limits), width)
    return [*lines, *arrange(cells, width), *exits, *_not_armed(unarmed, width), *_flow(flow, width)]


def _not_armed(findings: Sequence[Finding], width: int) -> list[Content]:
    """What was not asked is named, too, but all in one breath."""
    if not findings:
        return []
    return _cell(findings[0], "not armed: " + ", ".join(_short_name(finding) for finding in findings)).wrap(width)


def _cell(finding: Finding, text: str) -> Content:
    quiet = MUTED if finding.status is CheckStatus.OFF else ""
    return Content.assemble(
        Content.styled(CHECKS[finding.status].mark, _CHECK_STYLES[finding.status]), " ", safe_part(text, quiet)
    )


def _columns(cells: Sequence[Content], width: int) -> list[Content]:
    """Cells in two columns; one that is too long for its column gets a line of its own."""
    column = (width - 2) // 2
    short = [cell for cell in cells if cell.cell_length <= column]
    lines: list[Content] = []
    half = (len(short) + 1) // 2
    for at in range(half):
        right = short[half + at] if half + at < len(short) else Content("")
        lines.append(Content.assemble(_pad(short[at], column), "  ", right))
    for cell in cells:
        if cell.cell_length > column:
            lines += cell.wrap(width)
    return lines


def _flow(cells: Sequence[Content], width: int) -> list[Content]:
    """Cells one after the other, broken between cells only."""
    lines: list[Content] = []
    parts: list[Content | str] = []
    used = 0
    for cell in (piece for whole in cells for piece in whole.wrap(width)):
        if parts and used + 2 + cell.cell_length > width:
            lines.append(Content.assemble(*parts))
            parts, used = [], 0
        if parts:
            parts.append("  ")
            used += 2
        parts.append(cell)
        used += cell.cell_length
    return [*lines, Content.assemble(*parts)] if parts else lines


_SHORT_NAMES = {
    "feature_enabled": "feature",
    "account_allowed": "account",
    "scope_granted": "scope",
    "preview_unexpired": "preview",
    "idempotency_key": "key",
    "risk_policy": "limits",
    "kill_switch": "switch open",
    "audit_available": "audit",
    "paper_to_live": "checklist",
    "policy_enabled": "policy",
    "asset_class": "class",
    "max_quantity": "quantity",
    "max_notional": "notional",
    "market_snapshot": "snapshot",
    "reference_price": "reference",
    "price_collar": "collar",
    "session_orders": "session",
    "quote_reliable": "spread",
    "max_position": "position",
    "buying_power": "liquidity",
    "trigger_price": "trigger",
    "tick_and_size": "tick, size",
    "market_hours": "hours",
    "price_drift": "drift",
    "bracket_prices": "prices",
}


def _short_name(finding: Finding) -> str:
    leg = f"{finding.leg.replace('_', '-')} " if finding.leg else ""
    return leg + (_SHORT_NAMES.get(finding.check) or one_line(check_name(finding.check), 40))


def _check_name(finding: Finding) -> str:
    leg = f"{finding.leg.replace('_', '-')} " if finding.leg else ""
    return one_line(leg + check_name(finding.check), 40)


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and Decimal(text).is_finite()
    except ArithmeticError:
        return False


def _measured(finding: Finding, *, tight: bool = False) -> str:
    """What was measured against what, as short as it stays true."""
    if finding.status is CheckStatus.OFF:
        return "off" if tight else finding.message
    if _is_number(finding.observed) and _is_number(finding.limit):
        unit = f" {finding.unit}" if finding.unit and (not tight or len(finding.unit) <= _SHORT_UNIT) else ""
        numbers = f"{_group(finding.observed)} of {_group(finding.limit)}{unit}"
        if tight or finding.headroom is None:
            return numbers
        return f"{numbers}, {_group(finding.headroom)} left"
    if not tight:
        return finding.message
    return "" if finding.observed is None or finding.observed in finding.check else finding.observed


_SHORT_UNIT = 5


def _said(finding: Finding) -> str:
    action = f" - {finding.user_action}" if finding.user_action else ""
    return f"{finding.message}{action}"


def _group(text: str | None) -> str:
    return number(Decimal(text)) if text is not None and _is_number(text) else str(text)


# ---- the agent's words


def _agent(preview: Preview, width: int, room: int, scroll: int) -> tuple[list[Content], int, int]:
    """The agent's frame in `room` rows: a title, then its lines behind a mark."""
    text = sanitise(preview.intent.rationale).strip()
    words = Content(text).wrap(width - 2) if text else [Content.styled("(it gave no reason)", MUTED)]
    rows = max(1, min(room - 1, len(words)))
    start = max(0, min(scroll, len(words) - rows))
    above, below = start, len(words) - rows - start
    more = f" {above + below} more lines: up/down " if above + below else ""
    title = " agent says (untrusted text) "
    rule = "┄" * max(0, width - len(title) - len(more) - 2)
    head = Content.assemble(("┄┄", AGENT_FRAME), (title, STYLES[Tone.AGENT]), (rule, AGENT_FRAME), (more, MUTED))
    mark = Content.styled("┆ ", AGENT_FRAME)
    lines = [head, *(Content.assemble(mark, line.stylize(AGENT_STYLE)) for line in words[start : start + rows])]
    return lines, above, below


# ---- small formats


def safe_part(text: str, style: str = "") -> Content:
    """One line of text as inert content."""
    flat = one_line(text)
    return Content.styled(flat, style) if style else Content(flat)


def _pad(content: Content, width: int) -> Content:
    return content.pad_right(max(0, width - content.cell_length))
