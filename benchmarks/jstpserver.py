"""
The JSTP server that jstpload.py calls:

    python jstpserver.py PORT [--ws] [--session-storage NAME:ARGUMENT] [--session-durability handover|always]
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from jetjstp import jstp
from jetjstp.interfaces import ISessionStorageFactory
from jetjstp.strplugin import makeFromString


def method(connection: jstp.Connection, argument: Any) -> None:
    """Take an argument and answer nothing."""


def main(reactor: Any) -> Deferred[None]:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--ws", action="store_true", help="WebSocket")
    parser.add_argument("--session-storage", default="memory:", help="memory:, sqlite:FILE or redis:URL")
    parser.add_argument("--session-durability", choices=["handover", "always"])
    args = parser.parse_args(sys.argv[1:])
    server = (jstp.ws if args.ws else jstp.net).createServer(
        [jstp.Application("app", {"iface": {"method": method}})],
        sessionStorageProvider=makeFromString(ISessionStorageFactory, args.session_storage, reactor),
        sessionDurability=args.session_durability,
        reactor=reactor,
    )
    stopped: Deferred[None] = Deferred()
    return server.listen(f"tcp:{args.port}:interface=127.0.0.1").addCallback(lambda _: stopped)


if __name__ == "__main__":
    react(main)
