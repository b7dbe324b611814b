"""What an account has, in TWS's keys: account updates, summaries, portfolios and positions of one client."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ibgw_tui.exchange.accounts import BASE_CURRENCY, Account
from ibgw_tui.exchange.exact import as_text, divided, less, times, total
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.twsim.contracts import contract_fields
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.words import TWS_ZONE, flag, invalid, whole

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session

ZERO = Decimal(0)
_CENT = Decimal("0.01")
_FOURFOLD = Decimal(4)


def account_values(exchange: Exchange, account_id: str) -> dict[str, tuple[str, str]]:
    """Key -> value and currency. Words have no currency."""
    account, standing = exchange.account(account_id), exchange.standing(account_id)
    gross = total(*(abs(_value(exchange, account, con_id)) for con_id, _ in account.open()))
    net = standing.net_liquidation
    cushion = divided(standing.excess, net) if net > 0 else ZERO
    money = {
        "NetLiquidation": net,
        "TotalCashValue": account.cash,
        "SettledCash": account.cash,
        "EquityWithLoanValue": standing.equity_with_loan,
        "GrossPositionValue": gross,
        "InitMarginReq": standing.initial,
        "MaintMarginReq": standing.maintenance,
        "AvailableFunds": standing.available,
        "ExcessLiquidity": standing.excess,
        "BuyingPower": times(max(standing.available, ZERO), _FOURFOLD),
        "FullInitMarginReq": standing.initial,
        "FullMaintMarginReq": standing.maintenance,
        "FullAvailableFunds": standing.available,
        "FullExcessLiquidity": standing.excess,
        "RealizedPnL": account.realised,
        "UnrealizedPnL": total(*(_unrealised(exchange, account, con_id) for con_id, _ in account.open())),
    }
    return {
        "AccountType": ("INDIVIDUAL", ""),
        "Cushion": (as_text(cushion), ""),
        **{key: (as_text(divided(value, Decimal(1), _CENT)), BASE_CURRENCY) for key, value in money.items()},
    }


def portfolio_fields(exchange: Exchange, account: Account, con_id: int) -> Values:
    """One position with what it is worth now. The message has the primary exchange, and no other."""
    holding = account.holdings[con_id]
    contract = INSTRUMENTS[con_id].contract
    return {
        **contract_fields(INSTRUMENTS[con_id], no_right="0"),
        "primaryExchange": contract.primary_exchange or contract.exchange,
        "position": holding.quantity,
        "marketPrice": exchange.touch(con_id).middle,
        "marketValue": _value(exchange, account, con_id),
        "averageCost": holding.average_cost or ZERO,
        "unrealizedPNL": _unrealised(exchange, account, con_id),
        "realizedPNL": ZERO,
        "account": account.account_id,
    }


def position_fields(account: Account, con_id: int) -> Values:
    holding = account.holdings[con_id]
    return {
        # Positions are told with the exchange of the listing, not with the one an order went to.
        **contract_fields(INSTRUMENTS[con_id], exchange=INSTRUMENTS[con_id].contract.primary_exchange, no_right=""),
        "account": account.account_id,
        "position": holding.quantity,
        "avgCost": holding.average_cost or ZERO,
    }


def _value(exchange: Exchange, account: Account, con_id: int) -> Decimal:
    multiplier = INSTRUMENTS[con_id].contract.multiplier
    return times(account.quantity_of(con_id), exchange.touch(con_id).middle, multiplier)


def _unrealised(exchange: Exchange, account: Account, con_id: int) -> Decimal:
    return less(_value(exchange, account, con_id), account.holdings[con_id].cost)


def _time(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(TWS_ZONE)):%H:%M}"


class AccountFeed:
    """What one client wants to hear about accounts, now and after every fill."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._updates: set[str] = set()
        self._positions = False
        self._summaries: dict[str, frozenset[str]] = {}

    # ---- requests

    def ask_updates(self, values: Values) -> None:
        account = values["account"] or self._desk.accounts[0]
        if not flag(values["subscribe"]):
            self._updates.discard(account)
            return
        if account not in self._desk.accounts:
            refused = invalid(f"Invalid account code '{account}'.")
            self._session.error(-1, refused.code, refused.text)
            return
        # One subscription at a time: a new one ends the one before.
        self._updates = {account}
        self._tell_updates(account)
        self._session.send("account_download_end", account=account)

    def ask_updates_multi(self, values: Values) -> None:
        for account in [a for a in self._desk.accounts if values["account"] in ("", "All", a)]:
            for key, (value, currency) in account_values(self._desk.exchange, account).items():
                self._session.send(
                    "account_update_multi",
                    reqId=values["reqId"], account=account, key=key, value=value, currency=currency,
                )  # fmt: skip
        self._session.send("account_update_multi_end", reqId=values["reqId"])

    def ask_positions(self) -> None:
        self._positions = True
        for account in self._accounts():
            for con_id, _ in account.open():
                self._session.send("position", **position_fields(account, con_id))
        self._session.send("position_end")

    def stop_positions(self) -> None:
        self._positions = False

    def ask_positions_multi(self, values: Values) -> None:
        for account in self._accounts():
            if values["account"] in ("", account.account_id):
                for con_id, _ in account.open():
                    fields = position_fields(account, con_id)
                    self._session.send("position_multi", reqId=values["reqId"], **fields)
        self._session.send("position_multi_end", reqId=values["reqId"])

    def ask_summary(self, values: Values) -> None:
        tags = frozenset(tag.strip() for tag in values["tags"].split(",") if tag.strip())
        if len(self._summaries) >= 2 and values["reqId"] not in self._summaries:
            # TWS allows two of them for all clients together.
            self._session.error(whole(values["reqId"], "reqId"), 322, "Error processing request.-'twsim' : cause - "
                                "Maximum number of account summary requests exceeded")  # fmt: skip
            return
        self._summaries[values["reqId"]] = tags
        self._tell_summary(values["reqId"])
        self._session.send("account_summary_end", reqId=values["reqId"])

    def stop_summary(self, req_id: str) -> None:
        self._summaries.pop(req_id, None)

    # ---- news

    def tell_trade(self, account_id: str, con_id: int) -> None:
        """An account traded a contract."""
        account = self._desk.exchange.account(account_id)
        if self._positions:
            self._session.send("position", **position_fields(account, con_id))
        if account_id in self._updates:
            if not account.quantity_of(con_id):
                self._session.send("portfolio_value", **portfolio_fields(self._desk.exchange, account, con_id))
            self._tell_updates(account_id)
        for req_id in self._summaries:
            self._tell_summary(req_id)

    # ---- inside

    def _accounts(self) -> list[Account]:
        return [self._desk.exchange.account(account_id) for account_id in self._desk.accounts]

    def _tell_updates(self, account_id: str) -> None:
        exchange = self._desk.exchange
        for key, (value, currency) in account_values(exchange, account_id).items():
            self._session.send("account_value", key=key, value=value, currency=currency, account=account_id)
        account = exchange.account(account_id)
        for con_id, _ in account.open():
            self._session.send("portfolio_value", **portfolio_fields(exchange, account, con_id))
        self._session.send("account_update_time", time=_time(self._desk.clock()))

    def _tell_summary(self, req_id: str) -> None:
        for account_id in self._desk.accounts:
            for key, (value, currency) in account_values(self._desk.exchange, account_id).items():
                if key in self._summaries[req_id]:
                    self._session.send(
                        "account_summary", reqId=req_id, account=account_id, tag=key, value=value, currency=currency
                    )
