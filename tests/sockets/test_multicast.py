"""
Tests for L{jetjstp.multicast}: real multicast, on the loopback interface.
"""

from __future__ import annotations

import secrets
import socket
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zeroconf import DNSOutgoing, DNSPointer  # type: ignore[attr-defined]

from jetjstp import browsing, multicast
from jetjstp.discovery import Announcement, DiscoveryError, Found, NameTaken, NoMulticast, Session, hostInterfaces
from jetjstp.multicast import Multicast

reactor = cast(Any, globalReactor)

LOOPBACK = "127.0.0.1"


def newType() -> str:
    """A type that no other test uses."""
    return f"_t{secrets.token_hex(6)}._tcp"


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


class Stranger:
    """Tells names, and answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            self._socket.setsockopt(socket.SOL_SOCKET, option, 1)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
        self._socket.bind((LOOPBACK, 5353))

    def tell(self, type: str, *names: str) -> None:
        """Say that there are services of those names."""
        answer = 0x8400
        out = DNSOutgoing(answer)
        for name in names:
            out.add_answer_at_time(DNSPointer(type, browsing.TYPE_PTR, browsing.CLASS_IN, 4500, name), 0)
        for packet in out.packets():
            self._socket.sendto(packet, ("224.0.0.251", 5353))

    def close(self) -> None:
        """Say nothing more."""
        self._socket.close()


class MulticastTests(TestCase):
    """Sessions that hear each other."""

    timeout = 30.0

    def open(self, discovery: Multicast | None = None) -> Session:
        """A session that is closed at the end."""
        session = (discovery or Multicast()).open(LOOPBACK, reactor)
        self.addCleanup(session.close)
        return session

    async def reported(self, notes: Notes, count: int) -> None:
        """Wait for so many reports."""
        while len(notes.reports) < count:
            await deferLater(reactor, 0.005)

    async def test_upAndDown(self) -> None:
        """What is announced is found, before and after browsing began, by its own session too; so is its end."""
        type = newType()
        one, two = self.open(), self.open(Multicast(20.0))
        first, second = Notes(), Notes()
        await one.browse(type, first)
        await one.announce(Announcement(type, "AA", 1111, "aa", True, {"key": "value"}))
        await two.browse(type, second)
        await two.announce(Announcement(type, "BB.x y", 2222, "bb", True))
        await gatherResults([self.wait(self.reported(notes, 2)) for notes in (first, second)])
        wanted = [
            ("up", Found("AA", (LOOPBACK,), 1111, {"key": "value"})),
            ("up", Found("BB.x y", (LOOPBACK,), 2222, {})),
        ]
        self.assertEqual(sorted(first.reports), wanted)
        self.assertEqual(sorted(second.reports), wanted)
        await two.close()
        await self.reported(first, 3)
        self.assertEqual(first.reports[-1], ("down", "BB.x y"))
        self.assertEqual(len(second.reports), 2)

    def wait(self, coroutine: Any) -> Any:
        """A Deferred of a coroutine."""
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(coroutine)

    async def test_sharing(self) -> None:
        """Sessions on the same interfaces share what is running; the end of one is not that of the others."""
        type = newType()
        one, two = self.open(), self.open()
        notes = Notes()
        await one.browse(type, notes)
        await one.announce(Announcement(type, "AA", 1, "aa", True))
        await two.announce(Announcement(type, "BB", 2, "bb", True))
        await self.reported(notes, 2)
        await two.close()
        await self.reported(notes, 3)
        self.assertEqual(notes.reports[-1], ("down", "BB"))
        await one.announce(Announcement(type, "CC", 3, "cc", True))
        await self.reported(notes, 4)

    async def test_nameTaken(self) -> None:
        """A name that somebody else has is refused, and the other one's announcement stays."""
        type = newType()
        one, two = self.open(), self.open(Multicast(20.0))
        notes = Notes()
        await one.browse(type, notes)
        await one.announce(Announcement(type, "AA", 1, "aa", True))
        await self.assertFailure(two.announce(Announcement(type, "AA", 2, "other", False)), NameTaken)
        await two.close()
        await deferLater(reactor, 0.1)
        self.assertEqual([report for report, _ in notes.reports], ["up"])

    async def test_closed(self) -> None:
        """A closed session does nothing more; to close it twice is no error."""
        session = self.open()
        await session.close()
        await session.close()
        await self.assertFailure(session.announce(Announcement(newType(), "AA", 1, "aa", True)), DiscoveryError)
        session.lookAgain("_x._tcp", "AA")

    async def test_namesOfNobody(self) -> None:
        """Names that are none, and names whose owners do not answer, do not keep out those that are there."""
        self.patch(browsing, "MOST_LOOKS", 3)
        self.patch(browsing, "LOOK_TIMEOUT", 200)
        type = newType()
        stranger = Stranger()
        self.addCleanup(stranger.close)
        notes = Notes()
        await self.open(Multicast(1.0)).browse(type, notes)
        whole = f"{type}.local."
        for name in ("evil.example.com.", "AA._other._tcp.local.", "x.", whole, f"AA{whole}"):
            stranger.tell(whole, name)
        stranger.tell(whole, *(f"{number}.{whole}" for number in range(20)))
        await deferLater(reactor, 0.3)
        real = self.open(Multicast(20.0))
        for number in range(3):
            await real.announce(Announcement(type, f"REAL{number}", 1 + number, "real", True))
        await self.reported(notes, 3)
        self.assertEqual(sorted(found.instance for _, found in notes.reports), ["REAL0", "REAL1", "REAL2"])

    async def test_tendingGoesOn(self) -> None:
        """What goes wrong when it is looked for new addresses is logged, and looked again; so is what comes late."""
        failures = [RuntimeError("an address is gone"), OSError("no network")]
        interfaces = hostInterfaces

        def failing() -> Any:
            if failures:
                raise failures.pop()
            return interfaces()

        type = newType()
        one, two = self.open(Multicast(0.1)), self.open()
        notes = Notes()
        await one.browse(type, notes)
        self.patch(multicast, "hostInterfaces", failing)
        while failures:
            await deferLater(reactor, 0.05)
        await two.announce(Announcement(type, "AA", 1, "aa", True))
        await self.reported(notes, 1)

    def test_noMulticast(self) -> None:
        """On an address that this host does not have there is no multicast."""
        self.assertRaises(NoMulticast, Multicast().open, "203.0.113.77", reactor)

    def test_seconds(self) -> None:
        """Seconds are seconds."""
        error = self.assertRaises(ValueError, Multicast, 30000)
        self.assertIn("did you mean 30.0", str(error))
