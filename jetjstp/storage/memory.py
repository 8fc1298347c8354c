"""
Sessions in memory: they survive their connections, not the process.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from itertools import count

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from jetjstp.bounds import checkSeconds
from jetjstp.interfaces import IFencedSessionStorage, ISessionStorageFactory
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.session import Entry, Session, Stored
from jetjstp.storage.settings import DAY, checkCount

__all__ = ["MemoryStorageFactory", "SimpleSessionStorageProvider"]

LONGEST_LIFETIME = 366 * DAY

LONGEST_INTERVAL = DAY

SLICE = 1000
"""How many sessions are dropped at a time, before others have their turn."""


class _Kept:
    """
    One session.

    @ivar session: The object that was given, or our own copy.
    @ivar isOwn: Which of the two.
    @ivar epoch: Of the one who has taken it; L{None} if nobody has.
    @ivar server: Who that was, the last time.
    @ivar deadline: When it expires; of no meaning while it is active.
    @ivar size: Of the messages in it when it was set inactive; 0 while it is active.
    """

    __slots__ = ("deadline", "epoch", "isOwn", "server", "session", "size")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.isOwn = False
        self.epoch: int | None = None
        self.server: str | None = None
        self.deadline = 0.0
        self.size = 0


@implementer(IFencedSessionStorage)
class SimpleSessionStorageProvider:
    """
    Keeps sessions in memory.

    A session that is only given with C{set} is kept as it is, and C{get} returns this very object. As soon as somebody
    takes it, it is a copy that is kept, so what an application stores in it has to be plain JSON.

    Active sessions are kept until there is no more room. Nothing is scheduled while all are active.
    """

    _log = Logger()

    def __init__(
        self,
        inactiveSessionLifetime: float = DAY,
        purgeInterval: float = 3600.0,
        maxSessions: int = 100_000,
        reactor: IReactorTime | None = None,
        *,
        maxBytes: int = 256 * 1024 * 1024,
    ) -> None:
        """
        @param inactiveSessionLifetime: Seconds for which a session is found that was set inactive, or released.
        @param purgeInterval: Seconds between the times at which the memory of those that are over is given back.
        @param maxSessions: When there are more, the one is dropped that has been inactive for longest; if none is, the
            one that was used least recently.
        @param reactor: Whose clock counts; the global one by default.
        @param maxBytes: When the messages that wait in inactive sessions are more than this, in bytes, likewise the one
            is dropped that has been inactive for longest.
        @raise ValueError: A value is out of range; the message names it, and what was probably meant.
        @raise TypeError: A value is no number.
        """
        checkSeconds("inactiveSessionLifetime", inactiveSessionLifetime, LONGEST_LIFETIME)
        checkSeconds("purgeInterval", purgeInterval, LONGEST_INTERVAL)
        checkCount("maxSessions", maxSessions)
        checkCount("maxBytes", maxBytes)
        self._lifetime = inactiveSessionLifetime
        self._interval = purgeInterval
        self._maxSessions = maxSessions
        self._maxBytes = maxBytes
        self._bytes = 0
        self._reactor = reactor
        # Both in the order of last use, so of deadlines.
        self._active: OrderedDict[str, _Kept] = OrderedDict()
        self._inactive: OrderedDict[str, _Kept] = OrderedDict()
        # One for all sessions: an epoch does not come again with a session of the same id.
        self._epochs = count(1)
        self._purging: IDelayedCall | None = None
        self._hasSaidFull = False

    def __len__(self) -> int:
        """How many sessions are kept, those that have expired but were not given back yet included."""
        return len(self._active) + len(self._inactive)

    # Whole sessions

    def get(self, id: str) -> Session | None:
        """See L{IFencedSessionStorage.get}."""
        kept = self._use(id)
        if kept is None:
            return None
        return Session.fromString(kept.session.toString()) if kept.isOwn else kept.session

    def set(self, id: str, session: Session) -> None:
        """See L{IFencedSessionStorage.set}."""
        self._pop(id)
        self._active[id] = _Kept(session)
        self._makeRoom()
        self._schedule()

    def setInactive(self, id: str) -> None:
        """From now on the session may expire. One that is not there is no error."""
        kept = self._pop(id)
        if kept is not None:
            self._rest(id, kept)

    # Step by step

    def take(self, id: str, server: str) -> tuple[Session, int] | None:
        """See L{IFencedSessionStorage.take}."""
        kept = self._use(id)
        if kept is None:
            return None
        text = kept.session.toString()
        if not kept.isOwn:
            kept.session = Session.fromString(text)
            kept.isOwn = True
        kept.epoch = next(self._epochs)
        kept.server = server
        return Session.fromString(text), kept.epoch

    def record(self, id: str, epoch: int, entries: Sequence[Entry]) -> None:
        """See L{IFencedSessionStorage.record}. Values that are not plain JSON raise L{TypeError} or L{ValueError}."""
        kept = self._held(id, epoch)
        kept.session.apply([_copied(entry) for entry in entries])
        if id in self._active:
            self._active.move_to_end(id)
        else:
            self._count(kept, kept.session.bufferBytes)
            self._makeRoom()

    def release(self, id: str, epoch: int) -> None:
        """See L{IFencedSessionStorage.release}."""
        kept = self._held(id, epoch)
        kept.epoch = None
        self._pop(id)
        self._rest(id, kept)

    def delete(self, id: str, epoch: int) -> None:
        """Forget a session, for the one who has it; see L{IFencedSessionStorage}."""
        self._held(id, epoch)
        self._pop(id)
        self._schedule()

    # Time and room

    def start(self) -> None:
        """There is nothing to get ready."""

    def close(self) -> None:
        """Forget everything, and leave nothing scheduled."""
        self._active.clear()
        self._inactive.clear()
        self._bytes = 0
        self._schedule()

    def _pop(self, id: str) -> _Kept | None:
        kept = self._active.pop(id, None)
        if kept is None:
            kept = self._inactive.pop(id, None)
            if kept is not None:
                self._count(kept, 0)
        return kept

    def _count(self, kept: _Kept, size: int) -> None:
        self._bytes += size - kept.size
        kept.size = size

    def _held(self, id: str, epoch: int) -> _Kept:
        kept = self._active.get(id) or self._inactive.get(id)
        if kept is None:
            raise SessionTaken("the session is not kept any more")
        if kept.epoch is None:
            raise SessionTaken("the session was released, or replaced")
        if kept.epoch != epoch:
            raise SessionTaken(f"the session was taken by {kept.server}")
        return kept

    def _use(self, id: str) -> _Kept | None:
        """Find a session, and make it active."""
        kept = self._active.get(id)
        if kept is not None:
            self._active.move_to_end(id)
            return kept
        kept = self._pop(id)
        if kept is None:
            return None
        if kept.deadline <= self._clock().seconds():
            kept = None
        else:
            self._active[id] = kept
        self._schedule()
        return kept

    def _rest(self, id: str, kept: _Kept) -> None:
        kept.deadline = self._clock().seconds() + self._lifetime
        self._inactive[id] = kept
        self._count(kept, kept.session.bufferBytes)
        self._makeRoom()
        self._schedule()

    def _makeRoom(self) -> None:
        while len(self) > self._maxSessions or (self._bytes > self._maxBytes and self._inactive):
            if not self._hasSaidFull:
                self._hasSaidFull = True
                isMany = len(self) > self._maxSessions
                limit, what = (self._maxSessions, "sessions") if isMany else (self._maxBytes, "bytes in sessions")
                self._log.warn(f"more than {{limit}} {what}: old ones are dropped", limit=limit)
            self._pop(next(iter(self._inactive or self._active)))

    def _schedule(self) -> None:
        if self._inactive:
            if self._purging is None:
                self._purging = self._clock().callLater(self._interval, self._purge)
        elif self._purging is not None:
            self._purging.cancel()
            self._purging = None

    def _purge(self) -> None:
        self._purging = None
        now = self._clock().seconds()
        for _ in range(SLICE):
            if not self._inactive:
                break
            id, kept = next(iter(self._inactive.items()))
            if kept.deadline > now:
                break
            self._pop(id)
        else:
            self._purging = self._clock().callLater(0, self._purge)
        if len(self) < self._maxSessions and self._bytes < self._maxBytes:
            self._hasSaidFull = False
        self._schedule()

    def _clock(self) -> IReactorTime:
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = IReactorTime(reactor)
        return self._reactor


def _copied(entry: Entry) -> Entry:
    """What an application has stored may change in its hands."""
    if isinstance(entry, Stored) and entry.isPresent:
        return entry._replace(value=json.loads(json.dumps(entry.value, allow_nan=False)))
    return entry


@implementer(IPlugin, ISessionStorageFactory)
class MemoryStorageFactory:
    """Makes a L{SimpleSessionStorageProvider} of C{memory:}."""

    name = "memory"
    help = "memory:  sessions in the memory of the process, which end with it"

    def make(self, argument: str, reactor: IReactorTime) -> SimpleSessionStorageProvider:
        """See L{ISessionStorageFactory.make}."""
        if argument:
            raise ValueError(f"memory: takes nothing behind the colon, so not {argument!r}")
        return SimpleSessionStorageProvider(reactor=reactor)
