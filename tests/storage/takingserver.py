"""
A JSTP server that others may take over from: C{takingserver.py STORAGE SOCKET
LOG NAME [DURABILITY [INTERVAL]]}

It says C{ready} when it serves, and C{taken} when it has lost a session to
another server. In the log, which the servers share, it writes each call and
event when its method or handler runs, and which of its own calls were
answered. SIGTERM stops it in order.
"""

from __future__ import annotations

import os
import sys
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from zope.interface import provider

from jetjstp import jstp
from jetjstp.interfaces import ISessionStorageFactory
from jetjstp.jstp import keeping
from jetjstp.strplugin import makeFromString


def tellParent(line: str) -> None:
    """Say something on the standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(
    reactor: Any, storage: str, socket: str, log: str, name: str, durability: str = "always", interval: str = "1"
) -> Deferred[None]:
    """Serve until the process is killed, or stopped."""
    keeping.RECORDING_INTERVAL = float(interval)

    @provider(ILogObserver)
    def tell(event: Any) -> None:
        if "another server has taken" in (formatEvent(event) or ""):
            tellParent("taken")

    globalLogPublisher.addObserver(tell)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(what: str, number: int) -> None:
        os.write(file, f"{what} {number} {name}\n".encode())

    def double(connection: jstp.Connection, number: int) -> Any:
        note("call", number)
        return deferLater(reactor, 0.02, lambda: 2 * number) if number % 5 == 0 else 2 * number

    def say(connection: jstp.Connection, number: int) -> None:
        note("event", number)
        assert connection.session is not None
        connection.session["last"] = number
        connection.emitRemoteEvent("i", "echo", [number])
        if number % 7 == 0:
            asking = connection.callMethod("i", "ask", [number])
            asking.addCallbacks(lambda _: note("answered", number), lambda failure: failure.trap(jstp.CallbackLost))

    def last(connection: jstp.Connection) -> Any:
        assert connection.session is not None
        return connection.session.get("last", -1)

    kept = makeFromString(ISessionStorageFactory, storage, reactor)
    server = jstp.net.createServer(
        [jstp.Application("app", {"i": {"double": double, "last": last}}, {"i": {"say": say}})],
        sessionStorageProvider=kept,
        sessionDurability=cast(Any, None if durability == "None" else durability),
        reactor=reactor,
    )

    def stop() -> Deferred[Any]:
        return server.close().addCallback(lambda _: kept.close())

    reactor.addSystemEventTrigger("before", "shutdown", stop)

    def ready(_: object) -> Deferred[None]:
        tellParent("ready")
        return Deferred()

    return server.listen(f"unix:{socket}").addCallback(ready)


if __name__ == "__main__":
    react(main, sys.argv[1:])
