"""The chain: any change to any entry is found, and where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.audit import (
    GENESIS,
    AuditProblem,
    AuditVerdict,
    chain_hash,
    entry_bytes,
    headline,
    verify_chain,
)
from tests.makers import NOON

Row = tuple[int, bytes, bytes]


def a_chain(length: int) -> list[Row]:
    rows: list[Row] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        entry = entry_bytes(
            seq=seq, at=NOON, kind="test", actor="agent", principal="a", order_ref=None, body={"n": seq}
        )
        previous = chain_hash(seq, previous, entry)
        rows.append((seq, entry, previous))
    return rows


def test_an_untouched_chain_verifies() -> None:
    rows = a_chain(20)
    verdict = verify_chain(rows)
    assert verdict.ok and verdict.entries == 20 and verdict.head == rows[-1][2].hex()
    assert verify_chain([]).head == GENESIS.hex()
    assert verify_chain(rows[10:], start_seq=10, start_hash=rows[9][2]).ok


@given(st.integers(1, 12), st.data())
def test_one_changed_byte_is_found_where_it_is(at: int, data: st.DataObject) -> None:
    rows = a_chain(12)
    seq, entry, stored = rows[at - 1]
    column = data.draw(st.sampled_from(["entry", "hash"]))
    target = entry if column == "entry" else stored
    position = data.draw(st.integers(0, len(target) - 1))
    changed = target[:position] + bytes([target[position] ^ data.draw(st.integers(1, 255))]) + target[position + 1 :]
    rows[at - 1] = (seq, changed, stored) if column == "entry" else (seq, entry, changed)
    verdict = verify_chain(rows)
    assert not verdict.ok and verdict.broken_at == at


@given(st.integers(2, 12))
def test_a_missing_or_swapped_entry_is_found(at: int) -> None:
    rows = a_chain(13)
    assert verify_chain(rows[: at - 1] + rows[at:]).broken_at == at
    swapped = [*rows]
    swapped[at - 1], swapped[at] = (at, rows[at][1], rows[at][2]), (at + 1, rows[at - 1][1], rows[at - 1][2])
    assert verify_chain(swapped).broken_at == at


def test_a_cut_tail_verifies_but_has_another_head() -> None:
    """What a chain alone cannot see, and why the head is shown and kept elsewhere."""
    rows = a_chain(20)
    assert verify_chain(rows[:10]).ok
    assert verify_chain(rows[:10]).head != verify_chain(rows).head


def test_what_happened_to_a_row_is_told() -> None:
    rows = a_chain(9)
    stranger = entry_bytes(seq=4, at=NOON, kind="forged", actor="agent", principal="a", order_ref=None, body={})
    forged = (4, stranger, chain_hash(4, rows[2][2], stranger))
    shifted = [(seq + 1, entry, stored) for seq, entry, stored in rows[3:]]
    closed_up = [(seq - 1, entry, stored) for seq, entry, stored in rows[4:]]
    relabelled = entry_bytes(seq=9, at=NOON, kind="test", actor="agent", principal="a", order_ref=None, body={"n": 4})
    told = {
        "deleted": (rows[:3] + rows[4:], AuditVerdict.GAP, 4),
        "deleted and closed up": (rows[:3] + closed_up, AuditVerdict.GAP, 4),
        "put in": ([*rows[:3], forged, *shifted], AuditVerdict.INSERTED, 4),
        "put before all": ([(0, *rows[0][1:]), *rows], AuditVerdict.INSERTED, 0),
        "its own number changed": ([*rows[:3], (4, relabelled, rows[3][2]), *rows[4:]], AuditVerdict.ALTERED, 4),
        "not JSON any more": ([*rows[:3], (4, b"\xff", rows[3][2]), *rows[4:]], AuditVerdict.ALTERED, 4),
    }
    for what, (changed, verdict, at) in told.items():
        found = verify_chain(changed)
        assert (found.verdict, found.broken_at) == (verdict, at), what


def test_the_gravest_is_the_headline() -> None:
    order = list(AuditVerdict)
    problems = [AuditProblem(verdict, None, "") for verdict in reversed(order)]
    found = headline(problems)
    assert found is not None and found.verdict is AuditVerdict.ALTERED and headline([]) is None
    assert order[-1] is AuditVerdict.INTACT
