"""Small values on the way to a decision: quotes, findings, previews and errors as what they become."""

from __future__ import annotations

import copy
from dataclasses import is_dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from ibgw_tui.core import cases, context, decision, gates, records
from ibgw_tui.core.context import Counters, Market, PreviewFacts, Price, Steps
from ibgw_tui.core.decision import Decision, Finding, worst_status
from ibgw_tui.core.errors import BrokerError, ErrorCode, GatewayError, InvalidRequest, OutcomeUnknown
from ibgw_tui.core.orders import Estimate, Preview, PriceStep, parse_intent
from ibgw_tui.core.prices import bps_shown, number, reference_price
from ibgw_tui.core.records import Exposure, Tally
from ibgw_tui.core.rules import DeskRules, LiveRules
from ibgw_tui.core.terms import CheckStatus, Mode, Money, QuoteStatus, canonical, iso
from tests.makers import NOON, a_contract, a_policy, a_quote, an_intent, an_intent_data, usd

# ---- numbers for people


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0", "0"), ("-0", "0"), ("-0.00", "0"), ("0E-8", "0"), ("10", "10"), ("100.10", "100.1"), ("1E+3", "1000"), ("1E-7", "0.0000001"),
     ("-12.50", "-12.5"), ("1.000", "1")],
)  # fmt: skip
def test_a_number_as_people_write_it(value: str, shown: str) -> None:
    assert number(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("distance", "base", "shown"),
    [("100", "1", "100.00"), ("1", "3", "0.34"), ("-1", "3", "-0.33"), ("2", "3", "0.67"), ("5000001", "10000", "500.01"),
     ("99999999999999999999", "1", "99999999999999999999.00"), ("1E+20", "1", "1E+20"), ("-1E+20", "1", "-1E+20")],
)  # fmt: skip
def test_basis_points_are_rounded_up(distance: str, base: str, shown: str) -> None:
    assert str(bps_shown(Decimal(distance), Decimal(base))) == shown


def test_numbers_are_canonical_also_when_they_are_large() -> None:
    assert str(canonical(Decimal("1.20E+3"))) == "1200"
    assert str(canonical(Decimal("0.10"))) == "0.1"


def test_moments_of_any_zone_are_written_in_utc() -> None:
    there = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert iso(there) == iso(NOON) == "2026-11-23T15:00:00.000000Z"


# ---- all of them


@pytest.mark.parametrize("module", [context, decision, cases, records, gates])
def test_facts_never_change(module: ModuleType) -> None:
    """What was decided on can be kept, shared and compared."""
    for kind in vars(module).values():
        if isinstance(kind, type) and is_dataclass(kind):
            assert kind.__dataclass_params__.frozen and "__slots__" in vars(kind), kind  # type: ignore[attr-defined]


# ---- quotes


def test_a_quote_becomes_a_market() -> None:
    quote = a_quote("99", None, last=Decimal("99.5"), status=QuoteStatus.DELAYED)
    market = Market.of(quote, NOON + timedelta(seconds=1, microseconds=5))
    assert market == Market(
        "USD", QuoteStatus.DELAYED, Decimal("1.000005"), Price(Decimal(99), "USD"), None, Price(Decimal("99.5"), "USD"), NOON, "test",
    )  # fmt: skip
    assert Market.of(a_quote(source=""), NOON).source is None


@pytest.mark.parametrize(("away", "age"), [(0, Decimal(0)), (1, Decimal("0.000001")), (-1, None)])
def test_a_quote_from_the_future_has_no_age(away: int, age: Decimal | None) -> None:
    assert Market.of(a_quote(), NOON + timedelta(microseconds=away)).age_seconds == age


def test_a_ladder_that_is_not_known_has_no_tick() -> None:
    assert Steps((), Decimal(1)).tick_at(Decimal(5)) is None
    low = Steps((PriceStep(from_price=Decimal(1), increment=Decimal("0.01")),), None)
    assert low.tick_at(Decimal("0.5")) == Decimal("0.01")  # below the ladder its first step is all there is


def test_a_tally_becomes_counters_one_total_a_currency() -> None:
    tally = Tally(2, 3, {"USD": Decimal("5.5"), "EUR": Decimal(1)})
    assert Counters.of(tally) == Counters(2, 3, (Money(amount=Decimal(1), currency="EUR"), usd("5.5")))
    assert Counters.of(Tally(0, 0, {})) == Counters(0, 0, ())


def test_what_is_open_is_working_being_sent_or_in_doubt() -> None:
    exposure = Exposure(*map(Decimal, (1, 10, 2, 20, 4, 40)))
    assert (exposure.open_buys, exposure.open_sells) == (Decimal(7), Decimal(70))


def test_a_middle_needs_both_sides_in_the_currency_of_the_quote() -> None:
    last = Price(Decimal(100), "USD")
    for bid, ask in (("EUR", "EUR"), ("EUR", "USD"), ("USD", "EUR")):
        market = Market("USD", QuoteStatus.LIVE, Decimal(1), Price(Decimal(90), bid), Price(Decimal(94), ask), last)
        assert reference_price(market) is last
    both = Market("USD", QuoteStatus.LIVE, Decimal(1), Price(Decimal(90), "USD"), Price(Decimal(94), "USD"), last)
    assert reference_price(both) == Price(Decimal(92), "USD")


# ---- findings


def a_finding(status: CheckStatus, **changes: Any) -> Finding:
    return Finding("check", "LIVE_CODE", status, "words", **changes)


def test_what_blocks_and_what_is_worst() -> None:
    blocking = {status for status in CheckStatus if a_finding(status).blocks}
    assert blocking == {CheckStatus.REFUSE, CheckStatus.UNKNOWN}
    order = [CheckStatus.OFF, CheckStatus.PASS, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.REFUSE]
    for at, status in enumerate(order):
        assert worst_status([a_finding(one) for one in order[: at + 1]]) is status
        assert worst_status([a_finding(one) for one in reversed(order[: at + 1])]) is status
    assert worst_status([]) is CheckStatus.OFF


def test_the_age_of_a_finding() -> None:
    assert a_finding(CheckStatus.PASS).age_seconds(NOON) is None
    seen = a_finding(CheckStatus.PASS, as_of=NOON - timedelta(seconds=2, microseconds=1))
    assert seen.age_seconds(NOON) == Decimal("2.000001")


def test_a_finding_in_json_has_every_field_and_its_leg_only_if_it_has_one() -> None:
    full = a_finding(
        CheckStatus.WARN,
        observed="1",
        limit="2",
        unit="s",
        headroom="1",
        user_action="wait",
        as_of=NOON,
        source="store",
    )
    assert full.as_json() == {
        "check": "check", "code": "LIVE_CODE", "status": "WARN", "message": "words", "observed": "1", "limit": "2", "unit": "s",
        "headroom": "1", "user_action": "wait", "as_of": "2026-11-23T15:00:00.000000Z", "source": "store",
    }  # fmt: skip
    leg = a_finding(CheckStatus.PASS, leg="stop_loss")
    assert leg.as_json()["leg"] == "stop_loss" and leg.as_json()["as_of"] is None
    for finding in (full, leg):
        assert Finding.from_json(finding.as_json()) == finding


def test_a_decision_in_json() -> None:
    gates, limits = (a_finding(CheckStatus.PASS),), (a_finding(CheckStatus.REFUSE), a_finding(CheckStatus.WARN))
    decision = Decision(gates, limits, ErrorCode.LIVE_LIMIT_REFUSED, "LIVE_CODE", "words", "wait")
    written = decision.as_json()
    assert list(written) == ["allowed", "error_code", "refusal_code", "message", "user_action", "gates", "limits"]
    assert (written["allowed"], written["error_code"], written["refusal_code"]) == (
        False,
        "LIVE_LIMIT_REFUSED",
        "LIVE_CODE",
    )
    assert (written["message"], written["user_action"]) == ("words", "wait")
    assert Decision.from_json(written) == decision
    assert decision.findings == gates + limits and decision.warnings == limits[1:]
    allowed = Decision(gates, (), None, None)
    assert allowed.allowed and Decision.from_json(allowed.as_json()) == allowed


# ---- previews


def a_preview() -> Preview:
    return Preview(
        preview_id="p1", order_ref="o-1", mode=Mode.PAPER, staged_by="agent", intent=an_intent(), contract=a_contract(),
        estimate=Estimate(), policy_id="example", policy_digest="x", created_at=NOON, expires_at=NOON + timedelta(minutes=5),
    )  # fmt: skip


def test_a_preview_as_the_gates_see_it() -> None:
    preview = a_preview()
    assert PreviewFacts.of(preview, "o-2") == PreviewFacts(
        "p1", preview.digest, "x", NOON + timedelta(minutes=5), "o-2", "agent", NOON
    )


def test_a_preview_is_never_changed_in_a_copy() -> None:
    with pytest.raises(TypeError, match="never changes"):
        a_preview().model_copy(update={"policy_id": "other"})
    with pytest.raises(TypeError):
        copy.copy(a_preview())


# ---- intents


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"order_type": "iceberg"}, "order_type: must be"), ({"limit_price": "much"}, "limit_price: 'much' is not a plain decimal"),
     ({"limit_price": True}, "limit_price: must be text"), ({"limit_price": []}, "limit_price: must be text")],
)  # fmt: skip
def test_what_is_no_price_and_no_type_is_said_once(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_intent(an_intent_data(**changes))
    assert len(caught.value.problems) == 1 and caught.value.problems[0].startswith(problem)


# ---- errors


def test_an_error_has_its_kinds_code_unless_it_names_another() -> None:
    assert (BrokerError("x").code, BrokerError("x").retryable) == (ErrorCode.BROKER_BACKEND_UNAVAILABLE, True)
    assert OutcomeUnknown("x").retryable is False
    named = GatewayError(
        "x", user_action="y", code=ErrorCode.LIVE_GATE_MISSING, retryable=True, findings=[a_finding(CheckStatus.WARN)]
    )
    assert (named.message, named.user_action, named.code, named.retryable) == (
        "x",
        "y",
        ErrorCode.LIVE_GATE_MISSING,
        True,
    )
    assert named.findings == (a_finding(CheckStatus.WARN),)
    assert GatewayError("x").retryable is False and GatewayError("x").code is ErrorCode.INPUT_INVALID


# ---- the desk's rules


def rules(**changes: Any) -> DeskRules:
    return DeskRules(**{"mode": Mode.PAPER, "backend": "simulated", "operator": "operator-1", **changes})


def test_the_rules_of_the_mode_and_the_policy_in_force() -> None:
    live, paper = LiveRules(enabled=True), LiveRules(invocation_enabled=True)
    assert rules(live=live, paper=paper).mode_rules is paper
    assert rules(live=live, paper=paper, mode=Mode.LIVE).mode_rules is live
    policy = a_policy()
    named = rules(policies={"example": policy}, risk_policy_id="example")
    assert named.policy is policy and named.policy_digest == policy.digest
    assert rules(policies={"example": policy}).policy is None
    assert rules(policies={"example": policy}, risk_policy_id="other").policy is None
    assert rules().policy_digest == rules(risk_policy_id="other").policy_digest != policy.digest


@pytest.mark.parametrize(
    ("now", "zone", "roll", "start"),
    [
        ("2026-11-23T15:00:00", "UTC", time(0), "2026-11-23T00:00:00"),
        ("2026-11-23T00:00:00", "UTC", time(0), "2026-11-23T00:00:00"),
        ("2026-11-23T16:59:59", "UTC", time(17), "2026-11-22T17:00:00"),
        ("2026-11-23T17:00:00", "UTC", time(17), "2026-11-23T17:00:00"),
        ("2026-11-23T03:00:00", "America/New_York", time(0), "2026-11-22T05:00:00"),
        ("2026-11-23T05:00:00", "America/New_York", time(0), "2026-11-23T05:00:00"),
        ("2026-07-01T03:59:59", "America/New_York", time(0), "2026-06-30T04:00:00"),
        ("2026-11-01T12:00:00", "America/New_York", time(0), "2026-11-01T04:00:00"),  # the day the clocks go back
    ],
)
def test_a_session_begins_at_its_roll(now: str, zone: str, roll: time, start: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    begun = rules(session_zone=zone, session_roll=roll).session_start(at)
    assert begun == datetime.fromisoformat(start).replace(tzinfo=UTC)
