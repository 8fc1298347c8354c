"""
Wires that are made up: whatever is written on one side arrives on the other, when
the clock says so.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
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
from zope.interface import implementer

__all__ = ["BUFFER", "HOST", "ClientEndpoint", "PipeEnd", "Place", "Wires", "pipe"]

HOST = "192.0.2.1"

BUFFER = 64 * 1024
"""Bytes that a transport holds before it tells its producer to wait, as Twisted's do."""


@implementer(IListeningPort)
class _MemoryPort:
    def __init__(self, endpoint: Place) -> None:
        self._endpoint = endpoint

    def startListening(self) -> None:
        raise RuntimeError("it listens from the beginning")

    def stopListening(self) -> Deferred[None]:
        self._endpoint.factory = None
        return succeed(None)

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", HOST, 11122)


@implementer(IStreamServerEndpoint)
class Place:
    """
    Somewhere to listen in memory.

    @ivar factory: What listens there, L{None} if nothing does.
    """

    def __init__(self) -> None:
        self.factory: IProtocolFactory | None = None

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take what listens."""
        self.factory = protocolFactory
        return succeed(_MemoryPort(self))


@implementer(ITransport)
class PipeEnd:
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
        self.other: PipeEnd = self

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


def pipe(
    clock: Clock, factory: IProtocolFactory, client: IPv4Address, listener: IProtocolFactory, server: IPv4Address
) -> tuple[PipeEnd, IProtocol] | None:
    """
    Connect two protocols.

    @return: The end of the one that C{factory} makes, and that; L{None} if either side does not want the connection.
    """
    mine, its = PipeEnd(clock, server), PipeEnd(clock, client)
    mine.other, its.other = its, mine
    mine.protocol, its.protocol = factory.buildProtocol(its.getPeer()), listener.buildProtocol(client)
    if mine.protocol is None or its.protocol is None:
        return None
    its.protocol.makeConnection(its)
    mine.protocol.makeConnection(mine)
    return mine, mine.protocol


class Wires:
    """The connections in memory to whatever listens at one endpoint."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.endpoint = Place()
        self._connections = 0
        self._pipes: list[PipeEnd] = []

    def cut(self) -> None:
        """End them all."""
        for each in self._pipes:
            each.end()
        self._pipes = []
        self.clock.advance(0)

    def join(self, factory: IProtocolFactory, host: str) -> Deferred[IProtocol]:
        """Make one."""
        server = self.endpoint.factory
        if server is None:
            return fail(ConnectionRefusedError("nothing listens here"))
        self._connections += 1
        client = IPv4Address("TCP", host, 30_000 + self._connections)
        joined = pipe(self.clock, factory, client, server, IPv4Address("TCP", HOST, 11122))
        if joined is None:
            return fail(ConnectionRefusedError(f"no connection is taken from {host}"))
        mine, protocol = joined
        self._pipes = [each for each in self._pipes if each.connected]
        self._pipes.append(mine)
        return succeed(protocol)


@implementer(IStreamClientEndpoint)
class ClientEndpoint:
    def __init__(self, wires: Wires, host: str) -> None:
        self._wires = wires
        self._host = host

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._wires.join(protocolFactory, self._host)
