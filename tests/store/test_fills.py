"""The broker's facts come in any order, and more than once: the totals are the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibgw_tui.core.broker import ExecutionReport
from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Money
from ibgw_tui.store import Change, OrderStore
from tests.makers import NOON, SettableClock, usd
from tests.service.bench_desk import fill
from tests.store._helpers import a_store, sent

Fact = ExecutionReport | tuple[str, Money]


def tell(store: OrderStore, record: OrderRecord, fact: Fact) -> None:
    with store.write() as change:
        if isinstance(fact, ExecutionReport):
            change.add_execution(record, fact)
        else:
            change.add_commission(*fact)


def totals(store: OrderStore, order_ref: str) -> tuple[Decimal, Decimal | None, Decimal | None, list[str]]:
    record = store.order(order_ref)
    assert record is not None
    return record.filled, record.average_price, record.commission, [f["exec_id"] for f in store.executions(order_ref)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(data=st.data())
def test_any_order_of_telling_gives_the_same_totals(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Two fills, the first corrected twice, their commissions; each told once or twice."""
    with a_store(tmp_path_factory.mktemp("desk")) as store:
        record = sent(store, quantity="10")
        price = {"e1": "100", "e1.2": "101", "e1.3": "102.5", "e2": "99"}
        quantity = {"e1": "4", "e1.2": "3", "e1.3": "3.5", "e2": "2"}
        fills = {
            name: fill(record, SettableClock(), quantity[name], name, price=Decimal(price[name])) for name in price
        }
        fills["e1.2"] = fills["e1.2"].model_copy(update={"corrects": "e1"})
        fills["e1.3"] = fills["e1.3"].model_copy(update={"corrects": "e1.2"})
        facts: list[Fact] = [*fills.values(), ("e1", usd("9")), ("e1.3", usd("0.35")), ("e2", usd("0.65"))]
        repeated = data.draw(st.lists(st.sampled_from(facts), max_size=4))
        for fact in data.draw(st.permutations(facts + repeated)):
            tell(store, record, fact)
        average = (Decimal("3.5") * Decimal("102.5") + 2 * Decimal(99)) / Decimal("5.5")
        filled, found, commission, names = totals(store, record.order_ref)
        assert filled == Decimal("5.5") and found == average.quantize(Decimal("0.00000001"))
        assert commission == 1 and sorted(names) == ["e1.3", "e2"]
        assert store.discrepancies() == []


def test_no_sum_is_made_of_two_currencies(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = sent(store)
        for name, paid in (("e1", usd("1")), ("e2", Money(amount=Decimal(100), currency="JPY"))):
            tell(store, record, fill(record, SettableClock(), "0.5", name))
            tell(store, record, (name, paid))
        assert totals(store, record.order_ref)[2] is None
        assert [found["commission"] for found in store.executions(record.order_ref)] == [1, 100]


@dataclass(frozen=True)
class Case:
    name: str
    report: Callable[[OrderRecord, OrderRecord], ExecutionReport]
    words: str


CASES = [
    Case("of another order", lambda _, other: fill(other, SettableClock(), "4", "e1"), "another order before"),
    Case("another quantity", lambda own, _: fill(own, SettableClock(), "9", "e1"), "reported as 9"),
    Case("another price", lambda own, _: fill(own, SettableClock(), "4", "e1", price=Decimal(1)), "reported as 4 at 1"),
    Case("a stranger's", lambda _, other: fill(other, SettableClock(), "1", "e2", corrects="e1"), "is of another"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_contradiction_is_an_alarm_once(tmp_path: Path, case: Case) -> None:
    with a_store(tmp_path) as store:
        own, other = sent(store, quantity="10"), sent(store, "o-aaaa2", quantity="10")
        tell(store, own, fill(own, SettableClock(), "4", "e1"))
        report = case.report(own, other)
        for _ in range(2):
            tell(store, own if report.order_ref == own.order_ref else other, report)
        (found,) = store.discrepancies()
        assert case.words in found.text and found.order_ref == report.order_ref
        assert totals(store, own.order_ref)[0] == 4, "what was recorded first stands"


def test_what_was_partly_filled_counts_however_it_ended(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        for number, (signal, actor, counted) in enumerate(
            [(Signal.BROKER_REJECT, Actor.BROKER, 1), (Signal.NOT_SENT, Actor.ROUTER, 1)], start=1
        ):
            record = sent(store, f"o-aaaa{number}", quantity="10")
            tell(store, record, fill(record, SettableClock(), "4", f"e{number}"))
            with store.write() as change:
                change.move(change.order(record.order_ref), signal, actor=actor, principal="somebody")
            assert counts(store) == counted * number
        for number, (signal, actor) in enumerate(
            [(Signal.BROKER_REJECT, Actor.BROKER), (Signal.NOT_SENT, Actor.ROUTER)], start=3
        ):
            record = sent(store, f"o-aaaa{number}", quantity="10")
            with store.write() as change:
                change.move(record, signal, actor=actor, principal="somebody")
        assert counts(store) == 2, "what came to nothing does not count"


def counts(store: OrderStore) -> int:
    return store.tally("DU1234567", window_start=NOON, session_start=NOON).submitted_in_window


_ROADS: dict[str, list[tuple[Signal, Actor]]] = {
    "sending": [],
    "in doubt": [(Signal.LOSE, Actor.ROUTER)],
    "working": [(Signal.ACKNOWLEDGE, Actor.BROKER)],
    "cancel requested": [(Signal.ASK_CANCEL, Actor.OPERATOR)],
}


@pytest.mark.parametrize(("road", "part"), list(itertools.product(_ROADS, ["0", "3"])))
def test_what_the_broker_may_have_is_exposure(tmp_path: Path, road: str, part: str) -> None:
    with a_store(tmp_path) as store:
        record = sent(store, quantity="10")
        with store.write() as change:
            go(change, record.order_ref, _ROADS[road])
        if part != "0":
            tell(store, record, fill(record, SettableClock(), part))
        assert store.exposure("DU1234567", 265598).open_buys == 10 - Decimal(part)
        assert store.exposure("DU1234567", 265598).open_sells == 0
        assert store.exposure("DU1234567", 1).open_buys == store.exposure("DU7654321", 265598).open_buys == 0


def go(change: Change, order_ref: str, road: list[tuple[Signal, Actor]]) -> None:
    for signal, actor in road:
        change.move(change.order(order_ref), signal, actor=actor, principal="somebody")
