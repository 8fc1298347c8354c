"""
A node of a service that connects to all others by itself.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, cast, overload

from twisted.application.service import IService
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.discovery import Announcement, Discovery, Found, NameTaken, Session
from jetjstp.embedding import ListeningService
from jetjstp.emitter import Emitter
from jetjstp.multicast import Multicast
from jetjstp.tcpnet.errors import ServiceStateError, UuidInUse
from jetjstp.tcpnet.limits import Limits
from jetjstp.tcpnet.linking import Linking, factoryOf, listenOn
from jetjstp.tcpnet.naming import newUuid, readSettings

__all__ = ["Address", "Service"]

DEFAULT_ADDRESS = "0.0.0.0"

ServiceEvent = Literal["connection", "listening", "close", "error", "up", "down"]
State = Literal["new", "starting", "listening", "closing", "closed"]
_H = TypeVar("_H", bound=Callable[..., Any])


class Address(NamedTuple):
    """
    Where a node is.

    @ivar addresses: What it announces.
    """

    port: int
    addresses: tuple[str, ...]


class Service(Emitter):
    """
    A node: it is found by, and connected with, every other node of the same name on the local network.

        service = tcpnet.Service("my-cluster")
        service.on("connection", lambda connection: connection.write(b"hello"))
        await service.listen()

    For each pair of nodes there is one connection; which of the two dials is settled by their uuids. A connection that
    is lost is dialled again, after waits that grow from half a second to half a minute, for as long as the other node
    is announced.

    Events: C{connection} with a L{jetjstp.tcpnet.Connection}, or the application's own protocol; C{listening};
    C{close}; C{up} and C{down} with the uuid of a node that is announced, or not any more; C{error} with what went
    wrong, such as a L{jetjstp.tcpnet.DialFailed}, once for each series of failures.

    Nothing is encrypted, and nobody has to prove anything: use it among hosts that trust each other.

    @param settings: The name of the service, at most 15 letters, digits and hyphens; or a mapping of C{name} and
        C{uuid}, hexadecimal digits that no other node of the service has. Without, there is one made by chance.
    @param connection: A handler of C{connection}.
    @param protocolFactory: A protocol class, or a factory of protocols, for the connections, instead of L{Connection}.
    @param discovery: Another way to find nodes than multicast DNS: L{jetjstp.memorydiscovery.MemoryDiscovery} in tests.
    @raise TypeError: The settings are of a wrong type.
    @raise ValueError: DNS-SD cannot hold the name.
    @ivar name: The name of the service.
    @ivar uuid: That of this node.
    """

    events: ClassVar[frozenset[str]] = frozenset(("connection", "listening", "close", "error", "up", "down"))

    _log = Logger()

    def __init__(
        self,
        settings: Any,
        connection: Callable[[Any], Any] | None = None,
        *,
        protocolFactory: IProtocolFactory | Callable[[], Any] | None = None,
        discovery: Discovery | None = None,
        reactor: Any = None,
        limits: Limits | None = None,
    ) -> None:
        read = readSettings(settings)
        self.name = read.name
        self.uuid = read.uuid or newUuid()
        self._type = read.type
        self._isUuidRandom = read.uuid is None
        self._protocolFactory = None if protocolFactory is None else factoryOf(protocolFactory)
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = globalReactor
        self._reactor = reactor
        self._discovery = discovery or Multicast()
        self._limits = limits or Limits()
        self._state: State = "new"
        self._address: Address | None = None
        self._linking: Linking | None = None
        self._starting: Deferred[None] | None = None
        self._closings: list[Deferred[None]] = []
        self._callbacks = _Callbacks()
        if connection is not None:
            self.on("connection", connection)

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: ServiceEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: ServiceEvent, handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} at each event; without one, a decorator."""
        return super().on(name, handler)

    # --- what there is

    def address(self) -> Address | None:
        """Where this node is: between C{listening} and L{close}, else L{None}."""
        return self._address

    @property
    def connections(self) -> tuple[Any, ...]:
        """The connections that there are now, dialled and accepted alike."""
        return () if self._linking is None else tuple(link.handle for link in self._linking.links.values())

    @property
    def services(self) -> dict[str, Address]:
        """The other nodes that are announced, connected or not, by uuid."""
        if self._linking is None:
            return {}
        return {uuid: Address(place.port, place.addresses) for uuid, place in self._linking.mesh.places().items()}

    # --- listening

    def listen(
        self, port: int = 0, address: str = DEFAULT_ADDRESS, callback: Callable[[], Any] | None = None
    ) -> Deferred[Address]:
        """
        Be a node: listen, announce that, and connect.

        @param port: The port; any free one for 0.
        @param address: What to listen on: an address of this host or its name; C{"127.0.0.1"} or C{"localhost"} for
            nodes on this host only.
        @param callback: Called at C{listening}.
        @return: Fires at C{listening}. Fails with what prevents it: C{CannotListenError}, C{OSError} for an unknown
            name, L{jetjstp.discovery.NoMulticast}, L{UuidInUse}; then L{listen} may be called again; with
            C{CancelledError} if L{close} comes first. When cancelled, the service is closed.
        @raise ServiceStateError: The service listens already, or is closed.
        """
        address = DEFAULT_ADDRESS if address is None or address == "" else address
        if not isinstance(address, str):
            raise TypeError("address must be a string")
        port = 0 if port is None else port
        if isinstance(port, bool) or not isinstance(port, int):
            raise TypeError("port must be a number")
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, not {port}")
        if self._state != "new":
            closed = self._state in ("closing", "closed")
            raise ServiceStateError(
                "a service that was closed cannot listen again; make another one" if closed else "listening already"
            )
        self._state = "starting"
        if callback is not None:
            self.once("listening", callback)
        listening: Deferred[Address] = Deferred(self._cancelled)
        self._starting = Deferred.fromCoroutine(self._listen(port, address, listening, callback))
        return listening

    def _cancelled(self, listening: Deferred[Address]) -> None:
        self.close()

    async def _listen(
        self, port: int, address: str, listening: Deferred[Address], callback: Callable[[], Any] | None
    ) -> None:
        linking: Linking | None = None
        session: Session | None = None
        try:
            address = await self._resolve(address)
            self._checkWanted()
            linking = self._linking = Linking(
                self.uuid, self._protocolFactory, self._limits, self.emit, random.random, self._reactor
            )
            number = await listenOn(linking, address, port)
            session = self._discovery.open(address, self._reactor)
            linking.begin(session, self._type, address)
            host = self.uuid.lower()
            await session.announce(Announcement(self._type, self.uuid, number, host, self._isUuidRandom))
            self._checkWanted()
            await session.browse(self._type, _Reports(linking))
            self._checkWanted()
        except Exception as error:
            failure = Failure(UuidInUse(str(error))) if isinstance(error, NameTaken) else Failure()
            if session is not None:
                await session.close()
            if linking is not None:
                await linking.stop()
            self._linking = None
            if callback is not None:
                # It is not that of the next attempt.
                self.off("listening", callback)
            if self._state == "starting":
                self._state = "new"
            self._starting = None
            if not listening.called:
                listening.errback(failure)
            return
        self._starting = None
        self._state = "listening"
        self._address = Address(number, session.addresses)
        self.emit("listening")
        linking.open()
        if not listening.called:
            listening.callback(self._address or Address(number, session.addresses))

    def _checkWanted(self) -> None:
        if self._state != "starting":
            raise CancelledError

    async def _resolve(self, name: str) -> str:
        try:
            return str(ip_address(name))
        except ValueError:
            pool = self._reactor.getThreadPool()
            found = await deferToThreadPool(
                self._reactor, pool, socket.getaddrinfo, name, None, type=socket.SOCK_STREAM
            )
            return cast(str, found[0][4][0])

    # --- the end

    def close(self, callback: Callable[[], Any] | None = None) -> Deferred[None]:
        """
        Say goodbye, dial nobody any more, end all connections. What the other side has not ended 5 seconds later is
        aborted. May be called at any time, and again.

        @param callback: Called at C{close}.
        @return: Fires when all of that is done.
        """
        closed: Deferred[None] = Deferred()
        self._closings.append(closed)
        if callback is not None:
            self._callbacks.on("closed", callback)
        if self._state == "closed":
            self._tellClosed()
        elif self._state != "closing":
            self._state = "closing"
            self._address = None
            Deferred.fromCoroutine(self._close()).addErrback(self._closeFailed)
        return closed

    async def _close(self) -> None:
        if self._starting is not None:
            # What was begun is finished first.
            await self._starting
        if self._linking is not None:
            await self._linking.stop()
            self._linking = None
        self._state = "closed"
        self.emit("close")
        self._tellClosed()

    def _closeFailed(self, failure: Failure) -> None:
        self._log.failure("a service could not be closed properly", failure=failure)
        self._state = "closed"
        self.emit("close")
        self._tellClosed()

    def _tellClosed(self) -> None:
        closings, self._closings = self._closings, []
        callbacks, self._callbacks = self._callbacks, _Callbacks()
        callbacks.emit("closed")
        for closed in closings:
            closed.callback(None)

    def asService(self, port: int = 0, address: str = DEFAULT_ADDRESS) -> IService:
        """
        A service of the application around it, which listens when it starts and closes when it stops. Where it cannot
        listen, it tries again after a while. It cannot be started a second time.

        @param port: As for L{listen}, like C{address}.
        """
        return ListeningService(lambda: maybeDeferred(self.listen, port, address), self.close, self._reactor)


class _Callbacks(Emitter):
    """What L{Service.close} is to call: it may raise, wait, or be a coroutine, as any listener."""

    events: ClassVar[frozenset[str]] = frozenset(("closed",))


class _Reports:
    """What discovery reports, as the mesh takes it."""

    def __init__(self, linking: Linking) -> None:
        self._linking = linking

    def up(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self._linking.seen(found)

    def changed(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self._linking.seen(found)

    def down(self, instance: str) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self._linking.gone(instance)
