"""
Protocols of the application on connections of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol, IProtocolFactory, ITransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from jetjstp.links.addresses import peerAddress
from jetjstp.links.settings import LinkSettings
from jetjstp.links.tuning import isTCP, socketBelow, tune

__all__ = ["WrappedLink", "WrappedLinkFactory"]


class WrappedLink(ProtocolWrapper):
    """
    A connection with somebody else's protocol on it.

    @ivar address: Where the other side is.
    """

    address = "unknown"

    _log = Logger()

    def __init__(self, factory: WrappedLinkFactory, wrappedProtocol: IProtocol) -> None:
        super().__init__(factory, wrappedProtocol)
        self._owner = factory
        if IHalfCloseableProtocol.providedBy(wrappedProtocol):
            alsoProvides(self, IHalfCloseableProtocol)

    @property
    def protocol(self) -> Any:
        """The protocol of the application."""
        return self.wrappedProtocol

    def makeConnection(self, transport: ITransport) -> None:
        """There is a connection."""
        connection = socketBelow(transport)
        if connection is not None and isTCP(connection):
            tune(connection, self._owner.settings)
        self.address = peerAddress(transport)
        try:
            super().makeConnection(transport)
        except Exception:
            # It is a connection nevertheless: whoever dials has to hear of it, and of its end.
            self._log.failure("a protocol of the application failed in connectionMade")
            self.abortConnection()
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            # The above says that we are what the transport is, and nothing else.
            alsoProvides(self, IHalfCloseableProtocol)
        self._owner.opened(self)

    def readConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}; called only if the application's protocol has it."""
        IHalfCloseableProtocol(self.wrappedProtocol).readConnectionLost()

    def writeConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""
        IHalfCloseableProtocol(self.wrappedProtocol).writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        try:
            super().connectionLost(reason)
        except Exception:
            self._log.failure("a protocol of the application failed in connectionLost")
        self._owner.lost(self)

    def end(self) -> None:
        """Send what was written, then end the connection."""
        self.loseConnection()

    def abort(self) -> None:
        """End the connection at once."""
        self.abortConnection()


class WrappedLinkFactory(WrappingFactory["WrappedLink"]):
    """Makes the connections of a factory of the application."""

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        admit: Callable[[str], bool],
        opened: Callable[[WrappedLink], None],
        lost: Callable[[WrappedLink], None],
        settings: LinkSettings,
    ) -> None:
        super().__init__(factory)
        self.opened = opened
        self.lost = lost
        self.settings = settings
        self._admit = admit

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the link of a new connection, or refuse it: then L{None}; the application's factory may do so, too."""
        if isinstance(addr, IPv4Address | IPv6Address) and not self._admit(addr.host):
            return None
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if protocol is None else WrappedLink(self, protocol)
