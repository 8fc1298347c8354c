"""A stand-in for a daemon, which says what the test has it say."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from jetjstp import jet
from jetjstp.framing import LengthPrefixed

INFO = {
    "name": "node-jet",
    "version": "2.2.0",
    "protocolVersion": "1.1.0",
    "features": {"batches": True, "authentication": True, "fetch": "full"},
}
CJET = {**INFO, "name": "cjet", "protocolVersion": "1.0.0"}
NODE_JET_3 = {
    **INFO,
    "features": {"batches": False, "fetch": "full", "asNotification": False, "authenticate": False},
}
SIMPLE = {**INFO, "features": {"batches": True, "authentication": True, "fetch": "simple"}}


class _Transport(StringTransport):
    """Tells of its end."""

    protocol: Any = None

    def loseConnection(self) -> None:
        super().loseConnection()
        self.end()

    def abortConnection(self) -> None:
        super().abortConnection()
        self.end()

    def end(self) -> None:
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost()


@implementer(IStreamClientEndpoint)
class ScriptedDaemon:
    """
    A daemon as seen by one peer.

    @ivar clock: The time of its peers.
    @ivar isListening: Whether it takes connections.
    @ivar connections: How many there were.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.isListening = True
        self.connections = 0
        self._transport: _Transport | None = None
        self._framing = LengthPrefixed(2**30)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        if not self.isListening:
            return fail(ConnectionRefusedError("nothing listens here"))
        self.connections += 1
        self._framing = LengthPrefixed(2**30)
        transport = self._transport = _Transport()
        protocol: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return succeed(protocol)

    def peer(self, **options: Any) -> jet.Peer:
        """A peer of it, not connected."""
        return jet.Peer(endpoint=self, reactor=self.clock, **options)

    def connected(self, info: Any = INFO, **options: Any) -> jet.Peer:
        """A peer of it that is connected."""
        peer = self.peer(**options)
        peer.connect()
        self.welcome(info)
        return peer

    def welcome(self, info: Any = INFO) -> None:
        """Answer the first request of a peer."""
        (asked,) = self.take()
        assert asked["method"] == "info"
        self.send({"id": asked["id"], "result": info})

    @property
    def isConnected(self) -> bool:
        """Whether the peer has a connection."""
        return self._transport is not None and self._transport.protocol is not None

    def frames(self) -> list[Any]:
        """What the peer sent since the last call, frame by frame."""
        if self._transport is None:
            return []
        data = self._transport.value()
        self._transport.clear()
        return [json.loads(message) for message in self._framing.feed(data)]

    def take(self) -> list[Any]:
        """The messages that the peer sent since the last call; arrays are taken apart."""
        found: list[Any] = []
        for frame in self.frames():
            found += frame if isinstance(frame, list) else [frame]
        return found

    def send(self, *messages: Any) -> None:
        """Send messages to the peer."""
        for message in messages:
            self.sendText(json.dumps(message))

    def sendText(self, text: str) -> None:
        """Send one frame."""
        assert self._transport is not None and self._transport.protocol is not None
        self._transport.protocol.dataReceived(LengthPrefixed.pack(text.encode()))

    def answerAll(self, result: Any = True) -> list[Any]:
        """Answer all requests that have come; returns them."""
        messages = self.take()
        for message in messages:
            if "id" in message and "method" in message:
                self.send({"id": message["id"], "result": result})
        return messages

    def cut(self) -> None:
        """End the connection."""
        assert self._transport is not None
        self._transport.end()
