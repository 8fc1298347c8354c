"""Tests of L{jetjstp.jstp.heartbeat}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from tests.jstp.pairs import DOWN, UP, WAIT, Pair


class HeartbeatTests(SynchronousTestCase):
    """The pings of a client's connection."""

    def setUp(self) -> None:
        """Connect, and count the pings."""
        self.pair = Pair(Application("app", {}, {"i": {"e": lambda connection, value: None}}))
        self.connection: Any = self.pair.connect()
        self.pings = 0
        self.pair.served.on("incomingMessage", self.count)

    def count(self, message: Any) -> None:
        """A message has reached the server."""
        self.pings += "ping" in message

    def timers(self) -> int:
        """How many calls are due."""
        return len(self.pair.clock.getDelayedCalls())

    def test_interval(self) -> None:
        """There is one ping for each interval, whatever else is going on."""
        self.connection.startHeartbeat(2.0)
        for _ in range(9):
            self.connection.emitRemoteEvent("i", "e", [1])
            self.pair.wait(1.0)
        self.assertEqual(self.pings, 4)

    def test_keepsTheBufferShort(self) -> None:
        """The pongs acknowledge what was sent before."""
        self.connection.startHeartbeat(1.0)
        for _ in range(50):
            self.connection.emitRemoteEvent("i", "e", [1])
        self.pair.wait(1.1)
        self.assertEqual(self.connection.session.buffered, 0)

    def test_oneTimer(self) -> None:
        """However often it is started, there is one timer; when it is stopped there is none."""
        before = self.timers()
        for _ in range(3):
            self.connection.startHeartbeat(2.0)
        self.pair.wait(5.0)
        self.assertEqual(self.timers(), before + 1)
        self.connection.stopHeartbeat()
        self.assertEqual(self.timers(), before)
        self.pair.wait(5.0)
        self.assertEqual(self.pings, 2)

    def test_deadPeer(self) -> None:
        """When nothing at all comes for two and a half intervals, the connection is lost, and comes back."""
        self.connection.startHeartbeat(2.0)
        self.pair.hold(DOWN)
        self.pair.wait(4.9)
        self.assertTrue(self.connection.isConnected)
        self.pair.wait(0.2)
        self.assertFalse(self.connection.isConnected)
        self.pair.release(DOWN)
        self.pair.wait(2 * WAIT)
        self.assertTrue(self.connection.isConnected)
        self.pair.wait(10.0)
        self.assertEqual(len(self.pair.wires), 2)

    def test_timeout(self) -> None:
        """How long silence may last can be said, shorter than an interval, too."""
        self.connection.startHeartbeat(5.0, 1.0)
        self.pair.hold(DOWN)
        self.pair.wait(1.1)
        self.assertFalse(self.connection.isConnected)

    def test_anyDataCounts(self) -> None:
        """A peer that does not answer pings but says something else is there."""
        self.connection.startHeartbeat(1.0)
        self.pair.hold(UP)
        for _ in range(10):
            self.pair.served.emitRemoteEvent("i", "e", [1])
            self.pair.wait(1.0)
        self.assertTrue(self.connection.isConnected)

    def test_heldReadingIsNoSilence(self) -> None:
        """While it is we who do not read, nobody is lost."""
        served = self.pair.served
        served.startHeartbeat(1.0)
        self.pair.hold(DOWN)
        for _ in range(3):
            served.emitRemoteEvent("i", "e", ["a" * 65536])
        self.pair.wait(10.0)
        self.assertTrue(served.isHeld)
        self.assertTrue(served.isConnected)

    def test_restored(self) -> None:
        """A connection that is back is asked again, with one timer."""
        self.connection.startHeartbeat(2.0)
        self.pair.wait(2.1)
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        before = self.timers()
        self.pair.wait(6.1)
        self.assertEqual(self.pings, 4)
        self.assertEqual(self.timers(), before)

    def test_milliseconds(self) -> None:
        """Intervals are seconds; who seems to mean something else is told so."""
        for interval in (0, -1, 1_000_000, float("nan")):
            self.assertRaises(ValueError, self.connection.startHeartbeat, interval)
        self.assertRaises(ValueError, self.connection.startHeartbeat, 5.0, -1.0)

    def test_ping(self) -> None:
        """A ping fires with the seconds that it took, and fails without a session."""
        took: list[float] = []
        self.pair.hold(DOWN)
        self.connection.ping().addCallback(took.append)
        self.pair.wait(0.5)
        self.pair.release(DOWN)
        self.pair.settle()
        self.assertApproximates(took[0], 0.5, 0.06)
