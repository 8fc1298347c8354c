"""
A node in a process of its own: C{python -m tests.sockets.meshnode NAME ADDRESS UUID}.

It tells its uuid to each node that it is connected with, from time to time again, and prints C{listening PORT}, then
C{with UUID...} whenever that changes: those that it has heard of. When its standard input ends it says goodbye.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall, react
from twisted.python.failure import Failure

from jetjstp import tcpnet
from jetjstp.multicast import Multicast

ASK_AGAIN = 1.0
"""Seconds; tests are in a hurry."""

TELL_AGAIN = 0.3
"""Seconds."""


class Input(Protocol):
    """Waits for the end of the standard input."""

    def __init__(self, ended: Deferred[None]) -> None:
        self.ended = ended

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


def say(*words: str) -> None:
    """Print a line."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(reactor: Any, name: str, address: str, uuid: str) -> None:
    """Be a node."""
    heard: dict[Any, str] = {}

    def tell() -> None:
        say("with", *sorted(heard.values()))

    def connected(connection: tcpnet.Connection) -> None:
        def take(data: bytes) -> None:
            if connection not in heard:
                heard[connection] = data.decode().split()[0]
                tell()

        def lost() -> None:
            if heard.pop(connection, None):
                tell()

        connection.on("data", take)
        connection.on("error", lambda error: None)
        connection.on("close", lost)
        connection.write(f"{service.uuid} ".encode())

    def tellAgain() -> None:
        for connection in service.connections:
            connection.write(f"{service.uuid} ".encode())

    service = tcpnet.Service(
        {"name": name, "uuid": uuid} if uuid else name, connected, discovery=Multicast(ASK_AGAIN), reactor=reactor
    )
    service.on("error", lambda error: sys.stderr.write(f"{error}\n"))
    say("listening", str((await service.listen(0, address)).port))
    LoopingCall(tellAgain).start(TELL_AGAIN)
    ended: Deferred[None] = Deferred()
    StandardIO(Input(ended))
    await ended
    await service.close()


if __name__ == "__main__":
    react(lambda reactor, *arguments: Deferred.fromCoroutine(main(reactor, *arguments)), sys.argv[1:])
