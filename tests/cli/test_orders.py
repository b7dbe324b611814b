from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.cli.order_input import LARGEST_FILE
from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from tests.cli.conftest import DATA, ORDER, Cli

NASTY = "buy\x1b[2J\x1b]0;owned\x07 the dip\x9b31m\u202e\x00\x08!"
HOSTILE = set("\x1b\x9b\x07\x08\x00\u202e")


def written(tmp_path: Path, data: Any) -> str:
    path = tmp_path / "order.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return str(path)


# ---- stage


def test_staging_says_the_reference_and_what_happens_next(cli: Cli) -> None:
    answer = cli("stage", *ORDER)
    assert answer.code == 0
    reference = re.search(r"staged for review: (o-[0-9a-z]{10})", answer.out)
    assert reference is not None
    assert f"ibgw show {reference[1]}" in answer.out
    assert "Nothing was sent" in answer.out


def test_no_word_claims_more_than_happened(cli: Cli) -> None:
    answer = cli("stage", *ORDER)
    assert "submitted" not in (answer.out + answer.err).lower()


def test_staging_as_json(cli: Cli) -> None:
    order = cli("stage", *ORDER, "--json").json["order"]
    assert order["status"] == "staged"
    assert order["quantity"] == "1"
    assert order["limit_price"] == {"amount": "100", "currency": None}
    assert order["staged_by"] == "cli"
    assert order["staged_at"].endswith("Z")


def test_the_agent_is_named_by_the_environment_or_the_flag(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_AGENT", "momentum-1")
    assert cli("stage", *ORDER, "--json").json["order"]["staged_by"] == "momentum-1"
    assert cli("stage", *ORDER, "--agent", "other", "--json").json["order"]["staged_by"] == "other"


def test_an_order_from_a_file(cli: Cli, tmp_path: Path) -> None:
    full = {**DATA, "con_id": 265598, "outside_hours": True, "rationale": "because", "currency": "USD"}
    order = cli("stage", "--file", written(tmp_path, full), "--json").json["order"]
    assert order["limit_price"] == {"amount": "100", "currency": "USD"}
    intent = cli("show", order["order_ref"], "--json").json["order"]["intent"]
    assert {name: intent[name] for name in full} == full


def test_flags_win_over_the_file(cli: Cli, tmp_path: Path) -> None:
    answer = cli("stage", "--file", written(tmp_path, DATA), "--quantity", "2", "--con-id", "265598", "--json")
    assert answer.json["order"]["quantity"] == "2"


def test_an_order_from_stdin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(DATA).encode())))
    assert cli("stage", "--file", "-").code == 0


def test_what_show_prints_can_be_staged_again(cli: Cli, tmp_path: Path) -> None:
    first = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    intent = cli("show", first, "--json").json["order"]["intent"]
    assert cli("stage", "--file", written(tmp_path, intent)).code == 0


def test_every_field_of_an_order_has_a_flag(cli: Cli) -> None:
    month_ahead = (utc_now() + timedelta(days=30)).isoformat()
    answer = cli(
        "stage", "--account", "DU1234567", "--symbol", "SPY", "--side", "sell", "--quantity", "2",
        "--order-type", "trailing_stop_limit", "--trailing-percent", "1.5", "--limit-offset", "0.1",
        "--stop-price", "400", "--time-in-force", "gtd", "--good-till", month_ahead,
        "--asset-class", "option", "--currency", "USD", "--expiry", "20261218", "--strike", "410", "--right", "put",
        "--con-id", "42", "--outside-hours", "--rationale", "hedge", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.out
    intent = cli("show", answer.json["order"]["order_ref"], "--json").json["order"]["intent"]
    assert (intent["con_id"], intent["outside_hours"], intent["right"]) == (42, True, "put")


# ---- the key


def test_asking_again_with_a_key_is_safe(cli: Cli) -> None:
    first = cli("stage", *ORDER, "--key", "k-1", "--json").json
    again = cli("stage", *ORDER, "--key", "k-1", "--json").json
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["order"]["order_ref"] == again["order"]["order_ref"]
    assert "Nothing new was recorded" in cli("stage", *ORDER, "--key", "k-1").out


def test_a_key_for_another_order_is_a_conflict(cli: Cli, store: OrderStore) -> None:
    cli("stage", *ORDER, "--key", "k-1")
    before = store.last_seq()
    answer = cli("stage", *ORDER, "--quantity", "2", "--key", "k-1", "--json")
    assert answer.code == 5
    assert answer.json["error"]["code"] == "PAPER_IDEMPOTENCY_CONFLICT"
    assert store.last_seq() == before


def test_agents_do_not_share_keys(cli: Cli) -> None:
    one = cli("stage", *ORDER, "--key", "k-1", "--agent", "a", "--json").json["order"]["order_ref"]
    other = cli("stage", *ORDER, "--key", "k-1", "--agent", "b", "--json").json["order"]["order_ref"]
    assert one != other


# ---- bad input: all of it named, nothing recorded


BAD: dict[str, tuple[list[str], str]] = {
    "no account": ([*ORDER[2:]], "account: is required"),
    "negative quantity": ([*ORDER, "--quantity", "-1"], "quantity: must be greater than zero"),
    "zero": ([*ORDER, "--quantity", "0"], "quantity: must be greater than zero"),
    "not a number": ([*ORDER, "--quantity", "NaN"], "quantity: 'NaN' is not a number"),
    "infinity": ([*ORDER, "--limit-price", "inf"], "limit_price: 'inf' is not a number"),
    "float noise": ([*ORDER, "--limit-price", "0.30000000000000004"], "more than 8 digits"),
    "exponent": ([*ORDER, "--quantity", "1e3"], "quantity: '1e3' is not a plain decimal"),
    "lower-case symbol": ([*ORDER, "--symbol", "aapl"], "upper case"),
    "unknown side": ([*ORDER, "--side", "long"], "side: must be 'buy' or 'sell'"),
    "no price": ([*ORDER[:-2]], "limit_price: a limit order needs one"),
    "a price too many": ([*ORDER, "--order-type", "market"], "limit_price: a market order has none"),
    "contract id": ([*ORDER, "--con-id", "x"], "con_id:"),
    "blank key": ([*ORDER, "--key", " "], "key: is blank"),
    "empty key": ([*ORDER, "--key", ""], "key: is blank"),
    "agent": ([*ORDER, "--agent", "a b"], "agent: 'a b' is not a name"),
    "long rationale": ([*ORDER, "--rationale", "x" * 4001], "rationale: has 4,001 characters"),
    "file": ([*ORDER, "--file", "/nonexistent"], "cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_recorded(case: str, cli: Cli, store: OrderStore) -> None:
    arguments, says = BAD[case]
    before = store.last_seq()
    people, programs = cli("stage", *arguments), cli("stage", *arguments, "--json")
    assert (people.code, programs.code) == (2, 2)
    assert says in people.err
    assert people.out == ""
    assert says in programs.json["error"]["message"]
    assert store.last_seq() == before
    assert store.orders() == []


BAD_FILES: dict[str, tuple[Any, str]] = {
    "float quantity": ({**DATA, "quantity": 1.5}, "quantity: must be text such as"),
    "float price": ({**DATA, "limit_price": 100.10}, "limit_price: must be text"),
    "NaN": ({**DATA, "quantity": float("nan")}, "quantity: 'NaN' is not a number"),
    "unknown field": ({**DATA, "limitPrice": "1"}, "is not a field of an order; did you mean limit_price?"),
    "10 MB": ({**DATA, "rationale": "x" * 10_485_760}, "rationale: has 10,485,760 characters"),
    "not JSON": ("account=DU1234567", "is not JSON"),
    "empty": ("", "is empty"),
    "array": ([DATA], "holds a JSON array"),
    "nested": ({**DATA, "symbol": {"a": 1}}, "symbol:"),
    "hostile name": ({**DATA, "\x1b[2Jx": "1"}, "is not a field"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_named_and_nothing_is_recorded(case: str, cli: Cli, store: OrderStore, tmp_path: Path) -> None:
    data, says = BAD_FILES[case]
    path = written(tmp_path, data)
    before = store.last_seq()
    people, programs = cli("stage", "--file", path), cli("stage", "--file", path, "--json")
    assert (people.code, programs.code) == (2, 2)
    assert says in people.err
    assert says in programs.json["error"]["message"]
    assert not HOSTILE & set(people.err + programs.out)
    assert len(people.err) < 5000
    assert store.last_seq() == before


def test_empty_stdin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    answer = cli("stage", "--file", "-", "--json")
    assert answer.code == 2
    assert "stdin is empty" in answer.json["error"]["message"]


def test_all_problems_in_one_answer(cli: Cli) -> None:
    answer = cli("stage", "--symbol", "aapl", "--quantity", "-1", "--key", "", "--json")
    named = {line.split(":")[0] for line in answer.json["error"]["problems"]}
    assert named == {"account", "symbol", "side", "quantity", "key", "limit_price"}


# ---- foreign text


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "{ref}"], ["audit", "tail"], ["withdraw", "{ref}", "--reason", NASTY]]
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_escapes_never_reach_stdout(arguments: list[str], form: list[str], cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, {**DATA, "rationale": NASTY})
    staged = cli("stage", "--file", path, "--json")
    reference = staged.json["order"]["order_ref"]
    answer = cli(*[reference if part == "{ref}" else part for part in arguments], *form)
    assert answer.code == 0
    assert not HOSTILE & set(staged.out + answer.out + answer.err)
    if form:
        decoded = json.dumps(answer.json, ensure_ascii=False)
        assert answer.out.isascii()
        assert not HOSTILE & set(decoded)
        assert "\\u001b" not in answer.out.lower()


# ---- list


def test_an_empty_desk(cli: Cli) -> None:
    assert cli("list").out == "no orders\n"
    assert cli("list", "--json").json == {"schema_version": 1, "orders": [], "more": False}


def test_a_listing_is_aligned(cli: Cli) -> None:
    cli("stage", *ORDER)
    cli("stage", *ORDER, "--symbol", "EUR.USD", "--quantity", "20000")
    head, *rows = cli("list").out.splitlines()
    assert len(rows) == 2
    at = head.index("STATUS")
    assert all(row[at:].startswith("staged") for row in rows)
    assert "20,000" in rows[0]


def test_a_listing_can_be_narrowed(cli: Cli) -> None:
    mine = cli("stage", *ORDER, "--agent", "a", "--json").json["order"]["order_ref"]
    other = cli("stage", *ORDER, "--account", "DU7654321", "--agent", "b", "--json").json["order"]["order_ref"]
    cli("withdraw", mine, "--agent", "a")

    def refs(*options: str) -> list[str]:
        return [order["order_ref"] for order in cli("list", *options, "--json").json["orders"]]

    assert refs() == [other]
    assert refs("--all") == [other, mine]
    assert refs("--all", "--agent", "a") == [mine]
    assert refs("--all", "--account", "DU7654321") == [other]
    assert refs("--status", "withdrawn") == [mine]
    assert refs("--status", "withdrawn", "--status", "staged") == [other, mine]


def test_a_listing_says_when_there_is_more(cli: Cli) -> None:
    for _ in range(3):
        cli("stage", *ORDER)
    answer = cli("list", "--limit", "2")
    assert len(answer.out.splitlines()) == 3
    assert "more than 2" in answer.err
    assert cli("list", "--limit", "2", "--quiet").err == ""
    assert cli("list", "--limit", "2", "--json").json["more"] is True
    assert cli("list", "--limit", "3", "--json").json["more"] is False


def test_an_unknown_status_is_wrong_usage(cli: Cli) -> None:
    answer = cli("list", "--status", "sent", "--json")
    assert answer.code == 2
    assert "in_doubt" in answer.json["error"]["message"]


# ---- show


def test_show_by_a_part_of_the_reference(cli: Cli) -> None:
    reference = cli("stage", *ORDER, "--rationale", "mean reversion", "--json").json["order"]["order_ref"]
    for part in (reference, reference[:8], reference[-5:]):
        assert cli("show", part, "--json").json["order"]["order_ref"] == reference
    out = cli("show", reference).out
    assert "BUY 1 AAPL at limit 100, day, in DU1234567" in out
    assert "status     staged" in out
    assert "mean reversion" in out
    assert "order.staged" in out


def test_show_of_nothing(cli: Cli) -> None:
    answer = cli("show", "o-zzzzzzzzzz", "--json")
    assert answer.code == 3
    assert answer.json["error"]["code"] == "INPUT_NOT_FOUND"


# ---- withdraw


def test_withdrawing(cli: Cli) -> None:
    reference = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    assert f"withdrawn: {reference}" in cli("withdraw", reference, "--reason", "changed my mind").out
    order = cli("show", reference, "--json").json["order"]
    assert (order["status"], order["reason"]) == ("withdrawn", "changed my mind")
    assert cli("withdraw", reference).code == 0, "twice is once"


def test_only_the_stager_withdraws(cli: Cli) -> None:
    reference = cli("stage", *ORDER, "--agent", "a", "--json").json["order"]["order_ref"]
    answer = cli("withdraw", reference, "--agent", "b", "--json")
    assert answer.code == 4
    assert answer.json["error"]["code"] == "AUTH_PERMISSION_DENIED"


def test_what_has_ended_is_not_withdrawn(cli: Cli, store: OrderStore) -> None:
    reference = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    with store.write() as change:
        change.move(change.order(reference), Signal.REFUSE, actor=Actor.ROUTER, principal="router")
    assert cli("withdraw", reference).code == 5


# ---- wait


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([], 6),
        ([(Signal.REFUSE, Actor.ROUTER)], 4),
        ([(Signal.PREVIEWED, Actor.ROUTER)], 6),
        ([(Signal.PREVIEWED, Actor.ROUTER), (Signal.APPROVE, Actor.OPERATOR)], 0),
        ([(Signal.PREVIEWED, Actor.ROUTER), (Signal.REJECT, Actor.OPERATOR)], 10),
        ([(Signal.WITHDRAW, Actor.AGENT)], 5),
    ],
)
def test_waiting_tells_the_outcome(signals: list[tuple[Signal, Actor]], code: int, cli: Cli, store: OrderStore) -> None:
    reference = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    for signal, actor in signals:
        with store.write() as change:
            change.move(change.order(reference), signal, actor=actor, principal="somebody")
    answer = cli("wait", reference, "--timeout", "0.3", "--json")
    assert answer.code == code
    assert answer.json["timed_out"] is (code == 6)


def test_a_table_too_large_is_refused_whole(home: Path, store: OrderStore) -> None:
    """Cut off in the middle of its last number it would be another order."""
    head, line = b"account,symbol,side,quantity,limit_price\n", b"DU1234567,AAPL,buy,1,100"
    table = head + line[:-2].rjust(LARGEST_FILE + 1 - len(head), b"\n") + b"00\n"
    for source in ("-", "table.csv"):
        (home / "table.csv").write_bytes(table)
        done = subprocess.run(
            [sys.executable, "-m", "ibgw_tui", "--home", str(home), "stage", "--csv", source],
            input=table, cwd=home, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 2 and b"is larger than 32 MB" in done.stderr
    assert not store.orders()
