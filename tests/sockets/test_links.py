"""
Tests for L{jetjstp.links} on real sockets, all on loopback.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS, trustRootFromCertificates
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from jetjstp.framing import LengthPrefixed
from jetjstp.links.deathwatch import DeathWatch, acknowledgements
from jetjstp.links.origins import UpgradeRequest
from jetjstp.links.stream import TLS_TIMEOUT, StreamFactory, StreamLink
from jetjstp.links.website import WebSocketResource
from jetjstp.links.websocket import WebSocketLinkFactory
from tests.links.frames import clientFrame, serverFrames
from tests.links.receivers import Recorder
from tests.links.upgrading import upgradeRequest
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor
PATIENCE = 5.0
LIMIT = 10_000_000


def asDeferred(test: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], Deferred[None]]:
    """Let a test be a coroutine."""

    def run(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(test(self))

    run.__doc__ = test.__doc__
    return run


class SocketTestCase(TestCase):
    """Links behind real listeners, and recorders behind the links."""

    timeout = 30

    def setUp(self) -> None:
        self.recorders: list[Recorder] = []
        self.clients: list[socket.socket] = []

    def makeReceiver(self) -> Recorder:
        """Make a receiver that we can look at."""
        self.recorders.append(Recorder())
        return self.recorders[-1]

    def makeStreamFactory(self) -> StreamFactory:
        """Make a factory of stream links."""
        return StreamFactory(lambda: LengthPrefixed(LIMIT), self.makeReceiver)

    async def listen(self, endpoint: IStreamServerEndpoint, factory: Any) -> Any:
        """Listen until the test ends; return the address."""
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return port.getHost()

    async def listenOnTCP(self, factory: Any) -> int:
        """Listen on loopback; return the port."""
        address = await self.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"), factory)
        port: int = address.port
        return port

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is the case."""
        end = reactor.seconds() + PATIENCE
        while not condition():
            self.assertLess(reactor.seconds(), end, "it did not happen in time")
            await deferLater(reactor, 0.005)

    async def connect(self, address: tuple[str, int] | str) -> tuple[socket.socket, Any, Recorder]:
        """Connect a blocking socket, and wait for the link."""
        number = len(self.recorders)
        client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        client.settimeout(PATIENCE)
        client.connect(address)
        self.clients.append(client)
        await self.until(lambda: len(self.recorders) > number and self.recorders[-1].events)
        recorder = self.recorders[-1]
        self.addCleanup(self.end, client, recorder)
        return client, recorder.link, recorder

    async def connectStream(self) -> tuple[socket.socket, StreamLink, Recorder]:
        """Connect to a new stream listener."""
        return await self.connect(("127.0.0.1", await self.listenOnTCP(self.makeStreamFactory())))

    def end(self, client: socket.socket, recorder: Recorder) -> Deferred[None]:
        """Close a client, and wait until its link is gone."""
        client.close()
        return Deferred.fromCoroutine(self.until(lambda: "lost" in recorder.words))

    async def drain(self, client: socket.socket, size: int | None = None) -> bytes:
        """Receive that many bytes, or all until the end, with the reactor running."""
        received = bytearray()
        client.setblocking(False)
        end = reactor.seconds() + PATIENCE
        while size is None or len(received) < size:
            self.assertLess(reactor.seconds(), end, f"only {len(received)} bytes came")
            try:
                chunk = client.recv(1_000_000)
            except BlockingIOError:
                await deferLater(reactor, 0.001)
                continue
            if not chunk:
                break
            received += chunk
        client.settimeout(PATIENCE)
        return bytes(received)

    def receive(self, client: socket.socket, size: int) -> bytes:
        """Receive bytes with the reactor standing still: they must be on their way already."""
        data = b""
        while len(data) < size:
            chunk = client.recv(size - len(data))
            if not chunk:
                break
            data += chunk
        return data


class StreamTests(SocketTestCase):
    """Stream links over TCP and UNIX sockets."""

    @asDeferred
    async def test_options(self) -> None:
        """Sockets are tuned: no delay, keep-alive within seconds, little unsent data."""
        _, link, _ = await self.connectStream()
        handle = link.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        for name, value in (
            ("TCP_KEEPIDLE", 12),
            ("TCP_KEEPINTVL", 3),
            ("TCP_KEEPCNT", 2),
            ("TCP_NOTSENT_LOWAT", 131072),
        ):
            if hasattr(socket, name):
                self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)), value)
        self.assertEqual(link.address, "127.0.0.1")

    @asDeferred
    async def test_eager(self) -> None:
        """What is written is on its way when the write returns, on TCP as on UNIX sockets."""
        # Relative: a socket's path must be short, and the working directory of a test is not.
        path = "eager.socket"
        await self.listen(UNIXServerEndpoint(reactor, path), self.makeStreamFactory())
        for connected in await self.connectStream(), await self.connect(path):
            client, link, _ = connected
            link.write([link.pack(b"one"), link.pack(b"two")])
            self.assertEqual(self.receive(client, 14), b"\0\0\0\3one\0\0\0\3two")
            self.assertEqual(link.transport._tempDataBuffer, [])

    @asDeferred
    async def test_order(self) -> None:
        """When the socket is full the rest follows, nothing overtakes, and the receiver hears of it."""
        client, link, recorder = await self.connectStream()
        big = os.urandom(8_000_000)
        link.write([big])
        self.assertTrue(link.blocked)
        link.write([b"first"])
        link.write([b"second"])
        self.assertEqual(await self.drain(client, len(big) + 11), big + b"firstsecond")
        await self.until(lambda: not link.blocked)
        self.assertEqual(recorder.words, ["opened", "blocked", "drained"])
        link.write([b"third"])
        self.assertEqual(self.receive(client, 5), b"third")

    @asDeferred
    async def test_writeToGone(self) -> None:
        """Writing to a peer that is gone does no harm: the link is lost in its own time."""
        client, link, recorder = await self.connectStream()
        link.transport.stopReading()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        for _ in range(3):
            link.write([b"x"])
        self.assertEqual(recorder.words, ["opened"])
        await self.until(lambda: recorder.words == ["opened", "lost"])

    @asDeferred
    async def test_pause(self) -> None:
        """While reading is paused nothing is delivered, and afterwards everything is."""
        client, link, recorder = await self.connectStream()
        link.pauseReading()
        client.sendall(LengthPrefixed.pack(b"one"))
        await deferLater(reactor, 0.05)
        self.assertEqual(recorder.messages, [])
        link.resumeReading()
        await self.until(lambda: recorder.messages == [b"one"])

    @asDeferred
    async def test_halfClosed(self) -> None:
        """A peer that sends and closes its half gets its answer, all of it, and then the end."""
        client, _, recorder = await self.connectStream()
        answer = b"x" * 1_000_000
        recorder.reactions["received"] = lambda link: link.write([answer])
        client.sendall(LengthPrefixed.pack(b"question"))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(await self.drain(client), answer)
        await self.until(lambda: recorder.words[-1] == "lost")

    @asDeferred
    async def test_halfClosedWithoutRest(self) -> None:
        """A peer that has got everything and closes its half is gone at once, and leaves nothing."""
        client, link, recorder = await self.connectStream()
        recorder.reactions["received"] = lambda link: link.write([LengthPrefixed.pack(b"answer")])
        client.sendall(LengthPrefixed.pack(b"question"))
        await self.until(lambda: recorder.words[-1] == "received")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(await self.drain(client), LengthPrefixed.pack(b"answer"))
        await self.until(lambda: recorder.words[-1] == "lost")
        self.assertEqual(recorder.events[-1], ("lost", "Connection was closed cleanly."))
        link.write([b"too late"])
        link.close()
        link.abort()

    @asDeferred
    async def test_closeWhileBlocked(self) -> None:
        """A link that is closed while the transport is full sends the rest, then ends."""
        client, link, recorder = await self.connectStream()
        link.write([b"x" * 8_000_000])
        self.assertTrue(link.blocked)
        link.close()
        self.assertEqual(len(await self.drain(client)), 8_000_000)
        await self.until(lambda: recorder.words == ["opened", "blocked", "lost"])

    @asDeferred
    async def test_acknowledgements(self) -> None:
        """The system tells what is on its way to a peer that does not read, and that the peer is alive."""
        if not DeathWatch.isPossible():
            raise SkipTest("this system does not tell")
        _, link, _ = await self.connectStream()
        self.assertIs(acknowledgements(link.transport), None)
        link.write([b"x" * 8_000_000])
        self.assertTrue(link.watched)
        await deferLater(reactor, 0.3)
        state = acknowledgements(link.transport)
        assert state is not None
        self.assertGreater(state.outstanding, 0)
        self.assertEqual((state.unacknowledged, link.isLive), (0, True))
        # It asks, and is answered: a live peer.
        self.assertLess(state.probes, 2)
        self.assertLess(state.silentFor, 5)


class Client(Protocol):
    """Collects what comes."""

    def __init__(self) -> None:
        self.received = b""
        self.isLost = False

    def dataReceived(self, data: bytes) -> None:
        """Collect."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Remember."""
        self.isLost = True


class SecureTests(SocketTestCase):
    """Links over TLS."""

    async def connectSecurely(self, factory: Any) -> Client:
        """Listen with a certificate of our own, and connect to that."""
        certificate = makeCertificate()
        address = await self.listen(
            SSL4ServerEndpoint(reactor, 0, certificate.options(), interface="127.0.0.1"), factory
        )
        trust = optionsForClientTLS("127.0.0.1", trustRoot=trustRootFromCertificates([certificate]))
        endpoint = wrapClientTLS(trust, HostnameEndpoint(reactor, "127.0.0.1", address.port))
        client = cast(Client, await endpoint.connect(Factory.forProtocol(Client)))
        self.addCleanup(self.endSecurely, client)
        return client

    def endSecurely(self, client: Client) -> Deferred[None]:
        """Close a client, and wait until its link is gone."""
        assert client.transport is not None
        client.transport.loseConnection()
        return Deferred.fromCoroutine(
            self.until(lambda: client.isLost and all("lost" in recorder.words for recorder in self.recorders))
        )

    @asDeferred
    async def test_stream(self) -> None:
        """A stream link works over TLS: tuned, blocked and drained like others, all bytes in order."""
        client = await self.connectSecurely(self.makeStreamFactory())
        assert client.transport is not None
        client.transport.write(LengthPrefixed.pack(b"hello"))
        await self.until(lambda: self.recorders[0].messages == [b"hello"])
        link = cast(StreamLink, self.recorders[0].link)
        handle = link.transport.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        big = os.urandom(4_000_000)
        link.write([big, b"first"])
        link.write([b"second"])
        self.assertTrue(link.blocked)
        await self.until(lambda: len(client.received) >= len(big) + 11)
        self.assertEqual(client.received, big + b"firstsecond")
        await self.until(lambda: not link.blocked)
        link.pauseReading()
        client.transport.write(LengthPrefixed.pack(b"wait"))
        await deferLater(reactor, 0.05)
        self.assertEqual(self.recorders[0].messages, [b"hello"])
        link.resumeReading()
        await self.until(lambda: self.recorders[0].messages == [b"hello", b"wait"])

    @asDeferred
    async def test_noHandshake(self) -> None:
        """Who connects and does not do the handshake of TLS is not told of, and is dropped after a while."""
        clock = Clock()
        factory = StreamFactory(lambda: LengthPrefixed(LIMIT), self.makeReceiver, reactor=clock)
        certificate = makeCertificate()
        address = await self.listen(
            SSL4ServerEndpoint(reactor, 0, certificate.options(), interface="127.0.0.1"), factory
        )
        client = socket.create_connection(("127.0.0.1", address.port), PATIENCE)
        self.addCleanup(client.close)
        await self.until(lambda: factory.links)
        self.assertEqual(self.recorders[0].words, [])
        clock.advance(TLS_TIMEOUT)
        await self.until(lambda: not factory.links)
        self.assertEqual((self.recorders[0].words, clock.getDelayedCalls()), ([], []))

    @asDeferred
    async def test_closeWhileBlocked(self) -> None:
        """A link over TLS that is closed while the transport is full sends the rest, then ends."""
        client = await self.connectSecurely(self.makeStreamFactory())
        await self.until(lambda: self.recorders[0].events)
        link = self.recorders[0].link
        link.write([b"x" * 4_000_000])
        link.close()
        await self.until(lambda: client.isLost)
        self.assertEqual(len(client.received), 4_000_000)

    async def checkWebSocket(self, client: Client) -> None:
        """Upgrade, and say something in both directions."""
        assert client.transport is not None
        client.transport.write(upgradeRequest(Origin="https://10.0.0.1:11123", Host="10.0.0.1:11123"))
        await self.until(lambda: b"\r\n\r\n" in client.received)
        self.assertIn(b"101 Switching", client.received)
        client.received = b""
        client.transport.write(clientFrame(b"hello"))
        await self.until(lambda: self.recorders and self.recorders[0].messages == [b"hello"])
        link = self.recorders[0].link
        link.write([link.pack(b"answer")])
        await self.until(lambda: client.received)
        self.assertEqual(serverFrames(client.received), [(1, b"answer")])

    def makeWebSocketFactory(self, seen: list[UpgradeRequest]) -> WebSocketLinkFactory:
        """Make a factory whose guard remembers what it sees."""
        return WebSocketLinkFactory(
            self.makeReceiver, maxMessage=LIMIT, guard=lambda request: seen.append(request), reactor=reactor
        )

    @asDeferred
    async def test_webSocket(self) -> None:
        """A WebSocket link works over TLS, and knows that it does."""
        seen: list[UpgradeRequest] = []
        await self.checkWebSocket(await self.connectSecurely(self.makeWebSocketFactory(seen)))
        self.assertEqual([(request.secure, request.local) for request in seen], [(True, "127.0.0.1")])

    @asDeferred
    async def test_site(self) -> None:
        """A WebSocket link works on a site over TLS."""
        seen: list[UpgradeRequest] = []
        root = Resource()
        root.putChild(b"", WebSocketResource(self.makeWebSocketFactory(seen)))
        await self.checkWebSocket(await self.connectSecurely(Site(root)))
        self.assertEqual([request.secure for request in seen], [True])


class WebSocketTests(SocketTestCase):
    """WebSocket links over TCP."""

    @asDeferred
    async def test_eager(self) -> None:
        """What is written is on its way when the write returns, and pings go before what is written after them."""
        factory = WebSocketLinkFactory(self.makeReceiver, maxMessage=LIMIT, reactor=reactor)
        port = await self.listenOnTCP(factory)
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        client.sendall(upgradeRequest(Host=f"127.0.0.1:{port}"))
        await self.until(lambda: self.recorders)
        recorder = self.recorders[0]
        self.addCleanup(self.end, client, recorder)
        await self.until(lambda: not recorder.link.transport._tempDataBuffer)  # type: ignore[attr-defined]
        self.assertIn(b"\r\n\r\n", client.recv(10_000))
        link = recorder.link
        link.write([link.pack(b"one")])
        link.ping()  # type: ignore[attr-defined]
        link.write([link.pack(b"two")])
        self.assertEqual(serverFrames(self.receive(client, 12)), [(1, b"one"), (9, b""), (1, b"two")])
        client.sendall(clientFrame(b"hello"))
        await self.until(lambda: recorder.messages == [b"hello"])
