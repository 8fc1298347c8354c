"""
Where a daemon is, as one string: C{jet://host:port}, C{jets://host:port},
C{ws://host:port/path}, C{wss://host:port/path}, C{unix:/path}.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["TCP_PORT", "WEBSOCKET_PORT", "Place", "parseUrl"]

TCP_PORT = 11122
WEBSOCKET_PORT = 11123

_PORTS = {"jet": TCP_PORT, "jets": TCP_PORT, "ws": WEBSOCKET_PORT, "wss": WEBSOCKET_PORT}


class Place(NamedTuple):
    """
    Where a daemon is, and how it is spoken to.

    @ivar host: A name or an address; empty for a UNIX socket.
    @ivar unixPath: L{None} unless it is a UNIX socket.
    @ivar webSocketUrl: What to ask for; L{None} for the trivial protocol.
    """

    host: str
    port: int
    isSecure: bool = False
    unixPath: str | None = None
    webSocketUrl: str | None = None


def parseUrl(url: str) -> Place:
    """
    Read a URL. Without a port it is 11122, or 11123 for WebSocket.

    @raise ValueError: It is none of those that we know; the message says which those are. A password is never part of
        it: nor are user names and passwords of a URL.
    """
    if url.startswith("unix:"):
        path = url[5:]
        if path.startswith("//"):
            path = path[2:]
        if not path:
            raise ValueError("unix: needs the path of a socket: unix:/run/jet.sock")
        return Place("", 0, unixPath=path)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL of a daemon: {error}") from None
    if "@" in (parts.netloc or url):
        # Not repeated in the message: there may be a password in it.
        raise ValueError("a URL of a daemon has no user and no password in it; give user= and password=")
    if parts.scheme not in _PORTS:
        raise ValueError(f"not a URL of a daemon: {url!r}; use jet://, jets://, ws://, wss:// or unix:")
    if not parts.hostname:
        raise ValueError(f"there is no host in {url!r}")
    port = port or _PORTS[parts.scheme]
    isSecure = parts.scheme in ("jets", "wss")
    if parts.scheme in ("jet", "jets"):
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"nothing can follow the port in {url!r}")
        return Place(parts.hostname, port, isSecure)
    if parts.fragment:
        raise ValueError(f"a WebSocket URL has no fragment: {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    query = f"?{parts.query}" if parts.query else ""
    return Place(
        parts.hostname,
        port,
        isSecure,
        webSocketUrl=f"{parts.scheme}://{host}:{port}{parts.path or '/'}{query}",
    )
