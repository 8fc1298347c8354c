"""
Tests for L{jetjstp.jstp.listening}, without sockets.
"""

from __future__ import annotations

from typing import Any

import txaio
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource

from jetjstp.interfaces import MessageLink
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.listening import OriginCheck, listen, resource, streamFactory, webSocketFactory
from jetjstp.jstp.targets import FRAGMENT_SIZE
from tests.links.frames import clientFrame
from tests.links.receivers import Recorder
from tests.links.upgrading import upgradeRequest

LIMITS = Limits(message=5000, messageBeforeHandshake=10, connections=2)


class ListeningTestCase(SynchronousTestCase):
    """Factories on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.reactor)  # type: ignore[attr-defined]
        self.recorders: list[Recorder] = []

    def makeReceiver(self) -> Recorder:
        """Make a receiver that we can look at."""
        self.recorders.append(Recorder())
        return self.recorders[-1]

    def connect(self, factory: Any) -> tuple[Any, StringTransport]:
        """Connect a client: our link, its transport."""
        link = factory.buildProtocol(None)
        transport = StringTransport(lenient=True)
        link.makeConnection(transport)
        return link, transport


class StreamTests(ListeningTestCase):
    """Streams."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = streamFactory(self.makeReceiver, LIMITS, self.reactor)

    def test_messages(self) -> None:
        """Messages end with a zero byte; an empty one is one."""
        link, transport = self.connect(self.factory)
        link.dataReceived(b"{a:1}\0\0{b:")
        link.dataReceived(b"2}\0")
        self.assertEqual(self.recorders[0].messages, [b"{a:1}", b"", b"{b:2}"])
        link.write([link.pack(b"{}")])
        self.assertEqual(transport.value(), b"{}\0")

    def test_limits(self) -> None:
        """Messages are short until more is allowed."""
        link, transport = self.connect(self.factory)
        link.dataReceived(b"x" * 10 + b"\0")
        self.recorders[0].link.setMaxMessage(LIMITS.message)
        link.dataReceived(b"x" * 5000 + b"\0")
        self.assertEqual([len(message) for message in self.recorders[0].messages], [10, 5000])
        link, transport = self.connect(self.factory)
        link.dataReceived(b"x" * 11)
        self.assertTrue(transport.disconnecting)

    def test_connections(self) -> None:
        """There are no more connections than the limit."""
        for _ in range(2):
            self.connect(self.factory)
        self.assertIs(self.factory.buildProtocol(None), None)


class WebSocketTests(ListeningTestCase):
    """WebSockets."""

    def upgrade(
        self, originCheck: OriginCheck | None = None, protocol: str | None = "metarhia-jstp", **headers: str
    ) -> tuple[Any, StringTransport]:
        """Ask for an upgrade."""
        factory = webSocketFactory(self.makeReceiver, LIMITS, self.reactor, originCheck)
        link, transport = self.connect(factory)
        link.dataReceived(upgradeRequest("/any?where", Sec_WebSocket_Protocol=protocol, **headers))
        return link, transport

    def status(self, transport: StringTransport) -> int:
        """What the request was answered with."""
        return int(transport.value().split()[1])

    def test_subprotocol(self) -> None:
        """The subprotocol is required, in any case of its letters."""
        _, transport = self.upgrade(protocol="foo, Metarhia-JSTP")
        self.assertIn(b"\r\nSec-WebSocket-Protocol: Metarhia-JSTP\r\n", transport.value())
        for protocol in None, "foo":
            _, transport = self.upgrade(protocol=protocol)
            self.assertEqual(self.status(transport), 403)
            self.assertTrue(transport.disconnecting)

    def test_plainRequest(self) -> None:
        """A request that is no upgrade is a bad one."""
        link, transport = self.connect(webSocketFactory(self.makeReceiver, LIMITS, self.reactor))
        link.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.status(transport), 400)

    def test_everybody(self) -> None:
        """Without a check, pages from anywhere are let in."""
        for origin in "https://evil.example", "null", "file://":
            _, transport = self.upgrade(Origin=origin)
            self.assertEqual(self.status(transport), 101)

    def test_originCheck(self) -> None:
        """The check decides by the origin, at once or later; who comes without one has None."""
        seen: list[str | None] = []

        def check(origin: str | None) -> bool:
            seen.append(origin)
            return origin != "https://evil.example"

        async def slowly(origin: str | None) -> bool:
            return await succeed(check(origin))

        for strategy in (check, slowly, lambda origin: succeed(check(origin))):
            for headers, status in (
                ({"Origin": "https://evil.example"}, 403),
                ({"Origin": "http://a"}, 101),
                ({}, 101),
            ):
                _, transport = self.upgrade(strategy, **headers)
                self.assertEqual(self.status(transport), status)
        self.assertEqual(seen, ["https://evil.example", "http://a", None] * 3)

    def test_checkPending(self) -> None:
        """While the check is out, the client waits."""
        answer: Deferred[bool] = Deferred()
        link, transport = self.upgrade(lambda origin: answer)
        link.dataReceived(clientFrame(b"{}"))
        self.assertEqual((transport.value(), self.recorders), (b"", []))
        answer.callback(True)
        self.reactor.advance(0)
        self.assertEqual(self.status(transport), 101)
        self.assertEqual(self.recorders[0].messages, [b"{}"])

    def test_checkFails(self) -> None:
        """A check that fails is logged, and a refusal."""

        async def coroutine(origin: str | None) -> bool:
            raise ZeroDivisionError

        for strategy in (lambda origin: 1 // 0, lambda origin: fail(ZeroDivisionError()), coroutine):
            _, transport = self.upgrade(strategy)
            self.assertEqual(self.status(transport), 403)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_messages(self) -> None:
        """Messages are short until more is allowed, and what is sent comes in fragments."""
        link, transport = self.upgrade()
        recorder = self.recorders[0]

        def allow(link: MessageLink) -> None:
            link.setMaxMessage(LIMITS.message)

        recorder.reactions["received"] = allow
        link.dataReceived(clientFrame(b"x" * 10))
        link.dataReceived(clientFrame(b"x" * 5000))
        self.assertEqual([len(message) for message in recorder.messages], [10, 5000])
        transport.clear()
        link.write([link.pack(b"x" * (2 * FRAGMENT_SIZE))])
        self.assertEqual(transport.value()[:4], b"\x01\x7e\x40\x00")
        link, transport = self.upgrade()
        link.dataReceived(clientFrame(b"x" * 11))
        self.assertEqual(self.recorders[1].messages, [])

    def test_keepAlive(self) -> None:
        """Of whom nothing is heard for 20 seconds is pinged, and dropped after 10 more."""
        link, transport = self.upgrade()
        transport.clear()
        self.reactor.advance(20)
        self.assertEqual(transport.value(), b"\x89\x00")
        self.reactor.advance(10)
        self.assertTrue(transport.disconnected)
        link.connectionLost(Failure(ConnectionDone()))

    def test_quiet(self) -> None:
        """A refusal is worth one log line."""
        with capturedLogs() as events:
            self.upgrade(protocol=None)
        self.assertEqual(len(events), 1)

    def test_resource(self) -> None:
        """A factory can stand in a site."""
        made = resource(webSocketFactory(self.makeReceiver, LIMITS, self.reactor))
        self.assertTrue(IResource.providedBy(made))


class ListenTests(ListeningTestCase):
    """Where to listen."""

    def setUp(self) -> None:
        super().setUp()
        self.factory: Any = streamFactory(self.makeReceiver, LIMITS, self.reactor)

    def test_endpoints(self) -> None:
        """A description or an endpoint is listened on."""
        self.successResultOf(listen("tcp:3000:interface=127.0.0.1", self.factory, self.reactor))
        self.successResultOf(listen(TCP4ServerEndpoint(self.reactor, 3001), self.factory, self.reactor))
        self.assertEqual(
            [(server[0], server[1]) for server in self.reactor.tcpServers], [(3000, self.factory), (3001, self.factory)]
        )

    def test_malformed(self) -> None:
        """What is no endpoint is refused at once, with what would be one."""
        error: Exception = self.assertRaises(TypeError, listen, 3000, self.factory, self.reactor)
        self.assertIn('did you mean "tcp:3000"?', str(error))
        self.assertRaises(TypeError, listen, None, self.factory, self.reactor)
        error = self.assertRaises(ValueError, listen, "3000", self.factory, self.reactor)
        self.assertIn("write tcp:3000", str(error))
        error = self.assertRaises(ValueError, listen, "nonsense:3000", self.factory, self.reactor)
        self.assertIn("nonsense:3000", str(error))
        self.assertRaises(ValueError, listen, "tcp:a", self.factory, self.reactor)

    def test_fails(self) -> None:
        """An endpoint that cannot be listened on fails the Deferred."""
        self.patch(self.reactor, "listenTCP", lambda *args, **options: 1 // 0)
        self.failureResultOf(listen("tcp:3000", self.factory, self.reactor), ZeroDivisionError)
