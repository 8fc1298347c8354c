"""
Tests for L{jetjstp.links.website}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from jetjstp.links.settings import LinkSettings
from jetjstp.links.website import WebSocketResource, hookOntoSite
from jetjstp.links.websocket import WebSocketLinkFactory
from tests.links.frames import clientFrame
from tests.links.upgrading import WebSocketTestCase, upgradeRequest

TIMEOUT = 60


class Page(Resource):
    """Something else on the site."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """Name the requested path."""
        return b"page " + request.path  # type: ignore[no-any-return]


class PausingTransport(StringTransport):
    """A transport that delivers to whatever its protocol is, as real ones do."""

    protocol: Any = None


class SiteTestCase(WebSocketTestCase):
    """A site in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = self.makeFactory(pingInterval=0)
        self.resource = WebSocketResource(self.factory)

    def makeSite(self, root: Any) -> Site:
        """Make a site whose timeouts run on our clock."""
        site = Site(root, timeout=TIMEOUT, reactor=self.clock)
        self.patch(site, "_updateLogDateTime", lambda: None)
        site.doStart()
        self.addCleanup(site.doStop)
        return site

    def connectTo(self, site: Site) -> PausingTransport:
        """Connect to a site."""
        channel: Any = site.buildProtocol(IPv4Address("TCP", "192.168.1.1", 54321))
        channel.callLater = self.clock.callLater
        transport = PausingTransport(lenient=True)
        transport.protocol = channel
        channel.makeConnection(transport)
        return transport

    def request(self, site: Site, data: bytes) -> PausingTransport:
        """Connect and send a request."""
        transport = self.connectTo(site)
        transport.protocol.dataReceived(data)
        return transport


class WebSocketResourceTests(SiteTestCase):
    """A WebSocket somewhere on a site."""

    def setUp(self) -> None:
        super().setUp()
        root = Resource()
        root.putChild(b"ws", self.resource)
        root.putChild(b"page", Page())
        self.site = self.makeSite(root)

    def test_upgrade(self) -> None:
        """A request becomes a WebSocket, and its transport the link's."""
        verifyObject(IResource, self.resource)
        transport = self.request(self.site, upgradeRequest("/ws?a=b"))
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        transport.clear()
        (link,) = self.factory.links
        self.assertIs(transport.protocol, link)
        self.assertIs(transport.producer, link)
        self.assertEqual(transport.producerState, "producing")
        transport.protocol.dataReceived(clientFrame(b"hello"))
        self.assertEqual(self.recorders[0].messages, [b"hello"])
        link.write([link.pack(b"answer")])
        self.assertEqual(self.written(transport), [(1, b"answer")])
        transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.recorders[0].words[-1], "lost")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_behindRequest(self) -> None:
        """Frames right behind the request are not lost, and neither is what comes while the request is under way."""
        transport = self.request(self.site, upgradeRequest("/ws") + clientFrame(b"early"))
        transport.protocol.dataReceived(clientFrame(b"later"))
        self.clock.advance(0)
        self.assertEqual(self.recorders[0].messages, [b"early", b"later"])

    def test_timeout(self) -> None:
        """The site's timeout for idle connections does not end a WebSocket, which may be idle."""
        transport = self.connectTo(self.site)
        transport.protocol.dataReceived(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        self.clock.advance(TIMEOUT / 2)
        transport.protocol.dataReceived(upgradeRequest("/ws"))
        self.assertIn(b"101", transport.value())
        self.clock.pump([TIMEOUT / 2] * 10)
        self.assertFalse(transport.disconnecting)

    def test_blocked(self) -> None:
        """The link hears from the transport what the HTTP channel would have heard."""
        transport = self.request(self.site, upgradeRequest("/ws"))
        assert transport.producer is not None
        transport.producer.pauseProducing()
        transport.producer.resumeProducing()
        self.assertEqual(self.recorders[0].words, ["opened", "blocked", "drained"])

    def test_refused(self) -> None:
        """What is no upgrade, or one that the guard refuses, gets the link's answer."""
        transport = self.request(self.site, b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 426 "))
        self.assertTrue(transport.disconnecting)
        transport = self.request(self.site, upgradeRequest("/ws", Origin="http://evil.example"))
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 403 "))
        transport = self.request(self.site, upgradeRequest("/ws").replace(b"GET", b"POST", 1))
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 405 "))

    def test_full(self) -> None:
        """Above the limit of connections a request is answered with 503, and the HTTP connection lives on."""
        settings = LinkSettings(maxConnections=1)
        self.factory = WebSocketLinkFactory(self.makeReceiver, maxMessage=10, settings=settings, reactor=self.clock)
        site = self.makeSite(WebSocketResource(self.factory))
        self.request(site, upgradeRequest())
        transport = self.request(site, upgradeRequest())
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 503 "))
        self.assertFalse(transport.disconnecting)

    def test_http2(self) -> None:
        """A stream of HTTP/2 has no transport to give away, and is told what we need."""

        class Request:
            channel = None
            code = 0

            def setResponseCode(self, code: int) -> None:
                self.code = code

            def setHeader(self, name: bytes, value: bytes) -> None:
                pass

        request = Request()
        self.assertEqual(self.resource.render(request), b"WebSockets need HTTP/1.1\n")
        self.assertEqual(request.code, 426)

    def test_wrapped(self) -> None:
        """A transport that is itself a protocol, as over TLS, delivers to the link from then on."""
        wrapping = WrappingFactory(self.site)
        wrapper = wrapping.buildProtocol(IPv4Address("TCP", "192.168.1.1", 54321))
        assert isinstance(wrapper, ProtocolWrapper)
        transport = PausingTransport(lenient=True)
        wrapper.makeConnection(transport)
        wrapper.dataReceived(upgradeRequest("/ws"))
        self.assertIn(b"101", transport.value())
        wrapper.dataReceived(clientFrame(b"hello"))
        self.assertEqual(self.recorders[0].messages, [b"hello"])
        self.assertIs(transport.producer, next(iter(self.factory.links)))

    def test_wrappedProtocol(self) -> None:
        """A transport whose protocol wraps the channel, as when TLS was started on it, has that wrap the link."""
        transport = self.connectTo(self.site)
        channel = transport.protocol
        transport.protocol = wrapper = ProtocolWrapper(WrappingFactory(self.site), channel)
        channel.dataReceived(upgradeRequest("/ws"))
        self.assertIs(transport.protocol, wrapper)
        self.assertIs(wrapper.wrappedProtocol, next(iter(self.factory.links)))


class HookTests(SiteTestCase):
    """WebSockets on every path of a site that is somebody else's."""

    def setUp(self) -> None:
        super().setUp()
        self.site = self.makeSite(Page())
        self.undo = hookOntoSite(self.site, self.resource)

    def test_upgrades(self) -> None:
        """Upgrades on every path are ours, however the header is written."""
        for target in "/", "/a/b", "/page?x=y":
            for upgrade in "websocket", "WebSocket", "h2c, websocket":
                transport = self.request(self.site, upgradeRequest(target, Upgrade=upgrade))
                self.assertTrue(transport.value().startswith(b"HTTP/1.1 101 "))

    def test_others(self) -> None:
        """All other requests go where they went before."""
        for upgrade in b"", b"Upgrade: h2c\r\nConnection: Upgrade\r\n":
            transport = self.request(self.site, b"GET /a HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n")
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 200 OK\r\n"))
            self.assertTrue(transport.value().endswith(b"page /a"))

    def test_undone(self) -> None:
        """After undoing it, upgrades go where they went before, also if somebody else hooked on meanwhile."""
        other = WebSocketResource(self.makeFactory(protocols=["other"], pingInterval=0))
        undoOther = hookOntoSite(self.site, other)
        self.undo()
        transport = self.request(self.site, upgradeRequest(Sec_WebSocket_Protocol="jet, other"))
        self.assertIn(b"Sec-WebSocket-Protocol: other\r\n", transport.value())
        undoOther()
        transport = self.request(self.site, upgradeRequest())
        self.assertTrue(transport.value().endswith(b"page /"))
