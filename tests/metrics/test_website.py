"""
Tests for L{jetjstp.metrics.website} and L{jetjstp.metrics.exposition}.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import patch

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parseOpenMetrics
from prometheus_client.parser import text_string_to_metric_families as parseText
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from jetjstp import __version__
from jetjstp.metrics.figures import Figures
from jetjstp.metrics.website import IDLE_TIMEOUT, MOST_BODY, MOST_CONNECTIONS, statusSite
from jetjstp.testing import MemoryDaemon


class Browser:
    """
    A connection to a site.

    @ivar transport: Its transport.
    """

    def __init__(self, site: Site) -> None:
        address = IPv4Address("TCP", "192.0.2.2", 10_000)
        self.protocol: Any = site.buildProtocol(address)
        if self.protocol is None:
            raise ConnectionRefusedError
        self.transport = StringTransport(peerAddress=address)
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.protocol.dataReceived(data)

    def answer(self) -> tuple[int, dict[str, str], str]:
        """What was answered since the last call: status, headers, body."""
        head, _, body = self.transport.value().decode("utf-8").partition("\r\n\r\n")
        self.transport.clear()
        first, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, body

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        """Send a request and read the answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {headers[name]}" for name in headers)]
        self.send("\r\n".join([*lines, "", ""]).encode())
        return self.answer()

    def disconnect(self) -> None:
        """Go away."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


class WebsiteTestCase(SynchronousTestCase):
    """A site of a daemon in memory."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.clock: Clock = self.memory.clock
        self.reason: str | None = None
        self.site = self.makeSite(lambda: self.reason)

    def makeSite(self, healthy: Callable[[], str | None]) -> Site:
        """Make a site."""
        return statusSite(Figures(self.memory.daemon), healthy, cast(Any, self.clock))

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        """Ask over a connection of its own."""
        browser = Browser(self.site)
        answer = browser.ask(path, method, **headers)
        browser.disconnect()
        return answer


class HealthTests(WebsiteTestCase):
    """C{/healthz}."""

    def test_well(self) -> None:
        """All is well."""
        status, headers, body = self.ask("/healthz")
        self.assertEqual((status, body), (200, "ok\n"))
        self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(headers["cache-control"], "no-store")

    def test_unwell(self) -> None:
        """If not, the reason is told, as long as it holds."""
        self.reason = "the storage is away: Å"
        self.assertEqual(self.ask("/healthz")[::2], (503, "the storage is away: Å\n"))
        self.reason = None
        self.assertEqual(self.ask("/healthz")[0], 200)

    def test_failing(self) -> None:
        """A health check that raises is logged, and not well; what it raised is for the log only."""

        def broken() -> str | None:
            raise RuntimeError("secret")

        self.site = self.makeSite(broken)
        with capturedLogs() as logged:
            status, _, body = self.ask("/healthz")
        self.assertEqual(status, 503)
        self.assertNotIn("secret", body)
        self.assertEqual(len(logged), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_default(self) -> None:
        """Without a check, whoever answers is well."""
        self.site = statusSite(Figures(), reactor=cast(Any, self.clock))
        self.assertEqual(self.ask("/healthz")[0], 200)


class MetricsTests(WebsiteTestCase):
    """C{/metrics}."""

    def samples(self, text: str) -> dict[tuple[str, ...], float]:
        """The values in a text, by name and labels."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in parseText(text)
            for sample in family.samples
        }

    def test_text(self) -> None:
        """All figures are there, with their kinds and explanations, in a text that Prometheus reads."""
        self.memory.connect().send({"id": 1, "method": "info"})
        status, headers, text = self.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["content-type"].startswith("text/plain; version=0.0.4"), headers)
        families = {family.name: family for family in parseText(text)}
        for figure in self.memory.daemon.figures():
            family = families[f"jetjstp_{figure.name}"]
            self.assertEqual((family.type, family.documentation), (figure.kind, figure.help))
            total = "_total" if figure.kind == "counter" else ""
            found = {tuple(sample.labels.items()): sample for sample in family.samples}
            sample = found[figure.labels]
            self.assertEqual((sample.name, sample.value), (f"jetjstp_{figure.name}{total}", figure.value))

    def test_openMetrics(self) -> None:
        """Who asks for it gets the other format, which is stricter about names."""
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        _, headers, text = self.ask("/metrics", Accept=accept)
        self.assertTrue(headers["content-type"].startswith("application/openmetrics-text; version=1.0.0"), headers)
        names = {family.name for family in parseOpenMetrics(text)}
        self.assertIn("jetjstp_jet_peers", names)
        self.assertLessEqual({f"jetjstp_{figure.name}" for figure in self.memory.daemon.figures()}, names)

    def test_strangeWishes(self) -> None:
        """Whatever somebody says to accept, there is a text."""
        for accept, begins in (
            ("", "text/plain"),
            ("*/*", "text/plain"),
            ("text/html;version=x,;;=", "text/plain"),
            ("text/plain;version=x;escaping=y", "text/plain"),
            ("application/openmetrics-text;version=x", "application/openmetrics-text"),
            ("Application/OpenMetrics-Text", "application/openmetrics-text"),
        ):
            status, headers, text = self.ask("/metrics", Accept=accept)
            self.assertEqual(status, 200)
            self.assertTrue(headers["content-type"].startswith(begins), accept)
            self.assertEqual(text.endswith("# EOF\n"), begins != "text/plain")

    def test_now(self) -> None:
        """Each answer has the figures of the moment."""
        values = []
        for _ in range(3):
            values.append(self.samples(self.ask("/metrics")[2])["jetjstp_jet_peers", "stream"])
            self.memory.connect()
        self.assertEqual(values, [0, 1, 2])

    def test_process(self) -> None:
        """What the process needs is there, and what runs in it."""
        samples = self.samples(self.ask("/metrics")[2])
        self.assertGreater(samples["process_resident_memory_bytes",], 10**6)
        self.assertIn(("python_gc_collections_total", "0"), samples)
        info = {key for key in samples if key[0] == "jetjstp_build_info"}
        self.assertEqual(len(info), 1)
        self.assertIn(__version__.public(), next(iter(info)))

    def test_ownRegistry(self) -> None:
        """There may be several sites in one process, and none has what others put into the global registry."""
        for _ in range(2):
            self.site = self.makeSite(lambda: None)
            text = self.ask("/metrics")[2]
            self.assertEqual(text.count("# TYPE jetjstp_jet_peers gauge"), 1)
            self.assertNotIn("python_info", text)

    def test_failing(self) -> None:
        """Figures that cannot be read are an error without details; those are in the log."""
        self.patch(self.memory.daemon, "figures", lambda: 1 / 0)
        with capturedLogs():
            status, _, body = self.ask("/metrics")
        self.assertEqual(status, 500)
        self.assertNotIn("Zero", body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_nothingOfPeers(self) -> None:
        """Nothing that a peer chose, and no address, is in the figures."""
        peer = self.memory.connect("198.51.100.77")
        peer.send(
            {"id": 1, "method": "config", "params": {"name": "my-name"}},
            {"id": 2, "method": "add", "params": {"path": "my-path", "value": "my-value"}},
            {"id": 3, "method": "fetch", "params": {"id": "my-fetch"}},
            {"id": 4, "method": "my-method"},
        )
        with capturedLogs():
            peer.send({"id": 5, "method": "authenticate", "params": {"user": "my-user", "password": "my-password"}})
        text = self.ask("/metrics")[2]
        self.assertNotIn("my-", text)
        self.assertNotIn("198.51.100", text)

    def test_notInstalled(self) -> None:
        """Without C{prometheus_client} there is no site; the error says what to install."""
        with patch.dict(sys.modules, {"prometheus_client": None}):
            sys.modules.pop("jetjstp.metrics.exposition", None)
            error = self.assertRaises(ValueError, statusSite, Figures())
        self.assertIn("pip install 'jetjstp[metrics]'", str(error))


class RequestTests(WebsiteTestCase):
    """What may be asked, and how much."""

    def test_missing(self) -> None:
        """Everything else is not there, whatever the method."""
        for path in ("/", "/metrics/", "/healthz/x", "/metrics2", "//metrics", "/%2e%2e/metrics", "/HEALTHZ"):
            for method in ("GET", "HEAD", "POST", "BREW"):
                self.assertEqual(self.ask(path, method)[0], 404, path)

    def test_query(self) -> None:
        """A query changes nothing."""
        self.assertEqual(self.ask("/healthz?x=1&y")[0], 200)

    def test_head(self) -> None:
        """C{HEAD} answers with the length of what C{GET} would have, without a word in the log."""
        for path in ("/healthz", "/metrics"):
            with capturedLogs() as logged:
                status, headers, body = self.ask(path, "HEAD")
            self.assertEqual((status, body), (200, ""))
            self.assertGreater(int(headers["content-length"]), 2)
            self.assertEqual(logged, [])

    def test_methods(self) -> None:
        """Nothing but C{GET} and C{HEAD} is possible."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", "get"):
            status, headers, _ = self.ask("/metrics", method)
            self.assertEqual((status, headers["allow"]), (405, "get, head"))

    def test_quiet(self) -> None:
        """Requests are not logged, and a site leaves no timer behind."""
        self.site.doStart()
        with capturedLogs() as logged:
            self.ask("/healthz")
        self.assertEqual([formatEvent(event) for event in logged], [])
        self.site.doStop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_keepAlive(self) -> None:
        """A connection may ask more than once."""
        browser = Browser(self.site)
        for _ in range(3):
            self.assertEqual(browser.ask("/healthz")[0], 200)

    def test_idle(self) -> None:
        """A connection that says nothing, or not all, is ended."""
        for beginning in (b"", b"GET /healthz HTTP/1.1\r\nHost"):
            browser = Browser(self.site)
            browser.send(beginning)
            with capturedLogs():
                self.clock.advance(IDLE_TIMEOUT + 1)
            self.assertTrue(browser.transport.disconnecting)
            browser.disconnect()

    def test_connections(self) -> None:
        """There may be so many connections at a time; each that goes makes room for another."""
        browsers = [Browser(self.site) for _ in range(MOST_CONNECTIONS)]
        self.assertRaises(ConnectionRefusedError, Browser, self.site)
        browsers[0].disconnect()
        self.assertEqual(self.ask("/healthz")[0], 200)
        for browser in browsers[1:]:
            browser.disconnect()

    def test_body(self) -> None:
        """A body that is short is not looked at; a long one ends the connection, however it comes."""
        browser = Browser(self.site)
        browser.send(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        self.assertEqual(browser.answer()[0], 405)
        size = MOST_BODY + 1
        chunked = b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % size + b"x" * size
        for rest in (b"Content-Length: 10000000000\r\n\r\n" + b"x" * size, chunked):
            browser = Browser(self.site)
            browser.send(b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + rest)
            self.assertTrue(browser.transport.disconnecting)
            self.assertEqual(browser.transport.value(), b"")

    def test_head_tooLong(self) -> None:
        """A head without an end is refused."""
        browser = Browser(self.site)
        browser.send(b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 10_000)
        self.assertTrue(browser.transport.disconnecting)
