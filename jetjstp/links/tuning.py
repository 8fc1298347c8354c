"""
The TCP connection below a transport, and what we set on its socket.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from math import ceil

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper

from jetjstp.links.settings import LinkSettings

__all__ = ["isTCP", "socketBelow", "tune"]


def socketBelow(transport: ITransport) -> Connection | None:
    """
    Find the connection that owns the socket, below TLS and other wrappers.

    @return: L{None} if there is no socket that we know how to reach, as in tests.
    """
    below: ITransport | None = transport
    while isinstance(below, ProtocolWrapper):
        below = below.transport
    return below if isinstance(below, Connection) else None


def isTCP(connection: Connection) -> bool:
    """Whether this is TCP, not a UNIX socket."""
    return connection.socket.family in (socket.AF_INET, socket.AF_INET6)


def tune(connection: Connection, settings: LinkSettings) -> None:
    """
    Prepare a TCP socket for messages: no delay, keep-alive in seconds instead of hours, little unsent data in the
    system. What the platform does not have is left out.
    """
    for level, option, value in _options(settings):
        try:
            connection.socket.setsockopt(level, option, value)
        except OSError:
            # The peer is gone already (some systems then answer EINVAL), or the system knows the name but not the
            # option. Neither is worth a connection: the first ends by itself, the second is a refinement.
            continue


@lru_cache(64)
def _options(settings: LinkSettings) -> tuple[tuple[int, int, int], ...]:
    """What this platform has of the options: level, name, value."""
    wanted = (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", ceil(settings.keepAliveIdle)),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", ceil(settings.keepAliveInterval)),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", settings.keepAliveProbes),
        (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", settings.notSentLowWater),
    )
    return tuple((level, getattr(socket, name), value) for level, name, value in wanted if hasattr(socket, name))
