"""`policy test`: what another policy would have made of the recorded history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.moments import HOW, moment
from ibgw_tui.cli.output import Console, table
from ibgw_tui.cli.policy import only_one, pick
from ibgw_tui.cli.progress import progress_bar
from ibgw_tui.cli.session import as_reader
from ibgw_tui.core.terms import EXACT, Mode, iso
from ibgw_tui.core.text import one_line
from ibgw_tui.service.documents import plain
from ibgw_tui.service.policy_trial import Outcome, Tried, try_policy

_CHANGES = (Outcome.WOULD_REFUSE, Outcome.WOULD_ALLOW)


@command(
    "test",
    help="Decide the recorded history again under a policy of FILE, and show what would have changed: order by "
    "order, and as totals. Recorded are the decisions at preview, approval and submit, with everything they looked "
    "at. What the policy of that day did not ask for cannot be answered now; such decisions are counted. Records "
    "that do not come out as they were recorded are named first and left out, and the exit code is then "
    f"{Exit.AUDIT_BROKEN}.",
    examples="""
        ibgw policy test draft.toml --since 30d
        ibgw policy test draft.toml --policy careful --since 2026-11-01 --until 2026-12-01 --json
    """,
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--policy", "name", metavar="ID", help="Which policy of FILE; may be left out when it holds one.")
@click.option("--since", default="30d", show_default=True, metavar="TIME", help=f"From this time on: {HOW}.")
@click.option("--until", metavar="TIME", help="Up to this time.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="Only paper or only live orders.")
def test(state: Globals, file: Path, name: str | None, since: str, until: str | None, mode: str | None) -> int:
    from ibgw_tui.config import read_policies

    policies = read_policies(file.expanduser())
    policy = pick(name, policies, str(file)) if name else only_one(policies, str(file), "name one with --policy ID")
    summary, console = Summary(), state.console
    with as_reader(state, must_exist=True) as side, progress_bar(console) as progress:
        now = side.clock()
        start, end = moment("--since", since, now), moment("--until", until, now)
        total = side.store.count_decisions(since=start)
        for number, record in enumerate(side.store.decisions(since=start, until=end), 1):
            tried = try_policy(record, policy)
            # What does not replay is of no mode, and concerns whoever asks.
            if mode is None or tried.mode is None or tried.mode.value == mode:
                summary.add(tried)
            if progress is not None:
                progress("deciding again", number, max(total, number))
    body: dict[str, Any] = {
        "policy": {"file": str(file), "id": name or next(iter(policies)), "digest": policy.digest},
        "since": iso(start) if start else None,
        "until": iso(end) if end else None,
        "mode": mode,
        **summary.body(),
    }
    console.result(body, *summary.lines(console))
    return Exit.AUDIT_BROKEN if summary.not_replayed else Exit.OK


@dataclass
class Side:
    """Orders that would have gone the other way, in one direction."""

    orders: dict[str, Tried] = field(default_factory=dict)
    """By reference, with the newest decision that would have changed."""
    codes: dict[str, set[str]] = field(default_factory=dict)
    """Refusing code -> the orders it concerns."""

    def add(self, tried: Tried, codes: tuple[str, ...]) -> None:
        self.orders[tried.order_ref] = tried
        for code in codes:
            self.codes.setdefault(code, set()).add(tried.order_ref)

    def notional(self) -> dict[str, Decimal]:
        """By currency, each order once."""
        totals: dict[str, Decimal] = {}
        for tried in self.orders.values():
            if tried.notional is not None:
                amount, currency = tried.notional
                totals[currency] = EXACT.add(totals.get(currency, Decimal(0)), Decimal(amount))
        return dict(sorted(totals.items()))

    def unmeasured(self) -> int:
        return sum(tried.notional is None for tried in self.orders.values())

    def counted(self) -> dict[str, int]:
        return {code: len(refs) for code, refs in sorted(self.codes.items(), key=lambda item: (-len(item[1]), item[0]))}

    def body(self) -> dict[str, Any]:
        return {
            "orders": len(self.orders),
            "notional": [{"amount": plain(total), "currency": name} for name, total in self.notional().items()],
            "notional_unknown": self.unmeasured(),
            "codes": self.counted(),
        }

    def line(self) -> str:
        amounts = ", ".join(f"{total:,f} {name}" for name, total in self.notional().items())
        codes = ", ".join(f"{code} {count}" for code, count in self.counted().items())
        unknown = f"{self.unmeasured()} without a price" if self.unmeasured() else ""
        return "; ".join(part for part in (_many(len(self.orders), "order"), amounts, unknown, codes) if part)


@dataclass
class Summary:
    """What came of the history so far."""

    decisions: int = 0
    orders: set[str] = field(default_factory=set)
    changes: list[Tried] = field(default_factory=list)
    not_replayed: list[Tried] = field(default_factory=list)
    not_decidable: Counter[str] = field(default_factory=Counter)
    refused: Side = field(default_factory=Side)
    allowed: Side = field(default_factory=Side)

    def add(self, tried: Tried) -> None:
        self.decisions += 1
        self.orders.add(tried.order_ref)
        if tried.outcome is Outcome.NOT_REPLAYED:
            self.not_replayed.append(tried)
        elif tried.outcome is Outcome.NOT_DECIDABLE:
            self.not_decidable[tried.why] += 1
        elif tried.outcome is Outcome.WOULD_REFUSE:
            self.refused.add(tried, tried.codes)
        elif tried.outcome is Outcome.WOULD_ALLOW:
            self.allowed.add(tried, (tried.was,) if tried.was else ())
        if tried.outcome in _CHANGES:
            self.changes.append(tried)

    def in_order(self) -> list[Tried]:
        """Order by order, each order's decisions as they were made."""
        first = {tried.order_ref: number for number, tried in reversed(list(enumerate(self.changes)))}
        return sorted(self.changes, key=lambda tried: (first[tried.order_ref], tried.seq))

    def body(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "orders": len(self.orders),
            "would_be_refused": self.refused.body(),
            "would_be_allowed": self.allowed.body(),
            "not_decidable": {"decisions": self.not_decidable.total(), "why": dict(self.not_decidable)},
            "not_replayed": [
                {"seq": tried.seq, "order_ref": tried.order_ref, "step": tried.step, "problem": tried.why}
                for tried in self.not_replayed
            ],
            "changes": [_change(tried) for tried in self.in_order()],
        }

    def lines(self, console: Console) -> list[str]:
        lines = []
        if self.not_replayed:
            words = f"{_many(len(self.not_replayed), 'record')} not as it was decided, and left out:"
            lines.append(console.paint(words, "red"))
            lines += [
                f"  decision {tried.seq} ({tried.step} of {tried.order_ref}): {one_line(tried.why)}"
                for tried in self.not_replayed
            ]
            lines.append("what to do: `ibgw audit replay` and `ibgw audit verify` before anything is concluded")
        if self.changes:
            head, *rows = table(
                ["REF", "STEP", "MADE", "ORDER", "NOTIONAL", "WAS", "WOULD BE"],
                [_row(tried) for tried in self.in_order()],
                right=frozenset({4}),
            )
            lines += [console.paint(head, "bold"), *rows, ""]
        undecided = self.not_decidable.total()
        lines += [
            f"history          {_many(self.decisions, 'decision')} of {_many(len(self.orders), 'order')}",
            f"would be refused {self.refused.line()}",
            f"would be allowed {self.allowed.line()}",
            f"not decidable    {_many(undecided, 'decision')}",
        ]
        return lines + [f"  {count}: {one_line(why)}" for why, count in self.not_decidable.most_common()]


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _change(tried: Tried) -> dict[str, Any]:
    amount, currency = tried.notional or (None, None)
    return {
        "order_ref": tried.order_ref,
        "seq": tried.seq,
        "step": tried.step,
        "made_at": iso(tried.made_at),
        "account": tried.account,
        "symbol": tried.symbol,
        "side": tried.side.value if tried.side else None,
        "quantity": tried.quantity,
        "notional": {"amount": amount, "currency": currency} if amount is not None else None,
        "was": {"allowed": tried.was is None, "code": tried.was},
        "would_be": {"allowed": tried.would_be is None, "code": tried.would_be, "codes": list(tried.codes)},
    }


def _row(tried: Tried) -> list[str]:
    side = tried.side.value.upper() if tried.side else ""
    return [
        tried.order_ref,
        tried.step,
        f"{iso(tried.made_at)[:19]}Z",
        f"{side} {tried.quantity} {tried.symbol}",
        " ".join(tried.notional) if tried.notional else "-",
        tried.was or "allowed",
        ", ".join(tried.codes) or "allowed",
    ]
