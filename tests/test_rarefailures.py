"""
Tests for L{jetjstp.rarefailures}.
"""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.rarefailures import FULL, INTERVAL, RareFailures


def fail() -> None:
    """What fails."""
    raise ValueError("no")


class Unhashable:
    """What can be called and has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None: ...


class RareFailuresTests(SynchronousTestCase):
    """Failures that are not logged too often."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.failures = RareFailures(self.clock.seconds)

    def logged(self, function: Any, times: int) -> list[str]:
        """The lines that so many failures make."""
        try:
            fail()
        except ValueError:
            failure = Failure()
        with capturedLogs() as events:
            for number in range(times):
                self.failures.log(Logger(), function, "call {number} failed", failure, number=number)
        for event in events:
            self.assertIs(event["log_failure"], failure)
        self.flushLoggedErrors(ValueError)
        return [formatEvent(event) for event in events]

    def test_rate(self) -> None:
        """The first failures are logged in full, the others are counted, and the next line after that says how many."""
        first = [f"call {number} failed" for number in range(FULL)]
        self.assertEqual(self.logged(fail, FULL + 7), first)
        self.clock.advance(INTERVAL - 0.1)
        self.assertEqual(self.logged(fail, 2), [])
        self.clock.advance(0.1)
        again = self.logged(fail, FULL + 1)
        self.assertEqual(again, [f"{first[0]} (9 more failures of it were not logged)", *first[1:]])
        self.clock.advance(INTERVAL)
        self.assertEqual(self.logged(fail, 1), ["call 0 failed (1 more failures of it were not logged)"])

    def test_each(self) -> None:
        """Each function counts for itself; methods do so as functions, and so does what is partially applied."""
        for other in (lambda: None, self.setUp, partial(self.tearDown), Unhashable(), self, len, Clock):
            self.assertEqual(len(self.logged(other, FULL + 1)), FULL)
            self.assertEqual(self.logged(other, 1), [])
        self.assertEqual(self.logged(RareFailuresTests.setUp, 1), [])
        self.assertEqual(self.logged(partial(partial(self.setUp)), 1), [])
        self.assertEqual(self.logged(Unhashable(), 1), [])

    def test_forgotten(self) -> None:
        """Functions that are no more are not kept."""

        def function() -> None: ...

        self.logged(function, 1)
        self.assertEqual(len(self.failures._counts), 1)
        del function
        gc.collect()
        self.assertEqual(len(self.failures._counts), 0)
