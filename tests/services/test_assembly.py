"""Tests of L{jetjstp.services.assembly}, on a clock, with ports in memory."""

from __future__ import annotations

import json
import re
from typing import Any

import txaio
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from jetjstp.interfaces import StorageUnavailable
from jetjstp.jet.limits import Limits
from jetjstp.jstp.applications import Application
from jetjstp.links.listeners import Listener, ListenFailed
from jetjstp.policies.users import UsersPolicy
from jetjstp.services.assembly import Assembly
from jetjstp.services.busapplication import BusApplication
from jetjstp.services.plan import JetSide, JstpSide, Plan
from jetjstp.storage.memory import SimpleSessionStorageProvider
from tests.links.frames import serverFrames
from tests.links.upgrading import upgradeRequest

JET, JET_WEBSOCKET, JSTP, JSTP_WEBSOCKET, WEB = range(1, 6)
"""Ports."""

sums = Application("sums", {"calc": {"add": lambda connection, a, b: a + b}})


class SlowStorage(SimpleSessionStorageProvider):
    """A storage that starts and closes when the test says so, and remembers what it was asked."""

    def __init__(self, clock: Any) -> None:
        super().__init__(reactor=clock)
        self.starting: Deferred[None] = succeed(None)
        self.asked: list[str] = []
        self.trouble: str | None = None

    def start(self) -> Any:
        self.asked.append("start")
        return self.starting

    def set(self, id: str, session: Any) -> None:
        self.asked.append("set")
        super().set(id, session)

    def record(self, id: str, epoch: int, entries: Any) -> None:
        self.asked.append("record")
        super().record(id, epoch, entries)

    def close(self) -> None:
        self.asked.append("close")
        super().close()


class Connection:
    """A client in memory."""

    def __init__(self, reactor: MemoryReactorClock, port: int) -> None:
        [factory] = [server[1] for server in reactor.tcpServers if server[0] == port]
        self.protocol: Any
        peer, host = IPv4Address("TCP", "127.0.0.1", 50000), IPv4Address("TCP", "127.0.0.1", port)
        self.wire = StringTransport(hostAddress=host, peerAddress=peer, lenient=True)
        self.protocol = factory.buildProtocol(peer)
        self.protocol.makeConnection(self.wire)

    def say(self, data: bytes) -> bytes:
        """What the server answers at once."""
        self.protocol.dataReceived(data)
        answer: bytes = self.wire.value()
        self.wire.clear()
        return answer

    @property
    def isEnded(self) -> bool:
        """Whether the server wants no more of it."""
        return self.wire.disconnecting or self.wire.disconnected

    def lose(self) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


class AssemblyTests(SynchronousTestCase):
    """L{Assembly}."""

    def setUp(self) -> None:
        """A reactor in memory."""
        self.reactor = MemoryReactorClock()
        self.patch(txaio.config, "loop", self.reactor)  # type: ignore[attr-defined]
        self.storage = SlowStorage(self.reactor)

    def listener(self, port: int) -> Listener:
        """A port of this machine."""
        return Listener(self.reactor, "--listen", f"tcp:{port}:interface=127.0.0.1")

    def plan(self, **more: Any) -> Plan:
        """Everything that there is to listen to."""
        webSockets = [self.listener(JET_WEBSOCKET)]
        more.setdefault("jet", JetSide(listeners=[self.listener(JET)], webSocketListeners=webSockets))
        more.setdefault(
            "jstp",
            JstpSide(
                listeners=[self.listener(JSTP)],
                webSocketListeners=[self.listener(JSTP_WEBSOCKET)],
                applications=[sums],
                storage=self.storage,
                storageName="slow",
                durability="handover",
            ),
        )
        return Plan(command="jet", **more)

    def make(self, **more: Any) -> Assembly:
        """Such an assembly, on which nobody has asked for anything yet."""
        return Assembly(self.plan(**more), self.reactor)

    def started(self, **more: Any) -> Assembly:
        """One that runs."""
        made = self.make(**more)
        self.successResultOf(made.bind())
        self.successResultOf(made.prepare())
        made.open()
        return made

    def test_ports(self) -> None:
        """All ports are bound, and none takes connections before the storage is ready."""
        made = self.make()
        self.successResultOf(made.bind())
        self.assertEqual([server[0] for server in self.reactor.tcpServers], [JET, JET_WEBSOCKET, JSTP, JSTP_WEBSOCKET])
        self.assertEqual([listener.isHeld for _, _, listener in made.plan.listeners()], [True] * 4)
        self.assertEqual((self.storage.asked, made.trouble()), ([], "starting"))
        self.successResultOf(made.prepare())
        self.assertEqual((self.storage.asked, made.trouble()), (["start"], "starting"))
        made.open()
        self.assertEqual([listener.isHeld for _, _, listener in made.plan.listeners()], [False] * 4)
        self.assertIsNone(made.trouble())

    def test_portTaken(self) -> None:
        """A port that is taken fails all of it, by its name."""
        plan = self.plan()
        assert plan.jstp is not None
        taken = CannotListenError("", JSTP_WEBSOCKET, OSError(98, "Address already in use"))
        self.patch(plan.jstp.webSocketListeners[0]._endpoint, "listen", lambda factory: fail(taken))
        made = Assembly(plan, self.reactor)
        error = self.failureResultOf(made.bind(), ListenFailed).value
        self.assertIn("in use", str(error))
        self.successResultOf(made.hangUp())

    def test_storageAway(self) -> None:
        """A storage that is away fails the preparation."""
        made = self.make()
        self.storage.starting = fail(StorageUnavailable("away"))
        self.failureResultOf(made.prepare(), StorageUnavailable)

    def test_jet(self) -> None:
        """Jet is spoken where it is listened for."""
        self.started(name="kitchen")
        answer = Connection(self.reactor, JET).say(LengthPrefixed.pack(b'{"id":1,"method":"info"}'))
        self.assertIn(b'"name":"kitchen"', answer)

    def test_jstp(self) -> None:
        """Applications are served, and the bus besides them as the application jet."""
        made = self.started(name="kitchen")
        connection = Connection(self.reactor, JSTP)
        self.assertIn(b"ok:", connection.say(b"{handshake:[0,'sums'],anonymous:[]}\0"))
        self.assertEqual(connection.say(b"{call:[1,'calc'],add:[2,3]}\0"), b"{callback:[1],ok:[5]}\0")
        connection = Connection(self.reactor, JSTP)
        self.assertIn(b"ok:", connection.say(b"{handshake:[0,'jet'],anonymous:[]}\0"))
        connection.say(b"{call:[1,'jet'],info:[]}\0")
        self.reactor.advance(0)
        self.assertIn(b'"name":"kitchen"', connection.wire.value())
        self.assertEqual(made.counts(), (0, 2), "who is on the bus by JSTP is no Jet peer")

    def test_logins(self) -> None:
        """Clients of JSTP log in with the same policy, and wrong passwords count together with those of Jet."""
        self.started(policy=UsersPolicy({"joe": {"password": "tea"}}), limits=Limits(failedLoginsPerMinute=1))
        self.assertIn(b"ok:", self.login("tea"))
        self.assertIn(b"error:[11]", self.login("coffee"))
        request = b'{"id":1,"method":"authenticate","params":{"user":"joe","password":"tea"}}'
        answer = Connection(self.reactor, JET).say(LengthPrefixed.pack(request))
        self.assertIn(b'"limitExceeded":"failedLoginsPerMinute"', answer)

    def login(self, password: str) -> bytes:
        """What a client of JSTP is told that logs in."""
        return Connection(self.reactor, JSTP).say(f"{{handshake:[0,'sums'],login:['joe','{password}']}}\0".encode())

    def test_unrememberingPolicy(self) -> None:
        """A policy that knows users only while they log in is none for JSTP, whose clients come back without that."""

        class Once:
            def login(self, user: str, password: str, address: str) -> Deferred[None]:
                return succeed(None)

        policy: Any = Once()
        error = self.assertRaises(ValueError, self.make, policy=policy, policyName="once")
        self.assertIn("policy 'once' has no method identify(user)", str(error))
        self.make(policy=policy, jstp=None)

    def webSocket(self, port: int, **headers: str | None) -> tuple[Connection, bytes]:
        """A connection that has asked to become a WebSocket, and the answer."""
        connection = Connection(self.reactor, port)
        headers.setdefault("Host", "localhost")
        headers["Sec_WebSocket_Protocol"] = "jet" if port == JET_WEBSOCKET else "metarhia-jstp"
        return connection, connection.say(upgradeRequest(**headers))

    def test_origins(self) -> None:
        """The same pages may connect over both kinds of WebSockets, and on loopback no foreign host is named."""
        self.started(origins=["https://*.example.org"])
        for port in (JET_WEBSOCKET, JSTP_WEBSOCKET):
            for headers in ({}, {"Origin": "http://localhost"}, {"Origin": "https://a.example.org"}):
                self.assertIn(b" 101 ", self.webSocket(port, **headers)[1])
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
                self.assertIn(b" 403 ", self.webSocket(port, **headers)[1])

    def test_oneServer(self) -> None:
        """A session that began on a stream goes on over a WebSocket: it is one server."""
        self.started()
        first = Connection(self.reactor, JSTP)
        answer = first.say(b"{handshake:[0,'sums'],anonymous:[]}\0")
        [session] = re.findall("[0-9a-f-]{36}", answer.decode("ascii"))
        first.lose()
        second, _ = self.webSocket(JSTP_WEBSOCKET)
        message = f"{{handshake:[0,'sums'],session:['{session}',0]}}".encode()
        frame = bytes([0x81, 0x80 | len(message), 0, 0, 0, 0]) + message
        self.assertIn(b"ok:", second.say(frame))

    def test_trouble(self) -> None:
        """What the storage has to say is told of; it is no matter where there is none."""
        made = self.started()
        self.storage.trouble = "Redis is away"
        self.assertEqual(made.trouble(), "Redis is away")
        self.assertIsNone(self.started(jstp=None).trouble())

    def test_goodbye(self) -> None:
        """At the end, all are told that the server goes away; sessions are saved before the storage is closed."""
        made = self.started()
        connections = [self.webSocket(port)[0] for port in (JET_WEBSOCKET, JSTP_WEBSOCKET)]
        client = Connection(self.reactor, JSTP)
        client.say(b"{handshake:[0,'sums'],anonymous:[]}\0")
        client.say(b"{call:[1,'calc'],add:[2,3]}\0")
        gone = made.hangUp()
        self.assertEqual(made.trouble(), "stopping")
        for connection in connections:
            [(opcode, payload)] = serverFrames(connection.wire.value())[-1:]
            self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (8, 1001))
        self.assertTrue(client.wire.disconnecting)
        self.assertNoResult(gone)
        for connection in (*connections, client):
            connection.lose()
        self.successResultOf(gone)
        self.assertIn("record", self.storage.asked)
        self.assertNotIn("close", self.storage.asked)
        self.successResultOf(made.finish())
        self.assertEqual(self.storage.asked[-1], "close")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_faultyEnd(self) -> None:
        """What fails while it is closed keeps nothing else from being closed."""
        made = self.started()
        self.patch(BusApplication, "close", lambda self: 1 / 0)
        client = Connection(self.reactor, JET)
        with capturedLogs():
            gone = made.hangUp()
        self.assertTrue(client.wire.disconnecting)
        client.lose()
        self.successResultOf(gone)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_rechecks(self) -> None:
        """When the users change, those who are gone are dropped, by whatever way they have come; others stay."""
        policy = UsersPolicy({"joe": {"password": "tea", "auth": {}}, "eve": {"password": "tea", "auth": {}}})
        made = self.started(policy=policy)
        connections = {}
        for user in ("joe", "eve"):
            request = {"id": 1, "method": "authenticate", "params": {"user": user, "password": "tea"}}
            connections[user] = [Connection(self.reactor, port) for port in (JET, JSTP, JSTP)]
            jet, bus, other = connections[user]
            self.assertIn(b"result", jet.say(LengthPrefixed.pack(json.dumps(request).encode())))
            for client, name in ((bus, "jet"), (other, "sums")):
                self.assertIn(b"ok:", client.say(f"{{handshake:[0,'{name}'],login:['{user}','tea']}}\0".encode()))
        policy.replace({"joe": {"password": "tea", "auth": {}}})
        with capturedLogs():
            for recheck in made.rechecks():
                self.successResultOf(maybeDeferred(recheck))
        self.assertEqual([each.isEnded for each in connections["joe"]], [False, False, False])
        self.assertEqual([each.isEnded for each in connections["eve"]], [True, True, True])

    def test_web(self) -> None:
        """The site tells how things are, while there are connections and storage and when it ends."""
        made = self.make(web=[self.listener(WEB)])
        self.successResultOf(made.bind())
        self.assertIn(b" 503 ", self.get("healthz"))
        self.successResultOf(made.prepare())
        made.open()
        self.assertIn(b" 200 ", self.get("healthz"))
        self.storage.trouble = "Redis is away"
        self.assertIn(b"Redis is away", self.get("healthz"))
        self.assertIn(b"\njetjstp_jet_peers{", self.get("metrics"))
        self.assertIn(b"\njetjstp_jstp_connections{", self.get("metrics"))

    def get(self, page: str) -> bytes:
        """What the site answers."""
        return Connection(self.reactor, WEB).say(f"GET /{page} HTTP/1.0\r\n\r\n".encode())

    def test_states(self) -> None:
        """The figures are states for the group that may see them, as long as the rest is there."""
        users = {"joe": {"password": "tea", "auth": {"fetchGroups": ["admin"]}}}
        made = self.started(policy=UsersPolicy(users), metricsGroup="admin")
        asked = [
            b'{"id":1,"method":"authenticate","params":{"user":"joe","password":"tea"}}',
            b'{"id":2,"method":"get","params":{"path":{"startsWith":"$daemon/"}}}',
        ]
        self.assertIn(b'"$daemon/peers"', Connection(self.reactor, JET).say(b"".join(map(LengthPrefixed.pack, asked))))
        self.assertNotIn(b"$daemon/", Connection(self.reactor, JET).say(LengthPrefixed.pack(asked[1])))
        made.hangUp()
        self.assertEqual(made.daemon.figures()[0].name, "jet_peers")
