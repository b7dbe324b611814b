"""Nothing that leaves the desk names an account or a secret, wherever somebody wrote it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.redaction import ACCOUNT, REDACTED, redact


@pytest.mark.parametrize(
    "text",
    [
        "buy for DU1234567 today",
        "U1234567",
        "account=u1234567;",
        "(DF1234567)",
        "ＤＵ１２３４５６７",
        "F1234567/U7654321",
    ],
)
def test_account_numbers_in_any_text(text: str) -> None:
    cleaned = redact({"note": [{"deep": text}]})["note"][0]["deep"]
    assert ACCOUNT in cleaned and "234567" not in cleaned and "7654321" not in cleaned


@pytest.mark.parametrize(
    "text", ["AAPL", "o-4f2a1234567", "EURUSD1234567", "DU12", "1234567", "id-1234567", "HU1234567"]
)
def test_what_only_looks_a_little_like_one_stays(text: str) -> None:
    assert redact({"note": text}) == {"note": text}


def test_an_account_of_any_shape_is_taken_out_everywhere_once_it_is_named() -> None:
    body = {
        "intent": {"account": "DESK-9", "rationale": "move it to DESK-9, not DESK-91"},
        "rows": [{"accounts": ["DESK-7"]}],
    }
    assert redact(body) == {
        "intent": {"account": ACCOUNT, "rationale": f"move it to {ACCOUNT}, not DESK-91"},
        "rows": [{"accounts": [ACCOUNT]}],
    }
    assert redact("from SPECIAL to DESK", accounts=["SPECIAL", ""]) == f"from {ACCOUNT} to DESK"


@pytest.mark.parametrize(
    "key", ["password", "api_key", "apiKey", "client_secret", "Authorization", "session_id", "access_token", "cookie"]
)
def test_what_stands_under_the_name_of_a_secret(key: str) -> None:
    value: dict[str, Any] = {
        "a": [{key: "hunter2"}, {key: 1234}, {key: ["hunter2"]}, {key: {"x": "hunter2"}}, {key: None}]
    }
    assert redact(value) == {"a": [{key: REDACTED}] * 4 + [{key: None}]}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("my password is hunter2, ok", "hunter2"),
        ('{"token": "abc123"}', "abc123"),
        ("api_key=abc123&x=1", "abc123"),
        ("see https://me:hunter2@example.com/", "hunter2"),
        ("Authorization: Bearer abcdefghij", "abcdefghij"),
        ("sk-abcdefghijklmnop", "abcdefghijklmnop"),
        ("ghp_abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "eyJzdWIiOiIx"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----", "MC4CAQ"),
    ],
)
def test_secrets_in_free_text(text: str, secret: str) -> None:
    assert secret not in redact({"rationale": text})["rationale"]


def test_two_accounts_as_keys_stay_two() -> None:
    cleaned = redact({"DU1234567": 1, "DU7654321": 2})
    assert sorted(cleaned.values()) == [1, 2] and not any("DU" in key for key in cleaned)


def test_what_names_what_was_done_is_kept() -> None:
    body = {"idempotency_key": "submit:id-3", "approval_id": "id-3", "quantity": "1", "ok": True, "n": 3, "none": None}
    assert redact(body) == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("U1234567") | st.just("token=x1y2z3"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("DU1234567"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_at_any_depth_and_without_touching_the_original(value: Any) -> None:
    before = copy.deepcopy(value)
    cleaned = json.dumps(redact(value), ensure_ascii=False)
    assert value == before
    assert "U1234567" not in cleaned and "x1y2z3" not in cleaned
    assert redact(redact(value)) == redact(value)
