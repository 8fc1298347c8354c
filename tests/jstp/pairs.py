"""
A server and a client in memory, on one clock, with a wire between them that a
test can hold, count and cut. Links and framing are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.jstp import net
from jetjstp.jstp.applications import Application
from jetjstp.jstp.client import Client
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.server import Server

__all__ = ["DOWN", "UP", "WAIT", "Direction", "Pair", "Wire"]

Direction = Literal["up", "down"]

UP: Direction = "up"
"""From the client to the server."""

DOWN: Direction = "down"

WAIT = 0.3
"""Seconds until a client that was cut off tries again."""

BUFFER = 64 * 1024


@implementer(ITransport)
class End:
    """One end of a wire, which writes in one direction."""

    disconnecting = False

    def __init__(self, wire: Wire, direction: Direction, address: IAddress) -> None:
        self.direction = direction
        self.protocol: IProtocol | None = None
        self.connected = True
        self.isPaused = False
        self.outgoing = bytearray()
        self.writes = 0
        self._wire = wire
        self._address = address
        self._producer: IPushProducer | None = None
        self._isFull = False

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting:
            self.writes += 1
            self.outgoing += data
            if len(self.outgoing) > BUFFER and self._producer is not None and not self._isFull:
                self._isFull = True
                self._producer.pauseProducing()
            self._wire.schedule()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def drained(self) -> None:
        """Everything has left."""
        if self._isFull and self._producer is not None:
            self._isFull = False
            self._producer.resumeProducing()

    def loseConnection(self) -> None:
        self.disconnecting = True
        self._wire.schedule()

    def abortConnection(self) -> None:
        self._wire.cut()

    def lost(self, reason: Exception) -> None:
        """It is over, in another turn of the clock."""
        if self.connected:
            self.connected = False
            self.outgoing.clear()
            assert self.protocol is not None
            self._wire.clock.callLater(0, self.protocol.connectionLost, Failure(reason))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self.isPaused = True

    def resumeProducing(self) -> None:
        self.isPaused = False
        self._wire.schedule()

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IAddress:
        return self._address

    def getHost(self) -> IAddress:
        return self._address


class Wire:
    """
    One connection.

    @ivar isStuck: Whether nothing passes any more, not even its end.
    """

    isStuck = False

    def __init__(self, pair: Pair) -> None:
        self.clock = pair.clock
        self._pair = pair
        address = IPv4Address("TCP", "192.0.2.2", 30_000)
        self.client = End(self, UP, address)
        self.server = End(self, DOWN, address)
        self._isScheduled = False

    def schedule(self) -> None:
        """Deliver in another turn of the clock."""
        if not self._isScheduled:
            self._isScheduled = True
            self.clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._isScheduled = False
        self._pass(self.client, self.server)
        self._pass(self.server, self.client)

    def _pass(self, source: End, target: End) -> None:
        pair, direction = self._pair, source.direction
        if self.isStuck or not source.connected or target.isPaused or direction in pair.held:
            return
        if source.outgoing:
            cuts = pair.cuts[direction]
            size = min(len(source.outgoing), BUFFER)
            isCut = bool(cuts) and cuts[0] <= len(pair.passed[direction]) + size
            if isCut:
                size = cuts.pop(0) - len(pair.passed[direction])
            data = bytes(source.outgoing[:size])
            del source.outgoing[:size]
            pair.passed[direction] += data
            if data and target.connected and target.protocol is not None:
                target.protocol.dataReceived(data)
            if isCut:
                pair.cutOff(self)
                return
            if source.outgoing:
                self.schedule()
            else:
                source.drained()
        if source.disconnecting and not source.outgoing:
            for end in (source, target):
                end.lost(ConnectionDone())

    def cut(self) -> None:
        """End it; what is under way is gone."""
        for end in (self.client, self.server):
            end.lost(ConnectionLost())

    def cutSilently(self) -> None:
        """The same, but the server does not notice."""
        self.client.lost(ConnectionLost())


@implementer(IStreamClientEndpoint)
class PairEndpoint:
    """Where the server of a pair is."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._pair.join(protocolFactory)


class Pair:
    """
    A server, and a client that connects to it and tries again when it was cut off.

    @ivar connection: The client's, when there is one.
    @ivar served: What the server has told of last with C{connect} or C{reconnect}.
    @ivar wires: All that there were.
    @ivar held: Directions in which nothing passes for the time being.
    @ivar passed: What has arrived, on all wires.
    @ivar cuts: Where to cut: numbers of bytes in a direction, on all wires together; ascending.
    @ivar isServerTold: Whether the server notices a cut.
    @ivar isServerAway: Whether connections are refused.
    """

    def __init__(
        self,
        application: Application,
        clientApplication: Application | None = None,
        *,
        clientLimits: Limits | None = None,
        client: dict[str, Any] | None = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        """
        @param client: Options of the client.
        @param clock: One that is there already.
        @param options: Options of the server.
        """
        self.clock = Clock() if clock is None else clock
        self.server: Server = net.createServer([application], reactor=self.clock, **options)
        self.connection: Any = None
        self.served: Any = None
        self.server.on("connect", self._welcome)
        self.server.on("reconnect", self._welcome)
        self.wires: list[Wire] = []
        self.held: set[Direction] = set()
        self.passed: dict[Direction, bytearray] = {UP: bytearray(), DOWN: bytearray()}
        self.cuts: dict[Direction, list[int]] = {UP: [], DOWN: []}
        self.isServerTold = True
        self.isServerAway = False
        self.endpoint = PairEndpoint(self)
        self._limits = clientLimits
        self._client = Client(
            **{
                "application": clientApplication,
                "reconnector": lambda connection, reconnect: deferLater(self.clock, WAIT, reconnect),
                **(client or {}),
            }
        )

    def _welcome(self, connection: Connection) -> None:
        self.served = connection

    @property
    def wire(self) -> Wire:
        """The latest."""
        return self.wires[-1]

    def dial(self) -> Deferred[Connection]:
        """Begin to connect."""
        return net.connect("app", self._client, self.endpoint, limits=self._limits, reactor=self.clock)

    def connect(self) -> Connection:
        """Connect, and wait for it."""
        results: list[Connection] = []
        self.dial().addCallback(results.append)
        self.waitUntil(lambda: bool(results), 5.0)
        self.connection = results[0]
        return results[0]

    def join(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """For the endpoint: make a wire."""
        if self.isServerAway:
            return fail(ConnectionRefusedError())
        wire = Wire(self)
        self.wires.append(wire)
        wire.client.protocol = client = factory.buildProtocol(wire.client.getPeer())
        wire.server.protocol = server = self.server.factory.buildProtocol(wire.server.getPeer())
        assert client is not None and server is not None
        server.makeConnection(wire.server)
        client.makeConnection(wire.client)
        return succeed(client)

    def open(self) -> Wire:
        """A wire to the server at whose other end there is nobody but the test."""
        wire = Wire(self)
        self.wires.append(wire)
        wire.client.protocol = Protocol()
        wire.server.protocol = server = self.server.factory.buildProtocol(wire.server.getPeer())
        assert server is not None
        server.makeConnection(wire.server)
        return wire

    def cutOff(self, wire: Wire) -> None:
        """Cut a wire."""
        if self.isServerTold:
            wire.cut()
        else:
            wire.cutSilently()

    def cut(self) -> None:
        """Cut the latest wire."""
        self.cutOff(self.wire)

    def hold(self, direction: Direction) -> None:
        """Let nothing pass in a direction."""
        self.held.add(direction)

    def release(self, direction: Direction) -> None:
        """Let it pass again."""
        self.held.discard(direction)
        for wire in self.wires:
            wire.schedule()

    def settle(self) -> None:
        """Deliver what is under way, and what that leads to, without letting time pass."""
        for _ in range(1000):
            calls = self.clock.getDelayedCalls()
            if not calls or min(call.getTime() for call in calls) > self.clock.seconds():
                return
            self.clock.advance(0)
        raise AssertionError("there is no end of what is under way")

    def wait(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass."""
        self.settle()
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(step)
            self.settle()

    def waitUntil(self, isDone: Callable[[], bool], longest: float = 60.0) -> None:
        """
        Let time pass until something is so.

        @raise AssertionError: It does not happen.
        """
        self.settle()
        end = self.clock.seconds() + longest
        while not isDone():
            if self.clock.seconds() > end:
                raise AssertionError(f"waited {longest} seconds in vain")
            self.clock.advance(0.1)
            self.settle()
