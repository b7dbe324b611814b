from __future__ import annotations

import json

import pytest

from ibgw_tui.cli.output import Console, document, table
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.error_table import error_body
from ibgw_tui.core.errors import InvalidRequest, NotPermitted
from ibgw_tui.core.terms import CheckStatus

NASTY = "sell\x1b[2J\x1b]0;owned\x07 \x9b31m now\u202e!\r\u200b"


def test_a_document_is_ascii_and_says_its_version_first() -> None:
    text = document({"note": "Zürich"})
    assert text.isascii()
    assert next(iter(json.loads(text))) == "schema_version"
    assert json.loads(text) == {"schema_version": 1, "note": "Zürich"}


def test_foreign_text_in_a_document_is_harmless_wherever_it_is() -> None:
    """Also after a parser has undone the escaping: in keys, in lists, deep down."""
    got = json.dumps(json.loads(document({"a": [{NASTY: NASTY}]})), ensure_ascii=False)
    assert not set("\x1b\x9b\x07\u202e\u200b") & set(got)
    assert "\\u001b" not in document({"a": NASTY})


def test_no_number_that_json_does_not_know() -> None:
    with pytest.raises(ValueError):
        document({"price": float("nan")})


def test_an_error_has_every_field_of_the_contract() -> None:
    finding = Finding("max_quantity", "LIVE_QUANTITY_LIMIT_REFUSED", CheckStatus.REFUSE, "too many")
    body = error_body(NotPermitted("no", user_action="ask", findings=[finding]))["error"]
    assert set(body) == {"code", "message", "findings", "user_action", "retryable", "problems"}
    assert body["findings"][0]["code"] == "LIVE_QUANTITY_LIMIT_REFUSED"


def test_people_read_each_problem_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = InvalidRequest("the order has 2 problems: a; b", problems=["side: is required", "price: \x1b[31mred"])
    Console().failure(error_body(error))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["ibgw: the order has 2 problems", "  side: is required", "  price: ␛red"]


def test_programs_read_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=True).failure(error_body(NotPermitted("no")))
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["message"] == "no"
    assert err == ""


def test_quiet_silences_remarks_but_not_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    Console(quiet=True).note("remark")
    Console(quiet=True).warn("warning")
    assert capsys.readouterr().err == "warning\n"


def test_columns_are_aligned_and_cells_are_one_line() -> None:
    lines = table(["REF", "N", "WHY"], [["o-1", "1", "a\nb"], ["o-100", "20", "\x1b[1mc"]], right=frozenset({1}))
    assert lines == ["REF     N  WHY", "o-1     1  a b", "o-100  20  ␛c"]


def test_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert Console().paint("closed", "red") == "closed"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_may_refuse_colour(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Console().paint("closed", "red") == "\x1b[31mclosed\x1b[0m"
    monkeypatch.setenv(variable, value)
    assert Console().paint("closed", "red") == "closed"
