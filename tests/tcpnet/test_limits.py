"""
Tests for L{jetjstp.tcpnet.limits}.
"""

from __future__ import annotations

from dataclasses import fields

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.tcpnet.limits import Limits


class LimitsTests(SynchronousTestCase):
    """The bounds of a service."""

    def test_positive(self) -> None:
        """Every limit is a positive integer; the error names it."""
        for field in fields(Limits):
            for value in (0, -1, 1.5, True, None, "5"):
                error = self.assertRaises(ValueError, Limits, **{field.name: value})
                self.assertIn(field.name, str(error))

    def test_marks(self) -> None:
        """The hard limit is above the other one."""
        self.assertRaises(ValueError, Limits, highWater=10, hardLimit=10)
