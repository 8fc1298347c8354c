"""
What C{net.connect} and C{ws.connect} have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from jetjstp.bounds import checkSeconds
from jetjstp.jstp.applications import Application
from jetjstp.jstp.client import Client
from jetjstp.jstp.clientside import ClientSide
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.errors import InspectError, RemoteError
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.offering import App
from jetjstp.jstp.proxies import RemoteProxy
from jetjstp.jstp.signatures import checkLimits
from jetjstp.jstp.targets import Target, netTarget, wsTarget
from jetjstp.jstp.versions import checkRange, parseApp

__all__ = ["AppName", "Dialing", "Proxies"]

AppName = str | tuple[str, str | None] | Mapping[str, str | None]
"""C{"name"}, C{"name@range"}, C{(name, version)} or C{{"name": ..., "version": ...}}."""

Proxies = dict[str, RemoteProxy]

LONGEST_TIMEOUT = 900.0


class Dialing:
    """
    Makes the connections of one call.

    What is wrong with the arguments is found before anything is connected.
    """

    def __init__(
        self,
        transport: str,
        address: tuple[Any, ...],
        *,
        timeout: float,
        tlsOptions: Any = None,
        limits: Limits | None = None,
        reactor: Any = None,
    ) -> None:
        """
        @param transport: C{"net"} or C{"ws"}.
        @param address: The arguments of that transport.
        """
        if reactor is None:
            from twisted.internet import reactor
        checkSeconds("timeout", timeout, LONGEST_TIMEOUT)
        self._timeout = timeout
        self._tlsOptions = tlsOptions
        self._limits = checkLimits(limits)
        self._reactor: Any = reactor
        self._target = self._makeTarget(transport, address, tlsOptions)

    def _makeTarget(self, transport: str, address: tuple[Any, ...], tlsOptions: Any) -> Target:
        if transport == "net":
            return netTarget(address, tlsOptions=tlsOptions, limits=self._limits, reactor=self._reactor)
        if len(address) != 2:
            raise TypeError("WebSocket needs a webSocketConfig, which may be None, and a requestUrl")
        config, url = address
        return wsTarget(url, config, limits=self._limits, reactor=self._reactor)

    def makeAnother(self, transport: str, address: tuple[Any, ...]) -> Target:
        """What a reconnector has asked for: the TLS options go with every address that uses some."""
        usesTls = len(address) == 1 and isinstance(address[0], str) and address[0][:4].lower() == "tls:"
        return self._makeTarget(transport, address, self._tlsOptions if usesTls else None)

    def connect(self, app: AppName, client: Client | None) -> Deferred[Connection]:
        """Connect for the first time."""
        name, version = parseApp(app)
        if version:
            checkRange(version)
        if client is not None and not isinstance(client, Client):
            raise TypeError(f"client must be a Client or None, not a {type(client).__name__}{_clientHint(client)}")
        clock: IReactorTime = self._reactor
        side = ClientSide(
            client or Client(),
            App(name, version or None),
            self._target,
            self.makeAnother,
            self._timeout,
            self._limits,
            clock,
        )
        return side.connect()

    def connectAndInspect(
        self, app: AppName, client: Client | None, interfaces: Iterable[str]
    ) -> Deferred[tuple[Connection, Proxies]]:
        """Connect, then inspect all interfaces at once."""
        if isinstance(interfaces, str):
            raise TypeError(f"interfaces must be several names: [{interfaces!r}]")
        if not isinstance(interfaces, Iterable):
            raise TypeError(f"interfaces must be several names, not {interfaces!r}")
        names = list(dict.fromkeys(interfaces))
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"the name of an interface is a str, not {name!r}")

        def inspect(connection: Connection) -> Any:
            inspecting = DeferredList([connection.inspectInterface(name) for name in names], consumeErrors=True)
            inspected = inspecting.addCallback(gather, connection).addErrback(fail, connection)
            return inspected.addTimeout(self._timeout, self._reactor, timedOut)

        def gather(outcomes: Any, connection: Connection) -> tuple[Connection, Proxies]:
            proxies, errors = {}, {}
            for name, (isDone, outcome) in zip(names, outcomes, strict=True):
                if isDone:
                    proxies[name] = outcome
                elif outcome.check(RemoteError) and not connection.isClosing:
                    errors[name] = outcome.value
                else:
                    outcome.raiseException()
            if errors:
                raise InspectError(connection, proxies, errors)
            return connection, proxies

        def timedOut(result: Any, seconds: float) -> Any:
            if isinstance(result, Failure) and result.check(CancelledError):
                raise TimeoutError(f"the interfaces of {self._target} did not come within {seconds:g} seconds")
            return result

        def fail(failure: Failure, connection: Connection) -> Failure:
            if not failure.check(InspectError):
                connection.close()
            return failure

        return self.connect(app, client).addCallback(inspect)

    def reconnect(self, connection: Connection) -> Deferred[Connection]:
        """Connect again, in place of what there is now."""
        side = getattr(connection, "side", None)
        if side is None:
            raise TypeError(f"only a connection of a client can reconnect, not {connection!r}")
        again: Deferred[Connection] = side.reconnect(self._target, self._timeout)
        return again


def _clientHint(client: object) -> str:
    """What was probably meant."""
    if isinstance(client, str | int) or IStreamClientEndpoint.providedBy(client):
        return "; the address comes behind it"
    if isinstance(client, Mapping):
        return "; write Client(application=..., connectPolicy=...)"
    if isinstance(client, Application):
        return "; write Client(application=...)"
    return "; write Client(connectPolicy=...)" if callable(getattr(client, "connect", client)) else ""
