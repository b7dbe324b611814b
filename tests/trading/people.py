"""The processes at the desk that are not the product itself: agents who stage and an operator who decides.

Run as `python -m tests.trading.people agent|operator CONFIG JOURNALS NAME SEED`, until killed. Each writes down what it
was told (`tests.crash.journal`); an agent that begins again first asks for what its former life got no answer to,
with the same keys, as every agent should.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibgw_tui import Order, Staging
from ibgw_tui.config import load_config
from ibgw_tui.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted, OrderStoreError
from ibgw_tui.core.lifecycle import AT_BROKER, Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.standing import standing
from ibgw_tui.service.views import Edit
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.desk_side import DeskSide, open_desk_side
from ibgw_tui.wiring.paths import DATABASE
from tests.crash.journal import Journal, read_journals

ACCOUNT = "DU1234567"
REFUSALS = (Conflict, NotPermitted, InvalidRequest, NotFound)
"""Clear answers to one who is too late or asks too much. Anything else that is not an unavailable store is a failure."""
WORKING = (Status.WORKING, Status.PARTIALLY_FILLED)
AGENT_RESTS = (1.0, 5.0)
OPERATOR_RESTS = (0.2, 1.2)


def _limit(symbol: str, side: str, quantity: int, price: str, **more: str) -> dict[str, str]:
    return {"symbol": symbol, "side": side, "quantity": str(quantity), "limit_price": price, **more}


def an_order(draw: random.Random) -> dict[str, str]:
    """Orders that fill at once, in parts or never, brackets, and some that must be refused."""
    few = draw.randint(1, 9)
    side = draw.choice(("buy", "sell"))
    market = {
        "symbol": draw.choice(("AAPL", "SPY", "TSLA")),
        "side": side,
        "quantity": str(few),
        "order_type": "market",
    }
    return {"account": ACCOUNT, "rationale": "a drill"} | draw.choice(
        [
            _limit("AAPL", "buy", few, "100.00"),
            _limit("AAPL", "buy", few * 40, "99.50"),
            _limit("AAPL", "sell", few, "99.00"),
            _limit("AAPL", "sell", few * 20, "98.00"),
            _limit("SPY", "sell", few * 4, "560.00"),
            _limit("AAPL", "buy", few, draw.choice(("96.00", "97.00"))),
            _limit("MSFT", "buy", few, "412.50"),
            _limit("MSFT", "sell", few, "411.00", time_in_force="gtc"),
            _limit("SPY", side, few, "583.00"),
            _limit("EUR.USD", side, few * 20_000, "1.0805", asset_class="fx"),
            market,
            _limit("AAPL", "buy", few, "100.00", take_profit_price="101.00", stop_loss_price="95.00"),
            _limit("AAPL", "buy", few, "96.50", stop_loss_price="90.00"),
            _limit("NVDA", "buy", few, "140.00"),
            _limit("AAPL", "buy", 15_000, "100.00"),
        ]
    )


class Agent:
    """One life of an agent."""

    def __init__(self, config: Path, journals: Path, name: str, draw: random.Random) -> None:
        self._unanswered = [line for line in unanswered(journals) if line["principal"] == name]
        self._name = name
        self._draw = draw
        self._journal = Journal(journals, name)
        self._staging = Staging(name, config=config)
        self._numbers = itertools.count()

    def work(self) -> None:
        for line in self._unanswered:
            self._tried(self._stage, line["key"], line["order"])
        while True:
            draw = self._draw
            act = draw.choices((self._new, self._again, self._withdraw, self._revise, self._modify, self._cancel, self._ask),
                               (60, 8, 8, 6, 6, 6, 6))[0]  # fmt: skip
            self._tried(act)
            time.sleep(draw.uniform(*AGENT_RESTS))

    def _tried(self, act: Callable[..., object], *arguments: Any) -> None:
        try:
            act(*arguments)
        except REFUSALS:
            pass
        except OrderStoreError as error:
            self._journal.note(unavailable=error.message)

    def _key(self) -> str:
        return f"{os.getpid()}-{next(self._numbers)}"

    def _stage(self, key: str, order: dict[str, str]) -> Order:
        staged = self._staging.stage(key=key, **order)
        self._journal.acknowledged("stage", staged.order_ref, principal=self._name, key=key)
        return staged

    def _new(self) -> None:
        key, order = self._key(), an_order(self._draw)
        self._journal.wanted(principal=self._name, key=key, order=order)
        first = self._stage(key, order)
        if self._draw.random() < 0.1:
            assert self._stage(key, order).order_ref == first.order_ref, "the same key gave another order"

    def _again(self) -> None:
        """An answered request once more, as a confused agent might: the same order, or a clear conflict."""
        key, order = self._key(), an_order(self._draw)
        self._journal.wanted(principal=self._name, key=key, order=order)
        first = self._stage(key, order)
        try:
            other = self._staging.stage(key=key, **{**order, "quantity": "11"})
        except Conflict:
            return
        raise AssertionError(f"one key stood for {first.order_ref} and {other.order_ref}")

    def _some(self, *statuses: Status) -> Order:
        found = self._staging.orders(statuses=statuses, limit=50)
        if not found:
            raise NotFound("there is none")
        return self._draw.choice(found)

    def _withdraw(self) -> None:
        order = self._staging.withdraw(self._some(Status.PENDING, Status.STAGED).order_ref, reason="a drill")
        self._journal.acknowledged("withdraw", order.order_ref)

    def _revise(self) -> None:
        order = self._some(Status.PENDING, Status.REFUSED, Status.REJECTED, Status.CHANGES_REQUESTED)
        key = self._key()
        revised = self._staging.revise(order.order_ref, key=key, quantity=str(self._draw.randint(1, 9)))
        self._journal.acknowledged("revise", revised.order_ref)

    def _modify(self) -> None:
        order = self._some(*WORKING)
        if order.limit_price is None:
            return
        changed = self._staging.modify(order.order_ref, key=self._key(), quantity=str(order.quantity + 1))
        self._journal.acknowledged("modify", changed.order_ref)

    def _cancel(self) -> None:
        order = self._staging.cancel(self._some(*WORKING).order_ref)
        self._journal.acknowledged("cancel", order.order_ref)

    def _ask(self) -> None:
        self._staging.explain(**an_order(self._draw))
        self._staging.limits(ACCOUNT, "AAPL")


class Operator:
    """One life of an operator without a screen: looks, decides, and puts right what the drill broke."""

    def __init__(self, config: Path, journals: Path, name: str, draw: random.Random) -> None:
        loaded = load_config(config, {}, {"desk.operator": name})
        self._side: DeskSide = open_desk_side(loaded)
        self._store = OrderStore.open(config.parent / DATABASE, clock=utc_now, read_only=True)
        self._journal = Journal(journals, name)
        self._draw = draw
        self._closed_since: float | None = None

    def work(self) -> None:
        acts: tuple[tuple[Callable[[], object], int], ...] = (
            (self._approve, 55), (self._batch, 3), (self._edit, 5), (self._reject, 8), (self._ask_changes, 3), (self._recall, 4),
            (self._submit_now, 6), (self._cancel, 6), (self._kill, 1), (self._resolve, 4),
        )  # fmt: skip
        kinds, weights = zip(*acts, strict=True)
        while True:
            self._tried(self._keep_the_switch_open)
            self._tried(self._draw.choices(kinds, weights)[0])
            time.sleep(self._draw.uniform(*OPERATOR_RESTS))

    def _tried(self, act: Callable[[], object]) -> None:
        try:
            act()
        except REFUSALS:
            pass
        except OrderStoreError as error:
            self._journal.note(unavailable=error.message)

    def _some(self, *statuses: Status) -> OrderRecord:
        found = self._store.orders(statuses=statuses, limit=60, newest_first=self._draw.random() < 0.7)
        if not found:
            raise NotFound("there is none")
        return self._draw.choice(found)

    def _approve(self) -> None:
        order_ref = self._some(Status.PENDING).order_ref
        shown = self._side.views.ticket(order_ref).shown
        if shown is None:
            return
        verdict = self._side.review.approve(shown, how={"key": "Y"})
        if verdict.approval is not None:
            self._journal.acknowledged("approve", order_ref, approval_id=verdict.approval.approval_id)

    def _batch(self) -> None:
        refs = [row.order_ref for row in self._store.orders(statuses=[Status.PENDING], limit=4)]
        batch = self._side.views.batch(refs)
        shown = [line.ticket.shown for line in batch.lines if line.ticket.shown is not None]
        for answered in self._side.review.approve_batch(shown, how={"key": "Y"}) if len(shown) > 1 else ():
            if answered.approval is not None:
                order_ref = answered.record.order_ref
                self._journal.acknowledged("approve", order_ref, approval_id=answered.approval.approval_id)

    def _edit(self) -> None:
        record = self._some(Status.PENDING)
        shown = self._side.views.ticket(record.order_ref).shown
        if shown is not None:
            wanted = Edit(
                record.order_ref, shown.preview_digest, {"quantity": str(self._draw.randint(1, 9))}, "a drill"
            )
            self._journal.acknowledged("edit", self._side.review.edit(wanted).order_ref)

    def _reject(self) -> None:
        order_ref = self._side.review.reject(self._some(Status.PENDING).order_ref, reason="not in this drill").order_ref
        self._journal.acknowledged("reject", order_ref)

    def _ask_changes(self) -> None:
        self._side.review.ask_changes(self._some(Status.PENDING).order_ref, reason="smaller, please")

    def _recall(self) -> None:
        self._journal.acknowledged("recall", self._side.review.recall(self._some(Status.APPROVED).order_ref).order_ref)

    def _submit_now(self) -> None:
        order_ref = self._side.review.submit_now(self._some(Status.APPROVED).order_ref).order_ref
        self._journal.acknowledged("submit_now", order_ref)

    def _cancel(self) -> None:
        order_ref = self._side.review.ask_cancel(self._some(*AT_BROKER).order_ref).order_ref
        self._journal.acknowledged("cancel", order_ref)

    def _kill(self) -> None:
        reason = f"drill {self._draw.random()}"
        self._side.review.close_switch(reason)
        self._journal.acknowledged("kill", reason=reason)

    def _resolve(self) -> None:
        """What was never placed is written off, but only where nothing stands against it."""
        for doubtful in standing(self._store, utc_now()).in_doubt:
            if not doubtful.against:
                self._side.review.write_off(doubtful.record.order_ref, reason="the broker does not know it")

    def _keep_the_switch_open(self) -> None:
        """A few seconds after somebody closed it, with a look at what stands against that."""
        if self._store.switch().state is KillSwitch.OPEN:
            self._closed_since = None
            return
        now = time.monotonic()
        self._closed_since = self._closed_since or now
        if now - self._closed_since < 4:
            return
        stand = standing(self._store, utc_now())
        if stand.discrepancies:
            self._side.review.explain(stand.discrepancies[0].seq, reason="part of the drill")
        reason = f"drill over {self._draw.random()}"
        self._side.review.open_switch(reason, override="the market is simulated, and this is a drill")
        self._journal.acknowledged("open", reason=reason)


def unanswered(journals: Path) -> list[dict[str, Any]]:
    """Requests whose caller died before it was told."""
    lines = list(read_journals(journals))
    said = {(line["principal"], line["key"]) for line in lines if line["act"] == "stage"}
    return [line for line in lines if line["act"] == "wanted" and (line["principal"], line["key"]) not in said]


PEOPLE: dict[str, type[Agent] | type[Operator]] = {"agent": Agent, "operator": Operator}


def main(arguments: list[str]) -> None:
    kind, config, journals, name, seed = arguments
    PEOPLE[kind](Path(config), Path(journals), name, random.Random(f"{seed}-{name}-{os.getpid()}")).work()


if __name__ == "__main__":
    main(sys.argv[1:])
