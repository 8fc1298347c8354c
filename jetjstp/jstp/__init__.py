"""
JSTP: remote calls and events over TCP, TLS, UNIX sockets and WebSocket, in
sessions that survive lost connections.

Each name is imported when it is first asked for: who stores sessions does not need
WebSockets.
"""

from typing import TYPE_CHECKING

from jetjstp.lazynames import lazyNames

if TYPE_CHECKING:
    from jetjstp.jstp import mdsf, net, ws
    from jetjstp.jstp.applications import Application, AppsIndex, createAppsIndex
    from jetjstp.jstp.client import Client, SimpleConnectPolicy
    from jetjstp.jstp.connection import Connection
    from jetjstp.jstp.errors import (
        ERR_APP_NOT_FOUND,
        ERR_AUTH_FAILED,
        ERR_CALLBACK_LOST,
        ERR_INTERFACE_INCOMPATIBLE,
        ERR_INTERFACE_NOT_FOUND,
        ERR_INTERNAL_API_ERROR,
        ERR_INVALID_SIGNATURE,
        ERR_METHOD_NOT_FOUND,
        ERR_NO_HANDSHAKE_RESPONSE,
        ERR_NOT_A_SERVER,
        BufferFull,
        CallbackLost,
        ConnectionNotOpen,
        HandshakeTimeout,
        InspectError,
        InvalidAnswer,
        NoHandshakeResponse,
        RemoteError,
        SessionTaken,
    )
    from jetjstp.jstp.limits import Limits
    from jetjstp.jstp.mdsf import UNDEFINED
    from jetjstp.jstp.offering import App
    from jetjstp.jstp.proxies import RemoteProxy
    from jetjstp.jstp.results import Results
    from jetjstp.jstp.server import Server
    from jetjstp.jstp.session import Session
    from jetjstp.links.websocketclient import WebSocketHandshakeError
    from jetjstp.storage.memory import SimpleSessionStorageProvider

__all__ = [
    "ERR_APP_NOT_FOUND",
    "ERR_AUTH_FAILED",
    "ERR_CALLBACK_LOST",
    "ERR_INTERFACE_INCOMPATIBLE",
    "ERR_INTERFACE_NOT_FOUND",
    "ERR_INTERNAL_API_ERROR",
    "ERR_INVALID_SIGNATURE",
    "ERR_METHOD_NOT_FOUND",
    "ERR_NOT_A_SERVER",
    "ERR_NO_HANDSHAKE_RESPONSE",
    "UNDEFINED",
    "App",
    "Application",
    "AppsIndex",
    "BufferFull",
    "CallbackLost",
    "Client",
    "Connection",
    "ConnectionNotOpen",
    "HandshakeTimeout",
    "InspectError",
    "InvalidAnswer",
    "Limits",
    "NoHandshakeResponse",
    "RemoteError",
    "RemoteProxy",
    "Results",
    "Server",
    "Session",
    "SessionTaken",
    "SimpleConnectPolicy",
    "SimpleSessionStorageProvider",
    "WebSocketHandshakeError",
    "createAppsIndex",
    "mdsf",
    "net",
    "ws",
]

_HOMES = {
    "App": "jetjstp.jstp.offering",
    "Application": "jetjstp.jstp.applications",
    "AppsIndex": "jetjstp.jstp.applications",
    "Client": "jetjstp.jstp.client",
    "Connection": "jetjstp.jstp.connection",
    "Limits": "jetjstp.jstp.limits",
    "RemoteProxy": "jetjstp.jstp.proxies",
    "Results": "jetjstp.jstp.results",
    "Server": "jetjstp.jstp.server",
    "Session": "jetjstp.jstp.session",
    "SimpleConnectPolicy": "jetjstp.jstp.client",
    "SimpleSessionStorageProvider": "jetjstp.storage.memory",
    "UNDEFINED": "jetjstp.jstp.mdsf",
    "WebSocketHandshakeError": "jetjstp.links.websocketclient",
    "createAppsIndex": "jetjstp.jstp.applications",
    "mdsf": "jetjstp.jstp.mdsf",
    "net": "jetjstp.jstp.net",
    "ws": "jetjstp.jstp.ws",
}
"""The modules of the names that are no errors."""

_HINTS = {
    **{name: f"; there are net.{name} and ws.{name}" for name in ("connect", "connectAndInspect", "createServer")},
    "reconnect": "; there are net.reconnect and ws.reconnect",
    "parse": "; it is in mdsf",
    "stringify": "; it is in mdsf",
    "tls": '; net takes "tls:host:port" and listens at "ssl:..."',
    "wss": "; ws takes wss:// and listens at ssl:...",
}
"""Where there is what was looked for here."""

__getattr__, __dir__ = lazyNames(__name__, __all__, _HOMES, "jetjstp.jstp.errors", _HINTS)
