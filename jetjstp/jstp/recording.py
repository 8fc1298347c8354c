"""
Sessions that are stored while they go on, for servers that may be killed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from jetjstp.jstp.session import Entry, Session

__all__ = ["Recorder"]


class Recorder:
    """
    Records one session, as long as no other server takes it.

    @ivar isEager: Whether everything is recorded before it has an effect: what was received before it is worked on,
        what is sent before it is written. Else whoever has the recorder calls L{record} from time to time.
    @ivar hasFailed: Whether something could not be recorded: then nothing is recorded any more.
    """

    def __init__(
        self, storage: Any, session: Session, epoch: Any, isEager: bool, failed: Callable[[Failure], None]
    ) -> None:
        """
        @param storage: Has C{record} and C{release}, see L{jetjstp.interfaces.ISessionStorage}.
        @param failed: Called when something could not be recorded; nothing is recorded afterwards.
        """
        self.isEager = isEager
        self._storage = storage
        self._session = session
        self._epoch = epoch
        self._failed = failed
        self.hasFailed = False
        # The latest of those that are under way: one goes after the other.
        self._last: Deferred[None] | None = None
        session.startJournal()

    def record(self) -> Deferred[bool] | None:
        """
        Record what has changed.

        @return: L{None} if everything is recorded, or C{hasFailed}; else what fires when either is so, with whether it
            is recorded.
        """
        if self.hasFailed:
            return None
        entries = self._session.takeEntries()
        if entries:
            self._putNext(entries)
        if self._last is None:
            return None
        told: Deferred[bool] = Deferred()
        self._last.addCallback(lambda _: told.callback(not self.hasFailed))
        return told

    def _putNext(self, entries: list[Entry]) -> None:
        if self._last is None:
            putting = self._put(entries)
        else:
            turn = putting = Deferred()
            self._last.addCallback(turn.callback)
            putting.addCallback(lambda _: self._put(entries))
        if not putting.called or putting.paused:
            self._last = putting
            putting.addCallback(self._done, putting)

    def _put(self, entries: list[Entry]) -> Deferred[None]:
        if self.hasFailed:
            return succeed(None)
        recording = maybeDeferred(self._storage.record, self._session.id, self._epoch, entries)
        return recording.addCallbacks(lambda _: None, self._fail)

    def _done(self, _: object, putting: Deferred[None]) -> None:
        if self._last is putting:
            self._last = None

    def _fail(self, failure: Failure) -> None:
        if not self.hasFailed:
            self.hasFailed = True
            self._failed(failure)

    def verify(self) -> Deferred[bool]:
        """Whether the session is still ours."""
        if self.hasFailed:
            return succeed(False)
        verifying = maybeDeferred(self._storage.record, self._session.id, self._epoch, [])
        return verifying.addCallbacks(lambda _: True, self._isTaken)

    def _isTaken(self, failure: Failure) -> bool:
        self._fail(failure)
        return False

    def release(self) -> Deferred[None]:
        """Record the rest, and say that nobody here is connected to the session any more."""
        return self._end(self.record(), self._storage.release)

    def discard(self) -> Deferred[None]:
        """The session is of no use to anybody: have it forgotten if the storage can do that, else released."""
        delete = getattr(self._storage, "delete", None)
        if delete is None:
            return self.release()
        self._session.takeEntries()  # they need not be recorded any more
        return self._end(self.record(), delete)

    def _end(self, recording: Deferred[bool] | None, end: Callable[[str, Any], Any]) -> Deferred[None]:
        if recording is None:
            return self._endNow(end)
        ended: Deferred[None] = Deferred()
        recording.addCallback(lambda _: self._endNow(end).chainDeferred(ended))
        return ended

    def _endNow(self, end: Callable[[str, Any], Any]) -> Deferred[None]:
        if self.hasFailed:
            return succeed(None)
        return maybeDeferred(end, self._session.id, self._epoch).addErrback(self._fail)
