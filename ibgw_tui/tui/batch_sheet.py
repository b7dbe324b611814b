"""The page on which several orders are approved: every order in full, and what they add up to. Pure, no widget.

Made from one frozen batch. Nothing is cut: where not every order fits in the window, the page says so and cannot
be armed; fewer orders can be marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from textual.content import Content

from ibgw_tui.core.batches import MOST
from ibgw_tui.core.orders import Preview, order_sentence
from ibgw_tui.core.terms import EXACT, CheckStatus, Mode
from ibgw_tui.service.views import Batch, BatchLine
from ibgw_tui.tui.arming import DWELL_TYPED, Plan
from ibgw_tui.tui.changes import what_changed
from ibgw_tui.tui.present import SIDES, measured, mode_word, money, number, utc_clock
from ibgw_tui.tui.sheet import BAD, CAUTION, MUTED, STRONG, Sheet, code_of, head_line, safe_part
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.tiers import plan_of, unusual


def batch_digest(batch: Batch) -> str:
    """Over the digests of what is displayed, in their order."""
    words = "\n".join(line.ticket.shown.preview_digest if line.ticket.shown else "-" for line in batch.lines)
    return hashlib.sha256(f"batch\n{words}".encode()).hexdigest()


def judged(batch: Batch) -> Batch:
    """With what the terminal minds as well: an order that asks for a second thought gets a review of its own."""
    return replace(batch, lines=tuple(BatchLine(line.ticket, _problem(line)) for line in batch.lines))


def _problem(line: BatchLine) -> str:
    if line.problem:
        return line.problem
    plan = plan_of(line.ticket)
    if plan.tier == 0:
        return ""
    return plan.impediment or f"it deserves a review of its own: {', '.join(unusual(line.ticket))}"


def plan_for(batch: Batch) -> Plan:
    """The number of orders or the code of the page is typed, then the key. One that may not go stops them all."""
    if len(batch.lines) < 2:
        return Plan(tier=2, impediment="there are no two orders to approve together")
    if len(batch.lines) > MOST:
        return Plan(tier=2, impediment=f"{MOST} orders at most are approved together; mark fewer")
    if batch.problem:
        return Plan(tier=2, impediment=f"{batch.problem}; take its mark away")
    accepted = frozenset({str(len(batch.lines)), batch_digest(batch)[:4]})
    return Plan(tier=1, dwell=DWELL_TYPED, accepted=accepted)


def batch_changed(old: Batch, new: Batch) -> str | None:
    """The first difference that matters, with the order it is about."""
    for before, after in zip(old.lines, new.lines, strict=True):
        ref = before.ticket.record.order_ref
        if found := what_changed(before.ticket, after.ticket):
            return f"{ref}: {found}"
        if after.problem and not before.problem:
            return f"{ref}: {after.problem}"
    return None


def make_batch_sheet(
    batch: Batch, width: int, height: int, *, backend: str, hidden: Collection[str], hints: Sequence[str] = ()
) -> Sheet:
    """The page for a window of `width` x `height` cells. Of `hints` the first that fits is told, without a line."""
    digest, lines = batch_digest(batch), list[Content]()
    for row, air in ((_in_full, [Content("")]), (_in_full, []), (_in_short, [])):
        lines = [_bar(batch, digest, width, backend, hints), *_head(batch, width - 2), *air]
        for at, (line, position) in enumerate(zip(batch.lines, _positions(batch), strict=True), start=1):
            lines += row(at, line, position, width - 2)
        lines += [*air, *_sums(batch, width - 2, hidden)]
        if len(lines) <= height:
            return Sheet(tuple(lines), digest)
    more = len(lines) - height
    return Sheet(tuple(lines), problem=f"not every order fits: {more} more lines are needed; mark fewer orders")


def _bar(batch: Batch, digest: str, width: int, backend: str, hints: Sequence[str]) -> Content:
    preview = next((line.ticket.record.preview for line in batch.lines if line.ticket.record.preview), None)
    mode = mode_word(preview.mode if preview else Mode.LIVE, backend)
    account = preview.intent.account if preview else ""
    return head_line(f"{mode} · {account}", f"code {digest[:4]}", hints, width, STYLES[mode.tone])


def _head(batch: Batch, width: int) -> list[Content]:
    first = batch.lines[0].ticket.record if batch.lines else None
    side = str(SIDES[first.intent.side]) if first else ""
    by = f" of {first.staged_by}" if first else ""
    title = safe_part(f"Approve {len(batch.lines)} orders{by} together: {side}".rstrip(" :"), STRONG)
    note = safe_part("Each is an approval of its own. What the agent says is on the tickets.", MUTED)
    return [*_inset(title, width), *_inset(note, width)]


def _in_full(at: int, line: BatchLine, position: str, width: int) -> list[Content]:
    preview = line.ticket.record.preview
    if preview is None:
        return _inset(safe_part(f"{at:>2}  {line.ticket.sentence}: not previewed", BAD), width)
    sentence = safe_part(f"{order_sentence(preview.intent, preview.contract.currency)} = {_value(preview)}", STRONG)
    passed = sum(f.status is CheckStatus.PASS for f in (*line.ticket.gates, *line.ticket.limits))
    facts = [f"position {position}", f"{passed} pass", *_identity(line, preview, "until ")]
    return [
        *_inset(Content.assemble(Content.styled(f"{at:>2}  ", MUTED), sentence), width),
        *_inset(safe_part(", ".join(facts)), width, indent=5),
        *_stands_against(line, width),
    ]


def _in_short(at: int, line: BatchLine, position: str, width: int) -> list[Content]:
    """One line an order where it fits: what all have in common stands above."""
    preview = line.ticket.record.preview
    if preview is None:
        return _in_full(at, line, position, width)
    intent = preview.intent
    stop = f" stop {number(intent.stop_price)}" if intent.stop_price is not None else ""
    what = safe_part(f"{number(intent.quantity)} {intent.symbol} at {number(intent.limit_price)}{stop}", STRONG)
    facts = [_value(preview), position, *_identity(line, preview)]
    row = Content.assemble(Content.styled(f"{at:>2} ", MUTED), what, " ", safe_part(f"= {', '.join(facts)}"))
    return [*_inset(row, width), *_stands_against(line, width)]


def _stands_against(line: BatchLine, width: int) -> list[Content]:
    return _inset(safe_part(f"✗ {line.problem}", BAD), width, indent=5) if line.problem else []


def _value(preview: Preview) -> str:
    notional = preview.estimate.notional
    return money(notional) if notional else "value not known"


def _positions(batch: Batch) -> list[str]:
    """Before -> after of each order, as if those above it had filled."""
    held: dict[int, Decimal] = {}
    told = []
    for line in batch.lines:
        position, intent = line.ticket.position, line.ticket.record.intent
        if position is None:
            told.append("not known")
            continue
        before = held.get(position.con_id, position.quantity)
        after = held[position.con_id] = EXACT.add(before, EXACT.multiply(Decimal(intent.side.sign), intent.quantity))
        told.append(f"{number(before)} -> {number(after)}")
    return told


def _identity(line: BatchLine, preview: Preview, until: str = "") -> list[str]:
    """What stands for this very order, and how long it is good."""
    record = line.ticket.record
    by = f" by operator {record.edited_by}" if record.edited_by else ""
    revision = [f"revision {record.revision}{by}"] if record.revision > 1 else []
    return [*revision, f"code {code_of(preview)}", f"{until}{utc_clock(preview.expires_at)}Z", record.order_ref]


def _sums(batch: Batch, width: int, hidden: Collection[str]) -> list[Content]:
    lines = []
    total = money(batch.notional) if batch.notional else "not known"
    lines += _inset(safe_part(f"together {total} at most", STRONG), width)
    told = []
    for bar in batch.bars:
        after = bar.used + bar.this_order
        limit = f" of {number(bar.limit)}" if bar.limit is not None else ", no limit"
        told.append(
            f"{bar.name} {measured(bar.used, bar.unit)} -> {measured(after, bar.unit)}{limit} {bar.unit}".rstrip()
        )
    lines += _inset(safe_part("; ".join(told)), width)
    behind = [line.ticket.record.order_ref for line in batch.lines if line.ticket.record.order_ref in hidden]
    if behind:
        lines += _inset(safe_part(f"hidden by the filter: {', '.join(behind)}", CAUTION), width)
    return lines


def _inset(content: Content, width: int, indent: int = 1) -> list[Content]:
    wrapped: Sequence[Content] = content.wrap(max(10, width - indent))
    return [Content.assemble(" " * indent, part) for part in wrapped]
