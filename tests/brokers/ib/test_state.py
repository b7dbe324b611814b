"""The book of a session, message by message, without a wire: what each order of arrival proves."""

from __future__ import annotations

from typing import Any

import pytest
from ib_async import CommissionReport as IbCommission
from ib_async import Contract as IbContract
from ib_async import Execution as IbExecution
from ib_async import Order as IbOrder
from ib_async import OrderState as IbOrderState

from ibgw_tui.brokers.ib_state import Book, corrected_by, moment_of, newest_only
from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    ExecutionReport,
    ModifyRefused,
    Notice,
    OrderReport,
)
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import OrderType
from ibgw_tui.exchange.instruments import AAPL
from tests.exchange.market import an_order
from tests.makers import NOON, SettableClock

CLIENT = 7


@pytest.fixture
def book() -> Book:
    return Book(CLIENT, SettableClock())


def told(book: Book, order_id: int = 5, status: str = "Submitted", **changes: Any) -> list[Any]:
    data: dict[str, Any] = {
        "orderId": order_id, "clientId": CLIENT, "permId": 900, "action": "BUY", "totalQuantity": 10.0,
        "orderType": "LMT", "lmtPrice": 99.5, "account": "DU1234567", "orderRef": "o", "tif": "DAY",
    }  # fmt: skip
    order = IbOrder(**{**data, **changes})
    _, reports = book.open_order(order_id, IbContract(conId=AAPL), order, IbOrderState(status=status))
    return reports


def status(
    book: Book, word: str, filled: float = 0, *, order_id: int = 5, perm: int = 900, held: str = ""
) -> list[Any]:
    return book.order_status(order_id, word, filled, 10 - filled, 99.5, perm, CLIENT, held)


def states(*batches: list[Any]) -> list[BrokerState]:
    return [report.state for batch in batches for report in batch if isinstance(report, OrderReport)]


def sent(book: Book, order_id: int = 5, **changes: Any) -> BrokerOrder:
    order = an_order(order_ref="o", quantity="10", limit_price="99.5", **changes)
    book.sent(order_id, order, ())
    return order


def states_of(book: Book, *references: str) -> list[BrokerState]:
    return [book.by_ref[reference].state for reference in references]


def test_what_is_the_same_is_told_once(book: Book) -> None:
    sent(book)
    heard = states(told(book), status(book, "Submitted"), status(book, "Submitted"), told(book))
    assert heard == [BrokerState.WORKING]


def test_an_order_that_is_not_taken_yet_is_no_news(book: Book) -> None:
    sent(book)
    assert states(told(book, status="PendingSubmit", permId=0), status(book, "PendingSubmit", perm=0)) == []
    assert not book.by_ref["o"].acknowledged and book.by_ref["o"].perm_id is None


def test_the_end_is_believed_from_the_status_that_has_the_numbers(book: Book) -> None:
    sent(book)
    told(book)
    assert told(book, status="Filled") == []
    (report,) = status(book, "Filled", 10)
    assert report.state is BrokerState.FILLED and report.filled == 10 and str(report.average_price) == "99.5"


def test_what_comes_late_does_not_undo_a_fill(book: Book) -> None:
    sent(book)
    assert states(status(book, "Filled", 10), status(book, "Submitted"), told(book)) == [BrokerState.FILLED]
    assert states(status(book, "Cancelled", 10)) == []


def test_cancelled_and_then_filled_is_filled(book: Book) -> None:
    sent(book)
    told(book)
    heard = states(
        book.error(5, 202, "Order Canceled - reason:"), status(book, "Cancelled"), status(book, "Filled", 10)
    )
    assert heard == [BrokerState.CANCELLED, BrokerState.FILLED]


def test_inactive_says_nothing_final(book: Book) -> None:
    sent(book)
    told(book)
    assert states(status(book, "Inactive")) == [BrokerState.INACTIVE]
    assert states(status(book, "Submitted")) == [BrokerState.WORKING]
    assert states(status(book, "Inactive", held="locate")) == [BrokerState.HELD]


@pytest.mark.parametrize("code_first", [True, False])
def test_inactive_with_a_rejection_is_rejected(book: Book, code_first: bool) -> None:
    sent(book)
    told(book)
    if code_first:
        assert states(book.error(5, 201, "margin"), status(book, "Inactive")) == [BrokerState.REJECTED]
    else:
        heard = states(status(book, "Inactive"), book.error(5, 201, "margin"))
        assert heard == [BrokerState.INACTIVE, BrokerState.REJECTED]
    assert book.by_ref["o"].text == "201 margin"


def test_a_code_is_about_what_was_asked_for_last(book: Book) -> None:
    order = sent(book)
    told(book)
    tracked = book.by_ref["o"]
    tracked.wanted = order
    assert isinstance(book.error(5, 201, "no")[0], ModifyRefused) and tracked.wanted is None
    tracked.cancelling = True
    assert isinstance(book.error(5, 321, "no")[0], CancelRefused) and not tracked.cancelling
    assert isinstance(book.error(5, 201, "no")[0], Notice)
    assert tracked.state is BrokerState.WORKING


def test_a_state_that_is_not_known_is_said_and_changes_nothing(book: Book) -> None:
    sent(book)
    told(book)
    (notice,) = status(book, "Wonderful")
    assert isinstance(notice, Notice) and "Wonderful" in notice.text
    assert book.by_ref["o"].state is BrokerState.WORKING


def test_two_identities_under_one_reference_are_an_alarm(book: Book) -> None:
    sent(book)
    told(book)
    reports = told(book, permId=901)
    assert any(
        isinstance(r, Notice) and "two orders" in r.text and "900" in r.text and "901" in r.text for r in reports
    )
    other = Book(CLIENT, SettableClock())
    told(other)
    assert any(isinstance(r, Notice) and "two orders" in r.text for r in told(other, 6, permId=901))


def test_an_id_that_is_given_again_is_another_order(book: Book) -> None:
    told(book, orderRef="old", permId=100)
    status(book, "Filled", 10, perm=100)
    told(book, orderRef="new", permId=200)
    assert states_of(book, "old", "new") == [BrokerState.FILLED, BrokerState.WORKING]
    status(book, "Cancelled", perm=200)
    assert states_of(book, "old", "new") == [BrokerState.FILLED, BrokerState.CANCELLED]
    assert status(book, "Cancelled", perm=300) == [], "an identity that belongs to none of them"


def test_orders_of_other_clients_are_kept_and_not_told(book: Book) -> None:
    assert told(book, clientId=3, orderRef="theirs") == [] and told(book, -1, clientId=0, permId=77, orderRef="") == []
    assert book.by_ref["theirs"].state is BrokerState.WORKING and book.knows("theirs") and not book.knows("")


def test_a_trailing_trigger_moves_and_its_terms_do_not(book: Book) -> None:
    order = an_order(order_ref="o", quantity="10", order_type=OrderType.TRAILING_STOP, trailing_amount="5")
    book.sent(5, order, ())
    trail: dict[str, Any] = {"orderType": "TRAIL", "lmtPrice": 0.0, "auxPrice": 5.0}
    first = told(book, status="PreSubmitted", trailStopPrice=95.0, **trail)
    assert states(first, told(book, status="PreSubmitted", trailStopPrice=96.0, **trail)) == [BrokerState.HELD]
    (report,) = first
    assert str(report.trailing_amount) == "5" and report.stop_price is report.limit_price is None


def test_a_completed_order_has_no_order_id(book: Book) -> None:
    order = IbOrder(
        permId=900, action="SELL", totalQuantity=0.0, filledQuantity=4.0, orderType="LMT", lmtPrice=99.5,
        account="DU1234567", orderRef="o",
    )  # fmt: skip
    state = IbOrderState(
        status="Filled", completedTime="20261123 09:30:05 US/Eastern", completedStatus="Filled Size: 4"
    )
    report = book.completed(IbContract(conId=AAPL), order, state)
    assert report.filled == report.quantity == 4 and report.remaining == 0 and report.state is BrokerState.FILLED
    assert report.at.isoformat() == "2026-11-23T14:30:05+00:00" and book.knows("o")
    odd = book.completed(IbContract(conId=AAPL), order, IbOrderState(status="Inactive", completedTime="today"))
    assert odd.state is BrokerState.CANCELLED and odd.at == NOON


def an_execution(exec_id: str = "0000e0d5.6561a3b2.01.01", **changes: Any) -> IbExecution:
    data: dict[str, Any] = {
        "execId": exec_id, "time": NOON, "acctNumber": "DU1234567", "exchange": "ARCA", "side": "BOT", "shares": 10.0,
        "price": 99.5, "permId": 900, "clientId": CLIENT, "orderId": 5, "orderRef": "o",
    }  # fmt: skip
    return IbExecution(**{**data, **changes})


def test_an_execution_without_a_reference_is_known_by_its_identity(book: Book) -> None:
    sent(book)
    told(book)
    assert book.execution(IbContract(conId=AAPL), an_execution(orderRef="", orderId=0)).order_ref == "o"
    assert book.execution(IbContract(conId=AAPL), an_execution(orderRef="", permId=1, orderId=99)).order_ref == ""
    with pytest.raises(ValueError, match="no price"):
        book.execution(IbContract(conId=AAPL), an_execution(price=float("nan")))


@pytest.mark.parametrize(
    ("exec_id", "corrects"),
    [("0000e0d5.6561a3b2.01.01", None), ("0000e0d5.6561a3b2.01.02", "0000e0d5.6561a3b2.01.01"), ("x", None), ("a.b", None),
     ("a.10", "a.09")],
)  # fmt: skip
def test_what_an_execution_corrects_is_in_its_id(exec_id: str, corrects: str | None) -> None:
    assert corrected_by(exec_id) == corrects


def test_of_corrections_the_newest_counts(book: Book) -> None:
    contract = IbContract(conId=AAPL)
    heard = [book.execution(contract, an_execution(f"r.0{n}", price=99.0 + n)) for n in (2, 1, 3)]
    other = book.execution(contract, an_execution("s.01"))
    assert [e.exec_id for e in newest_only([*heard, other])] == ["r.03", "s.01"]
    assert all(isinstance(each, ExecutionReport) for each in heard)


def test_a_commission_is_told_once_and_an_unset_one_never(book: Book) -> None:
    unset = IbCommission(execId="e", commission=1.7976931348623157e308, currency="USD")
    assert book.commission(unset) == []
    paid = IbCommission(execId="e", commission=1.05, currency="USD")
    assert len(book.commission(paid)) == 1 and book.commission(paid) == []


@pytest.mark.parametrize(
    "text", ["", "20261123", "20261123 09:30:05", "20261123 09:30:05 Mars/Olympus", "x y US/Eastern"]
)
def test_moments_that_are_none(text: str) -> None:
    assert moment_of(text) is None
