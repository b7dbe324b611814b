"""`ibgw-mcp --connect SOCKET`: stdin and stdout of a client, passed on to the desk user's socket. Bytes only.

An agent's own user needs nothing but this: no store, no key, no configuration, and not even the MCP package.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

from ibgw_tui.core.errors import OrderStoreError

_CHUNK = 65_536


def connect(path: Path) -> int:
    """Pass bytes both ways until one side is done. Raises OrderStoreError when nobody listens or we may not connect."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(str(path))
    except OSError as error:
        line.close()
        raise OrderStoreError(
            f"{path} cannot be reached: {error.strerror or error}",
            user_action="ask the operator whether `ibgw-mcp --listen` runs, and whether you are in its group",
        ) from error
    threading.Thread(target=_outward, args=(line,), daemon=True).start()
    with line:
        while True:
            try:
                data = line.recv(_CHUNK)
            except ConnectionError:
                data = b""
            if not data:
                return 0
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except BrokenPipeError:  # the client has gone: an end like any other
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 0


def _outward(line: socket.socket) -> None:
    """stdin to the socket; its end tells the other side that the client is done."""
    try:
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            line.sendall(data)
        line.shutdown(socket.SHUT_WR)
    except OSError:
        pass
