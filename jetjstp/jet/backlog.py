"""
What waits for a slow client.

One queue, so that nothing overtakes anything. While a client is merely a little
behind, everything is kept as it was sent. Once it is far behind, of each fetch
and path only the newest value is kept, at the place of its last change:
states allow that. Such entries hold no bytes of their own, they are encoded
when the client can take them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jetjstp.jet.elements import Element
    from jetjstp.jet.fetching import Fetch

__all__ = ["Backlog", "Event", "Pool"]

ENTRY_COST = 256
"""Bytes that an entry without a frame counts for: what the queue spends on it."""


class Event(Enum):
    """What a fetch tells of an element."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class _Pending(NamedTuple):
    """
    The newest news of one path.

    @ivar removed: The element that the client still knows of and that has to be removed first.
    @ivar event: What then is to be told of C{element}; L{None} for nothing more.
    """

    fetch: Fetch
    removed: Element | None
    event: Event | None
    element: Element | None

    def frames(self) -> list[bytes]:
        if self.fetch.dead:
            return []
        if self.element is None and self.removed is None:
            return self.fetch.difference()
        frames = []
        if self.removed is not None:
            frames.append(self.fetch.frameOf(Event.REMOVE, self.removed))
        if self.element is not None and self.event is not None:
            frames.append(self.fetch.frameOf(self.event, self.element))
        return frames


_Key = int | tuple["Fetch", str | None]


class Backlog:
    """
    The queue of one client.

    @ivar size: Bytes that it holds; entries without a frame count as L{ENTRY_COST}.
    @ivar overflowed: Called once, when it holds more than its limit.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.overflowed: Callable[[], None] | None = None
        self._limit = limit
        self._pool: Pool | None = None
        self._queue: dict[_Key, bytes | _Pending] = {}
        self._serial = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def append(self, frame: bytes) -> None:
        """Keep a frame as it is."""
        self._serial += 1
        self._queue[self._serial] = frame
        self._grow(len(frame))

    def join(self, pool: Pool, besides: int) -> None:
        """
        From now on count for a pool, too.

        @param besides: Bytes that are held for the same client elsewhere.
        """
        self.leave()
        self._pool = pool
        pool.add(self, besides)

    def leave(self) -> None:
        """Count for no pool any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.remove(self)

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > self._limit:
            self.overflow()
        if self._pool is not None:
            self._pool.grow(size)

    def _shrink(self, size: int) -> None:
        self.size -= size
        if self._pool is not None:
            self._pool.shrink(size)

    def overflow(self) -> None:
        """It holds too much."""
        if self.overflowed is not None:
            overflowed, self.overflowed = self.overflowed, None
            overflowed()

    def holds(self, fetch: Fetch, path: str | None) -> bool:
        """Whether newer news of this path has to join what is waiting."""
        return (fetch, path) in self._queue

    def put(self, fetch: Fetch, event: Event, element: Element) -> None:
        """Keep only the newest of what a fetch tells of a path."""
        key = (fetch, element.path)
        pending = self._queue.pop(key, None)
        if pending is None:
            self._grow(ENTRY_COST)
            if event is Event.REMOVE:
                news = _Pending(fetch, element, None, None)
            else:
                news = _Pending(fetch, None, event, element)
        else:
            assert isinstance(pending, _Pending)
            if event is Event.REMOVE:
                known = element if pending.event is Event.CHANGE else pending.removed
                if known is None:  # it came and went unseen
                    self._shrink(ENTRY_COST)
                    return
                news = _Pending(fetch, known, None, None)
            elif event is Event.ADD:
                news = _Pending(fetch, pending.removed, Event.ADD, element)
            else:
                news = _Pending(fetch, pending.removed, pending.event, element)
        self._queue[key] = news

    def touch(self, fetch: Fetch) -> None:
        """A sorted fetch is to send the difference to what it sent last."""
        if self._queue.pop((fetch, None), None) is None:
            self._grow(ENTRY_COST)
        self._queue[fetch, None] = _Pending(fetch, None, None, None)

    def take(self, limit: int) -> list[bytes]:
        """Remove the oldest entries, about as many as fill C{limit} bytes, and encode them."""
        taken: list[bytes] = []
        total = 0
        while self._queue and total < limit:
            key = next(iter(self._queue))
            entry = self._queue.pop(key)
            if isinstance(entry, bytes):
                frames = [entry]
                self._shrink(len(entry))
            else:
                frames = entry.frames()
                self._shrink(ENTRY_COST)
            taken += frames
            total += sum(map(len, frames))
        return taken

    def clear(self) -> None:
        self._queue.clear()
        self._shrink(self.size)


class Pool:
    """
    What several backlogs may hold together, so that many clients that take nothing cost no more memory than is known.
    When it is too much, the largest of them overflows.

    @ivar size: Bytes that they hold.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._members: dict[Backlog, int] = {}

    def add(self, backlog: Backlog, besides: int) -> None:
        """Only for L{Backlog.join}."""
        self._members[backlog] = besides
        self.grow(backlog.size + besides)

    def remove(self, backlog: Backlog) -> None:
        """Only for L{Backlog.leave}."""
        self.size -= backlog.size + self._members.pop(backlog)

    def grow(self, size: int) -> None:
        """One of them holds more."""
        self.size += size
        while self.size > self._limit and self._members:
            largest = max(self._members, key=lambda backlog: backlog.size + self._members[backlog])
            largest.leave()
            largest.overflow()

    def shrink(self, size: int) -> None:
        """One of them holds less."""
        self.size -= size
