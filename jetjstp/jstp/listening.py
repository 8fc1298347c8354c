"""
Where clients come in: the factories for listeners, and how they are listened
with.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.web.resource import IResource

from jetjstp.framing import NulTerminated
from jetjstp.interfaces import MessageReceiver
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.targets import FRAGMENT_SIZE, KEEPALIVE_INTERVAL, KEEPALIVE_PATIENCE, SUBPROTOCOL
from jetjstp.links.origins import UpgradeRequest
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import StreamFactory
from jetjstp.links.website import WebSocketResource
from jetjstp.links.websocket import Guard, WebSocketLinkFactory

__all__ = ["Endpoint", "OriginCheck", "checkEndpoint", "listen", "resource", "streamFactory", "webSocketFactory"]

Endpoint = str | IStreamServerEndpoint

OriginCheck = Callable[[str | None], object]
"""
Whether a web page of this origin may connect (L{None}: not a browser): a truth value, or a Deferred or coroutine of
one.
"""


def streamFactory(receiver: Callable[[], MessageReceiver], limits: Limits, reactor: Any) -> StreamFactory:
    """
    Serves TCP, TLS and UNIX sockets.

    Messages are taken up to the limit before the handshake; C{link.setMaxMessage} raises it. An empty message is
    delivered as such.

    @param receiver: Makes the receiver of one connection.
    """
    return StreamFactory(lambda: NulTerminated(limits.messageBeforeHandshake), receiver, _settings(limits), reactor)


def webSocketFactory(
    receiver: Callable[[], MessageReceiver],
    limits: Limits,
    reactor: Any,
    originCheck: OriginCheck | None = None,
    *,
    guard: Guard | None = None,
) -> WebSocketLinkFactory:
    """
    Serves WebSockets, at any path.

    Messages are taken up to the limit before the handshake (JSTP's, not WebSocket's); C{link.setMaxMessage} raises it.

    @param receiver: Makes the receiver of one connection, when its upgrade is done.
    @param originCheck: Whom to let in; L{None} lets everybody in. Who is refused, or does not offer the subprotocol,
        gets a 403. If it fails, that is logged, and is a refusal.
    @param guard: Instead of C{originCheck}: judges whole requests, as L{OriginRules.check<jetjstp.links.origins>}.
    """
    if guard is None:
        guard = _letIn if originCheck is None else _guard(originCheck)
    return WebSocketLinkFactory(
        receiver,
        protocols=(SUBPROTOCOL,),
        requireProtocol=True,
        plainStatus=400,
        maxMessage=limits.messageBeforeHandshake,
        fragmentSize=FRAGMENT_SIZE,
        pingInterval=KEEPALIVE_INTERVAL,
        pingPatience=KEEPALIVE_PATIENCE,
        guard=guard,
        settings=_settings(limits),
        reactor=reactor,
    )


def _settings(limits: Limits) -> LinkSettings:
    return LinkSettings(maxConnections=limits.connections)


def _letIn(request: UpgradeRequest) -> None:
    """Let everybody in."""


def _guard(originCheck: OriginCheck) -> Callable[[UpgradeRequest], object]:
    async def check(answer: Any) -> str | None:
        return _verdict(await answer)

    def guard(request: UpgradeRequest) -> object:
        answer = originCheck(request.origin)
        return check(answer) if isinstance(answer, Deferred | Coroutine) else _verdict(answer)

    return guard


def _verdict(answer: object) -> str | None:
    return None if answer else "this origin is not let in"


def listen(endpoint: Endpoint, factory: IProtocolFactory, reactor: Any) -> Deferred[IListeningPort]:
    """
    Listen.

    @param endpoint: A server endpoint description (C{"tcp:3000"}, C{"unix:/path"}, C{"ssl:..."}) or an endpoint.
    @return: Fires with the port; fails as the endpoint does, with L{twisted.internet.error.CannotListenError} as a
        rule.
    @raise TypeError: It is neither.
    @raise ValueError: The description cannot be understood; the message names it.
    """
    return maybeDeferred(checkEndpoint(endpoint, reactor).listen, factory)


def checkEndpoint(endpoint: Endpoint, reactor: Any) -> IStreamServerEndpoint:
    """
    @return: The endpoint, or that of a description.
    @raise TypeError: It is neither.
    @raise ValueError: The description cannot be understood; the message names it.
    """
    if isinstance(endpoint, str):
        return _ofDescription(endpoint, reactor)
    if IStreamServerEndpoint.providedBy(endpoint):
        return endpoint
    hint = f'; did you mean "tcp:{endpoint}"?' if isinstance(endpoint, int) else ""
    raise TypeError(f"{endpoint!r} is neither a server endpoint nor the description of one{hint}")


def _ofDescription(description: str, reactor: Any) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        # The parsers, plugins of others among them, raise whatever comes.
        hint = "tcp:3000:interface=127.0.0.1 or unix:/path"
        if description.isdecimal():
            hint = f"tcp:{description}"
        elif description.startswith("/"):
            hint = f"unix:{description}"
        raise ValueError(f"{description!r} is no usable server endpoint: {error}; write {hint}") from error
    return endpoint


def resource(factory: WebSocketLinkFactory) -> IResource:
    """A resource that serves the WebSockets of a factory where it stands in a site of L{twisted.web}."""
    return cast(IResource, WebSocketResource(factory))
