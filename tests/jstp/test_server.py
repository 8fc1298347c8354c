"""
Tests for L{jetjstp.jstp.server}: what it tells of, its clients, and its end.
"""

from __future__ import annotations

from typing import Any

import txaio
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from jetjstp.jstp import (
    Application,
    CallbackLost,
    Connection,
    Limits,
    RemoteError,
    Session,
    SimpleSessionStorageProvider,
    net,
)
from jetjstp.testing import MemoryEndpoint
from tests.jstp.clientends import StreamClient
from tests.jstp.servers import MemoryServer, SeedStorage, ServerTestCase, versions


class EventTests(ServerTestCase):
    """What a server tells of."""

    def test_arguments(self) -> None:
        """Each event comes with what it is about, in the order of what happens."""
        told: list[Any] = []
        server = self.server
        for name in ("connect", "reconnect", "disconnect", "handshakeRequest", "restoreSession", "handshakeTimeout"):
            server.on(name, lambda *args, name=name: told.append((name, *args)))
        client, id, connection = self.connect()
        client.disconnect()
        self.memory.connect().restore(id)
        session, application = connection.session, connection.application
        assert session is not None
        self.assertEqual(
            told,
            [
                ("handshakeRequest", connection, "app", "anonymous"),
                ("connect", connection),
                ("disconnect", connection),
                ("handshakeRequest", told[3][1], "app", "session"),
                ("restoreSession", session, connection, application),
                ("reconnect", connection),
            ],
        )
        self.assertIsNot(told[3][1], connection)
        self.memory.connect()
        self.clock.advance(3)
        self.assertEqual([each[0] for each in told[6:]], ["handshakeTimeout", "disconnect"])

    def test_afterTheAnswer(self) -> None:
        """What a listener sends comes behind the answer to the handshake, also at a restore."""
        for name in ("connect", "reconnect"):
            self.server.on(name, lambda connection: connection.emitRemoteEvent("e", "a", []))
        client, id, _ = self.connect()
        self.assertEqual(client.rest(), ['{event:[-1,"e"],a:[]}'])
        client.disconnect()
        client = self.memory.connect()
        self.assertEqual(client.restore(id, 1)["ok"], 0)
        self.assertEqual(client.rest(), ['{event:[-2,"e"],a:[]}'])

    def test_closing(self) -> None:
        """A listener may close the connection: nothing that came behind the handshake is served then."""
        self.server.on("connect", lambda connection: connection.close())
        client = self.memory.connect()
        client.say("{handshake:[0,'app']}", "{ping:[1]}")
        self.assertEqual(len(client.rest()), 1)
        self.assertFalse(client.connected)

    def test_log(self) -> None:
        """C{log} has what goes over each connection, also once."""
        logged: list[Any] = []
        self.server.on("log", lambda connection, name, *args: logged.append((name, *args)))
        client, _, _ = self.connect()
        logged.clear()
        client.ask("{call:[1,'calc'],divide:[4,2]}")
        message = {"call": [1, "calc"], "divide": [4, 2]}
        answer = {"callback": [1], "ok": [2]}
        expected = [("incomingMessage", message), ("call", "calc", "divide", [4, 2]), ("outgoingMessage", answer)]
        self.assertEqual(logged, expected)

    def test_logOnce(self) -> None:
        """Who wants to know only once is told, too."""
        server = net.createServer([Application("app", {})], reactor=self.clock)
        logged: list[Any] = []
        server.once("log", lambda connection, *args: logged.append(args))
        StreamClient(server.factory).say("{handshake:[0,'app']}")
        self.assertEqual([args[0] for args in logged], ["incomingMessage"])
        self.successResultOf(server.close())

    def test_broken(self) -> None:
        """A connection that breaks is an error, one that ends is none."""
        errors: list[Exception] = []
        self.server.on("connectionError", lambda error, connection: errors.append(error))
        for reason, kinds in ((ConnectionLost(), [ConnectionLost]), (ConnectionDone(), []), (ConnectionAborted(), [])):
            client, _, _ = self.connect()
            client.transport.end(Failure(reason))
            self.assertEqual([type(error) for error in errors], kinds)
            errors.clear()

    def test_lostWhileAnswered(self) -> None:
        """If a client is lost while it is answered, it is not there, and can come back."""
        client, id, connection = self.connect()
        client.disconnect()

        connection.emitRemoteEvent("e", "a", [])
        kinds = ["handshake"]

        def end(connection: Connection, name: str, *args: Any) -> None:
            if name == "outgoingMessage" and next(iter(args[0])) in kinds and client.connected:
                client.disconnect()

        self.server.on("log", end)
        for kind in ("handshake", "handshake", "event", "event"):
            kinds[0] = kind
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            self.assertEqual((self.server.getClientsArray(), connection.isConnected), ([], False))
        kinds[0] = "handshake"
        client = self.memory.connect()
        client.say("{handshake:[0,'app']}")
        self.assertEqual(self.server.getClientsArray(), [])
        self.assertEqual(self.memory.events.count("disconnect"), 6)
        self.server.off("log", end)
        other = self.memory.connect()
        self.assertEqual(other.restore(client.next()["ok"])["error"], [11])
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 0)
        self.assertEqual(client.rest(), ['{event:[-1,"e"],a:[]}'])

    def test_failingListener(self) -> None:
        """A listener that raises is logged and harms nobody."""

        def raising(connection: Connection) -> None:
            raise ValueError(connection)

        self.server.on("connect", raising)
        client, _, _ = self.connect()
        self.assertEqual(client.ask("{ping:[1]}"), {"pong": [1]})
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class ClientsTests(ServerTestCase):
    """Those who are connected."""

    def test_getClients(self) -> None:
        """They are those whose session is agreed on and who are there, restored ones included."""
        self.memory.connect()
        client, id, connection = self.connect()
        other, _, otherConnection = self.connect()
        self.assertEqual(self.server.getClientsArray(), [connection, otherConnection])
        client.disconnect()
        self.assertEqual(list(self.server.getClients()), [otherConnection])
        self.memory.connect().restore(id)
        self.assertEqual(self.server.getClientsArray(), [otherConnection, connection])
        clients = self.server.getClients()
        other.disconnect()
        self.assertEqual(len(list(clients)), 2)
        self.server.getClientsArray().clear()
        self.assertEqual(len(self.server.getClientsArray()), 1)

    def test_broadcast(self) -> None:
        """All of them get it, numbered for each; who is away or not in yet does not."""
        waiting = self.memory.connect()
        away, id, _ = self.connect()
        away.disconnect()
        first, _, connection = self.connect()
        second, _, _ = self.connect()
        connection.emitRemoteEvent("e", "a", [])
        first.rest()
        self.server.broadcast("news", "item", "text", {"n": 1})
        self.assertEqual(first.next(), {"event": [-2, "news"], "item": ["text", {"n": 1}]})
        self.assertEqual(second.next(), {"event": [-1, "news"], "item": ["text", {"n": 1}]})
        away = self.memory.connect()
        away.restore(id)
        self.assertEqual(waiting.rest() + away.rest(), [])

    def test_endSession(self) -> None:
        """A session that is ended is not there any more, whether its client is connected or away."""
        away, awayId, awayConnection = self.connect()
        away.disconnect()
        client, id, connection = self.connect()
        for each in (connection, awayConnection):
            closed = each.closed()
            self.server.endSession(each, "a test")
            self.successResultOf(closed)
        self.clock.advance(0)
        self.assertEqual((client.connected, self.server.getClientsArray()), (False, []))
        for ended in (id, awayId):
            self.assertEqual(self.memory.connect().restore(ended), {"handshake": [0], "error": [11]})

    def test_linesOfDrops(self) -> None:
        """Each client that we drop is one line, of one form, with its user; also if it is dropped for two reasons."""
        self.restart(authPolicy=lambda *args: "joe")
        away, _, awayConnection = self.connect()
        away.disconnect()
        _, _, ended = self.connect()
        _, _, closed = self.connect()
        client = self.memory.connect()
        client.say("{handshake:[0,'app'],login:['joe','1']}")
        user = self.server.getClientsArray()[-1]
        with capturedLogs() as logs:
            for each in (awayConnection, ended):
                self.server.endSession(each, "a test")
            for each in (closed, user):
                self.assertTrue(self.server.dropClient(each, "a test"))
                self.assertFalse(self.server.dropClient(each, "another reason"))
            self.assertFalse(self.server.dropClient(ended, "another reason"))
            self.assertFalse(self.server.dropClient(awayConnection, "another reason"))
            self.clock.advance(0)
        self.assertEqual(
            [formatEvent(each) for each in logs if each.get("event") == "dropped"],
            [
                f'dropped: connection={each.id} address={each.remoteAddress}{name} reason="a test"'
                for each, name in ((awayConnection, ""), (ended, ""), (closed, ""), (user, " user=joe"))
            ],
        )
        self.assertEqual([each for each in logs if "test" in (formatEvent(each) or "") and "event" not in each], [])

    def test_linesOfRefusals(self) -> None:
        """Who is not let in is a line, without what he said; of each kind one in ten seconds, with a count."""
        self.restart(authPolicy=lambda connection, application, strategy, credentials: None)
        with capturedLogs() as logs:
            for _ in range(3):
                for handshake in (
                    "[0,'nothing'],login:['joe','s3cret']",
                    "[0,'app'],login:['joe','s3cret']",
                    "[0,'app'],session:['s3cret',0]",
                ):
                    self.memory.connect().say(f"{{handshake:{handshake}}}")
            self.clock.advance(10)
            self.memory.connect().say("{handshake:[0,'app'],login:['joe','s3cret']}")
        lines = [(formatEvent(each) or "").partition(" reason=") for each in logs]
        self.assertTrue(all(line.startswith("refused: address=") for line, _, _ in lines), lines)
        self.assertEqual(
            [reason for _, _, reason in lines],
            [
                "\"there is no application 'nothing'\"",
                '"its login is refused"',
                '"there is no such session"',
                '"its login is refused" suppressed=2',
            ],
        )

    def test_refusalThatSaysWhy(self) -> None:
        """What a policy tells a client that it refuses is told to the log, too."""

        def refuse(*args: Any) -> None:
            raise RemoteError(11, "locked out")

        self.restart(authPolicy=refuse)
        with capturedLogs() as logs:
            self.memory.connect().say("{handshake:[0,'app'],login:['joe','s3cret']}")
        self.assertIn('reason="its login is refused: locked out"', formatEvent(logs[0]) or "")

    def test_manyDrops(self) -> None:
        """A log is not filled by clients that are dropped at the same time; the next line says how many there were."""
        connections = [self.connect()[2] for _ in range(30)]
        with capturedLogs() as logs:
            for each in connections[:-1]:
                self.server.endSession(each, "a test")
            self.clock.advance(10)
            self.server.endSession(connections[-1], "a test")
        lines = [formatEvent(each) or "" for each in logs if each.get("event") == "dropped"]
        self.assertEqual(len(lines), 21)
        self.assertTrue(lines[-1].endswith("suppressed=9"), lines[-1])

    def test_broadcastThatCannotBeSent(self) -> None:
        """What cannot be sent is sent to nobody."""
        client, _, _ = self.connect()
        self.assertRaises(ValueError, self.server.broadcast, "e", "event")
        self.assertRaises(TypeError, self.server.broadcast, "e", "a", object())
        self.assertRaises(ValueError, self.server.broadcast, "e", "a", float("nan"))
        self.assertEqual(client.rest(), [])

    def test_broadcastBesideABrokenOne(self) -> None:
        """A client that does not read, or whose session is gone, keeps nothing from the others."""
        self.restart(limits=Limits(unsent=100_000))
        slow, _, _ = self.connect()
        lost, _, connection = self.connect()
        good, _, _ = self.connect()
        slow.stopReading()
        connection.over()
        for _ in range(20):
            self.server.broadcast("e", "a", "x" * 10_000)
        self.assertEqual(len(good.rest()), 20)
        self.assertFalse(slow.connected)
        self.assertEqual(lost.rest(), [])

    def test_updateApplications(self) -> None:
        """New clients get the new ones, those who are there keep what they have."""
        old = self.memory.connect()
        old.open("vapp")
        self.server.updateApplications(versions("4.0.0"))
        new = self.memory.connect()
        new.open("vapp")
        for client, version in ((old, "3.0.0-beta.1"), (new, "4.0.0")):
            self.assertEqual(client.ask("{call:[1,'v'],version:[]}")["ok"], [version])
        self.assertRaises(ValueError, self.server.updateApplications, versions("1.0.0", "1.0.0"))
        self.assertRaises(TypeError, self.server.updateApplications, ["app"])
        self.memory.connect().open("vapp")

    def test_updateConnectionsApi(self) -> None:
        """Those who asked for a range, or for nothing, get the greatest version in it; exact ones stay."""
        asked = {"'^1.0.0'": "1.9.0", "'1.1.0'": "1.1.0", "''": "3.5.0", "'2.x'": "2.0.0"}
        clients = {}
        for number, text in enumerate(asked):
            clients[text] = self.memory.connect()
            clients[text].say(f"{{handshake:[{number},'vapp',{text}]}}")
            clients[text].next()
        self.server.updateApplications(versions("1.9.0", "3.5.0", "4.0.0"))
        self.server.updateConnectionsApi()
        for text, version in asked.items():
            self.assertEqual(clients[text].ask("{call:[1,'v'],version:[]}")["ok"], [version], text)

    def test_updateRestored(self) -> None:
        """A restored client counts with what it has asked for the last time."""
        client = self.memory.connect()
        client.say("{handshake:[0,'vapp','1.1.0']}")
        id = client.next()["ok"]
        client.disconnect()
        client = self.memory.connect()
        client.say(f"{{handshake:[0,'vapp','^1.0.0'],session:['{id}',0]}}")
        client.next()
        self.server.updateApplications(versions("1.9.0"))
        self.server.updateConnectionsApi()
        self.assertEqual(client.ask("{call:[1,'v'],version:[]}")["ok"], ["1.9.0"])
        client.disconnect()
        client = self.memory.connect()
        client.say(f"{{handshake:[0,'vapp','1.9.0'],session:['{id}',0]}}")
        client.next()
        self.server.updateApplications(versions("1.9.9"))
        self.server.updateConnectionsApi()
        self.assertEqual(client.ask("{call:[2,'v'],version:[]}")["ok"], ["1.9.0"])


class ClosingTests(ServerTestCase):
    """The end of a server."""

    def test_close(self) -> None:
        """It stops listening, ends all connections after what was written, and fires when sessions are stored."""
        endpoint = MemoryEndpoint()
        stored: list[Deferred[None]] = []

        class Storage:
            def get(self, id: str) -> None:
                """Not asked."""

            def set(self, id: str, session: Session) -> Deferred[None]:
                stored.append(Deferred())
                return stored[-1]

        self.restart(sessionStorageProvider=Storage())
        self.successResultOf(self.server.listen(endpoint))
        waiting = self.memory.connect()
        client, _, connection = self.connect()
        connection.emitRemoteEvent("e", "bye", [])
        closing = self.server.close()
        self.assertRaises(ConnectionRefusedError, endpoint.connect)
        self.assertEqual((waiting.connected, client.connected), (False, False))
        self.assertEqual(client.rest(), ['{event:[-1,"e"],bye:[]}'])
        self.assertNoResult(closing)
        stored[0].callback(None)
        self.successResultOf(closing)
        self.assertEqual(self.memory.events[-2:], ["disconnect", "disconnect"])
        self.assertFalse(self.memory.connect().connected)

    def test_slowReader(self) -> None:
        """Who does not read is waited for some seconds only."""
        client, _, _ = self.connect()
        client.stopReading()
        self.memory.last.emitRemoteEvent("e", "a", [])
        closing = self.server.close()
        self.assertNoResult(closing)
        self.clock.advance(5)
        self.successResultOf(closing)

    def test_away(self) -> None:
        """Those who are away are forgotten, and nobody waits for them any more."""
        client, _, connection = self.connect()
        client.disconnect()
        calling, ended = connection.callMethod("client", "x"), connection.closed()
        self.successResultOf(self.server.close())
        self.failureResultOf(calling, CallbackLost)
        self.successResultOf(ended)

    def test_portThatCannotBeClosed(self) -> None:
        """That is logged; the rest is closed."""

        class Port:
            def stopListening(self) -> Any:
                raise ValueError("stuck")

        endpoint = MemoryEndpoint()
        self.patch(endpoint, "listen", lambda factory: succeed(Port()))
        self.successResultOf(self.server.listen(endpoint))
        client, _, _ = self.connect()
        self.successResultOf(self.server.close())
        self.assertFalse(client.connected)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_twice(self) -> None:
        """It may be closed again."""
        self.connect()
        self.successResultOf(self.server.close())
        self.successResultOf(self.server.close())

    def test_ownStorage(self) -> None:
        """The storage that it has made itself leaves no timer; that of the program is the program's to close."""
        client, _, _ = self.connect()
        client.disconnect()
        self.successResultOf(self.server.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        storage = SimpleSessionStorageProvider(reactor=self.clock)
        self.restart(sessionStorageProvider=storage)
        client, id, _ = self.connect()
        client.disconnect()
        self.successResultOf(self.server.close())
        self.assertIsNotNone(storage.get(id))
        storage.close()

    def test_slowInactive(self) -> None:
        """It also waits for C{setInactive}."""
        waiting: Deferred[None] = Deferred()

        class Storage(SeedStorage):
            def setInactive(self, id: str) -> Deferred[None]:
                return waiting

        self.restart(sessionStorageProvider=Storage(self.clock))
        client, _, _ = self.connect()
        client.disconnect()
        closing = self.server.close()
        self.assertNoResult(closing)
        waiting.callback(None)
        self.successResultOf(closing)

    def test_upgrading(self) -> None:
        """WebSockets whose upgrade is not done are ended, too."""
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]
        self.memory = MemoryServer(self.clock, True)
        half = self.memory.upgrade(b"GET / HTTP/1.1\r\n")
        client = self.memory.upgrade()
        client.open()
        closing = self.server.close()
        self.clock.advance(0)
        self.successResultOf(closing)
        self.assertEqual((half.connected, client.connected, client.closeCode), (False, False, 1000))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_listeningMeanwhile(self) -> None:
        """A port that is there only when the server was closed is closed, too."""
        opening: Deferred[Any] = Deferred()
        endpoint = MemoryEndpoint()
        port = self.successResultOf(endpoint.listen(self.server.factory))
        self.patch(endpoint, "listen", lambda factory: opening)
        listening = self.server.listen(endpoint)
        self.successResultOf(self.server.close())
        opening.callback(port)
        self.assertIs(self.successResultOf(listening), port)
        self.assertIsNone(endpoint.factory)
