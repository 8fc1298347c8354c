"""
The page for Prometheus on a real socket, next to a daemon and a JSTP server.
"""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor as globalReactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from jetjstp import jet, jstp
from jetjstp.metrics.figures import Figures
from jetjstp.metrics.website import statusSite

reactor: Any = globalReactor

ANY_PORT = "tcp:0:interface=127.0.0.1"


class MetricsSocketTests(TestCase):
    """A daemon, a server and the site about them, on loopback."""

    timeout = 30.0

    async def read(self, agent: Agent, port: int, path: str, method: bytes = b"GET") -> tuple[int, str]:
        """Ask the site for a page."""
        response: Any = await agent.request(method, f"http://127.0.0.1:{port}{path}".encode())
        return response.code, (await readBody(response)).decode()

    async def test_scraped(self) -> None:
        """What was done on real connections is in the figures, and keeps being so while the site is asked."""
        daemon = jet.Daemon()
        self.addCleanup(daemon.close)
        server = jstp.net.createServer([jstp.Application("app", {"calc": {"add": lambda connection, a, b: a + b}})])
        self.addCleanup(server.close)
        ports: list[Any] = list(await daemon.listen(endpoints=[ANY_PORT], wsEndpoints=[ANY_PORT]))
        jstpPort: Any = await server.listen(ANY_PORT)
        site = statusSite(Figures(daemon, [server]))
        sitePort: Any = await serverFromString(reactor, ANY_PORT).listen(site)
        self.addCleanup(sitePort.stopListening)
        peers = [
            jet.Peer(f"{scheme}://127.0.0.1:{each.getHost().port}")
            for scheme, each in zip(("jet", "ws"), ports, strict=True)
        ]
        for peer in peers:
            self.addCleanup(peer.close)
            await peer.connect()
        state = jet.State("a", 1)
        state.on("set", jet.State.acceptAny)
        await peers[0].add(state)
        await gatherResults([peers[1].set("a", number) for number in range(10)])
        connection, proxies = await jstp.net.connectAndInspect(
            "app", None, ["calc"], f"tcp:127.0.0.1:{jstpPort.getHost().port}"
        )
        self.assertEqual(await proxies["calc"].add(1, 2), 3)
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        agent = Agent(reactor, pool=pool)
        port = sitePort.getHost().port
        self.assertEqual(await self.read(agent, port, "/healthz"), (200, "ok\n"))
        self.assertEqual((await self.read(agent, port, "/"))[0], 404)
        self.assertEqual((await self.read(agent, port, "/metrics", b"POST"))[0], 405)
        status, text = await self.read(agent, port, "/metrics")
        self.assertEqual(status, 200)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        self.assertEqual(samples["jetjstp_jet_peers", "stream"], 1)
        self.assertEqual(samples["jetjstp_jet_peers", "websocket"], 1)
        self.assertEqual(samples["jetjstp_jet_requests_total", "answered"], 10)
        self.assertEqual(samples["jetjstp_jet_elements", "state"], 1)
        for link in ("stream", "websocket"):
            for name in ("messages_received", "messages_sent", "received_bytes", "sent_bytes"):
                self.assertGreater(samples[f"jetjstp_jet_{name}_total", link], 10 if "messages" in name else 200)
        self.assertEqual(samples["jetjstp_jstp_sessions", "connected"], 1)
        self.assertGreaterEqual(samples["jetjstp_jstp_messages_received_total", "stream"], 3)
        await connection.close()
