"""Scripts: read strictly, said in full what is wrong, played to the moment."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.acts import ACTS, NAMES, read_act
from ibgw_tui.twsim.control import Control
from ibgw_tui.twsim.desk import Desk, Settings
from ibgw_tui.twsim.messages import ANSWERS, REQUEST_NAMES
from ibgw_tui.twsim.scenario import EVENTS, BadScenario, Cue, Scenario, load_scenario, read_cue, read_line
from ibgw_tui.twsim.server import TwsServer
from tests.makers import SettableClock
from tests.twsim.bench import a_tws, an_order, errors_of, place, until

ROOT = Path(__file__).resolve().parents[2]

TOML = """
[tws]
seed = 9
mode = "live"
accounts = ["U7654321"]
quotes = "delayed"
keeps_hours = true
messages_per_second = 100
tick_milliseconds = 50

[[act]]
at = 1.5
do = "pin"
con_id = 265598
bid = "99.10"
ask = 99.3

[[act]]
on = "place_order"
nth = 2
after = 0.25
do = "say"
code = 2109
text = "note"
"""
LINES = """
{"tws": {"seed": 9, "mode": "live", "accounts": ["U7654321"], "quotes": "delayed", "keeps_hours": true, "messages_per_second": 100, "tick_milliseconds": 50}}

{"at": 1.5, "do": "pin", "con_id": 265598, "bid": "99.10", "ask": 99.3}
{"on": "place_order", "nth": 2, "after": 0.25, "do": "say", "code": 2109, "text": "note"}
"""


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.jsonl", LINES)])
def test_a_script_may_be_toml_or_json_lines(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario.start.over(Settings(seed=1)) == Settings(
        seed=9, mode=Mode.LIVE, accounts=("U7654321",), quotes="delayed", keeps_hours=True, messages_per_second=100,
        tick_milliseconds=50,
    )  # fmt: skip
    assert scenario.cues == (
        Cue(acts.Pin(con_id=AAPL, bid=Decimal("99.1"), ask=Decimal("99.3")), at=Decimal("1.5")),
        Cue(acts.Say(code=2109, text="note"), on="place_order", nth=2, after=Decimal("0.25")),
    )


WRONG: list[tuple[str, str]] = [
    ("[twz]", "twz: is neither tws nor act"),
    ("[tws]\nsed = 1", "sed"),
    ('[tws]\nmode = "demo"', "mode"),
    ("[tws]\nseed = 1.5", "seed"),
    ("[tws]\nmessages_per_second = -1", "messages_per_second"),
    ('[tws]\naccounts = ["nobody"]', "accounts"),
    ("tws = 5", "tws"),
    ('[act]\ndo = "step"', "must be a list"),
    ("act = [1]", "must be a list"),
    ('[[act]]\ndo = "step"', "give `at`"),
    ('[[act]]\nat = 1\non = "fill"\ndo = "step"', "one of them"),
    ('[[act]]\nat = 1\nnth = 2\ndo = "step"', "go with `on`"),
    ('[[act]]\nat = -1\ndo = "step"', "at: must be seconds"),
    ('[[act]]\nat = true\ndo = "step"', "at: must be seconds"),
    ('[[act]]\nat = "1"\ndo = "step"', "at: must be seconds"),
    ('[[act]]\non = "sunrise"\ndo = "step"', "sunrise"),
    ('[[act]]\non = "fill"\nnth = 0\ndo = "step"', "nth"),
    ('[[act]]\non = "fill"\nnth = true\ndo = "step"', "nth"),
    ('[[act]]\nat = 1\ndo = "explode"', "explode"),
    ("[[act]]\nat = 1", "do:"),
    ("[[act]]\nat = 1\ndo = 7", "do:"),
    ('[[act]]\nat = 1\ndo = "stall"\nclinet = 1', "clinet"),
    ('[[act]]\nat = 1\ndo = "stall"\nclient = "one"', "client"),
    ('[[act]]\nat = 1\ndo = "lose_before"\nrequest = "placeOrder"', "is no request"),
    ('[[act]]\nat = 1\ndo = "swallow"\nanswer = "62"', "is no answer"),
    ('[[act]]\nat = 1\ndo = "pin"\ncon_id = 1\nbid = 1\nask = 2', "not listed"),
    ('[[act]]\nat = 1\ndo = "pin"\ncon_id = 265598\nbid = 2\nask = 1', "below the ask"),
    ('[[act]]\nat = 1\ndo = "pin"\ncon_id = 265598\nbid = "1e2"\nask = 200', "bid"),
    ('[[act]]\nat = 1\ndo = "pin"\ncon_id = 265598\nbid = nan\nask = 200', "bid"),
    ('[[act]]\nat = 1\ndo = "restart"\nmode = "demo"', "mode"),
    ("not toml", ""),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_script_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadScenario) as refused:
        load_scenario(path)
    assert said in "; ".join(refused.value.problems)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[tws]\nsed = 1\n" + '[[act]]\ndo = "stall"\n[[act]]\nat = 1\ndo = "no"', encoding="utf-8")
    with pytest.raises(BadScenario) as refused:
        load_scenario(path)
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["tws", "act 1", "act 2"]


@pytest.mark.parametrize("line", ["[1]", "5", "{", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": Infinity}', "[" * 9999])
def test_a_line_is_one_object_that_says_everything_once(tmp_path: Path, line: str) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(BadScenario):
        load_scenario(path)


def test_every_act_can_be_written_and_carried_out() -> None:
    """No act without a hand that does it, and none that cannot be said in a file."""
    control = Control(Desk(Settings(), SettableClock()), lambda _: None)
    assert set(control._doing) == set(ACTS) and len(NAMES) == len(ACTS)
    for name, kind in NAMES.items():
        required = {field for field, about in kind.model_fields.items() if about.is_required()}
        samples: dict[str, Any] = {
            "code": 1, "price": "1", "ids": 1, "con_id": AAPL, "bid": "1", "ask": "2", "quantity": "1", "side": "BUY",
            "answer": "error", "reply": "ok", "winner": "fill_first", "state": "lost", "mode": "live",
        }  # fmt: skip
        act = read_act({"do": name, **{field: samples[field] for field in required}})
        assert type(act) is kind


def test_events_are_requests_and_what_happens_here() -> None:
    assert EVENTS >= REQUEST_NAMES and not EVENTS & set(ANSWERS)
    assert read_cue({"on": "fill", "do": "step"}).nth == 1
    assert read_line('{"bid": 0.1}') == {"bid": Decimal("0.1")}


async def test_a_script_acts_on_the_very_request_it_waits_for() -> None:
    script = Scenario(
        cues=(
            Cue(acts.LoseBefore(link="keep"), on="place_order", nth=2),
            Cue(acts.Say(code=2109, text="late"), on="accepted", nth=2, after=Decimal("0.05")),
            Cue(acts.Fill(), on="cancelled"),
            Cue(acts.Say(code=2105, text="timed"), at=Decimal("0.01")),
        )
    )
    async with a_tws(scenario=script) as bench:
        ib = await bench.connect()
        heard = errors_of(ib)
        trades = [place(ib, an_order(lmtPrice=90, orderRef=ref)) for ref in ("one", "two", "three")]
        await bench.settle(ib)
        assert [trade.orderStatus.status for trade in trades] == ["Submitted", "PendingSubmit", "Submitted"]
        await until(lambda: {code for _, code, _ in heard} >= {2105, 2109})
        ib.cancelOrder(trades[2].order)
        await bench.moved(ib)
        assert trades[2].orderStatus.status == "Filled", "the late fill of a cancelled order"


async def test_a_request_can_set_off_the_stall_that_holds_it_up() -> None:
    script = Scenario(cues=(Cue(acts.Stall(), on="place_order"), Cue(acts.HangUp(), on="place_order", nth=2)))
    async with a_tws(scenario=script) as bench:
        ib = await bench.connect()
        trade = place(ib, an_order(lmtPrice=90, orderRef="held"))
        await until(lambda: bench.received("place_order"))
        await asyncio.sleep(0.02)
        assert trade.orderStatus.status == "PendingSubmit" and not bench.tws.desk.trading.book.orders
        bench.do(acts.Resume())
        await bench.settle(ib)
        assert trade.orderStatus.status == "Submitted" and len(bench.received("place_order")) == 1
        place(ib, an_order(lmtPrice=90, orderRef="cut"))
        await until(lambda: not ib.isConnected())
        assert [order.values["orderRef"] for order in bench.tws.desk.trading.book.orders.values()] == ["held"]


async def test_what_a_script_cannot_do_is_said_and_skipped() -> None:
    said: list[str] = []
    script = Scenario(cues=(Cue(acts.Fill(), on="connect"), Cue(acts.Step(), on="connect")))
    async with TwsServer(Settings(tick_milliseconds=0), SettableClock(), scenario=script, say=said.append) as tws:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", tws.port)
            writer.write(b"API\0\0\0\0\x09v157..178" + b"\0\0\0\x08" + b"71\x002\x001\x00\x00")
            while len(said) < 2:
                await asyncio.sleep(0.005)
            writer.close()
    assert said == ["fill: there is no such order", "step"]


async def test_the_examples_of_the_documentation_can_be_played(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "twsim.md").read_text(encoding="utf-8")
    scripts = [part.split("```")[0] for part in text.split("```toml\n")[1:]]
    lines = [part.split("```")[0] for part in text.split("```json\n")[1:]]
    assert len(scripts) >= 2 and lines
    for number, script in enumerate(scripts):
        path = tmp_path / f"{number}.toml"
        path.write_text(script, encoding="utf-8")
        assert load_scenario(path).cues
    for block in lines:
        for line in block.strip().splitlines():
            assert read_act(json.loads(line, parse_float=Decimal))


def test_the_documentation_names_every_act_and_event() -> None:
    text = (ROOT / "docs" / "twsim.md").read_text(encoding="utf-8")
    for name in (*NAMES, *(EVENTS - REQUEST_NAMES)):
        assert f"`{name}`" in text, name
