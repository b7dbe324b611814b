"""What goes over the wire, and what comes back: brackets, modifies, cancels, corrections, and codes that mislead."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.brokers.ib_numbers import exact
from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    ExecutionReport,
    ModifyRefused,
    Notice,
    OrderReport,
)
from ibgw_tui.core.errors import ErrorCode, NotConnected
from ibgw_tui.core.orders import BrokerOrder, ExitOrder
from ibgw_tui.core.terms import OrderType, Side, TimeInForce
from ibgw_tui.exchange.instruments import ES_FRONT, EUR_USD, TSLA
from ibgw_tui.twsim import acts
from tests.brokers.bench import Ear, connected
from tests.brokers.ib.bench import IbBench
from tests.exchange.market import an_order
from tests.makers import an_intent


def resting(**changes: Any) -> BrokerOrder:
    return an_order(TSLA, **{"limit_price": "232", **changes})


def a_bracket(**changes: Any) -> BrokerOrder:
    """Buys 10 at up to 100, and leaves at 105 or at 95."""
    order = an_order(**{"quantity": "10", **changes})
    profit = ExitOrder(
        order_ref=f"{order.order_ref}.tp", leg="take_profit", order_type=OrderType.LIMIT, limit_price=Decimal(105)
    )
    loss = ExitOrder(
        order_ref=f"{order.order_ref}.sl", leg="stop_loss", order_type=OrderType.STOP, stop_price=Decimal(95)
    )
    return order.replaced(exits=(profit, loss))


# ---- what is sent


async def test_account_time_in_force_and_reference_are_always_set(bench: IbBench) -> None:
    async with connected(bench):
        await bench.broker.place(order := resting(outside_hours=True))
        await bench.settle()
    values = bench.received("place_order")[0].values
    told = {
        name: values[name] for name in ("account", "tif", "orderRef", "transmit", "outsideRth", "lmtPrice", "whatIf")
    }
    assert told == {
        "account": "DU1234567", "tif": "DAY", "orderRef": order.order_ref, "transmit": "1", "outsideRth": "1",
        "lmtPrice": "232", "whatIf": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("con_id", "changes"),
    [
        (TSLA, {"order_type": OrderType.MARKET}),
        (TSLA, {"limit_price": "231.07", "time_in_force": TimeInForce.GTC}),
        (TSLA, {"order_type": OrderType.STOP, "stop_price": "260.5"}),
        (TSLA, {"order_type": OrderType.STOP_LIMIT, "stop_price": "260.5", "limit_price": "261"}),
        (TSLA, {"order_type": OrderType.TRAILING_STOP, "trailing_amount": "5"}),
        (TSLA, {"order_type": OrderType.TRAILING_STOP, "trailing_percent": "2.5", "side": Side.SELL}),
        (TSLA, {"order_type": OrderType.TRAILING_STOP_LIMIT, "trailing_amount": "5", "limit_offset": "0.1"}),
        (EUR_USD, {"limit_price": "1.05005", "quantity": "20000"}),
        (ES_FRONT, {"limit_price": "5700.25"}),
    ],
    ids=lambda value: "" if isinstance(value, int) else "-".join(str(each) for each in value.values()),
)
async def test_every_order_type_arrives_as_it_was_meant(bench: IbBench, con_id: int, changes: dict[str, Any]) -> None:
    stop = changes.get("stop_price")
    order = an_order(con_id, **{**changes, **({"stop_price": Decimal(stop)} if stop else {})})
    async with connected(bench) as ear:
        await bench.broker.place(order)
        heard = await ear.until_state(order.order_ref, BrokerState.WORKING, BrokerState.HELD)
        assert (heard.order_type, heard.quantity, heard.side) == (order.order_type, order.quantity, order.side)
        assert heard.limit_price == (order.limit_price if "trailing" not in order.order_type.value else None)
        (placed,) = bench.tws.desk.trading.book.orders.values()
        wire = bench.tws.desk.exchange._floor.book.orders[placed.ref].wire
        for name in (
            "limit_price",
            "stop_price",
            "trailing_amount",
            "trailing_percent",
            "limit_offset",
            "time_in_force",
        ):
            assert getattr(wire, name) == getattr(order, name), name


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (lambda: resting(limit_price="232.001"), "limit_price"),
        (lambda: an_order(ES_FRONT, limit_price="5700.10"), "limit_price"),
        (lambda: resting(quantity="1.5"), "quantity"),
        (lambda: resting(account="U7654321"), "account"),
        (lambda: resting().model_copy(update={"order_ref": "a\0b"}), "order_ref"),
        (lambda: resting().model_copy(update={"limit_price": None}), "limit_price"),
        (lambda: resting().model_copy(update={"contract": resting().contract.replaced(price_steps=())}), "price steps"),
        (lambda: resting().model_copy(update={"contract": resting().contract.replaced(local_symbol="T\0")}), "local"),
        (lambda: a_bracket().replaced(exits=(a_bracket().exits[1].replaced(stop_price=Decimal("95.001")),)), "stop_price"),
        (lambda: resting(time_in_force=TimeInForce.GTD), "good_till"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_never_leaves(bench: IbBench, order: Any, named: str) -> None:
    async with connected(bench):
        with pytest.raises(NotConnected) as caught:
            await bench.broker.place(order())
        assert caught.value.code is ErrorCode.ORDER_VALIDATION_FAILED and named in caught.value.message
        await bench.settle()
    assert bench.received("place_order") == []


def test_numbers_keep_their_digits() -> None:
    assert exact(0.1) == Decimal("0.1") and exact("1.7976931348623157E308") is None and exact(float("nan")) is None
    assert (
        exact(99.33333333333333) == Decimal("99.33333333") and exact(-0.0) == 0 and exact(1e-05) == Decimal("0.00001")
    )


# ---- brackets


async def test_a_bracket_is_one_act_tied_by_the_brokers_own_means(bench: IbBench) -> None:
    order = a_bracket()
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await bench.settle()
        entry, profit, loss = (request.values for request in bench.received("place_order"))
        assert [each["transmit"] for each in (entry, profit, loss)] == ["0", "0", "1"]
        assert profit["parentId"] == loss["parentId"] == entry["orderId"] and entry["parentId"] == "0"
        assert profit["ocaGroup"] == loss["ocaGroup"] != "" and profit["ocaType"] == "3"
        assert [each["orderRef"] for each in (entry, profit, loss)] == [
            order.order_ref, f"{order.order_ref}.tp", f"{order.order_ref}.sl",
        ]  # fmt: skip
        assert {profit["action"], loss["action"]} == {"SELL"}
        await ear.until_state(f"{order.order_ref}.sl", BrokerState.HELD)
        await bench.advance(3)
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        await ear.until_state(f"{order.order_ref}.tp", BrokerState.WORKING)
        bench.pin("106", "106.1")
        await bench.advance(2)
        await ear.until_state(f"{order.order_ref}.tp", BrokerState.FILLED)
        await ear.until_state(f"{order.order_ref}.sl", BrokerState.CANCELLED)
        fills = [r for r in ear.heard if isinstance(r, ExecutionReport)]
        assert {fill.order_ref for fill in fills} == {order.order_ref, f"{order.order_ref}.tp"}


async def test_cancelling_the_entry_cancels_the_exits(bench: IbBench) -> None:
    order = a_bracket(limit_price="90")
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await bench.broker.cancel(order.order_ref)
        await bench.advance(2)
        for ref in (order.order_ref, f"{order.order_ref}.tp", f"{order.order_ref}.sl"):
            await ear.until_state(ref, BrokerState.CANCELLED)


@pytest.mark.parametrize("leg", [1, 2])
async def test_an_entry_does_not_go_on_without_an_exit_that_was_refused(bench: IbBench, leg: int) -> None:
    order = a_bracket(limit_price="90")
    scenario = [acts.Answer(request="place_order", code=399, text="note", carried_out=True)] * leg
    async with connected(bench) as ear:
        bench.do(*scenario, acts.Answer(request="place_order", code=201, text="no exits today"))
        await bench.broker.place(order)
        refused = f"{order.order_ref}.{'tp' if leg == 1 else 'sl'}"
        await ear.until_state(refused, BrokerState.REJECTED)
        await bench.advance(2)
        await ear.until_state(order.order_ref, BrokerState.CANCELLED)
        snapshot = await bench.broker.snapshot()
        assert snapshot.open_orders == () and snapshot.executions == ()


async def test_a_bracket_whose_reference_was_used_is_not_sent(bench: IbBench) -> None:
    order = a_bracket(limit_price="90")
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await bench.broker.place(order)
        await ear.until(lambda: any(isinstance(r, Notice) and r.code == 103 for r in ear.heard))
    assert len(bench.received("place_order")) == 3


# ---- modify


async def placed(bench: IbBench, ear: Ear, **changes: Any) -> BrokerOrder:
    order = resting(**{"quantity": "5", **changes})
    await bench.broker.place(order)
    await ear.until_state(order.order_ref, BrokerState.WORKING, BrokerState.HELD)
    return order


async def test_a_modify_changes_the_one_order(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        await bench.broker.modify(order.replaced(limit_price=Decimal("231.5"), quantity=Decimal(7)))
        await ear.until(lambda: ear.of(order.order_ref)[-1].limit_price == Decimal("231.5"))
        report = ear.of(order.order_ref)[-1]
        assert report.quantity == 7 and report.state is BrokerState.WORKING
        snapshot = await bench.broker.snapshot()
        assert [(r.limit_price, r.perm_id) for r in snapshot.open_orders] == [(Decimal("231.5"), report.perm_id)]
    first, second = bench.received("place_order")
    assert first.values["orderId"] == second.values["orderId"] and first.client_id == second.client_id


async def test_a_modify_after_a_restart_of_ours_finds_the_order_again(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
    async with connected(bench) as ear:
        await bench.broker.modify(order.replaced(limit_price=Decimal(231)))
        await ear.until(lambda: [r.limit_price for r in ear.of(order.order_ref)] == [Decimal(231)])
    assert len(bench.refs()) == 1


async def test_an_exit_keeps_its_family_when_it_is_modified(bench: IbBench) -> None:
    order = a_bracket(limit_price="90")
    async with connected(bench) as ear:
        await bench.broker.place(order)
        await ear.until_state(f"{order.order_ref}.sl", BrokerState.HELD)
        stop = order.exit_order(order.exits[1])
        await bench.broker.modify(stop.replaced(stop_price=Decimal(94)))
        await ear.until(lambda: ear.of(stop.order_ref)[-1].stop_price == 94)
        changed = bench.received("place_order")[-1].values
        assert changed["parentId"] == bench.received("place_order")[0].values["orderId"]
        assert changed["ocaGroup"] and changed["transmit"] == "1"


@pytest.mark.parametrize("code", [201, 104, 105, 110, 134, 321, 329])
async def test_a_modify_that_is_refused_leaves_the_order_as_it_was(bench: IbBench, code: int) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Answer(request="place_order", code=code, text="no"))
        await bench.broker.modify(order.replaced(limit_price=Decimal(231)))
        await ear.until(lambda: isinstance(ear.heard[-1], ModifyRefused))
        refused = ear.heard[-1]
        assert isinstance(refused, ModifyRefused) and (refused.code, refused.order_ref) == (code, order.order_ref)
        assert [(r.state, r.limit_price) for r in (await bench.broker.snapshot()).open_orders] == [
            (BrokerState.WORKING, Decimal(232))
        ]
        assert [r.state for r in ear.of(order.order_ref)] == [BrokerState.WORKING]


async def test_what_cannot_be_modified_is_refused_without_the_wire(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        await bench.broker.modify(order.replaced(side=Side.SELL))
        await bench.broker.modify(resting())
        bench.do(acts.Fill(order_ref=order.order_ref))
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        await bench.broker.modify(order.replaced(limit_price=Decimal(231)))
        await ear.until(lambda: sum(isinstance(r, ModifyRefused) for r in ear.heard) == 3)
        assert [r.code for r in ear.heard if isinstance(r, ModifyRefused)] == [105, 104, 104]
    assert len(bench.received("place_order")) == 1


async def test_a_modify_needs_the_list_of_orders(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Swallow(answer="open_order_end"))
        with pytest.raises(NotConnected):
            await bench.broker.modify(order.replaced(limit_price=Decimal(231)))
    assert len(bench.received("place_order")) == 1


# ---- cancel


async def test_a_cancel_that_loses_against_a_fill(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.CancelRace(winner="fill_after"))
        await bench.broker.cancel(order.order_ref)
        await bench.advance(4)
        await ear.until_state(order.order_ref, BrokerState.FILLED)
        assert [r.state for r in ear.of(order.order_ref)][:2] == [BrokerState.WORKING, BrokerState.CANCEL_PENDING]


@pytest.mark.parametrize("code", [135, 161, 10147, 10148, 321])
async def test_a_cancel_that_is_refused_leaves_the_order_alive(bench: IbBench, code: int) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Answer(request="cancel_order", code=code, text="no"))
        await bench.broker.cancel(order.order_ref)
        await ear.until(lambda: isinstance(ear.heard[-1], CancelRefused))
        assert [r.state for r in ear.of(order.order_ref)] == [BrokerState.WORKING]
        bench.do(acts.Fill(order_ref=order.order_ref))
        await ear.until_state(order.order_ref, BrokerState.FILLED)


async def test_a_cancel_after_a_restart_of_ours(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        filled = await placed(bench, ear)
        bench.do(acts.Fill(order_ref=filled.order_ref))
        await ear.until_state(filled.order_ref, BrokerState.FILLED)
    async with connected(bench) as ear:
        await bench.broker.cancel(filled.order_ref)
        await ear.until(lambda: any(isinstance(r, CancelRefused) and "Filled" in r.text for r in ear.heard))
        await bench.broker.cancel(order.order_ref)
        await bench.advance()
        await ear.until_state(order.order_ref, BrokerState.CANCELLED)


# ---- executions


async def test_a_correction_replaces_the_fill_it_corrects(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Fill(order_ref=order.order_ref, price=Decimal("231.5")))
        bench.do(acts.Correct(order_ref=order.order_ref, price=Decimal("231.4")))
        await ear.until(lambda: sum(isinstance(r, ExecutionReport) for r in ear.heard) == 2)
        first, second = (r for r in ear.heard if isinstance(r, ExecutionReport))
        assert second.corrects == first.exec_id and first.corrects is None and second.price == Decimal("231.4")
        (counted,) = (await bench.broker.snapshot()).executions
        assert counted.exec_id == second.exec_id and counted.quantity == 5
    async with connected(bench):  # what corrects what is in the id itself
        (again,) = (await bench.broker.snapshot()).executions
        assert again.corrects == first.exec_id


# ---- codes that the library takes for what they are not


@pytest.mark.parametrize("code", [10349, 201, 10147, 10148, 161, 135, 104, 321, 434, 399, 404, 2109, 110, 10311, 10314])
async def test_no_code_ends_an_order_that_is_alive(bench: IbBench, code: int) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Say(code=code, text="because", order_ref=order.order_ref))
        await bench.settle()
        assert [r.state for r in ear.of(order.order_ref)] == [BrokerState.WORKING]
        assert "because" in str(ear.heard[-1]), "it is told all the same"
        snapshot = await bench.broker.snapshot()
        assert [r.state for r in snapshot.open_orders] == [BrokerState.WORKING]
        bench.do(acts.Fill(order_ref=order.order_ref))
        await ear.until_state(order.order_ref, BrokerState.FILLED)


@pytest.mark.parametrize("code", [110, 200, 201, 203, 320, 321, 322, 434, 436, 460, 10268])
async def test_a_new_order_that_is_refused_is_rejected(bench: IbBench, code: int) -> None:
    order = resting()
    async with connected(bench) as ear:
        bench.do(acts.Answer(request="place_order", code=code, text="no"))
        await bench.broker.place(order)
        rejected = await ear.until_state(order.order_ref, BrokerState.REJECTED)
        assert rejected.text == f"{code} no"


@pytest.mark.parametrize("code", [100, 103, 106, 109, 163, 383, 77777])
async def test_codes_that_prove_nothing_about_a_new_order(bench: IbBench, code: int) -> None:
    order = resting()
    async with connected(bench) as ear:
        bench.do(acts.Answer(request="place_order", code=code, text="perhaps"))
        await bench.broker.place(order)
        await ear.until(lambda: any(isinstance(r, Notice) and r.code == code for r in ear.heard))
        assert ear.of(order.order_ref) == []


async def test_an_order_that_the_broker_ends(bench: IbBench) -> None:
    async with connected(bench) as ear:
        order = await placed(bench, ear)
        bench.do(acts.Kill(order_ref=order.order_ref, reason="margin"))
        ended = await ear.until_state(order.order_ref, BrokerState.CANCELLED)
        assert "margin" in ended.text
        await bench.settle()
        assert sum(r.state is BrokerState.CANCELLED for r in ear.of(order.order_ref)) == 1


async def test_an_order_that_the_brokerage_rejects_stays_rejected(bench: IbBench) -> None:
    async with connected(bench) as ear:
        await bench.broker.place(order := an_order(quantity="3000"))
        rejected = await ear.until_state(order.order_ref, BrokerState.REJECTED)
        await bench.settle()
        assert rejected.text.startswith("201")
        assert [r.state for r in ear.of(order.order_ref)] == [BrokerState.REJECTED]
        (completed,) = (await bench.broker.snapshot()).completed_orders
        assert completed.state is BrokerState.REJECTED


# ---- what-if


@pytest.mark.parametrize("reply", ["ok", "twice"])
async def test_a_what_if_with_its_numbers(bench: IbBench, reply: Any) -> None:
    async with connected(bench):
        bench.do(acts.WhatIfReply(reply=reply))
        told = await bench.broker.what_if(an_order(quantity="10"))
        assert told is not None and told.initial_margin_change is not None and told.commission_max is not None
        assert told.initial_margin_change.amount > 100 and told.initial_margin_change.currency == "USD"
        assert told.maintenance_margin_after is not None and told.equity_with_loan_after is not None


async def test_a_what_if_of_nothing_but_words(bench: IbBench) -> None:
    async with connected(bench):
        bench.do(acts.WhatIfReply(reply="unset"))
        told = await bench.broker.what_if(an_order())
        assert told is not None and told.initial_margin_change is None and "not known" in told.warning
        bench.do(acts.Clear())
        refused = await bench.broker.what_if(an_order(quantity="9000"))
        assert refused is not None and refused.warning
        bench.do(acts.ReadOnly())
        read_only = await bench.broker.what_if(an_order())
        assert read_only is not None and "Read-Only" in read_only.warning
    assert bench.refs() == []


async def test_what_ifs_of_several_orders_are_not_mixed_up(bench: IbBench) -> None:
    async with connected(bench) as ear:
        told = await asyncio.gather(*(bench.broker.what_if(an_order(quantity=str(n))) for n in (1, 100)))
        one, hundred = (each.initial_margin_change for each in told if each is not None)
        assert one is not None and hundred is not None and hundred.amount > one.amount * 50
        assert [r for r in ear.heard if isinstance(r, OrderReport)] == []


async def test_contracts_of_each_class_resolve_with_ladder_and_hours(bench: IbBench) -> None:
    async with connected(bench):
        for changes, multiplier, tick in (
            ({"symbol": "SPY", "asset_class": "etf"}, 1, "0.01"),
            ({"symbol": "EUR.USD"}, 1, "0.00005"),
            ({"symbol": "ES", "asset_class": "future", "expiry": "20261218"}, 50, "0.25"),
            ({"symbol": "AAPL", "asset_class": "option", "expiry": "20261218", "strike": "100", "right": "call"}, 100, "0.05"),
        ):  # fmt: skip
            contract = await bench.broker.resolve(an_intent(**changes))
            assert contract.multiplier == multiplier and contract.tick_at(Decimal(100)) == Decimal(tick)
            assert contract.symbol == changes["symbol"] and contract.liquid_hours and contract.trading_hours
            by_id = await bench.broker.resolve(an_intent(symbol=changes["symbol"], con_id=contract.con_id))
            assert by_id == contract
