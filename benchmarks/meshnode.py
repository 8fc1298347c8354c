"""
A node for C{meshload.py}: C{python meshnode.py NAME ADDRESS NODES}.

Prints the time when it listens, and the time when it is connected with all other nodes; then again whenever that is so
after it was not. It ends with its standard input.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.python.failure import Failure

from jetjstp import tcpnet


class Input(Protocol):
    """Waits for the end of the standard input."""

    def __init__(self, ended: Deferred[None]) -> None:
        self.ended = ended

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


def say(what: str) -> None:
    """Print something, and the time of all processes."""
    sys.stdout.write(f"{what} {time.monotonic()}\n")
    sys.stdout.flush()


async def main(reactor: Any, name: str, address: str, nodes: str) -> None:
    """Be a node."""
    service = tcpnet.Service(name, reactor=reactor)

    @service.on("connection")
    def connected(connection: tcpnet.Connection) -> None:
        connection.on("error", lambda error: None)
        if len(service.connections) == int(nodes) - 1:
            say("complete")

    service.on("error", lambda error: None)
    await service.listen(0, address)
    say("listening")
    ended: Deferred[None] = Deferred()
    StandardIO(Input(ended))
    await ended
    await service.close()


react(lambda reactor, *arguments: Deferred.fromCoroutine(main(reactor, *arguments)), sys.argv[1:])
