"""What-if: an order that is asked about and not placed. TWS answers it in four ways, not all of them kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.twsim.contracts import contract_fields
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.words import ASKED_NOTHING, Refused, Terms, margin_fields

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session

_WRONG = {"initMarginAfter": "0.0", "maintMarginAfter": "0.0", "initMarginChange": "0.0", "maintMarginChange": "0.0"}
"""The first of two answers, as clients have seen it: zeros where numbers belong."""


def preview(desk: Desk, session: Session, order_id: int, values: Values, terms: Terms) -> None:
    """Answer with margins and commission, or with nothing but words. Raises Refused when the order could not be placed."""
    wire = terms.wire
    estimate = desk.exchange.what_if(wire, desk.accounts)
    if estimate.initial_margin_after is None:
        code, _, text = estimate.warning.partition(" ")
        raise Refused(int(code), text)
    margins = margin_fields(estimate, desk.exchange.standing(wire.account))
    answer = {
        **values,
        **contract_fields(INSTRUMENTS[wire.contract.con_id], exchange=values["exchange"]),
        **margins,
        "orderId": order_id,
        "clientId": session.client_id,
        "permId": 0,
        "account": wire.account,
        "whatIf": True,
        "status": "PreSubmitted",
    }
    match desk.faults.what_if:
        case "silent":
            return
        case "unset":
            session.send(
                "open_order", **{**answer, **ASKED_NOTHING, "warningText": "The margin is not known at this time."}
            )
            return
        case "twice":
            session.send("open_order", **{**answer, **_WRONG})
    session.send("open_order", **answer)
