"""
A peer's way to its daemon: endpoints, TLS, and one connection after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, clientFromString, wrapClientTLS
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure

from jetjstp.framing import LengthPrefixed
from jetjstp.interfaces import MessageLink, MessageReceiver
from jetjstp.jet.urls import Place
from jetjstp.links.dialing import DialingStreamFactory, Failed, reasonOf
from jetjstp.links.settings import LinkSettings
from jetjstp.links.tlsoptions import tlsCreator

__all__ = ["Connector", "Dial", "Waits", "dialer"]

MAX_MESSAGE = 100 * 1024 * 1024
"""The longest message that a daemon may send; it is longer than what a daemon takes, as an answer to get may be."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

LASTING = 10.0
"""Seconds after which a connection counts as a success: the waits begin anew."""

Dial = Callable[[Callable[[], MessageReceiver], Failed], "Deferred[IProtocol]"]
"""Connects: the receiver is made for the link, or the second is told why there will be none."""


class Waits:
    """How long to wait before the next attempt: ever longer, and not all peers at the same time."""

    def __init__(self, random: Callable[[], float]) -> None:
        """
        @param random: Gives a number from 0 to 1.
        """
        self._random = random
        self._next = FIRST_WAIT

    def next(self) -> float:
        """Seconds: between a half and the whole of what doubles each time."""
        whole, self._next = self._next, min(2 * self._next, LONGEST_WAIT)
        return whole * (0.5 + 0.5 * self._random())

    def reset(self) -> None:
        """An attempt was a success."""
        self._next = FIRST_WAIT


def dialer(
    place: Place,
    endpoint: str | IStreamClientEndpoint | None,
    headers: Mapping[str, str] | None,
    tlsOptions: Any,
    reactor: Any,
) -> Dial:
    """How to connect. Raises for whatever is wrong about the arguments."""
    # Who gives these relies on them: better no connection than one without.
    if tlsOptions is not None and (endpoint is not None or not place.isSecure):
        raise ValueError("tlsOptions need a jets:// or wss:// URL; an endpoint brings its own")
    if headers and place.webSocketUrl is None:
        raise ValueError("headers need a ws:// or wss:// URL")
    if endpoint is None:
        found = _endpointOf(place, tlsOptions, reactor)
    elif isinstance(endpoint, str):
        found = clientFromString(reactor, endpoint)
    else:
        found = endpoint
    settings = LinkSettings()

    def dial(receiver: Callable[[], MessageReceiver], failed: Failed) -> Deferred[IProtocol]:
        factory: Any
        if place.webSocketUrl is None:
            factory = DialingStreamFactory(lambda: LengthPrefixed(MAX_MESSAGE), receiver, failed, settings, reactor)
        else:
            # Half of what a peer imports; without a WebSocket nobody needs it.
            from jetjstp.links.websocketclient import DialingWebSocketFactory

            factory = DialingWebSocketFactory(
                place.webSocketUrl,
                receiver,
                failed,
                headers=headers,
                maxMessage=MAX_MESSAGE,
                settings=settings,
                reactor=reactor,
            )
        return found.connect(cast(IProtocolFactory, factory))

    return dial


def _endpointOf(place: Place, tlsOptions: Any, reactor: Any) -> IStreamClientEndpoint:
    if place.unixPath is not None:
        return UNIXClientEndpoint(reactor, place.unixPath)
    endpoint = HostnameEndpoint(reactor, place.host, place.port)
    if not place.isSecure:
        return cast(IStreamClientEndpoint, endpoint)
    return wrapClientTLS(tlsCreator(tlsOptions, place.host), endpoint)


class Connected(Protocol):
    """Who uses a connector."""

    def linkOpened(self, link: MessageLink) -> None:
        """There is a connection."""

    def messagesReceived(self, messages: list[bytes]) -> None:
        """See L{MessageReceiver}."""

    def linkBlocked(self) -> None:
        """See L{MessageReceiver}."""

    def linkDrained(self) -> None:
        """See L{MessageReceiver}."""

    def linkLost(self, reason: str) -> None:
        """The connection is gone, and there was one."""

    def dialFailed(self, reason: str) -> None:
        """There is no connection."""


class Connector:
    """
    Makes a connection when told to.

    @ivar link: The connection, if there is one.
    """

    def __init__(self, dial: Dial, user: Connected, clock: IReactorTime) -> None:
        self.link: MessageLink | None = None
        self._dial = dial
        self._user = user
        self._clock = clock
        self._attempt: _Attempt | None = None
        self._later: IDelayedCall | None = None

    @property
    def isIdle(self) -> bool:
        """Whether there is neither a connection nor one under way nor one planned."""
        return self._attempt is None and self._later is None

    def dial(self) -> None:
        """Try now."""
        self._cancelLater()
        attempt = self._attempt = _Attempt(self, self._user)
        connecting = attempt.connecting = self._dial(lambda: attempt, attempt.failed)
        connecting.addCallbacks(attempt.connected, attempt.dialFailed)

    def dialLater(self, seconds: float) -> None:
        """Try then."""
        self._cancelLater()
        self._later = self._clock.callLater(seconds, self.dial)

    def _cancelLater(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def over(self, attempt: _Attempt) -> bool:
        """An attempt has ended; returns whether it was the present one."""
        if self._attempt is not attempt:
            return False
        self._attempt = None
        self.link = None
        return True

    def stop(self) -> None:
        """
        End the connection after what was written, give up what is under way.

        The user is told, L{Connected.linkLost}, if there was a connection.
        """
        self._cancelLater()
        if self.link is not None:
            self.link.close()
        elif self._attempt is not None:
            attempt, self._attempt = self._attempt, None
            attempt.giveUp()


class _Attempt:
    """One connection, from the first try to its end."""

    def __init__(self, owner: Connector, user: Connected) -> None:
        self._owner = owner
        self._user = user
        self._protocol: Any = None
        self.connecting: Deferred[IProtocol] | None = None

    def connected(self, protocol: IProtocol) -> None:
        """The stream is there; the link may not be ready yet."""
        self.connecting = None
        self._protocol = protocol

    def dialFailed(self, failure: Failure) -> None:
        """There is not even a stream."""
        self.connecting = None
        if not failure.check(CancelledError):
            self.failed(reasonOf(failure))

    def failed(self, reason: str) -> None:
        """The stream ended before the link was ready."""
        if self._owner.over(self):
            self._user.dialFailed(reason)

    def giveUp(self) -> None:
        """Nobody wants it any more."""
        if self.connecting is not None:
            self.connecting.cancel()
        else:
            # Over TLS it is inside of what the endpoint has given us.
            protocol = getattr(self._protocol, "wrappedProtocol", self._protocol)
            if protocol is not None:
                protocol.abort()

    def linkOpened(self, link: MessageLink) -> None:
        if self._owner._attempt is not self:
            link.abort()
            return
        self._owner.link = link
        self._user.linkOpened(link)

    def messagesReceived(self, messages: list[bytes]) -> None:
        if self._owner._attempt is self:
            self._user.messagesReceived(messages)

    def linkBlocked(self) -> None:
        if self._owner._attempt is self:
            self._user.linkBlocked()

    def linkDrained(self) -> None:
        if self._owner._attempt is self:
            self._user.linkDrained()

    def linkLost(self, reason: str) -> None:
        if self._owner.over(self):
            self._user.linkLost(reason)
