"""
Failures of the application's code that strangers can cause, and so cause at any rate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["FULL", "INTERVAL", "OF_PROCESS", "RareFailures", "logRarely"]

FULL = 5
"""Failures of one function that are logged in full: enough to see what is wrong with it, too few to fill a disk."""

INTERVAL = 10.0
"""Seconds for which that holds."""


class _Count:
    """What was logged of one function since C{began}."""

    __slots__ = ("began", "logged", "suppressed")

    def __init__(self, began: float) -> None:
        self.began = began
        self.logged = 0
        self.suppressed = 0


class RareFailures:
    """
    Of each function the first L{FULL} failures in each L{INTERVAL} are logged with their tracebacks. The others are
    counted, and the next line of that function says how many there were.
    """

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        """
        @param seconds: Tells the time.
        """
        self._seconds = seconds
        self._counts: WeakKeyDictionary[object, _Count] = WeakKeyDictionary()

    def log(self, log: Logger, function: object, format: str, failure: Failure, **values: Any) -> None:
        """
        Log a failure, unless the same function has failed often a moment ago.

        @param function: What has failed: a function, a method, an object whose methods fail together.
        @param format: A format of L{twisted.logger}.
        @param values: For the format.
        """
        now = self._seconds()
        count = self._countOf(function, now)
        if now >= count.began + INTERVAL:
            count.began, count.logged = now, 0
        if count.logged >= FULL:
            count.suppressed += 1
            return
        count.logged += 1
        if count.suppressed:
            format += " ({suppressed} more failures of it were not logged)"
            values["suppressed"] = count.suppressed
            count.suppressed = 0
        log.failure(format, failure=failure, **values)

    def _countOf(self, function: object, now: float) -> _Count:
        while isinstance(function, partial):
            function = function.func
        function = getattr(function, "__func__", function)  # a bound method is made anew each time
        try:
            return self._counts.setdefault(function, _Count(now))
        except Exception:  # an object that has no hash, or cannot be referred to weakly
            return self._counts.setdefault(type(function), _Count(now))


OF_PROCESS = RareFailures()
"""A stranger who connects again is not to begin anew."""

logRarely = OF_PROCESS.log
