"""
JSTP over WebSocket.

A I{webSocketConfig} is L{None} or a dict: C{headers} (a dict of texts),
C{origin}, C{tlsOptions} (for C{wss}; see L{jetjstp.jstp.net.connect}) and
C{maxMessageSize} in bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from jetjstp.jstp.applications import Application, AppsIndex
from jetjstp.jstp.client import Client
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.dialing import AppName, Dialing, Proxies
from jetjstp.jstp.keeping import Durability
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.listening import OriginCheck, webSocketFactory
from jetjstp.jstp.server import Server
from jetjstp.jstp.serving import makeServer

__all__ = ["connect", "connectAndInspect", "createServer", "reconnect"]

WebSocketConfig = Mapping[str, Any] | None


def connect(
    app: AppName,
    client: Client | None,
    webSocketConfig: WebSocketConfig,
    requestUrl: str,
    *,
    timeout: float = 10.0,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[Connection]:
    """
    As L{net.connect<jetjstp.jstp.net.connect>}.

    @param requestUrl: C{ws://host:port/path} or C{wss://...}; then the server's name is checked.
    @return: Fails also with L{WebSocketHandshakeError<jetjstp.links.dialing.WebSocketHandshakeError>}.
    """
    return Dialing("ws", (webSocketConfig, requestUrl), timeout=timeout, limits=limits, reactor=reactor).connect(
        app, client
    )


def connectAndInspect(
    app: AppName,
    client: Client | None,
    interfaces: Iterable[str],
    webSocketConfig: WebSocketConfig,
    requestUrl: str,
    *,
    timeout: float = 10.0,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[tuple[Connection, Proxies]]:
    """As L{net.connectAndInspect<jetjstp.jstp.net.connectAndInspect>}."""
    dialing = Dialing("ws", (webSocketConfig, requestUrl), timeout=timeout, limits=limits, reactor=reactor)
    return dialing.connectAndInspect(app, client, interfaces)


def reconnect(
    connection: Connection,
    webSocketConfig: WebSocketConfig,
    requestUrl: str,
    *,
    timeout: float = 10.0,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[Connection]:
    """As L{net.reconnect<jetjstp.jstp.net.reconnect>}; the connection may have been made with C{net}."""
    return Dialing("ws", (webSocketConfig, requestUrl), timeout=timeout, limits=limits, reactor=reactor).reconnect(
        connection
    )


def createServer(
    applications: Iterable[Application] | Application | AppsIndex | dict[str, Any],
    *misplaced: object,
    authPolicy: Any = None,
    sessionStorageProvider: Any = None,
    sessionDurability: Durability | None = None,
    heartbeatInterval: float | None = None,
    clientExpirationTime: float = 3600.0,
    limits: Limits | None = None,
    listener: Callable[[Connection], Any] | None = None,
    originCheckStrategy: OriginCheck | None = None,
    reactor: Any = None,
) -> Server:
    """
    As L{net.createServer<jetjstp.jstp.net.createServer>}. An endpoint with TLS makes it C{wss}.

    @param originCheckStrategy: Whether pages of an origin (L{None}: not a browser) may connect; everybody if not given.
    """
    return makeServer(
        lambda receiver, limits, reactor, originCheckStrategy=None: webSocketFactory(
            receiver, limits, reactor, originCheckStrategy
        ),
        applications,
        misplaced,
        authPolicy=authPolicy,
        sessionStorageProvider=sessionStorageProvider,
        sessionDurability=sessionDurability,
        heartbeatInterval=heartbeatInterval,
        clientExpirationTime=clientExpirationTime,
        limits=limits,
        listener=listener,
        originCheckStrategy=originCheckStrategy,
        reactor=reactor,
    )
