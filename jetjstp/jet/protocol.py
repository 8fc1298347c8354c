"""
The glue of a daemon: links, the bus and the policy, joined by a driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.driver import Driver
from jetjstp.interfaces import IAuthPolicy, Identity, LoginFailed, MessageLink, UnknownUser, WrongPassword
from jetjstp.jet.bus import Authenticate, Bus, Drop, Effect, PauseReading, ResumeReading
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import Dialect
from jetjstp.jet.errors import InvalidParams
from jetjstp.links.notices import RareNotice
from jetjstp.policies.users import checkAuth

__all__ = ["ConnectedPeer", "JetReceiver", "JetServer"]

SPILL = 1024 * 1024
"""Bytes of one outbox that are written in one piece; more goes through the backlog, where it can be bounded."""


MOST_DROPS = 20
"""Lines about peers that were dropped, in ten seconds."""

CLOSED = "closed with "
"""How reasons of WebSocket links begin that have said in the log why they end."""


def userOf(client: Client) -> str | None:
    """Who has logged in on a connection."""
    return client.identity.name if isinstance(client.identity, Identity) else None


class ConnectedPeer:
    """A peer of the daemon, as C{connection} and C{disconnect} events tell of it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def id(self) -> str:
        """Names the connection; unique in the life of a daemon."""
        return self._client.id

    @property
    def address(self) -> str:
        """Where the peer is: its host, or the path of a UNIX socket."""
        return self._client.address

    @property
    def user(self) -> str | None:
        """Who logged in; L{None} before."""
        return userOf(self._client)

    @property
    def name(self) -> str | None:
        """What the peer called itself with C{config}."""
        return self._client.name

    def __repr__(self) -> str:
        return f"<ConnectedPeer {self.id} at {self.address}>"


class JetReceiver:
    """One connection of the daemon."""

    def __init__(self, server: JetServer, dialect: Dialect | None) -> None:
        self._server = server
        self._dialect = dialect

    def linkOpened(self, link: MessageLink) -> None:
        server = self._server
        self._link = link
        self.client = server.bus.connected(link, self._handshakeIdentity(link), self._dialect)
        self.peer = ConnectedPeer(self.client)
        server.receivers[self.client] = self
        server.tell("connection", self.peer)

    def _handshakeIdentity(self, link: MessageLink) -> Identity | None:
        """Who the peer is by its WebSocket handshake; the hook that said so has been checked by the daemon."""
        auth = getattr(link, "handshakeAuth", None)
        return None if auth is None else checkAuth(str(auth.get("name", "")), auth)

    def messagesReceived(self, messages: list[bytes]) -> None:
        server = self._server
        server.bus.receive(self.client, messages, server.driver.now())
        server.driver.settle()

    def linkBlocked(self) -> None:
        self._server.bus.blocked(self.client)

    def linkDrained(self) -> None:
        server = self._server
        server.bus.drained(self.client)
        server.driver.settle()

    def linkLost(self, reason: str) -> None:
        server = self._server
        ownReason = getattr(self._link, "ownReason", None)  # links of others need not have it
        if ownReason is not None and not ownReason.startswith(CLOSED):
            client = self.client
            server.drops.tell("dropped", peer=client.id, address=client.address, user=userOf(client), reason=ownReason)
        # As in node-jet: first the event, then what the peer owned goes.
        server.tell("disconnect", self.peer)
        server.bus.lost(self.client, server.driver.now())
        server.driver.settle()
        server.left(self)

    @property
    def link(self) -> MessageLink:
        return self._link


class JetServer:
    """
    A bus with everything around it that needs a reactor.

    @ivar receivers: The connections.
    """

    _log = Logger()

    def __init__(
        self,
        bus: Bus,
        policy: IAuthPolicy,
        tell: Callable[[str, ConnectedPeer], object],
        reactor: IReactorTime,
    ) -> None:
        """
        @param tell: Called with C{"connection"} or C{"disconnect"} and the peer.
        """
        self.bus = bus
        self.tell = tell
        self.receivers: dict[Client, JetReceiver] = {}
        self.driver: Driver[Effect] = Driver(bus, self._perform, self._flush, reactor)
        self.drops = RareNotice(self._log, reactor, MOST_DROPS)
        self._policy = policy
        self._closed: list[Deferred[None]] = []

    def receiverOf(self, dialect: Dialect | None) -> Callable[[], JetReceiver]:
        """What makes the receivers of new links to peers of a dialect, or, with L{None}, of any that we know."""
        return lambda: JetReceiver(self, dialect)

    def closeAll(self) -> Deferred[None]:
        """End all connections; fires when they are gone, and what they leave to be done is done."""
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        for receiver in list(self.receivers.values()):
            receiver.link.close()
        self._rest()
        return closed

    def left(self, receiver: JetReceiver) -> None:
        """A connection is gone."""
        del self.receivers[receiver.client]
        self._rest()

    def _rest(self) -> None:
        """Nothing more happens if the last connection is gone."""
        if self.receivers:
            return
        self.driver.rest()
        if not self.bus.working:
            closed, self._closed = self._closed, []
            for waiting in closed:
                waiting.callback(None)

    def _flush(self) -> None:
        bus = self.bus
        if self._closed:
            self._rest()
        load, bus.elements.load = bus.elements.load, 0
        if not bus.dirty:
            return
        # Writing may block a link, and so make clients dirty anew.
        clients = bus.dirty[:]
        bus.dirty.clear()
        for client in clients:
            try:
                self._write(client, load)
            except Exception:
                # The fault of one link: the others are still to be written to.
                self._log.failure("peer {id} could not be written to", id=client.id)
                bus.drop(client, "it could not be written to")

    def _write(self, client: Client, load: int) -> None:
        frames = client.frames
        receiver = self.receivers.get(client)
        if receiver is None:
            frames.clear()
            return
        if frames:
            if load > SPILL and not client.behind and sum(map(len, frames)) > SPILL:
                self.bus.spill(client)
            else:
                try:
                    receiver.link.write(frames)
                finally:
                    frames.clear()
        self.bus.catchUp(client)

    def _perform(self, effect: Effect) -> None:
        receiver = self.receivers.get(effect.client)
        if receiver is None:
            return
        match effect:
            case Authenticate():
                self._authenticate(effect)
            case Drop(client, reason, atOnce):
                self.drops.tell("dropped", peer=client.id, address=client.address, user=userOf(client), reason=reason)
                if atOnce:
                    receiver.link.abort()
                else:
                    receiver.link.write(client.frames)
                    client.frames.clear()
                    receiver.link.close()
            case PauseReading():
                receiver.link.pauseReading()
            case ResumeReading():
                receiver.link.resumeReading()
            case _:
                assert_never(effect)

    def _authenticate(self, effect: Authenticate) -> None:
        client = effect.client
        login: Deferred[Identity | None] = maybeDeferred(
            self._policy.login, effect.user, effect.password, client.address
        )
        login.addCallbacks(self._loggedIn, self._refused, callbackArgs=(effect,), errbackArgs=(effect,))
        login.addErrback(self._failed, effect)

    def _loggedIn(self, identity: Identity | None, effect: Authenticate) -> None:
        auth = b"true" if identity is None else msgspec.json.encode(identity.auth)
        self.bus.authenticated(effect.client, effect.id, identity, auth)
        self.driver.settle()

    def _refused(self, failure: Failure, effect: Authenticate) -> None:
        failure.trap(LoginFailed)
        if failure.check(UnknownUser):
            error = InvalidParams(b'{"invalidUser":true}')
        elif failure.check(WrongPassword):
            error = InvalidParams(b'{"invalidPassword":true}')
        else:
            error = InvalidParams("loginFailed", failure.getErrorMessage())
        self.bus.refused(effect.client, effect.id, error, self.driver.now())
        self.driver.settle()

    def _failed(self, failure: Failure, effect: Authenticate) -> None:
        self._log.failure("a login could not be checked", failure=failure)
        self.bus.refused(effect.client, effect.id, None, self.driver.now())
        self.driver.settle()
