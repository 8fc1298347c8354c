"""WebSocket connections of node-jet peers that depend on the HTTP around them: tokens, TLS, a site on the same port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import SkipTest
from twisted.web.client import Agent, readBody
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from jetjstp import jet
from tests.sockets.certificates import makeCertificate

from .loopback import listenOnLoopback, portNumber
from .running import OURS, NodeTestCase
from .test_connecting import EXPECTED as CONNECTING

TOKENS: dict[str, Any] = {
    "token of john": {"fetchGroups": ["users", "public"], "setGroups": ["users"], "callGroups": []},
    "token of bob": {"fetchGroups": ["public"], "setGroups": [], "callGroups": []},
}


class TokenTests(NodeTestCase):
    """C{wsGetAuthentication} and the headers that a node-jet peer sends along."""

    async def test_headers(self) -> None:
        """A header of the upgrade request decides who a peer is, and whether it is let in."""
        place = await self.startDaemon(tokens=TOKENS)
        await self.assertSees(
            "tokens.js",
            place.webSocket,
            {
                "tokens": [
                    ("access",),
                    ("reader", ["add s 1 fetchOnly"]),
                    ("reader sets", "Unauthorized"),
                    ("owner sets", True),
                    ("no token", "ConnectionClosed"),
                    ("another token", "ConnectionClosed"),
                ]
            },
        )


class PingTests(NodeTestCase):
    """C{wsPingInterval}."""

    async def test_pings(self) -> None:
        """Pings come in seconds, not milliseconds, and a node-jet peer answers them without knowing."""
        place = await self.startDaemon(pingInterval=0.05)
        await self.assertSees("pings.js", place.webSocket, {"pings": [("still there", "hello")]})


class SecureTests(NodeTestCase):
    """WebSocket within TLS, by an endpoint string."""

    async def test_wss(self) -> None:
        """A node-jet peer connects to a C{wss:} URL if it is told not to check the certificate."""
        if not OURS:
            raise SkipTest("this is about our endpoints")
        path = Path(self.mktemp())
        path.write_bytes(makeCertificate().dumpPEM())
        self.daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(self.daemon.close)
        [port] = await self.daemon.listen(wsEndpoints=(f"ssl:0:privateKey={path}:certKey={path}:interface=127.0.0.1",))
        await self.assertSees(
            "secure.js",
            {"url": f"wss://127.0.0.1:{portNumber(port)}"},
            {
                "secure": [
                    ("features", {"batches": True, "authentication": True, "fetch": "full"}),
                    ("set", 200000),
                    ("checked", "ConnectionClosed"),
                ]
            },
        )


class SiteTests(NodeTestCase):
    """The daemon hooked onto a site, as node-jet's README shows with an HTTP server."""

    async def test_samePort(self) -> None:
        """node-jet peers do on the port of a site all that they do elsewhere, and pages are served there as ever."""
        if not OURS:
            raise SkipTest("this is about twisted.web")
        root = Resource()
        root.putChild(b"", Data(b"an ordinary page", "text/plain"))
        site = Site(root)
        port = listenOnLoopback(reactor, site)
        self.addCleanup(port.stopListening)
        self.daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(self.daemon.close)
        self.assertEqual(await self.daemon.listen(server=site), [])
        address = f"127.0.0.1:{portNumber(port)}"
        await self.assertSees("connecting.js", {"url": f"ws://{address}"}, CONNECTING)
        response = await Agent(reactor).request(b"GET", f"http://{address}/".encode())
        self.assertEqual(await readBody(response), b"an ordinary page")
