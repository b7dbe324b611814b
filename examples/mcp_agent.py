"""An agent without a model: raw JSON-RPC to `ibgw-mcp`, standard library only.

    python examples/mcp_agent.py                # your desk (or a running demo's)
    python examples/mcp_agent.py --home ~/desk

It stages an order that is too large, reads why it was refused and what would pass, revises it, and waits for the
person. Nothing here can approve anything.
"""

import json
import subprocess
import sys
import time

PATIENCE = 60  # seconds for the router, then for the person


class Agent:
    """A conversation over stdin and stdout, one JSON message a line."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--agent", "example-agent", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.number = 0
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "example", "version": "1"}}
        self.request("initialize", hello)
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def request(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self.number:
                return answer["result"]
        raise SystemExit("ibgw-mcp went away; its message is above")

    def tool(self, name, **arguments):
        result = self.request("tools/call", {"name": name, "arguments": arguments})
        document = json.loads(result["content"][0]["text"])
        if result.get("isError"):
            raise SystemExit(f"{name}: {document['error']['message']}\nwhat to do: {document['error']['user_action']}")
        return document


def main():
    agent = Agent(*(word for word in sys.argv[1:] if word != "--until-pending"))
    wish = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "5000", "limit_price": "100"}
    print("dry run:", agent.tool("explain_order", **wish)["verdict"])
    run = f"example-{time.time_ns()}"  # a real agent names its request by what it wants, not by the clock
    staged = agent.tool("stage_order", **wish, rationale="an example", idempotency_key=run)
    ref, cursor = staged["order"]["order_ref"], staged["cursor"]
    print("staged", ref, "-", staged["router"]["words"])
    deadline, revision = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline and staged["router"]["running"]:
        cursor = agent.tool("wait_for_change", order_ref=ref, cursor=cursor, timeout_seconds=5)["cursor"]
        order = agent.tool("order_status", order_ref=ref)["order"]
        if order["status"] == "refused" and order["hints"]["proposal"] and revision < 2:
            changes, revision = order["hints"]["proposal"]["changes"], revision + 1
            print("refused:", order["refusal_code"], "- revising with", changes)
            staged = agent.tool("revise_order", order_ref=ref, **changes, idempotency_key=f"{run}-{revision}")
            ref, cursor = staged["order"]["order_ref"], staged["cursor"]
        elif order["status"] not in ("staged", "pending", "stale", "approved", "sending"):
            print("it is", order["status"], order["reason"])
            break
        elif order["status"] == "pending" and "--until-pending" in sys.argv:
            break
    print("now:", agent.tool("order_status", order_ref=ref)["order"]["status"])


if __name__ == "__main__":
    main()
