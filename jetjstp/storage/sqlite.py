"""
Sessions in a file: they survive the process, and whatever ends it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Literal, NamedTuple

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.bounds import checkSeconds
from jetjstp.interfaces import IFencedSessionStorage, ISessionStorageFactory, StorageUnavailable
from jetjstp.jstp.session import Entry, Session
from jetjstp.storage.records import Snapshot, changesOf, encodeText
from jetjstp.storage.settings import ABANDONED, DAY, LONGEST_LIFETIME, checkCount
from jetjstp.storage.sqlitefile import SLICE, SessionFile

__all__ = ["SqliteSessionStorage", "SqliteStorageFactory"]

LARGEST_GROUP = 1000
"""How many requests are written with one commit: those behind them are not to wait for ever."""

REFUSALS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What is wrong with one request, not with the file: a text that is too long, above all."""

REMEDIES = {
    "locked": "; another process keeps it, for longer than it should",
    "readonly": "; let this user write it, and in its folder",
    "unable to open": "; let this user write it, and in its folder",
    "full": "; make room",
}
"""By words in what SQLite says."""


class _Request(NamedTuple):
    work: Callable[[SessionFile, float], Any]
    answer: Deferred[Any]


@implementer(IFencedSessionStorage)
class SqliteSessionStorage:
    """
    Keeps sessions in an SQLite file, which several processes of one machine may share.

    A thread does the work, the reactor never waits. What is asked while the thread is writing is written together with
    the next commit, and each Deferred fires when its commit is done. By default that is when the disk has it.

    What is wrong with the file is a L{StorageUnavailable} that names it; the file is left as it is, and tried again at
    the next request.
    """

    _log = Logger()

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        inactiveSessionLifetime: float = DAY,
        abandonedSessionLifetime: float = ABANDONED,
        purgeInterval: float = 3600.0,
        maxSessions: int = 1_000_000,
        synchronous: Literal["full", "normal"] = "full",
        patience: float = 5.0,
        reactor: Any = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param path: The file; it is made if there is none. C{~} is your home.
        @param inactiveSessionLifetime: Seconds for which a session is found that was set inactive, or released.
        @param abandonedSessionLifetime: Seconds after which a session is dropped that was neither, if nothing was
            recorded: its server was killed, and nobody came back. It may be an hour less.
        @param purgeInterval: Seconds between the times at which the room of those that are over is given back.
        @param maxSessions: When there are more, the one is dropped that has been inactive for longest; if none is, the
            one that was used least recently, give or take an hour.
        @param synchronous: C{"full"}: what is recorded survives a power failure. C{"normal"}: it survives a killed
            process, but a power failure may undo the last seconds; the file stays whole.
        @param patience: Seconds for which another process may have the file locked.
        @param reactor: Where Deferreds fire; the global one by default.
        @param now: The time, as C{time.time} tells it.
        @raise ValueError: A value is out of range; the message names it.
        @raise TypeError: A value is of the wrong kind.
        """
        checkSeconds("inactiveSessionLifetime", inactiveSessionLifetime, LONGEST_LIFETIME)
        checkSeconds("abandonedSessionLifetime", abandonedSessionLifetime, LONGEST_LIFETIME)
        checkSeconds("purgeInterval", purgeInterval, DAY)
        checkCount("maxSessions", maxSessions)
        checkSeconds("patience", patience, 600)
        if synchronous not in ("full", "normal"):
            raise ValueError(f"synchronous must be 'full' or 'normal', not {synchronous!r}")
        name = os.path.expanduser(os.fspath(path))
        if not name or "\0" in name:
            raise ValueError(f"{name!r} is not the name of a file")
        try:
            os.fsencode(name)
        except UnicodeEncodeError:
            raise ValueError(f"{name!r} is not the name of a file") from None
        self._path = os.path.abspath(name)
        self._lifetimes = (inactiveSessionLifetime, abandonedSessionLifetime)
        self._purgeInterval = purgeInterval
        self._maxSessions = maxSessions
        self._synchronous = synchronous
        self._patience = patience
        self._reactor = reactor
        self._now = now
        # None is the end.
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._isClosed = False
        self._hasEnded = False
        self._closing: list[Deferred[None]] = []
        # Of the thread
        self._file: SessionFile | None = None
        self._hasSaidFull = False
        self._trouble: str | None = None

    def __repr__(self) -> str:
        return f"<SqliteSessionStorage {self._path!r}>"

    # Life

    def start(self) -> Deferred[None]:
        """
        Open the file, which otherwise the first request does.

        @return: Fails with L{StorageUnavailable} if it is of no use; the message names the file and the remedy.
        """
        return self._ask(lambda file, now: None)

    def check(self) -> Deferred[None]:
        """
        Look whether L{start} would succeed, without making a file that is not there yet.

        @return: Fails as L{start}.
        """
        folder = os.path.dirname(self._path)
        if os.path.lexists(self._path) or not os.path.isdir(folder):
            return self.start()
        if os.access(folder, os.W_OK | os.X_OK):
            return succeed(None)
        reason = "its folder cannot be written to; change that, or name another file"
        return fail(StorageUnavailable(f"session storage {self._path!r}: {reason}"))

    @property
    def trouble(self) -> str | None:
        """Why the last request was of no avail; L{None} if it was not the file that prevented it."""
        return self._trouble

    def close(self) -> Deferred[None]:
        """Do what was asked, then close the file. What is asked later fails."""
        if not self._isClosed:
            self._isClosed = True
            if self._thread is None:
                self._hasEnded = True
            else:
                self._requests.put(None)
        closed: Deferred[None] = Deferred()
        if self._hasEnded:
            closed.callback(None)
        else:
            self._closing.append(closed)
        return closed

    def _end(self) -> None:
        """The thread has nothing more to do."""
        assert self._thread is not None
        self._thread.join()
        self._hasEnded = True
        closing, self._closing = self._closing, []
        for each in closing:
            each.callback(None)

    # Sessions

    def get(self, id: str) -> Deferred[Session | None]:
        """See L{IFencedSessionStorage.get}."""
        key = encodeText(id)
        return self._ask(lambda file, now: file.get(key, now)).addCallback(_whole)

    def set(self, id: str, session: Session) -> Deferred[None]:
        """See L{IFencedSessionStorage.set}. What is not plain JSON raises L{TypeError} or L{ValueError}."""
        key, snapshot = encodeText(id), Snapshot.of(session)
        setting = self._ask(lambda file, now: file.set(key, snapshot, now, self._maxSessions))
        return setting.addCallback(self._dropped)

    def setInactive(self, id: str) -> Deferred[None]:
        """From now on the session may expire. One that is not there is no error."""
        key = encodeText(id)
        return self._ask(lambda file, now: file.setInactive(key, now))

    def take(self, id: str, server: str) -> Deferred[tuple[Session, int] | None]:
        """See L{IFencedSessionStorage.take}."""
        key, name = encodeText(id), server.encode("utf-8", "replace").decode("utf-8")
        return self._ask(lambda file, now: file.take(key, name, now)).addCallback(
            lambda taken: taken and (taken[0].toSession(), taken[1])
        )

    def record(self, id: str, epoch: int, entries: Sequence[Entry]) -> Deferred[None]:
        """See L{IFencedSessionStorage.record}. What is not plain JSON raises L{TypeError} or L{ValueError}."""
        key, changes = encodeText(id), changesOf(entries)
        return self._ask(lambda file, now: file.record(key, epoch, changes, now))

    def release(self, id: str, epoch: int) -> Deferred[None]:
        """See L{IFencedSessionStorage.release}."""
        key = encodeText(id)
        return self._ask(lambda file, now: file.release(key, epoch, now))

    def delete(self, id: str, epoch: int) -> Deferred[None]:
        """Forget a session, for the one who has it; see L{IFencedSessionStorage}."""
        key = encodeText(id)
        return self._ask(lambda file, now: file.delete(key, epoch))

    def _ask(self, work: Callable[[SessionFile, float], Any]) -> Deferred[Any]:
        if self._isClosed:
            return fail(StorageUnavailable(f"session storage {self._path!r} is closed"))
        answer: Deferred[Any] = Deferred()
        self._requests.put(_Request(work, answer))
        if self._thread is None:
            if self._reactor is None:
                from twisted.internet import reactor

                self._reactor = reactor
            # Nobody is promised what has not been answered: the process need not wait for it.
            self._thread = Thread(target=self._run, name="session storage", daemon=True)
            self._thread.start()
        return answer

    # In the thread

    def _run(self) -> None:
        reactor = IReactorFromThreads(self._reactor)
        purge = time.monotonic()
        while True:
            group, isEnd = self._nextGroup(purge - time.monotonic())
            if group:
                reactor.callFromThread(_answer, self._do(group))
            if isEnd:
                break
            if time.monotonic() >= purge:
                purge = time.monotonic() + (0.0 if self._purge() else self._purgeInterval)
        if self._file is not None:
            self._file.close()
        reactor.callFromThread(self._end)

    def _nextGroup(self, seconds: float) -> tuple[list[_Request], bool]:
        """What was asked by now, or is next, or nothing after some seconds; and whether it was the last."""
        group: list[_Request] = []
        try:
            request = self._requests.get(timeout=max(seconds, 0))
            while request is not None:
                group.append(request)
                if len(group) == LARGEST_GROUP:
                    return group, False
                request = self._requests.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _do(self, group: list[_Request]) -> list[tuple[Deferred[Any], Any]]:
        answers: list[tuple[Deferred[Any], Any]] = []
        now = self._now()
        try:
            file = self._open()
            with file.transaction():
                for work, answer in group:
                    try:
                        answers.append((answer, work(file, now)))
                    except REFUSALS as error:
                        answers.append((answer, Failure(ValueError(f"it cannot be stored: {error}"))))
                    except sqlite3.Error:
                        raise
                    except Exception as error:  # SessionTaken above all; it does not concern the others
                        if not file.inTransaction:
                            raise
                        answers.append((answer, Failure(error)))
        except Exception as error:
            reason = self._explain(error)
            self._trouble = str(reason)
            return [(answer, Failure(reason)) for _, answer in group]
        self._trouble = None
        return answers

    def _open(self) -> SessionFile:
        if self._file is None:
            self._file = SessionFile(self._path, self._synchronous, self._patience, self._lifetimes)
        elif self._file.isReplaced:
            # What is written would be gone with us; and others may be at work in the file that is there now.
            raise StorageUnavailable("the file was replaced, or taken away, while it was open")
        return self._file

    def _explain(self, error: Exception) -> Exception:
        """What the callers are told, and what is to become of the file."""
        if not isinstance(error, sqlite3.Error | StorageUnavailable):
            return error
        remedy = ""
        if isinstance(error, sqlite3.OperationalError):
            remedy = next((remedy for words, remedy in REMEDIES.items() if words in str(error)), "")
        elif self._file is not None:
            # It is damaged, and looked at as a whole before it is used again.
            self._file.close()
            self._file = None
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            remedy = "; restore it from a backup, or name another file"
        return StorageUnavailable(f"session storage {self._path!r}: {error}{remedy}")

    def _purge(self) -> bool:
        """Drop some of the sessions that are over; whether there may be more."""
        if self._file is None:
            return False
        try:
            with self._file.transaction():
                return self._file.expire(self._now()) == SLICE
        except Exception as error:  # the thread has to go on
            self._log.error("old sessions are not dropped: {reason}", reason=self._explain(error))
            return False

    def _dropped(self, count: int) -> None:
        if count and not self._hasSaidFull:
            self._log.warn("more than {limit} sessions: old ones are dropped", limit=self._maxSessions)
        self._hasSaidFull = count > 0


def _answer(answers: list[tuple[Deferred[Any], Any]]) -> None:
    for answer, result in answers:
        answer.callback(result)


def _whole(snapshot: Snapshot | None) -> Session | None:
    return None if snapshot is None else snapshot.toSession()


@implementer(IPlugin, ISessionStorageFactory)
class SqliteStorageFactory:
    """Makes a L{SqliteSessionStorage} of C{sqlite:FILE}."""

    name = "sqlite"
    help = "sqlite:FILE  sessions in a file, which is made if there is none; they survive a crash"

    def make(self, argument: str, reactor: IReactorTime) -> SqliteSessionStorage:
        """See L{ISessionStorageFactory.make}."""
        if not argument:
            raise ValueError("no file is named: write sqlite:FILE")
        return SqliteSessionStorage(argument, reactor=reactor)
