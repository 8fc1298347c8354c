"""Tests of L{jetjstp.links.exposure}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.exposure import beyondLoopback


class BeyondLoopbackTests(SynchronousTestCase):
    """L{beyondLoopback}."""

    def test_everywhere(self) -> None:
        """Without an interface, or with one that is not loopback, other machines can connect."""
        for description in (
            "tcp:11122",
            "tcp6:11122",
            "ssl:11122:privateKey=key.pem:certKey=cert.pem",
            "tls:certificates:11122",
            "tcp:11122:interface=",
            "tcp:11122:interface=0.0.0.0",
            "tcp:11122:interface=192.0.2.1",
            "tcp:11122:interface=127.0.0.1.example.org",
            "tcp:11122:interface=example.org",
            "tcp6:11122:interface=\\:\\:",
            "tcp6:11122:interface=\\:\\:ffff\\:192.0.2.1",
            "tcp:11122:interface=127.0.0.1:interface=0.0.0.0",
            "tcp:11122:interface=127.0.0.1\\",
            "haproxy:tcp:11122",
        ):
            self.assertTrue(beyondLoopback(description), description)

    def test_loopback(self) -> None:
        """On a loopback interface they cannot."""
        for description in (
            "tcp:11122:interface=127.0.0.1",
            "tcp:interface=127.8.8.8:port=11122",
            "tcp:11122:interface=localhost",
            "tcp6:11122:interface=\\:\\:1",
            "tcp6:11122:interface=\\:\\:ffff\\:127.0.0.1",
            "ssl:11122:privateKey=C\\:/key.pem:interface=127.0.0.1",
            "tls:certificates:interface=\\:\\:1",
            "tcp:11122:interface=0.0.0.0:interface=127.0.0.1",
            "haproxy:tcp:11122:interface=127.0.0.1",
        ):
            self.assertFalse(beyondLoopback(description), description)

    def test_exempt(self) -> None:
        """UNIX sockets and sockets that were inherited are guarded by those who made them."""
        for description in ("unix:/run/jet.sock", "systemd:domain=INET:index=0", "SYSTEMD:domain=INET:index=0", "fd:3"):
            self.assertFalse(beyondLoopback(description), description)

    def test_unknown(self) -> None:
        """A kind of endpoint that is not known here may lead anywhere."""
        for description in ("", "onion:80", "stdio:", "onion:80:interface=127.0.0.1"):
            self.assertTrue(beyondLoopback(description), description)
