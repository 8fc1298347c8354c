"""
WebSockets as a part of a L{twisted.web} site.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from twisted.protocols.policies import ProtocolWrapper
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Site

from jetjstp.links.websocket import WebSocketLink, WebSocketLinkFactory

__all__ = ["WebSocketResource", "hookOntoSite"]


class WebSocketResource(Resource):
    """
    A leaf whose requests become WebSockets, over HTTP and HTTPS alike.

    A request is taken away from its HTTP channel, and the transport with it. Twisted has no public way for that. It is
    done as in C{autobahn.twisted.resource}, except that the channel's producer makes room for ours, and that bytes
    right behind the request are not lost.
    """

    isLeaf = True

    def __init__(self, factory: WebSocketLinkFactory) -> None:
        super().__init__()
        self._factory = factory

    def render(self, request: Any) -> int | bytes:
        """Take over the connection of a request. If it is no upgrade, the link refuses it."""
        channel = request.channel
        transport = getattr(channel, "transport", None)
        if transport is None:
            # HTTP/2: its streams have no transport of their own.
            request.setResponseCode(HTTPStatus.UPGRADE_REQUIRED)
            request.setHeader(b"upgrade", b"websocket")
            return b"WebSockets need HTTP/1.1\n"
        link = self._factory.buildProtocol(transport.getPeer())
        if link is None:
            request.setResponseCode(HTTPStatus.SERVICE_UNAVAILABLE)
            return b"too many connections\n"
        channel.transport = None
        transport.unregisterProducer()
        _receiveFrom(transport, link)
        link.makeConnection(transport)
        # The channel may have paused it, when more than this request came in.
        transport.resumeProducing()
        link.dataReceived(_rebuilt(request))
        # The channel is about to look at what came behind the request.
        channel.rawDataReceived = link.dataReceived
        return NOT_DONE_YET


def _receiveFrom(transport: Any, link: WebSocketLink) -> None:
    """Make a transport deliver to a link what it has delivered to somebody else."""
    if isinstance(transport, ProtocolWrapper):
        transport.wrappedProtocol = link
    elif isinstance(transport.protocol, ProtocolWrapper):
        # TLS that was started on a connection.
        transport.protocol.wrappedProtocol = link
    else:
        transport.protocol = link


def _rebuilt(request: Any) -> bytes:
    """The bytes of a request, more or less as they came."""
    lines = [request.method + b" " + request.uri + b" " + request.clientproto]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines += [name + b": " + value for value in values]
    head: bytes = b"\r\n".join(lines)
    body: bytes = request.content.read()
    return head + b"\r\n\r\n" + body


def hookOntoSite(site: Site, resource: IResource) -> Callable[[], None]:
    """
    Send every upgrade to a WebSocket on a site to one resource, whatever its path. All other requests go where they
    went before.

    @return: Call it to undo this; connections that are open stay.
    """
    original: Callable[[Any], IResource] = site.getResourceFor
    isHooked = True

    def getResourceFor(request: Any) -> IResource:
        if isHooked and _isUpgrade(request):
            return resource
        return original(request)

    def undo() -> None:
        nonlocal isHooked
        # Others may have hooked on behind us, so this stays in place without effect.
        isHooked = False

    # Not a subclass: the site is there already, and somebody else's.
    site.getResourceFor = getResourceFor  # type: ignore[method-assign]
    return undo


def _isUpgrade(request: IRequest) -> bool:
    upgrade = request.getHeader(b"upgrade")
    return upgrade is not None and b"websocket" in [part.strip().lower() for part in upgrade.split(b",")]
