"""What each field of an order is, in one sentence with its unit and an example: for every door's help and schema."""

from __future__ import annotations

from typing import Any, NamedTuple


class FieldHelp(NamedTuple):
    metavar: str
    words: str
    example: Any


FIELD_HELP: dict[str, FieldHelp] = {
    "account": FieldHelp("ACCOUNT", "Brokerage account, such as DU1234567 (paper).", "DU1234567"),
    "symbol": FieldHelp("SYMBOL", "Symbol in upper case, such as AAPL or EUR.USD.", "AAPL"),
    "side": FieldHelp("buy|sell", "Buy or sell.", "buy"),
    "quantity": FieldHelp("NUMBER", "Shares, contracts or units.", "1"),
    "order_type": FieldHelp(
        "TYPE", "market, limit (default), stop, stop_limit, trailing_stop, trailing_stop_limit.", "limit"
    ),
    "limit_price": FieldHelp(
        "PRICE", "Price of a limit order, in the contract's currency per share, point or unit.", "100.00"
    ),
    "stop_price": FieldHelp(
        "PRICE", "Trigger of a stop order, in the contract's currency per share, point or unit.", "98.00"
    ),
    "trailing_amount": FieldHelp("PRICE", "Trail by an amount, in the contract's currency.", "1.50"),
    "trailing_percent": FieldHelp("NUMBER", "Trail by a percentage.", "2"),
    "limit_offset": FieldHelp("PRICE", "Trailing stop limit: distance of the limit from the stop.", "0.10"),
    "time_in_force": FieldHelp("WORD", "day (default), gtc, ioc, gtd.", "day"),
    "good_till": FieldHelp("TIME", "For gtd: a moment such as 2026-11-22T15:00:00Z.", "2026-11-22T15:00:00Z"),
    "outside_hours": FieldHelp("", "Fill outside regular hours.", False),
    "con_id": FieldHelp("ID", "The broker's contract id, if known.", 265598),
    "asset_class": FieldHelp("CLASS", "stock, etf, option, future, fx.", "stock"),
    "currency": FieldHelp("CODE", "Currency of the contract, such as USD.", "USD"),
    "expiry": FieldHelp("YYYYMMDD", "Of an option or a future.", "20261218"),
    "strike": FieldHelp("PRICE", "Of an option.", "100"),
    "right": FieldHelp("call|put", "Of an option.", "call"),
    "take_profit_price": FieldHelp(
        "PRICE",
        "Bracket: close with a gain at this limit. Sent with the entry; one exit cancels the other.",
        "110.00",
    ),
    "stop_loss_price": FieldHelp("PRICE", "Bracket: close with a loss once this price trades.", "95.00"),
    "stop_loss_limit_price": FieldHelp(
        "PRICE", "Bracket: limit of the stop-loss; without one it goes to the market.", "94.50"
    ),
    "modifies": FieldHelp("REF", "A working order that is to become this one.", "o-7k3m9q2x4d"),
    "rationale": FieldHelp("TEXT", "Why, for the operator to read.", "20-day breakout with rising volume"),
}
