"""Another policy on the recorded history."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, Override, SessionLimit
from ibgw_tui.core.terms import HoursKind
from ibgw_tui.service.policy_trial import Outcome, Tried, try_policy
from tests.makers import a_policy, usd
from tests.service.bench_desk import BenchDesk, bench_desk
from tests.service.test_replaying import altered


async def tried(desk: BenchDesk, policy: LimitPolicy) -> list[Tried]:
    return await desk.do(lambda: [try_policy(record, policy) for record in desk.store.decisions()])


async def test_the_same_policy_changes_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent()
        await desk.pending(quantity="11")
        assert [each.outcome for each in await tried(desk, a_policy())] == [Outcome.UNCHANGED] * 4


async def test_tighter_refuses_and_looser_allows(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        small, large, huge = (
            await desk.sent(quantity="1"),
            await desk.sent(quantity="3"),
            await desk.pending(quantity="11"),
        )
        tight = await tried(desk, a_policy(max_quantity=Decimal(2)))
        changed = [each for each in tight if each.outcome is Outcome.WOULD_REFUSE]
        assert [(each.order_ref, each.step) for each in changed] == [
            (large.order_ref, "preview"), (large.order_ref, "approve"), (large.order_ref, "submit"),
        ]  # fmt: skip
        assert changed[0].codes == ("LIVE_QUANTITY_LIMIT_REFUSED",) and changed[0].was is None
        assert (changed[0].notional, changed[0].quantity, changed[0].symbol) == (("300", "USD"), "3", "AAPL")
        assert all(each.outcome is Outcome.UNCHANGED for each in tight if each.order_ref == small.order_ref)
        loose = await tried(desk, a_policy(max_quantity=Decimal(20), max_notional=usd("5000")))
        (allowed,) = [each for each in loose if each.outcome is Outcome.WOULD_ALLOW]
        assert (allowed.order_ref, allowed.was, allowed.codes) == (huge.order_ref, "LIVE_QUANTITY_LIMIT_REFUSED", ())


async def test_an_override_counts(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.pending(quantity="3")
        (each,) = await tried(desk, a_policy(symbols={"AAPL": Override(max_quantity=Decimal(2))}))
        assert each.outcome is Outcome.WOULD_REFUSE
        (each,) = await tried(desk, a_policy(accounts={"DU7654321": Override(max_quantity=Decimal(2))}))
        assert each.outcome is Outcome.UNCHANGED


async def test_what_a_person_or_the_desk_refused_stays_refused(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, opened=False) as desk:
        await desk.pending()
        (each,) = await tried(desk, a_policy(max_quantity=Decimal(99)))
        assert (each.outcome, each.was) == (Outcome.UNCHANGED, "LIVE_KILL_SWITCH_CLOSED")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"duplicate_window_seconds": 60}, "equal orders of the last 60 s were not gathered"),
        ({"refuse_self_cross": True}, "own working orders were not gathered"),
        ({"max_position": Decimal(100)}, "open orders were not gathered"),
        ({"min_excess_liquidity": usd("1")}, "the broker's what-if was not asked"),
        ({"frequency_limit": FrequencyLimit(max_orders=5, window_seconds=600)}, "orders in 600 s were not counted"),
        (
            {"max_notional": usd("900").replaced(currency="EUR"), "max_fx_age_seconds": 10},
            "rates for EUR were not asked",
        ),
    ],
)
async def test_what_was_not_gathered_is_not_decided(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.pending()
        (each,) = await tried(desk, a_policy(**changes))
        assert (each.outcome, each.why) == (Outcome.NOT_DECIDABLE, why)
        # Unless something else refuses anyhow: then it does not matter what was not asked.
        (each,) = await tried(desk, a_policy(**changes, allowed_symbols=("MSFT",)))
        assert each.outcome is Outcome.WOULD_REFUSE and each.codes[0] == "LIVE_SYMBOL_REFUSED"


async def test_what_was_gathered_is_decided(tmp_path: Path) -> None:
    """Under a policy that armed everything, another one with other numbers is answered in full."""
    policy = a_policy(
        duplicate_window_seconds=60,
        refuse_self_cross=True,
        max_position=Decimal(100),
        max_spread_bps=300,
        market_hours=HoursKind.ANY,
    )
    async with bench_desk(tmp_path, policies={"example": policy}) as desk:
        await desk.pending(quantity="5")
        others: list[tuple[dict[str, Any], Outcome]] = [
            ({"duplicate_window_seconds": 30}, Outcome.UNCHANGED),
            ({"duplicate_window_seconds": 61}, Outcome.NOT_DECIDABLE),
            ({"max_position": Decimal(4)}, Outcome.WOULD_REFUSE),
            ({"max_spread_bps": 100}, Outcome.WOULD_REFUSE),
        ]
        for changes, outcome in others:
            (each,) = await tried(desk, policy.replaced(**changes))
            assert each.outcome is outcome, changes


async def test_another_window_is_a_bound_that_may_be_enough(tmp_path: Path) -> None:
    policy = a_policy(frequency_limit=FrequencyLimit(max_orders=1, window_seconds=300))

    def window(orders: int, seconds: int) -> LimitPolicy:
        return a_policy(frequency_limit=FrequencyLimit(max_orders=orders, window_seconds=seconds))

    async with bench_desk(tmp_path, policies={"example": policy}) as desk:
        await desk.sent()
        desk.clock.forward(seconds=100)
        late = await desk.pending()
        for other, outcome in [
            (window(1, 600), Outcome.UNCHANGED),  # one in 300 s is at least one in 600 s: refused, too
            (window(2, 600), Outcome.NOT_DECIDABLE),
            (window(2, 200), Outcome.WOULD_ALLOW),  # at most one in 200 s: there is room
            (window(1, 200), Outcome.NOT_DECIDABLE),
        ]:
            found = [each for each in await tried(desk, other) if each.order_ref == late.order_ref]
            assert [each.outcome for each in found] == [outcome], other.frequency_limit


async def test_no_policy_was_configured(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, risk_policy_id=None) as desk:
        await desk.pending()
        (each,) = await tried(desk, a_policy())
        assert each.outcome is Outcome.NOT_DECIDABLE and "no policy was configured" in each.why


async def test_a_policy_that_was_not_defined(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, policies={}) as desk:
        await desk.pending()
        (each,) = await tried(desk, a_policy())
        # Nothing was counted for a window that nobody named, and the count of none is no bound from above.
        assert (each.outcome, each.why) == (Outcome.NOT_DECIDABLE, "orders in 300 s were not counted")


async def test_a_record_that_does_not_replay_is_left_out(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.sent()
        desk.clock.forward(seconds=1)
        altered(desk.path, "UPDATE decisions SET outcome = replace(outcome, 'is open', 'was open') WHERE seq = 1")
        first, *rest = await tried(desk, a_policy(max_quantity=Decimal("0.5")))
        assert first.outcome is Outcome.NOT_REPLAYED and "decided differently" in first.why
        assert {each.outcome for each in rest} == {Outcome.WOULD_REFUSE}


async def test_session_numbers_of_that_day_are_used(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.sent()
            desk.clock.forward(seconds=1)
        policy = a_policy(session_limit=SessionLimit(max_orders_per_session=2, max_session_notional=usd("5000")))
        found = [each.outcome for each in await tried(desk, policy) if each.step == "submit"]
        assert found == [Outcome.UNCHANGED, Outcome.UNCHANGED, Outcome.WOULD_REFUSE]
