"""A saved head against a log: grown, cut, put back, rewritten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.audit import AuditVerdict
from ibgw_tui.core.checkpoint import Checkpoint, compare, parse_checkpoint
from tests.makers import NOON


def hash_of(seq: int, history: str = "a") -> bytes:
    return (f"{history}{seq:03d}" * 8).encode()[:32]


def a_checkpoint(size: int, history: str = "a", **changes: object) -> Checkpoint:
    made = Checkpoint(
        hash_of(1, history).hex(), size, hash_of(size, history).hex(), NOON, "interval", {"orders": size}, None,
        "ab" * 32, "cd" * 64,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def told(
    checkpoints: list[Checkpoint], size: int, *, fork: int | None = None, orders: int = 1000
) -> list[tuple[AuditVerdict, int | None]]:
    """Verdicts on a log of `size` entries that follows history a up to `fork` and b after it."""

    def hash_at(seq: int) -> bytes | None:
        if not 1 <= seq <= size:
            return None
        return hash_of(seq, "b" if fork is not None and seq > fork else "a")

    return [(p.verdict, p.at) for p in compare(checkpoints, size=size, hash_at=hash_at, marks={"orders": orders})]


def test_a_log_that_grew_fits() -> None:
    saved = [a_checkpoint(size) for size in (3, 7, 10)]
    assert told(saved, 10) == told(saved, 500) == told([], 3) == []


def test_a_shorter_one_was_cut_or_put_back() -> None:
    saved = [a_checkpoint(size) for size in (3, 7, 10)]
    assert told(saved, 8) == [(AuditVerdict.TRUNCATED, 8)]
    assert told(saved, 8, orders=9) == [(AuditVerdict.ROLLED_BACK, 8)]
    assert told(saved, 0) == [(AuditVerdict.TRUNCATED, 0)]


def test_one_that_was_made_anew_is_rewritten_whatever_its_length() -> None:
    saved = [a_checkpoint(size) for size in (3, 7, 10)]
    assert (
        told(saved, 10, fork=5) == told(saved, 400, fork=5) == told(saved, 8, fork=5) == [(AuditVerdict.REWRITTEN, 4)]
    )
    assert told(saved, 10, fork=0) == told(saved, 2, fork=0) == [(AuditVerdict.REWRITTEN, 1)]
    assert told([a_checkpoint(5, "z")], 9) == [(AuditVerdict.REWRITTEN, 1)], "or it is another desk's"


def test_an_unchanged_head_with_another_beginning_is_another_log() -> None:
    assert told([a_checkpoint(5, origin="00" * 32)], 9) == [(AuditVerdict.REWRITTEN, 1)]


def test_it_reads_as_it_was_written() -> None:
    made = a_checkpoint(5, accepts="the disk died")
    assert parse_checkpoint(made.line()) == made
    signed = made.signed(b"k" * 32, lambda content: content[:64])
    assert signed.key == (b"k" * 32).hex() and parse_checkpoint(signed.line()) == signed
    assert signed.signed_bytes() == replace(signed, signature="").signed_bytes()


@pytest.mark.parametrize(
    "changes", [{"size": 6}, {"head": "00" * 32}, {"why": "x"}, {"marks": {}}, {"accepts": ""}, {"origin": "11" * 32}]
)
def test_every_field_is_signed(changes: dict[str, object]) -> None:
    made = a_checkpoint(5)
    assert replace(made, **changes).signed_bytes() != made.signed_bytes()  # type: ignore[arg-type]


@given(st.data())
def test_a_damaged_line_is_another_checkpoint_or_none(data: st.DataObject) -> None:
    line = a_checkpoint(5).line().encode()
    place = data.draw(st.integers(0, len(line) - 1))
    changed = line[:place] + bytes([line[place] ^ data.draw(st.integers(1, 255))]) + line[place + 1 :]
    try:
        found = parse_checkpoint(changed)
    except ValueError:
        return
    assert found != a_checkpoint(5) and found.line().encode() == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"size":1}',
        a_checkpoint(5).line().replace('"size":5', '"size":5.0'),
        a_checkpoint(5).line().replace('"origin":"', '"origin":"0'),
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(ValueError):
        parse_checkpoint(text)
