"""
Pings for those of whom nothing is heard, for all links of a factory with one
timer.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from jetjstp.causes import Cause

__all__ = ["Listened", "SilenceWatch"]

SLICE = 500
"""Links looked at in one turn of the reactor: a millisecond or two. The rest follows in the next."""


class Listened(Protocol):
    """A link, as seen from here."""

    lastReceived: float
    """When data came in last, or could not because we did not read. The link sets it."""

    def hasExcuse(self) -> bool:
        """Whether something else than its death explains that a peer has not answered. Asked after L{ping}."""

    def ping(self) -> None:
        """Send one."""

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """End the connection at once."""


class _Watch:
    """What is to be done about one link; L{None} is a link that is gone."""

    __slots__ = ("link", "pinged")

    def __init__(self, link: Listened) -> None:
        self.link: Listened | None = link
        # When, if nothing was heard since.
        self.pinged: float | None = None


class SilenceWatch:
    """Pings a link when nothing was received for an interval, and aborts it if still nothing is."""

    def __init__(self, clock: IReactorTime, interval: float, patience: float) -> None:
        """
        @param interval: Seconds without data until a ping.
        @param patience: Seconds from then until the end.
        """
        self._clock = clock
        self._interval = interval
        self._patience = patience
        self._watches: dict[Listened, _Watch] = {}
        # When to look at each; the number keeps equal times apart. Those that are gone stay until their time.
        self._due: list[tuple[float, int, _Watch]] = []
        self._numbers = count()
        self._call: IDelayedCall | None = None

    def add(self, link: Listened) -> None:
        """Listen to this link from now on."""
        watch = self._watches[link] = _Watch(link)
        self._lookAt(watch, self._clock.seconds() + self._interval)
        self._schedule()

    def remove(self, link: Listened) -> None:
        """The link is gone. One that is not there is no error."""
        watch = self._watches.pop(link, None)
        if watch is not None:
            watch.link = None
        if not self._watches:
            self._due.clear()
            if self._call is not None:
                self._call.cancel()
                self._call = None

    def _lookAt(self, watch: _Watch, when: float) -> None:
        heappush(self._due, (when, next(self._numbers), watch))

    def _schedule(self) -> None:
        """See to it that we look when the first is due."""
        if self._due:
            when = self._due[0][0]
            if self._call is not None:
                if self._call.getTime() <= when:
                    return
                self._call.cancel()
            self._call = self._clock.callLater(max(0.0, when - self._clock.seconds()), self._look)

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        for _ in range(min(SLICE, len(self._due))):
            if not self._due or self._due[0][0] > now:
                break
            watch = heappop(self._due)[2]
            if watch.link is not None:
                self._judge(watch, watch.link, now)
        self._schedule()

    def _judge(self, watch: _Watch, link: Listened, now: float) -> None:
        """Decide, and say when to look again; what is called may remove this link, or others."""
        pinged = watch.pinged
        if link.lastReceived + self._interval > now or (pinged is not None and link.lastReceived >= pinged):
            watch.pinged = None
            self._lookAt(watch, max(now, link.lastReceived + self._interval))
        elif pinged is None:
            watch.pinged = now
            self._lookAt(watch, now + self._patience)
            link.ping()
        elif link.hasExcuse():
            self._lookAt(watch, now + self._patience)
            link.ping()
        else:
            link.abortBecause(f"nothing received for {now - link.lastReceived:.0f} seconds", Cause.SILENT)
