"""
The Jet daemon, for applications that embed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar, cast, overload
from weakref import WeakSet

from twisted.application.service import IService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Site

from jetjstp import __version__
from jetjstp.bounds import checkSeconds
from jetjstp.discovery import Discovery
from jetjstp.embedding import ListeningService
from jetjstp.emitter import Emitter
from jetjstp.figure import Figure
from jetjstp.framing import LengthPrefixed
from jetjstp.interfaces import IAuthPolicy, Identity
from jetjstp.jet.announcing import Announcing, OpenPort, checkName
from jetjstp.jet.bus import Bus
from jetjstp.jet.dialects import NODE_JET_2, Dialect
from jetjstp.jet.figures import jetFigures
from jetjstp.jet.limits import Limits
from jetjstp.jet.nodejet3 import NODE_JET_3
from jetjstp.jet.ownstates import OwnStates
from jetjstp.jet.protocol import ConnectedPeer, JetReceiver, JetServer
from jetjstp.links.exposure import beyondLoopback, isPlainNetwork
from jetjstp.links.origins import OriginRules, UpgradeRequest
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import StreamFactory, StreamLink
from jetjstp.links.traffic import Traffic
from jetjstp.links.webside import WebSocketSide
from jetjstp.links.website import WebSocketResource, hookOntoSite
from jetjstp.links.websocket import WebSocketLinkFactory
from jetjstp.logins import LoginAttempts
from jetjstp.policies.users import UsersPolicy, checkAuth

__all__ = ["DIALECTS", "TCP_PORT", "WEBSOCKET_PORT", "Daemon", "DialectName"]

TCP_PORT = 11122
WEBSOCKET_PORT = 11123

LONGEST_PING = 3600.0
"""Seconds; a ping that comes less often keeps no connection alive."""

SUBPROTOCOL = "jet"

NORMAL_CLOSURE = 1000
GOING_AWAY = 1001
"""Close codes of RFC 6455, section 7.4.1."""

Endpoint = str | IStreamServerEndpoint
DialectName = Literal["auto", "2", "3"]
GetAuthentication = Callable[[UpgradeRequest], Any]
PeerHandler = Callable[[ConnectedPeer], Any]

DIALECTS: dict[str, Dialect | None] = {"auto": None, "2": NODE_JET_2, "3": NODE_JET_3}
"""What C{dialect} may be."""

_H = TypeVar("_H", bound=PeerHandler)
_O = TypeVar("_O", bound=Callable[[], Any])
PeerEvent = Literal["connection", "disconnect"]


class Daemon(Emitter):
    """
    A Jet daemon.

    Events: C{connection} and C{disconnect}, each with a L{ConnectedPeer}. At C{disconnect} what the peer owned is still
    there. C{listening()} when ports were opened.

    @param users: C{{name: {"password": ..., "auth": {"fetchGroups": [...], "setGroups": [...], "callGroups": [...]}}}}.
        A copy is kept.
    @param policy: Who may log in, instead of C{users}; with path rules, if it has C{pathRules}, where its users may do
        something. See L{IAuthPolicy}, of which C{login} is enough.
    @param attempts: What counts wrong logins, if others count with it; by default the daemon has its own, with the
        limit C{failedLoginsPerMinute}.
    @param name: What C{info} says.
    @param fetchMode: C{"full"}; or C{"simple"}, in which peers get everything and filter it themselves.
    @param limits: What peers may ask for.
    @raise ValueError: Something is out of range or of no use; the message names it.
    """

    events: ClassVar[frozenset[str]] = frozenset(("connection", "disconnect", "listening"))

    _log = Logger()

    def __init__(
        self,
        *,
        users: Mapping[str, Any] | None = None,
        policy: IAuthPolicy | None = None,
        attempts: LoginAttempts | None = None,
        name: str = "jetjstp",
        fetchMode: Literal["full", "simple"] = "full",
        limits: Limits | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        if users is not None and policy is not None:
            raise ValueError("users and policy exclude each other: a policy knows its own users")
        if fetchMode not in ("full", "simple"):
            raise ValueError(f'fetchMode must be "full" or "simple", not {fetchMode!r}')
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = cast(IReactorTime, globalReactor)
        self._reactor = reactor
        self._limits = limits or Limits()
        self._isOpenToAll = users is None and policy is None
        bus = Bus(name, __version__.public(), simple=fetchMode == "simple", limits=self._limits)
        if policy is None:
            policy = UsersPolicy(users or {}, reactor)
        if attempts is None:
            attempts = LoginAttempts(self._limits.failedLoginsPerMinute, reactor)
        self._server = JetServer(bus, policy, attempts, self.emit, reactor)
        self._settings = LinkSettings(maxConnections=self._limits.connections)
        self._ports: list[IListeningPort] = []
        self._open: list[OpenPort] = []
        self._announcing: list[Announcing] = []
        self._unhook: list[Callable[[], None]] = []
        self._listening: set[Deferred[list[IListeningPort]]] = set()
        # Those that nothing listens with any more go by themselves.
        self._webSocketFactories: WeakSet[WebSocketLinkFactory] = WeakSet()
        self._streamFactories: dict[Dialect | None, StreamFactory] = {}
        # The connections of all factories of one kind: their number is limited together.
        self._streamLinks: set[StreamLink] = set()
        self._webSocketLinks: set[WebSocketSide] = set()
        # And counted together.
        self._traffic = {StreamLink.kind: Traffic(), WebSocketSide.kind: Traffic()}

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: PeerEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: PeerEvent, handler: _H) -> _H: ...

    @overload
    def on(self, name: Literal["listening"]) -> Callable[[_O], _O]: ...

    @overload
    def on(self, name: Literal["listening"], handler: _O) -> _O: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} at each event, with a L{ConnectedPeer} where one is concerned; without one, a decorator."""
        return super().on(name, handler)

    def listen(
        self,
        *args: object,
        tcpPort: int | None = None,
        wsPort: int | None = None,
        wsPingInterval: float = 5.0,
        wsGetAuthentication: GetAuthentication | None = None,
        server: Site | None = None,
        origins: Sequence[str] | None = None,
        endpoints: Sequence[Endpoint] = (),
        wsEndpoints: Sequence[Endpoint] = (),
        dialect: DialectName = "auto",
    ) -> Deferred[list[IListeningPort]]:
        """
        Listen. May be called more than once. With nothing said about where: on all interfaces, TCP port 11122 and
        WebSocket port 11123.

        @param tcpPort: A port on all interfaces for the trivial protocol.
        @param wsPort: A port on all interfaces for WebSocket.
        @param wsPingInterval: B{Seconds} between pings to WebSocket peers, 0 for none. A peer that has not answered for
            three intervals, and at least 15 seconds, is dropped.
        @param wsGetAuthentication: Called with the L{UpgradeRequest} of each WebSocket peer; returns its auth object,
            or a Deferred or coroutine of it. Anything else than an object refuses the peer.
        @param server: A site on whose ports WebSocket peers are served, too, at any path; ordinary requests stay its
            own.
        @param origins: Which web pages may connect besides those from the same host, C{"https://*.example.org:*"};
            C{["*"]} for all. Also what a C{Host} may be on the loopback interface.
        @param endpoints: More places for the trivial protocol: server endpoint descriptions or endpoints.
        @param wsEndpoints: More places for WebSocket.
        @param dialect: What the peers there speak: C{"2"} is npm node-jet 2, which lua-jet and our own peers speak too,
            C{"3"} is npm node-jet 3, and with C{"auto"} the first message of each peer tells.
        @return: Fires with the new ports, in the order of C{tcpPort}, C{endpoints}, C{wsPort}, C{wsEndpoints}; fails
            with what prevented one of them, none of the others is open then. Cancelled if the daemon is closed before.
        @raise TypeError: The options were given as an object.
        @raise ValueError: An option is of no use; the message names it.
        """
        if args:
            raise TypeError("listen takes keywords: listen(tcpPort=11122, wsPort=11123), not an options object")
        spoken = _dialectOf(dialect)
        if wsPort is not None and server is not None:
            raise ValueError("wsPort and server exclude each other")
        if wsPingInterval:
            checkSeconds("wsPingInterval", wsPingInterval, LONGEST_PING)
        if tcpPort is None and wsPort is None and server is None and not endpoints and not wsEndpoints:
            tcpPort, wsPort = TCP_PORT, WEBSOCKET_PORT
        streams = self._endpoints("tcpPort", tcpPort, endpoints)
        webSockets = self._endpoints("wsPort", wsPort, wsEndpoints)
        if server is not None or webSockets:
            factory = self._webSocketFactory(wsPingInterval, wsGetAuthentication, origins, spoken)
        places: list[tuple[IStreamServerEndpoint, IProtocolFactory]] = []
        places += [(endpoint, self._streams(spoken)) for endpoint in streams]
        places += [(endpoint, factory) for endpoint in webSockets]
        self._warnIfOpen(tcpPort, wsPort, [*endpoints, *wsEndpoints])
        hook = None if server is None else partial(hookOntoSite, server, WebSocketResource(factory))
        listening = Deferred.fromCoroutine(self._listen(places, hook))
        self._listening.add(listening)
        return listening.addBoth(self._listened, listening)

    def _listened(
        self, result: list[IListeningPort] | Failure, listening: Deferred[list[IListeningPort]]
    ) -> list[IListeningPort] | Failure:
        self._listening.discard(listening)
        return result

    def _endpoints(self, name: str, port: int | None, others: Sequence[Endpoint]) -> list[IStreamServerEndpoint]:
        if isinstance(others, str):
            raise ValueError(f"endpoints are a sequence, not one string: {others!r}")
        found: list[IStreamServerEndpoint] = []
        if port is not None:
            if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
                raise ValueError(f"{name} must be a port number, not {port!r}")
            found.append(TCP4ServerEndpoint(cast(IReactorTCP, self._reactor), port, backlog=1024))
        for other in others:
            endpoint = serverFromString(self._reactor, other) if isinstance(other, str) else other
            if not IStreamServerEndpoint.providedBy(endpoint):
                raise ValueError(f"{other!r} is neither a server endpoint nor the description of one")
            found.append(endpoint)
        return found

    async def _listen(
        self,
        places: Sequence[tuple[IStreamServerEndpoint, IProtocolFactory]],
        hook: Callable[[], Callable[[], None]] | None,
    ) -> list[IListeningPort]:
        opened: list[IListeningPort] = []
        try:
            for endpoint, factory in places:
                opened.append(await endpoint.listen(factory))
        except BaseException:
            for port in opened:
                await maybeDeferred(port.stopListening)
            raise
        self._ports += opened
        for port, (endpoint, factory) in zip(opened, places, strict=True):
            self._open.append(OpenPort(port, isinstance(factory, WebSocketLinkFactory), _isPlain(endpoint)))
        if hook is not None:
            self._unhook.append(hook())
        self.emit("listening")
        return opened

    def _warnIfOpen(self, tcpPort: int | None, wsPort: int | None, endpoints: Sequence[Endpoint]) -> None:
        if not self._isOpenToAll:
            return
        beyond = [f"port {port}" for port in (tcpPort, wsPort) if port is not None]
        beyond += [text for text in endpoints if isinstance(text, str) and beyondLoopback(text)]
        if beyond:
            self._log.warn(
                "{places}: open to every host that can reach it, without users or a policy", places=", ".join(beyond)
            )

    def _streams(self, dialect: Dialect | None) -> StreamFactory:
        factory = self._streamFactories.get(dialect)
        if factory is None:
            factory = self._streamFactories[dialect] = StreamFactory(
                lambda: LengthPrefixed(self._limits.message),
                self._server.receiverOf(dialect),
                self._settings,
                self._reactor,
            )
            factory.links = self._streamLinks
            factory.traffic = self._traffic[StreamLink.kind]
        return factory

    def _webSocketFactory(
        self,
        pingInterval: float,
        getAuthentication: GetAuthentication | None,
        origins: Sequence[str] | None,
        dialect: Dialect | None,
    ) -> WebSocketLinkFactory:
        factory = WebSocketLinkFactory(
            self._server.receiverOf(dialect),
            protocols=(SUBPROTOCOL,),
            maxMessage=self._limits.message,
            pingInterval=pingInterval,
            guard=OriginRules(origins or ()).check,
            authenticate=None if getAuthentication is None else _checked(getAuthentication),
            settings=self._settings,
            reactor=self._reactor,
        )
        factory.situation.links = self._webSocketLinks
        factory.situation.traffic = self._traffic[WebSocketSide.kind]
        self._webSocketFactories.add(factory)
        return factory

    def webSocketResource(
        self,
        *,
        wsPingInterval: float = 5.0,
        wsGetAuthentication: GetAuthentication | None = None,
        origins: Sequence[str] | None = None,
        dialect: DialectName = "auto",
    ) -> IResource:
        """
        A resource that serves WebSocket peers where it stands in a site; for the parameters see L{listen}.
        """
        if wsPingInterval:
            checkSeconds("wsPingInterval", wsPingInterval, LONGEST_PING)
        factory = self._webSocketFactory(wsPingInterval, wsGetAuthentication, origins, _dialectOf(dialect))
        return WebSocketResource(factory)

    def announce(self, name: str, *, discovery: Discovery | None = None) -> Deferred[None]:
        """
        Announce by multicast DNS where the daemon listens now, until it is closed: as C{_jet._tcp} and, for WebSocket,
        C{_jetws._tcp}, so that C{jet.Peer(discover=name)} finds it. The first plain port of each kind that other
        machines reach is announced; whoever is on the network can see that, and announce the same name elsewhere.

        @param name: 1 to 63 bytes of text.
        @param discovery: Another way to announce, for tests.
        @return: Fires when it is announced; fails with L{jetjstp.discovery.NameTaken} if somebody else announces that
            name, or another L{jetjstp.discovery.DiscoveryError}. Nothing is announced then.
        @raise ValueError: The name is of no use, or no port is one that could be announced.
        """
        announcing = Announcing(checkName(name), self._open, discovery, self._reactor)
        self._announcing.append(announcing)
        return announcing.begin()

    def receiver(self, *, dialect: Dialect = NODE_JET_2, identity: Identity | None = None) -> JetReceiver:
        """
        Take one more peer, whose messages come over a link of the caller's own: C{linkOpened(link)} of what is returned
        lets it in, C{linkLost} is its end. The link is never called after that.

        @param dialect: What the peer speaks.
        @param identity: Who it is; L{None} for somebody who has not logged in.
        """
        return self._server.receiver(dialect, identity)

    @property
    def peers(self) -> list[ConnectedPeer]:
        """The peers that are connected now."""
        return [receiver.peer for receiver in self._server.receivers.values()]

    @property
    def attempts(self) -> LoginAttempts:
        """What counts wrong logins, to be given to others that let in the same people."""
        return self._server.gate.attempts

    def recheck(self) -> Deferred[int]:
        """
        Look who still is who he was, after the users or rules of the policy have changed (its C{reload}). The peers
        whose rights are others now are dropped, so that they come back with the new ones: those whose groups or path
        rules differ, whose user is gone, and, by their certificates, those who are somebody now. All others go on as if
        nothing had happened. Logins that are being checked are checked once more.

        The new path rules hold when this returns. Peers that were authenticated by C{wsGetAuthentication} are concerned
        by path rules only.

        @return: Fires with the number of peers that were dropped; at once, unless the policy takes its time. A policy
            that fails meanwhile is logged, and its users stay.
        """
        return self._server.gate.recheck()

    def figures(self) -> list[Figure]:
        """
        What is going on, in numbers, for metrics of whatever kind; nothing in them was chosen by peers. The names and
        labels are always the same. Reading them looks at each peer: with 10,000 it takes some two milliseconds.
        """
        return list(jetFigures(self._server.bus, self._server.receivers, self._traffic))

    def ownStates(self, group: str) -> OwnStates:
        """
        States of the daemon itself under C{$daemon/}, where no peer can add any: there are none until
        L{OwnStates.update} is called. They belong to no peer, can only be fetched, and only users with C{group} among
        their C{fetchGroups} see them.

        @raise ValueError: The group is no text, or empty.
        """
        return OwnStates(self._server.bus, group, self._server.driver.settle)

    def close(self) -> Deferred[None]:
        """
        Stop listening, let go of sites, end all connections.

        @return: Fires when all of that is done. The daemon may then listen anew.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        for listening in list(self._listening):
            listening.cancel()
        announcing, self._announcing = self._announcing, []
        for each in announcing:
            await each.close()
        ports, self._ports = self._ports, []
        self._open.clear()
        unhook, self._unhook = self._unhook, []
        for undo in unhook:
            undo()
        for factory in list(self._webSocketFactories):
            factory.closeCode = GOING_AWAY
        for link in list(self._webSocketLinks):
            if not link.isLive:  # its handshake is not done: it is no peer yet, and is to be none
                link.abort()
        await DeferredList([maybeDeferred(port.stopListening).addErrback(self._stuck) for port in ports])
        await self._server.closeAll()
        for factory in list(self._webSocketFactories):  # a resource may go on serving
            factory.closeCode = NORMAL_CLOSURE

    def _stuck(self, failure: Failure) -> None:
        self._log.failure("a port could not be closed", failure=failure)

    def asService(self, **where: Any) -> IService:
        """
        A service that listens while it runs and closes the daemon when it stops. A port that is taken is tried again.

        @param where: As for L{listen}.
        """
        return ListeningService(lambda: self.listen(**where), self.close, self._reactor)


def _isPlain(endpoint: IStreamServerEndpoint) -> bool:
    """Whether an address and a port are all that a peer has to know."""
    description = getattr(endpoint, "description", None)
    if isinstance(description, str):
        return isPlainNetwork(description)
    return isinstance(endpoint, TCP4ServerEndpoint | TCP6ServerEndpoint)


def _dialectOf(name: str) -> Dialect | None:
    if not isinstance(name, str) or name not in DIALECTS:
        raise ValueError(f'dialect must be "auto", "2" or "3", not {name!r}')
    return DIALECTS[name]


def _checked(getAuthentication: GetAuthentication) -> GetAuthentication:
    """The application's hook, its answer checked before anybody relies on it."""

    async def authenticate(request: UpgradeRequest) -> Any:
        auth = await maybeDeferred(getAuthentication, request)
        if isinstance(auth, Mapping):
            return dict(checkAuth("", auth).auth)
        return None

    return authenticate
