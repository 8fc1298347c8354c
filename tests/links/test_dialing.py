"""
Tests for L{jetjstp.links.dialing} and L{jetjstp.links.websocketclient}: how
connections to servers begin, or fail.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import NulTerminated
from jetjstp.interfaces import MessageLink
from jetjstp.links.dialing import DialingStreamFactory
from jetjstp.links.webside import OPEN_TIMEOUT
from jetjstp.links.websocketclient import WebSocketHandshakeError
from tests.links.dialed import DialedTestCase, acceptance
from tests.links.receivers import Recorder


class StreamTests(SynchronousTestCase):
    """Streams."""

    def test_opened(self) -> None:
        """Who dials is told of the link when its receiver knows it."""
        recorder = Recorder()
        opened: list[tuple[MessageLink, list[object]]] = []
        failures: list[str] = []
        factory = DialingStreamFactory(
            lambda: NulTerminated(10),
            lambda: recorder,
            failures.append,
            reactor=Clock(),
            opened=lambda link: opened.append((link, recorder.words)),
        )
        link = factory.buildProtocol(None)
        assert link is not None
        link.makeConnection(StringTransport())
        self.assertEqual(opened, [(recorder.link, ["opened"])])
        self.assertEqual(factory.links, {link})
        self.assertEqual(failures, [])


class WebSocketTests(DialedTestCase):
    """WebSockets."""

    def test_request(self) -> None:
        """The request has path, query, host, origin, subprotocol and headers as they were given."""
        factory = self.makeFactory(
            "ws://server.example:3000/a%20b?c=d",
            protocols=("metarhia-jstp",),
            headers={"X-Token": "secret"},
            origin="https://page.example",
        )
        _, _, request = self.connect(factory)
        lines = request.decode().split("\r\n")
        self.assertEqual(lines[0], "GET /a%20b?c=d HTTP/1.1")
        for line in (
            "Host: server.example:3000",
            "Origin: https://page.example",
            "Sec-WebSocket-Protocol: metarhia-jstp",
            "X-Token: secret",
            "Sec-WebSocket-Version: 13",
        ):
            self.assertIn(line, lines)

    def test_addressAsHost(self) -> None:
        """An IPv6 address stands in brackets in the header, as in the URL."""
        _, _, request = self.connect(self.makeFactory("ws://[2001:db8::1]:3000/"))
        self.assertIn(b"\r\nHost: [2001:db8::1]:3000\r\n", request)

    def test_opened(self) -> None:
        """Who dials is told of the link when its receiver knows it; messages behind the answer come later."""
        link, _, request = self.connect()
        self.assertEqual(self.opened, [])
        link.dataReceived(acceptance(request) + serverMessage(b"early"))
        self.clock.advance(0)
        self.assertEqual(self.opened, [self.recorder.link])
        self.assertEqual(self.recorder.events, [("opened",), ("received", [b"early"])])

    def test_refused(self) -> None:
        """Another answer than the one hoped for is a failure that has its status."""
        for line, status, reason in (
            (b"HTTP/1.1 403 Forbidden", 403, "Forbidden"),
            (b"HTTP/1.1 404 Not Found", 404, "Not Found"),
            (b"HTTP/1.1 500", 500, ""),
        ):
            factory = self.makeFactory()
            link, transport, _ = self.connect(factory)
            link.dataReceived(line + b"\r\nX: y\r\n\r\n")
            self.assertTrue(transport.disconnected)
            self.lose(link)
            refusal = factory.refusal
            assert isinstance(refusal, WebSocketHandshakeError)
            self.assertEqual((refusal.status, refusal.reason), (status, reason))
            self.assertIn(str(status), str(refusal))
            self.assertIn(str(status), self.failures.pop())
        self.assertEqual((self.recorder.events, self.opened), ([], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nonsense(self) -> None:
        """What is no answer to a WebSocket is a failure without a status."""
        for answer in (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        ):
            factory = self.makeFactory()
            link, transport, _ = self.connect(factory)
            link.dataReceived(answer)
            self.assertTrue(transport.disconnected)
            self.lose(link)
            self.assertIs(factory.refusal, None)
            self.assertIn("the WebSocket handshake failed: ", self.failures.pop())
        self.assertEqual((self.recorder.events, self.opened), ([], []))

    def test_requiredSubprotocol(self) -> None:
        """A server that does not select the subprotocol that is required is none of ours."""
        factory = self.makeFactory(protocols=("metarhia-jstp",), requireProtocol=True)
        link, transport, request = self.connect(factory)
        link.dataReceived(acceptance(request) + serverMessage(b"early"))
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertIn("the server does not speak metarhia-jstp", self.failures[0])
        self.assertEqual((self.recorder.events, self.opened), ([], []))
        link, _, request = self.connect(factory)
        link.dataReceived(acceptance(request, "Sec-WebSocket-Protocol: metarhia-jstp"))
        self.assertEqual(self.recorder.words, ["opened"])

    def test_time(self) -> None:
        """A server that does not answer is given up, unless who dials looks after the time."""
        link, transport, _ = self.connect()
        self.clock.advance(OPEN_TIMEOUT)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(len(self.failures), 1)
        _, transport, _ = self.connect(self.makeFactory(openTimeout=None))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1000)
        self.assertFalse(transport.disconnected)


def serverMessage(message: bytes) -> bytes:
    """A short message of a server."""
    return bytes((0x81, len(message))) + message
