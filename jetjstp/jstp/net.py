"""
JSTP over TCP, TLS and UNIX sockets.

An I{address}, behind the client, is a client endpoint description
(C{"tcp:example.org:3000"}, C{"tls:example.org:3000"}, C{"unix:/run/jstp.sock"}),
an C{IStreamClientEndpoint}, or a host and a port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from jetjstp.jstp.applications import Application, AppsIndex
from jetjstp.jstp.client import Client
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.dialing import AppName, Dialing, Proxies
from jetjstp.jstp.keeping import Durability
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.listening import streamFactory
from jetjstp.jstp.server import Server
from jetjstp.jstp.serving import makeServer

__all__ = ["connect", "connectAndInspect", "createServer", "reconnect"]


def connect(
    app: AppName,
    client: Client | None,
    *address: Any,
    timeout: float = 10.0,
    tlsOptions: Any = None,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[Connection]:
    """
    Connect to a server, and open a session or restore that of the client.

    @param app: The application: C{"name"}, C{"name@range"}, C{(name, version)} or a dict of C{name} and C{version}.
        Ranges are those of npm.
    @param client: What the connection has in common with others, how to log in among it; L{None} to come in
        anonymously and offer nothing.
    @param address: Where the server is, see above.
    @param timeout: Seconds for all of it, the handshake included.
    @param tlsOptions: What C{optionsForClientTLS} gives, or a dict of C{trustRoot}, C{certificate}, C{key} (file
        names). The server's name is always checked.
    @param limits: What the server may ask of this side.
    @param reactor: The one that is running, by default.
    @return: Fails with Twisted's connect errors; with L{RemoteError} for what the server answers, 10 and 11 above all;
        with L{NoHandshakeResponse}, L{TimeoutError}. Cancelling ends the connection.
    @raise ValueError: Something is wrong with the arguments; TypeError alike. Nothing was connected then.
    """
    dialing = Dialing("net", address, timeout=timeout, tlsOptions=tlsOptions, limits=limits, reactor=reactor)
    return dialing.connect(app, client)


def connectAndInspect(
    app: AppName,
    client: Client | None,
    interfaces: Iterable[str],
    *address: Any,
    timeout: float = 10.0,
    tlsOptions: Any = None,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[tuple[Connection, Proxies]]:
    """
    L{connect}, then get interfaces of the server.

    @param interfaces: Their names.
    @return: Fires with the connection and its L{RemoteProxy<jetjstp.jstp.proxies.RemoteProxy>}s by name. If an
        interface is not there, L{InspectError} has the usable connection and the others.
    """
    dialing = Dialing("net", address, timeout=timeout, tlsOptions=tlsOptions, limits=limits, reactor=reactor)
    return dialing.connectAndInspect(app, client, interfaces)


def reconnect(
    connection: Connection,
    *address: Any,
    timeout: float = 10.0,
    tlsOptions: Any = None,
    limits: Limits | None = None,
    reactor: Any = None,
) -> Deferred[Connection]:
    """
    Restore the session of a connection over another transport; what there is now is closed when that is there.

    The connection may have been made with C{ws}. What waits for an answer goes on waiting, if this fails, too.

    @return: Fires with the same connection; fails as L{connect}.
    """
    dialing = Dialing("net", address, timeout=timeout, tlsOptions=tlsOptions, limits=limits, reactor=reactor)
    return dialing.reconnect(connection)


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
    reactor: Any = None,
) -> Server:
    """
    Make a server; L{Server.listen} lets it take connections.

    @param applications: What it serves; or all options in one dict, as in npm's package.
    @param authPolicy: Asked who somebody is, for all strategies but C{anonymous} and C{session}: a function, or an
        object with C{authenticate}, of the connection, the application, the strategy and the credentials. It gives the
        name of the user, now or later; a L{RemoteError} is the answer, whatever else it raises or gives is error 11.
        An object may also have C{authenticateCertificate}, which is asked for C{anonymous} if the client has a
        certificate that TLS has verified, of the connection, the application and the certificate
        (C{cryptography.x509.Certificate}); there L{None} is nobody in particular; and C{authenticateAgain}, which is
        asked for C{session} whether the user of a session, by name, may have it back.
    @param sessionStorageProvider: An L{ISessionStorage<jetjstp.interfaces.ISessionStorage>}; sessions are kept in
        memory if not given.
    @param sessionDurability: L{None} to store a session when its connection is closed; C{"handover"} to record it every
        second, too, and C{"always"} to record it before anything received or sent has an effect. These need an
        L{IFencedSessionStorage<jetjstp.interfaces.IFencedSessionStorage>}, and no two servers hold a session at a time.
    @param misplaced: Nothing; all else is given by keyword.
    @param heartbeatInterval: Seconds between pings, at most 900; L{None} for none. Who is silent for 2.5 of them is
        lost.
    @param clientExpirationTime: Seconds, at most a week, for which a client that was lost finds everything as it was;
        afterwards its session has to come from the storage.
    @param limits: What clients may ask of the server.
    @param listener: Listens to C{connect}.
    @param reactor: The one that is running, by default; a C{Clock} in tests, see L{jetjstp.testing.MemoryServer}.
    @raise ValueError: Something is wrong with the arguments; TypeError alike.
    """
    return makeServer(
        lambda receiver, limits, reactor: streamFactory(receiver, limits, reactor),
        applications,
        misplaced,
        authPolicy=authPolicy,
        sessionStorageProvider=sessionStorageProvider,
        sessionDurability=sessionDurability,
        heartbeatInterval=heartbeatInterval,
        clientExpirationTime=clientExpirationTime,
        limits=limits,
        listener=listener,
        reactor=reactor,
    )
