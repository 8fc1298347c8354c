"""
Whole messages over a stream of bytes: TCP, TLS, UNIX sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.bounds import checkNumber
from jetjstp.causes import Cause, Refusal
from jetjstp.errors import FrameTooLong
from jetjstp.framing import Framing
from jetjstp.interfaces import MessageReceiver
from jetjstp.links.addresses import hostOf, peerAddress
from jetjstp.links.certificates import tlsProblem
from jetjstp.links.deathwatch import DeathWatch
from jetjstp.links.notices import RareNotice
from jetjstp.links.reading import ReadingSide
from jetjstp.links.settings import LinkSettings
from jetjstp.links.traffic import Traffic
from jetjstp.links.writing import WritingSide

__all__ = ["CLOSE_TIMEOUT", "TLS_TIMEOUT", "StreamFactory", "StreamLink"]

CLOSE_TIMEOUT = 5.0
"""Seconds that a closed link has for sending what was written; a peer that reads nothing would keep it forever."""

TLS_TIMEOUT = 10.0
"""Seconds for the handshake of TLS; who does not even try it may be anything, and would stay forever."""


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class StreamLink(ReadingSide, WritingSide, Protocol):
    """
    A L{jetjstp.interfaces.MessageLink} over a stream. L{StreamFactory} makes it.

    C{linkBlocked} may be called before C{write} returns, and C{messagesReceived} before C{resumeReading} returns.
    """

    kind = "stream"

    def __init__(self, owner: StreamFactory, framing: Framing, receiver: MessageReceiver) -> None:
        super().__init__()
        self._owner = owner
        self._traffic = owner.traffic
        self.pack = framing.pack
        self._framing = framing
        self._feed = framing.feed
        self._futureReceiver: MessageReceiver | None = receiver
        self._endAfterHeld: str | None = None
        self._lastReceived: float | None = None
        self._idleCall: IDelayedCall | None = None
        self._closeCall: IDelayedCall | None = None
        self._tlsCall: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The stream is there, and so is the link; over TLS, when its handshake is done."""
        self._owner.links.add(self)
        self.address = peerAddress(self.transport)
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            timeout = self._owner.openTimeout
            if timeout is not None:
                reason = f"no TLS handshake within {timeout:g} seconds"
                self._tlsCall = self._owner.clock.callLater(timeout, self.abortBecause, reason, Cause.SILENT)
        else:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """TLS is ready, or not needed."""
        if self._tlsCall is not None:
            self._tlsCall.cancel()
            self._tlsCall = None
        self._beginWriting(self._owner.settings, self._owner.deathWatch)
        if self._owner.settings.idleTimeout is not None:
            self._lastReceived = self._owner.clock.seconds()
            self._checkIdle(self._owner.settings.idleTimeout)
        receiver, self._futureReceiver = self._futureReceiver, None
        if receiver is not None:  # it may hold on to us: without this, only the garbage collector could part us
            self._open(receiver)

    def setMaxMessage(self, size: int) -> None:
        """See L{jetjstp.interfaces.MessageLink.setMaxMessage}."""
        checkNumber("size", size, 1, 2**31)
        self._framing.maxLength = size

    def dataReceived(self, data: bytes) -> None:
        """Bytes came in."""
        if not self.isLive:
            return
        if self._lastReceived is not None:
            self._lastReceived = self._owner.clock.seconds()
        self._traffic.bytesReceived += len(data)
        try:
            messages = self._feed(data)
        except FrameTooLong as error:
            self._feed = _ignore
            if error.messages:
                self._traffic.messagesReceived += len(error.messages)
                self._deliver(error.messages)
            if self._held:
                self._endAfterHeld = str(error)
            else:
                self.abortBecause(str(error), Cause.LIMIT)
            return
        if messages:
            self._traffic.messagesReceived += len(messages)
            self._deliver(messages)

    def _resumeTransport(self) -> None:
        if self._endAfterHeld is not None:
            self.abortBecause(self._endAfterHeld, Cause.LIMIT)
        else:
            super()._resumeTransport()

    def resumeReading(self) -> None:
        """See L{ReadingSide.resumeReading}."""
        if self._lastReceived is not None:
            # Nothing could come in, which is no fault of the peer.
            self._lastReceived = self._owner.clock.seconds()
        super().resumeReading()

    def close(self) -> None:
        """Send what was written, for at most L{CLOSE_TIMEOUT} seconds, then end the connection."""
        if self.isLive:
            self._end()
            self._closeCall = self._owner.clock.callLater(CLOSE_TIMEOUT, self.abort)
            # With a producer that is paused, transports wait for more.
            self.unregisterProducer()
            self.transport.loseConnection()

    def readConnectionLost(self) -> None:
        """The other side says nothing more, so nobody will ask for anything: close."""
        if self.isLive and self._isFlushed():
            # As Twisted does for protocols that know no half of a connection; all else is a longer way to the same end.
            self.transport.connectionLost(connectionDone)
        else:
            self.close()

    def writeConnectionLost(self) -> None:
        """We never close only our half."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is gone, and so is the link."""
        for call in (self._idleCall, self._closeCall, self._tlsCall):
            if call is not None and call.active():
                call.cancel()
        self._owner.links.discard(self)
        self._endWriting()
        problem = tlsProblem(reason)
        if problem is not None and self._futureReceiver is not None:
            self._owner.failures.tell("refused", address=self.address, reason=problem)
        self._lost(problem or reason.getErrorMessage())

    def _checkIdle(self, timeout: float) -> None:
        clock = self._owner.clock
        now = clock.seconds()
        last = now if self._paused or self._lastReceived is None else self._lastReceived
        remaining = last + timeout - now
        if remaining > 0:
            self._idleCall = clock.callLater(remaining, self._checkIdle, timeout)
        else:
            self.abortBecause(f"nothing received for {timeout:g} seconds", Cause.SILENT)


def _ignore(data: bytes) -> list[bytes]:
    """What comes after a frame that was too long is no beginning of anything."""
    return []


class StreamFactory(Factory):
    """
    Makes a L{StreamLink} for each connection, of a server or a client.

    @ivar links: Those that are connected now.
    @ivar traffic: Counts what goes over them.
    """

    noisy = False
    _log = Logger()

    openTimeout: float | None = TLS_TIMEOUT

    def __init__(
        self,
        framing: Callable[[], Framing],
        receiver: Callable[[], MessageReceiver],
        settings: LinkSettings | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        """
        @param framing: Makes the framing of one connection.
        @param receiver: Makes the receiver of one connection.
        @param reactor: For timeouts; the global reactor if it is L{None}.
        """
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = cast(IReactorTime, globalReactor)
        self.clock = reactor
        self.settings = settings or LinkSettings()
        self.links: set[StreamLink] = set()
        self.traffic = Traffic()
        self.deathWatch = DeathWatch(reactor, self.settings.deadAfter) if DeathWatch.isPossible() else None
        self._framing = framing
        self._receiver = receiver
        self.failures = RareNotice(self._log, reactor)
        self._refusal = RareNotice(self._log, reactor)

    def buildProtocol(self, addr: IAddress | None) -> StreamLink | None:
        """Make the link of a new connection, or refuse it: then L{None}."""
        if len(self.links) >= self.settings.maxConnections:
            self.traffic.refused[Refusal.FULL] += 1
            reason = f"{self.settings.maxConnections} are open (maxConnections)"
            self._refusal.tell("refused", address=hostOf(addr), reason=reason)
            return None
        link = StreamLink(self, self._framing(), self._receiver())
        link.factory = self
        return link
