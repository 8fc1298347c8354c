"""
Tests for L{jetjstp.jstp.figures}: what a server tells of itself in numbers.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp import Application, Connection, Limits, RemoteError, SimpleSessionStorageProvider, net, ws
from jetjstp.jstp.server import Server
from jetjstp.testing import MemoryServer
from tests.jstp.clientends import StreamClient, WebSocketClient


class FiguresTests(SynchronousTestCase):
    """A server whose figures are looked at."""

    def setUp(self) -> None:
        self.start()

    def start(self, **options: Any) -> None:
        """A new server, with a method that answers at once and one that takes its time."""
        self.answers: list[Deferred[int]] = []

        def slow(connection: Connection) -> Deferred[int]:
            self.answers.append(Deferred())
            return self.answers[-1]

        application = Application("app", {"calc": {"add": lambda connection, a, b: a + b, "slow": slow}})
        self.memory = MemoryServer(lambda clock: net.createServer([application], reactor=clock, **options))
        self.server: Server = self.memory.server

    def values(self, name: str) -> dict[str, int]:
        """The values of a figure that are not zero, by their label."""
        figures = [figure for figure in self.server.figures() if figure.name == f"jstp_{name}"]
        self.assertNotEqual(figures, [], f"there is no figure {name}")
        return {"".join(word for _, word in figure.labels): figure.value for figure in figures if figure.value}

    def value(self, name: str) -> int:
        """The value of a figure without labels."""
        return self.values(name).get("", 0)

    def connect(self) -> Connection:
        """A client."""
        return self.successResultOf(self.memory.connect("app"))

    def test_nothing(self) -> None:
        """A new server has all figures, each of them zero."""
        figures = self.server.figures()
        self.assertEqual({figure.value for figure in figures}, {0})
        self.assertEqual(len({(figure.name, figure.labels) for figure in figures}), len(figures))

    def test_connections(self) -> None:
        """Connections are counted as long as they are there, and for good."""
        connection = self.connect()
        self.connect()
        self.assertEqual(self.values("connections"), {"stream": 2})
        connection.close()
        self.memory.flush()
        self.assertEqual(self.values("connections"), {"stream": 1})
        self.assertEqual(self.values("connections_opened"), {"stream": 2})

    def test_webSocket(self) -> None:
        """Those of a WebSocket server are told apart."""
        self.server = ws.createServer([Application("app", {})], reactor=self.memory.clock)
        WebSocketClient(self.server.factory, self.memory.clock)
        self.assertEqual(self.values("connections"), {"websocket": 1})
        self.assertEqual(self.values("connections_opened"), {"websocket": 1})
        self.server.close()
        self.memory.clock.advance(0)
        self.assertEqual(self.values("connections"), {})

    def test_traffic(self) -> None:
        """Messages and bytes are counted in both directions."""
        client = StreamClient(self.server.factory)
        request = "{handshake:[0,'app']}"
        client.say(request)
        self.assertEqual(self.values("messages_received"), {"stream": 1})
        self.assertEqual(self.values("received_bytes"), {"stream": len(request) + 1})
        self.assertEqual(self.values("messages_sent"), {"stream": 1})
        self.assertEqual(self.values("sent_bytes"), {"stream": len(client.rest()[0]) + 1})

    def test_refusedHandshakes(self) -> None:
        """Handshakes are refused by the code of the answer; those of applications are all one."""

        def policy(connection: Any, application: Any, strategy: str, credentials: Any) -> None:
            if strategy == "login":
                raise RemoteError(4711, "no")

        self.start(authPolicy=policy)
        for handshake in (
            "{handshake:[0,'nothing']}",
            "{handshake:[0,'app'],session:['nobody',0]}",
            "{handshake:[0,'app'],other:['x','y']}",
            "{handshake:[0,'app'],login:['x','y']}",
        ):
            StreamClient(self.server.factory).say(handshake)
        self.assertEqual(self.values("handshakes_refused"), {"10": 1, "11": 2, "other": 1})
        self.assertEqual(self.values("sessions"), {})

    def test_handshakesGivenUp(self) -> None:
        """Who does not begin in time has to go, and who is one of too many."""
        self.start(limits=Limits(unauthenticated=1))
        StreamClient(self.server.factory)
        self.assertEqual(self.value("waiting_handshakes"), 1)
        with capturedLogs():
            StreamClient(self.server.factory)
        self.assertEqual(self.values("handshakes_given_up"), {"limit": 1})
        self.memory.clock.advance(60)
        self.assertEqual(self.values("handshakes_given_up"), {"limit": 1, "timeout": 1})
        self.assertEqual(self.value("waiting_handshakes"), 0)

    def test_full(self) -> None:
        """A connection too many is refused."""
        self.start(limits=Limits(connections=1))
        self.connect()
        with capturedLogs():
            self.failureResultOf(self.memory.connect("app"))
        self.assertEqual(self.values("connections_refused"), {"full": 1})

    def test_sessions(self) -> None:
        """A session whose client is cut off is away until that comes back."""
        connection = self.connect()
        self.assertEqual((self.values("sessions"), self.value("sessions_begun")), ({"connected": 1}, 1))
        self.memory.cut()
        self.assertEqual(self.values("sessions"), {"away": 1})
        self.memory.clock.pump([1.0] * 5)
        self.assertTrue(connection.isConnected)
        self.assertEqual(self.values("sessions"), {"connected": 1})
        self.assertEqual((self.value("sessions_begun"), self.value("sessions_restored")), (1, 1))

    def test_forgotten(self) -> None:
        """A session that nobody comes back for is not at hand any more."""
        self.start(clientExpirationTime=10.0)
        client = StreamClient(self.server.factory)
        client.say("{handshake:[0,'app']}")
        client.disconnect()
        self.assertEqual(self.values("sessions"), {"away": 1})
        self.memory.clock.advance(11)
        self.assertEqual((self.values("sessions"), self.value("sessions_dropped")), ({}, 0))

    def test_away(self) -> None:
        """What a client is sent while it is away is counted; if that is too much, its session is dropped."""
        self.start(limits=Limits(bufferMessages=3))
        self.connect()
        (connection,) = self.server.getClients()
        self.memory.cut()
        connection.emitRemoteEvent("calc", "told", [1])
        session = connection.session
        assert session is not None
        self.assertEqual(self.value("away_bytes"), session.bufferBytes)
        self.assertGreater(self.value("away_bytes"), 20)
        with capturedLogs():
            for _ in range(2):
                connection.emitRemoteEvent("calc", "told", [1])
        self.assertEqual((self.value("sessions_dropped"), self.value("away_bytes")), (1, 0))

    def test_calls(self) -> None:
        """Calls are running until they are answered, also when their client is away."""
        connection = self.connect()
        calling = connection.callMethod("calc", "slow", [])
        connection.callMethod("calc", "add", [1, 2])
        self.memory.flush()
        self.assertEqual(self.value("running_calls"), 1)
        self.memory.cut()
        self.assertEqual(self.value("running_calls"), 1)
        self.answers[0].callback(3)
        self.assertEqual(self.value("running_calls"), 0)
        calling.addErrback(lambda _: None)

    def test_storage(self) -> None:
        """Each failure of the session storage is counted, whatever was asked of it."""
        outer = self

        class Broken(SimpleSessionStorageProvider):
            def set(self, id: str, session: Any) -> Any:
                return fail(OSError("disk full")) if outer.isBroken else super().set(id, session)

            def get(self, id: str) -> Any:
                return fail(StorageUnavailable("away")) if outer.isBroken else super().get(id)

        self.isBroken = True
        self.start(sessionStorageProvider=Broken(reactor=self.memory.clock))
        client = StreamClient(self.server.factory)
        client.say("{handshake:[0,'app']}")
        with capturedLogs():
            client.disconnect()
            self.assertEqual(self.value("storage_failures"), 1)
            StreamClient(self.server.factory).say("{handshake:[0,'app'],session:['somebody',0]}")
        self.assertEqual(self.value("storage_failures"), 2)
        self.flushLoggedErrors(OSError)

    def test_recording(self) -> None:
        """A session that cannot be recorded counts as a failure, before it begins and later."""
        outer = self

        class Broken(SimpleSessionStorageProvider):
            def record(self, id: str, epoch: int, entries: Any) -> Any:
                return fail(OSError("disk full")) if outer.isBroken else super().record(id, epoch, entries)

            def set(self, id: str, session: Any) -> Any:
                return fail(OSError("disk full")) if outer.isBroken else super().set(id, session)

        self.isBroken = False
        self.start(sessionStorageProvider=Broken(reactor=self.memory.clock), sessionDurability="always")
        self.connect()
        self.isBroken = True
        with capturedLogs():
            (connection,) = self.server.getClients()
            connection.emitRemoteEvent("calc", "told", [1])
            self.memory.flush()
            self.assertEqual(self.value("storage_failures"), 1)
            StreamClient(self.server.factory).say("{handshake:[0,'app']}")
        self.assertEqual(self.value("storage_failures"), 2)
        self.assertEqual(self.values("handshakes_refused"), {"11": 1})
        self.flushLoggedErrors(OSError)
