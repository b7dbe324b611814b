"""Every message at every server version at which one of its fields comes or goes.

The unmodified client's own encoder and decoder are the other side: what it writes is read here, and what
is written here it reads, field for field.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import IB, ComboLeg, Contract, ExecutionFilter, Order, TagValue
from ib_async.client import Client
from ib_async.contract import DeltaNeutralContract
from ib_async.decoder import Decoder
from ib_async.objects import SoftDollarTier
from ib_async.order import (
    ExecutionCondition,
    MarginCondition,
    OrderComboLeg,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)

from ibgw_tui.twsim.layout import (
    UNSET,
    ByKind,
    Field,
    Fixed,
    Layout,
    Rows,
    Values,
    When,
    as_field,
    fields,
    read,
    write,
)
from ibgw_tui.twsim.messages import ANSWERS, IGNORED, REQUESTS, UNSERVED, UnknownRequest, Unreadable, decode, encode
from ibgw_tui.twsim.order_layouts import COMPLETED_ORDER, OPEN_ORDER
from ibgw_tui.twsim.serving import SERVED
from ibgw_tui.twsim.wire import HIGHEST, LOWEST, Malformed

VERSIONS = range(LOWEST, HIGHEST + 1)
MESSAGES = {
    **{f"-> {m.name}": m.layout for m in REQUESTS.values()},
    **{f"<- {m.name}": m.layout for m in ANSWERS.values()},
}


def sample(layout: Layout, number: Iterator[int], version: int = HIGHEST) -> Values:
    """A value of its own in every field, and every group there."""
    values: Values = {}
    for item in layout:
        match item:
            case Field():
                if item.since <= version < item.before:
                    values[item.name] = str(next(number))
            case Rows():
                values[item.name] = [sample(item.layout, number, version) for _ in range(2)]
                values |= sample(item.tail, number, version)
            case When():
                values |= sample(item.layout, number, version) if item.holds(values) and version >= item.since else {}
            case ByKind():
                kind = sorted(item.layouts)[next(number) % len(item.layouts)]
                values[item.kind] = kind
                values |= sample(item.layouts[kind], number, version)
    return values


def bounds(layout: Layout) -> set[int]:
    """The versions at which the layout changes."""
    found: set[int] = set()
    for item in layout:
        match item:
            case Field() | Fixed():
                found |= {getattr(item, "since", LOWEST), item.before}
            case When():
                found |= {item.since} | bounds(item.layout)
            case Rows():
                found |= bounds(item.layout) | bounds(item.tail)
    return found


STEPS = sorted(
    {LOWEST, HIGHEST} | {v for layout in MESSAGES.values() for b in bounds(layout) for v in (b - 1, b) if v in VERSIONS}
)
"""The lowest, the highest, and each side of every change."""


def test_the_known_steps_are_walked() -> None:
    assert set(STEPS) >= {157, 158, 160, 162, 163, 164, 166, 169, 170, 176, 177, 178}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_written_is_read(name: str) -> None:
    layout = MESSAGES[name]
    for version in STEPS:
        values = sample(layout, iter(range(1, 10_000)), version)
        texts = write(layout, values, version)
        assert read(layout, texts, version) == values
        with pytest.raises(Malformed):
            read(layout, [*texts, "more"], version)
        if texts:
            with pytest.raises(Malformed):
                read(layout, texts[:-1], version)


def test_every_request_is_served_and_none_twice() -> None:
    assert set(SERVED) == {message.name for message in REQUESTS.values()}
    numbers = [*map(str, REQUESTS), *map(str, UNSERVED), *IGNORED]
    assert len(set(numbers)) == len(numbers)


# ---- the client's own encoder


def sent_by(version: int, act: Any) -> list[str]:
    """The fields that the unmodified client writes."""
    client: Any = IB().client
    client._serverVersion, client.connState = version, Client.CONNECTED
    texts: list[str] = []
    client.sendMsg = texts.append
    act(client)
    [text] = texts
    return text.split("\0")[:-1]


def a_contract(**more: Any) -> Contract:
    said = {
        "conId": 265598, "symbol": "AAPL", "secType": "STK", "lastTradeDateOrContractMonth": "20261218", "strike": 1.5,
        "right": "C", "multiplier": "100", "exchange": "SMART", "primaryExchange": "NASDAQ", "currency": "USD",
        "localSymbol": "L", "tradingClass": "NMS", "secIdType": "ISIN", "secId": "X1",
    }  # fmt: skip
    return Contract(**{**said, **more})


_NEVER_SENT = {
    "orderId", "clientId", "permId", "basisPoints", "basisPointsType", "autoCancelDate", "filledQuantity",
    "refFuturesConId", "shareholder", "imbalanceOnly", "routeMarketableToBbo", "parentPermId", "volatility",
}  # fmt: skip
_SINCE = {
    "duration": 158, "postToAts": 160, "autoCancelParent": 162, "advancedErrorOverride": 166, "manualOrderTime": 169,
    "minTradeQty": 170, "minCompeteSize": 170, "competeAgainstBestOffset": 170, "midOffsetAtWhole": 170,
    "midOffsetAtHalf": 170,
}  # fmt: skip


def a_rich_order(**more: Any) -> Order:
    """An order with a value of its own in every field."""
    order = Order()
    for number, field in enumerate(dataclasses.fields(Order), start=11):
        if field.type in ("bool", bool):
            setattr(order, field.name, True)
        elif isinstance(field.default, float) or field.default is None:
            setattr(order, field.name, number + 0.5)
        elif isinstance(field.default, int):
            setattr(order, field.name, number)
        elif isinstance(field.default, str):
            setattr(order, field.name, f"{field.name}-{number}")
    order.algoParams = [TagValue("a", "1"), TagValue("b", "2")]
    order.smartComboRoutingParams = [TagValue("s", "t")]
    order.orderComboLegs = [OrderComboLeg(price=1.25), OrderComboLeg(price=2.5)]
    order.conditions = [
        PriceCondition(conId=7, exch="SMART", isMore=False, price=12.5, triggerMethod=2, conjunction="o"),
        TimeCondition(time="20261124 10:00:00 US/Eastern"),
        MarginCondition(percent=30),
        ExecutionCondition(secType="STK", exch="SMART", symbol="AAPL"),
        VolumeCondition(volume=1000, conId=8, exch="NYSE"),
        PercentChangeCondition(changePercent=2.5, conId=9, exch="ARCA"),
    ]
    order.orderMiscOptions = [TagValue("m", "n")]
    order.softDollarTier = SoftDollarTier("tier", "value", "shown")
    order.orderType, order.action = "LMT", "BUY"
    for name, value in more.items():
        setattr(order, name, value)
    return order


def as_sent(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


@pytest.mark.parametrize("version", STEPS)
def test_a_rich_order_of_the_client_is_read_field_for_field(version: int) -> None:
    order = a_rich_order()
    texts = sent_by(version, lambda client: client.placeOrder(5, a_contract(), order))
    message, values = decode(texts, version)
    assert (message.name, values["orderId"], values["primaryExchange"], values["secId"]) == (
        "place_order",
        "5",
        "NASDAQ",
        "X1",
    )
    for field in dataclasses.fields(Order):
        name, value = field.name, getattr(order, field.name)
        if name in _NEVER_SENT or isinstance(value, list | SoftDollarTier) or name not in values:
            continue
        assert values[name] == as_sent(value), name
    plain = {f.name for f in dataclasses.fields(Order) if not isinstance(getattr(order, f.name), list | SoftDollarTier)}
    pegs = {"minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf"}
    benchmark = {
        "referenceContractId",
        "isPeggedChangeAmountDecrease",
        "peggedChangeAmount",
        "referenceChangeAmount",
        "referenceExchangeId",
    }
    expected = {n for n in plain - _NEVER_SENT - pegs - benchmark if version >= _SINCE.get(n, 0)}
    assert expected - {"faProfile"} <= set(values) and ("faProfile" in values) == (version < 177)
    assert [(p["tag"], p["value"]) for p in values["algoParams"]] == [("a", "1"), ("b", "2")]
    assert [c["type"] for c in values["conditions"]] == ["1", "3", "4", "5", "6", "7"]
    assert values["conditions"][0] == {
        "type": "1", "conjunction": "o", "isMore": "0", "price": "12.5", "conId": "7", "exchange": "SMART",
        "triggerMethod": "2",
    }  # fmt: skip
    assert (values["softDollarTierName"], values["softDollarTierVal"]) == ("tier", "value")
    assert values["orderMiscOptions"] == "m=n;"


@pytest.mark.parametrize("version", [157, 169, 170, 178])
@pytest.mark.parametrize(
    ("terms", "seen"),
    [
        ({"orderType": "PEG BENCH"}, {"referenceExchangeId"}),
        ({"orderType": "PEG BEST"}, {"minCompeteSize", "competeAgainstBestOffset"}),
        ({"orderType": "PEG BEST", "competeAgainstBestOffset": math.inf}, {"midOffsetAtWhole", "midOffsetAtHalf"}),
        ({"orderType": "PEG MID"}, {"midOffsetAtWhole", "midOffsetAtHalf"}),
    ],
)
def test_pegged_orders_carry_what_their_kind_needs(version: int, terms: dict[str, Any], seen: set[str]) -> None:
    texts = sent_by(version, lambda client: client.placeOrder(5, a_contract(), a_rich_order(**terms)))
    _, values = decode(texts, version)
    assert (seen <= set(values)) == (version >= 170 or terms["orderType"] == "PEG BENCH")


@pytest.mark.parametrize("version", [157, 178])
def test_a_combination_carries_its_legs(version: int) -> None:
    legs = [ComboLeg(1, 2, "BUY", "SMART", 1, 2, "there", 3), ComboLeg(4, 5, "SELL", "CBOE")]
    bag = a_contract(secType="BAG", comboLegs=legs, deltaNeutralContract=DeltaNeutralContract(6, 0.5, 99.5))
    _, values = decode(sent_by(version, lambda client: client.placeOrder(5, bag, a_rich_order())), version)
    assert [(leg["conId"], leg["action"], leg["exemptCode"]) for leg in values["comboLegs"]] == [
        ("1", "BUY", "3"), ("4", "SELL", "-1"),
    ]  # fmt: skip
    assert [leg["price"] for leg in values["orderComboLegs"]] == ["1.25", "2.5"]
    assert (values["neutralConId"], values["neutralPrice"]) == ("6", "99.5")
    _, values = decode(sent_by(version, lambda client: client.reqMktData(9, bag, "233", True, False, [])), version)
    assert [leg["exchange"] for leg in values["comboLegs"]] == ["SMART", "CBOE"]
    assert (values["genericTickList"], values["snapshot"], values["neutralDelta"]) == ("233", "1", "0.5")


PLAIN: list[tuple[str, Any, dict[str, str]]] = [
    ("cancel_mkt_data", lambda c: c.cancelMktData(3), {"reqId": "3"}),
    ("cancel_order", lambda c: c.cancelOrder(4, "now"), {"orderId": "4"}),
    ("req_open_orders", lambda c: c.reqOpenOrders(), {}),
    (
        "req_account_updates",
        lambda c: c.reqAccountUpdates(True, "DU1234567"),
        {"subscribe": "1", "account": "DU1234567"},
    ),
    (
        "req_executions",
        lambda c: c.reqExecutions(8, ExecutionFilter(1, "DU1234567", "t", "AAPL", "STK", "SMART", "BUY")),
        {"reqId": "8", "clientId": "1", "account": "DU1234567", "time": "t", "symbol": "AAPL", "side": "BUY"},
    ),
    ("req_ids", lambda c: c.reqIds(1), {"numIds": "1"}),
    ("req_contract_details", lambda c: c.reqContractDetails(9, a_contract()), {"conId": "265598", "secIdType": "ISIN"}),
    ("set_server_log_level", lambda c: c.setServerLogLevel(5), {"level": "5"}),
    ("req_auto_open_orders", lambda c: c.reqAutoOpenOrders(True), {"autoBind": "1"}),
    ("req_all_open_orders", lambda c: c.reqAllOpenOrders(), {}),
    ("req_managed_accounts", lambda c: c.reqManagedAccts(), {}),
    ("req_current_time", lambda c: c.reqCurrentTime(), {}),
    ("req_global_cancel", lambda c: c.reqGlobalCancel(), {}),
    ("req_market_data_type", lambda c: c.reqMarketDataType(3), {"marketDataType": "3"}),
    ("req_positions", lambda c: c.reqPositions(), {}),
    ("req_account_summary", lambda c: c.reqAccountSummary(2, "All", "A,B"), {"group": "All", "tags": "A,B"}),
    ("cancel_account_summary", lambda c: c.cancelAccountSummary(2), {"reqId": "2"}),
    ("cancel_positions", lambda c: c.cancelPositions(), {}),
    ("start_api", lambda c: c.startApi(), {"clientId": "-1", "optionalCapabilities": ""}),
    (
        "req_positions_multi",
        lambda c: c.reqPositionsMulti(2, "DU1234567", "m"),
        {"account": "DU1234567", "modelCode": "m"},
    ),
    ("cancel_positions_multi", lambda c: c.cancelPositionsMulti(2), {"reqId": "2"}),
    ("req_account_updates_multi", lambda c: c.reqAccountUpdatesMulti(2, "a", "m", True), {"ledgerAndNLV": "1"}),
    ("cancel_account_updates_multi", lambda c: c.cancelAccountUpdatesMulti(2), {"reqId": "2"}),
    ("req_matching_symbols", lambda c: c.reqMatchingSymbols(2, "AA"), {"pattern": "AA"}),
    ("req_market_rule", lambda c: c.reqMarketRule(26), {"marketRuleId": "26"}),
    ("req_completed_orders", lambda c: c.reqCompletedOrders(True), {"apiOnly": "1"}),
    ("req_user_info", lambda c: c.reqUserInfo(3), {"reqId": "3"}),
]


@pytest.mark.parametrize("version", [157, 168, 169, 175, 176, 178])
def test_every_other_request_of_the_client_is_read(version: int) -> None:
    for name, act, said in PLAIN:
        message, values = decode(sent_by(version, act), version)
        assert message.name == name
        assert {key: values[key] for key in said} == said
    assert {name for name, _, _ in PLAIN} | {"place_order", "req_mkt_data"} == set(SERVED)


# ---- the client's own decoder


class Ear:
    """Stands where the client's wrapper stands, and keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.defaultTimezone = IB().wrapper.defaultTimezone
        self.ib = IB()

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.heard.append((name, arguments))


def read_by_client(version: int, texts: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    ear = Ear()
    decoder: Any = Decoder
    decoder(ear, version).handlers[int(texts[0])](list(texts))
    [heard] = ear.heard
    return heard


def numbered(layout: Layout, version: int) -> Values:
    """A sample whose texts fit the client's types."""
    return sample(layout, iter(range(1, 10_000)), version)


@pytest.mark.parametrize("version", STEPS)
@pytest.mark.parametrize("name", ["open_order", "completed_order"])
def test_the_client_reads_our_orders_field_for_field(name: str, version: int) -> None:
    layout = {"open_order": OPEN_ORDER, "completed_order": COMPLETED_ORDER}[name]
    values = numbered(layout, version)
    flags = {f.name for f in dataclasses.fields(Order) if f.type in ("bool", bool)}
    values |= dict.fromkeys(flags & set(values), "1")
    values["deltaNeutralContract"] = "0"
    values = read(layout, write(layout, values, version), version)
    heard, arguments = read_by_client(version, encode(name, version, values))
    contract, order, state = arguments[-3:]
    assert heard == {"open_order": "openOrder", "completed_order": "completedOrder"}[name]
    own = {
        "status": state.status, "symbol": contract.symbol, "conId": contract.conId, "exchange": contract.exchange,
        "tradingClass": contract.tradingClass,
    }  # fmt: skip
    for key, text in values.items():
        if isinstance(text, list) or key in ("deltaNeutralContract", "sharesAllocation"):
            continue
        if version == 158 and key == "duration":
            continue  # the client writes it from 158 on, and reads it from 159 on
        side = own.get(key, getattr(order, key, getattr(state, key, getattr(contract, key, None))))
        if key.startswith("softDollarTier"):
            side = getattr(
                order.softDollarTier, key.removeprefix("softDollarTier")[0].lower() + key[len("softDollarTier") + 1 :]
            )
        assert side is not None, key
        expected = type(side)(text) if not isinstance(side, bool) else text == "1"
        assert side == expected, key
    assert [(leg.conId, leg.ratio) for leg in contract.comboLegs] == [
        (int(leg["conId"]), int(leg["ratio"])) for leg in values.get("comboLegs", [])
    ]
    assert len(order.conditions) == 2 and len(order.algoParams) == len(values["algoParams"])


SIMPLE: dict[str, str] = {
    "tick_price": "priceSizeTick", "tick_size": "tickSize", "order_status": "orderStatus", "error": "error",
    "account_value": "updateAccountValue", "portfolio_value": "updatePortfolio", "account_update_time": "updateAccountTime",
    "next_valid_id": "nextValidId", "contract_details": "contractDetails", "managed_accounts": "managedAccounts",
    "tick_string": "tickString", "current_time": "currentTime", "contract_details_end": "contractDetailsEnd",
    "open_order_end": "openOrderEnd", "account_download_end": "accountDownloadEnd", "exec_details_end": "execDetailsEnd",
    "tick_snapshot_end": "tickSnapshotEnd", "market_data_type": "marketDataType", "commission_report": "commissionReport",
    "position": "position", "position_end": "positionEnd", "account_summary": "accountSummary",
    "account_summary_end": "accountSummaryEnd", "position_multi": "positionMulti", "position_multi_end": "positionMultiEnd",
    "account_update_multi": "accountUpdateMulti", "account_update_multi_end": "accountUpdateMultiEnd",
    "symbol_samples": "symbolSamples", "tick_req_params": "tickReqParams", "market_rule": "marketRule",
    "order_bound": "orderBound", "completed_orders_end": "completedOrdersEnd", "user_info": "userInfo",
    "exec_details": "execDetails",
}  # fmt: skip


def flat(value: Any) -> Iterator[str]:
    """Every number and text in what the client heard."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from flat(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from flat(item)
    else:
        yield str(value).removesuffix(".0")


@pytest.mark.parametrize("version", STEPS)
def test_the_client_hears_every_other_answer_whole(version: int) -> None:
    """Each field carries its own number; none may be missing from what the client makes of the message."""
    assert set(SIMPLE) | {"open_order", "completed_order"} == set(ANSWERS)
    unheard = {"attribMask", "mdSizeMultiplier", "time", "reqId", "liquidation", "pendingPriceRevision", "account"}
    for name, called in SIMPLE.items():
        values = numbered(ANSWERS[name].layout, version)
        if name == "exec_details":
            values |= {"time": "20261123 10:00:00 US/Eastern", "pendingPriceRevision": "1"}
        heard, arguments = read_by_client(version, encode(name, version, values))
        assert heard == called
        told = set(flat(arguments))
        for key, text in values.items():
            if isinstance(text, str) and key not in unheard:
                assert text in told, f"{name}.{key}"


# ---- the rules of a layout


def test_fields_may_come_and_go() -> None:
    layout = fields("a b=0 c<160 d>=160 e=1>=162")
    assert write(layout, {"a": "x", "c": "y", "d": "z"}, 159) == ["x", "0", "y"]
    assert write(layout, {"a": "x", "c": "y", "d": "z"}, 162) == ["x", "0", "z", "1"]


def test_values_have_one_written_form() -> None:
    assert [as_field(v) for v in (None, True, False, 3, "x", Decimal("1.50"), Decimal("1E+2"))] == [
        "", "1", "0", "3", "x", "1.50", "100",
    ]  # fmt: skip
    wrong: object
    for wrong in (1.5, [], b"x"):
        with pytest.raises(TypeError):
            as_field(wrong)
    assert {"", "1.7976931348623157E308", "1.7976931348623157e+308", "2147483647"} <= UNSET


@pytest.mark.parametrize("count", ["-1", "x", "1.0", "99999", "٣"])
def test_a_count_is_a_small_whole_number(count: str) -> None:
    with pytest.raises(Malformed):
        read((Rows("rows", fields("a")),), [count, "1"], 178)


def test_a_request_that_does_not_fit_names_what_it_is_about() -> None:
    with pytest.raises(Unreadable) as unreadable:
        decode(["4", "1", "17"], 178)
    assert (unreadable.value.id, unreadable.value.code) == (17, 320)
    with pytest.raises(UnknownRequest) as unknown:
        decode(["20", "33", "more"], 178)
    assert (unknown.value.id, unknown.value.code) == (33, 322) and "historical data" in unknown.value.told
    for number in ("999", "x", "", "-3"):
        with pytest.raises(UnknownRequest) as unknown:
            decode([number, "1"], 178)
        assert (unknown.value.id, unknown.value.code) == (-1, 505)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=150), st.sampled_from(STEPS))
def test_no_request_breaks_the_reader(texts: list[str], version: int) -> None:
    for number in [*map(str, REQUESTS), texts[0]]:
        try:
            decode([number, *texts[1:]], version)
        except Malformed:
            pass
