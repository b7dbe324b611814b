"""`explain --cases`: decisions from a file or a pipe, without a store, a configuration or a broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.gates import GATES
from tests.cli.case_data import a_case, an_order
from tests.cli.conftest import Answer, Cli

FIELDS = ["case", "allowed", "error_code", "refusal_code", "message", "user_action", "findings"]
OF_A_FINDING = {
    "check", "code", "status", "message", "observed", "limit", "unit", "headroom", "user_action", "as_of", "source",
    "age_seconds",
}  # fmt: skip


def decided(cli: Cli, folder: Path, text: str | bytes, *flags: str) -> Answer:
    file = folder / "cases.jsonl"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return cli("explain", "--cases", str(file), *flags)


def answers(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.out.splitlines()]


def test_a_case_in_a_decision_out(cli: Cli, tmp_path: Path) -> None:
    answer = decided(cli, tmp_path, json.dumps(a_case()), "--json")
    assert (answer.code, answer.err) == (0, "")
    (body,) = answers(answer)
    assert list(body) == FIELDS
    assert (body["case"], body["allowed"], body["error_code"], body["refusal_code"]) == ("baseline", True, None, None)
    assert [finding["check"] for finding in body["findings"]][: len(GATES)] == [gate.name for gate in GATES]
    assert len(body["findings"]) == 10 + 22
    assert all(set(finding) == OF_A_FINDING for finding in body["findings"])
    found = {finding["check"]: finding for finding in body["findings"]}
    notional = found["max_notional"]
    assert (notional["observed"], notional["limit"], notional["unit"]) == ("100", "1000", "USD")
    assert found["paper_to_live"]["age_seconds"] == "194400"


def test_a_case_without_a_name_is_answered_without_one(cli: Cli, tmp_path: Path) -> None:
    (body,) = answers(decided(cli, tmp_path, json.dumps(a_case(case=None)), "--json"))
    assert body["case"] is None and body["allowed"]
    assert "case at line 1: ALLOWED" in decided(cli, tmp_path, json.dumps(a_case(case=None))).out


def test_a_refusal_is_an_answer_not_an_error(cli: Cli, tmp_path: Path) -> None:
    text = json.dumps(a_case(order=an_order(quantity="11")))
    answer = decided(cli, tmp_path, text, "--json")
    assert answer.code == 0
    (body,) = answers(answer)
    assert (body["allowed"], body["error_code"]) == (False, "LIVE_LIMIT_REFUSED")
    assert body["refusal_code"] == "LIVE_QUANTITY_LIMIT_REFUSED"
    shown = decided(cli, tmp_path, text).out
    assert "baseline: NOT ALLOWED (LIVE_LIMIT_REFUSED)" in shown and "lower the quantity" in shown


def test_blank_lines_are_no_cases(cli: Cli, tmp_path: Path) -> None:
    line = json.dumps(a_case())
    assert len(answers(decided(cli, tmp_path, f"\n{line}\n\n  \n{line}\r\n", "--json"))) == 2
    nothing = decided(cli, tmp_path, "\n \n", "--json")
    assert (nothing.code, nothing.out) == (0, "")


@pytest.mark.parametrize(
    ("bad", "name", "code", "problem"),
    [
        ("{oops}", None, "INPUT_INVALID", "is not JSON"),
        ("[oops", None, "INPUT_INVALID", "is not JSON"),
        ('{"case": "cut", "now":', None, "INPUT_INVALID", "is not JSON"),
        ('"text"', None, "INPUT_INVALID", "no JSON object"),
        ("\xff", None, "INPUT_INVALID", "UTF-8"),
        ("[" * 100_000, None, "INPUT_INVALID", "nested too deeply"),
        (json.dumps(a_case()) + " {}", None, "INPUT_INVALID", "one case a line"),
        (json.dumps(a_case())[:-1] + ', "mode": "paper"}', None, "INPUT_INVALID", "more than once"),
        (json.dumps(a_case(kil_switch="open")), "baseline", "INPUT_INVALID", "did you mean kill_switch?"),
        (json.dumps(a_case(market={"bd": "1"})), "baseline", "INPUT_INVALID", "did you mean bid?"),
        (json.dumps(a_case(now=None)), "baseline", "INPUT_INVALID", "now: is required"),
        (json.dumps(a_case(case=7)), None, "INPUT_INVALID", "case: "),
        (json.dumps(a_case(audit_available="yes")), "baseline", "INPUT_INVALID", "audit_available: "),
        (json.dumps(a_case(policies={"p": {"max": 1}})), "baseline", "INPUT_INVALID", "policies.p.max: is not a key"),
        (json.dumps(a_case(policies={"p": {"max_notionl": 1}})), "baseline", "INPUT_INVALID", "mean max_notional?"),
        (json.dumps(a_case(policies={"p": {"max_quantity": "x"}})), "baseline", "INPUT_INVALID", "policies.p.max_quan"),
        (json.dumps(a_case(kil_switc=1)), "baseline", "INPUT_INVALID", "kil_switc: is not a key"),
        (json.dumps(a_case(order=an_order(quantity="0"))), "baseline", "ORDER_VALIDATION_FAILED", "greater than zero"),
        (json.dumps(a_case(order=an_order(side=None))), "baseline", "ORDER_VALIDATION_FAILED", "order.side: is requir"),
        (json.dumps(a_case(order=an_order(limitprice=1))), "baseline", "ORDER_VALIDATION_FAILED", "mean limit_price?"),
    ],
)
def test_a_bad_case_is_told_in_its_place_and_stops_nothing(
    bad: str, name: str | None, code: str, problem: str, cli: Cli, tmp_path: Path
) -> None:
    good = json.dumps(a_case(case="good"))
    for before in ([good], []):  # in the middle, and as the very first line, from which the layout is told
        text = "\n".join([*before, bad, good])
        answer = decided(cli, tmp_path, text.encode("latin-1"), "--json")
        got = answers(answer)
        assert [body["allowed"] for body in got] == [*[True for _ in before], False, True]
        told = got[len(before)]
        assert list(told) == ["case", "line", "allowed", "error_code", "refusal_code", "error"]
        assert (told["case"], told["line"], told["error_code"]) == (name, len(before) + 1, code)
        assert told["refusal_code"] is None and told["error"]["code"] == code
        assert any(problem in line for line in told["error"]["problems"]), told["error"]
        assert answer.code == 2
    for_people = decided(cli, tmp_path, text.encode("latin-1"))
    assert "line 1: " in for_people.out and "NOT DECIDED" in for_people.out and "good: ALLOWED" in for_people.out


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_an_array_and_objects_over_many_lines(indent: Any, bom: str, cli: Cli, tmp_path: Path) -> None:
    three = [a_case(case=f"c{number}") for number in range(3)]
    array = json.dumps(three, indent=indent)
    printed = "\n".join(json.dumps(case, indent=indent) for case in three)
    mixed = "[\n" + ",\n".join(json.dumps(case) for case in three) + "\n]\n"
    for text in (array, printed, mixed, array.replace("},\n", "}\n,")):
        answer = decided(cli, tmp_path, bom + text, "--json")
        assert [body["case"] for body in answers(answer)] == ["c0", "c1", "c2"], text[:100]
        assert answer.code == 0


def test_a_bad_case_in_an_array_stops_nothing(cli: Cli, tmp_path: Path) -> None:
    text = json.dumps([a_case(case="a"), 5, a_case(case="b", mode="real"), a_case(case="c")], indent=2)
    got = answers(decided(cli, tmp_path, text, "--json"))
    assert [(body["case"], body["allowed"]) for body in got] == [
        ("a", True), (None, False), ("b", False), ("c", True),
    ]  # fmt: skip
    assert text.splitlines()[got[2]["line"] - 1].strip() == "{"


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_a_file_that_breaks_off_is_told(cut: int, cli: Cli, tmp_path: Path) -> None:
    text = json.dumps([a_case(case="a"), a_case(case="b")], indent=2)[:-cut]
    answer = decided(cli, tmp_path, text, "--json")
    assert answer.code == 2
    assert answers(answer)[-1]["error_code"] == "INPUT_INVALID"
    assert answers(answer)[0]["case"] == "a"


def test_the_table_shows_every_check(cli: Cli, tmp_path: Path) -> None:
    out = decided(cli, tmp_path, json.dumps(a_case(case="evil\x1b[2J"))).out
    assert "ALLOWED" in out and "\x1b" not in out
    assert len(out.splitlines()) == 1 + 1 + 32
    assert "max_position is not set" in out


def test_foreign_text_is_harmless_in_json_too(cli: Cli, tmp_path: Path) -> None:
    case = a_case(case="\u202eevil\x7f", order=an_order(symbol="A\x1b[2J"))
    out = decided(cli, tmp_path, json.dumps(case), "--json").out
    parsed = json.dumps(json.loads(out), ensure_ascii=False)
    assert not set("\x1b\u202e\x7f") & set(parsed)


@pytest.mark.parametrize(
    "arguments", [[], ["o-1", "--cases", "x"], ["--case"], ["--cases", "x", "--case"], ["--cases", "/nonexistent"]]
)
def test_wrong_usage(arguments: list[str], cli: Cli) -> None:
    assert cli("explain", *arguments, "--json").code == 2


def test_a_fault_of_ours_in_one_case_loses_no_other_answer(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ibgw_tui.core.cases import Case

    sound = Case.decide

    def faulty(self: Case) -> Any:
        if self.name == "c1":
            raise ZeroDivisionError("a fault")
        return sound(self)

    monkeypatch.setattr(Case, "decide", faulty)
    answer = decided(cli, tmp_path, "\n".join(json.dumps(a_case(case=f"c{n}")) for n in range(3)), "--json")
    assert answer.code == 1
    assert [(body["allowed"], body["error_code"]) for body in answers(answer)] == [
        (True, None), (False, "UNEXPECTED"), (True, None),
    ]  # fmt: skip


# ---- real processes


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ibgw_tui", "explain", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )


def test_each_answer_leaves_before_the_next_case_comes() -> None:
    process = started("--cases", "-", "--json")
    assert process.stdin is not None and process.stdout is not None
    for number in range(3):
        process.stdin.write(json.dumps(a_case(case=f"c{number}")).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["case"] == f"c{number}"
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


# The kernel's own figure of this program: getrusage would also tell of the test that started it.
PEAK = (
    "import re, sys; from pathlib import Path; from ibgw_tui.cli.main import main; code = main(sys.argv[1:]);"
    "told = Path('/proc/self/status'); text = told.read_text() if told.exists() else 'VmHWM: 0';"
    "print(re.search('VmHWM:\\\\s+([0-9]+)', text)[1], file=sys.stderr); sys.exit(code)"
)


def test_ten_thousand_cases_in_one_call_in_the_memory_of_a_few(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    peaks = []
    for count in (200, 10_000):
        with file.open("w") as cases:
            for number in range(count):
                quantity = "11" if number % 2 else "1"
                cases.write(json.dumps(a_case(case=f"c{number}", order=an_order(quantity=quantity))) + "\n")
                if number == count // 2:
                    cases.write('{"case": "broken", oops}\n')
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "explain", "--cases", str(file), "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 2, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == count + 1
        got = [json.loads(line) for line in lines]
        bad = got.pop(count // 2 + 1)
        assert bad["line"] == count // 2 + 2 and bad["error_code"] == "INPUT_INVALID"
        assert [body["case"] for body in got] == [f"c{number}" for number in range(count)]
        assert [body["allowed"] for body in got] == [number % 2 == 0 for number in range(count)]
        peaks.append(int(done.stderr.splitlines()[-1]))
    assert peaks[1] < peaks[0] + 4 * 1024, f"{peaks} KiB"


def test_nothing_is_loaded_that_a_case_does_not_need(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(a_case()))
    probe = (
        "import sys; from ibgw_tui.cli.main import main; code = main(sys.argv[1:]);"
        "print(','.join(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, "explain", "--cases", str(file), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "IBGW_CONFIG": "/nonexistent", "IBGW_DESK__HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split(","))
    assert not loaded & {"textual", "peewee", "apsw", "rich", "ib_async", "platformdirs", "ibgw_tui.config"}
    assert not [name for name in loaded if name.startswith(("ibgw_tui.store", "ibgw_tui.service", "ibgw_tui.wiring"))]
