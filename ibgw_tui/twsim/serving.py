"""Who serves which request: each one, in a line or a few."""

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
_served: dict[str, Serve] = {}
SERVED: Mapping[str, Serve] = _served
"""By the name of the request; a test holds it against the list of requests."""


def _serves(*names: str) -> Callable[[Serve], Serve]:
    def enter(serve: Serve) -> Serve:
        _served.update(dict.fromkeys(names, serve))
        return serve

    return enter


@_serves("req_contract_details")
def _contract_details(desk: Desk, session: Session, values: Values) -> None:
    found = matching(values)
    if not found:
        session.error(whole(values["reqId"], "reqId"), 200, "No security definition has been found for the request")
        return
    for instrument in found:
        session.send("contract_details", reqId=values["reqId"], **details_fields(instrument, desk.clock()))
    session.send("contract_details_end", reqId=values["reqId"])


@_serves("req_matching_symbols")
def _matching_symbols(desk: Desk, session: Session, values: Values) -> None:
    session.send("symbol_samples", reqId=values["reqId"], samples=samples(values["pattern"]))


@_serves("req_market_rule")
def _market_rule(desk: Desk, session: Session, values: Values) -> None:
    ladder = MARKET_RULES.get(whole(values["marketRuleId"], "marketRuleId"))
    if ladder is None:
        session.error(-1, 321, "Error validating request.-'twsim' : cause - Invalid market rule id")
        return
    increments = [{"lowEdge": step.from_price, "increment": step.increment} for step in ladder]
    session.send("market_rule", marketRuleId=values["marketRuleId"], increments=increments)


@_serves("req_current_time")
def _current_time(desk: Desk, session: Session, values: Values) -> None:
    session.send("current_time", time=int(desk.clock().timestamp()))


@_serves("req_ids")
def _next_id(desk: Desk, session: Session, values: Values) -> None:
    session.send("next_valid_id", orderId=desk.trading.book.next_ids.get(session.client_id, 1))


@_serves("req_managed_accounts")
def _managed_accounts(desk: Desk, session: Session, values: Values) -> None:
    session.send("managed_accounts", accounts=",".join(desk.accounts))


@_serves("req_auto_open_orders")
def _auto_open_orders(desk: Desk, session: Session, values: Values) -> None:
    """Only client 0 may bind what is placed by hand."""
    if session.client_id != 0:
        session.error(-1, 321, "Error validating request.-'twsim' : cause - Only client id 0 may bind manual orders")
        return
    session.binds_manual_orders = flag(values["autoBind"])
    if session.binds_manual_orders:
        desk.trading.bind_manual(session)


@_serves("set_server_log_level", "start_api", "cancel_positions_multi", "cancel_account_updates_multi")
def _nothing(desk: Desk, session: Session, values: Values) -> None:
    """Understood, and without consequence."""


@_serves("req_mkt_data")
def _mkt_data(desk: Desk, session: Session, values: Values) -> None:
    session.feed.subscribe(values)


@_serves("cancel_mkt_data")
def _cancel_mkt_data(desk: Desk, session: Session, values: Values) -> None:
    session.feed.cancel(whole(values["reqId"], "reqId"))


@_serves("req_market_data_type")
def _market_data_type(desk: Desk, session: Session, values: Values) -> None:
    session.feed.ask_for(whole(values["marketDataType"], "marketDataType"))


@_serves("place_order")
def _place_order(desk: Desk, session: Session, values: Values) -> None:
    desk.trading.place(session, values)


@_serves("cancel_order")
def _cancel_order(desk: Desk, session: Session, values: Values) -> None:
    desk.trading.cancel(session, values)


@_serves("req_global_cancel")
def _global_cancel(desk: Desk, session: Session, values: Values) -> None:
    desk.trading.cancel_all()


@_serves("req_open_orders")
def _open_orders(desk: Desk, session: Session, values: Values) -> None:
    if session.client_id == 0:
        desk.trading.bind_manual(session)  # client 0 owns what was typed into TWS
    desk.telling.tell_open_orders(session, everybodys=False)


@_serves("req_all_open_orders")
def _all_open_orders(desk: Desk, session: Session, values: Values) -> None:
    desk.telling.tell_open_orders(session, everybodys=True)


@_serves("req_completed_orders")
def _completed_orders(desk: Desk, session: Session, values: Values) -> None:
    desk.telling.tell_completed(session, values)


@_serves("req_executions")
def _executions(desk: Desk, session: Session, values: Values) -> None:
    desk.telling.tell_executions(session, values)


@_serves("req_positions")
def _positions(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.ask_positions()


@_serves("cancel_positions")
def _cancel_positions(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.stop_positions()


@_serves("req_positions_multi")
def _positions_multi(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.ask_positions_multi(values)


@_serves("req_account_updates")
def _account_updates(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.ask_updates(values)


@_serves("req_account_updates_multi")
def _account_updates_multi(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.ask_updates_multi(values)


@_serves("req_account_summary")
def _account_summary(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.ask_summary(values)


@_serves("cancel_account_summary")
def _cancel_account_summary(desk: Desk, session: Session, values: Values) -> None:
    session.account_feed.stop_summary(values["reqId"])


@_serves("req_user_info")
def _user_info(desk: Desk, session: Session, values: Values) -> None:
    session.send("user_info", reqId=values["reqId"])
