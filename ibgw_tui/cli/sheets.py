"""Orders, switch and log as a person reads them on a terminal. Words and columns only.

The words are honest: an order is *staged for review* until a person approves it, and *sent* until the
broker has answered; nothing here says 'submitted'. Foreign text is made harmless by `one_line`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.cli.output import Console, table
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.lifecycle import AT_BROKER, TERMINAL, Status
from ibgw_tui.core.orders import order_sentence
from ibgw_tui.core.records import AuditEntry, OrderRecord, SwitchState
from ibgw_tui.core.terms import CheckStatus, KillSwitch
from ibgw_tui.core.text import one_line
from ibgw_tui.service.documents import currency_of
from ibgw_tui.service.views import DeskState

_WHY_WIDTH = 60

_NEXT: dict[Status, str] = {
    Status.STAGED: "waits for the router to preview it, then for the operator",
    Status.PENDING: "waits for the operator's decision",
    Status.CHANGES_REQUESTED: "waits for a changed order from the one who staged it",
    Status.STALE: "waits for fresh market data",
    Status.APPROVED: "approved; not sent yet",
    Status.SENDING: "sent; the broker has not answered yet",
    Status.IN_DOUBT: "may or may not have reached the broker; being looked up, never sent again",
    Status.CANCEL_REQUESTED: "a cancel was asked for; it may still fill",
}


def words(status: Status) -> str:
    return status.value.replace("_", " ")


def sentence(record: OrderRecord) -> str:
    return order_sentence(record.intent, currency_of(record) or "")


def moment(value: datetime | None) -> str:
    """UTC to the second."""
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if value else "-"


def number(value: Decimal | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:,f} {unit}".rstrip()


def staged(record: OrderRecord, *, replayed: bool) -> list[str]:
    """What `stage` says: the reference, and what happens next."""
    first = "already staged with this key" if replayed else "staged for review"
    state = f" and is {words(record.status)} now" if replayed else ""
    return [
        f"{first}: {record.order_ref}{state}",
        f"  {one_line(sentence(record))}",
        "Nothing was sent: a person decides first." if not replayed else "Nothing new was recorded.",
        f"next: ibgw show {record.order_ref}",
    ]


def listing(records: Sequence[OrderRecord], console: Console) -> list[str]:
    if not records:
        return ["no orders"]
    rows = [
        [
            record.order_ref,
            words(record.status),
            record.intent.side.value.upper(),
            _of_quantity(record),
            record.intent.symbol,
            _price(record),
            record.intent.account,
            record.staged_by,
            moment(record.staged_at),
            one_line(record.reason, _WHY_WIDTH),
        ]
        for record in records
    ]
    headings = ["REF", "STATUS", "SIDE", "QUANTITY", "SYMBOL", "PRICE", "ACCOUNT", "AGENT", "STAGED", "WHY"]
    head, *lines = table(headings, rows, right=frozenset({3, 5}))
    painted = [_paint_status(line, record.status, console) for line, record in zip(lines, records, strict=True)]
    return [console.paint(head, "bold"), *painted]


def _of_quantity(record: OrderRecord) -> str:
    total = number(record.intent.quantity)
    return f"{number(record.filled)} of {total}" if record.filled else total


def _price(record: OrderRecord) -> str:
    intent = record.intent
    price = intent.limit_price if intent.limit_price is not None else intent.stop_price
    kind = intent.order_type.value.replace("_", " ")
    return f"{kind} {number(price, currency_of(record) or '')}" if price is not None else kind


def _paint_status(line: str, status: Status, console: Console) -> str:
    colour = "yellow" if status is Status.IN_DOUBT else "cyan" if status in AT_BROKER else ""
    colour = "dim" if status in TERMINAL else colour
    return console.paint(line, colour) if colour else line


def order(
    record: OrderRecord,
    executions: Sequence[Mapping[str, Any]],
    history: Sequence[AuditEntry],
    console: Console,
    *,
    passing: Mapping[str, Any] | None = None,
) -> list[str]:
    """Everything known of one order. `passing`: the numbers that came with a no."""
    what_next = _NEXT.get(record.status)
    revision = f" (revision {record.revision} of {record.revises})" if record.revises else ""
    lines = [
        console.paint(one_line(sentence(record)), "bold"),
        f"reference  {record.order_ref}{revision}",
        f"status     {words(record.status)}{': ' + what_next if what_next else ''}",
        f"staged     {moment(record.staged_at)} by {one_line(record.staged_by)}",
    ]
    if record.edited_by:
        lines.append(f"edited     by operator {one_line(record.edited_by)}: these numbers are not the agent's")
    if record.reason or record.reason_code:
        code, reason = one_line(record.reason_code or ""), one_line(record.reason)
        lines.append(f"why        {reason}" + (f" [{code}]" if code and code not in reason else ""))
    if passing:
        lines.append(f"would pass {one_line(str(passing['words']))}")
    if record.intent.rationale:
        lines.append(f"rationale  {one_line(record.intent.rationale)}")
    if record.preview:
        lines += _preview(record)
    if record.approval:
        approval = record.approval
        lines.append(
            f"approval   {approval.status.value} by {one_line(approval.operator)} at {moment(approval.approved_at)}, "
            f"good until {moment(approval.expires_at)}"
        )
    lines += _fills(record, executions)
    if record.decision:
        lines += ["", console.paint("findings", "bold"), *_findings(record.decision, console)]
    if history:
        lines += ["", console.paint("history", "bold"), *["  " + line for line in history_lines(history)]]
    return lines


def _preview(record: OrderRecord) -> list[str]:
    preview = record.preview
    assert preview is not None
    estimate = preview.estimate
    value = str(estimate.notional) if estimate.notional else "unknown"
    lines = [
        f"preview    value {value}, limit policy {one_line(preview.policy_id)}, good until {moment(preview.expires_at)}"
    ]
    if estimate.warning:
        lines.append(f"broker     {one_line(estimate.warning)}")
    return lines


def _fills(record: OrderRecord, executions: Sequence[Mapping[str, Any]]) -> list[str]:
    if not record.filled and not executions:
        return []
    currency = currency_of(record) or ""
    total = f"{number(record.filled)} of {number(record.intent.quantity)}"
    lines = [f"filled     {total} at {number(record.average_price, currency)} on average"]
    for execution in executions:
        paid = execution["commission"]
        cost = f", commission {number(paid, currency)}" if paid is not None else ""
        price = number(execution["price"], currency)
        lines.append(f"           {moment(execution['at'])}  {number(execution['quantity'])} at {price}{cost}")
    return lines


def _findings(decision: Decision, console: Console) -> list[str]:
    """Every check that was asked, what blocks in red and with what to do about it."""
    asked = [finding for finding in decision.findings if finding.status is not CheckStatus.OFF]
    rows = [
        [finding.status.value, finding.check, _with_action(finding.message, finding.user_action, finding.blocks)]
        for finding in asked
    ]
    lines = table(["STATUS", "CHECK", "SAW"], rows)[1:]
    return [
        "  " + (console.paint(line, "red") if finding.blocks else line)
        for line, finding in zip(lines, asked, strict=True)
    ]


def _with_action(message: str, action: str | None, blocks: bool) -> str:
    return f"{message}; {action}" if blocks and action else message


def history_lines(entries: Sequence[AuditEntry]) -> list[str]:
    """Audit entries, one a line."""
    return [history_line(entry) for entry in entries]


def history_line(entry: AuditEntry) -> str:
    subject = f"  {entry.order_ref}" if entry.order_ref else ""
    who = f"{one_line(entry.actor)} {one_line(entry.principal)}"
    return f"{entry.seq:>7}  {moment(entry.at)}  {one_line(entry.kind):<22}  {who}{subject}{_remark(entry)}"


def _remark(entry: AuditEntry) -> str:
    reason = entry.body.get("reason")
    return f"  {one_line(reason, 80)}" if isinstance(reason, str) and reason else ""


def switch(state: SwitchState, console: Console) -> list[str]:
    """The switch, always with its consequence."""
    closed = state.state is KillSwitch.CLOSED
    consequence = "no new order leaves" if closed else "new orders may pass to the other gates"
    who = f" by {one_line(state.changed_by)}" if state.changed_by else ""
    when = f" at {moment(state.changed_at)}" if state.changed_at else ""
    lines = [console.paint(f"kill switch {state.state.value}: {consequence}", "red" if closed else "green")]
    if state.source == "default":
        lines.append("it was never opened")
    elif state.source == "store":
        lines.append(f"changed{who}{when}: {one_line(state.reason) or 'no reason given'}")
    else:
        lines.append(f"{one_line(state.source)}: {one_line(state.reason) or 'no reason given'}")
    return lines


def _some(count: int, one: str, more: str) -> str:
    return f"{count or 'no'} {one if count == 1 else more}"


def desk(state: DeskState, console: Console) -> list[str]:
    """The header of the desk, in words."""
    link = one_line(state.link_state or "no router has reported").replace("_", " ")
    router = (
        f"{one_line(state.router.holder)} (process {state.router.pid})"
        if state.router and state.router_alive
        else "none is active: staged orders wait for one"
    )
    alive = [f"{count} {words(status)}" for status, count in state.counts.items() if count and status not in TERMINAL]
    alarms = f"{_some(state.discrepancies, 'discrepancy', 'discrepancies')}, "
    alarms += f"{_some(len(state.foreign), 'order', 'orders')} at the broker and not ours"
    return [
        f"mode      {state.mode.value} on {one_line(state.backend)}, accounts {', '.join(state.accounts) or 'none'}",
        *[f"{label:<10}{line}" for label, line in zip(("switch", ""), switch(state.switch, console), strict=True)],
        f"link      {link}{': ' + one_line(state.link_text) if state.link_text else ''}",
        f"router    {router}",
        f"orders    {', '.join(alive) or 'none open or working'}",
        f"alarms    {alarms}",
        f"audit     entry {state.audit_seq}, head {state.audit_head[:16]}…, "
        + ("trusted" if state.audit_ok else f"NOT TRUSTED: {one_line(state.audit_problem)}"),
    ]
