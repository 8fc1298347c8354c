"""What stands between a peer and a daemon: connections that can be cut, and a listener that says nothing."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from twisted.internet import reactor as globalReactor
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.portforward import ProxyFactory, ProxyServer

__all__ = ["Relay", "Silent"]

reactor = cast(Any, globalReactor)


class _Passing(ProxyServer):
    def connectionMade(self) -> None:
        cast(Relay, self.factory).passing.append(self)
        super().connectionMade()


class Relay(ProxyFactory):
    """
    Passes on what comes to the daemon of a URL.

    @ivar url: Where the relay itself is.
    """

    protocol = _Passing
    noisy = False

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        super().__init__(str(place.hostname), place.port or 0)
        self.passing: list[Protocol] = []
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.url = f"jet://127.0.0.1:{self._port.getHost().port}"

    def cut(self) -> None:
        """End the connections, without a word."""
        passing, self.passing = self.passing, []
        for each in passing:
            cast(ITCPTransport, each.transport).abortConnection()

    def close(self) -> Any:
        """Take no more, and end those that there are."""
        self.cut()
        return self._port.stopListening()


class Silent(Factory[Protocol]):
    """Takes connections, and says nothing."""

    protocol = Protocol
    noisy = False
