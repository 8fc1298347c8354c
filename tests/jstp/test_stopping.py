"""
Servers that are stopped in order while much is under way: what was recorded as
received is worked on before the session is let go.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from jetjstp.jstp import Application, Limits, net
from tests.jstp.clientends import StreamClient
from tests.jstp.clusters import DurabilityTestCase
from tests.jstp.slowstorage import SlowStorage


class StoppingTests(DurabilityTestCase):
    """C{"always"}, with a storage that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowStorage(self.storage)
        self.server = self.serve("one", self.slow)
        self.client = StreamClient(self.server.factory)

    def close(self) -> Any:
        """Begin to stop the server."""
        self.servers.remove(self.server)
        return self.server.close()

    def test_promised(self) -> None:
        """What was being recorded as received is worked on, with its session, and what comes of it is kept."""
        for steps in range(1, 4):
            client = StreamClient(self.server.factory)
            client.say("{handshake:[0,'app']}")
            self.slow.finish()
            id = client.next()["ok"]
            client.say("{event:[1,'e'],say:[1]}", "{event:[2,'e'],say:[2]}")
            if steps > 1:
                self.slow.do()
            closing = self.close()
            self.assertNoResult(closing)
            self.slow.finish()
            self.successResultOf(closing)
            self.assertEqual(self.heard, [("one", 1), ("one", 2)])
            client = StreamClient(self.serve("two").factory)
            self.assertEqual(client.restore(id)["ok"], 2)
            self.assertEqual(client.rest(), ['{event:[-1,"e"],echo:[1]}', '{event:[-2,"e"],echo:[2]}'])
            self.tearDown()
            self.setUp()

    def test_comingIn(self) -> None:
        """Who was about to come in is not let in, and the storage is asked nothing more when the server is closed."""
        for steps in range(2):
            self.client.say("{handshake:[0,'app']}")
            for _ in range(steps):
                self.slow.step()
            closing = self.close()
            self.assertNoResult(closing)
            self.assertFalse(self.client.connected)
            self.slow.finish()
            self.successResultOf(closing)
            self.assertEqual(self.slow.asked, ["set", "take", "release"])
            self.tearDown()
            self.setUp()

    def test_comingBack(self) -> None:
        """Likewise who was about to come back: the session is given back before the server is closed."""
        one = StreamClient(self.serve("two").factory)
        id = one.open()
        one.disconnect()
        self.client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        closing = self.close()
        self.assertNoResult(closing)
        self.slow.finish()
        self.successResultOf(closing)
        self.assertEqual(self.slow.asked, ["take", "release"])

    def test_busy(self) -> None:
        """Methods that do not end, and keep back what came behind their calls, do not keep the server from ending."""
        heard: list[str] = []
        application = Application(
            "app",
            {"i": {"wait": lambda connection: Deferred()}},
            {"e": {"say": lambda connection, x: heard.append(connection.session.id)}},
        )
        server = net.createServer(
            [application],
            sessionStorageProvider=self.slow,
            sessionDurability="always",
            limits=Limits(runningCalls=1),
            reactor=self.clock,
        )
        client = StreamClient(server.factory)
        client.say("{handshake:[0,'app']}")
        self.slow.finish()
        id = client.next()["ok"]
        client.say("{call:[1,'i'],wait:[]}", "{event:[2,'e'],say:[1]}")
        self.slow.finish()
        self.assertEqual(heard, [])
        closing = server.close()
        self.clock.advance(0)
        self.slow.finish()
        self.successResultOf(closing)
        self.assertEqual(heard, [id])
        self.assertEqual(StreamClient(self.serve("two").factory).restore(id)["ok"], 2)
