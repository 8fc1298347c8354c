"""
Sessions that are recorded while they go on: for servers that may be killed, and
for several that share a storage.
"""

from __future__ import annotations

from typing import Any, Literal

import txaio
from twisted.logger import capturedLogs, formatEvent

from jetjstp.jstp import Application, Limits, Session, SimpleSessionStorageProvider, net, ws
from tests.jstp.clientends import StreamClient, WebSocketClient
from tests.jstp.clusters import DurabilityTestCase
from tests.jstp.servers import SeedStorage
from tests.jstp.slowstorage import SlowStorage

MODES: tuple[Literal["handover", "always"], ...] = ("handover", "always")


class FencingTests(DurabilityTestCase):
    """No two servers hold a session."""

    def test_handover(self) -> None:
        """A session that was closed on one server is restored on the other, with all that was sent and received."""
        for mode in MODES:
            one, two = self.serve("one", mode=mode), self.serve("two", mode=mode)
            client = StreamClient(one.factory)
            id = client.open()
            client.ask("{event:[1,'e'],say:[1]}")
            session = self.connections["one"].session
            assert session is not None
            session["k"] = [5]
            client.disconnect()
            self.connections["one"].emitRemoteEvent("e", "late", [])
            self.clock.advance(1)
            client = StreamClient(two.factory)
            self.assertEqual(client.restore(id, 1)["ok"], 1)
            self.assertEqual(client.rest(), ['{event:[-2,"e"],late:[]}'])
            other = self.connections["two"].session
            assert other is not None
            self.assertEqual((other["k"], other.username, other.application), ([5], None, "app"))
            self.assertIsNot(other, session)

    def test_fenced(self) -> None:
        """The first one notices when it has something to record: its connection is ended, and all is forgotten."""
        for mode in MODES:
            one, two = self.serve("one", mode=mode), self.serve("two", mode=mode)
            old, new = StreamClient(one.factory), StreamClient(two.factory)
            id = old.open()
            self.clock.advance(1)
            self.assertEqual(new.restore(id)["ok"], 0)
            first = self.connections["one"]
            with capturedLogs() as events:
                first.emitRemoteEvent("e", "a", [])
                self.clock.advance(1)
            self.assertIn("taken", formatEvent(events[0]) or "")
            self.assertEqual((old.connected, first.isOver, one.getClientsArray()), (False, True, []))
            self.assertEqual(new.ask("{ping:[1]}"), {"pong": [1]})
            self.assertEqual(new.rest(), [])
            if mode == "always":
                self.assertEqual(old.rest(), [])
            new.disconnect()
            back = StreamClient(one.factory)
            self.assertEqual(back.restore(id)["ok"], 1)
            self.assertIsNot(self.connections["one"], first)

    def test_fencedWhileReceiving(self) -> None:
        """What the first one receives then, it does not work on."""
        one, two = self.serve("one"), self.serve("two")
        old = StreamClient(one.factory)
        id = old.open()
        StreamClient(two.factory).restore(id)
        old.say("{event:[1,'e'],say:[1]}", "{event:[2,'e'],say:[2]}")
        self.assertEqual((self.heard, old.connected, old.rest()), ([], False, []))

    def test_fencedBroadcast(self) -> None:
        """A broadcast reaches the others."""
        one, two = self.serve("one"), self.serve("two")
        old, other = StreamClient(one.factory), StreamClient(one.factory)
        id = old.open()
        other.open()
        StreamClient(two.factory).restore(id)
        one.broadcast("e", "a")
        self.assertEqual((old.rest(), other.rest()), ([], ['{event:[-1,"e"],a:[]}']))

    def test_back(self) -> None:
        """A client that comes back to the first one finds what it did on the second, though it was at hand here."""
        for mode in MODES:
            one, two = self.serve("one", mode=mode), self.serve("two", mode=mode)
            client = StreamClient(one.factory)
            id = client.open()
            client.disconnect()
            client = StreamClient(two.factory)
            client.restore(id)
            client.ask("{event:[1,'e'],say:[1]}")
            client.disconnect()
            client = StreamClient(one.factory)
            self.assertEqual(client.restore(id)["ok"], 1)
            self.assertEqual(client.rest(), ['{event:[-1,"e"],echo:[1]}'])

    def test_otherApplication(self) -> None:
        """Who asks for a session in the wrong application does not get it, and leaves it as it is."""
        one = self.serve("one")
        client = StreamClient(one.factory)
        id = client.open()
        client.disconnect()
        slow = SlowStorage(self.storage)
        other = net.createServer(
            [Application("other", {})],
            sessionStorageProvider=slow,
            sessionDurability="always",
            reactor=self.clock,
        )
        self.servers.append(other)
        stranger = StreamClient(other.factory)
        stranger.say(f"{{handshake:[0,'other'],session:['{id}',0]}}")
        slow.finish()
        self.assertEqual((stranger.rest(), stranger.connected), (["{handshake:[0],error:[11]}"], False))
        self.assertEqual(slow.asked, ["take", "release"])
        self.assertEqual(StreamClient(one.factory).restore(id)["ok"], 0)

    def test_unfitStorages(self) -> None:
        """A storage that cannot record is refused, that of an application too, then and later."""
        plain = SeedStorage(self.clock)
        own = Application("app", {}, sessionStorageProvider=plain)
        for applications, provider in (([], plain), ([own], self.storage)):
            with self.assertRaises(TypeError) as raised:
                net.createServer(
                    applications, sessionStorageProvider=provider, sessionDurability="always", reactor=self.clock
                )
            self.assertIn("take", str(raised.exception))
        server = self.serve("one")
        self.assertRaises(TypeError, server.updateApplications, [own])
        StreamClient(server.factory).open()


class DroppedTests(DurabilityTestCase):
    """Sessions that are useless, as more waited for their client than was allowed."""

    def test_deleted(self) -> None:
        """They are not found by another server either; nothing more of them is recorded."""
        for mode in MODES:
            slow = SlowStorage(self.storage)
            server = net.createServer(
                [Application("app", {})],
                sessionStorageProvider=slow,
                sessionDurability=mode,
                limits=Limits(bufferMessages=3),
                reactor=self.clock,
            )
            self.servers.append(server)
            server.on("connect", lambda connection: self.connections.__setitem__("small", connection))
            client = StreamClient(server.factory)
            client.say("{handshake:[0,'app']}")
            slow.finish()
            id = client.next()["ok"]
            client.disconnect()
            for _ in range(3):
                self.connections["small"].emitRemoteEvent("e", "a", [])
            slow.finish()
            self.assertEqual(slow.asked[2:], ["delete"])
            other = StreamClient(self.serve("other", mode=mode).factory)
            self.assertEqual(other.restore(id)["error"], [11])

    def test_cannotDelete(self) -> None:
        """A storage that cannot delete anything is told that the session is released."""

        class Plain:
            """Has what it must have."""

            def __init__(self, inner: Any) -> None:
                self.get, self.set, self.take = inner.get, inner.set, inner.take
                self.record, self.release = inner.record, inner.release

        server = self.serve("one", Plain(self.storage))
        client = StreamClient(server.factory)
        id = client.open()
        client.disconnect()
        self.connections["one"].emitRemoteEvent("e", "a", ["x"])
        server.overflowed(self.connections["one"])
        self.assertEqual(client.rest(), [])
        self.assertIsNotNone(self.storage.take(id, "another"))


class HandoverTests(DurabilityTestCase):
    """C{"handover"}: every second, and at the end."""

    def test_everySecond(self) -> None:
        """What a server did until a second ago is not lost with it."""
        one = self.serve("one", mode="handover")
        client = StreamClient(one.factory)
        id = client.open()
        client.say("{event:[1,'e'],say:[1]}")
        self.clock.advance(1)
        client.say("{event:[2,'e'],say:[2]}")
        self.assertEqual(len(client.rest()), 2)
        other = StreamClient(self.serve("two", mode="handover").factory)
        self.assertEqual(other.restore(id)["ok"], 1)
        self.assertEqual(other.rest(), ['{event:[-1,"e"],echo:[1]}'])

    def test_slices(self) -> None:
        """Very many sessions are not recorded at one go: others have their turn in between."""
        recorded: list[str] = []

        class Busy(SimpleSessionStorageProvider):
            """Takes long for each record."""

            def record(self, id: str, epoch: int, entries: Any) -> None:
                super().record(id, epoch, entries)
                if not recorded:
                    clock.callLater(0, recorded.append, "another")
                recorded.append(id)
                clock.rightNow += 0.003

        clock = self.clock
        busy = Busy(reactor=clock)
        server = self.serve("one", busy, "handover")
        clients = [StreamClient(server.factory) for _ in range(10)]
        ids = [client.open() for client in clients]
        for client in clients:
            client.say("{ping:[1]}")
        clock.advance(1)
        self.assertEqual(recorded, [*ids[:2], "another", *ids[2:]])
        clients[0].say("{ping:[2]}")
        clock.advance(1)
        self.assertEqual(recorded[11:], ids[:1])
        self.servers.remove(server)
        self.successResultOf(server.close())
        busy.close()

    def test_twoAtATime(self) -> None:
        """Of two who ask for the same stored session at a time, the second finds what the first has done."""
        one = StreamClient(self.serve("one", mode="handover").factory)
        id = one.open()
        slow = SlowStorage(self.storage)
        server = self.serve("two", slow, "handover")
        clients = [StreamClient(server.factory), StreamClient(server.factory)]
        for client in clients:
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        slow.step()
        self.assertEqual(clients[0].rest(), ["{handshake:[0],ok:0}"])
        clients[0].say("{event:[1,'e'],say:[1]}")
        slow.finish()
        self.assertEqual(clients[1].rest()[0], "{handshake:[0],ok:1}")
        self.servers.remove(server)
        closing = server.close()
        slow.finish()
        self.successResultOf(closing)

    def test_timer(self) -> None:
        """Nothing is scheduled when there are no sessions."""
        server = self.serve("one", mode="handover")
        client = StreamClient(server.factory)
        client.open()
        self.clock.advance(5)
        client.disconnect()
        self.successResultOf(server.close())
        self.storage.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SlowTests(DurabilityTestCase):
    """C{"always"}, with a storage that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowStorage(self.storage)
        self.server = self.serve("one", self.slow)
        self.client = StreamClient(self.server.factory)

    def tearDown(self) -> None:
        closing = self.server.close()
        self.servers.remove(self.server)
        self.clock.advance(10)
        self.slow.finish()
        self.successResultOf(closing)
        super().tearDown()

    def open(self) -> str:
        """Come in."""
        self.client.say("{handshake:[0,'app']}")
        self.slow.finish()
        id = self.client.next()["ok"]
        assert isinstance(id, str)
        return id

    def test_new(self) -> None:
        """A new session is stored before its client is told of it, and what came behind the handshake waits."""
        self.client.say("{handshake:[0,'app']}", "{event:[1,'e'],say:[1]}")
        self.assertEqual((self.slow.step(), self.client.rest()), ("set", []))
        self.assertEqual((self.slow.step(), self.heard), ("take", []))
        self.assertEqual(len(self.client.rest()), 1)
        self.slow.finish()
        self.assertEqual(self.heard, [("one", 1)])

    def test_newFails(self) -> None:
        """If it cannot be stored, nobody comes in."""
        self.client.say("{handshake:[0,'app']}")
        self.slow.failure = ValueError("full")
        self.slow.step()
        self.assertEqual((self.client.rest(), self.client.connected), (["{handshake:[0],error:[11]}"], False))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_goneMeanwhile(self) -> None:
        """If the client goes while its session is stored, the session is given back."""
        self.client.say("{handshake:[0,'app']}")
        self.client.disconnect()
        self.assertEqual([self.slow.step(), self.slow.step(), *self.slow.waiting], ["set", "take", "release"])
        self.assertEqual(self.server.getClientsArray(), [])

    def test_received(self) -> None:
        """What was received is recorded before it is worked on; what comes meanwhile waits, in order."""
        self.open()
        self.client.say("{event:[1,'e'],say:[1]}", "{event:[2,'e'],say:[2]}")
        self.client.say("{event:[3,'e'],say:[3]}")
        self.assertEqual((self.heard, self.slow.waiting), ([], ["record"]))
        self.slow.do()
        self.assertEqual(self.heard, [])
        self.slow.tell()
        self.assertEqual([argument for _, argument in self.heard], [1, 2])
        self.slow.finish()
        self.assertEqual([argument for _, argument in self.heard], [1, 2, 3])
        self.assertEqual([text[-4:] for text in self.client.rest()], ["[1]}", "[2]}", "[3]}"])

    def test_sent(self) -> None:
        """What is sent is recorded before it is written, in order; answers do not overtake it."""
        id = self.open()
        connection = self.connections["one"]
        for number in (1, 2, 3):
            connection.emitRemoteEvent("e", "a", [number])
            self.assertEqual(self.client.rest(), [])
        self.client.say("{call:[1,'i'],same:[4]}")
        self.slow.do()
        stored = self.storage.get(id)
        self.assertGreaterEqual(abs(stored.latestBufferedMessageId if stored else 0), 1)
        self.assertEqual(self.client.rest(), [])
        self.slow.finish()
        texts = self.client.rest()
        self.assertEqual([text[-4:] for text in texts], ["[1]}", "[2]}", "[3]}", "[4]}"])

    def test_answer(self) -> None:
        """What a restored client is told that was received is recorded: it will not send it again."""
        id = self.open()
        self.client.say("{event:[1,'e'],say:[1]}")
        other = StreamClient(self.server.factory)
        other.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        self.assertEqual(self.slow.waiting, ["record"])  # and no question before it is answered
        self.checkAnswer(id, other)

    def test_answerMeanwhile(self) -> None:
        """Likewise what is received over the old transport while the storage is asked whose the session is."""
        id = self.open()
        other = StreamClient(self.server.factory)
        other.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        self.client.say("{event:[1,'e'],say:[1]}")
        self.checkAnswer(id, other)

    def checkAnswer(self, id: str, other: StreamClient) -> None:
        """The client is told of one message, and that is recorded then."""
        while self.slow.halfStep():
            texts = other.rest()
            if texts and texts[0].startswith("{handshake"):
                self.assertEqual(texts[0], "{handshake:[0],ok:1}")
                stored = self.storage.get(id)
                self.assertEqual(stored and stored.receivedCount, 1)
                break
        else:
            self.fail("nobody was answered")
        self.slow.finish()
        self.assertEqual(self.heard, [("one", 1)])

    def test_goneWhileVerified(self) -> None:
        """If the time is up while the storage is asked whose the session is, nobody gets it."""
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]
        server = ws.createServer(
            [Application("app", {})],
            sessionStorageProvider=self.slow,
            sessionDurability="always",
            reactor=self.clock,
        )
        client = WebSocketClient(server.factory, self.clock)
        client.say("{handshake:[0,'app']}")
        self.slow.finish()
        id = client.next()["ok"]
        client.leave()
        self.slow.finish()
        other = WebSocketClient(server.factory, self.clock)
        other.answersClose = False
        other.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        self.clock.pump([1, 1, 1, 1])
        self.slow.finish()
        self.assertEqual((server.getClientsArray(), other.rest(), other.closeCode), ([], [], 1000))
        closing = server.close()
        self.clock.advance(10)
        self.slow.finish()
        self.successResultOf(closing)

    def test_goneWhileTaken(self) -> None:
        """If the client goes while its session is taken from the storage, it is given back."""
        id = self.open()
        self.client.disconnect()
        slow = SlowStorage(self.storage)
        server = self.serve("two", slow)
        other = StreamClient(server.factory)
        other.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        other.disconnect()
        self.assertEqual(slow.step(), "take")
        self.assertEqual((slow.waiting, server.getClientsArray()), (["release"], []))
        slow.finish()

    def test_recordFails(self) -> None:
        """If something cannot be recorded, the connection is ended before it has an effect; the storage is right."""
        id = self.open()
        self.client.say("{event:[1,'e'],say:[1]}")
        self.slow.failure = ValueError("full")
        self.slow.step()
        self.assertEqual((self.heard, self.client.connected), ([], False))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        other = StreamClient(self.serve("two").factory)
        self.assertEqual(other.restore(id)["ok"], 0)

    def test_twoAtATime(self) -> None:
        """Two who ask for the same stored session do not fence each other off."""
        id = self.open()
        second = self.serve("two", slow := SlowStorage(self.storage))
        one, two = StreamClient(second.factory), StreamClient(second.factory)
        for client in (one, two):
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
        slow.finish()
        self.assertEqual((one.rest(), two.rest()), (["{handshake:[0],ok:0}"],) * 2)
        self.assertEqual((one.connected, two.connected), (False, True))
        two.say("{event:[1,'e'],say:[1]}")
        slow.finish()
        self.assertEqual((self.heard, len(two.rest())), ([("two", 1)], 1))
        self.servers.remove(second)
        closing = second.close()
        slow.finish()
        self.successResultOf(closing)


class SessionDataTests(DurabilityTestCase):
    """What the application remembers."""

    def test_notPlain(self) -> None:
        """What JSON cannot say cannot be recorded: that is logged, and the connection ends."""
        client = StreamClient(self.serve("one").factory)
        client.open()
        session = self.connections["one"].session
        assert isinstance(session, Session)
        session["k"] = object()
        client.say("{ping:[1]}")
        self.assertFalse(client.connected)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
