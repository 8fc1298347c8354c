"""
A Jet daemon and its peers in memory.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.framing import LengthPrefixed
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.peer import Peer
from jetjstp.testing.wires import BUFFER, HOST, ClientEndpoint, Place, Wires

__all__ = ["MemoryDaemon", "MemoryEndpoint", "MemoryPeer", "MemoryTransport"]


@implementer(ITransport)
class MemoryTransport:
    """
    The daemon's end of a connection whose other end is a L{MemoryPeer}.

    @ivar unread: What was written and not read yet.
    @ivar connected: Whether neither side has ended the connection.
    @ivar paused: Whether the daemon reads nothing for the time being.
    """

    disconnecting = False

    def __init__(self, peer: MemoryPeer, host: str, port: int) -> None:
        self.unread = bytearray()
        self.connected = True
        self.paused = False
        self._peer = peer
        self._address = IPv4Address("TCP", host, port)
        self._producer: IPushProducer | None = None
        self._producerPaused = False

    def write(self, data: bytes) -> None:
        if not self.connected:
            return
        self.unread += data
        self._peer.deliver()
        if len(self.unread) > BUFFER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def drained(self) -> None:
        """Everything was read."""
        if self._producerPaused and self._producer is not None:
            self._producerPaused = False
            self._producer.resumeProducing()
        elif self.disconnecting:
            self.end()

    def loseConnection(self) -> None:
        self.disconnecting = True
        if not self.unread:
            self.end()

    def abortConnection(self) -> None:
        self.unread.clear()
        self.end()

    def end(self, reason: Failure = connectionDone) -> None:
        """The connection is over."""
        if self.connected:
            self.connected = False
            self._peer.protocol.connectionLost(reason)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self._peer.push()

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IAddress:
        return self._address

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", HOST, 11122)


class MemoryPeer:
    """
    A peer that speaks the trivial protocol, made by hand message by message.

    @ivar received: The messages that came, as Python values, in order. Integers of more than 400 digits are floats.
    @ivar protocol: The daemon's side of the connection.
    """

    def __init__(self, factory: IProtocolFactory, host: str, port: int) -> None:
        self.received: list[Any] = []
        self._framing = LengthPrefixed(2**31)
        self._reading = True
        self._outgoing = bytearray()
        self.transport = MemoryTransport(self, host, port)
        protocol = factory.buildProtocol(IPv4Address("TCP", host, port))
        if protocol is None:
            raise ConnectionRefusedError(f"the daemon takes no connection from {host}")
        self.protocol: IProtocol = protocol
        protocol.makeConnection(self.transport)

    @property
    def connected(self) -> bool:
        """Whether neither side has ended the connection."""
        return self.transport.connected

    def send(self, *messages: object) -> None:
        """Send messages, each in a frame of its own, in one piece."""
        texts = [json.dumps(message, separators=(",", ":")).encode("utf-8") for message in messages]
        self.sendBytes(b"".join(map(LengthPrefixed.pack, texts)))

    def sendText(self, text: str | bytes) -> None:
        """Send one frame, which need not be JSON."""
        self.sendBytes(LengthPrefixed.pack(text.encode("utf-8") if isinstance(text, str) else text))

    def sendBytes(self, data: bytes) -> None:
        """Send bytes as they are. While the daemon reads nothing, they are kept."""
        self._outgoing += data
        if not self.transport.paused:
            self.push()

    def push(self) -> None:
        """For the transport: the daemon reads again."""
        while self._outgoing and not self.transport.paused and self.connected:
            data = bytes(self._outgoing)
            self._outgoing.clear()
            self.protocol.dataReceived(data)

    def deliver(self) -> None:
        """For the transport: something was written."""
        if self._reading:
            self._takeAll()

    def _takeAll(self) -> None:
        data = bytes(self.transport.unread)
        self.transport.unread.clear()
        self.received += [valueOf(message) for message in self._framing.feed(data)]

    def take(self) -> list[Any]:
        """What was received since the last call."""
        taken, self.received = self.received, []
        return taken

    def stopReading(self) -> None:
        """Leave everything that the daemon writes in its transport."""
        self._reading = False

    def startReading(self) -> None:
        """Read all that was left, and go on reading."""
        self._reading = True
        while self.transport.unread:
            self._takeAll()
            self.transport.drained()

    def disconnect(self) -> None:
        """End the connection."""
        self.transport.end(Failure(ConnectionDone()))


class MemoryEndpoint(Place):
    """A place to listen at that only L{connect} knows."""

    def __init__(self) -> None:
        super().__init__()
        self._connections = 0

    def connect(self, host: str = "192.0.2.2") -> MemoryPeer:
        """
        Make a connection, as if from C{host}.

        @raise ConnectionRefusedError: Nothing listens, or it does not want the connection.
        """
        if self.factory is None:
            raise ConnectionRefusedError("nothing listens here")
        self._connections += 1
        return MemoryPeer(self.factory, host, 10_000 + self._connections)


class MemoryDaemon:
    """
    A daemon that peers in memory connect to: handmade ones, L{connect}, and real ones, L{peer}.

        daemon = MemoryDaemon()
        peer = daemon.peer()
        peer.connect()
        daemon.flush()
        assert peer.isConnected()

    @param options: As for L{Daemon}.
    @ivar daemon: The real thing.
    @ivar clock: Its time, which stands still until it is advanced.
    """

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self._options = options
        self._wires = Wires(self.clock)
        self.start()

    def start(self) -> None:
        """Start a daemon, after L{stop}: one that knows nothing."""
        self.daemon = Daemon(reactor=self.clock, **self._options)
        self._endpoint = self._wires.endpoint = MemoryEndpoint()
        self.daemon.listen(endpoints=[self._endpoint])

    def stop(self) -> None:
        """As if its process were killed: connections end, new ones are refused."""
        self._endpoint.factory = None
        self.cut()

    def connect(self, host: str = "192.0.2.2") -> MemoryPeer:
        """A new handmade peer, as if from C{host}."""
        return self._endpoint.connect(host)

    def peer(self, host: str = "192.0.2.2", **options: Any) -> Peer:
        """
        A new L{Peer}, as if from C{host}. What it and the daemon send each other arrives in L{flush}, or when the clock
        is advanced.

        @param options: As for L{Peer}, apart from those that say where the daemon is.
        """
        return Peer(endpoint=ClientEndpoint(self._wires, host), reactor=self.clock, **options)

    def flush(self) -> None:
        """Deliver everything that was sent, and what is sent then, without letting time pass."""
        self.clock.advance(0)

    def cut(self) -> None:
        """End all connections of real peers."""
        self._wires.cut()
