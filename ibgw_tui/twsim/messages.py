"""Every message this TWS understands and every one it sends: number, name, layout. Pure tables.

A test walks them at each server version at which a field comes or goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ibgw_tui.twsim.layout import Fixed, Layout, Rows, Values, When, fields, read, write
from ibgw_tui.twsim.order_layouts import (
    COMPLETED_ORDER,
    CONTRACT_11,
    CONTRACT_12,
    LEG_4,
    NEUTRAL_CONTRACT,
    OPEN_ORDER,
    PLACE_ORDER,
    TAG_VALUES,
)
from ibgw_tui.twsim.wire import Malformed


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message. `key` names the field that an error about it refers to."""

    number: int
    name: str
    layout: Layout
    key: str = ""


def _requests(*messages: Message) -> Mapping[int, Message]:
    return {message.number: message for message in messages}


def _m(number: int, name: str, text: str = "", *, v: int | None = None, key: str = "") -> Message:
    """A message of plain fields, after its version where it has one."""
    return Message(number, name, (*([Fixed(str(v))] if v else []), *fields(text)), key)


REQUESTS = _requests(
    Message(
        1,
        "req_mkt_data",
        (
            Fixed("11"),
            *fields("reqId"),
            *CONTRACT_12,
            When(lambda values: values["secType"] == "BAG", (Rows("comboLegs", LEG_4),)),
            *NEUTRAL_CONTRACT,
            *fields("genericTickList snapshot regulatorySnapshot mktDataOptions"),
        ),
        "reqId",
    ),
    _m(2, "cancel_mkt_data", "reqId", v=2, key="reqId"),
    Message(3, "place_order", PLACE_ORDER, "orderId"),
    _m(4, "cancel_order", "orderId manualOrderCancelTime>=169", v=1, key="orderId"),
    _m(5, "req_open_orders", v=1),
    _m(6, "req_account_updates", "subscribe account", v=2),
    _m(7, "req_executions", "reqId clientId account time symbol secType exchange side", v=3, key="reqId"),
    _m(8, "req_ids", "numIds", v=1),
    Message(
        9,
        "req_contract_details",
        (
            Fixed("8"),
            *fields("reqId"),
            *CONTRACT_12,
            *fields("includeExpired secIdType secId issuerId>=176"),
        ),
        "reqId",
    ),
    _m(14, "set_server_log_level", "level", v=1),
    _m(15, "req_auto_open_orders", "autoBind", v=1),
    _m(16, "req_all_open_orders", v=1),
    _m(17, "req_managed_accounts", v=1),
    _m(49, "req_current_time", v=1),
    _m(58, "req_global_cancel", v=1),
    _m(59, "req_market_data_type", "marketDataType", v=1),
    _m(61, "req_positions", v=1),
    _m(62, "req_account_summary", "reqId group tags", v=1, key="reqId"),
    _m(63, "cancel_account_summary", "reqId", v=1, key="reqId"),
    _m(64, "cancel_positions", v=1),
    _m(71, "start_api", "clientId optionalCapabilities", v=2),
    _m(74, "req_positions_multi", "reqId account modelCode", v=1, key="reqId"),
    _m(75, "cancel_positions_multi", "reqId", v=1, key="reqId"),
    _m(76, "req_account_updates_multi", "reqId account modelCode ledgerAndNLV", v=1, key="reqId"),
    _m(77, "cancel_account_updates_multi", "reqId", v=1, key="reqId"),
    _m(81, "req_matching_symbols", "reqId pattern", key="reqId"),
    _m(91, "req_market_rule", "marketRuleId"),
    _m(99, "req_completed_orders", "apiOnly"),
    _m(104, "req_user_info", "reqId", key="reqId"),
)

REQUEST_NAMES = frozenset(message.name for message in REQUESTS.values())

UNSERVED: Mapping[int, tuple[str, int]] = {
    # message: (what it asks for, where its request id stands)
    10: ("market depth", 2),
    20: ("historical data", 1),
    21: ("option exercise", 2),
    22: ("a market scanner", 1),
    50: ("real time bars", 2),
    52: ("fundamental data", 2),
    54: ("implied volatility", 2),
    55: ("an option price", 2),
    78: ("option chains", 1),
    79: ("soft dollar tiers", 1),
    83: ("smart components", 1),
    84: ("a news article", 1),
    86: ("historical news", 1),
    87: ("the head time stamp", 1),
    88: ("a histogram", 1),
    92: ("profit and loss", 1),
    94: ("profit and loss of one position", 1),
    96: ("historical ticks", 1),
    97: ("tick-by-tick data", 1),
    100: ("event calendar metadata", 1),
    102: ("the event calendar", 1),
}
"""Requests that TWS answers and this one refuses in words."""

IGNORED = frozenset({"11", "12", "13", "23", "25", "51", "53", "56", "57", "89", "90", "93", "95", "98", "101", "103"})
"""Cancels of what is not served: there is nothing to cancel, and nothing to say."""

ANSWERS: Mapping[str, Message] = {
    message.name: message
    for message in (
        _m(1, "tick_price", "reqId tickType price size attribMask=0", v=6),
        _m(2, "tick_size", "reqId tickType size", v=6),
        _m(
            3,
            "order_status",
            "orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId whyHeld mktCapPrice=0",
        ),
        _m(4, "error", "id errorCode errorString advancedOrderRejectJson>=166", v=2),
        Message(5, "open_order", OPEN_ORDER),
        _m(6, "account_value", "key value currency account", v=2),
        _m(
            7,
            "portfolio_value",
            "conId symbol secType lastTradeDateOrContractMonth strike right multiplier primaryExchange currency "
            "localSymbol tradingClass position marketPrice marketValue averageCost unrealizedPNL realizedPNL account",
            v=8,
        ),
        _m(8, "account_update_time", "time", v=1),
        _m(9, "next_valid_id", "orderId", v=1),
        Message(
            10,
            "contract_details",
            (
                Fixed("8", before=164),
                *fields(
                    "reqId symbol secType lastTradeDateOrContractMonth strike=0 right exchange currency localSymbol "
                    "marketName tradingClass conId minTick mdSizeMultiplier=100<164 multiplier orderTypes validExchanges "
                    "priceMagnifier=1 underConId=0 longName primaryExchange contractMonth industry category subcategory "
                    "timeZoneId tradingHours liquidHours evRule evMultiplier=0"
                ),
                Rows("secIdList", TAG_VALUES),
                *fields("aggGroup=1 underSymbol underSecType marketRuleIds realExpirationDate stockType"),
                *fields("minSize>=164 sizeIncrement>=164 suggestedSizeIncrement>=163"),
            ),
        ),
        Message(
            11,
            "exec_details",
            (
                *fields("reqId orderId"),
                *CONTRACT_11,
                *fields(
                    "execId time account execExchange side shares price permId clientId liquidation=0 cumQty avgPrice "
                    "orderRef evRule evMultiplier modelCode lastLiquidity=1 pendingPriceRevision=0>=178"
                ),
            ),
        ),
        _m(15, "managed_accounts", "accounts", v=1),
        _m(46, "tick_string", "reqId tickType value", v=6),
        _m(49, "current_time", "time", v=1),
        _m(52, "contract_details_end", "reqId", v=1),
        _m(53, "open_order_end", v=1),
        _m(54, "account_download_end", "account", v=1),
        _m(55, "exec_details_end", "reqId", v=1),
        _m(57, "tick_snapshot_end", "reqId", v=1),
        _m(58, "market_data_type", "reqId marketDataType", v=1),
        _m(59, "commission_report", "execId commission currency realizedPNL yield yieldRedemptionDate", v=1),
        Message(61, "position", (Fixed("3"), *fields("account"), *CONTRACT_11, *fields("position avgCost"))),
        _m(62, "position_end", v=1),
        _m(63, "account_summary", "reqId account tag value currency", v=1),
        _m(64, "account_summary_end", "reqId", v=1),
        Message(
            71,
            "position_multi",
            (Fixed("1"), *fields("reqId account"), *CONTRACT_11, *fields("position avgCost modelCode")),
        ),
        _m(72, "position_multi_end", "reqId", v=1),
        _m(73, "account_update_multi", "reqId account modelCode key value currency", v=1),
        _m(74, "account_update_multi_end", "reqId", v=1),
        Message(
            79,
            "symbol_samples",
            (
                *fields("reqId"),
                Rows(
                    "samples",
                    (
                        *fields("conId symbol secType primaryExchange currency"),
                        Rows("derivativeSecTypes", fields("secType")),
                        *fields("description>=176 issuerId>=176"),
                    ),
                ),
            ),
        ),
        _m(81, "tick_req_params", "tickerId minTick bboExchange snapshotPermissions"),
        Message(93, "market_rule", (*fields("marketRuleId"), Rows("increments", fields("lowEdge increment")))),
        _m(100, "order_bound", "reqId apiClientId apiOrderId"),
        Message(101, "completed_order", COMPLETED_ORDER),
        _m(102, "completed_orders_end"),
        _m(107, "user_info", "reqId whiteBrandingId"),
    )
}


def encode(name: str, version: int, values: Mapping[str, Any]) -> list[str]:
    """The fields of an answer, its number first."""
    message = ANSWERS[name]
    return [str(message.number), *write(message.layout, dict(values), version)]


def decode(texts: Sequence[str], version: int) -> tuple[Message, Values]:
    """A request by its fields. Raises Malformed, and UnknownRequest for a number not listed here."""
    number = texts[0]
    if not (number.isascii() and number.isdecimal() and int(number) in REQUESTS):
        raise UnknownRequest(texts)
    message = REQUESTS[int(number)]
    try:
        return message, read(message.layout, texts[1:], version)
    except Malformed as error:
        raise Unreadable(message, texts, str(error)) from error


class Unreadable(Malformed):
    """A request whose fields do not fit. `id` is the one that an error names, -1 when there is none."""

    code = 320

    def __init__(self, message: Message, texts: Sequence[str], why: str) -> None:
        super().__init__(f"{message.name}: {why}")
        # The id is the first field, or the second one after the version of the message.
        place = 2 if message.layout and isinstance(message.layout[0], Fixed) else 1
        self.id = (_whole(texts[place]) if message.key and len(texts) > place else None) or -1
        self.told = f"Server error when reading an API client request: {why}"


class UnknownRequest(Malformed):
    """A number that is no request this TWS answers."""

    def __init__(self, texts: Sequence[str]) -> None:
        number = _whole(texts[0])
        what, place = UNSERVED.get(number if number is not None else -1, ("", 0))
        super().__init__(what or f"message {texts[0][:20]!r}")
        self.id = (_whole(texts[place]) if place and len(texts) > place else None) or -1
        # Not 321: clients take that for a warning, and would go on waiting.
        self.code = 322 if what else 505
        self.told = (
            f"Error processing request.-'twsim' : cause - this simulated TWS does not serve {what}"
            if what
            else "Fatal Error: Unknown message id."
        )


def _whole(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 11 else None
