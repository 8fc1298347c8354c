"""
Tests for connections that programs move to another transport.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError

from jetjstp.jstp import (
    Client,
    Connection,
    RemoteError,
    net,
    ws,
)
from tests.jstp.playedserver import ADDRESS, SessionTestCase

URL = f"ws://{ADDRESS}:4000/"


class ManualTests(SessionTestCase):
    """Programs that move their connections."""

    def move(self, connection: Connection, *address: Any, **options: Any) -> Deferred[Connection]:
        """Reconnect over TCP."""
        moving = net.reconnect(connection, *address or (ADDRESS, 4000), reactor=self.reactor, **options)
        self.turn()
        return moving

    def test_dead(self) -> None:
        """A lost connection comes back at once, and does not try by itself any more."""
        connection, played = self.established()
        told = self.recorded(connection, "reconnect", "reconnectAttempt")
        self.lose(played, connection)
        moving = self.move(connection)
        self.assertEqual(self.reactor.tcpClients[-1][:2], (ADDRESS, 4000))
        played = self.accept()
        self.restore(played)
        self.assertIs(self.successResultOf(moving), connection)
        self.turn(60)
        self.assertEqual((self.attempts, told), (2, []))
        self.assertUsable(connection, played)
        # The last address that has worked is the one that is tried next.
        self.lose(played, connection)
        self.turn(1.5)
        self.assertEqual(told, [("reconnectAttempt", "net", ADDRESS, 4000)])
        self.assertEqual(self.reactor.tcpClients[-1][:2], (ADDRESS, 4000))
        self.restore(self.accept())

    def test_live(self) -> None:
        """A live connection moves: the old transport ends when the new one is there, and nothing is lost with it."""
        connection, old = self.established()
        told = self.recorded(connection, "close", "reconnect")
        waiting = connection.callMethod("a", "waiting")
        old.take()
        moving = self.move(connection)
        self.assertTrue(old.isOpen)
        new = self.accept()
        self.assertFalse(old.isOpen)
        connection.emitRemoteEvent("a", "e", [])
        self.restore(new)
        self.assertEqual(new.take(), ['{call:[1,"a"],waiting:[]}', '{event:[2,"a"],e:[]}'])
        self.turn()
        new.say("{callback:[1],ok:[5]}")
        self.assertEqual(self.successResultOf(waiting), [5])
        self.successResultOf(moving)
        self.assertEqual(told, [])

    def test_webSocket(self) -> None:
        """The new transport may be of another kind."""
        connection, old = self.established()
        moving = ws.reconnect(connection, None, URL, reactor=self.reactor)
        new = self.acceptWeb()
        self.restore(new)
        self.successResultOf(moving)
        self.turn()
        self.assertFalse(old.isOpen)
        self.assertUsable(connection, new)

    def test_notReached(self) -> None:
        """If there is no new transport, a live connection stays where it is."""
        connection, old = self.established()
        moving = self.move(connection)
        self.refuse()
        self.failureResultOf(moving, ConnectionRefusedError)
        self.assertUsable(connection, old)
        moving = self.move(connection)
        moving.cancel()
        self.failureResultOf(moving, CancelledError)
        self.assertUsable(connection, old)

    def test_refused(self) -> None:
        """If the new transport comes to nothing, the connection is lost, and the client tries by itself."""
        connection, old = self.established()
        told = self.recorded(connection, "close")
        moving = self.move(connection)
        new = self.accept()
        new.say("{handshake:[0],error:[10]}")
        self.assertEqual(self.failureResultOf(moving, RemoteError).value.code, 10)
        self.assertEqual(told, [("close",)])
        self.assertFalse(old.isOpen or new.isOpen)
        waiting = connection.callMethod("a", "b")
        self.turn(1.5)
        self.assertEqual(self.reactor.tcpClients[-1][:2], (ADDRESS, 3000))
        played = self.accept()
        self.restore(played)
        played.say("{callback:[1],ok:[]}")
        self.assertEqual(self.successResultOf(waiting), [])

    def test_lostMeanwhile(self) -> None:
        """If the old transport is lost while there is no new one, the client goes on trying."""
        connection, old = self.established()
        moving = self.move(connection)
        old.drop()
        self.turn(5)
        self.assertEqual(self.attempts, 2)
        self.refuse()
        self.failureResultOf(moving, ConnectionRefusedError)
        self.turn(1.5)
        self.restore(self.accept())

    def test_twice(self) -> None:
        """A second attempt takes the place of the first."""
        connection, old = self.established()
        self.lose(old, connection)
        first, second = self.move(connection), self.move(connection, ADDRESS, 5000)
        self.failureResultOf(first, CancelledError)
        played = self.accept()
        self.restore(played)
        self.successResultOf(second)
        self.turn(60)
        self.assertEqual(self.attempts, 3)

    def test_ownTime(self) -> None:
        """It has a time of its own."""
        connection, _ = self.established(timeout=10)
        moving = self.move(connection, timeout=2)
        self.turn(1.9)
        self.assertNoResult(moving)
        self.turn(0.1)
        self.failureResultOf(moving, TimeoutError)

    def test_afterClose(self) -> None:
        """A connection that was closed may come back, and then comes back by itself, too."""
        connection, played = self.established()
        connection.close()
        self.turn()
        moving = self.move(connection)
        self.refuse()
        self.failureResultOf(moving)
        self.turn(60)
        self.assertEqual(self.attempts, 2, "it is still closed")
        self.assertTrue(connection.closed().called)
        moving = self.move(connection)
        self.assertFalse(connection.closed().called)
        played = self.accept()
        self.restore(played)
        self.successResultOf(moving)
        self.assertUsable(connection, played)
        self.lose(played, connection)
        self.turn(1.5)
        self.restore(self.accept(), 1)

    def test_otherSession(self) -> None:
        """Each connection has a session of its own, whatever client it shares with others."""
        client = Client()
        connection, played = self.established(client)
        self.assertIsNone(client.session)
        connecting = self.connect(client=client)
        other = self.accept()
        self.assertEqual(other.take(), ['{handshake:[0,"app"]}'])
        other.say("{handshake:[0],ok:'other'}")
        self.connections.append(self.successResultOf(connecting))
        self.lose(played, connection)
        self.turn(1.5)
        self.restore(self.accept())
