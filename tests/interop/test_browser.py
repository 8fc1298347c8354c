"""A real browser on our daemon: a page that uses it, and pages of other origins that must not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from jetjstp import jet

from .browser import Page, openPage
from .installation import chromium, require
from .loopback import ANY_PORT, listenOnLoopback, portNumber
from .processes import STEP_SECONDS
from .rawpeer import connectRawPeer

# What a loopback listener may be called, and what not, with and without its port.
OUR_NAMES = ("localhost:{}", "127.0.0.1:{}")
FORGED_NAMES = ("evil.example", "evil.example:{}", "127.0.0.1.evil.example:{}", "localhost.evil.example")

WARMTH = "on, Gr\xfc\xdfe \U0001f525"


class BrowserTestCase(TestCase):
    """Tests with daemons, sites, and a browser; all of them are ended with the test."""

    timeout = 90.0

    async def startDaemon(self, **options: Any) -> tuple[jet.Daemon, int, int]:
        """A daemon on loopback, with the ports of TCP and WebSocket; the options are those of C{listen}."""
        daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(daemon.close)
        tcp, webSocket = await daemon.listen(endpoints=(ANY_PORT,), wsEndpoints=(ANY_PORT,), **options)
        return daemon, portNumber(tcp), portNumber(webSocket)

    def serve(self, site: Site) -> int:
        """Serve a site on loopback; the port."""
        port = listenOnLoopback(reactor, site)
        self.addCleanup(port.stopListening)
        return portNumber(port)


class PageTests(BrowserTestCase):
    """Pages in headless Chromium."""

    def setUp(self) -> None:
        """Skip where there is no Chromium."""
        require(None if chromium() is not None else "Chromium is not installed")

    def load(self, url: str) -> None:
        """Load a page in a browser of its own."""
        path = chromium()
        assert path is not None
        browser = openPage(reactor, path, str(Path(self.mktemp()).resolve()), url)
        self.addCleanup(browser.leave)

    async def test_followAndSet(self) -> None:
        """A page served on the daemon's own port follows a fetch, sees live changes, and sets another peer's state."""
        page = Page(reactor, "follow.js", warmth=WARMTH)
        site = Site(page)
        port = self.serve(site)
        daemon, tcpPort, _ = await self.startDaemon()
        await daemon.listen(server=site)
        owner = await connectRawPeer(reactor, tcpPort)
        self.addCleanup(owner.disconnect)
        await owner.request("add", path="room/temperature", value=20, fetchOnly=True)
        await owner.request("add", path="room/heating", value="off")

        self.load(f"http://127.0.0.1:{port}/")
        report = await page.nextReport()
        self.assertEqual(report["protocol"], "jet")
        self.assertEqual(
            report["seen"],
            [
                {"id": 1, "result": True},
                _event("add", "room/temperature", 20, fetchOnly=True),
                _event("add", "room/heating", "off"),
            ],
        )
        await owner.request("change", path="room/temperature", value=15.5)
        await owner.request("change", path="room/temperature", value=9)
        self.assertEqual(await owner.sets.get().addTimeout(STEP_SECONDS, reactor), ("room/heating", WARMTH))
        await owner.request("remove", path="room/temperature")
        report = await page.nextReport()
        self.assertEqual(
            report["seen"],
            [
                _event("change", "room/temperature", 15.5),
                _event("change", "room/temperature", 9),
                {"id": "cold", "result": True},
                _event("change", "room/heating", WARMTH),
                _event("remove", "room/temperature", 9),
            ],
        )
        await daemon.close()
        self.assertEqual(list(await page.nextReport()), ["closed"])

    async def test_otherOrigins(self) -> None:
        """Pages of another port or another name of this host are refused, unless an origin pattern admits them."""
        closed, closedTcp, closedPort = await self.startDaemon()
        opened, openedTcp, openedPort = await self.startDaemon(origins=["http://localhost:*"])
        came: list[str] = []
        for daemon, name, tcpPort in ((closed, "closed", closedTcp), (opened, "opened", openedTcp)):
            owner = await connectRawPeer(reactor, tcpPort)
            self.addCleanup(owner.disconnect)
            await owner.request("add", path="secret", value=42)
            daemon.on("connection", lambda peer, name=name: came.append(name))
        urls = [f"ws://{host}:{port}/" for port in (closedPort, openedPort) for host in ("127.0.0.1", "localhost")]
        page = Page(reactor, "trespass.js", urls=urls)
        pagePort = self.serve(Site(page))

        async def attempts(host: str) -> list[bool]:
            self.load(f"http://{host}:{pagePort}/")
            results = [await page.nextReport() for _ in urls]
            self.assertEqual([result["url"] for result in results], urls)
            secret = [{"path": "secret", "event": "add", "value": 42}]
            for result in results:
                self.assertEqual(result["messages"], [secret] if result["opened"] else [])
            return [result["opened"] for result in results]

        self.assertEqual(await attempts("127.0.0.1"), [False, False, False, False])
        self.assertEqual(came, [])
        self.assertEqual(await attempts("localhost"), [False, False, True, True])
        self.assertEqual(came, ["opened", "opened"])


def _event(event: str, path: str, value: Any, **flags: bool) -> dict[str, Any]:
    """The notification of the page's fetch."""
    return {"method": "room", "params": {"path": path, "event": event, "value": value, **flags}}


class ForgedHostTests(BrowserTestCase):
    """Upgrade requests of pages whose name was made to point at this machine (DNS rebinding)."""

    async def upgrade(self, port: int, *headers: str) -> str:
        """Ask for a WebSocket; the first line of what is answered."""
        peer: UpgradeRequest = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), UpgradeRequest())
        self.addCleanup(peer.disconnect)
        return await peer.ask(headers).addTimeout(STEP_SECONDS, reactor)

    async def assertAnswers(self, port: int, status: int, host: str, *headers: str) -> None:
        """An upgrade request that calls the daemon by this name is answered so."""
        answer = await self.upgrade(port, f"Host: {host}", *headers)
        self.assertEqual(answer.split(" ")[:2], ["HTTP/1.1", str(status)], f"{host} {headers}")

    async def assertGuarded(self, port: int) -> None:
        """Names of this machine pass; others do not, though the origin is the same: all that a browser could tell."""
        for host in OUR_NAMES:
            await self.assertAnswers(port, 101, host.format(port), f"Origin: http://{host.format(port)}")
        for host in FORGED_NAMES:
            await self.assertAnswers(port, 403, host.format(port), f"Origin: http://{host.format(port)}")

    async def test_listener(self) -> None:
        """A WebSocket listener on loopback answers 403 where the C{Host} is not a name of this machine."""
        _, _, port = await self.startDaemon()
        await self.assertGuarded(port)

    async def test_withoutOrigin(self) -> None:
        """So it does where nothing says that a browser asks."""
        _, _, port = await self.startDaemon()
        for host in OUR_NAMES:
            await self.assertAnswers(port, 101, host.format(port))
        for host in FORGED_NAMES:
            await self.assertAnswers(port, 403, host.format(port))

    async def test_site(self) -> None:
        """A site on loopback with the daemon hooked onto it is guarded likewise."""
        site = Site(Resource())
        port = self.serve(site)
        daemon, _, _ = await self.startDaemon()
        await daemon.listen(server=site)
        await self.assertGuarded(port)

    async def test_origins(self) -> None:
        """With C{origins=["*"]} every C{Host} passes."""
        _, _, port = await self.startDaemon(origins=["*"])
        await self.assertAnswers(port, 101, "evil.example", "Origin: http://evil.example")


class UpgradeRequest(Protocol):
    """Asks for a WebSocket and reads the first line of the answer."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: Deferred[str] = Deferred()
        self._lost: Deferred[None] = Deferred()

    def ask(self, headers: Sequence[str]) -> Deferred[str]:
        """Send a request with these headers besides those of WebSocket."""
        lines = [
            "GET / HTTP/1.1",
            *headers,
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: jet",
        ]
        assert self.transport is not None
        self.transport.write("\r\n".join([*lines, "", ""]).encode())
        return self._answer

    def disconnect(self) -> Deferred[None]:
        """Go; fires when the connection is gone."""
        assert self.transport is not None
        self.transport.loseConnection()
        return self._lost

    def dataReceived(self, data: bytes) -> None:
        line, end, _ = (self._received + data).partition(b"\r\n")
        if end and not self._answer.called:
            self._answer.callback(line.decode())
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost.callback(None)
