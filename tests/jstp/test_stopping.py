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

    def test_answered(self) -> None:
        """Calls whose answers wait to be recorded get them before the connection ends."""
        self.client.say("{handshake:[0,'app']}")
        self.slow.finish()
        self.client.next()
        self.client.say("{event:[1,'e'],say:[1]}", "{call:[2,'i'],same:[5]}")
        self.slow.step()
        closing = self.close()
        self.client.say("{event:[3,'e'],say:[3]}")
        self.assertTrue(self.client.connected)
        self.slow.finish()
        self.assertEqual(self.client.rest(), ['{event:[-1,"e"],echo:[1]}', "{callback:[2],ok:[5]}"])
        self.assertFalse(self.client.connected)
        self.successResultOf(closing)
        self.assertEqual(self.heard, [("one", 1)])

    def test_handover(self) -> None:
        """With "handover" too, all is recorded before the client can go to another server."""
        server = self.serve("three", self.slow, "handover")
        client = StreamClient(server.factory)
        client.say("{handshake:[0,'app']}")
        self.slow.finish()
        id = client.next()["ok"]
        client.say("{event:[1,'e'],say:[1]}")
        self.assertEqual(client.rest(), ['{event:[-1,"e"],echo:[1]}'])
        self.servers.remove(server)
        closing = server.close()
        self.connections["three"].emitRemoteEvent("e", "late", [])
        self.assertTrue(client.connected)
        while client.connected:
            self.assertTrue(self.slow.halfStep())
        other = StreamClient(self.serve("two").factory)
        self.assertEqual(other.restore(id, 1)["ok"], 1)
        self.assertEqual([*client.rest(), *other.rest()].count('{event:[-2,"e"],late:[]}'), 2)
        self.slow.finish()
        self.successResultOf(closing)

    def test_failing(self) -> None:
        """If nothing can be recorded any more, the server ends all the same."""
        self.client.say("{handshake:[0,'app']}")
        self.slow.finish()
        self.client.say("{event:[1,'e'],say:[1]}")
        self.slow.failure = ValueError("full")
        closing = self.close()
        self.slow.finish()
        self.successResultOf(closing)
        self.assertEqual((self.heard, self.client.connected), ([], False))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

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
