"""The listed instruments in the words of the wire: contracts, their details, tick ladders and hours.

Pure. Whatever a client leaves open in a description matches; whatever it says must be true.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ibgw_tui.core.orders import PriceStep
from ibgw_tui.core.terms import AssetClass, OptionRight
from ibgw_tui.exchange.exact import as_text
from ibgw_tui.exchange.hours import Session
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument, listed
from ibgw_tui.twsim.layout import UNSET, Values

SEC_TYPES = {
    AssetClass.STOCK: "STK",
    AssetClass.ETF: "STK",
    AssetClass.OPTION: "OPT",
    AssetClass.FUTURE: "FUT",
    AssetClass.FX: "CASH",
}
RIGHTS = {OptionRight.CALL: "C", OptionRight.PUT: "P"}
_RIGHTS_SAID = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}
_NO_RIGHT = frozenset({"", "0", "?"})
ZONES = {"America/New_York": "US/Eastern", "America/Chicago": "US/Central"}
"""Exchange zones as TWS names them."""
ORDER_TYPES = "DAY,GTC,GTD,IOC,LMT,MKT,OCA,STP,STPLMT,TRAIL,TRAILLIMIT,TRANSMIT,WHATIF"
_EXCHANGES = {
    AssetClass.STOCK: ("SMART", "NYSE", "ARCA", "BATS", "IEX"),
    AssetClass.ETF: ("SMART", "ARCA", "NYSE", "BATS", "IEX"),
    AssetClass.OPTION: ("SMART", "CBOE", "ISE", "PHLX"),
    AssetClass.FUTURE: ("CME",),
    AssetClass.FX: ("IDEALPRO",),
}
_RULE_NUMBERS = {
    AssetClass.STOCK: 26,
    AssetClass.ETF: 26,
    AssetClass.OPTION: 110,
    AssetClass.FUTURE: 67,
    AssetClass.FX: 239,
}
MARKET_RULES: Mapping[int, tuple[PriceStep, ...]] = MappingProxyType(
    {_RULE_NUMBERS[i.contract.asset_class]: i.contract.price_steps for i in listed()}
)
"""Tick ladders by number; instruments of one class share theirs."""
_DAYS_TOLD = 6


def exchanges_of(instrument: Instrument) -> tuple[str, ...]:
    contract = instrument.contract
    return tuple(dict.fromkeys((*_EXCHANGES[contract.asset_class], contract.primary_exchange or contract.exchange)))


def symbol_of(instrument: Instrument) -> str:
    """A currency pair is known by its first currency."""
    symbol = instrument.contract.symbol
    return symbol.split(".")[0] if instrument.contract.asset_class is AssetClass.FX else symbol


def multiplier_of(instrument: Instrument) -> str:
    return as_text(instrument.contract.multiplier) if instrument.contract.multiplier != 1 else ""


def contract_fields(instrument: Instrument, *, exchange: str = "", no_right: str = "?") -> Values:
    """A contract in an answer. TWS writes a missing right as `?` in orders, as `0` in portfolios, as nothing elsewhere."""
    contract = instrument.contract
    return {
        "conId": contract.con_id,
        "symbol": symbol_of(instrument),
        "secType": SEC_TYPES[contract.asset_class],
        "lastTradeDateOrContractMonth": contract.expiry or "",
        "strike": contract.strike if contract.strike is not None else Decimal(0),
        "right": RIGHTS[contract.right] if contract.right else no_right,
        "multiplier": multiplier_of(instrument),
        "exchange": exchange or contract.exchange,
        "primaryExchange": contract.primary_exchange,
        "currency": contract.currency,
        "localSymbol": contract.local_symbol,
        "tradingClass": contract.trading_class,
    }


def matching(asked: Values) -> list[Instrument]:
    """The instruments that fit a description of a contract."""
    return [instrument for instrument in listed() if _fits(instrument, asked)]


def _fits(instrument: Instrument, asked: Values) -> bool:
    contract = instrument.contract
    if asked["conId"] not in ("", "0"):
        return asked["conId"] == str(contract.con_id) and asked["exchange"] in ("", *exchanges_of(instrument))
    if not asked["symbol"] and not asked["localSymbol"]:
        return False
    told = contract_fields(instrument, no_right="")
    same = all(
        asked[name] in ("", told[name])
        for name in ("symbol", "secType", "currency", "localSymbol", "tradingClass", "primaryExchange")
    )
    right = asked["right"].upper()
    return (
        same
        and asked["exchange"] in ("", *exchanges_of(instrument))
        and told["lastTradeDateOrContractMonth"].startswith(asked["lastTradeDateOrContractMonth"])
        and (right in _NO_RIGHT or _RIGHTS_SAID.get(right) == told["right"])
        and _same_number(asked["strike"], told["strike"])
        and _same_number(asked["multiplier"], contract.multiplier)
    )


def _same_number(asked: str, told: Decimal) -> bool:
    """Nothing and zero match everything."""
    if asked in UNSET:
        return True
    try:
        number = Decimal(asked)
    except ArithmeticError:
        return False
    return not number or number == told


def details_fields(instrument: Instrument, at: datetime) -> Values:
    """Everything TWS knows of a contract."""
    contract, exchanges = instrument.contract, exchanges_of(instrument)
    rule = _RULE_NUMBERS[contract.asset_class]
    under = INSTRUMENTS[instrument.underlying] if instrument.underlying else None
    hours = instrument.schedule.around(at)
    return {
        **contract_fields(instrument, no_right=""),
        "marketName": contract.trading_class,
        "minTick": instrument.finest_tick,
        "orderTypes": ORDER_TYPES,
        "validExchanges": ",".join(exchanges),
        "underConId": under.con_id if under else 0,
        "longName": contract.description,
        "contractMonth": (contract.expiry or "")[:6],
        "timeZoneId": ZONES.get(contract.time_zone, contract.time_zone),
        "tradingHours": hours_text(hours.trading, contract.time_zone, at),
        "liquidHours": hours_text(hours.liquid, contract.time_zone, at),
        "underSymbol": symbol_of(under) if under else "",
        "underSecType": SEC_TYPES[under.contract.asset_class] if under else "",
        "marketRuleIds": ",".join([str(rule)] * len(exchanges)),
        "realExpirationDate": contract.expiry or "",
        "stockType": {AssetClass.STOCK: "COMMON", AssetClass.ETF: "ETF"}.get(contract.asset_class, ""),
        "minSize": instrument.size_increment,
        "sizeIncrement": instrument.size_increment,
        "suggestedSizeIncrement": max(instrument.size_increment, min(instrument.smallest_size, Decimal(100))),
    }


def hours_text(sessions: tuple[Session, ...], zone: str, at: datetime) -> str:
    """`20261123:0930-20261123:1600;20261126:CLOSED`: the days from today on, in the exchange's own time."""
    local = ZoneInfo(zone)
    by_day = {session.closes.astimezone(local).date(): session for session in sessions}
    today = at.astimezone(local).date()
    parts = []
    for day in (today + timedelta(days=n) for n in range(_DAYS_TOLD)):
        if day in by_day:
            opens, closes = (moment.astimezone(local) for moment in (by_day[day].opens, by_day[day].closes))
            parts.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
        else:
            parts.append(f"{day:%Y%m%d}:CLOSED")
    return ";".join(parts)


def samples(pattern: str) -> list[Values]:
    """What somebody may mean who types the beginning of a symbol or of a name."""
    wanted, found = pattern.strip().upper(), []
    for instrument in listed():
        contract = instrument.contract
        if contract.asset_class in (AssetClass.OPTION, AssetClass.FUTURE) or not wanted:
            continue
        if contract.symbol.startswith(wanted) or contract.description.upper().startswith(wanted):
            options = any(other.underlying == instrument.con_id for other in listed())
            found.append(
                {
                    **contract_fields(instrument),
                    "derivativeSecTypes": [{"secType": "OPT"}] if options else [],
                    "description": contract.description,
                }
            )
    return found
