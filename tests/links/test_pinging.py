"""
Tests for L{jetjstp.links.pinging}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.causes import Cause
from jetjstp.links.pinging import SLICE, Pinger
from tests.links.clocks import TURN, TurnClock


class FakeLink:
    """What a link shows of itself."""

    unansweredSince: float | None = None
    excuse = False

    def __init__(self, clock: Clock, answers: bool = False) -> None:
        self.clock = clock
        self.answers = answers
        self.pinged: list[float] = []
        self.aborted: list[tuple[float, str]] = []

    def hasExcuse(self) -> bool:
        """As the test has set it."""
        return self.excuse

    def ping(self) -> None:
        """Remember it."""
        self.pinged.append(self.clock.seconds())
        if self.answers:
            self.unansweredSince = None

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """Remember it."""
        self.aborted.append((self.clock.seconds(), reason))


class PingerTests(SynchronousTestCase):
    """When links are pinged, and when they are given up."""

    def setUp(self) -> None:
        self.clock: Clock = Clock()

    def pump(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds * 8)):
            self.clock.advance(0.125)

    def test_interval(self) -> None:
        """Each link is pinged once in an interval from its own beginning on."""
        pinger = Pinger(self.clock, 5.0)
        first, second = FakeLink(self.clock, answers=True), FakeLink(self.clock, answers=True)
        pinger.add(first)
        self.pump(2)
        pinger.add(second)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.pump(100)
        self.assertEqual(first.pinged, list(range(5, 103, 5)))
        self.assertEqual(second.pinged, list(range(7, 103, 5)))
        self.assertEqual(first.aborted + second.aborted, [])

    def test_noAnswer(self) -> None:
        """A link that does not answer is given up 15 seconds after the first unanswered ping."""
        link = FakeLink(self.clock)
        Pinger(self.clock, 5.0).add(link)
        self.pump(19)
        self.assertEqual(link.aborted, [])
        self.pump(1.5)
        self.assertEqual([reason for _, reason in link.aborted], ["no answer to a ping for 15 seconds"])
        self.assertEqual(link.pinged, [5, 10, 15])

    def test_longInterval(self) -> None:
        """If three intervals are longer than 15 seconds, they count."""
        link = FakeLink(self.clock)
        Pinger(self.clock, 10.0).add(link)
        self.pump(39)
        self.assertEqual(link.aborted, [])
        self.pump(2)
        self.assertEqual(len(link.aborted), 1)

    def test_excuse(self) -> None:
        """While there is an excuse, no time counts."""
        link = FakeLink(self.clock)
        link.excuse = True
        Pinger(self.clock, 5.0).add(link)
        self.pump(60)
        link.excuse = False
        self.assertEqual(link.aborted, [])
        self.pump(9)
        self.assertEqual(link.aborted, [])
        self.pump(6)
        self.assertEqual(len(link.aborted), 1)

    def test_remove(self) -> None:
        """A link that is gone is not pinged, and without links there is no timer."""
        pinger = Pinger(self.clock, 5.0)
        link, other = FakeLink(self.clock), FakeLink(self.clock, answers=True)
        pinger.add(link)
        pinger.add(other)
        pinger.remove(link)
        pinger.remove(link)
        self.pump(6)
        self.assertEqual((link.pinged, len(other.pinged)), ([], 1))
        pinger.remove(other)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slices(self) -> None:
        """When many are due at the same time, they are pinged in several turns."""
        self.clock = TurnClock()
        pinger = Pinger(self.clock, 5.0)
        links = [FakeLink(self.clock, answers=True) for _ in range(SLICE + 1)]
        for link in links:
            pinger.add(link)
        self.clock.advance(5)
        self.assertEqual(sum(len(link.pinged) for link in links), SLICE)
        self.clock.advance(TURN)
        self.assertEqual(sum(len(link.pinged) for link in links), SLICE + 1)
        self.clock.advance(4.9)
        self.assertEqual(sum(len(link.pinged) for link in links), SLICE + 1)

    def test_removedByPing(self) -> None:
        """Links that go while others are pinged are left alone."""
        pinger = Pinger(self.clock, 5.0)
        link, other = FakeLink(self.clock), FakeLink(self.clock)

        def ping() -> None:
            pinger.remove(link)
            pinger.remove(other)

        self.patch(link, "ping", ping)
        pinger.add(link)
        pinger.add(other)
        self.pump(20)
        self.assertEqual(other.pinged, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
