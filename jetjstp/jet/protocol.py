"""
The glue of a daemon: links, the bus and the policy, joined by a driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from jetjstp.causes import Cause
from jetjstp.driver import Driver
from jetjstp.interfaces import IAuthPolicy, Identity, MessageLink
from jetjstp.jet.backlog import Pool
from jetjstp.jet.bus import Bus
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import Dialect
from jetjstp.jet.effects import Authenticate, Drop, Effect, PauseReading, ResumeReading
from jetjstp.jet.gate import Gate
from jetjstp.links.notices import MOST_DROPS, RareNotice
from jetjstp.logins import LoginAttempts
from jetjstp.policies.users import checkAuth

__all__ = ["ConnectedPeer", "JetReceiver", "JetServer"]

SPILL = 1024 * 1024
"""Bytes of one outbox that are written in one piece; more goes through the backlog, where it can be bounded."""


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
    def kind(self) -> str:
        """How it is connected: C{"stream"}, C{"websocket"}, or what a link of one's own says."""
        return self._client.kind

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

    def __init__(self, server: JetServer, dialect: Dialect | None, identity: Identity | None = None) -> None:
        self._server = server
        self._dialect = dialect
        self._identity = identity

    def linkOpened(self, link: MessageLink) -> None:
        server = self._server
        self._link = link
        identity = self._handshakeIdentity(link)
        self.client = server.bus.connected(link, identity, self._dialect)
        self.peer = ConnectedPeer(self.client)
        server.receivers[self.client] = self
        if identity is None:
            server.gate.recognize(self.client, link)
        server.tell("connection", self.peer)

    def _handshakeIdentity(self, link: MessageLink) -> Identity | None:
        """Who the peer is by its WebSocket handshake; the hook that said so has been checked by the daemon."""
        auth = getattr(link, "handshakeAuth", None)
        return self._identity if auth is None else checkAuth(str(auth.get("name", "")), auth)

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

    def hold(self, pool: Pool, besides: int) -> None:
        """
        The peer takes nothing for a while: what waits for it counts together with what waits for others like it.

        @param besides: Bytes that wait for it elsewhere.
        """
        self.client.backlog.join(pool, besides)
        self._server.driver.settle()

    def release(self) -> None:
        """It counts for itself alone."""
        self.client.backlog.leave()

    def withdraw(self, isWanted: Callable[[], bool]) -> None:
        """
        Remove what the peer owns, though it is still there; it may take several turns of the reactor.

        @param isWanted: Asked now and then whether to go on.
        """
        server = self._server
        server.bus.withdraw(self.client, isWanted)
        server.driver.settle()


class JetServer:
    """
    A bus with everything around it that needs a reactor.

    @ivar receivers: The connections.
    @ivar gate: Knows who they are.
    """

    _log = Logger()

    def __init__(
        self,
        bus: Bus,
        policy: IAuthPolicy,
        attempts: LoginAttempts,
        tell: Callable[[str, ConnectedPeer], object],
        reactor: IReactorTime,
    ) -> None:
        """
        @param attempts: Counts wrong logins.
        @param tell: Called with C{"connection"} or C{"disconnect"} and the peer.
        """
        self.bus = bus
        self.tell = tell
        self.receivers: dict[Client, JetReceiver] = {}
        self.driver: Driver[Effect] = Driver(bus, self._perform, self._flush, reactor)
        self.drops = RareNotice(self._log, reactor, MOST_DROPS)
        self.gate = Gate(policy, attempts, self)
        self._closed: list[Deferred[None]] = []

    def receiver(self, dialect: Dialect | None, identity: Identity | None) -> JetReceiver:
        """The receiver of one link whose peer is known."""
        return JetReceiver(self, dialect, identity)

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
        self.gate.forget(receiver.client)
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
                bus.drop(client, Cause.FAULT, "it could not be written to")

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
                self.gate.authenticate(effect)
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
