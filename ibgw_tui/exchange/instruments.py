"""The instruments of the simulated market: real ones, so that what is learned here is true elsewhere."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from decimal import Decimal

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import Contract, OrderIntent, PriceStep
from ibgw_tui.core.terms import AssetClass, OptionRight


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract and how its price behaves here."""

    contract: Contract
    middle: Decimal
    """The price the walk returns to."""
    half_spread_ticks: int
    swing_ticks: int
    """How far from the middle the walk may go."""
    step_ticks: int
    """The largest move in one step."""
    touch_size: int
    """Largest size shown on each side."""
    initial_margin: Decimal | None = None
    """Per contract for futures; None: a share of the value."""


def _steps(*ladder: tuple[str, str]) -> tuple[PriceStep, ...]:
    return tuple(PriceStep(from_price=Decimal(start), increment=Decimal(tick)) for start, tick in ladder)


def _us_share(
    con_id: int, symbol: str, name: str, exchange: str, asset_class: AssetClass = AssetClass.STOCK
) -> Contract:
    return Contract(
        con_id=con_id,
        symbol=symbol,
        asset_class=asset_class,
        currency="USD",
        exchange="SMART",
        primary_exchange=exchange,
        local_symbol=symbol,
        trading_class=symbol,
        description=name,
        price_steps=_steps(("0", "0.01")),
        size_increment=Decimal(1),
        time_zone="America/New_York",
    )


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(_us_share(265598, "AAPL", "Apple Inc", "NASDAQ"), Decimal("99.50"), 1, 40, 3, 400),
    Instrument(_us_share(272093, "MSFT", "Microsoft Corp", "NASDAQ"), Decimal("411.00"), 2, 150, 8, 300),
    Instrument(_us_share(756733, "SPY", "SPDR S&P 500 ETF", "ARCA", AssetClass.ETF), Decimal("582.00"), 1, 120, 6, 900),
    Instrument(_us_share(76792991, "TSLA", "Tesla Inc", "NASDAQ"), Decimal("240.00"), 3, 250, 15, 250),
    Instrument(
        Contract(
            con_id=12087792,
            symbol="EUR.USD",
            asset_class=AssetClass.FX,
            currency="USD",
            exchange="IDEALPRO",
            local_symbol="EUR.USD",
            trading_class="EUR.USD",
            description="Euro in US dollars",
            price_steps=_steps(("0", "0.00005")),
            size_increment=Decimal(1),
            time_zone="America/New_York",
        ),
        Decimal("1.08000"), 1, 120, 4, 2_000_000,
    ),
    Instrument(
        # The contract id of a quarterly future changes every quarter; this one is made up.
        Contract(
            con_id=900000001,
            symbol="ES",
            asset_class=AssetClass.FUTURE,
            currency="USD",
            exchange="CME",
            local_symbol="ESZ6",
            trading_class="ES",
            description="E-mini S&P 500, December 2026",
            multiplier=Decimal(50),
            price_steps=_steps(("0", "0.25")),
            size_increment=Decimal(1),
            expiry="20261218",
            time_zone="America/Chicago",
        ),
        Decimal("5850.00"), 1, 80, 4, 60, Decimal(22000),
    ),
    Instrument(
        # Made up as well: options get new ids with every expiry.
        Contract(
            con_id=900000002,
            symbol="AAPL",
            asset_class=AssetClass.OPTION,
            currency="USD",
            exchange="SMART",
            local_symbol="AAPL  261218C00100000",
            trading_class="AAPL",
            description="AAPL call 100, 18 December 2026",
            multiplier=Decimal(100),
            price_steps=_steps(("0", "0.01"), ("3", "0.05")),
            size_increment=Decimal(1),
            expiry="20261218",
            strike=Decimal(100),
            right=OptionRight.CALL,
            time_zone="America/New_York",
        ),
        Decimal("4.20"), 1, 12, 1, 40,
    ),
)  # fmt: skip

BY_CON_ID = {instrument.contract.con_id: instrument for instrument in INSTRUMENTS}


def resolve(intent: OrderIntent) -> Instrument:
    """The one instrument meant. Raises InvalidRequest: unknown (with near names), ambiguous, contradictory."""
    named = [i for i in INSTRUMENTS if i.contract.symbol == intent.symbol]
    if not named:
        near = difflib.get_close_matches(intent.symbol, [i.contract.symbol for i in INSTRUMENTS], n=3, cutoff=0.4)
        known = ", ".join(sorted({i.contract.symbol for i in INSTRUMENTS}))
        hint = f"did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
        raise InvalidRequest(
            f"there is no contract for symbol {intent.symbol}",
            code=ErrorCode.INPUT_INVALID_CONTRACT,
            user_action=f"{hint}the simulated market knows {known}",
        )
    fits = [i for i in named if _fits(i.contract, intent)]
    if intent.asset_class is None and intent.con_id is None and len(fits) > 1:
        fits = [i for i in fits if i.contract.asset_class is not AssetClass.OPTION]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        raise InvalidRequest(
            f"no {intent.symbol} contract matches what was asked",
            code=ErrorCode.INPUT_INVALID_CONTRACT,
            user_action="check con_id, asset_class, currency, expiry, strike and right; known: "
            + "; ".join(_describe(i.contract) for i in named),
        )
    raise InvalidRequest(
        f"{intent.symbol} could be {' or '.join(_describe(i.contract) for i in fits)}",
        code=ErrorCode.INPUT_AMBIGUOUS_CONTRACT,
        user_action="add asset_class, expiry, strike and right, or con_id",
    )


def _fits(contract: Contract, intent: OrderIntent) -> bool:
    """Every identifying field that was given matches."""
    fields = ("con_id", "asset_class", "currency", "expiry", "strike", "right")
    return all(getattr(intent, name) in (None, getattr(contract, name)) for name in fields)


def _describe(contract: Contract) -> str:
    parts = [
        contract.asset_class.value,
        contract.currency,
        contract.expiry,
        contract.strike,
        contract.right and contract.right.value,
    ]
    return f"{contract.symbol} ({', '.join(str(part) for part in parts if part)}, con_id {contract.con_id})"
