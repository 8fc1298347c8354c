"""
Servers whose part the test plays, message by message, for real clients on a
reactor in memory.
"""

from __future__ import annotations

import secrets
from typing import Any, cast

import txaio
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Client, Connection, net, ws
from tests.jstp.test_targets import ADDRESS, SUBPROTOCOL, Reactor
from tests.links.dialed import acceptance
from tests.links.frames import clientFrame, clientFrames

__all__ = ["ADDRESS", "RESTORE", "SESSION", "SUBPROTOCOL", "ClientTestCase", "Played", "SessionTestCase"]

SESSION = "0b2c3d4e-1111-4222-8333-444455556666"
"""The session that the played server gives."""


class _Transport(StringTransport):
    """Tells of its end in another turn, as real ones do."""

    def __init__(self, reactor: Reactor) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", ADDRESS, 3000), lenient=True)
        self._reactor = reactor
        self.protocol: Any = None
        self.isOver = False

    def loseConnection(self) -> None:
        """See L{StringTransport}."""
        if not self.disconnecting:
            self.disconnecting = True
            self._reactor.callLater(0, self.end, ConnectionDone())

    def abortConnection(self) -> None:
        """See L{StringTransport}."""
        if not self.disconnecting:
            self.disconnecting = True
            self._reactor.callLater(0, self.end, ConnectionAborted())

    def end(self, reason: Exception) -> None:
        """Nothing goes through any more."""
        if not self.isOver:
            self.isOver = self.disconnecting = True
            self.protocol.connectionLost(Failure(reason))


class Played:
    """
    The server's end of one connection.

    @ivar request: What the client sent for the upgrade, over WebSocket.
    """

    def __init__(self, protocol: Any, transport: _Transport, isWebSocket: bool) -> None:
        self._protocol = protocol
        self._transport = transport
        self._isWebSocket = isWebSocket
        self.request = b""
        transport.protocol = protocol
        protocol.makeConnection(transport)

    def upgrade(self) -> None:
        """Accept the WebSocket."""
        self.request = self._transport.value()
        self._transport.clear()
        self._protocol.dataReceived(acceptance(self.request, SUBPROTOCOL))

    def answer(self, data: bytes) -> None:
        """Send bytes."""
        self._protocol.dataReceived(data)

    @property
    def isOpen(self) -> bool:
        """Whether the client has not ended the connection."""
        return not self._transport.disconnecting

    @property
    def sent(self) -> bytes:
        """What the client has sent since the last time, as it is."""
        data: bytes = self._transport.value()
        self._transport.clear()
        return data

    def take(self) -> list[str]:
        """The messages that the client has sent since the last time."""
        data = self.sent
        if self._isWebSocket:
            return [payload.decode() for first, _, payload in clientFrames(data) if first == 0x81]
        *messages, rest = data.split(b"\0")
        assert not rest
        return [message.decode() for message in messages]

    def say(self, *messages: str) -> None:
        """Send messages, in one piece."""
        if self._transport.isOver:
            raise AssertionError("the connection is over")
        data = b"".join(
            clientFrame(message.encode(), mask=None) if self._isWebSocket else message.encode() + b"\0"
            for message in messages
        )
        self._protocol.dataReceived(data)

    def agree(self) -> None:
        """End a WebSocket, if the client wants to: it waits for the server's consent."""
        if self._isWebSocket and not self._transport.isOver and b"\x88" in self._transport.value():
            self.drop()

    def drop(self, reason: Exception | None = None) -> None:
        """End the connection."""
        self._transport.end(reason or ConnectionLost())


class ClientTestCase(SynchronousTestCase):
    """
    Clients on a reactor in memory. When a test is over they must have left nothing behind.

    @ivar reactor: Its clock stands still until it is advanced.
    @ivar logged: What was logged.
    @ivar address: What L{connect} connects to.
    """

    address: tuple[Any, ...] = (ADDRESS, 3000)

    def setUp(self) -> None:
        self.reactor = Reactor()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.reactor)  # type: ignore[attr-defined]
        # The random part of the waits.
        self.patch(secrets, "randbelow", lambda end: end // 2)
        self.connections: list[Connection] = []
        self.played: list[Played] = []
        self.logged: list[LogEvent] = []
        observer = cast(ILogObserver, self.logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def tearDown(self) -> None:
        """Whatever is open is closed, and then nothing is left."""
        for connection in self.connections:
            connection.close()
        for played in self.played:
            played.agree()
        self.turn()
        self.assertEqual(self.reactor.getDelayedCalls(), [], "timers are left")
        self.assertEqual([each for each in self.played if each.isOpen], [], "connections are left")

    def turn(self, seconds: float = 0) -> None:
        """Let time pass."""
        self.reactor.advance(seconds)
        self.reactor.advance(0)

    # What the program does

    def connect(self, app: Any = "app", client: Client | None = None, **options: Any) -> Deferred[Connection]:
        """Connect over TCP."""
        connecting = net.connect(app, client, *self.address, reactor=self.reactor, **options)
        self.turn()
        return connecting

    def connectWeb(self, app: Any = "app", client: Client | None = None, **options: Any) -> Deferred[Connection]:
        """Connect over WebSocket."""
        connecting = ws.connect(app, client, None, f"ws://{ADDRESS}:3000/path?x=1", reactor=self.reactor, **options)
        self.turn()
        return connecting

    def established(self, client: Client | None = None, app: Any = "app", **options: Any) -> tuple[Connection, Played]:
        """A connection with a new session."""
        connecting = self.connect(app, client, **options)
        played = self.accept()
        played.take()
        played.say(f"{{handshake:[0],ok:'{SESSION}'}}")
        connection = self.successResultOf(connecting)
        self.connections.append(connection)
        return connection, played

    # What the network does

    @property
    def attempts(self) -> int:
        """How often the client has tried to connect."""
        return len(self.reactor.tcpClients)

    def accept(self) -> Played:
        """Accept the connection that is under way, over TCP."""
        return self._accept(False)

    def acceptWeb(self) -> Played:
        """Accept the connection that is under way, over WebSocket."""
        played = self._accept(True)
        played.upgrade()
        return played

    def _accept(self, isWebSocket: bool, isAtOnce: bool = False) -> Played:
        if not isAtOnce:
            self.turn()
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(IPv4Address("TCP", ADDRESS, 3000))
        played = Played(protocol, _Transport(self.reactor), isWebSocket)
        self.played.append(played)
        return played

    def refuse(self) -> None:
        """Refuse the connection that is under way."""
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectionRefusedError()))
        self.turn(0.3)  # in which the endpoint looks for more addresses

    def recorded(self, connection: Connection, *names: Any) -> list[tuple[Any, ...]]:
        """What becomes of events: a list that grows."""
        told: list[tuple[Any, ...]] = []
        for name in names:
            connection.on(name, lambda *args, name=name: told.append((name, *args)))
        return told


RESTORE = f'{{handshake:[0,"app"],session:["{SESSION}",0]}}'
"""Asks for the session, before anything of it was received."""


class SessionTestCase(ClientTestCase):
    """Clients with a session."""

    def restore(self, played: Played, received: int = 0) -> None:
        """Let the server restore the session."""
        self.assertEqual(played.take(), [RESTORE])
        played.say(f"{{handshake:[0],ok:{received}}}")

    def assertUsable(self, connection: Connection, played: Played) -> None:
        """A call goes there and back."""
        answer = connection.callMethod("a", "b")
        session = connection.session
        assert session is not None
        id = session.latestBufferedMessageId
        self.assertEqual(played.take()[-1], f'{{call:[{id},"a"],b:[]}}')
        played.say(f"{{callback:[{id}],ok:[1]}}")
        self.assertEqual(self.successResultOf(answer), [1])

    def lose(self, played: Played, connection: Connection) -> None:
        """The connection is lost."""
        played.drop()
        self.assertFalse(connection.handshakeDone)
