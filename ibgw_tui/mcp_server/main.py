"""`ibgw-mcp`: the entry point that an agent's client starts. stdout belongs to the protocol, stderr to people."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ibgw_tui.core.errors import GatewayError

USAGE, UNAVAILABLE, BAD_CONFIGURATION = 2, 7, 78
"""Exit codes, as `ibgw --help` publishes them."""

_EXAMPLES = """examples:
  ibgw-mcp --agent momentum-1
  ibgw-mcp --agent momentum-1 --home ~/desk
  ibgw-mcp --listen /run/ibgw/agents.sock --group ibgw-agents
  ibgw-mcp --connect /run/ibgw/agents.sock
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "ibgw-mcp",
        description="The agents' door: a Model Context Protocol server on stdin and stdout. It can stage orders, read "
        "and stop; it cannot approve, send, change a policy or open the kill switch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--agent", metavar="NAME", default=os.environ.get("IBGW_AGENT"), help="who the agent is ($IBGW_AGENT)"
    )
    made.add_argument("--config", type=Path, metavar="FILE", help="configuration file to read")
    made.add_argument("--home", type=Path, metavar="DIR", help="folder of the order store")
    made.add_argument("--version", action="store_true", help="print the version")
    doors = made.add_mutually_exclusive_group()
    doors.add_argument(
        "--listen",
        type=Path,
        metavar="SOCKET",
        help="serve agents of other users on a Unix socket; each is known by its own user name",
    )
    doors.add_argument("--connect", type=Path, metavar="SOCKET", help="pass stdin and stdout on to such a socket")
    made.add_argument("--group", metavar="NAME", help="with --listen: the group whose members may connect")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves. The answer is the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="ibgw-mcp: %(message)s")
    options = parser().parse_args(argv)
    if options.version:
        from ibgw_tui import __version__

        print(f"ibgw-mcp {__version__}")
        return 0
    try:
        return _serve(options)
    except GatewayError as error:
        from ibgw_tui.core.errors import InvalidRequest, SettingsError

        print(
            f"ibgw-mcp: {error.message}" + (f"\nwhat to do: {error.user_action}" if error.user_action else ""),
            file=sys.stderr,
        )
        known = {InvalidRequest: USAGE, SettingsError: BAD_CONFIGURATION}
        return next((code for kind, code in known.items() if isinstance(error, kind)), UNAVAILABLE)
    except KeyboardInterrupt:
        return 130


def _serve(options: argparse.Namespace) -> int:
    if options.connect is not None:
        from ibgw_tui.mcp_server.bridge import connect

        return connect(options.connect)
    try:
        import mcp  # noqa: F401
    except ImportError:
        print("ibgw-mcp: the package mcp is not installed\nwhat to do: pip install 'ibgw-tui[mcp]'", file=sys.stderr)
        return BAD_CONFIGURATION
    from ibgw_tui.wiring.paths import load_settings

    if options.listen is not None:
        from ibgw_tui.mcp_server.listening import listen

        return listen(load_settings(options.config, options.home), options.listen, group=options.group)
    if not options.agent:
        print(
            "ibgw-mcp: no name is given; orders are staged in it, and it has its own budget of waiting orders\n"
            "what to do: ibgw-mcp --agent NAME, or set IBGW_AGENT",
            file=sys.stderr,
        )
        return USAGE
    from ibgw_tui.mcp_server.stdio import serve

    serve(load_settings(options.config, options.home), options.agent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
