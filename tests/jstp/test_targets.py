"""
Tests for L{jetjstp.jstp.targets}, without sockets.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import txaio
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from jetjstp.interfaces import MessageLink
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.targets import FRAGMENT_SIZE, Target, netTarget, wsTarget
from jetjstp.links.dialing import DialFailed
from jetjstp.links.websocketclient import WebSocketHandshakeError
from tests.links.dialed import acceptance
from tests.links.frames import clientFrame, clientFrames
from tests.links.receivers import Recorder

ADDRESS = "192.0.2.1"
SUBPROTOCOL = "Sec-WebSocket-Protocol: metarhia-jstp"


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """A reactor in memory on which every name is that of L{ADDRESS}."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Resolver()

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """See L{IReactorPluggableNameResolver}."""
        raise NotImplementedError("this reactor has a resolver for good")


@implementer(IHostnameResolver, IHostResolution)
class Resolver:
    """Knows one address."""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See L{IHostnameResolver}."""
        resolutionReceiver.resolutionBegan(self)
        resolutionReceiver.addressResolved(IPv4Address("TCP", ADDRESS, portNumber))
        resolutionReceiver.resolutionComplete()
        return self

    name = "any"

    def cancel(self) -> None:
        """There is never anything to cancel."""


class TargetTestCase(SynchronousTestCase):
    """Targets on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.reactor)  # type: ignore[attr-defined]
        self.limits = Limits(message=1000)
        self.recorder = Recorder()

    def net(self, *address: Any, **options: Any) -> Target:
        """A target of C{net.connect}."""
        return netTarget(address, limits=self.limits, reactor=self.reactor, **options)

    def ws(self, url: str, config: dict[str, Any] | None = None) -> Target:
        """A target of C{ws.connect}."""
        return wsTarget(url, config, limits=self.limits, reactor=self.reactor)

    def connect(self, target: Target, timeout: float = 10.0) -> Deferred[MessageLink]:
        """Connect to a target."""
        return target.connect(self.recorder, timeout)

    def accept(self) -> tuple[Any, StringTransport]:
        """Let the server accept the connection that is under way: the protocol, its transport."""
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(IPv4Address("TCP", ADDRESS, 1))
        transport = StringTransport(lenient=True)
        protocol.makeConnection(transport)
        return protocol, transport

    def assertNothingLeft(self) -> None:
        """No call is pending."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class ConnectTests(TargetTestCase):
    """How an attempt ends."""

    def setUp(self) -> None:
        super().setUp()
        self.target = self.net(TCP4ClientEndpoint(self.reactor, ADDRESS, 3000))

    def test_connected(self) -> None:
        """The Deferred fires with the link that the receiver was given; no timer stays."""
        connecting = self.connect(self.target)
        self.assertNoResult(connecting)
        protocol, transport = self.accept()
        link = self.successResultOf(connecting)
        self.assertIs(link, self.recorder.link)
        self.assertNothingLeft()
        link.write([link.pack(b"{handshake:[0,'a']}")])
        self.assertEqual(transport.value(), b"{handshake:[0,'a']}\0")
        protocol.dataReceived(b"{}\0\0" + b"x" * 1000 + b"\0")
        self.assertEqual(self.recorder.messages, [b"{}", b"", b"x" * 1000])
        protocol.dataReceived(b"x" * 1001)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.recorder.words[-1], "lost")

    def test_order(self) -> None:
        """The receiver hears of the link before the Deferred fires."""
        told: list[object] = []
        self.connect(self.target).addCallback(lambda link: told.extend(self.recorder.words))
        self.accept()
        self.assertEqual(told, ["opened"])

    def test_refused(self) -> None:
        """What Twisted says about a failure is passed on as it is."""
        connecting = self.connect(self.target)
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectionRefusedError()))
        self.failureResultOf(connecting, ConnectionRefusedError)
        self.assertNothingLeft()
        self.assertEqual(self.recorder.events, [])

    def test_timeout(self) -> None:
        """After the time the attempt is given up."""
        connecting = self.connect(self.target, 2.5)
        self.reactor.advance(2.4)
        self.assertNoResult(connecting)
        self.reactor.advance(0.1)
        error = self.failureResultOf(connecting, TimeoutError).value
        self.assertEqual(str(error), "no connection to TCP4ClientEndpoint within 2.5 seconds")
        self.assertTrue(self.reactor.connectors[-1].stoppedConnecting)
        self.assertNothingLeft()

    def test_timeoutValues(self) -> None:
        """A timeout that can only be meant in milliseconds is refused, and so is none."""
        error = self.assertRaises(ValueError, self.connect, self.target, 5000)
        self.assertIn("did you mean 5.0?", str(error))
        self.assertRaises(ValueError, self.connect, self.target, 0)
        self.assertRaises(TypeError, self.connect, self.target, None)

    def test_cancelled(self) -> None:
        """Cancelling ends the attempt and leaves nothing."""
        connecting = self.connect(self.target)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.reactor.connectors[-1].stoppedConnecting)
        self.assertNothingLeft()

    def test_cancelledInOpened(self) -> None:
        """Cancelled by the receiver that is told of the link, the Deferred fails and the link is aborted."""
        connecting = self.connect(self.target)
        self.recorder.reactions["opened"] = lambda link: connecting.cancel()
        _, transport = self.accept()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(transport.disconnected)
        self.assertFalse(self.reactor.connectors[-1].stoppedConnecting)
        self.assertNothingLeft()

    def test_again(self) -> None:
        """A target may be connected to again."""
        for _ in range(2):
            self.recorder = Recorder()
            connecting = self.connect(self.target)
            self.accept()
            self.assertIs(self.successResultOf(connecting), self.recorder.link)

    def test_endpointRaises(self) -> None:
        """An endpoint that raises is a failed attempt."""
        self.patch(self.reactor, "connectTCP", lambda *args, **options: 1 // 0)
        self.failureResultOf(self.connect(self.target), ZeroDivisionError)
        self.assertNothingLeft()


class WebSocketTests(TargetTestCase):
    """WebSockets."""

    url = "ws://server.example:3000/path?query=1"

    def test_connected(self) -> None:
        """When the server has accepted the upgrade, the Deferred fires; long messages are sent in fragments."""
        connecting = self.connect(self.ws(self.url))
        self.assertEqual(self.reactor.tcpClients[-1][:2], (ADDRESS, 3000))
        protocol, transport = self.accept()
        request = transport.value()
        self.assertTrue(request.startswith(b"GET /path?query=1 HTTP/1.1\r\n"))
        self.assertIn(SUBPROTOCOL.encode() + b"\r\n", request)
        self.assertNoResult(connecting)
        transport.clear()
        protocol.dataReceived(acceptance(request, SUBPROTOCOL))
        link = self.successResultOf(connecting)
        self.assertIs(link, self.recorder.link)
        link.write([link.pack(b"x" * (FRAGMENT_SIZE + 1))])
        frames = [(first, len(payload)) for first, _, payload in clientFrames(transport.value())]
        self.assertEqual(frames, [(0x01, FRAGMENT_SIZE), (0x80, 1)])
        protocol.dataReceived(clientFrame(b"x" * 1000, mask=None))
        self.assertEqual(self.recorder.messages, [b"x" * 1000])
        protocol.dataReceived(clientFrame(b"x" * 1001, mask=None))
        self.assertEqual(len(self.recorder.messages), 1)

    def test_refused(self) -> None:
        """A server that refuses the upgrade is an error that has its status."""
        connecting = self.connect(self.ws(self.url))
        protocol, transport = self.accept()
        protocol.dataReceived(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(connecting, WebSocketHandshakeError).value
        self.assertEqual((error.status, error.reason), (403, "Forbidden"))
        self.assertIsInstance(error, ConnectionError)
        self.assertEqual(self.recorder.events, [])
        self.assertNothingLeft()

    def test_lost(self) -> None:
        """A connection that ends before the upgrade is an error that has a reason."""
        connecting = self.connect(self.ws(self.url))
        protocol, _ = self.accept()
        protocol.connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(connecting, DialFailed).value
        self.assertEqual(str(error), "Connection was closed cleanly.")
        self.assertNothingLeft()

    def test_timeout(self) -> None:
        """The upgrade is within the time, however long that is."""
        connecting = self.connect(self.ws(self.url), 60)
        self.reactor.advance(20)
        protocol, transport = self.accept()
        self.reactor.pump([1] * 39)
        self.assertFalse(transport.disconnected)
        self.reactor.advance(1)
        error = self.failureResultOf(connecting, TimeoutError).value
        self.assertIn("ws://server.example:3000/path?query=1", str(error))
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.recorder.events, [])
        self.assertNothingLeft()

    def test_cancelled(self) -> None:
        """Cancelling during the upgrade ends it."""
        connecting = self.connect(self.ws(self.url))
        protocol, transport = self.accept()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(transport.disconnected)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertNothingLeft()

    def test_keepAlive(self) -> None:
        """A server of which nothing is heard for 20 seconds is pinged, and after 10 more it counts as lost."""
        self.connect(self.ws(self.url))
        protocol, transport = self.accept()
        request = transport.value()
        transport.clear()
        protocol.dataReceived(acceptance(request, SUBPROTOCOL))
        self.reactor.advance(20)
        self.assertEqual(clientFrames(transport.value())[0][0], 0x89)
        self.reactor.advance(10)
        self.assertTrue(transport.disconnected)

    def test_config(self) -> None:
        """Headers, origin and the longest message can be given."""
        config = {"headers": {"X-Token": "secret"}, "origin": "https://page.example", "maxMessageSize": 5}
        target = self.ws(self.url, config)
        self.assertEqual((target.transportName, target.address), ("ws", (config, self.url)))
        self.connect(target)
        protocol, transport = self.accept()
        request = transport.value()
        self.assertIn(b"\r\nX-Token: secret\r\n", request)
        self.assertIn(b"\r\nOrigin: https://page.example\r\n", request)
        protocol.dataReceived(acceptance(request, SUBPROTOCOL) + clientFrame(b"12345", mask=None))
        protocol.dataReceived(clientFrame(b"123456", mask=None))
        self.reactor.advance(0)
        self.assertEqual(self.recorder.messages, [b"12345"])

    def test_urls(self) -> None:
        """Ports and paths have what is usual where they are not given."""
        for url, port, line, host in (
            ("ws://a.example", 80, b"GET / HTTP/1.1", b"Host: a.example:80"),
            ("ws://a.example?x", 80, b"GET /?x HTTP/1.1", b"Host: a.example:80"),
            ("WS://A.example:5/%20/", 5, b"GET /%20/ HTTP/1.1", b"Host: a.example:5"),
            ("ws://[::1]:5", 5, b"GET / HTTP/1.1", b"Host: [::1]:5"),
        ):
            self.connect(self.ws(url))
            _, transport = self.accept()
            self.assertEqual(self.reactor.tcpClients[-1][1], port)
            lines = transport.value().split(b"\r\n")
            self.assertEqual(lines[0], line)
            self.assertIn(host, lines)
        self.connect(self.ws("wss://a.example"))
        self.assertEqual(self.reactor.tcpClients[-1][1], 443)

    def test_malformedUrls(self) -> None:
        """A URL that leads nowhere is refused, without repeating a password."""
        for url in (
            "http://a.example",
            "a.example:3000",
            "ws:///path",
            "ws://a:99999",
            "ws://a:0",
            "ws://a:b",
            "ws://a/#b",
            "ws://a/b c",
            "ws://a/\r\nX: y",
            "ws://a/ä",
        ):
            self.assertRaises(ValueError, self.ws, url)
        self.assertNotIn("secret", str(self.assertRaises(ValueError, self.ws, "ws://user:secret@a")))
        self.assertRaises(TypeError, wsTarget, b"ws://a", None, limits=self.limits, reactor=self.reactor)

    def test_malformedConfigs(self) -> None:
        """What is of no use in a configuration is refused by name, without repeating what may be secret."""
        for config, part in (
            ({"header": {}}, "header"),
            ({"headers": {"a b": "c"}}, "a b"),
            ({"headers": {"X-Token": "secret\r\n"}}, "X-Token"),
            ({"headers": {"X-Token": 5}}, "X-Token"),
            ({"headers": {"Host": "b"}}, "Host"),
            ({"headers": {"sec-websocket-protocol": "b"}}, "sec-websocket-protocol"),
            ({"origin": "a\r\nb"}, "origin"),
            ({"maxMessageSize": 0}, "maxMessageSize"),
            ({"tlsOptions": {}}, "wss://"),
        ):
            message = str(self.assertRaises(ValueError, self.ws, self.url, config))
            self.assertIn(part, message)
            self.assertNotIn("secret", message)
        for wrong in ({"headers": [("a", "b")]}, {"maxMessageSize": "5"}, ["a"], "a"):
            self.assertRaises(TypeError, self.ws, self.url, wrong)
        self.assertRaises(ValueError, self.ws, "wss://a", {"tlsOptions": {"ca": "x"}})


class AddressTests(TargetTestCase):
    """What C{net.connect} may be given."""

    def test_hostAndPort(self) -> None:
        """A host and a port are an address of TCP."""
        target = self.net("server.example", 3000)
        self.assertEqual((target.transportName, target.address), ("net", ("server.example", 3000)))
        self.assertEqual(str(target), "server.example:3000")
        self.connect(target)
        self.assertEqual(self.reactor.tcpClients[-1][:2], (ADDRESS, 3000))

    def test_descriptions(self) -> None:
        """Descriptions of endpoints are understood as Twisted does."""
        self.connect(self.net("tcp:server.example:3001"))
        self.connect(self.net("tls:server.example:3002"))
        self.connect(self.net("tls:server.example:3003", tlsOptions={}))
        self.connect(self.net("tls:host=server.example:port=3004:timeout=5:bindAddress=127.0.0.1", tlsOptions={}))
        self.assertEqual([client[1] for client in self.reactor.tcpClients], [3001, 3002, 3003, 3004])
        self.assertEqual(self.reactor.tcpClients[-1][3:], (5, ("127.0.0.1", 0)))
        path = os.path.abspath(self.mktemp())
        target = self.net(f"unix:{path}")
        self.assertEqual(target.address, (f"unix:{path}",))
        self.connect(target)
        self.assertEqual(self.reactor.unixClients[-1][0], path)

    def test_tlsTimeout(self) -> None:
        """The handshake of TLS is within the time, however long that is."""
        connecting = self.connect(self.net("tls:server.example:3000"), 25)
        _, transport = self.accept()
        self.reactor.pump([1] * 24)
        self.assertNoResult(connecting)
        self.assertFalse(transport.disconnected)
        self.reactor.advance(1)
        self.failureResultOf(connecting, TimeoutError)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.recorder.events, [])
        self.assertNothingLeft()

    def test_types(self) -> None:
        """What cannot be an address is refused for what it is."""
        for address in (), ("a", 1, 2), (5,), (b"tcp:a:1",), (None,), ("a", "1"), ("a", True), (5, 5), ("", 5):
            self.assertRaises(TypeError, self.net, *address)

    def test_values(self) -> None:
        """What looks like an address and is none is refused by name, with what would be one."""
        for address in ("nonsense",), ("localhost:3000",), ("tcp:host",), ("tcp:host:port",), ("a", 0), ("a", 65536):
            message = str(self.assertRaises(ValueError, self.net, *address))
            self.assertIn(str(address[-1]), message)
        self.assertIn("tcp:host:port", str(self.assertRaises(ValueError, self.net, "localhost:3000")))

    def test_uncheckedTls(self) -> None:
        """An old description that checks no name is refused, and the one that does is named."""
        self.assertIn("tls:", str(self.assertRaises(ValueError, self.net, "ssl:server.example:3000")))

    def test_tlsOptions(self) -> None:
        """Options for TLS are refused where there is no TLS, and together with others."""
        options: Any
        for address in ("a", 5), ("tcp:a:5",), ("unix:/a",), (TCP4ClientEndpoint(self.reactor, "a", 5),):
            self.assertIn("tls:", str(self.assertRaises(ValueError, self.net, *address, tlsOptions={})))
        for description in (
            "tls:a:5:trustRoots=/etc",
            "tls:a",
            "tls:a:b",
            "tls::5",
            "tls:a:0",
            "tls:a:5:b",
            "tls:a:5:6:7:8",
        ):
            self.assertRaises(ValueError, self.net, description, tlsOptions={})
        for options, error in (({"ca": 1}, ValueError), (5, TypeError)):
            self.assertRaises(error, self.net, "tls:a:5", tlsOptions=options)
