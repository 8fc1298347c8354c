"""
The half of a link that writes frames.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.tcp import Connection
from zope.interface import implementer

from jetjstp.links.deathwatch import DeathWatch
from jetjstp.links.lifetime import Lifetime
from jetjstp.links.settings import LinkSettings
from jetjstp.links.tuning import isTCP, socketBelow, tune

__all__ = ["WritingSide"]

PIECES = 4
"""Pieces, of 128 KiB each, that are offered to the system at once: long writes would make other connections wait."""


@implementer(IPushProducer)
class WritingSide(Lifetime):
    """
    Writes as early as possible, and tells the receiver when what is written piles up.

    A part of link classes, and the transport's push producer. A write may find the transport full: it then calls
    L{pauseProducing} at once, and so the receiver's C{linkBlocked} is called B{before C{write} returns}.
    """

    blocked = False

    # Whether frames may go straight to the socket, past the transport's buffer while that is empty.
    _eager = False

    # The connection below TLS and the like; None if there is none that we know, as in tests.
    _connection: Connection | None = None

    # None if nobody can tell whether what we wrote has arrived.
    _deathWatch: DeathWatch | None = None
    watched = False
    _isProducer = False

    def _beginWriting(self, settings: LinkSettings, deathWatch: DeathWatch | None) -> None:
        """The transport is there: prepare its socket, and become its producer."""
        connection = socketBelow(self.transport)
        if connection is not None:
            # With TLS the transport is not the connection, or it is marked: the bytes have to take that way.
            self._eager = connection is self.transport and not connection.TLS
            self._connection = connection
            if isTCP(connection):
                tune(connection, settings)
                self._deathWatch = deathWatch
        self.watched = self._deathWatch is None
        self.transport.registerProducer(self, True)
        self._isProducer = True

    def write(self, frames: list[bytes]) -> None:
        """
        Send ready frames, in order, in one system call if they fit. After the end: ignored.

        If they do not fit, C{linkBlocked} may be called before this returns.
        """
        if self.isLive:
            data = b"".join(frames)
            traffic = self._traffic
            traffic.messagesSent += len(frames)
            traffic.bytesSent += len(data)
            if data:
                self._write(data)

    def _write(self, data: bytes) -> None:
        """Write to the transport; the data must not be empty."""
        transport = self.transport
        # Nothing can be overtaken then. Writing at once spares a trip through the poller.
        if self._isFlushed() and transport.connected:
            # The transport offers the system a limited piece at a time; the rest would wait for another turn.
            rest: bytes | memoryview = data
            for _ in range(PIECES):
                sent = transport.writeSomeData(rest)
                if sent.__class__ is not int or sent == 0:
                    # The system takes no more; or, with an exception, the connection is gone, which the transport
                    # finds out in its own way when it writes.
                    break
                rest = memoryview(rest)[sent:]
                if not rest:
                    break
            if rest:
                transport.write(bytes(rest))
        else:
            transport.write(data)
        if not self.watched and self._deathWatch is not None and self._connection is not None:
            self._deathWatch.watch(self, self._connection)

    def _isFlushed(self) -> bool:
        """Whether the system has all that was written; without a socket of our own that is not known."""
        transport = self.transport
        # Both are what twisted.internet.abstract.FileDescriptor has to send; when they are empty it is not registered
        # for writing either.
        return self._eager and not transport._tempDataBuffer and not transport.dataBuffer

    def unregisterProducer(self) -> None:
        """Hear no more of the transport, which waits for its producer before it closes. Once is enough."""
        if self._isProducer:
            self._isProducer = False
            self.transport.unregisterProducer()

    def _progress(self) -> object:
        """Something that changes when the transport gets rid of data that had to wait; L{None} if none has to."""
        connection = self._connection
        if connection is None or not connection.dataBuffer:
            return None
        return id(connection.dataBuffer), connection.offset

    def _endWriting(self) -> None:
        """The transport is gone."""
        if self._deathWatch is not None:
            self._deathWatch.forget(self)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        if not self.blocked:
            self.blocked = True
            if self.isLive:
                try:
                    self._receiver.linkBlocked()
                except Exception:
                    self._receiverFailed()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        if self.blocked:
            self.blocked = False
            if self.isLive:
                try:
                    self._receiver.linkDrained()
                except Exception:
                    self._receiverFailed()

    def stopProducing(self) -> None:
        """The transport is gone: C{connectionLost} follows."""
