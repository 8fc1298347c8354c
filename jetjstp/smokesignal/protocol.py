"""
The glue of a node: links and the core, joined by a driver.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorTime

from jetjstp.driver import Driver
from jetjstp.errors import FrameTooLong
from jetjstp.framing import NewlineTerminated
from jetjstp.interfaces import MessageLink
from jetjstp.links.dialing import DialingStreamFactory
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import StreamFactory, StreamLink
from jetjstp.smokesignal.attempts import Attempt
from jetjstp.smokesignal.connections import Connection, Dial
from jetjstp.smokesignal.effects import Abort, Cancel, Close, Effect, MakeConnection
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.network import Network
from jetjstp.smokesignal.node import Node as Core

__all__ = ["Carrier", "LineReceiver", "NodeFactory"]

SETTINGS = LinkSettings(keepAliveIdle=30, keepAliveInterval=10, keepAliveProbes=3)
"""Real nodes send nothing while nothing happens, so only the system can tell that a host is gone."""


class Lines(NewlineTerminated):
    """The lines of one connection, which tell when one was too long."""

    __slots__ = ("_tooLong",)

    def __init__(self, maxLength: int, tooLong: Callable[[], None]) -> None:
        super().__init__(maxLength)
        self._tooLong = tooLong

    def feed(self, data: bytes) -> list[bytes]:
        """See L{NewlineTerminated.feed}."""
        try:
            return super().feed(data)
        except FrameTooLong:
            self._tooLong()
            raise


class LineReceiver:
    """
    One connection of a node.

    @ivar lines: Its framing.
    """

    _connection: Connection | None = None
    _waiting = 0
    _isBlocked = False

    def __init__(self, carrier: Carrier, port: int, dial: Dial | None = None, attempt: Attempt | None = None) -> None:
        """
        @param port: That of the other side's socket.
        @param attempt: What has made it, if we dialled.
        """
        self.lines = Lines(carrier.limits.line, self._tooLong)
        self._carrier = carrier
        self._port = port
        self._dial = dial
        self._attempt = attempt

    def linkOpened(self, link: MessageLink) -> None:
        """The core gets to know it."""
        carrier = self._carrier
        if self._attempt is not None and not self._attempt.opened(link):
            return
        now = carrier.driver.now()
        if self._dial is not None:
            carrier.attempts.pop(self._dial, None)
            connection = carrier.core.dialled(self._dial, link.address, self._port, now)
        else:
            connection = carrier.core.accepted(link.address, self._port, now)
        self._connection = connection
        self._link = link
        connection.link = self
        carrier.driver.settle()

    def messagesReceived(self, messages: list[bytes]) -> None:
        """Lines came."""
        if self._connection is not None:
            carrier = self._carrier
            carrier.core.received(self._connection, messages, carrier.driver.now())
            carrier.driver.settle()

    def linkBlocked(self) -> None:
        """See L{write}: the transport's own mark is far lower than ours."""

    def linkDrained(self) -> None:
        """Nothing waits any more."""
        self._waiting = 0
        if self._isBlocked and self._connection is not None:
            self._isBlocked = False
            self._carrier.core.drained(self._connection)
            self._carrier.driver.settle()

    def linkLost(self, reason: str) -> None:
        """It is gone."""
        if self._connection is not None:
            carrier = self._carrier
            self._connection.link = None
            carrier.core.lost(self._connection, carrier.driver.now())
            carrier.driver.settle()

    def write(self, connection: Connection) -> None:
        """Send what is in the outbox of our connection."""
        outbox = connection.outbox
        try:
            link = self._link
            if link.blocked:
                self._waiting += sum(map(len, outbox))
                if self._waiting > self._carrier.limits.outboxSoft and not self._isBlocked:
                    self._isBlocked = True
                    self._carrier.core.blocked(connection)
            link.write(outbox)
        finally:
            outbox.clear()

    def close(self, connection: Connection) -> None:
        """Send what is in the outbox, then end it."""
        self.write(connection)
        self._link.close()

    def abort(self) -> None:
        """End it at once."""
        self._link.abort()

    def _tooLong(self) -> None:
        if self._connection is not None:
            self._carrier.core.tooLong(self._connection)


class NodeFactory(StreamFactory):
    """
    Makes the links of those who dial us.

    @ivar isOpen: Whether anybody is let in yet.
    """

    isOpen = False

    def __init__(self, carrier: Carrier, reactor: IReactorTime) -> None:
        super().__init__(lambda: self._arriving.lines, lambda: self._arriving, SETTINGS, reactor)
        self._carrier = carrier
        self._arriving: LineReceiver
        # The addresses of those that had no TLS yet when they were last looked at, the oldest first.
        self._early: dict[StreamLink, str] = {}

    def buildProtocol(self, addr: IAddress | None) -> StreamLink | None:
        """See L{StreamFactory.buildProtocol}."""
        if not self.isOpen:
            return None
        # Here is where the port of the other side is known.
        self._arriving = LineReceiver(self._carrier, _portOf(addr))
        link = super().buildProtocol(addr)
        if link is not None:
            self._makeRoom(link, getattr(addr, "host", ""))
        return link

    def _makeRoom(self, link: StreamLink, address: str) -> None:
        """Bound those who do not make TLS ready: the core bounds strangers, but does not know of these yet."""
        limits = self._carrier.limits
        early = {each: its for each, its in self._early.items() if each in self.links and not each.isLive}
        same = [each for each, its in early.items() if its == address]
        oldest: StreamLink | None = None
        if len(same) >= limits.strangersPerAddress:
            oldest = same[0]
        elif len(early) >= limits.strangers:
            oldest = next(iter(early))
        early[link] = address
        self._early = early
        if oldest is not None:
            del early[oldest]
            oldest.abort()


class Carrier:
    """
    A core with everything around it that needs a reactor.

    @ivar attempts: The connections that are being made.
    """

    def __init__(
        self,
        core: Core,
        network: Network,
        source: str | None,
        limits: Limits,
        tell: Callable[[Effect], None],
        reactor: IReactorTime,
    ) -> None:
        """
        @param source: The address of this machine that our connections come from, if that matters.
        @param tell: Called with the effects that are not about connections.
        """
        self.core = core
        self.limits = limits
        self.attempts: dict[Dial, Attempt] = {}
        self.driver: Driver[Effect] = Driver(core, self._perform, self._flush, reactor)
        self._network = network
        self._source = source
        self._tell = tell
        self._reactor = reactor

    def _perform(self, effect: Effect) -> None:
        match effect:
            case MakeConnection(dial):
                self._dial(dial)
            case Cancel(dial):
                attempt = self.attempts.pop(dial, None)
                if attempt is not None:
                    attempt.cancel()
            case Close(connection):
                if connection.link is not None:
                    connection.link.close(connection)
            case Abort(connection):
                if connection.link is not None:
                    connection.link.abort()
            case _:
                self._tell(effect)

    def _flush(self) -> None:
        for connection in self.core.takeDirty():
            if connection.link is None:
                connection.outbox.clear()
            else:
                connection.link.write(connection)

    def _dial(self, dial: Dial) -> None:
        def failed(reason: str) -> None:
            self.attempts.pop(dial, None)
            self.core.dialFailed(dial, reason, self.driver.now())
            self.driver.settle()

        attempt = Attempt(failed)
        receiver = LineReceiver(self, dial.port, dial, attempt)
        # The core looks after the time, the handshake of TLS included.
        factory = DialingStreamFactory(
            lambda: receiver.lines, lambda: receiver, attempt.failed, SETTINGS, self._reactor, openTimeout=None
        )
        self.attempts[dial] = attempt
        attempt.begin(self._network, factory, dial.address, dial.port, self._source)


def _portOf(address: IAddress | None) -> int:
    return address.port if isinstance(address, IPv4Address | IPv6Address) else 0
