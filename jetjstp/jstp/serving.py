"""
What C{net.createServer} and C{ws.createServer} have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jetjstp.jstp.line import Line
from jetjstp.jstp.server import Server
from jetjstp.jstp.signatures import checkLimits, checkTakes
from jetjstp.links.stream import StreamFactory
from jetjstp.links.websocket import WebSocketLinkFactory

__all__ = ["makeServer"]

OPTIONS = frozenset(
    {
        "applications",
        "authPolicy",
        "clientExpirationTime",
        "heartbeatInterval",
        "limits",
        "listener",
        "originCheckStrategy",
        "reactor",
        "sessionDurability",
        "sessionStorageProvider",
    }
)


def makeServer(
    makeFactory: Callable[..., StreamFactory | WebSocketLinkFactory],
    applications: Any,
    misplaced: tuple[object, ...],
    **options: Any,
) -> Server:
    """
    Make a server of keywords, or of the options as npm's package takes them: in one dict.

    @param makeFactory: Makes the factory of links; called with what makes receivers, limits, the reactor, and
        C{originCheckStrategy} if there is one.
    @param misplaced: What was given by position behind the applications, where npm's package has a listener.
    """
    known = OPTIONS if "originCheckStrategy" in options else OPTIONS - {"originCheckStrategy"}
    if misplaced:
        keywords = ", ".join(sorted(known - {"applications"}))
        raise TypeError(f"createServer takes keywords behind the applications, such as listener=...: {keywords}")
    if isinstance(applications, dict):
        unknown = set(applications) - known
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise TypeError(f"createServer has no {names}; it has {', '.join(sorted(known))}")
        if "applications" not in applications:
            raise TypeError("createServer needs applications")
        options = {**options, **applications}
        applications = options.pop("applications")
    reactor = options.pop("reactor", None)
    if reactor is None:
        from twisted.internet import reactor
    limits = checkLimits(options.pop("limits"))
    listener = options.pop("listener", None)
    check = options.pop("originCheckStrategy", None)
    extra = {}
    if check is not None:
        if not callable(check):
            raise TypeError(f"originCheckStrategy must be a function of the origin, not {check!r}")
        checkTakes("originCheckStrategy", check, "origin")
        extra = {"originCheckStrategy": check}

    def factory(receiver: Callable[[], Line]) -> StreamFactory | WebSocketLinkFactory:
        return makeFactory(receiver, limits, reactor, **extra)

    server = Server(
        applications,
        factory,
        limits=limits,
        reactor=reactor,
        **options,
    )
    if listener is not None:
        server.on("connect", listener)
    return server
