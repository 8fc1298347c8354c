"""
Tests for L{jetjstp.discovery} and L{jetjstp.memorydiscovery}.
"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.discovery import Announcement, Found, Interfaces, NameTaken, hostInterfaces, scopeOf
from jetjstp.memorydiscovery import MemoryDiscovery

INTERFACES: Interfaces = (
    ("lo", ip_interface("127.0.0.1/8")),
    ("lo", ip_interface("::1/128")),
    ("eth0", ip_interface("192.0.2.2/24")),
    ("eth0", ip_interface("192.0.2.3/24")),
    ("eth0", ip_interface("fd00::2/64")),
    ("eth0", ip_interface("fe80::2/64")),
    ("eth1", ip_interface("198.51.100.9/30")),
)


class ScopeTests(SynchronousTestCase):
    """Where is announced, and what."""

    def test_all(self) -> None:
        """Who listens on all interfaces is announced on all, with all addresses but those of loopback."""
        self.assertEqual(
            scopeOf("0.0.0.0", INTERFACES),
            (("192.0.2.2", "198.51.100.9", "127.0.0.1"), ("192.0.2.2", "192.0.2.3", "198.51.100.9")),
        )
        interfaces, announced = scopeOf("::", INTERFACES)
        self.assertEqual(set(interfaces), {"192.0.2.2", "198.51.100.9", "fd00::2", "127.0.0.1"})
        self.assertEqual(announced, ("192.0.2.2", "192.0.2.3", "fd00::2", "fe80::2", "198.51.100.9"))

    def test_onlyLoopback(self) -> None:
        """A host without a network announces loopback; who listens there only is announced there only."""
        self.assertEqual(scopeOf("0.0.0.0", INTERFACES[:2]), (("127.0.0.1",), ("127.0.0.1",)))
        self.assertEqual(scopeOf("127.0.0.1", INTERFACES), (("127.0.0.1",), ("127.0.0.1",)))
        self.assertEqual(scopeOf("::1", INTERFACES), (("127.0.0.1",), ("::1",)))

    def test_one(self) -> None:
        """Who listens on one address is announced on its interface, with that one only."""
        self.assertEqual(scopeOf("192.0.2.3", INTERFACES), (("192.0.2.3",), ("192.0.2.3",)))
        self.assertEqual(scopeOf("fd00::2", INTERFACES), (("192.0.2.2",), ("fd00::2",)))

    def test_thisHost(self) -> None:
        """This host has at least loopback."""
        self.assertIn("127.0.0.1", [str(each.ip) for _, each in hostInterfaces()])


class Notes:
    """Notes what is reported."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, Any]] = []

    def up(self, found: Found) -> None:
        self.reports.append(("up", found))

    def changed(self, found: Found) -> None:
        self.reports.append(("changed", found))

    def down(self, instance: str) -> None:
        self.reports.append(("down", instance))

    def take(self) -> list[tuple[str, Any]]:
        """The reports since the last time."""
        reports, self.reports = self.reports, []
        return reports


class MemoryTests(SynchronousTestCase):
    """A network that is made up."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryDiscovery()
        self.session = self.network.open("0.0.0.0", self.clock)
        self.notes = Notes()

    def announce(self, instance: str, port: int) -> Any:
        """Announce something of the type that is browsed."""
        return self.session.announce(Announcement("_a._tcp", instance, port, "host", True))

    def test_reports(self) -> None:
        """What is announced, changes and is gone is reported in another turn, what was there before too."""
        self.successResultOf(self.announce("one", 1))
        self.successResultOf(self.session.browse("_a._tcp", self.notes))
        self.assertEqual(self.notes.take(), [])
        self.clock.advance(0)
        one = Found("one", ("127.0.0.1",), 1)
        self.assertEqual(self.notes.take(), [("up", one)])
        self.network.show("_b._tcp", one)
        self.network.show("_a._tcp", one)
        self.network.show("_a._tcp", one._replace(port=2))
        self.network.hide("_a._tcp", "one")
        self.network.hide("_a._tcp", "one")
        self.clock.advance(0)
        self.assertEqual(self.notes.take(), [("changed", one._replace(port=2)), ("down", "one")])

    def test_taken(self) -> None:
        """A name can be announced once at a time."""
        self.announce("one", 1)
        self.failureResultOf(self.announce("one", 2), NameTaken)

    def test_close(self) -> None:
        """A closed session has withdrawn everything, and tells nothing more."""
        other = self.network.open("127.0.0.1", self.clock)
        notes = Notes()
        other.browse("_a._tcp", notes)
        self.session.browse("_a._tcp", self.notes)
        self.announce("one", 1)
        self.clock.advance(0)
        self.notes.take()
        self.successResultOf(self.session.close())
        self.clock.advance(0)
        self.assertEqual(self.notes.take(), [])
        self.assertEqual([report for report, _ in notes.take()], ["up", "down"])
