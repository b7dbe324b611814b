"""Each published exit code is reached by a real call. (20 to 26, of `audit verify`: test_audit_verify.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.cli.exits import Exit
from ibgw_tui.store import OrderStore
from tests.cli.conftest import ORDER, Shown
from tests.cli.test_exits import PUBLISHED
from tests.service.bench_desk import bench_desk

HERE = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 78, 130}


def test_the_rest_is_reached_elsewhere() -> None:
    assert set(range(20, 27)) == PUBLISHED - HERE


async def test_by_real_calls(tmp_path: Path, at: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: dict[int, str] = {}

    def note(code: int, words: str) -> None:
        reached[code] = words

    async with bench_desk(tmp_path / "bench") as desk:
        cli = at(desk)
        pending, rejected, other = [await desk.pending(quantity=str(number)) for number in (1, 2, 3)]
        await desk.do(lambda: desk.review.reject(rejected.order_ref, reason="no", reason_code="OTHER"))
        note(cli("list").code, "list")
        note(cli("stage", "--quantity", "-1").code, "a wrong order")
        note(cli("show", "o-nothere").code, "no such order")
        note(cli("withdraw", other.order_ref, "--agent", "stranger").code, "another's order")
        note(cli("cancel", other.order_ref, "--agent", "agent-1", "--idempotency-key", "k").code, "not at the broker")
        note(cli("wait", pending.order_ref, "--timeout", "0").code, "nobody decided")
        note(cli("wait", rejected.order_ref, "--timeout", "0").code, "rejected")
        (tmp_path / "bad.toml").write_text("[desk]\nnonsense = 1\n")
        (tmp_path / "bad.toml").chmod(0o600)
        note(cli("list", "--config", str(tmp_path / "bad.toml")).code, "a wrong configuration")

    def damage(path: Path) -> None:
        import apsw

        connection = apsw.Connection(str(path))
        connection.execute("DROP TRIGGER IF EXISTS audit_no_update")
        triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        columns = {row[1] for row in connection.execute("PRAGMA table_info(audit)")}
        column = "entry" if "entry" in columns else "body"
        connection.execute(f"UPDATE audit SET {column} = replace({column}, 'pending', 'PENDING')")
        connection.close()

    damage(desk.path)
    note(cli("audit", "verify", "--full").code, "an altered entry")
    broken = tmp_path / "broken"
    broken.mkdir(mode=0o700)
    (broken / "desk.sqlite3").write_bytes(b"not a database, far from it" * 400)
    note(cli("list", "--home", str(broken)).code, "no store")
    for error, words in ((ZeroDivisionError(), "a fault"), (KeyboardInterrupt(), "Ctrl+C")):

        def burst(*_: object, error: BaseException = error, **__: object) -> OrderStore:
            raise error

        monkeypatch.setattr("ibgw_tui.wiring.agent_side.OrderStore.open", burst)
        note(cli("stage", *ORDER).code, words)
    assert set(reached) == HERE, {Exit(code): words for code, words in reached.items()}
