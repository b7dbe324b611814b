"""Foreign text can never drive a terminal, hide, or pretend."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.text import CONTROL_MARK, MARK, one_line, sanitise

hostile = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b\x9b\x9d\x90[]();?0123456789;mHJKABCDhl\x07\\\x00\x08\x7f\u202e\u200b\ufe0f\u0301\r\n\t"),
        st.characters(),
    ),
    max_size=200,
)


@given(hostile)
def test_nothing_that_a_terminal_obeys_survives(text: str) -> None:
    clean = sanitise(text)
    for character in clean:
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"), (
            hex(ord(character))
        )
    assert unicodedata.is_normalized("NFC", clean)


@given(hostile)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert sanitise(sanitise(text)) == sanitise(text)


@given(st.text(alphabet=st.characters(whitelist_categories=("L", "N"), max_codepoint=0x24F), max_size=80))
def test_plain_words_are_left_alone(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert sanitise(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\x1b[31mred\x1b[0mb", f"a{MARK}red{MARK}b"),
        ("\x1b7\x1b[1;8H100\x1b8", f"{MARK}{MARK}100{MARK}"),
        ("\x1b]52;c;ZXZpbA==\x07x", f"{MARK}x"),
        ("\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\", f"{MARK}click{MARK}"),
        ("\x9b31mred", f"{MARK}red"),
        ("\x1bPq#0\x1b\\after", f"{MARK}after"),
        ("lost \x1b", f"lost {MARK}"),
        ("100\u202e001", f"100{CONTROL_MARK}001"),
        ("AA\u200bPL", f"AA{CONTROL_MARK}PL"),
        ("tab\there\nline", "tab here\nline"),
        ("crlf\r\nline\rover", f"crlf\nline{CONTROL_MARK}over"),
        ("nul\x00bell\x07", f"nul{CONTROL_MARK}bell{CONTROL_MARK}"),
    ],
)
def test_what_was_taken_out_leaves_a_mark(text: str, clean: str) -> None:
    assert sanitise(text) == clean


def test_a_tower_of_combining_marks_is_cut() -> None:
    assert len(sanitise("a" + "\u0301\u0302" * 40)) < 5


def test_one_line_is_one_line() -> None:
    assert one_line("a\n b\t\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"
