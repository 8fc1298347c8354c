"""
Tests for L{jetjstp.jstp.keeping}: sessions that stay while their clients are
away.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs, formatEvent

from jetjstp.jstp import CallbackLost, ConnectionNotOpen, Limits, Session, SimpleSessionStorageProvider
from tests.jstp.servers import SeedStorage, ServerTestCase

UNKNOWN = {"handshake": [0], "error": [11]}


class KeepingTests(ServerTestCase):
    """Sessions of clients that are away."""

    def test_expiration(self) -> None:
        """After a while the connection is forgotten, and the session comes from the storage."""
        storage = SeedStorage(self.clock)
        self.restart(clientExpirationTime=100, sessionStorageProvider=storage)
        client, id, connection = self.connect()
        ended = connection.closed()
        client.disconnect()
        connection.emitRemoteEvent("e", "a", [])
        lost = connection.callMethod("client", "x")
        self.clock.advance(99.9)
        self.assertNoResult(ended)
        self.assertNoResult(lost)
        self.clock.advance(0.1)
        self.successResultOf(ended)
        self.failureResultOf(lost, CallbackLost)
        self.assertRaises(ConnectionNotOpen, connection.emitRemoteEvent, "e", "a", [])
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 0)
        self.assertIsNot(self.memory.last, connection)
        self.assertEqual(client.rest(), ['{event:[-1,"e"],a:[]}', '{call:[-2,"client"],x:[]}'])

    def test_expirationOfSeveral(self) -> None:
        """Each has its own time, which ends with a restore."""
        self.restart(clientExpirationTime=100, sessionStorageProvider=SeedStorage(self.clock))
        clients = [self.connect() for _ in range(3)]
        for client, _, _ in clients:
            client.disconnect()
            self.clock.advance(10)
        back = self.memory.connect()
        back.restore(clients[1][1])
        self.clock.advance(70)
        self.assertEqual([connection.isOver for _, _, connection in clients], [True, False, False])
        self.clock.advance(20)
        self.assertEqual([connection.isOver for _, _, connection in clients], [True, False, True])
        self.assertEqual(back.ask("{ping:[1]}"), {"pong": [1]})

    def test_lateAnswer(self) -> None:
        """A method that ends when everything is forgotten harms nobody."""
        self.restart(clientExpirationTime=1, sessionStorageProvider=SeedStorage(self.clock))
        client, _, connection = self.connect()
        client.say("{call:[1,'calc'],slow:[5000]}")
        client.disconnect()
        self.clock.advance(2)
        self.assertTrue(connection.isOver)
        self.clock.advance(4)

    def test_tooManyAway(self) -> None:
        """When too many are away, the one that went first is forgotten; its session is still in the storage."""
        self.restart(limits=Limits(sessions=2), sessionStorageProvider=SeedStorage(self.clock))
        clients = [self.connect() for _ in range(3)]
        for client, _, _ in clients:
            client.disconnect()
        self.assertEqual([connection.isOver for _, _, connection in clients], [True, False, False])
        self.assertEqual(self.memory.connect().restore(clients[0][1])["ok"], 0)

    def test_tooManyBytesAway(self) -> None:
        """When too much waits for all who are away, who went first is forgotten, with all that waits in the storage."""
        storage = SeedStorage(self.clock)
        self.restart(limits=Limits(awayBytes=200), sessionStorageProvider=storage)
        clients = [self.connect() for _ in range(4)]
        for client, _, _ in clients[:3]:
            client.disconnect()
        with capturedLogs() as events:
            for turn in range(4):
                for _, _, connection in clients:
                    if not connection.isOver:
                        connection.emitRemoteEvent("e", "a", ["x" * 10])
                size = sum(connection.session.bufferBytes for _, _, connection in clients[:3] if connection.session)
                self.assertLessEqual(size, 200, turn)
        told = [formatEvent(event) or "" for event in events]
        self.assertEqual(len(told), 1, told)
        self.assertIn("awayBytes", told[0])
        self.assertEqual([connection.isOver for _, _, connection in clients], [True, True, False, False])
        for index, count in ((0, 3), (1, 4), (2, 4)):
            client = self.memory.connect()
            self.assertEqual(client.restore(clients[index][1])["ok"], 0)
            self.assertEqual(len(client.rest()), count)
            client.disconnect()

    def test_bytesComeBack(self) -> None:
        """Who comes back takes up no room any more."""
        self.restart(limits=Limits(awayBytes=300), sessionStorageProvider=SeedStorage(self.clock))
        client, id, connection = self.connect()
        received = 0
        for _ in range(10):
            client.disconnect()
            for _ in range(3):
                connection.emitRemoteEvent("e", "a", ["x" * 10])
            client = self.memory.connect()
            client.restore(id, received)
            received += len(client.rest())
        self.assertFalse(connection.isOver)
        self.assertEqual(received, 30)

    def test_dropped(self) -> None:
        """When too much waits for a client that is away, its session is dropped, in the storage too; others are not."""
        for limits in (Limits(bufferMessages=5), Limits(bufferBytes=100)):
            storage = SimpleSessionStorageProvider(reactor=self.clock)
            self.restart(limits=limits, sessionStorageProvider=storage)
            client, id, connection = self.connect()
            other, otherId, _ = self.connect()
            client.disconnect()
            other.disconnect()
            with capturedLogs() as events:
                for _ in range(5):
                    connection.emitRemoteEvent("e", "a", [])
            self.assertIn("dropped", formatEvent(events[0]) or "")
            self.assertRaises(ConnectionNotOpen, connection.emitRemoteEvent, "e", "a", [])
            self.assertEqual(self.memory.connect().restore(id), UNKNOWN)
            self.assertEqual(self.memory.connect().restore(otherId)["ok"], 0)
            self.successResultOf(self.memory.close())
            storage.close()

    def test_acknowledging(self) -> None:
        """While a client is there, half of that asks for an acknowledgement; if none comes, the connection is lost."""
        self.restart(limits=Limits(bufferMessages=10, acknowledgeTimeout=5))
        client, id, connection = self.connect()
        for _ in range(3):
            for _ in range(5):
                connection.emitRemoteEvent("e", "a", [])
            *events, question = client.rest()
            self.assertEqual(len(events), 5)
            self.assertTrue(question.startswith("{ping:"))
            client.say(question.replace("ping", "pong"))
            self.assertEqual(connection.session and connection.session.buffered, 0)
        for _ in range(5):
            connection.emitRemoteEvent("e", "a", [])
        self.clock.advance(4.9)
        self.assertTrue(client.connected)
        self.clock.advance(0.1)
        self.assertFalse(client.connected)
        client = self.memory.connect()
        self.assertEqual(client.restore(id, 18)["ok"], 0)
        self.assertEqual(len(client.rest()), 7)  # and another question, as there is still so much

    def test_storedAtEachEnd(self) -> None:
        """A session is stored, and said to be inactive, each time its transport is lost; not while it moves."""
        stored: list[Any] = []

        class Storage:
            def get(self, id: str) -> None:
                raise AssertionError("everything is at hand")

            def set(self, id: str, session: Session) -> Deferred[None]:
                stored.append(("set", id, session.receivedCount))
                return storing

            def setInactive(self, id: str) -> None:
                stored.append(("setInactive", id))

        storing: Deferred[None] = Deferred()
        self.restart(sessionStorageProvider=Storage())
        client, id, _ = self.connect()
        client.ask("{ping:[1]}")
        other = self.memory.connect()
        other.restore(id)
        self.assertEqual(stored, [])
        other.disconnect()
        self.assertEqual(stored, [("set", id, 1)])
        storing.callback(None)
        self.assertEqual(stored, [("set", id, 1), ("setInactive", id)])

    def test_storageThatFails(self) -> None:
        """A storage that fails is logged; the session is still at hand."""

        class Storage:
            def get(self, id: str) -> None:
                """Not asked."""

            def set(self, id: str, session: Session) -> Any:
                return fail(ValueError("full"))

        self.restart(sessionStorageProvider=Storage())
        client, id, _ = self.connect()
        client.disconnect()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 0)
        self.successResultOf(self.memory.close())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
