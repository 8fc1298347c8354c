"""
The server: applications, clients, sessions that may come back (section 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar, get_args, overload
from weakref import WeakKeyDictionary

from twisted.application.service import IService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.web.resource import IResource

from jetjstp.bounds import checkSeconds
from jetjstp.causes import Refusal
from jetjstp.embedding import ListeningService
from jetjstp.emitter import Emitter
from jetjstp.figure import Figure
from jetjstp.jstp.accepting import Accepting, authenticate, recognizer, rememberer
from jetjstp.jstp.applications import Application, AppsIndex, createAppsIndex
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.figures import Handshakes, jstpFigures
from jetjstp.jstp.heartbeat import LONGEST_BEAT
from jetjstp.jstp.keeping import Durability, Keeping
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.line import Line
from jetjstp.jstp.listening import checkEndpoint, listen, resource
from jetjstp.jstp.messages import Message, Rejected, checkName, encodeList
from jetjstp.jstp.session import Session
from jetjstp.jstp.versions import isVersion
from jetjstp.jstp.waiting import WaitingRoom
from jetjstp.links.notices import MOST_DROPS, RareNotice
from jetjstp.links.stream import StreamFactory, StreamLink
from jetjstp.links.websocket import WebSocketLink, WebSocketLinkFactory
from jetjstp.storage.memory import SimpleSessionStorageProvider

__all__ = ["Server", "ServerEvent"]

ServerEvent = Literal[
    "connect",
    "connectionError",
    "disconnect",
    "handshakeRequest",
    "handshakeTimeout",
    "log",
    "reconnect",
    "restoreSession",
]

_H = TypeVar("_H", bound=Callable[..., Any])
Links = StreamFactory | WebSocketLinkFactory

_F = TypeVar("_F", StreamFactory, WebSocketLinkFactory)

LONGEST = 7 * 86400.0
"""Seconds that a lost client stays at hand, at most; who comes later comes from the storage."""


RefusalKind = Literal["full", "application", "login", "session", "fault"]
"""What a line about a client that was not let in is about."""


class Server(Emitter):
    """
    Serves applications to clients. L{jetjstp.jstp.net.createServer} and L{jetjstp.jstp.ws.createServer} make it.

    Events: C{connect(connection)} for a new session, C{reconnect(connection)} for one that is restored, behind
    C{restoreSession(session, connection, application)}; C{disconnect(connection)}, also of those that never finished
    their handshake; C{handshakeRequest(connection, application, strategy)} before anybody is asked whether that is all
    right; C{handshakeTimeout(connection)}; C{connectionError(error, connection)} for a message that cannot be read or
    is too long, and a transport that breaks; C{log(connection, name, *args)} for all that goes over the connections,
    and for C{handshakeRequest}.
    """

    events = frozenset(
        {
            "connect",
            "connectionError",
            "disconnect",
            "handshakeRequest",
            "handshakeTimeout",
            "log",
            "reconnect",
            "restoreSession",
        }
    )

    _log = Logger()

    isObserved = False

    def __init__(
        self,
        applications: Iterable[Application] | Application | AppsIndex,
        factory: Callable[[Callable[[], Line]], Links],
        *,
        authPolicy: Any,
        sessionStorageProvider: Any,
        sessionDurability: Durability | None,
        heartbeatInterval: float | None,
        clientExpirationTime: float,
        limits: Limits,
        reactor: IReactorTime,
    ) -> None:
        """
        @param factory: Makes the factory of links from what makes their receivers.
        """
        if heartbeatInterval is not None:
            checkSeconds("heartbeatInterval", heartbeatInterval, LONGEST_BEAT)
        checkSeconds("clientExpirationTime", clientExpirationTime, LONGEST)
        self.limits = limits
        self.clock = reactor
        self.authenticate = None if authPolicy is None else authenticate(authPolicy)
        self.recognize = None if authPolicy is None else recognizer(authPolicy)
        self.remember = None if authPolicy is None else rememberer(authPolicy)
        self._index = createAppsIndex(applications)
        self._heartbeatInterval = heartbeatInterval
        self.handshakes = Handshakes()
        self._factory = factory(self._newLine)
        self._factories: list[Links] = [self._factory]
        self._refusals = {kind: RareNotice(self._log, reactor) for kind in get_args(RefusalKind)}
        self._drops = RareNotice(self._log, reactor, MOST_DROPS)
        self._ports: list[IListeningPort] = []
        self._clients: dict[Connection, None] = {}
        # What connections have asked for, those that are away included; they are forgotten in many ways.
        self._requests: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
        self._connections: dict[Connection, None] = {}
        self._isClosed = False
        self._closing: list[Deferred[None]] = []
        self._waiting = WaitingRoom(limits, reactor, self._timedOut)
        self._ownStorage = SimpleSessionStorageProvider(reactor=reactor) if sessionStorageProvider is None else None
        self._keeping = Keeping(
            self._ownStorage if sessionStorageProvider is None else sessionStorageProvider,
            sessionDurability,
            clientExpirationTime,
            limits,
            reactor,
        )
        self._keeping.check(self._index)

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: ServerEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: ServerEvent, handler: _H) -> _H: ...

    def on(self, name: ServerEvent, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Add a listener, see L{Emitter.on}."""
        self.isObserved = self.isObserved or name == "log"
        return super().on(name) if handler is None else super().on(name, handler)

    @overload  # type: ignore[override]
    def once(self, name: ServerEvent) -> Callable[[_H], _H]: ...

    @overload
    def once(self, name: ServerEvent, handler: _H) -> _H: ...

    def once(self, name: ServerEvent, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Add a listener for the next event of that name only."""
        self.isObserved = self.isObserved or name == "log"
        return super().once(name) if handler is None else super().once(name, handler)

    # What users do

    def listen(
        self, endpoint: str | IStreamServerEndpoint, factory: IProtocolFactory | None = None
    ) -> Deferred[IListeningPort]:
        """
        Take connections.

        @param endpoint: A server endpoint description, such as C{tcp:3000}, C{ssl:...} or C{unix:/run/jstp.sock}, or an
            endpoint. It may be called more than once.
        @param factory: What L{addFactory} gave, if the connections are of that kind.
        @return: Fires with the port; fails with what prevents it.
        """
        return listen(endpoint, factory or self._factory, self.clock).addCallback(self._listening)

    def addFactory(self, make: Callable[[Callable[[], Line]], _F]) -> _F:
        """
        Serve links of another kind, too: WebSockets besides streams. Sessions may go from one to the other.

        @param make: Makes the factory of the links from what makes their receivers, as
            L{jetjstp.jstp.listening.webSocketFactory} does.
        """
        factory = make(self._newLine)
        self._factories.append(factory)
        return factory

    def _listening(self, port: IListeningPort) -> Any:
        if self._isClosed:
            return maybeDeferred(port.stopListening).addCallback(lambda _: port)
        self._ports.append(port)
        return port

    def asService(self, *endpoints: str | IStreamServerEndpoint) -> IService:
        """
        A service that listens while it runs and closes the server when it stops, which is the end of it. A port that is
        taken is tried again.

        @param endpoints: As for L{listen}.
        @raise TypeError: There is none, or one is something else; ValueError for a description that means nothing.
        """
        if not endpoints:
            raise TypeError("asService needs at least one endpoint")
        for endpoint in endpoints:
            checkEndpoint(endpoint, self.clock)
        return ListeningService(lambda: self._listenAll(endpoints), self.close, self.clock)

    def _listenAll(self, endpoints: tuple[str | IStreamServerEndpoint, ...]) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._listenEach(endpoints))

    async def _listenEach(self, endpoints: tuple[str | IStreamServerEndpoint, ...]) -> None:
        open: list[IListeningPort] = []
        try:
            for endpoint in endpoints:
                open.append(await self.listen(endpoint))
        except BaseException:
            # All or none: the next attempt begins anew.
            for port in open:
                if port in self._ports:
                    self._ports.remove(port)
                    await maybeDeferred(port.stopListening)
            raise

    def webSocketResource(self) -> IResource:
        """
        A server of L{jetjstp.jstp.ws} as a part of a web site: a resource, to be put at any place of a
        L{twisted.web.server.Site}. The port is the site's; L{close} leaves it open, and ends the connections.

        @raise TypeError: The server was not made by C{ws.createServer}.
        """
        if not isinstance(self._factory, WebSocketLinkFactory):
            raise TypeError("only a server of jstp.ws.createServer can be a part of a web site")
        return resource(self._factory)

    @property
    def factory(self) -> IProtocolFactory:
        """What makes the links, for those who listen by themselves."""
        return self._factory

    def close(self) -> Deferred[None]:
        """Take no more connections, end those that there are, store the sessions; fires when that is done."""
        self._isClosed = True
        ports, self._ports = self._ports, []
        stopping: list[Deferred[Any]] = [maybeDeferred(port.stopListening) for port in ports]
        gone: Deferred[None] = Deferred()
        self._closing.append(gone)
        for factory in self._factories:
            for link in list(getattr(factory, "links", ())):
                if not link.isLive:  # the handshake of TLS or WebSocket is not done: it is no client, and is to be none
                    link.abort()
        for connection in list(self._connections):
            accepting = self._waiting.remove(connection)
            if accepting is not None:  # whatever is decided about it, it is not let in any more
                accepting.cancel()
            finishing = connection.finishUp()
            if finishing is None:
                connection.hangUp()
            else:
                finishing.addCallback(self._hangUp, connection)
        self._checkClosed()
        closed = DeferredList([*stopping, gone], consumeErrors=True).addCallback(self._ended)
        return closed.addCallback(lambda _: None if self._ownStorage is None else self._ownStorage.close())

    def _hangUp(self, _: object, connection: Connection) -> None:
        connection.hangUp()

    def _ended(self, outcomes: list[tuple[bool, Any]]) -> Deferred[None]:
        for isDone, outcome in outcomes:
            if not isDone:
                self._log.failure("a port could not be closed", failure=outcome)
        return self._keeping.close()

    def getClients(self) -> Iterator[Connection]:
        """The connections whose session is agreed on and that are there now."""
        return iter(list(self._clients))

    def getClientsArray(self) -> list[Connection]:
        """The same as a list."""
        return list(self._clients)

    def figures(self) -> list[Figure]:
        """
        What is going on, in numbers, for metrics of whatever kind; nothing in them was chosen by clients. The names and
        labels are always the same. Reading them looks at each session: with 10,000 it takes some two milliseconds.
        """
        traffic = {_kindOf(factory): factory.traffic for factory in self._factories}
        connections = dict.fromkeys(traffic, 0)
        for connection in self._connections:
            if connection.line is not None:
                connections[connection.line.link.kind] += 1
        return list(jstpFigures(connections, traffic, self.handshakes, self._waiting, self._keeping))

    def endSession(self, connection: Connection, reason: str) -> None:
        """
        Give up the session of a client, be it connected or away: if it asks for it, there is none, so it has to log in
        anew.

        @param reason: For the log.
        """
        if connection.line is None:
            self.dropped(connection, reason)
        self._keeping.drop(connection)
        connection.lose(reason)

    def dropClient(self, connection: Connection, reason: str) -> bool:
        """
        End the connection of a client in order, with a line in the log. Its session is kept.

        @param reason: For the log.
        @return: Whether it was not being ended already.
        """
        if connection.isEnding:
            return False
        self.dropped(connection, reason)
        connection.close()
        return True

    def broadcast(self, interface: str, event: str, *args: Any) -> None:
        """
        Tell all clients of an event: C{broadcast("chat", "said", name, text)}. Who is away at the moment is not told.

        @raise ValueError: It cannot be sent; TypeError alike.
        """
        checkName("event", event)
        text = encodeList(list(args))
        for connection in list(self._clients):
            if connection.isConnected:  # not one whose session was just taken, and whose transport is about to end
                connection.emitEncoded(interface, event, text)

    def updateApplications(self, applications: Iterable[Application] | Application | AppsIndex) -> None:
        """Serve these from now on. Those who are connected keep what they have, see L{updateConnectionsApi}."""
        index = createAppsIndex(applications)
        self._keeping.check(index)
        self._index = index

    def updateConnectionsApi(self) -> None:
        """
        Give those who are connected, and have not asked for an exact version, the greatest version that there is now of
        what they have asked for: in their range, or of the same major version if they had none.
        """
        for connection in self._clients:
            requested = self._requests.get(connection)
            if requested is not None:
                found = self._index.find(connection.application.name, requested)
                if found is not None:
                    connection.application = found

    # What connections ask, see jetjstp.jstp.connection.Home

    def _newLine(self) -> Line:
        connection = Connection(self, NOTHING, -1, self.limits, self.clock)
        return Line(connection)

    def opened(self, connection: Connection) -> None:
        """A transport is there."""
        if self._isClosed or len(self._connections) >= self.limits.connections:
            if not self._isClosed:
                self._factory.traffic.refused[Refusal.FULL] += 1
                reason = f"{self.limits.connections} are open (connections)"
                self.tellRefusal(connection, "full", reason)
            assert connection.line is not None
            connection.line.link.abort()
            return
        self._connections[connection] = None
        self._waiting.add(connection, Accepting(self, connection))

    def greeted(self, connection: Connection, message: Message) -> None:
        """A message before the session is there."""
        accepting = self._waiting.find(connection)
        if accepting is not None:
            accepting.greeted(message)

    def failed(self, connection: Connection, error: Exception) -> None:
        """The client broke a rule. What it may not send, as opposed to what cannot be read, was observed already."""
        if isinstance(error, Rejected) or not self.emit("connectionError", error, connection):
            self.dropped(connection, str(error))

    def tellRefusal(self, connection: Connection, kind: RefusalKind, reason: str) -> None:
        """A client was not let in. Lines of one kind are not to hide those of another."""
        self._refusals[kind].tell("refused", address=connection.remoteAddress, reason=reason)

    def dropped(self, connection: Connection, reason: str) -> None:
        """We have ended a client's connection, or its session: the one line about it."""
        self._drops.tell(
            "dropped",
            connection=connection.id,
            address=connection.remoteAddress,
            user=connection.username,
            reason=reason,
        )

    def observed(self, connection: Connection, name: str, args: tuple[Any, ...]) -> None:
        """Something went over a connection."""
        self.emit("log", connection, name, *args)

    def overflowed(self, connection: Connection) -> None:
        """Too much waits for a client that is away."""
        self.dropped(connection, "too much waits for its session, which is forgotten")
        self._keeping.drop(connection)

    def buffered(self, connection: Connection) -> None:
        """Something more waits for a client that is away."""
        self._keeping.buffered(connection)

    def lost(self, connection: Connection, reason: str) -> None:
        """The transport of a connection is gone."""
        if self._connections.pop(connection, False) is False:
            return
        self._tellFailure(connection, reason)
        accepting = self._waiting.remove(connection)
        if accepting is not None:
            accepting.cancel()
        if self._clients.pop(connection, False) is None:
            self._keeping.lost(connection)
        self.emit("disconnect", connection)
        self._checkClosed()

    def _tellFailure(self, connection: Connection, reason: str) -> None:
        """A message was too long, the client did not read, a cable broke: that is an error, unlike an end in order."""
        if reason == RESET:
            self.emit("connectionError", ConnectionLost(), connection)
        elif reason not in ORDERLY and not reason.startswith(CLOSED):
            self.failed(connection, ConnectionError(reason))

    def _checkClosed(self) -> None:
        if not self._connections:
            closing, self._closing = self._closing, []
            for waiting in closing:
                waiting.callback(None)

    # What the handshake asks

    def find(self, name: str, version: Any) -> Application | None:
        """The application that a client asks for."""
        return self._index.find(name, version)

    def asked(self, connection: Connection, application: Application, strategy: str) -> None:
        """A client asks for an application that there is."""
        self.emit("handshakeRequest", connection, application.name, strategy)
        if self.isObserved:
            self.observed(connection, "handshakeRequest", (application.name, strategy))

    def requested(self, connection: Connection, version: Any, application: Application) -> None:
        """Remember what a client has asked for, unless it was an exact version."""
        if not version:
            self._requests[connection] = application.version.partition(".")[0]
        elif not isVersion(version):
            self._requests[connection] = " ".join(version.split())  # there may be very many blanks in it

    def _timedOut(self, connection: Connection) -> None:
        self.emit("handshakeTimeout", connection)
        connection.hangUp()

    def known(self, id: str) -> Connection | None:
        """The connection of a session, if it is at hand."""
        return self._keeping.known(id)

    def findSession(
        self,
        connection: Connection,
        application: Application,
        id: str,
        found: Callable[[Session | None], Deferred[None]],
    ) -> Deferred[None]:
        """Look for a session that is stored, and belongs to the application; see L{Keeping.find}."""
        isOnly = len({each.name for each in self._index}) == 1
        return self._keeping.find(connection, application, id, isOnly, found)

    def startRecording(self, connection: Connection, session: Session) -> Deferred[None] | None:
        """Record a new session, if sessions are recorded; L{None} if nobody has to wait for that."""
        return self._keeping.startRecording(connection, session)

    def abandonRecording(self, connection: Connection) -> None:
        """The client was gone before its session was there."""
        self._keeping.abandon(connection)

    def watch(self, deciding: Deferred[Any]) -> None:
        """Do not end before somebody has decided: the storage is needed for that."""
        self._keeping.watch(deciding)

    def isOurs(self, connection: Connection) -> Deferred[bool]:
        """Whether no other server has taken the session of a connection that is at hand."""
        return self._keeping.isOurs(connection)

    def replaced(self, connection: Connection, known: Connection) -> None:
        """The transport of a connection belongs to another one now, that of the session."""
        self._waiting.remove(connection)
        self._connections.pop(connection, None)
        self._connections[known] = None
        self._requests.pop(known, None)
        requested = self._requests.pop(connection, None)
        if requested is not None:
            self._requests[known] = requested

    def admitted(self, connection: Connection) -> None:
        """There is a new session."""
        if self._welcome(connection):
            self.handshakes.begun += 1
            connection.emit("client", connection.session)
            self.emit("connect", connection)

    def returned(self, connection: Connection) -> None:
        """A session is restored."""
        if self._welcome(connection):
            self.handshakes.restored += 1
            self.emit("restoreSession", connection.session, connection, connection.application)
            connection.emit("client", connection.session)
            self.emit("reconnect", connection)

    def _welcome(self, connection: Connection) -> bool:
        self._waiting.remove(connection)
        self._keeping.connected(connection)
        if connection.line is None:  # it was lost when it was answered, and that was told
            self._keeping.lost(connection)
            return False
        self._clients[connection] = None
        if self._heartbeatInterval is not None:
            connection.startHeartbeat(self._heartbeatInterval)
        return True


RESET = str(ConnectionLost())

ORDERLY = frozenset({str(ConnectionDone()), str(ConnectionAborted())})
"""Reasons for the end of a connection that nobody has to be told of; we abort it for our own ones."""

CLOSED = ("closed with 1000", "closed with 1001", "closed with 1005")
"""The same of WebSockets."""

NOTHING = Application("jstp", {})
"""What a client can call before it has asked for anything."""


def _kindOf(factory: Links) -> str:
    return WebSocketLink.kind if isinstance(factory, WebSocketLinkFactory) else StreamLink.kind
