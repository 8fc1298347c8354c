"""
A peer finds its daemon on the local network by the name that it announces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.discovery import Discovery, DiscoveryError, Found, Session
from jetjstp.interfaces import MessageReceiver
from jetjstp.jet.connecting import Dial, dialer
from jetjstp.jet.urls import Place
from jetjstp.links.dialing import Failed
from jetjstp.links.racing import dialFirst
from jetjstp.reachable import Networks, candidates

__all__ = ["TCP_TYPE", "WEBSOCKET_TYPE", "findingDialer"]

TCP_TYPE = "_jet._tcp"
WEBSOCKET_TYPE = "_jetws._tcp"

FIND_TIMEOUT = 5.0
"""Seconds for a daemon to answer; who is asked waits a second at most."""

PREFER_TCP = 0.5
"""Seconds that plain Jet may come later than WebSocket, and is taken nevertheless."""

MOST_ADDRESSES = 8

ANYWHERE = "0.0.0.0"


def findingDialer(name: str, discovery: Discovery | None, reactor: Any) -> Dial:
    """How to connect to the daemon that announces a name."""
    if not isinstance(name, str):
        raise TypeError(f"discover is the name of a daemon, not {name!r}")
    if not name:
        raise ValueError("discover is the name of a daemon, and empty")
    if discovery is None:
        # Half of what a peer imports; most do without.
        from jetjstp.multicast import Multicast

        discovery = Multicast()
    chosen = discovery

    def dial(receiver: Callable[[], MessageReceiver], failed: Failed) -> Deferred[IProtocol]:
        def connect(place: Place) -> Deferred[IProtocol]:
            return dialer(place, finding.endpoint, None, None, reactor)(receiver, failed)

        finding = _Finding(name, chosen, reactor)
        return finding.result.addCallback(connect)

    return dial


@implementer(IStreamClientEndpoint)
class _Announced:
    """The addresses that somebody announces, as an endpoint."""

    def __init__(self, addresses: list[str], port: int, reactor: Any) -> None:
        self._addresses = addresses
        self._port = port
        self._reactor = reactor

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        return dialFirst(self._addresses, self._port, protocolFactory, self._reactor)


class _Finding:
    """
    One look for a daemon.

    @ivar result: Fires with where it is.
    @ivar endpoint: How to get there, once that is known.
    """

    def __init__(self, name: str, discovery: Discovery, reactor: IReactorTime) -> None:
        self.result: Deferred[Any] = Deferred(self._cancelled)
        self.endpoint: IStreamClientEndpoint | None = None
        self._name = name
        self._reactor = reactor
        self._second: Found | None = None
        self._calls: list[IDelayedCall] = []
        self._session: Session | None = None
        try:
            self._session = discovery.open(ANYWHERE, reactor)
        except DiscoveryError:
            self.result.errback(Failure())
            return
        self._calls.append(reactor.callLater(FIND_TIMEOUT, self._nobody))
        for type, take in ((TCP_TYPE, self._takeTCP), (WEBSOCKET_TYPE, self._takeWebSocket)):
            self._session.browse(type, _Watcher(name, take)).addErrback(self._failed)

    def _takeTCP(self, found: Found) -> None:
        self._found(found, Place(found.instance, found.port))

    def _takeWebSocket(self, found: Found) -> None:
        if self._second is None and self._session is not None:
            self._second = found
            self._calls.append(self._reactor.callLater(PREFER_TCP, self._takeSecond, found))

    def _takeSecond(self, found: Found) -> None:
        # The host of the URL is what the daemon is told; that it is an address is what it can compare.
        addresses = self._candidates(found)
        host = addresses[0].partition("%")[0] if addresses else "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        url = f"ws://{host}:{found.port}/"
        self._found(found, Place(host, found.port, webSocketUrl=url))

    def _candidates(self, found: Found) -> list[str]:
        networks = Networks(() if self._session is None else self._session.interfaces())
        return candidates(found.addresses, networks, ANYWHERE, MOST_ADDRESSES)

    def _found(self, found: Found, place: Place) -> None:
        if self._session is not None:
            self.endpoint = _Announced(self._candidates(found), found.port, self._reactor)
            self._end()
            self.result.callback(place)

    def _nobody(self) -> None:
        self._failed(
            Failure(DiscoveryError(f"no daemon announces the name {self._name} here; is it run with --announce?"))
        )

    def _failed(self, failure: Failure) -> None:
        if self._session is not None:
            self._end()
            self.result.errback(failure)

    def _cancelled(self, result: Deferred[Any]) -> None:
        self._end()

    def _end(self) -> None:
        session, self._session = self._session, None
        for call in self._calls:
            if call.active():
                call.cancel()
        if session is not None:
            session.close()


class _Watcher:
    """Waits for one name, in upper or lower case."""

    def __init__(self, name: str, take: Callable[[Found], None]) -> None:
        self._name = name.casefold()
        self._take = take

    def up(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        if found.instance.casefold() == self._name:
            self._take(found)

    def changed(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self.up(found)

    def down(self, instance: str) -> None:
        """See L{jetjstp.discovery.Watcher}: somebody else may come yet."""
