"""
Plain bytes over a stream, without any framing: a socket, nearly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from jetjstp.interfaces import MessageReceiver
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import StreamFactory, StreamLink

__all__ = ["ByteFactory", "ByteLink", "ByteReceiver"]


class AsTheyCome:
    """The framing that is none: a message is whatever came in one piece."""

    maxLength = sys.maxsize

    def feed(self, data: bytes) -> list[bytes]:
        """One message."""
        return [data]

    @staticmethod
    def pack(message: bytes) -> bytes:
        """A message is its own frame."""
        return message


class ByteReceiver(MessageReceiver, Protocol):
    """What a L{ByteLink} tells of."""

    def remoteEnded(self) -> None:
        """The other side says nothing more, but may still read. L{ByteLink.finish} or C{close} is to be called."""


class ByteLink(StreamLink):
    """
    A stream whose two directions end one by one.

    @ivar port: That of the other side.
    @ivar listener: Its receiver.
    @ivar endedWell: Whether nothing was lost on the way, as far as that can be told; known at C{linkLost}.
    """

    kind = "bytes"
    endedWell = True

    def __init__(self, owner: ByteFactory, receiver: ByteReceiver) -> None:
        super().__init__(owner, AsTheyCome(), receiver)
        self.port = 0
        self.listener = receiver
        self._isFinished = False
        self._remoteHasEnded = False

    def connectionMade(self) -> None:
        """The stream is there."""
        peer = self.transport.getPeer()
        if isinstance(peer, IPv4Address | IPv6Address):
            self.port = peer.port
        super().connectionMade()

    def finish(self) -> None:
        """Send what was written, then say that nothing more comes. The other side may go on."""
        if not self.isLive or self._isFinished:
            return
        self._isFinished = True
        if self._remoteHasEnded:
            self.close()
        else:
            # With a producer that is paused, transports wait for more.
            self.unregisterProducer()
            self.transport.loseWriteConnection()

    def readConnectionLost(self) -> None:
        """The other side says nothing more."""
        self._remoteHasEnded = True
        if self._isFinished:
            self.close()
        else:
            self.listener.remoteEnded()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is gone."""
        # Without an end reason of ours, an abortion was asked for.
        self.endedWell = self._endReason is None and (not self.isLive or reason.check(ConnectionDone) is not None)
        super().connectionLost(reason)


class ByteFactory(StreamFactory):
    """Makes a L{ByteLink} for each connection, of a server or a client."""

    def __init__(
        self,
        receiver: Callable[[], ByteReceiver],
        admit: Callable[[str], bool],
        settings: LinkSettings,
        reactor: IReactorTime,
    ) -> None:
        """
        @param receiver: Makes the receiver of one connection.
        @param admit: Asked with the address of the other side whether there is to be a connection.
        """
        super().__init__(AsTheyCome, receiver, settings, reactor)
        self._byteReceiver = receiver
        self._admit = admit

    def buildProtocol(self, addr: IAddress | None) -> StreamLink | None:
        """Make the link of a new connection, or refuse it: then L{None}."""
        if isinstance(addr, IPv4Address | IPv6Address) and not self._admit(addr.host):
            return None
        link = ByteLink(self, self._byteReceiver())
        link.factory = self
        return link
