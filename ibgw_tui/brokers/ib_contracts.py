"""From what somebody asked for to the one contract of TWS, and back to the wire. Pure; nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ib_async import Contract as IbContract
from ib_async import ContractDetails
from pydantic import ValidationError

from ibgw_tui.brokers.ib_hours import sessions_of, zone_name
from ibgw_tui.brokers.ib_numbers import exact, wire_text
from ibgw_tui.core.errors import BrokerError, ErrorCode, InvalidRequest
from ibgw_tui.core.orders import Contract, OrderIntent, PriceStep
from ibgw_tui.core.terms import AssetClass, OptionRight

_SEC_TYPES = {
    AssetClass.STOCK: "STK",
    AssetClass.ETF: "STK",
    AssetClass.OPTION: "OPT",
    AssetClass.FUTURE: "FUT",
    AssetClass.FX: "CASH",
}
_CLASSES = {"STK": AssetClass.STOCK, "OPT": AssetClass.OPTION, "FUT": AssetClass.FUTURE, "CASH": AssetClass.FX}
_EXCHANGES = {"STK": "SMART", "OPT": "SMART", "CASH": "IDEALPRO", "FUT": ""}
_RIGHTS = {OptionRight.CALL: "C", OptionRight.PUT: "P"}
_RIGHTS_HEARD = {"C": OptionRight.CALL, "CALL": OptionRight.CALL, "P": OptionRight.PUT, "PUT": OptionRight.PUT}
_DISTINGUISHING = ("asset_class", "currency", "expiry", "strike", "right", "exchange", "trading_class")


def question(intent: OrderIntent) -> IbContract:
    """What to ask TWS for. A bare symbol means the plain instrument, never a derivative."""
    if intent.con_id is not None:
        return IbContract(conId=intent.con_id)
    sec_type = _SEC_TYPES[_class_asked(intent)]
    symbol, currency = intent.symbol, intent.currency or ""
    if sec_type == "CASH":
        base, _, quoted = intent.symbol.partition(".")
        symbol, currency = base, quoted or currency
    return IbContract(
        symbol=symbol,
        secType=sec_type,
        currency=currency,
        exchange=_EXCHANGES[sec_type],
        lastTradeDateOrContractMonth=intent.expiry or "",
        right=_RIGHTS[intent.right] if intent.right else "",
        **_strike(intent.strike),
    )


def _class_asked(intent: OrderIntent) -> AssetClass:
    if intent.asset_class is not None:
        return intent.asset_class
    if intent.strike is not None or intent.right is not None:
        return AssetClass.OPTION
    if intent.expiry is not None:
        return AssetClass.FUTURE
    base, point, quoted = intent.symbol.partition(".")
    is_pair = bool(point) and len(base) == len(quoted) == 3 and base.isalpha() and quoted.isalpha()
    return AssetClass.FX if is_pair else AssetClass.STOCK


def the_one(intent: OrderIntent, found: Sequence[ContractDetails], remedy: str) -> ContractDetails:
    """The details of the one contract meant. Raises InvalidRequest, which says what to add or change."""
    by_id: dict[int, list[ContractDetails]] = {}
    for details in found:
        if details.contract is not None:
            by_id.setdefault(details.contract.conId, []).append(details)
    listed = [_listing(rows) for rows in by_id.values()]
    if not listed:
        raise _none(intent, remedy)
    wrong = {id(details): _contradictions(intent, details) for details in listed}
    fitting = [details for details in listed if not wrong[id(details)]]
    if not fitting:
        problems = list(dict.fromkeys(problem for each in wrong.values() for problem in each))
        raise InvalidRequest(
            f"no contract fits: {'; '.join(problems)}",
            user_action="correct the named fields",
            code=ErrorCode.INPUT_INVALID_CONTRACT,
            problems=problems,
        )
    if len(fitting) > 1:
        raise _ambiguous(intent, fitting)
    return fitting[0]


def _listing(rows: list[ContractDetails]) -> ContractDetails:
    """Of the exchanges of one contract: the smart route, else the one where it is listed."""

    def rank(details: ContractDetails) -> int:
        contract = details.contract
        assert contract is not None, "rows without a contract were left out"
        return 0 if contract.exchange == "SMART" else 1 if contract.exchange == contract.primaryExchange else 2

    return min(rows, key=rank)


def _contradictions(intent: OrderIntent, details: ContractDetails) -> list[str]:
    """Each field that the caller gave and the contract has otherwise."""
    try:
        told = _fields(details)
    except InvalidRequest as error:
        return [error.message]
    return [
        f"{name}: {told['symbol']} has {getattr(told[name], 'value', told[name])}, not {getattr(asked, 'value', asked)}"
        for name in ("symbol", "asset_class", "currency", "expiry", "strike", "right")
        if (asked := getattr(intent, name)) is not None and asked != told[name]
    ]


def contract_of(details: ContractDetails, ladder: Iterable[tuple[Any, Any]]) -> Contract:
    """The contract as we keep it; `ladder` is its market rule. Raises InvalidRequest, BrokerError."""
    fields = _fields(details)
    steps = [PriceStep(from_price=_must(low, "a tick"), increment=_must(tick, "a tick")) for low, tick in ladder]
    if not steps:
        raise BrokerError(
            f"TWS did not say in which steps the price of {fields['symbol']} moves", user_action="try again"
        )
    zone = zone_name(details.timeZoneId)
    try:
        return Contract(
            **fields,
            price_steps=tuple(sorted(steps, key=lambda step: step.from_price)),
            size_increment=exact(details.sizeIncrement) or None,
            time_zone=zone,
            trading_hours=sessions_of(details.tradingHours, zone),
            liquid_hours=sessions_of(details.liquidHours, zone),
        )
    except ValidationError as error:
        raise BrokerError(
            f"TWS describes {fields['symbol']} in a way that cannot be read: {error.errors()[0]['msg']}",
            user_action="name another contract, or report this",
        ) from error


def _fields(details: ContractDetails) -> dict[str, Any]:
    contract = details.contract
    assert contract is not None, "rows without a contract were left out"
    asset_class = _CLASSES.get(contract.secType)
    if asset_class is None:
        raise _unsupported(contract, f"instruments of type {contract.secType} are not traded here")
    if asset_class is AssetClass.STOCK and details.stockType.upper() in ("ETF", "ETC", "ETN", "ETP"):
        asset_class = AssetClass.ETF
    if details.priceMagnifier > 1:
        raise _unsupported(contract, "its price is told in a fraction of its currency")
    return {
        "con_id": contract.conId,
        "symbol": symbol_of(contract),
        "asset_class": asset_class,
        "currency": contract.currency,
        "exchange": contract.exchange,
        "primary_exchange": contract.primaryExchange,
        "local_symbol": contract.localSymbol,
        "trading_class": contract.tradingClass,
        "description": details.longName,
        "multiplier": exact(contract.multiplier) or _ONE,
        "expiry": contract.lastTradeDateOrContractMonth[:8] or None,
        "strike": exact(contract.strike) or None,
        "right": _RIGHTS_HEARD.get(contract.right.upper()),
    }


def rule_of(details: ContractDetails) -> int | None:
    """The number of the market rule (tick ladder) that applies on the exchange of the contract."""
    contract = details.contract
    exchanges, rules = details.validExchanges.split(","), details.marketRuleIds.split(",")
    if contract is None or contract.exchange not in exchanges or len(exchanges) != len(rules):
        return None
    rule = rules[exchanges.index(contract.exchange)]
    return int(rule) if rule.isdecimal() else None


def symbol_of(contract: IbContract) -> str:
    """A currency pair is known by both of its currencies."""
    return f"{contract.symbol}.{contract.currency}" if contract.secType == "CASH" else contract.symbol


def wire_contract(contract: Contract) -> IbContract:
    """The contract as an order or a subscription names it."""
    is_pair = contract.asset_class is AssetClass.FX
    return IbContract(
        conId=contract.con_id,
        symbol=contract.symbol.split(".")[0] if is_pair else contract.symbol,
        secType=_SEC_TYPES[contract.asset_class],
        lastTradeDateOrContractMonth=contract.expiry or "",
        right=_RIGHTS[contract.right] if contract.right else "",
        multiplier=wire_text(contract.multiplier) if contract.multiplier != 1 else "",
        exchange=contract.exchange,
        primaryExchange="" if contract.primary_exchange == contract.exchange else contract.primary_exchange,
        currency=contract.currency,
        localSymbol=contract.local_symbol,
        tradingClass=contract.trading_class,
        **_strike(contract.strike),
    )


_ONE = Decimal(1)


def _strike(strike: Decimal | None) -> dict[str, Any]:
    """As text: the library passes it through unchanged."""
    return {} if strike is None else {"strike": wire_text(strike)}


def _must(value: Any, what: str) -> Any:
    number = exact(value)
    if number is None:
        raise BrokerError(f"TWS told {what} that is no number: {value!r}", user_action="try again")
    return number


def _unsupported(contract: IbContract, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{contract.localSymbol or contract.symbol} cannot be ordered here: {why}",
        user_action="name another contract",
        code=ErrorCode.INPUT_INVALID_CONTRACT,
    )


def _none(intent: OrderIntent, remedy: str) -> InvalidRequest:
    what = f"con_id {intent.con_id}" if intent.con_id is not None else f"the symbol {intent.symbol}"
    return InvalidRequest(
        f"no contract has {what}" + (" and the other fields" if intent.con_id is None and intent.currency else ""),
        user_action=remedy or "correct the symbol, or add asset_class, currency and expiry",
        code=ErrorCode.INPUT_INVALID_CONTRACT,
        problems=[f"symbol: {intent.symbol} is not known to the broker"],
    )


def _ambiguous(intent: OrderIntent, fitting: Sequence[ContractDetails]) -> InvalidRequest:
    told = [_fields(details) for details in fitting]
    missing = [name for name in _DISTINGUISHING if len({str(fields[name]) for fields in told}) > 1]
    names = ", ".join(
        f"{fields['local_symbol'] or fields['symbol']} (con_id {fields['con_id']})" for fields in told[:6]
    )
    more = f" and {len(told) - 6} more" if len(told) > 6 else ""
    return InvalidRequest(
        f"{intent.symbol} alone does not say which contract: {names}{more}",
        user_action=f"add {', '.join(missing[:3]) or 'con_id'}, or name the con_id",
        code=ErrorCode.INPUT_AMBIGUOUS_CONTRACT,
        problems=[f"{name}: needed to tell the contracts apart" for name in missing],
    )
