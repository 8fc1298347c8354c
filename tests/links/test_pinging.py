"""
Tests for L{jetjstp.links.pinging}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.pinging import SLICE, Pinger
from tests.links.clocks import TURN, TurnClock
from tests.links.pinged import PingedLink, pump


class PingerTests(SynchronousTestCase):
    """When links are pinged, and when they are given up."""

    def setUp(self) -> None:
        self.clock: Clock = Clock()

    def test_interval(self) -> None:
        """Each link is pinged once in an interval from its own beginning on."""
        pinger = Pinger(self.clock, 5.0)
        first, second = PingedLink(self.clock, answers=True), PingedLink(self.clock, answers=True)
        pinger.add(first)
        pump(self.clock, 2)
        pinger.add(second)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        pump(self.clock, 100)
        self.assertEqual(first.pinged, list(range(5, 103, 5)))
        self.assertEqual(second.pinged, list(range(7, 103, 5)))
        self.assertEqual(first.aborted + second.aborted, [])

    def test_noAnswer(self) -> None:
        """A link that does not answer is given up 15 seconds after the first unanswered ping."""
        link = PingedLink(self.clock)
        Pinger(self.clock, 5.0).add(link)
        pump(self.clock, 19)
        self.assertEqual(link.aborted, [])
        pump(self.clock, 1.5)
        self.assertEqual([reason for _, reason in link.aborted], ["no answer to a ping for 15 seconds"])
        self.assertEqual(link.pinged, [5, 10, 15])

    def test_longInterval(self) -> None:
        """If three intervals are longer than 15 seconds, they count."""
        link = PingedLink(self.clock)
        Pinger(self.clock, 10.0).add(link)
        pump(self.clock, 39)
        self.assertEqual(link.aborted, [])
        pump(self.clock, 2)
        self.assertEqual(len(link.aborted), 1)

    def test_excuse(self) -> None:
        """While there is an excuse, no time counts."""
        link = PingedLink(self.clock)
        link.excuse = True
        Pinger(self.clock, 5.0).add(link)
        pump(self.clock, 60)
        link.excuse = False
        self.assertEqual(link.aborted, [])
        pump(self.clock, 9)
        self.assertEqual(link.aborted, [])
        pump(self.clock, 6)
        self.assertEqual(len(link.aborted), 1)

    def test_remove(self) -> None:
        """A link that is gone is not pinged, and without links there is no timer."""
        pinger = Pinger(self.clock, 5.0)
        link, other = PingedLink(self.clock), PingedLink(self.clock, answers=True)
        pinger.add(link)
        pinger.add(other)
        pinger.remove(link)
        pinger.remove(link)
        pump(self.clock, 6)
        self.assertEqual((link.pinged, len(other.pinged)), ([], 1))
        pinger.remove(other)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slices(self) -> None:
        """When many are due at the same time, they are pinged in several turns."""
        self.clock = TurnClock()
        pinger = Pinger(self.clock, 5.0)
        links = [PingedLink(self.clock, answers=True) for _ in range(SLICE + 1)]
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
        link, other = PingedLink(self.clock), PingedLink(self.clock)

        def ping() -> None:
            pinger.remove(link)
            pinger.remove(other)

        self.patch(link, "ping", ping)
        pinger.add(link)
        pinger.add(other)
        pump(self.clock, 20)
        self.assertEqual(other.pinged, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
