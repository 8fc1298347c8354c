"""
A daemon and its peers in memory, on one clock: for our tests and for yours.

Nothing waits and nothing is random: what a peer sends has been answered when
L{MemoryPeer.send} returns, and time passes when L{MemoryDaemon.clock} is advanced. Only the
wire is made up; daemon, links and framing are the real ones.

    daemon = MemoryDaemon()
    owner, reader = daemon.connect(), daemon.connect()
    owner.send({"id": 1, "method": "add", "params": {"path": "a", "value": 1}})
    reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
    assert reader.take() == [
        {"id": 1, "result": True},
        {"method": "f", "params": {"path": "a", "event": "add", "value": 1}},
    ]
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
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

__all__ = ["MemoryDaemon", "MemoryEndpoint", "MemoryPeer", "MemoryTransport"]

HOST = "192.0.2.1"

BUFFER = 64 * 1024
"""Bytes that a transport holds before it tells its producer to wait, as Twisted's do."""


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


@implementer(IListeningPort)
class _MemoryPort:
    def __init__(self, endpoint: MemoryEndpoint) -> None:
        self._endpoint = endpoint

    def startListening(self) -> None:
        raise RuntimeError("it listens from the beginning")

    def stopListening(self) -> Deferred[None]:
        self._endpoint.factory = None
        return succeed(None)

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", HOST, 11122)


@implementer(IStreamServerEndpoint)
class MemoryEndpoint:
    """
    A place to listen at that only L{connect} knows.

    @ivar factory: What listens there, L{None} if nothing does.
    """

    def __init__(self) -> None:
        self.factory: IProtocolFactory | None = None
        self._connections = 0

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take what listens."""
        self.factory = protocolFactory
        return succeed(_MemoryPort(self))

    def connect(self, host: str = "192.0.2.2") -> MemoryPeer:
        """
        Make a connection, as if from C{host}.

        @raise ConnectionRefusedError: Nothing listens, or it does not want the connection.
        """
        if self.factory is None:
            raise ConnectionRefusedError("nothing listens here")
        self._connections += 1
        return MemoryPeer(self.factory, host, 10_000 + self._connections)


@implementer(ITransport)
class _PipeEnd:
    """One end of a connection in memory: what is written arrives in another turn of the clock."""

    disconnecting = False

    def __init__(self, clock: Clock, address: IAddress) -> None:
        self._clock = clock
        self._address = address
        self._producer: IPushProducer | None = None
        self._paused = False
        self._arriving = bytearray()
        self._isUnderWay = False
        self.connected = True
        self.protocol: IProtocol | None = None
        self.other: _PipeEnd = self

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting:
            self.other.arrive(data)

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def arrive(self, data: bytes) -> None:
        """The other side has written something."""
        self._arriving += data
        self._later()

    def _later(self) -> None:
        if not self._isUnderWay and not self._paused:
            self._isUnderWay = True
            self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._isUnderWay = False
        if self._paused or not self.connected or self.protocol is None:
            return
        data = bytes(self._arriving)
        self._arriving.clear()
        if data:
            self.protocol.dataReceived(data)
        if self.other.disconnecting and not self._arriving:
            self.end()

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.other._later()

    def abortConnection(self) -> None:
        self.disconnecting = True
        self.end()

    def end(self) -> None:
        """The connection is over, for both."""
        for end in (self, self.other):
            if end.connected:
                end.connected = False
                self._clock.callLater(0, end.tellEnd)

    def tellEnd(self) -> None:
        """Tell this side."""
        if self.protocol is not None:
            self.protocol.connectionLost(connectionDone)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._later()

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IAddress:
        return self._address

    def getHost(self) -> IAddress:
        return self.other._address


@implementer(IStreamClientEndpoint)
class _MemoryClientEndpoint:
    def __init__(self, daemon: MemoryDaemon, host: str) -> None:
        self._daemon = daemon
        self._host = host

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._daemon.join(protocolFactory, self._host)


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
        self._connections = 0
        self._pipes: list[_PipeEnd] = []
        self.start()

    def start(self) -> None:
        """Start a daemon, after L{stop}: one that knows nothing."""
        self.daemon = Daemon(reactor=self.clock, **self._options)
        self._endpoint = MemoryEndpoint()
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
        return Peer(endpoint=_MemoryClientEndpoint(self, host), reactor=self.clock, **options)

    def flush(self) -> None:
        """Deliver everything that was sent, and what is sent then, without letting time pass."""
        self.clock.advance(0)

    def cut(self) -> None:
        """End all connections of real peers."""
        for pipe in self._pipes:
            pipe.end()
        self._pipes = []
        self.flush()

    def join(self, factory: IProtocolFactory, host: str) -> Deferred[IProtocol]:
        """For the endpoint of a peer: make a connection."""
        server = self._endpoint.factory
        if server is None:
            return fail(ConnectionRefusedError("nothing listens here"))
        self._connections += 1
        client = IPv4Address("TCP", host, 30_000 + self._connections)
        mine, its = _PipeEnd(self.clock, IPv4Address("TCP", HOST, 11122)), _PipeEnd(self.clock, client)
        mine.other, its.other = its, mine
        mine.protocol, its.protocol = factory.buildProtocol(its.getPeer()), server.buildProtocol(client)
        if mine.protocol is None or its.protocol is None:
            return fail(ConnectionRefusedError(f"the daemon takes no connection from {host}"))
        self._pipes = [pipe for pipe in self._pipes if pipe.connected]
        self._pipes.append(mine)
        its.protocol.makeConnection(its)
        mine.protocol.makeConnection(mine)
        return succeed(mine.protocol)
