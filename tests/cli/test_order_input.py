from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ibgw_tui.cli.order_input import check_request, read_order_file
from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.naming import nearest_name
from ibgw_tui.core.orders import FIELDS

GOOD = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}


def problems(data: Mapping[str, object], *, key: str | None = None, agent: str = "cli") -> tuple[str, ...]:
    with pytest.raises(InvalidRequest) as caught:
        check_request(data, key=key, agent=agent)
    return caught.value.problems


def test_a_good_order_passes() -> None:
    check_request(GOOD, key="k-1", agent="momentum-1")


def test_everything_wrong_is_said_at_once() -> None:
    data = {"symbol": "aapl", "side": "long", "quantity": "-1", "limit_price": "NaN", "limitPrice": "1"}
    named = {line.split(":")[0] for line in problems(data, key=" ", agent="a b")}
    assert named == {"agent", "key", "account", "symbol", "side", "quantity", "limit_price", "limitPrice"}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("limitPrice", "limit_price"),
        ("limit-price", "limit_price"),
        ("LIMIT_PRICE", "limit_price"),
        ("limt_price", "limit_price"),
        ("qty", "quantity"),
        ("tif", "time_in_force"),
        ("outsideHours", "outside_hours"),
        ("zzz", None),
    ],
)
def test_the_nearest_right_name(wrong: str, right: str | None) -> None:
    assert nearest_name(wrong, FIELDS) == right


def test_a_field_without_a_near_name_lists_all() -> None:
    (line,) = problems({**GOOD, "zzz": 1})
    assert all(name in line for name in FIELDS)


def test_json_floats_are_refused_with_the_remedy() -> None:
    (line,) = problems({**GOOD, "quantity": 0.1})
    assert line.startswith("quantity: must be text such as")


def test_float_noise_is_refused() -> None:
    (line,) = problems({**GOOD, "limit_price": "0.30000000000000004"})
    assert "more than 8 digits" in line


def test_a_missing_account_has_its_own_code() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_request({name: value for name, value in GOOD.items() if name != "account"}, key=None, agent="cli")
    assert caught.value.code is ErrorCode.INPUT_MISSING_ACCOUNT


def test_torn_bytes_of_an_argument_are_named() -> None:
    """Bytes that are no UTF-8 reach Python as lone surrogates; they must neither crash nor hide other problems."""
    named = [line.split(":")[0] for line in problems({**GOOD, "rationale": "\udcff", "side": "long"})]
    assert named == ["rationale", "side"]


@pytest.mark.parametrize("key", ["", " ", "\t", "k\n", " k", "k" * 129, "schlüssel", "\x1b[1m"])
def test_keys_that_are_none(key: str) -> None:
    (line,) = problems(GOOD, key=key)
    assert line.startswith("key: ")
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "is not JSON"),
        (b"account: DU1", "is not JSON"),
        (b"[]", "holds a JSON array"),
        (b'"x"', "holds a JSON string"),
        (b"null", "holds a JSON null"),
        (b"12", "holds a JSON number"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b'{"side": "buy", "side": "sell"}', "more than once"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"con_id": ' + b"9" * 5000 + b"}", "is not valid"),
    ],
    ids=range(12),
)
def test_files_that_are_no_order(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "order.json"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=says):
        read_order_file(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        read_order_file(str(tmp_path / "none.json"))


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_bytes(b'\xef\xbb\xbf{"side": "buy"}')
    assert read_order_file(str(path)) == {"side": "buy"}


def test_words_that_json_does_not_have_stay_words(tmp_path: Path) -> None:
    """Python would read NaN as a float; the core then says what is wrong with it, beside all else."""
    path = tmp_path / "order.json"
    path.write_text('{"quantity": NaN, "limit_price": -Infinity}')
    assert read_order_file(str(path)) == {"quantity": "NaN", "limit_price": "-Infinity"}


def test_stdin_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"side": "buy"}')))
    assert read_order_file("-") == {"side": "buy"}
