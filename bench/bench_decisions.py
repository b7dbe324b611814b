"""How long one full decision takes: ten gates, all limits, every finding built with its numbers.

    python -m bench.bench_decisions [--rounds N]

The floor, measured in the same run, is twenty bare comparisons of decimals: what no decision can go below.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bench.report import Figure, run
from ibgw_tui.core.cases import Case, parse_case, read_json
from ibgw_tui.core.context import Hours, PositionFacts, WhatIfFacts
from ibgw_tui.core.orders import Session
from ibgw_tui.core.terms import HoursKind, OrderType
from ibgw_tui.core.written import canonical_json
from tests.makers import NOON, a_market, a_policy, gate_context, limit_context, terms, usd

ARMED: dict[str, Any] = {
    "max_spread_bps": 500,
    "max_position": Decimal(100),
    "min_excess_liquidity": usd("1000"),
    "duplicate_window_seconds": 60,
    "refuse_self_cross": True,
    "market_hours": HoursKind.LIQUID,
    "max_drift_bps": 100,
}


def cases() -> dict[str, Case]:
    """The order of the example policy, the same with every check armed, and one that is measured at the market."""
    plain = limit_context()
    session = (Session(opens=NOON - timedelta(hours=1), closes=NOON + timedelta(hours=5)),)
    full = limit_context(
        position=PositionFacts(Decimal(10), Decimal(5)),
        what_if=WhatIfFacts(usd("25000"), NOON),
        hours=Hours(session, session),
        working_orders=(),
        recent_orders=(),
        approved_market=a_market(),
    )
    market = {"order_type": OrderType.MARKET, "limit_price": None}
    return {
        "example policy": Case("plain", terms(), a_policy(), plain, gate_context()),
        "every check armed": Case("full", terms(), a_policy(**ARMED), full, gate_context()),
        "market order, all armed": Case("market", terms(**market), a_policy(**ARMED), full, gate_context()),
    }


def bare_checks() -> None:
    limit, value = Decimal(1000), Decimal("999.99")
    for _ in range(20):
        assert value <= limit


def measure(act: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds."""
    for _ in range(200):
        act()
    gc.collect()
    gc.disable()
    times = []
    try:
        for _ in range(rounds):
            began = time.perf_counter_ns()
            act()
            times.append(time.perf_counter_ns() - began)
    finally:
        gc.enable()
    times.sort()
    return statistics.median(times) / 1000, times[len(times) * 99 // 100] / 1000


def figures(given: argparse.Namespace) -> list[Figure]:
    rounds = given.rounds
    floor, _ = measure(bare_checks, rounds)
    found = []
    for name, case in cases().items():
        decision = case.decide()
        assert decision.allowed, decision.message
        median, p99 = measure(case.decide, rounds)
        what = f"decision: {name}, {len(decision.findings)} findings"
        beside = "twenty bare decimal checks"
        found.append(Figure(what, median, "us", p99, beside, floor, aim=60 if name == "example policy" else None))
    case = cases()["every check armed"]
    text = json.dumps(case.as_json())
    acts: dict[str, Callable[[], object]] = {
        "reading a case": lambda: parse_case(read_json(text)),
        "writing a case": lambda: canonical_json(case.as_json()),
        "writing a decision": lambda: canonical_json(case.decide().as_json()),
    }
    for name, act in acts.items():
        median, p99 = measure(act, rounds // 10)
        found.append(Figure(name, median, "us", p99))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20_000)
    return run(parser, figures)


if __name__ == "__main__":
    raise SystemExit(main())
