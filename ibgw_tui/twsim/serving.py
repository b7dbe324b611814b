"""Who serves which request: one table, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ibgw_tui.twsim.contracts import MARKET_RULES, details_fields, matching, samples
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.words import flag, whole

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session

Serve = Callable[["Desk", "Session", Values], None]


def _contract_details(desk: Desk, session: Session, values: Values) -> None:
    found = matching(values)
    if not found:
        session.error(whole(values["reqId"], "reqId"), 200, "No security definition has been found for the request")
        return
    for instrument in found:
        session.send("contract_details", reqId=values["reqId"], **details_fields(instrument, desk.clock()))
    session.send("contract_details_end", reqId=values["reqId"])


def _matching_symbols(desk: Desk, session: Session, values: Values) -> None:
    session.send("symbol_samples", reqId=values["reqId"], samples=samples(values["pattern"]))


def _market_rule(desk: Desk, session: Session, values: Values) -> None:
    ladder = MARKET_RULES.get(whole(values["marketRuleId"], "marketRuleId"))
    if ladder is None:
        session.error(-1, 321, "Error validating request.-'twsim' : cause - Invalid market rule id")
        return
    increments = [{"lowEdge": step.from_price, "increment": step.increment} for step in ladder]
    session.send("market_rule", marketRuleId=values["marketRuleId"], increments=increments)


def _current_time(desk: Desk, session: Session, values: Values) -> None:
    session.send("current_time", time=int(desk.clock().timestamp()))


def _next_id(desk: Desk, session: Session, values: Values) -> None:
    session.send("next_valid_id", orderId=desk.trading.book.next_ids.get(session.client_id, 1))


def _managed_accounts(desk: Desk, session: Session, values: Values) -> None:
    session.send("managed_accounts", accounts=",".join(desk.accounts))


def _auto_open_orders(desk: Desk, session: Session, values: Values) -> None:
    """Only client 0 may bind what is placed by hand."""
    if session.client_id != 0:
        session.error(-1, 321, "Error validating request.-'twsim' : cause - Only client id 0 may bind manual orders")
        return
    session.binds_manual_orders = flag(values["autoBind"])
    if session.binds_manual_orders:
        desk.trading.bind_manual(session)


def _nothing(desk: Desk, session: Session, values: Values) -> None:
    """Understood, and without consequence."""


SERVED: Mapping[str, Serve] = {
    "req_mkt_data": lambda desk, session, values: session.feed.subscribe(values),
    "cancel_mkt_data": lambda desk, session, values: session.feed.cancel(whole(values["reqId"], "reqId")),
    "place_order": lambda desk, session, values: desk.trading.place(session, values),
    "cancel_order": lambda desk, session, values: desk.trading.cancel(session, values),
    "req_open_orders": lambda desk, session, values: desk.trading.tell_open_orders(session, everybodys=False),
    "req_account_updates": lambda desk, session, values: session.account_feed.ask_updates(values),
    "req_executions": lambda desk, session, values: desk.trading.tell_executions(session, values),
    "req_ids": _next_id,
    "req_contract_details": _contract_details,
    "set_server_log_level": _nothing,
    "req_auto_open_orders": _auto_open_orders,
    "req_all_open_orders": lambda desk, session, values: desk.trading.tell_open_orders(session, everybodys=True),
    "req_managed_accounts": _managed_accounts,
    "req_current_time": _current_time,
    "req_global_cancel": lambda desk, session, values: desk.trading.cancel_all(),
    "req_market_data_type": lambda desk, session, values: session.feed.ask_for(
        whole(values["marketDataType"], "marketDataType")
    ),
    "req_positions": lambda desk, session, values: session.account_feed.ask_positions(),
    "cancel_positions": lambda desk, session, values: session.account_feed.stop_positions(),
    "req_account_summary": lambda desk, session, values: session.account_feed.ask_summary(values),
    "cancel_account_summary": lambda desk, session, values: session.account_feed.stop_summary(values["reqId"]),
    "start_api": _nothing,
    "req_positions_multi": lambda desk, session, values: session.account_feed.ask_positions_multi(values),
    "cancel_positions_multi": _nothing,
    "req_account_updates_multi": lambda desk, session, values: session.account_feed.ask_updates_multi(values),
    "cancel_account_updates_multi": _nothing,
    "req_matching_symbols": _matching_symbols,
    "req_market_rule": _market_rule,
    "req_completed_orders": lambda desk, session, values: desk.trading.tell_completed(session, values),
    "req_user_info": lambda desk, session, values: session.send("user_info", reqId=values["reqId"]),
}
