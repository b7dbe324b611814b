"""`ibgw-mcp --listen SOCKET`: agents of other OS users on a Unix socket, each known by the user it runs as.

This is the boundary that having no approve tool is not: the store and the keys belong to the desk's user alone, and
this socket is all that the agents' group may write to. The kernel says who connects; an agent cannot choose its name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import shutil
import signal
import socket
import struct
from collections import Counter
from pathlib import Path

import anyio
import anyio.abc
import mcp_types as types
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp.shared.message import SessionMessage

from ibgw_tui.config import Loaded
from ibgw_tui.core.errors import GatewayError, SettingsError
from ibgw_tui.mcp_server.server import Door
from ibgw_tui.wiring.agent_side import check_name
from ibgw_tui.wiring.agent_thread import AgentThread

log = logging.getLogger(__name__)

LONGEST_LINE = 4 * 1024 * 1024
AT_ONCE = 8
"""Connections of one user. Each holds a connection to the store."""


def listen(loaded: Loaded, path: Path, *, group: str | None) -> int:
    """Serve until SIGTERM or SIGINT. Raises SettingsError when the socket cannot be made."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise SettingsError(
            "this system does not say who connects to a socket in a way this program reads",
            user_action="run `ibgw-mcp --agent NAME` under the desk's user instead",
        )
    anyio.run(_listen, loaded, path, group)
    return 0


async def _listen(loaded: Loaded, path: Path, group: str | None) -> None:
    listener = await _bound(path, group)
    callers: Counter[str] = Counter()

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await _serve(loaded, stream, callers)

    try:
        async with listener, anyio.create_task_group() as tasks:
            await tasks.start(_until_told, tasks.cancel_scope)
            log.warning("listening on %s%s", path, f" for group {group}" if group else "")
            await listener.serve(serve)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - the loop is over


async def _bound(path: Path, group: str | None) -> anyio.abc.Listener[anyio.abc.SocketStream]:
    _clear(path)
    # Nobody may connect between making the socket and giving it to the group.
    before = os.umask(0o177)
    try:
        listener = await anyio.create_unix_listener(path)
        _hand_over(path, group)
    except (OSError, LookupError) as error:
        raise SettingsError(
            f"the socket {path} cannot be made: {error}",
            user_action="name a folder that belongs to this user, and a group this user is in",
        ) from error
    finally:
        os.umask(before)
    return listener


def _clear(path: Path) -> None:
    """Take away the socket of a process that is gone."""
    if not path.is_socket():
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        raise SettingsError(f"{path} is served by another process", user_action="stop that one first")
    path.unlink()


def _hand_over(path: Path, group: str | None) -> None:
    if group is not None:
        shutil.chown(path, group=int(group) if group.isdigit() else group)
        path.chmod(0o660)


async def _until_told(scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as told:
        task_status.started()
        async for _ in told:
            scope.cancel()
            return


async def _serve(loaded: Loaded, stream: anyio.abc.SocketStream, callers: Counter[str]) -> None:
    """One connection. Whatever goes wrong in it ends it alone."""
    name = caller_of(stream.extra(anyio.abc.SocketAttribute.raw_socket))  # noqa: S610 - no database is near
    try:
        check_name(name)
        if callers[name] >= AT_ONCE:
            log.warning("%s has %d connections already; refused", name, AT_ONCE)
            return
        callers[name] += 1
        try:
            desk = await anyio.to_thread.run_sync(AgentThread.open, loaded, name)
            try:
                await _converse(Door(desk), stream)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(desk.close)
        finally:
            callers[name] -= 1
    except GatewayError as error:
        log.warning("%s: %s", name, error.message)
    except Exception:
        log.exception("the connection of %s ended", name)


def caller_of(line: socket.socket) -> str:
    """The user at the other end, by the kernel's word."""
    _, uid, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


async def _converse(door: Door, stream: anyio.abc.SocketStream) -> None:
    """JSON-RPC messages, one a line, as on stdio."""
    server = door.server()
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, said = anyio.create_memory_object_stream[SessionMessage](0)

    async def hear() -> None:
        lines = BufferedByteReceiveStream(stream)
        async with heard:
            while True:
                try:
                    line = await lines.receive_until(b"\n", LONGEST_LINE)
                except (anyio.EndOfStream, anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError):
                    return
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError as error:
                    await heard.send(error)
                    continue
                await heard.send(SessionMessage(message))

    async def say() -> None:
        async with said:
            async for answer in said:
                text = answer.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stream.send(text.encode() + b"\n")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        tasks.start_soon(say)
        await server.run(incoming, outgoing, server.create_initialization_options())
        tasks.cancel_scope.cancel()
