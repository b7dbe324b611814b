"""What is listed here: real contracts with their real units, and the numbers that drive their prices.

Contract ids of stocks and the currency pair are the broker's true ones; those of the futures and the
options are made up (true ones change every quarter) and start at 800000001. Nothing here expires:
a demo must still run next year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from ibgw_tui.core.orders import Contract, PriceStep, Session
from ibgw_tui.core.terms import AssetClass, OptionRight
from ibgw_tui.exchange.hours import CME_INDEX, FOREX, US_OPTIONS, US_STOCKS, Hours, Schedule
from ibgw_tui.exchange.hours import Session as Span

AAPL, MSFT, SPY, TSLA, EUR_USD = 265598, 272093, 756733, 76792991, 12087792
AAPL_CALL, AAPL_PUT, ES_FRONT, ES_NEXT = 800000001, 800000002, 800000003, 800000004


@dataclass(frozen=True, slots=True)
class Instrument:
    """A listed contract, how its price wanders, and what holding it ties up."""

    contract: Contract
    base: Decimal
    """The price it returns to."""
    band: Decimal
    """It never wanders further than this from the base."""
    widest_spread: int
    """The spread is between one and so many ticks."""
    smallest_size: Decimal
    largest_size: Decimal
    schedule: Schedule
    initial_rate: Decimal
    """Initial margin: a share of the value; for a future, USD per contract."""
    maintenance_rate: Decimal
    underlying: int | None = None

    @property
    def con_id(self) -> int:
        return self.contract.con_id

    def tick_at(self, price: Decimal) -> Decimal:
        tick = self.contract.tick_at(price)
        assert tick is not None, "every listed contract has a tick ladder"
        return tick

    @property
    def finest_tick(self) -> Decimal:
        return min(step.increment for step in self.contract.price_steps)

    @property
    def size_increment(self) -> Decimal:
        assert self.contract.size_increment is not None, "every listed contract has a size increment"
        return self.contract.size_increment


def _ladder(*steps: tuple[str, str]) -> tuple[PriceStep, ...]:
    return tuple(PriceStep(from_price=Decimal(start), increment=Decimal(tick)) for start, tick in steps)


def _stock(
    con_id: int, symbol: str, primary: str, name: str, base: str, band: str, asset_class: AssetClass = AssetClass.STOCK
) -> Instrument:
    return Instrument(
        Contract(
            con_id=con_id,
            symbol=symbol,
            asset_class=asset_class,
            currency="USD",
            exchange="SMART",
            primary_exchange=primary,
            local_symbol=symbol,
            trading_class={"NASDAQ": "NMS"}.get(primary, symbol),
            description=name,
            price_steps=_ladder(("0", "0.01")),
            size_increment=Decimal(1),
            time_zone=US_STOCKS.time_zone,
        ),
        base=Decimal(base),
        band=Decimal(band),
        widest_spread=3,
        smallest_size=Decimal(100),
        largest_size=Decimal(900),
        schedule=US_STOCKS,
        initial_rate=Decimal("0.5"),
        maintenance_rate=Decimal("0.25"),
    )


def _option(con_id: int, right: OptionRight, base: str) -> Instrument:
    letter = right.value[0].upper()
    return Instrument(
        Contract(
            con_id=con_id,
            symbol="AAPL",
            asset_class=AssetClass.OPTION,
            currency="USD",
            exchange="SMART",
            local_symbol=f"AAPL  261218{letter}00100000",
            trading_class="AAPL",
            description=f"AAPL 18 Dec 2026 100 {right.value}",
            multiplier=Decimal(100),
            price_steps=_ladder(("0", "0.01"), ("3", "0.05")),
            size_increment=Decimal(1),
            expiry="20261218",
            strike=Decimal(100),
            right=right,
            time_zone=US_OPTIONS.time_zone,
        ),
        base=Decimal(base),
        band=Decimal("0.40"),
        widest_spread=2,
        smallest_size=Decimal(5),
        largest_size=Decimal(50),
        schedule=US_OPTIONS,
        # Writing one ties up its value and this share of the underlying; a bought one is paid in full.
        initial_rate=Decimal("0.20"),
        maintenance_rate=Decimal("0.20"),
        underlying=AAPL,
    )


def _es(con_id: int, local_symbol: str, expiry: str, month: str, base: str) -> Instrument:
    return Instrument(
        Contract(
            con_id=con_id,
            symbol="ES",
            asset_class=AssetClass.FUTURE,
            currency="USD",
            exchange="CME",
            primary_exchange="CME",
            local_symbol=local_symbol,
            trading_class="ES",
            description=f"E-mini S&P 500 {month}",
            multiplier=Decimal(50),
            price_steps=_ladder(("0", "0.25")),
            size_increment=Decimal(1),
            expiry=expiry,
            time_zone=CME_INDEX.time_zone,
        ),
        base=Decimal(base),
        band=Decimal(25),
        widest_spread=2,
        smallest_size=Decimal(4),
        largest_size=Decimal(60),
        schedule=CME_INDEX,
        initial_rate=Decimal(16000),
        maintenance_rate=Decimal(14500),
    )


def _eur_usd() -> Instrument:
    return Instrument(
        Contract(
            con_id=EUR_USD,
            symbol="EUR.USD",
            asset_class=AssetClass.FX,
            currency="USD",
            exchange="IDEALPRO",
            local_symbol="EUR.USD",
            trading_class="EUR.USD",
            description="European Monetary Union Euro",
            price_steps=_ladder(("0", "0.00005")),
            size_increment=Decimal(1),
            time_zone=FOREX.time_zone,
        ),
        base=Decimal("1.08"),
        band=Decimal("0.003"),
        widest_spread=2,
        smallest_size=Decimal(250_000),
        largest_size=Decimal(3_000_000),
        schedule=FOREX,
        initial_rate=Decimal("0.025"),
        maintenance_rate=Decimal("0.02"),
    )


INSTRUMENTS: Mapping[int, Instrument] = MappingProxyType(
    {
        instrument.con_id: instrument
        for instrument in (
            # The ask never passes 100, so that a first order to buy at 100 always finds a seller.
            _stock(AAPL, "AAPL", "NASDAQ", "Apple Inc.", "99.5", "0.45"),
            _stock(MSFT, "MSFT", "NASDAQ", "Microsoft Corp.", "410", "3"),
            _stock(SPY, "SPY", "ARCA", "SPDR S&P 500 ETF Trust", "580", "2.5", AssetClass.ETF),
            _stock(TSLA, "TSLA", "NASDAQ", "Tesla Inc.", "240", "3"),
            _eur_usd(),
            _es(ES_FRONT, "ESZ6", "20261218", "Dec 2026", "5850"),
            _es(ES_NEXT, "ESH7", "20270319", "Mar 2027", "5905"),
            _option(AAPL_CALL, OptionRight.CALL, "4.20"),
            _option(AAPL_PUT, OptionRight.PUT, "4.60"),
        )
    }
)


def listed() -> Iterator[Instrument]:
    yield from INSTRUMENTS.values()


def hours(con_id: int, at: datetime) -> Hours:
    """The sessions of a listed contract around `at`. Raises KeyError when it is not listed."""
    return INSTRUMENTS[con_id].schedule.around(at)


_DAYS_TOLD = timedelta(days=5)
"""How far ahead a resolved contract tells its sessions; the real one tells about as much."""


def with_hours(contract: Contract, at: datetime) -> Contract:
    """The contract as it is resolved at a moment: with the sessions of the days around it."""
    around = hours(contract.con_id, at)

    def told(sessions: Sequence[Span]) -> tuple[Session, ...]:
        return tuple(Session(opens=s.opens, closes=s.closes) for s in sessions if s.opens < at + _DAYS_TOLD)

    return contract.replaced(liquid_hours=told(around.liquid), trading_hours=told(around.trading))
