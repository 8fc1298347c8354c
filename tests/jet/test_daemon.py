"""
Tests for L{jetjstp.jet.daemon}: the public class. What it says to peers is
tested elsewhere.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from jetjstp import __version__, jet
from jetjstp.driver import SLICE
from jetjstp.interfaces import Identity
from jetjstp.jet.daemon import TCP_PORT, WEBSOCKET_PORT, Daemon, DialectName
from jetjstp.jet.limits import Limits
from jetjstp.jet.protocol import ConnectedPeer
from jetjstp.jet.slices import STRIDE
from jetjstp.links.stream import CLOSE_TIMEOUT
from jetjstp.testing import MemoryDaemon, MemoryEndpoint
from tests.jet.asking import BusyClock, add, ask, connect, events
from tests.links.frames import clientFrame, serverFrames
from tests.links.upgrading import WebSocketTestCase, upgradeRequest

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": []}}}


@implementer(IStreamServerEndpoint)
class SlowEndpoint:
    """
    An endpoint that listens when the test wants.

    @ivar listening: What it gave.
    """

    def __init__(self) -> None:
        self.listening: list[Deferred[IListeningPort]] = []

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        self.listening.append(Deferred())
        return self.listening[-1]


@implementer(IStreamServerEndpoint)
class FailingEndpoint:
    """An endpoint that cannot listen."""

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        return fail(CannotListenError("", 5, OSError("no")))


class Port:
    """
    A port that takes its time to stop.

    @ivar stopping: Fires the end; L{None} before it was told to stop.
    """

    stopping: Deferred[None] | None = None

    def stopListening(self) -> Deferred[None]:
        """See L{IListeningPort}."""
        self.stopping = Deferred()
        return self.stopping


class ClosingTransport(StringTransport):
    """A transport that ends when it is told to."""

    connected = True
    protocol: Any = None

    def loseConnection(self) -> None:
        """See L{twisted.internet.interfaces.ITransport}."""
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionDone()))

    abortConnection = loseConnection


class DaemonTestCase(WebSocketTestCase):
    """Daemons on a reactor that only makes believe."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()
        self.clock = self.reactor
        self.patch(__import__("txaio").config, "loop", self.clock)

    def daemon(self, **options: Any) -> Daemon:
        """Make a daemon."""
        return Daemon(reactor=self.reactor, **options)

    @property
    def ports(self) -> list[tuple[int, str]]:
        """Where somebody listens, or did."""
        return [(port, interface) for port, _, _, interface in self.reactor.tcpServers]

    def webSocket(self, factory: Any, request: bytes | None = None) -> Any:
        """Connect to a WebSocket listener, with a transport that has the link as its protocol."""
        link = factory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 5))
        transport = ClosingTransport(hostAddress=IPv4Address("TCP", "10.0.0.1", 11123))
        transport.protocol = link
        link.makeConnection(transport)
        link.dataReceived(upgradeRequest() if request is None else request)
        return transport

    def assertNothingLeft(self) -> None:
        """No timer is left, nothing was logged as an error."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class OptionTests(DaemonTestCase):
    """What a daemon is made with."""

    def test_public(self) -> None:
        """The package has the names that it is to have."""
        self.assertIs(jet.Daemon, Daemon)
        self.assertIs(jet.Limits, Limits)

    def test_info(self) -> None:
        """It says its name, its version and what it can do, whatever is in the name."""
        for options, name, fetch in (
            ({}, "jetjstp", "full"),
            ({"name": 'a "b"\n\ud800', "fetchMode": "simple"}, 'a "b"\n\ud800', "simple"),
        ):
            info = ask(MemoryDaemon(**cast(Any, options)).connect(), "info")["result"]
            self.assertEqual(info["name"], name)
            self.assertEqual(info["version"], __version__.public())
            self.assertEqual(info["protocolVersion"], "1.1.0")
            self.assertEqual(info["features"], {"batches": True, "authentication": True, "fetch": fetch})

    def test_wrongOptions(self) -> None:
        """What is of no use is refused with a message that names it."""
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"fetchMode": "half"}, 'fetchMode must be "full" or "simple", not \'half\''),
            ({"users": [], "policy": object()}, "users and policy"),
            ({"users": ["joe"]}, "users must be an object"),
            ({"users": {"joe": {}}}, "user 'joe': member 'password' is missing"),
        ]
        for options, text in wrong:
            error = self.assertRaises(ValueError, Daemon, reactor=Clock(), **options)
            self.assertIn(text, str(error))

    def test_keywordsOnly(self) -> None:
        """An options object in the seed's manner is no argument."""
        with self.assertRaises(TypeError):
            cast(Any, Daemon)({"users": {}})

    def test_globalReactor(self) -> None:
        """Without a reactor it uses the global one."""
        from twisted.internet import reactor

        self.assertIs(cast(Any, Daemon())._reactor, reactor)


class ListenTests(DaemonTestCase):
    """C{listen}."""

    def refused(self, kind: type[Exception], *args: Any, **options: Any) -> str:
        """The message of an error that is raised at once; nothing has happened then."""
        daemon = self.daemon()
        with capturedLogs() as logs:
            error = self.assertRaises(kind, daemon.listen, *args, **options)
        self.assertEqual((self.ports, logs), ([], []))
        self.assertNothingLeft()
        return str(error)

    def test_optionsObject(self) -> None:
        """An options object given by position is refused, and the message has the keywords."""
        text = self.refused(TypeError, {"tcpPort": 11122, "wsPort": 11123})
        self.assertIn("listen(tcpPort=11122, wsPort=11123)", text)

    def test_milliseconds(self) -> None:
        """A ping interval in milliseconds is noticed, and the message says what was probably meant."""
        self.assertEqual(
            self.refused(ValueError, wsPort=0, wsPingInterval=5000),
            "wsPingInterval: 5000 is out of range; seconds; did you mean 5.0?",
        )
        self.assertIn("above 0", self.refused(ValueError, wsPort=0, wsPingInterval=-1))
        for value in ("5", True):
            self.assertIn("wsPingInterval", self.refused(TypeError, wsPort=0, wsPingInterval=value))
        error = self.assertRaises(ValueError, self.daemon().webSocketResource, wsPingInterval=5000)
        self.assertIn("did you mean 5.0?", str(error))

    def test_ports(self) -> None:
        """What is no port number is refused by the name of the option."""
        for value in (-1, 65536, "11122", 1.5, True):
            for name in ("tcpPort", "wsPort"):
                text = self.refused(ValueError, **{name: value})
                self.assertEqual(text, f"{name} must be a port number, not {value!r}")

    def test_serverAndPort(self) -> None:
        """A port of its own and a site to hook onto exclude each other."""
        text = self.refused(ValueError, wsPort=11123, server=Site(Resource()))
        self.assertEqual(text, "wsPort and server exclude each other")

    def test_endpoints(self) -> None:
        """One string is no list of strings; what is no endpoint is named."""
        for name in ("endpoints", "wsEndpoints"):
            self.assertIn("'tcp:0'", self.refused(ValueError, **{name: "tcp:0"}))
            self.assertIn("11122", self.refused(ValueError, **{name: [11122]}))
            self.assertIn("pigeon", self.refused(ValueError, **{name: ["tcp:0", "pigeon:carrier"]}))

    def test_origins(self) -> None:
        """Malformed patterns of origins are refused, one string as well."""
        self.assertIn("'*'", self.refused(ValueError, wsPort=0, origins="*"))
        self.assertIn("'example.org'", self.refused(ValueError, wsPort=0, origins=["example.org"]))
        error = self.assertRaises(ValueError, self.daemon().webSocketResource, origins=["example.org"])
        self.assertIn("'example.org'", str(error))

    def test_default(self) -> None:
        """With nothing said it listens at the usual ports, on all interfaces."""
        ports = self.successResultOf(self.daemon().listen())
        self.assertEqual(self.ports, [(TCP_PORT, ""), (WEBSOCKET_PORT, "")])
        self.assertEqual([cast(IPv4Address, port.getHost()).port for port in ports], [11122, 11123])

    def test_onlyOne(self) -> None:
        """As soon as one place is named, there is no other."""
        for options in ({"tcpPort": 5}, {"wsPort": 5}, {"endpoints": ["tcp:5"]}, {"wsEndpoints": ["tcp:5"]}):
            self.reactor.tcpServers.clear()
            self.successResultOf(self.daemon().listen(**cast(Any, options)))
            self.assertEqual(self.ports, [(5, "")])
        self.reactor.tcpServers.clear()
        self.assertEqual(self.successResultOf(self.daemon().listen(server=Site(Resource()))), [])
        self.assertEqual(self.ports, [])

    def test_order(self) -> None:
        """The ports come in the order of the options; endpoints may be descriptions or objects."""
        memory = MemoryEndpoint()
        listening = self.daemon().listen(
            wsEndpoints=["tcp:4:interface=127.0.0.1"], wsPort=3, endpoints=["tcp:2", memory], tcpPort=1
        )
        hosts = [cast(IPv4Address, port.getHost()) for port in self.successResultOf(listening)]
        self.assertEqual([host.port for host in hosts], [1, 2, 11122, 3, 4])
        self.assertEqual(self.ports[-1], (4, "127.0.0.1"))
        self.assertTrue(memory.connect().connected)

    def test_again(self) -> None:
        """Listening may be done more than once; all peers are on the same bus."""
        daemon = self.daemon()
        first, second = connect(daemon), connect(daemon)
        owner, reader = first.connect(), second.connect()
        add(owner, "a")
        self.assertEqual(len(ask(reader, "get")["result"]), 1)

    def test_failure(self) -> None:
        """If one place cannot be listened at the others are closed again, and it fails with the reason."""
        opened, port = SlowEndpoint(), Port()
        daemon = self.daemon()
        listening = daemon.listen(endpoints=[opened, FailingEndpoint(), SlowEndpoint()], wsEndpoints=[SlowEndpoint()])
        opened.listening[0].callback(cast(Any, port))
        self.assertNoResult(listening)
        assert port.stopping is not None
        port.stopping.callback(None)
        self.failureResultOf(listening, CannotListenError)
        # It can be tried again, and closed.
        self.assertTrue(connect(daemon).connect().connected)
        self.successResultOf(daemon.close())

    def test_failureAndSite(self) -> None:
        """If a place cannot be listened at, a site that was named together with it stays as it was."""
        site = Site(Resource())
        before = site.getResourceFor
        self.failureResultOf(self.daemon().listen(server=site, endpoints=[FailingEndpoint()]), CannotListenError)
        request: Any = type("Request", (), {"getHeader": lambda self, name: b"websocket"})()
        request.prepath, request.postpath, request.site, request.sitepath = [], [], site, []
        self.assertNotIsInstance(site.getResourceFor(request), type(self.daemon().webSocketResource()))
        self.assertEqual(site.getResourceFor.__name__, before.__name__)

    def test_triedOften(self) -> None:
        """Trying in vain leaves nothing behind."""
        daemon = self.daemon()
        for _ in range(100):
            self.failureResultOf(daemon.listen(wsEndpoints=[FailingEndpoint()]), CannotListenError)
        gc.collect()
        self.assertEqual(len(cast(Any, daemon)._webSocketFactories), 0)

    def test_cancelled(self) -> None:
        """Listening can be cancelled; what is open by then is closed."""
        slow = SlowEndpoint()
        memory = MemoryEndpoint()
        listening = self.daemon().listen(endpoints=[memory, slow])
        listening.cancel()
        self.failureResultOf(listening, CancelledError)
        self.assertRaises(ConnectionRefusedError, memory.connect)


class OpennessTests(DaemonTestCase):
    """Warnings when everybody may come in."""

    def warnings(self, daemon: Daemon, **where: Any) -> list[str]:
        """What is logged when a daemon listens."""
        with capturedLogs() as logs:
            daemon.listen(**where)
        self.assertTrue(all(event["log_level"].name == "warn" for event in logs))
        return [formatEvent(event) for event in logs]

    def test_open(self) -> None:
        """A daemon without users that other hosts can reach says so, with the places."""
        (line,) = self.warnings(self.daemon(), tcpPort=5, endpoints=["tcp:6"], wsEndpoints=["tcp6:7:interface=\\:\\:"])
        for word in ("port 5", "tcp:6", "tcp6:7", "without users or a policy"):
            self.assertIn(word, line)
        self.assertEqual(len(self.warnings(self.daemon())), 1)

    def test_loopback(self) -> None:
        """On loopback, or on endpoints that the application made itself, there is nothing to say."""
        endpoints: Sequence[Any] = ["tcp:6:interface=127.0.0.1", MemoryEndpoint()]
        self.assertEqual(self.warnings(self.daemon(), endpoints=endpoints), [])
        (line,) = self.warnings(self.daemon(), endpoints=[*endpoints, "tcp:8"])
        self.assertNotIn("tcp:6", line)

    def test_users(self) -> None:
        """With users or a policy, even with none that is allowed in, it is decided, so there is nothing to say."""
        self.assertEqual(self.warnings(self.daemon(users=USERS)), [])
        self.assertEqual(self.warnings(self.daemon(users={})), [])
        self.assertEqual(self.warnings(self.daemon(policy=object())), [])


class EventTests(DaemonTestCase):
    """C{connection} and C{disconnect}."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = MemoryDaemon(users=USERS)
        self.told: list[tuple[str, ConnectedPeer]] = []

    def note(self, name: str) -> Callable[[ConnectedPeer], None]:
        """A handler that notes what it is told."""

        def handler(peer: ConnectedPeer) -> None:
            self.told.append((name, peer))

        return handler

    def test_events(self) -> None:
        """Each peer is told of when it comes and when it leaves, as the same object."""
        handler = self.note("came")
        self.assertIs(self.memory.daemon.on("connection", handler), handler)

        @self.memory.daemon.on("disconnect")
        def disconnected(peer: ConnectedPeer) -> None:
            self.told.append(("left", peer))

        first, second = self.memory.connect("192.0.2.8"), self.memory.connect("192.0.2.9")
        second.disconnect()
        first.sendBytes(b"\xff" * 4)
        self.assertEqual([name for name, _ in self.told], ["came", "came", "left", "left"])
        came, alsoCame, alsoLeft, left = [peer for _, peer in self.told]
        self.assertIs(came, left)
        self.assertIs(alsoCame, alsoLeft)
        self.assertEqual((came.address, alsoCame.address), ("192.0.2.8", "192.0.2.9"))
        self.assertNotEqual(came.id, alsoCame.id)

    def test_peer(self) -> None:
        """A peer's user and name are what they are at the time."""
        peer = self.memory.connect()
        (connected,) = self.memory.daemon.peers
        self.assertEqual((connected.user, connected.name), (None, None))
        ask(peer, "authenticate", user="joe", password="s3cret")
        ask(peer, "config", name="kitchen")
        self.assertEqual((connected.user, connected.name), ("joe", "kitchen"))
        self.assertIn("192.0.2.2", repr(connected))
        peer.disconnect()
        self.assertEqual(self.memory.daemon.peers, [])
        self.assertEqual(connected.user, "joe")

    def test_beforeItsStatesGo(self) -> None:
        """When a handler is told of a peer that left, what the peer owned is still there."""
        owner, reader = self.memory.connect(), self.memory.connect()
        add(owner, "a")
        found: list[Any] = []
        self.memory.daemon.on("disconnect", lambda peer: found.append(ask(reader, "get", path={"equals": "a"})))
        owner.disconnect()
        self.assertEqual(len(found), 1)
        self.assertEqual(ask(reader, "get"), {"result": []})

    def test_raisingHandler(self) -> None:
        """A handler that raises, or fails later, is logged; peers, other handlers and the daemon go on."""

        def fails(peer: ConnectedPeer) -> None:
            raise RuntimeError("in a handler")

        async def failsToo(peer: ConnectedPeer) -> None:
            raise RuntimeError("in a coroutine")

        for name in ("connection", "disconnect"):
            cast(Any, self.memory.daemon).on(name, fails)
            cast(Any, self.memory.daemon).on(name, failsToo)
            cast(Any, self.memory.daemon).on(name, self.note(name))
        peer = self.memory.connect()
        self.assertEqual(ask(peer, "echo"), {"result": {}})
        peer.disconnect()
        self.assertEqual([name for name, _ in self.told], ["connection", "disconnect"])
        self.assertEqual(ask(self.memory.connect(), "echo"), {"result": {}})
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 6)

    def test_closingHandler(self) -> None:
        """A handler may close the daemon."""
        closing: list[Deferred[None]] = []
        self.memory.daemon.on("connection", lambda peer: closing.append(self.memory.daemon.close()))
        peer = self.memory.connect()
        self.assertFalse(peer.connected)
        self.successResultOf(closing[0])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_unknownEvent(self) -> None:
        """An event that there is not is refused, and those that there are are named."""
        error = self.assertRaises(ValueError, cast(Any, self.memory.daemon).on, "connect", print)
        self.assertIn("connection, disconnect", str(error))

    def test_off(self) -> None:
        """A handler that was removed is told nothing more."""
        handler = self.memory.daemon.on("connection", self.note("came"))
        self.memory.daemon.off("connection", handler)
        self.memory.connect()
        self.assertEqual(self.told, [])


class CloseTests(DaemonTestCase):
    """C{close}."""

    def test_nothing(self) -> None:
        """A daemon that does not listen is closed at once, as often as one likes."""
        daemon = self.daemon()
        self.successResultOf(daemon.close())
        self.successResultOf(daemon.close())
        self.assertNothingLeft()

    def test_everything(self) -> None:
        """Ports are free, peers are gone and so are timers, whatever was going on."""
        memory = MemoryDaemon()
        owner, setter, reader = memory.connect(), memory.connect(), memory.connect()
        add(owner, "a")
        reader.send({"method": "fetch", "params": {"id": "f"}})
        setter.send({"id": 1, "method": "set", "params": {"path": "a", "value": 1}})
        left: list[str] = []
        memory.daemon.on("disconnect", lambda peer: left.append(peer.id))
        self.successResultOf(memory.daemon.close())
        self.assertFalse(owner.connected or setter.connected or reader.connected)
        self.assertEqual(len(left), 3)
        self.assertEqual(memory.daemon.peers, [])
        self.assertRaises(ConnectionRefusedError, memory.connect)
        self.assertEqual(memory.clock.getDelayedCalls(), [])

    def test_answersFirst(self) -> None:
        """What was answered before it closes still arrives."""
        memory = MemoryDaemon()
        peer = memory.connect()
        peer.stopReading()
        peer.send({"id": 1, "method": "echo"})
        closing = memory.daemon.close()
        self.assertNoResult(closing)
        peer.startReading()
        self.assertEqual(peer.take(), [{"id": 1, "result": True}])
        self.successResultOf(closing)
        self.assertEqual(memory.clock.getDelayedCalls(), [])

    def test_peerThatDoesNotRead(self) -> None:
        """A peer that reads nothing is waited for a few seconds only."""
        memory = MemoryDaemon()
        peer = memory.connect()
        peer.stopReading()
        peer.send({"id": 1, "method": "echo", "params": "x" * 100_000})
        closing = memory.daemon.close()
        memory.clock.advance(CLOSE_TIMEOUT - 0.1)
        self.assertNoResult(closing)
        memory.clock.advance(0.1)
        self.successResultOf(closing)
        self.assertFalse(peer.connected)
        self.assertEqual(memory.clock.getDelayedCalls(), [])

    def test_waitsForPorts(self) -> None:
        """It is closed when every port has said that it has stopped; a second call waits likewise."""
        endpoint, port = SlowEndpoint(), Port()
        daemon = self.daemon()
        listening = daemon.listen(endpoints=[endpoint])
        endpoint.listening[0].callback(cast(Any, port))
        self.assertEqual(self.successResultOf(listening), [port])
        closing = daemon.close()
        self.assertNoResult(closing)
        assert port.stopping is not None
        port.stopping.callback(None)
        self.successResultOf(closing)

    def test_portThatFails(self) -> None:
        """A port that fails to stop does not keep the others, and the peers, from their end."""
        memory = MemoryDaemon()
        peer = memory.connect()
        endpoint, port = SlowEndpoint(), Port()
        memory.daemon.listen(endpoints=[endpoint])
        endpoint.listening[0].callback(cast(Any, port))
        closing = memory.daemon.close()
        assert port.stopping is not None
        port.stopping.errback(RuntimeError("stuck"))
        self.successResultOf(closing)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertFalse(peer.connected)

    def test_whileListening(self) -> None:
        """What is only about to listen when the daemon closes does not listen afterwards."""
        memory, slow = MemoryEndpoint(), SlowEndpoint()
        daemon = self.daemon()
        listening = daemon.listen(endpoints=[memory, slow])
        peer = memory.connect()
        self.successResultOf(daemon.close())
        self.failureResultOf(listening, CancelledError)
        self.assertRaises(ConnectionRefusedError, memory.connect)
        self.assertFalse(peer.connected)
        self.assertNothingLeft()

    def test_listenAgain(self) -> None:
        """A closed daemon can listen anew, and is empty."""
        memory = MemoryDaemon()
        add(memory.connect(), "a")
        self.successResultOf(memory.daemon.close())
        peer = connect(memory.daemon).connect()
        self.assertEqual(ask(peer, "get"), {"result": []})
        self.assertEqual(ask(peer, "add", path="a", value=1), {"result": True})
        self.successResultOf(memory.daemon.close())
        self.assertEqual(memory.clock.getDelayedCalls(), [])

    def test_muchToDo(self) -> None:
        """When it is closed, what there was to be done for those who left has been done."""
        clock = BusyClock()
        daemon = Daemon(reactor=clock)
        endpoint = connect(daemon)
        owner, reader = endpoint.connect(), endpoint.connect()
        add(owner, *map(str, range(5000)))
        reader.send({"method": "fetch", "params": {"id": "f"}})
        clock.tick = SLICE
        ended: list[int] = []
        daemon.close().addCallback(lambda result: ended.append(len(clock.getDelayedCalls())))
        list(clock.turns())
        self.assertEqual(ended, [0])

    def test_webSockets(self) -> None:
        """WebSocket peers are told that the daemon goes away; who has not finished the handshake is cut off."""
        endpoint = MemoryEndpoint()
        daemon = self.daemon()
        daemon.listen(wsEndpoints=[endpoint])
        peer = self.webSocket(endpoint.factory)
        halfOpen = self.webSocket(endpoint.factory, upgradeRequest()[:-2])
        peer.clear()
        closing = daemon.close()
        (frame,) = serverFrames(peer.value())
        self.assertEqual(frame, (8, (1001).to_bytes(2, "big")))
        self.assertNoResult(closing)
        peer.protocol.dataReceived(clientFrame((1001).to_bytes(2, "big"), opcode=8))
        self.successResultOf(closing)
        self.assertFalse(peer.connected)
        self.assertFalse(halfOpen.connected)
        self.assertNothingLeft()


class SiteTests(DaemonTestCase):
    """On the ports of a site."""

    def setUp(self) -> None:
        super().setUp()

        class Page(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                return b"a page"

        self.site = Site(Page(), reactor=self.clock)
        self.patch(self.site, "_updateLogDateTime", lambda: None)
        self.site.doStart()
        self.addCleanup(self.site.doStop)

    def request(self, data: bytes) -> Any:
        """Send a request to the site."""
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", "192.0.2.2", 5))
        channel.callLater = self.clock.callLater
        transport = ClosingTransport(
            IPv4Address("TCP", "10.0.0.1", 80), IPv4Address("TCP", "192.0.2.2", 5), lenient=True
        )
        transport.protocol = channel
        channel.makeConnection(transport)
        channel.dataReceived(data)
        return transport

    def echo(self, transport: Any) -> None:
        """A connection is served as a peer."""
        transport.clear()
        transport.protocol.dataReceived(clientFrame(b'{"id":1,"method":"echo"}'))
        self.assertEqual(serverFrames(transport.value()), [(1, b'{"id":1,"result":true}')])

    def test_server(self) -> None:
        """Upgrades at any path of the site become peers, other requests go where they went; until it is closed."""
        daemon = self.daemon()
        self.assertEqual(self.successResultOf(daemon.listen(server=self.site)), [])
        page = b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: close\r\n\r\n"
        self.assertIn(b"a page", self.request(page).value())
        peer = self.request(upgradeRequest("/any/path"))
        self.assertIn(b"101", peer.value())
        self.echo(peer)
        self.assertEqual([each.address for each in daemon.peers], ["192.0.2.2"])
        closing = daemon.close()
        peer.protocol.dataReceived(clientFrame((1001).to_bytes(2, "big"), opcode=8))
        self.successResultOf(closing)
        self.assertNotIn(b"101", self.request(upgradeRequest("/any/path")).value())
        self.assertIn(b"a page", self.request(page).value())

    def test_serverOptions(self) -> None:
        """The options of WebSocket listeners hold for the site."""
        daemon = self.daemon()
        daemon.listen(server=self.site, wsGetAuthentication=lambda request: None)
        self.assertIn(b"401", self.request(upgradeRequest()).value())
        self.successResultOf(daemon.close())
        daemon.listen(server=self.site, origins=["https://example.org"])
        self.assertIn(b"101", self.request(upgradeRequest(Origin="https://example.org")).value())
        self.assertIn(b"403", self.request(upgradeRequest(Origin="https://example.com")).value())

    def test_dialects(self) -> None:
        """A listener and a resource may know what their peers speak."""
        features: list[tuple[DialectName, str]]
        features = [("auto", "authentication"), ("2", "authentication"), ("3", "authenticate")]
        for dialect, name in features:
            daemon = self.daemon()
            self.site.resource = daemon.webSocketResource(dialect=dialect)
            byResource = self.request(upgradeRequest())
            daemon.listen(server=self.site, dialect=dialect)
            for transport in (byResource, self.request(upgradeRequest())):
                transport.clear()
                transport.protocol.dataReceived(clientFrame(b'{"id":1,"method":"info"}'))
                [(_, answer)] = serverFrames(transport.value())
                self.assertIn(name, json.loads(answer)["result"]["features"])
                transport.loseConnection()
            self.successResultOf(daemon.close())

    def test_resource(self) -> None:
        """A resource serves peers where it stands; they are peers of the daemon like all others."""
        daemon = self.daemon()
        resource = daemon.webSocketResource(wsPingInterval=0, wsGetAuthentication=lambda request: {"name": "ann"})
        verifyObject(IResource, resource)
        root = Resource()
        root.putChild(b"jet", resource)
        self.site.resource = root
        peer = self.request(upgradeRequest("/jet"))
        self.echo(peer)
        self.assertEqual(daemon.peers[0].user, "ann")
        self.assertIn(b"404", self.request(upgradeRequest("/other")).value())
        self.patch(daemon, "_log", None)
        closing = daemon.close()
        peer.protocol.dataReceived(clientFrame((1001).to_bytes(2, "big"), opcode=8))
        self.successResultOf(closing)


class TransportTests(DaemonTestCase):
    """All kinds of links lead to one bus."""

    def test_bothKinds(self) -> None:
        """What a peer adds over TCP another one follows over WebSocket, and the other way round."""
        stream, webSocket = MemoryEndpoint(), MemoryEndpoint()
        daemon = self.daemon()
        daemon.listen(endpoints=[stream], wsEndpoints=[webSocket])
        peer = stream.connect()
        transport = self.webSocket(webSocket.factory)
        link = transport.protocol
        link.dataReceived(clientFrame(b'{"method":"fetch","params":{"id":"f"}}'))
        transport.clear()
        add(peer, "a")
        body = b'{"path":"a","event":"add","value":0}'
        self.assertEqual(serverFrames(transport.value()), [(1, b'{"method":"f","params":%b}' % body)])
        peer.send({"method": "fetch", "params": {"id": "f"}})
        link.dataReceived(clientFrame(b'{"method":"add","params":{"path":"b","value":1}}', opcode=2))
        self.assertEqual(events(peer), [("add", "a", 0), ("add", "b", 1)])
        transport.loseConnection()
        self.assertEqual(events(peer), [("remove", "b", 1)])
        peer.disconnect()
        self.assertNothingLeft()

    def test_frameLimit(self) -> None:
        """The limit of a message holds over WebSocket, too: there is a close code for it."""
        endpoint = MemoryEndpoint()
        self.daemon(limits=Limits(message=50)).listen(wsEndpoints=[endpoint])
        transport = self.webSocket(endpoint.factory)
        transport.clear()
        transport.protocol.dataReceived(clientFrame(b'{"id":1,"method":"echo","params":"%b"}' % (b"x" * 14)))
        transport.protocol.dataReceived(clientFrame(b" " * 51))
        (opcode, _), (closing, payload) = serverFrames(transport.value())
        self.assertEqual((opcode, closing, payload[:2]), (1, 8, (1009).to_bytes(2, "big")))
        transport.loseConnection()
        self.assertNothingLeft()

    def test_later(self) -> None:
        """Endpoints that take their time are listened at one after the other."""
        first, second = SlowEndpoint(), SlowEndpoint()
        listening = self.daemon().listen(endpoints=[first], wsEndpoints=[second])
        ports = [cast(Any, Port()), cast(Any, Port())]
        first.listening[0].callback(ports[0])
        second.listening[0].callback(ports[1])
        self.assertEqual(self.successResultOf(listening), ports)


class HookTests(DaemonTestCase):
    """What a hook may be."""

    def test_asynchronous(self) -> None:
        """C{wsGetAuthentication} may be a plain function, give a Deferred, or be a coroutine function."""

        async def coroutine(request: Any) -> Any:
            return {"name": "joe"}

        hooks: list[Callable[[Any], Any]] = [
            lambda request: {"name": "joe"},
            lambda request: succeed({"name": "joe"}),
            coroutine,
            partial(lambda auth, request: auth, {"name": "joe"}),
        ]
        for hook in hooks:
            endpoint = MemoryEndpoint()
            daemon = self.daemon()
            daemon.listen(wsEndpoints=[endpoint], wsGetAuthentication=hook)
            transport = self.webSocket(endpoint.factory)
            self.clock.advance(0)
            self.assertIn(b"101", transport.value())
            self.assertEqual(daemon.peers[0].user, "joe")
            transport.loseConnection()


class Link:
    """A link of one's own."""

    kind = "mine"
    address = "elsewhere"
    blocked = False

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.ended: list[str] = []

    def pack(self, message: bytes) -> bytes:
        return message

    def write(self, frames: list[bytes]) -> None:
        self.written += frames

    def setMaxMessage(self, size: int) -> None: ...

    def pauseReading(self) -> None: ...

    def resumeReading(self) -> None: ...

    def close(self) -> None:
        self.ended.append("close")

    def abort(self) -> None:
        self.ended.append("abort")


class ReceiverTests(DaemonTestCase):
    """Peers whose links are somebody else's."""

    def setUp(self) -> None:
        super().setUp()
        self.served = self.daemon()
        self.link = Link()

    def test_peer(self) -> None:
        """It is a peer as any other, with the identity that it was given."""
        told: list[ConnectedPeer] = []
        self.served.on("connection", told.append)
        receiver = self.served.receiver(identity=Identity("ada", frozenset(["a"])))
        receiver.linkOpened(self.link)
        self.assertEqual(self.served.peers, told)
        self.assertEqual((told[0].user, told[0].address), ("ada", "elsewhere"))
        receiver.messagesReceived([b'{"id":1,"method":"echo","params":5}'])
        self.assertEqual(self.link.written, [b'{"id":1,"result":5}'])
        closing = self.served.close()
        self.assertEqual(self.link.ended, ["close"])
        receiver.linkLost("over")
        self.successResultOf(closing)
        self.assertEqual(self.served.peers, [])

    def test_withdraw(self) -> None:
        """What it owns can be removed while it stays, and that can be stopped."""
        receiver = self.served.receiver()
        receiver.linkOpened(self.link)
        messages = [b'{"method":"add","params":{"path":"%d","value":1}}' % number for number in range(1000)]
        receiver.messagesReceived(messages)
        self.clock.pump([0.0] * 20)
        self.assertEqual(len(receiver.client.elements), 1000)
        receiver.withdraw(lambda: False)
        self.clock.pump([0.0] * 20)
        self.assertEqual(len(receiver.client.elements), 1000)
        left = [5]

        def isWanted() -> bool:
            left[0] -= 1
            return left[0] > 0

        receiver.withdraw(isWanted)
        self.clock.pump([0.0] * 20)
        self.assertEqual(len(receiver.client.elements), 1000 - 4 * STRIDE)
        receiver.withdraw(lambda: True)
        self.clock.pump([0.0] * 20)
        self.assertEqual(len(receiver.client.elements), 0)
        receiver.messagesReceived(messages[:1])
        self.assertEqual(len(receiver.client.elements), 1)
