"""
Log lines that strangers can cause, and so cause at any rate.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

__all__ = ["RareNotice"]

INTERVAL = 10.0
"""Seconds between two lines of one notice: enough to see that something goes on, too few to fill a disk."""


class RareNotice:
    """One kind of warning, written at most every L{INTERVAL} seconds; the next line says how many were left out."""

    def __init__(self, log: Logger, clock: IReactorTime) -> None:
        self._log = log
        self._clock = clock
        self._next = float("-inf")
        self._suppressed = 0

    def warn(self, format: str, **values: object) -> None:
        """
        Write the line, unless there was one a moment ago.

        @param format: A format of L{twisted.logger}.
        """
        now = self._clock.seconds()
        if now < self._next:
            self._suppressed += 1
            return
        self._next = now + INTERVAL
        if self._suppressed:
            format += " ({suppressed} more like it were not logged)"
            values["suppressed"] = self._suppressed
            self._suppressed = 0
        self._log.warn(format, **values)
