"""The protocol: both eras, an independent client, errors that can be acted on, and a process that cannot decide."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from ibgw_tui.mcp_server.tools import TOOLS
from tests.mcp_server.conftest import ORDER
from tests.mcp_server.raw import RawClient
from tests.test_imports import ROOT, loaded_after

LEGACY, MODERN = "2025-11-25", "2026-07-28"


def of_sdk(home: Path, mode: Any, agent: str = "sdk-1", **more: Any) -> Client:
    arguments = ["-m", "ibgw_tui.mcp_server.main", "--agent", agent, "--home", str(home)]
    environment = {"PYTHONPATH": str(ROOT)}
    return Client(StdioServerParameters(command=sys.executable, args=arguments, env=environment), mode=mode, **more)


def document(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content[0].text
    found: dict[str, Any] = json.loads(result.content[0].text)
    assert found == result.structured_content
    return found


@pytest.mark.parametrize("mode", ["legacy", MODERN, "auto"])
async def test_the_sdks_own_client_stages_waits_and_reads_in_both_eras(mode: Any, tmp_path: Path) -> None:
    async with of_sdk(tmp_path, mode) as client:
        assert client.protocol_version == (LEGACY if mode == "legacy" else MODERN)
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in TOOLS]
        body = document(await client.call_tool("stage_order", {**ORDER, "idempotency_key": "k1"}))
        ref = body["order"]["order_ref"]
        waited = document(await client.call_tool("wait_for_change", {"cursor": 0, "timeout_seconds": 5}))
        assert [change["order_ref"] for change in waited["changes"]] == [ref]
        assert document(await client.call_tool("order_status", {"order_ref": ref}))["order"]["status"] == "staged"
        (resource,) = (await client.list_resources()).resources
        (contents,) = (await client.read_resource(resource.uri)).contents
        assert isinstance(contents, types.TextResourceContents)
        assert json.loads(contents.text)["order"]["order_ref"] == ref
        refused = await client.call_tool("stage_order", {**ORDER, "limitPrice": "1", "idempotency_key": "k2"})
        assert refused.is_error and refused.structured_content is None
        assert isinstance(refused.content[0], types.TextContent)
        error = json.loads(refused.content[0].text)["error"]
        assert "did you mean limit_price" in error["message"] and error["retryable"] is False
        with pytest.raises(Exception, match="there is no tool 'approve_order'"):
            await client.call_tool("approve_order", {"order_ref": ref})


def test_an_independent_client_sees_errors_in_the_form_of_the_contract(tmp_path: Path) -> None:
    with RawClient(tmp_path) as client:
        assert client.hello["protocolVersion"] == LEGACY
        error = client.error("order_status", order_ref="o-notthere")
        assert set(error) == {"code", "message", "findings", "user_action", "retryable", "problems"}
        assert error["code"] == "INPUT_NOT_FOUND" and error["user_action"] == "call list_orders to see your orders"
        error = client.error("stage_order", **{**ORDER, "quantity": "-1", "symbl": "X"}, idempotency_key="k")
        assert [line.split(":")[0] for line in error["problems"]] == ["symbl"]
        client.tool("stage_order", **ORDER, idempotency_key="k")
        error = client.error("stage_order", **{**ORDER, "quantity": "3"}, idempotency_key="k")
        assert error["code"] == "PAPER_IDEMPOTENCY_CONFLICT"
        unknown = client.call("tools/call", {"name": "submit_order", "arguments": {}})
        assert unknown["error"]["code"] == -32602
        assert "stage_order" in unknown["error"]["message"]


def test_hostile_text_reaches_nobody_as_a_control_sequence(tmp_path: Path) -> None:
    with RawClient(tmp_path) as client:
        body = client.tool("stage_order", **ORDER, rationale="\x1b[2J\u202eapproved\x07", idempotency_key="k")
        status = client.tool("order_status", order_ref=body["order"]["order_ref"])
        assert not set("\x1b\x07\u202e") & set(status["order"]["intent"]["rationale"])


def test_a_wait_is_bounded_ends_at_once_when_something_happens_and_blocks_nobody(tmp_path: Path) -> None:
    """Two conversations of the same agent: one waits, the other stages."""
    with RawClient(tmp_path) as waiting, RawClient(tmp_path) as acting:
        cursor = waiting.tool("list_orders")["cursor"]
        began = time.monotonic()
        assert waiting.tool("wait_for_change", cursor=cursor, timeout_seconds=1)["timed_out"]
        assert 0.9 < time.monotonic() - began < 4
        began = time.monotonic()
        timed = {}

        async def both() -> None:
            ask = asyncio.to_thread(waiting.tool, "wait_for_change", cursor=cursor, timeout_seconds=20)
            waits = asyncio.create_task(ask)
            await asyncio.sleep(0.3)
            timed["ref"] = (await asyncio.to_thread(acting.tool, "stage_order", **ORDER, idempotency_key="k"))["order"][
                "order_ref"
            ]
            timed["found"] = await waits

        asyncio.run(both())
        assert time.monotonic() - began < 5
        assert [change["order_ref"] for change in timed["found"]["changes"]] == [timed["ref"]]
        assert waiting.error("wait_for_change", timeout_seconds=26)["problems"][0].startswith("timeout_seconds")


def test_a_subscriber_of_the_older_era_hears_of_changes(tmp_path: Path) -> None:
    with RawClient(tmp_path) as client:
        ref = client.tool("stage_order", **ORDER, idempotency_key="k")["order"]["order_ref"]
        client.call("resources/subscribe", {"uri": f"ibgw://orders/{ref}"})
        client.tool("withdraw_order", order_ref=ref, reason="no")
        until = time.monotonic() + 10
        while not client.heard:
            assert time.monotonic() < until, "nothing was told"
            client.tool("kill_switch_status")
        assert client.heard[0]["method"] == "notifications/resources/updated"
        assert client.heard[0]["params"]["uri"] == f"ibgw://orders/{ref}"


async def test_a_listener_of_the_newer_era_hears_of_changes(tmp_path: Path) -> None:
    async with of_sdk(tmp_path, MODERN) as client:
        body = document(await client.call_tool("stage_order", {**ORDER, "idempotency_key": "k1"}))
        uri = f"ibgw://orders/{body['order']['order_ref']}"
        with anyio.fail_after(10):
            async with client.listen(resource_subscriptions=[uri]) as events:
                await client.call_tool("withdraw_order", {"order_ref": body["order"]["order_ref"], "reason": "no"})
                async for event in events:
                    assert getattr(event, "uri", None) == uri
                    break


def test_an_agent_comes_to_an_acceptable_order_in_two_revisions(live_home: Path) -> None:
    """A program without a model: it stages too much at a wrong price, reads what would pass, and revises."""
    with RawClient(live_home, "learner") as client:
        wish = {**ORDER, "quantity": "5000", "limit_price": "171.003"}
        ref = client.tool("stage_order", **wish, idempotency_key="w0")["order"]["order_ref"]
        for revision in range(3):
            cursor = 0
            while (found := client.tool("order_status", order_ref=ref)["order"])["status"] == "staged":
                cursor = client.tool("wait_for_change", order_ref=ref, cursor=cursor, timeout_seconds=10)["cursor"]
            if found["status"] == "pending":
                break
            assert found["status"] == "refused" and found["findings"], found
            changes = found["hints"]["proposal"]["changes"]
            revised = client.tool("revise_order", order_ref=ref, **changes, idempotency_key=f"w{revision + 1}")
            assert revised["order"]["revises"] == ref
            ref = revised["order"]["order_ref"]
        assert found["status"] == "pending" and 2 <= found["revision"] <= 3, found
        assert not [each for each in found["findings"] if each["status"] in ("REFUSE", "UNKNOWN")], found["findings"]


def test_with_a_router_the_market_the_hours_and_a_dry_run_are_known(live_home: Path) -> None:
    with RawClient(live_home, "reader") as client:
        ref = client.tool("stage_order", **ORDER, idempotency_key="k")["order"]["order_ref"]
        cursor = 0
        while client.tool("order_status", order_ref=ref)["order"]["status"] == "staged":
            cursor = client.tool("wait_for_change", order_ref=ref, cursor=cursor, timeout_seconds=10)["cursor"]
        (seen,) = client.tool("market_snapshot", symbol="AAPL")["contracts"]
        assert seen["quote"]["as_of"] and seen["quote"]["reference"]["currency"] == "USD"
        (hours,) = client.tool("session_hours", symbol="AAPL")["contracts"]
        assert hours["state"] in ("liquid", "trading", "closed") and hours["known_at"]
        advice = client.tool("explain_order", **{**ORDER, "quantity": "2000"})
        assert advice["verdict"] == "refuse" and advice["contract"]["con_id"] and advice["assumed"] == []
        assert advice["hints"]["proposal"]["passes_limits"], advice["hints"]
        better = {**ORDER, **advice["hints"]["proposal"]["changes"]}
        assert client.tool("explain_order", **better)["verdict"] in ("pass", "unknown")
        held = client.tool("positions", account="DU1234567")
        assert held["known"] and held["as_of"]


def test_the_budget_of_one_agent_is_not_anothers(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[desk]\nhome = "{tmp_path / "home"}"\nmax_pending_per_agent = 2\n')
    command = [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--config", str(config), "--agent"]
    with (
        RawClient(tmp_path, command=[*command, "greedy"]) as greedy,
        RawClient(tmp_path, command=[*command, "modest"]) as modest,
    ):
        for number in range(2):
            greedy.tool("stage_order", **ORDER, idempotency_key=f"k{number}")
        error = greedy.error("stage_order", **ORDER, idempotency_key="k2")
        assert error["code"] == "AUTH_PERMISSION_DENIED" and "2 are allowed" in error["message"]
        assert greedy.tool("stage_order", **ORDER, idempotency_key="k1")["replayed"]
        modest.tool("stage_order", **ORDER, idempotency_key="k0")
        assert greedy.tool("limits_status", account="DU1234567")["waiting_orders"]["left"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "--agent NAME"),
        (["--agent", "not a name"], 2, "is not a name"),
        (["--agent", "a", "--config", "/nonexistent/file.toml"], 78, "/nonexistent/file.toml"),
        (["--connect", "/nonexistent/socket"], 7, "cannot be reached"),
        (["--nonsense"], 2, "--nonsense"),
    ],
)
def test_what_cannot_be_served_is_said_on_stderr_with_a_code(
    arguments: list[str], code: int, says: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ibgw_tui.mcp_server.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr and "Traceback" not in done.stderr


USE_ALL = """
import asyncio
from pathlib import Path
from ibgw_tui.config import load_config
from ibgw_tui.mcp_server.server import Door
from ibgw_tui.mcp_server.tools import BY_NAME, run_tool
from ibgw_tui.wiring.agent_thread import AgentThread
thread = AgentThread.open(load_config(None, {}, {"desk.home": sys.argv[1]}), "agent-1")
server = Door(thread).server()
order = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}
async def use():
    ref = (await thread.run(run_tool, "stage_order", {**order, "idempotency_key": "k"}))["order"]["order_ref"]
    arguments = {
        "stage_bracket": {**order, "take_profit_price": "110", "idempotency_key": "b"},
        "revise_order": {"order_ref": ref, "quantity": "2", "idempotency_key": "r"},
        "order_status": {"order_ref": ref}, "explain_order": order, "limits_status": {"account": "DU1234567"},
        "positions": {"account": "DU1234567"}, "market_snapshot": {"symbol": "AAPL"}, "session_hours": {"symbol": "AAPL"},
        "arm_kill_switch": {"reason": "test"},
    }
    for name in BY_NAME:
        try:
            await thread.run(run_tool, name, arguments.get(name, {}))
        except Exception as error:
            assert "Invalid" in type(error).__name__, (name, error)
asyncio.run(use())
thread.close()
"""


def test_the_process_of_the_agents_door_never_holds_what_approves_or_sends(tmp_path: Path) -> None:
    """A static graph cannot see a deferred import: after every tool was used, look at what is there."""
    loaded = loaded_after(USE_ALL, str(tmp_path))
    assert "ibgw_tui.mcp_server.server" in loaded
    forbidden = {
        "ibgw_tui.service.review",
        "ibgw_tui.service.recovery",
        "ibgw_tui.service.routing",
        "ibgw_tui.service.submitting",
        "ibgw_tui.wiring.operator_side",
        "ibgw_tui.wiring.desk_side",
    }
    rooms = ("ibgw_tui.brokers", "ibgw_tui.tui", "ibgw_tui.cli", "ibgw_tui.exchange", "textual", "ib_async", "numpy")
    assert not loaded & forbidden
    assert not [name for name in loaded if name.startswith(rooms)]
