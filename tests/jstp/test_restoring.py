"""
Tests for L{jetjstp.jstp.accepting}: who may have which session.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import fail

from jetjstp.jstp import Application, Session, SimpleSessionStorageProvider
from tests.jstp.servers import SeedStorage, ServerTestCase


class RestoringTests(ServerTestCase):
    """Who may have which session."""

    def test_anyTransport(self) -> None:
        """What was there is there again: the user, the application, the version, what was stored, methods that run."""
        client = self.memory.connect()
        client.say("{handshake:[0,'app'],login:['user','pass']}")
        id = client.next()["ok"]
        client.say("{call:[1,'back'],store:['k',5]}", "{call:[2,'calc'],slow:[500]}")
        first = self.memory.last
        client.disconnect()
        client = self.memory.connect()
        self.assertEqual(client.restore(id), {"handshake": [0], "ok": 2})
        self.assertIs(self.memory.last, first)
        self.clock.advance(0.5)
        self.assertEqual(client.next(), {"callback": [2], "ok": [500]})
        self.assertEqual(client.ask("{call:[3,'calc'],who:[]}")["ok"], ["user", "app", "1.0.0"])
        self.assertEqual(client.ask("{call:[4,'back'],load:['k']}")["ok"], [5])

    def test_otherApplication(self) -> None:
        """A session of one application is unknown to the others, at hand and stored; that does not use it up."""
        storage = SimpleSessionStorageProvider(reactor=self.clock)
        self.restart(sessionStorageProvider=storage, clientExpirationTime=10)
        client = self.memory.connect()
        id = client.open()
        client.disconnect()
        for _ in range(2):
            stranger = self.memory.connect()
            self.assertEqual(stranger.restore(id, application="other"), {"handshake": [0], "error": [11]})
            self.assertFalse(stranger.connected)
            self.clock.advance(10)
        self.assertEqual(self.memory.connect().restore(id)["ok"], 0)
        self.addCleanup(storage.close)
        self.successResultOf(self.memory.close())
        storage.close()

    def test_withoutAnApplication(self) -> None:
        """A session that npm's server has stored belongs to whoever serves the only application there is."""
        session = Session("id", "user")
        for applications, answer in (
            ([Application("app", {}), Application("other", {})], {"handshake": [0], "error": [11]}),
            ([Application("app", {}), Application("app@2.0.0", {})], {"handshake": [0], "ok": 0}),
        ):
            storage = SeedStorage(self.clock, {"id": session.toString()})
            self.restart(applications=applications, sessionStorageProvider=storage)
            client = self.memory.connect()
            self.assertEqual(client.restore("id"), answer)
            client.disconnect()
        self.assertIn('"application":"app"', storage.texts["id"])

    def test_ownStorage(self) -> None:
        """An application with a storage of its own finds its sessions there, and nowhere else."""
        session = Session("id", "user", "app").toString()
        own, general = SeedStorage(self.clock), SeedStorage(self.clock, {"id": session})
        applications = [Application("app", {}, sessionStorageProvider=own), Application("other", {})]
        self.restart(applications=applications, sessionStorageProvider=general)
        self.assertEqual(self.memory.connect().restore("id")["error"], [11])
        own.texts["id"] = session
        client = self.memory.connect()
        self.assertEqual(client.restore("id")["ok"], 0)
        client.disconnect()
        self.assertEqual(self.memory.last.username, "user")

    def test_brokenStorage(self) -> None:
        """A storage that fails, or gives something else, counts as one that knows nothing, and that is logged."""

        class Storage:
            answer: Any = None

            def get(self, id: str) -> Any:
                if isinstance(self.answer, Exception):
                    raise self.answer
                return self.answer

            def set(self, id: str, session: Session) -> None:
                """Not asked."""

        storage = Storage()
        self.restart(sessionStorageProvider=storage)
        for answer in (ValueError("away"), fail(ValueError("away")), "text", {"id": "id"}):
            storage.answer = answer
            self.assertEqual(self.memory.connect().restore("id")["error"], [11])
            self.assertEqual(len(self.flushLoggedErrors(ValueError, TypeError)), 1)

    def test_twoAtATime(self) -> None:
        """Two who ask for the same stored session at a time get it one after the other, as if it were at hand."""
        storage = SeedStorage(self.clock, {"id": Session("id", None, "app").toString()}, isAsync=True)
        self.restart(sessionStorageProvider=storage)
        one, two = self.memory.connect(), self.memory.connect()
        for client in (one, two):
            client.say("{handshake:[0,'app'],session:['id',0]}")
        self.memory.advance(0.1)
        self.assertEqual((one.rest(), two.rest()), (["{handshake:[0],ok:0}"],) * 2)
        self.assertEqual((one.connected, two.connected), (False, True))
        self.assertEqual(len(self.memory.server.getClientsArray()), 1)
        self.assertEqual(two.ask("{ping:[1]}"), {"pong": [1]})

    def test_stillOpen(self) -> None:
        """A session may move while its old transport is open; that is ended, and takes nothing with it."""
        old = self.memory.connect()
        id = old.open()
        old.ask("{ping:[1]}")
        connection = self.memory.last
        closings: list[str] = []
        connection.on("close", lambda: closings.append("close"))
        old.stopReading()
        connection.emitRemoteEvent("e", "a", [])
        new = self.memory.connect()
        new.say(f"{{handshake:[0,'app'],session:['{id}',0]}}", "{ping:[2]}")
        self.assertEqual(new.rest(), ["{handshake:[0],ok:1}", '{event:[-1,"e"],a:[]}', "{pong:[2]}"])
        self.assertIs(self.memory.last, connection)
        old.startReading()
        old.say("{call:[3,'calc'],answer:[]}")
        self.assertFalse(old.connected)
        self.assertEqual(new.rest(), [])
        self.assertEqual(new.ask("{ping:[3]}"), {"pong": [3]})
        self.assertEqual(self.memory.events.count("disconnect"), 0)
        self.assertEqual(closings, [])
        self.assertEqual(self.memory.server.getClientsArray(), [connection])
        new.disconnect()
        self.assertEqual((self.memory.events[-1], closings), ("disconnect", ["close"]))

    def test_excess(self) -> None:
        """Who claims to have received more than was sent is served, and the numbers go on as they were."""
        client = self.memory.connect()
        id = client.open()
        self.memory.last.emitRemoteEvent("e", "a", [])
        client.disconnect()
        client = self.memory.connect()
        self.assertEqual(client.restore(id, 2**53 - 1)["ok"], 0)
        self.memory.last.emitRemoteEvent("e", "b", [])
        self.assertEqual(client.rest(), ['{event:[-2,"e"],b:[]}'])

    def test_gap(self) -> None:
        """Who claims to have received less than was acknowledged is served, and the program can see what is missing."""
        missing: list[int] = []
        self.memory.server.on("restoreSession", lambda session, *args: missing.append(session.missing))
        client = self.memory.connect()
        id = client.open()
        for _ in range(3):
            self.memory.last.emitRemoteEvent("e", "a", [])
        self.memory.last.ping()
        client.say("{pong:[-4]}")
        client.disconnect()
        client = self.memory.connect()
        client.restore(id, 1)
        self.assertEqual((missing, client.rest()), ([3], []))
