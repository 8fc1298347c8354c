"""
Tests for L{jetjstp.links.deathwatch}, on acknowledgements that are made up.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.causes import Cause
from jetjstp.links.deathwatch import LOOK_INTERVAL, SLICE, Acknowledgements, DeathWatch
from tests.links.clocks import TURN, TurnClock

DEAD_AFTER = 15.0


class FakeLink:
    """What a link shows of itself."""

    address = "10.0.0.1"
    watched = False

    def __init__(self) -> None:
        self.aborted: list[str] = []

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """Remember it."""
        self.aborted.append(reason)


class DeathWatchTests(SynchronousTestCase):
    """Who is watched, and who is dead."""

    def setUp(self) -> None:
        self.clock = TurnClock()
        self.state: Acknowledgements | None = None
        self.looks = 0
        self.watch = DeathWatch(self.clock, DEAD_AFTER, self.look)
        self.link = FakeLink()
        self.connection = cast(Connection, object())

    def look(self, connection: Connection) -> Acknowledgements | None:
        """Show the state that the test has set."""
        self.looks += 1
        return self.state

    def pump(self, seconds: float, silentFrom: float | None = None) -> None:
        """Let time pass in small steps; the peer is silent since a moment, if that is given."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(0.5)
            if self.state is not None and silentFrom is not None:
                self.state = self.state._replace(silentFor=self.clock.seconds() - silentFrom)

    def test_dead(self) -> None:
        """A peer that acknowledges nothing and is silent is gone after the time for that, and little more."""
        self.watch.watch(self.link, self.connection)
        self.state = Acknowledgements(100, 1, 0, 0.0)
        self.pump(DEAD_AFTER - 0.5, silentFrom=0.0)
        self.assertEqual(self.link.aborted, [])
        self.pump(LOOK_INTERVAL + 0.5, silentFrom=0.0)
        self.assertEqual(self.link.aborted, ["the peer does not acknowledge what it is sent"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_acknowledged(self) -> None:
        """A link whose data has arrived is not watched any more, and no timer runs without links."""
        self.watch.watch(self.link, self.connection)
        self.assertTrue(self.link.watched)
        self.pump(LOOK_INTERVAL)
        self.assertFalse(self.link.watched)
        self.assertEqual((self.looks, self.clock.getDelayedCalls()), (1, []))
        self.watch.watch(self.link, self.connection)
        self.pump(LOOK_INTERVAL)
        self.assertEqual(self.looks, 2)

    def test_freshData(self) -> None:
        """Data sent after a long silence gives the peer time, though its last sign of life is old."""
        self.watch.watch(self.link, self.connection)
        self.state = Acknowledgements(100, 1, 0, 3600.0)
        self.pump(2 * LOOK_INTERVAL)
        self.state = None
        self.pump(LOOK_INTERVAL)
        self.assertEqual(self.link.aborted, [])

    def test_newDataEachTime(self) -> None:
        """A peer that acknowledges is alive, even if there is something on its way whenever we look."""
        self.watch.watch(self.link, self.connection)
        self.state = Acknowledgements(100, 1, 0, 0.1)
        self.pump(10 * DEAD_AFTER)
        self.assertEqual(self.link.aborted, [])

    def test_doesNotRead(self) -> None:
        """A peer that takes nothing but answers the system's questions lives, however old the last answer is."""
        self.watch.watch(self.link, self.connection)
        self.state = Acknowledgements(100_000, 0, 0, 60.0)
        self.pump(60)
        # A question is on its way, or one was lost.
        self.state = Acknowledgements(100_000, 0, 1, 120.0)
        self.pump(60)
        self.assertEqual(self.link.aborted, [])
        self.assertTrue(self.link.watched)

    def test_diedWithoutReading(self) -> None:
        """A peer that takes nothing and leaves the system's questions unanswered is gone."""
        self.watch.watch(self.link, self.connection)
        self.state = Acknowledgements(100_000, 0, 2, 60.0)
        self.pump(4 * LOOK_INTERVAL)
        self.assertEqual(len(self.link.aborted), 1)

    def test_forget(self) -> None:
        """A link that is gone is not looked at, and leaves no timer behind."""
        self.watch.watch(self.link, self.connection)
        self.watch.forget(self.link)
        self.watch.forget(self.link)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slices(self) -> None:
        """Many links are looked at in slices, and each of them once in an interval."""
        links = [FakeLink() for _ in range(2 * SLICE + 1)]
        for link in links:
            self.watch.watch(link, self.connection)
        self.state = Acknowledgements(1, 0, 0, 0.0)
        self.clock.advance(LOOK_INTERVAL)
        self.assertEqual(self.looks, SLICE)
        self.clock.advance(TURN)
        self.assertEqual(self.looks, 2 * SLICE)
        # One that goes between two slices.
        self.watch.forget(links[-1])
        self.clock.advance(TURN)
        self.clock.advance(LOOK_INTERVAL / 2)
        self.assertEqual(self.looks, 2 * SLICE)
        self.clock.advance(LOOK_INTERVAL / 2)
        self.assertEqual(self.looks, 3 * SLICE)

    def test_othersGoMeanwhile(self) -> None:
        """Aborting one link may take others with it."""
        other = FakeLink()
        self.watch.watch(self.link, self.connection)
        self.watch.watch(other, self.connection)
        self.patch(self.link, "abortBecause", lambda reason, cause: self.watch.forget(other))
        self.state = Acknowledgements(100, 1, 0, 60.0)
        self.pump(5 * LOOK_INTERVAL)
        self.assertEqual(other.aborted, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
