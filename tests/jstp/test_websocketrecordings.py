"""
Our server says what npm's has said, over WebSocket.
"""

from __future__ import annotations

import txaio
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Connection
from tests.jstp.recordings import Scenario, scenarios
from tests.jstp.replaying import Replay, makeTests
from tests.jstp.servers import MemoryServer

TOLD = ("w-oversize", "w-invalid-utf8")
"""The program is told of this error; npm's keeps it to itself."""


class WebSocketTestCase(SynchronousTestCase):
    """Everything on one clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]


class WebSocketRecordingTests(WebSocketTestCase):
    """Each recorded conversation."""

    def replay(self, scenario: Scenario) -> None:
        """Replay one."""
        if scenario.name in TOLD:
            scenario.events.insert(-1, "connectionError")
        replay = Replay(self, scenario, self.clock, True)
        replay.run()
        self.successResultOf(replay.memory.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])


makeTests(WebSocketRecordingTests, "websocket.jsonl", "w-")


class ClosingTests(WebSocketTestCase):
    """Connections that end while something is decided about them."""

    def test_closedByThePolicy(self) -> None:
        """A policy that closes the connection lets nobody in, though it takes a moment until it is closed."""

        def policy(connection: Connection, *args: object) -> str:
            connection.close()
            return "user"

        memory = MemoryServer(self.clock, True, authPolicy=policy)
        client = memory.upgrade()
        client.answersClose = False
        client.say("{handshake:[0,'app'],login:['user','pass']}")
        self.assertTrue(client.connected)
        self.assertEqual((client.closeCode, client.rest(), memory.server.getClientsArray()), (1000, [], []))
        self.assertEqual(memory.events, [["handshakeRequest", ["app", "login"]]])
        self.successResultOf(memory.close())


class WebSocketDefectTests(WebSocketTestCase):
    """What npm's server does wrong, and ours does not."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = MemoryServer(self.clock, True)

    def tearDown(self) -> None:
        self.successResultOf(self.memory.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all(self) -> None:
        """All of these are about messages that are no objects."""
        names = [scenario.name for scenario in scenarios("websocket.jsonl") if scenario.name.startswith("wd-")]
        self.assertEqual(names, [f"wd-not-an-object-{what}" for what in ("null", "heartbeat", "list")])

    def test_notAnObject(self) -> None:
        """A message that is no object is a syntax error, before the handshake and after; others are still served."""
        for text in ("null", "undefined", "5", "true", "[]", "''", "[1]", "'text'", ""):
            for isOpen in (False, True):
                client = self.memory.upgrade()
                if isOpen:
                    client.open()
                self.memory.events.clear()
                client.say(text, "{ping:[1]}")
                self.clock.advance(0)
                self.assertFalse(client.connected, text)
                self.assertEqual((client.closeCode, client.rest()), (1000, []), text)
                self.assertEqual(self.memory.events, ["connectionError", "disconnect"])
        client = self.memory.upgrade()
        client.open()
        self.assertEqual(client.ask("{ping:[1]}"), {"pong": [1]})
        client.leave()
