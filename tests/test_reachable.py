"""
Tests for L{jetjstp.reachable}.
"""

from __future__ import annotations

from ipaddress import ip_interface

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.reachable import Networks, candidates

NETWORKS = Networks(
    (
        ("lo", ip_interface("127.0.0.1/8")),
        ("lo", ip_interface("::1/128")),
        ("eth0", ip_interface("192.0.2.2/24")),
        ("eth0", ip_interface("fd00::2/64")),
        ("eth0", ip_interface("fe80::2/64")),
        ("eth1", ip_interface("198.51.100.9/30")),
        ("eth1", ip_interface("fe80::9/64")),
    )
)


class CandidateTests(SynchronousTestCase):
    """Which addresses are dialled."""

    def assertDials(self, announced: str, expected: str, ours: str = "0.0.0.0", limit: int = 8) -> None:
        """Of those announced, just these are dialled, in that order."""
        self.assertEqual(candidates(announced.split(), NETWORKS, ours, limit), expected.split())

    def test_order(self) -> None:
        """IPv4 goes before IPv6, link-local last; each in the order of the announcement, and only once."""
        self.assertDials(
            "fe80::5%eth0 fd00::5 192.0.2.6 192.0.2.5 192.0.2.6", "192.0.2.6 192.0.2.5 fd00::5 fe80::5%eth0"
        )

    def test_thisHost(self) -> None:
        """Who is on this host is dialled at loopback first, then at what it announces."""
        self.assertDials("192.0.2.2", "127.0.0.1 192.0.2.2")
        self.assertDials("fd00::2", "::1 fd00::2")
        self.assertDials("127.0.0.1", "127.0.0.1")
        self.assertDials("127.0.0.2 ::1", "127.0.0.1 ::1 127.0.0.2")

    def test_noLoopback(self) -> None:
        """Who listens on one address of the network does not use loopback."""
        self.assertDials("192.0.2.2", "192.0.2.2", ours="192.0.2.2")
        self.assertDials("127.0.0.1", "", ours="192.0.2.2")

    def test_neverElsewhere(self) -> None:
        """Only networks that we are on: an announcement cannot send us anywhere else."""
        self.assertDials("203.0.113.1 198.51.100.200 2001:db8::1", "")
        self.assertDials("198.51.100.10", "198.51.100.10")

    def test_noHosts(self) -> None:
        """Addresses that are none of a host are not dialled, nor what is no address at all."""
        self.assertDials("0.0.0.0 :: 224.0.0.251 ff02::fb 255.255.255.255 192.0.2.255 192.0.2.0 198.51.100.11 x", "")
        self.assertDials("::ffff:192.0.2.5", "")

    def test_nothingFromNothing(self) -> None:
        """Without addresses there is no guess."""
        self.assertDials("", "")

    def test_zones(self) -> None:
        """A link-local address without its interface is tried on all that have such."""
        self.assertDials("fe80::5", "fe80::5%eth0 fe80::5%eth1")

    def test_limit(self) -> None:
        """Not more than the limit are tried."""
        self.assertDials("192.0.2.5 192.0.2.6 192.0.2.7", "192.0.2.5 192.0.2.6", limit=2)
