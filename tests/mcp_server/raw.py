"""A client of fifteen lines that shares nothing with the SDK: JSON-RPC, one message a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class RawClient:
    """One `ibgw-mcp` process (or whatever command speaks for it) and one conversation."""

    def __init__(self, home: Path, agent: str = "agent-1", command: list[str] | None = None, **popen: Any) -> None:
        command = command or [sys.executable, "-m", "ibgw_tui.mcp_server.main", "--agent", agent, "--home", str(home)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen
        )
        self._id = 0
        self.heard: list[dict[str, Any]] = []
        """Notifications."""
        self.hello = self.call(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
        )["result"]
        self._say({"method": "notifications/initialized"})

    def _say(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        self._say({"id": self._id, "method": method, "params": params})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == self._id:
                return message
            self.heard.append(message)
        raise AssertionError(f"it left: {self.process.stderr.read() if self.process.stderr else ''}")

    def tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The document of a success; AssertionError for an error."""
        result = self.call("tools/call", {"name": name, "arguments": arguments})["result"]
        document: dict[str, Any] = json.loads(result["content"][0]["text"])
        assert not result["isError"], document
        assert result["structuredContent"] == document
        return document

    def error(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The error object of a refusal."""
        result = self.call("tools/call", {"name": name, "arguments": arguments})["result"]
        assert result["isError"] and "structuredContent" not in result, result
        error: dict[str, Any] = json.loads(result["content"][0]["text"])["error"]
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        finally:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()
