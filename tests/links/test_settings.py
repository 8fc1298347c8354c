"""
Tests for L{jetjstp.links.settings}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.bounds import checkNumber, checkSeconds
from jetjstp.links.settings import LinkSettings


class LinkSettingsTests(SynchronousTestCase):
    """The settings of links."""

    def test_defaults(self) -> None:
        """The defaults notice a vanished host after 18 seconds, and are in range."""
        settings = LinkSettings()
        self.assertEqual(settings.keepAliveIdle + settings.keepAliveInterval * settings.keepAliveProbes, 18)
        self.assertIs(settings.idleTimeout, None)

    def test_milliseconds(self) -> None:
        """An interval that looks like milliseconds is refused with the seconds that may have been meant."""
        error = self.assertRaises(ValueError, LinkSettings, keepAliveIdle=5000)
        self.assertEqual(str(error), "keepAliveIdle: 5000 is out of range; seconds; did you mean 5.0?")
        self.assertRaises(ValueError, LinkSettings, keepAliveInterval=4000)
        self.assertRaises(ValueError, LinkSettings, idleTimeout=90_000_000.0)
        self.assertRaises(ValueError, LinkSettings, deadAfter=15000.0)

    def test_outOfRange(self) -> None:
        """Whatever is not above zero, or not a number, is refused, with the name of the setting."""
        for value in 0, -1, float("nan"), float("inf"):
            error = self.assertRaises(ValueError, LinkSettings, idleTimeout=value)
            self.assertEqual(str(error), f"idleTimeout: {value} is out of range; seconds, above 0 and at most 86400")
        self.assertRaises(ValueError, LinkSettings, keepAliveProbes=0)
        self.assertRaises(ValueError, LinkSettings, notSentLowWater=0)
        self.assertRaises(ValueError, LinkSettings, maxConnections=0)

    def test_notANumber(self) -> None:
        """What is no number is a TypeError that names the setting and the value."""
        for value in "5", None, True:
            error = self.assertRaises(TypeError, checkSeconds, "pingInterval", value, 60)
            self.assertEqual(str(error), f"pingInterval: {value!r} is not a number")
            self.assertRaises(TypeError, checkNumber, "pings", value, 1, 2)

    def test_bounds(self) -> None:
        """The bounds themselves are in range."""
        checkSeconds("x", 60, 60)
        checkNumber("x", 1, 1, 2)
        checkNumber("x", 2, 1, 2)
        error = self.assertRaises(ValueError, checkNumber, "x", 3, 1, 2)
        self.assertEqual(str(error), "x: 3 is out of range, 1 to 2")
