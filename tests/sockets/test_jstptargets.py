"""
JSTP's targets and listeners on real sockets: TLS, UNIX sockets, WebSockets.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from jetjstp.interfaces import MessageLink
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.listening import listen, resource, streamFactory, webSocketFactory
from jetjstp.jstp.targets import Target, netTarget, wsTarget
from jetjstp.links.dialing import DialFailed
from jetjstp.links.websocketclient import WebSocketHandshakeError
from tests.links.receivers import Recorder
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor

LIMITS = Limits()


class Echo(Recorder):
    """Sends back what it gets."""

    def messagesReceived(self, messages: list[bytes]) -> None:
        self.link.setMaxMessage(LIMITS.message)
        self.link.write([self.link.pack(message) for message in messages])


class Awaiting(Recorder):
    """Tells when it has got as many messages as were sent, and when its link is lost."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.complete: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def messagesReceived(self, messages: list[bytes]) -> None:
        super().messagesReceived(messages)
        if len(self.messages) == self.count:
            self.complete.callback(None)

    def linkLost(self, reason: str) -> None:
        super().linkLost(reason)
        self.lost.callback(None)


class TargetSocketTests(TestCase):
    """Clients and servers on loopback."""

    timeout = 30.0

    def setUp(self) -> None:
        self.certificate = makeCertificate()
        self.trustRoot = self.mktemp()
        with open(self.trustRoot, "wb") as file:
            file.write(self.certificate.dumpPEM())
        self.streams: Any = streamFactory(Echo, LIMITS, reactor)
        self.webSockets: Any = webSocketFactory(Echo, LIMITS, reactor, lambda origin: origin != "http://evil.example")

    async def listen(self, factory: Any, endpoint: Any = "tcp:0:interface=127.0.0.1") -> int:
        """Listen until the test ends; the port."""
        port: Any = await listen(endpoint, factory, reactor)
        self.addCleanup(port.stopListening)
        return getattr(port.getHost(), "port", 0)

    async def listenTls(self, factory: Any) -> int:
        """Listen with TLS; the port."""
        endpoint = SSL4ServerEndpoint(reactor, 0, self.certificate.options(), interface="127.0.0.1")
        return await self.listen(factory, endpoint)

    def net(self, *address: Any, **options: Any) -> Target:
        """A target of C{net.connect}."""
        return netTarget(address, limits=LIMITS, reactor=reactor, **options)

    def ws(self, url: str, config: dict[str, Any] | None = None) -> Target:
        """A target of C{ws.connect}."""
        return wsTarget(url, config, limits=LIMITS, reactor=reactor)

    async def exchange(self, target: Target) -> None:
        """Messages short and long go there and back."""
        messages = [b"{}", b"x" * 300, "é".encode() * 40_000, b"y" * LIMITS.message]
        receiver = Awaiting(len(messages))
        link: MessageLink = await target.connect(receiver, 20)
        self.assertIs(link, receiver.link)
        link.write([link.pack(messages[0])])
        for message in messages[1:]:
            while len(receiver.messages) == 0:
                await self.moment()
            link.write([link.pack(message)])
        await receiver.complete
        self.assertEqual(receiver.messages, messages)
        link.close()
        await receiver.lost

    def moment(self) -> Deferred[None]:
        """Fires in the next turn."""
        fired: Deferred[None] = Deferred()
        reactor.callLater(0, fired.callback, None)
        return fired

    async def failure(self, target: Target, kind: type[Exception]) -> Exception:
        """What connecting fails with."""
        receiver = Recorder()
        try:
            await target.connect(receiver, 20)
        except kind as error:
            self.assertEqual(receiver.events, [])
            return error
        self.fail("it is connected")

    async def test_everyAddress(self) -> None:
        """Each kind of address leads to the server, and messages of any length to and fro."""
        tls = {"trustRoot": self.trustRoot}
        path = "/tmp/" + self.mktemp().replace("/", "_")[-60:] + ".sock"
        await self.listen(self.streams, f"unix:{path}")
        port = await self.listen(self.streams)
        for target in (
            self.net("localhost", port),
            self.net(f"tcp:127.0.0.1:{port}"),
            self.net(f"tls:127.0.0.1:{await self.listenTls(self.streams)}", tlsOptions=tls),
            self.net(f"unix:{path}"),
            self.ws(f"ws://127.0.0.1:{await self.listen(self.webSockets)}/any/path?at=all"),
            self.ws(f"wss://127.0.0.1:{await self.listenTls(self.webSockets)}", {"tlsOptions": tls}),
        ):
            await self.exchange(target)

    async def test_noServer(self) -> None:
        """Where nobody listens, Twisted's errors say so."""
        occupied: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory())
        free = occupied.getHost().port
        await occupied.stopListening()
        await self.failure(self.net("127.0.0.1", free), ConnectionRefusedError)
        await self.failure(self.ws(f"ws://127.0.0.1:{free}"), ConnectionRefusedError)
        await self.failure(self.net("unix:/nowhere.sock"), ConnectError)

    async def test_untrusted(self) -> None:
        """A certificate that the system does not trust is refused, with a reason."""
        for target in (
            self.net(f"tls:127.0.0.1:{await self.listenTls(self.streams)}"),
            self.ws(f"wss://127.0.0.1:{await self.listenTls(self.webSockets)}"),
        ):
            error = await self.failure(target, DialFailed)
            self.assertIn("certificate", str(error))

    async def test_otherName(self) -> None:
        """The name of the server is checked."""
        tls = {"trustRoot": self.trustRoot}
        for target in (
            self.net(f"tls:localhost:{await self.listenTls(self.streams)}", tlsOptions=tls),
            self.ws(f"wss://localhost:{await self.listenTls(self.webSockets)}", {"tlsOptions": tls}),
        ):
            await self.failure(target, DialFailed)

    async def test_refused(self) -> None:
        """A server that refuses the origin, or has no WebSocket there, is an error with its status."""
        url = f"ws://127.0.0.1:{await self.listen(self.webSockets)}"
        error = await self.failure(self.ws(url, {"origin": "http://evil.example"}), WebSocketHandshakeError)
        assert isinstance(error, WebSocketHandshakeError)
        self.assertEqual((error.status, error.reason), (403, "Forbidden"))
        await self.exchange(self.ws(url, {"origin": "http://good.example"}))
        site: Any = Site(Resource(), reactor=reactor)
        error = await self.failure(self.ws(f"ws://127.0.0.1:{await self.listen(site)}"), WebSocketHandshakeError)
        assert isinstance(error, WebSocketHandshakeError)
        self.assertEqual(error.status, 404)

    async def test_resource(self) -> None:
        """A resource serves the WebSockets where it stands in a site."""
        root = Resource()
        root.putChild(b"jstp", resource(self.webSockets))
        site: Any = Site(root, reactor=reactor)
        await self.exchange(self.ws(f"ws://127.0.0.1:{await self.listen(site)}/jstp"))

    async def test_silentServer(self) -> None:
        """A server that accepts and says nothing is given up in time, and the connection with it."""
        accepted: list[Protocol] = []
        ended: Deferred[None] = Deferred()

        class Silent(Protocol):
            """Says nothing."""

            def connectionMade(self) -> None:
                accepted.append(self)

            def connectionLost(self, reason: object = None) -> None:
                accepted.remove(self)
                if not accepted:
                    ended.callback(None)

        port = await self.listen(Factory.forProtocol(Silent))
        attempts = [
            target.connect(Recorder(), 0.3)
            for target in (self.ws(f"ws://127.0.0.1:{port}"), self.net(f"tls:127.0.0.1:{port}"))
        ]
        for attempt in attempts:
            await self.assertFailure(attempt, TimeoutError)
        await ended
