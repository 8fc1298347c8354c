"""
Pings at regular intervals, for all links of a factory with one timer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from jetjstp.causes import Cause

__all__ = ["Pingable", "Pinger"]

PATIENCE = 15.0
"""Seconds that a peer may leave a ping unanswered, at least; three intervals if those are longer."""

SLICE = 500
"""Links pinged in one turn of the reactor: a millisecond or two. The rest follows in the next."""


class Pingable(Protocol):
    """A link, as seen from here."""

    unansweredSince: float | None
    """When the first ping that is not answered was sent; the link sets it to L{None} at each sign of life."""

    def hasExcuse(self) -> bool:
        """Whether something else than its death explains that a peer has not answered. Asked before L{ping}."""

    def ping(self) -> None:
        """Send one."""

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """End the connection at once."""


class Pinger:
    """Pings each link once in an interval, and aborts those that do not answer."""

    def __init__(self, clock: IReactorTime, interval: float) -> None:
        """
        @param interval: Seconds.
        """
        self._clock = clock
        self._interval = interval
        self._patience = max(PATIENCE, 3 * interval)
        # When each is due, the next one first: all wait equally long. Not a plain dict, whose first entry is ever more
        # expensive to find when entries are removed from the front.
        self._due: OrderedDict[Pingable, float] = OrderedDict()
        self._call: IDelayedCall | None = None

    def add(self, link: Pingable) -> None:
        """Ping this link from now on, first after one interval."""
        self._due[link] = self._clock.seconds() + self._interval
        if self._call is None:
            self._call = self._clock.callLater(self._interval, self._ping)

    def remove(self, link: Pingable) -> None:
        """The link is gone. One that is not there is no error."""
        self._due.pop(link, None)
        if not self._due and self._call is not None:
            self._call.cancel()
            self._call = None

    def _ping(self) -> None:
        self._call = None
        now = self._clock.seconds()
        for _ in range(min(SLICE, len(self._due))):
            link = next(iter(self._due), None)
            if link is None or self._due[link] > now:
                break
            # First the order: what follows may remove this link, or others.
            self._due[link] = now + self._interval
            self._due.move_to_end(link)
            self._pingOne(link, now)
        first = next(iter(self._due.values()), None)
        if first is not None and self._call is None:
            self._call = self._clock.callLater(max(0.0, first - now), self._ping)

    def _pingOne(self, link: Pingable, now: float) -> None:
        since = link.unansweredSince
        if since is not None and link.hasExcuse():
            since = None
        if since is not None and now - since >= self._patience:
            link.abortBecause(f"no answer to a ping for {now - since:.0f} seconds", Cause.SILENT)
            return
        link.unansweredSince = now if since is None else since
        link.ping()
