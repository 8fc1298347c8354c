"""
Tests for L{jetjstp.links.origins}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.origins import OriginRules, UpgradeRequest


def request(
    origin: str | None, host: str | None = "example.org", local: str | None = "10.0.0.1", secure: bool = False
) -> UpgradeRequest:
    """A request to upgrade."""
    return UpgradeRequest({}, "/", origin, host, "10.0.0.2", secure, local, ())


class OriginRulesTests(SynchronousTestCase):
    """Who may come in."""

    def assertPasses(self, asked: UpgradeRequest, *patterns: str) -> None:
        """The request passes."""
        self.assertIs(OriginRules(patterns).check(asked), None)

    def assertRefused(self, asked: UpgradeRequest, *patterns: str) -> None:
        """The request is refused, and told how to be admitted."""
        reason = OriginRules(patterns).check(asked)
        assert reason is not None
        self.assertIn("--origin", reason)

    def test_sameHost(self) -> None:
        """A page from the host that it connects to passes, however default ports and letters are written."""
        for origin, host, secure in [
            ("http://example.org", "example.org", False),
            ("http://example.org:80", "example.org", False),
            ("http://example.org", "example.org:80", False),
            ("http://Example.ORG:11123", "EXAMPLE.org:11123", False),
            ("https://example.org", "example.org", True),
            ("https://example.org", "example.org:443", True),
            ("http://[2001:db8::1]:5", "[2001:DB8:0::1]:5", False),
            ("http://example.org", "example.org.", False),
        ]:
            self.assertPasses(request(origin, host, secure=secure))

    def test_otherHost(self) -> None:
        """A page from another host, port or scheme is refused."""
        for origin, host, secure in [
            ("http://evil.example", "example.org", False),
            ("http://example.org:8080", "example.org", False),
            ("http://example.org", "example.org:11123", False),
            ("https://example.org", "example.org", False),
            ("http://example.org", "example.org", True),
            ("http://example.org.evil.example", "example.org", False),
            ("http://example.org@evil.example", "example.org", False),
            ("http://evil.example", None, False),
            ("null", "example.org", False),
            ("file://", "example.org", False),
            ("http://", "example.org", False),
            ("example.org", "example.org", False),
            ("http://[1:2]", "example.org", False),
            ("http://example.org http://example.org", "example.org", False),
        ]:
            self.assertRefused(request(origin, host, secure=secure))

    def test_noOrigin(self) -> None:
        """What is no browser passes if it calls us by our name; on other than loopback addresses, whatever it says."""
        self.assertPasses(request(None))
        self.assertPasses(request(None, None))
        self.assertPasses(request(None, "localhost:11123", "127.0.0.1"))
        self.assertPasses(request(None, "app.example.org", "127.0.0.1"), "https://app.example.org")
        self.assertRefused(request(None, "app.example.org", "127.0.0.1"))
        self.assertRefused(request(None, None, "127.0.0.1"))

    def test_patterns(self) -> None:
        """Patterns admit pages from elsewhere."""
        for origin, pattern in [
            ("https://app.example.net", "https://app.example.net"),
            ("https://app.example.net", "https://app.example.net:443"),
            ("https://app.example.net:443", "https://app.example.net"),
            ("https://app.example.net:8443", "https://app.example.net:8443"),
            ("https://a.b.example.net:8443", "https://*.example.net:*"),
            ("https://a.example.net", "https://*.example.net:*"),
            ("https://A.Example.NET", "https://*.EXAMPLE.net"),
            ("http://localhost:3000", "http://localhost:*"),
            ("http://[::1]:3000", "http://[0:0::1]:*"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("null", "null"),
            ("file://", "null"),
            ("null", "*"),
            ("rubbish", "*"),
        ]:
            self.assertPasses(request(origin), pattern)
            self.assertPasses(request(origin), "https://other.example", pattern)

    def test_patternsThatDoNotMatch(self) -> None:
        """Patterns admit nothing but what they say."""
        for origin, pattern in [
            ("https://app.example.net:8443", "https://app.example.net"),
            ("http://app.example.net", "https://app.example.net:*"),
            ("https://example.net", "https://*.example.net"),
            ("https://evilexample.net", "https://*.example.net"),
            ("https://a.example.net.evil.example", "https://*.example.net"),
            ("https://aXexample.net", "https://a.example.net"),
            ("null", "https://*:*"),
            ("https://example.net", "null"),
        ]:
            self.assertRefused(request(origin), pattern)

    def test_loopback(self) -> None:
        """On a loopback address a page passes if it calls us by a loopback name, which no stranger can own."""
        for host in "localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "LOCALHOST", "localhost.":
            self.assertPasses(request(f"http://{host}:11123", f"{host}:11123", "127.0.0.1"))
            self.assertPasses(request(f"http://{host}", host, "::1"))

    def test_rebinding(self) -> None:
        """On a loopback address a page is refused that has made its own host's name mean that address."""
        for host in "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost", "10.0.0.1":
            self.assertRefused(request(f"http://{host}:11123", f"{host}:11123", "127.0.0.1"))
        reason = OriginRules().check(request("http://evil.example", "evil.example", "127.0.0.1"))
        self.assertEqual(
            reason,
            "the host evil.example is not a name of this machine's loopback address; "
            "a pattern for it can be given with --origin",
        )
        self.assertRefused(request("http://localhost", None, "127.0.0.1"))

    def test_proxyInFront(self) -> None:
        """Behind a proxy on the same machine, a pattern admits the page and the host that it names."""
        pattern = "https://app.example.org"
        self.assertPasses(request("https://app.example.org", "app.example.org", "127.0.0.1"), pattern)
        self.assertRefused(request("https://app.example.org", "app.example.org", "127.0.0.1"))
        self.assertRefused(request("https://app.example.org", "app.example.org:8080", "127.0.0.1"), pattern)
        self.assertRefused(request("https://app.example.org", "evil.example", "127.0.0.1"), pattern)
        self.assertPasses(request("https://app.example.org", "evil.example", "127.0.0.1"), "*")

    def test_unixSocket(self) -> None:
        """At UNIX sockets everything passes."""
        self.assertPasses(request("http://evil.example", "evil.example", local=None))

    def test_reason(self) -> None:
        """The reason names origin and host, without what could garble a log."""
        reason = OriginRules().check(request("http://evil.example\x1b[31m", "example.org"))
        self.assertEqual(
            reason,
            "the origin http://evil.example?[31m is not that of the host example.org; it can be admitted with --origin",
        )

    def test_malformedPatterns(self) -> None:
        """A pattern that can never mean anything is refused by name."""
        for pattern in (
            "example.org",
            "https://",
            "https://example.org/",
            "https://example.org:",
            "https://example.org:x",
            "https://a b",
            "https://[::1",
            "*://example.org",
            "",
        ):
            error = self.assertRaises(ValueError, OriginRules, [pattern])
            self.assertIn(repr(pattern), str(error))
        self.assertRaises(ValueError, OriginRules, "*")
        self.assertRaises(ValueError, OriginRules, [5])
