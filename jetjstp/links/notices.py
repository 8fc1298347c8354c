"""
Log lines that strangers can cause, and so cause at any rate.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from jetjstp.loglines import tell

__all__ = ["MOST_DROPS", "RareNotice"]

INTERVAL = 10.0
"""Seconds between two lines of one notice: enough to see that something goes on, too few to fill a disk."""

MOST_DROPS = 20
"""Lines in that time about peers that were dropped: each is about somebody else."""


class RareNotice:
    """
    One kind of line, written at most so many times in L{INTERVAL} seconds; the next one says how many were left out.
    """

    def __init__(self, log: Logger, clock: IReactorTime, most: int = 1) -> None:
        """
        @param most: Lines in L{INTERVAL} seconds.
        """
        self._log = log
        self._clock = clock
        self._most = most
        self._next = float("-inf")
        self._written = 0
        self._suppressed = 0

    def warn(self, format: str, **values: object) -> None:
        """
        Write a warning, unless there was one a moment ago.

        @param format: A format of L{twisted.logger}.
        """
        suppressed = self._count()
        if suppressed is None:
            return
        if suppressed:
            format += " ({suppressed} more like it were not logged)"
            values["suppressed"] = suppressed
        self._log.warn(format, **values)

    def tell(self, event: str, **values: object) -> None:
        """
        Write a line of an event and fields, see L{jetjstp.loglines}, unless there were enough a moment ago.

        C{suppressed} says how many were left out before it.
        """
        suppressed = self._count()
        if suppressed is not None:
            tell(self._log, event, level=LogLevel.warn, **values, suppressed=suppressed or None)

    def _count(self) -> int | None:
        """How many were left out before the one that may be written now; L{None} if it may not."""
        now = self._clock.seconds()
        if now >= self._next:
            self._next = now + INTERVAL
            self._written = 0
        elif self._written >= self._most:
            self._suppressed += 1
            return None
        self._written += 1
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed
