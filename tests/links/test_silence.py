"""
Tests for L{jetjstp.links.silence}, and for the links that use it.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.silence import SLICE, SilenceWatch
from tests.links.clocks import TURN, TurnClock
from tests.links.dialed import DialedTestCase
from tests.links.frames import clientFrame, clientFrames
from tests.links.pinged import PingedLink, pump
from tests.links.upgrading import WebSocketTestCase


class SilenceWatchTests(SynchronousTestCase):
    """When links are pinged, and when they are given up."""

    def setUp(self) -> None:
        self.clock: Clock = Clock()

    def test_silent(self) -> None:
        """A link of which nothing is heard is pinged after the interval, once, and given up after the patience."""
        link = PingedLink(self.clock)
        watch = SilenceWatch(self.clock, 20.0, 10.0)
        watch.add(link)
        pump(self.clock, 29.875)
        self.assertEqual((link.pinged, link.aborted), ([20], []))
        pump(self.clock, 0.125)
        self.assertEqual((link.pinged, link.aborted), ([20], [(30, "nothing received for 30 seconds")]))
        watch.remove(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_heard(self) -> None:
        """A link that says something from time to time is never pinged."""
        link = PingedLink(self.clock)
        SilenceWatch(self.clock, 20.0, 10.0).add(link)
        for _ in range(10):
            pump(self.clock, 19)
            link.receive()
        self.assertEqual((link.pinged, link.aborted), ([], []))
        pump(self.clock, 19.875)
        self.assertEqual(link.pinged, [])
        pump(self.clock, 0.125)
        self.assertEqual(link.pinged, [210])

    def test_answered(self) -> None:
        """A link that answers is pinged again after another interval, whichever of the two times is the longer one."""
        for interval, patience in (20.0, 10.0), (5.0, 15.0):
            self.clock = Clock()
            link = PingedLink(self.clock, answers=True)
            SilenceWatch(self.clock, interval, patience).add(link)
            pump(self.clock, 100)
            self.assertEqual(link.aborted, [])
            self.assertEqual(link.pinged[0], interval)
            self.assertGreaterEqual(len(link.pinged), 5)

    def test_late(self) -> None:
        """An answer within the patience is one."""
        link = PingedLink(self.clock)
        SilenceWatch(self.clock, 20.0, 10.0).add(link)
        pump(self.clock, 29)
        link.receive()
        pump(self.clock, 19.875)
        self.assertEqual((link.pinged, link.aborted), ([20], []))
        pump(self.clock, 0.125)
        self.assertEqual(link.pinged, [20, 49])
        pump(self.clock, 10)
        self.assertEqual(len(link.aborted), 1)

    def test_excuse(self) -> None:
        """While there is an excuse, the link gets its time anew."""
        link = PingedLink(self.clock)
        link.excuse = True
        SilenceWatch(self.clock, 20.0, 10.0).add(link)
        pump(self.clock, 55)
        self.assertEqual(link.aborted, [])
        link.excuse = False
        pump(self.clock, 5)
        self.assertEqual(len(link.aborted), 1)

    def test_oneTimer(self) -> None:
        """There is one timer for all links, and none without links."""
        watch = SilenceWatch(self.clock, 20.0, 10.0)
        links = [PingedLink(self.clock, answers=True) for _ in range(3)]
        for link in links:
            watch.add(link)
            pump(self.clock, 5)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        pump(self.clock, 20)
        self.assertEqual([link.pinged for link in links], [[20], [25], [30]])
        for link in links:
            watch.remove(link)
            watch.remove(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        pump(self.clock, 100)
        self.assertEqual([len(link.pinged) for link in links], [1, 1, 1])

    def test_slices(self) -> None:
        """When many are due at the same time, they are looked at in several turns."""
        self.clock = TurnClock()
        watch = SilenceWatch(self.clock, 20.0, 10.0)
        links = [PingedLink(self.clock, answers=True) for _ in range(SLICE + 1)]
        for link in links:
            watch.add(link)
        self.clock.advance(20)
        self.assertEqual(sum(len(link.pinged) for link in links), SLICE)
        self.clock.advance(TURN)
        self.assertEqual(sum(len(link.pinged) for link in links), SLICE + 1)

    def test_changedByPing(self) -> None:
        """Links may come and go while others are pinged."""
        watch = SilenceWatch(self.clock, 20.0, 10.0)
        link, other, late = (PingedLink(self.clock) for _ in range(3))

        def ping() -> None:
            watch.remove(link)
            watch.remove(other)
            late.receive()
            watch.add(late)

        self.patch(link, "ping", ping)
        watch.add(link)
        watch.add(other)
        pump(self.clock, 30)
        self.assertEqual((other.pinged, other.aborted, late.pinged), ([], [], []))
        pump(self.clock, 20)
        self.assertEqual((late.pinged, len(late.aborted)), ([40], 1))


class WebSocketTests(WebSocketTestCase):
    """Keeping the server's side of a WebSocket alive."""

    def test_silent(self) -> None:
        """Of whom nothing comes for the interval is pinged, and who stays silent is dropped."""
        link, recorder, transport = self.upgrade(self.makeFactory(pingInterval=20, pingPatience=10))
        self.clock.advance(15)
        link.dataReceived(clientFrame(b"hello"))
        self.clock.advance(19)
        self.assertEqual(transport.value(), b"")
        self.clock.advance(1)
        self.assertEqual(self.written(transport), [(9, b"")])
        self.clock.advance(10)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(recorder.events[-1], ("lost", "nothing received for 30 seconds"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_anything(self) -> None:
        """Whatever comes is a sign of life: a pong, a message, a part of one."""
        link, _, transport = self.upgrade(self.makeFactory(pingInterval=20, pingPatience=10))
        long = clientFrame(b"x" * 5000)
        for sign in clientFrame(b"", opcode=10), clientFrame(b"x"), long[:100], long[100:]:
            self.clock.advance(20)
            self.assertEqual(self.written(transport), [(9, b"")])
            self.clock.advance(9)
            link.dataReceived(sign)
        self.assertFalse(transport.disconnected)

    def test_paused(self) -> None:
        """While we do not read, nobody is dropped for what we cannot hear, nor right when we read again."""
        link, _, transport = self.upgrade(self.makeFactory(pingInterval=20, pingPatience=10))
        link.pauseReading()
        for _ in range(10):
            self.clock.advance(10)
        link.resumeReading()
        for _ in range(2):
            self.clock.advance(10)
        self.assertFalse(transport.disconnected)
        self.clock.advance(10)
        self.assertTrue(transport.disconnected)


class DialedTests(DialedTestCase):
    """Keeping the client's side alive."""

    def test_silent(self) -> None:
        """A server that says nothing is pinged, and given up."""
        link, transport = self.open(self.makeFactory(pingInterval=20, pingPatience=10))
        transport.clear()
        self.clock.advance(20)
        self.assertEqual([(first, payload) for first, _, payload in clientFrames(transport.value())], [(0x89, b"")])
        self.clock.advance(10)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(self.recorder.events[-1], ("lost", "nothing received for 30 seconds"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
