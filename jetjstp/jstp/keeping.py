"""
Sessions whose clients may come back: at hand for a while, and in the storage
(sections 7.3 and 7.4).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp.applications import Application, checkSessionStorage
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.recording import Recorder
from jetjstp.jstp.session import Session
from jetjstp.links.notices import RareNotice

if TYPE_CHECKING:
    from jetjstp.jstp.connection import Connection

__all__ = ["Durability", "Keeping"]

Durability = Literal["handover", "always"]

RECORDING_INTERVAL = 1.0
"""Seconds between records of what is not recorded at once."""


class _Away:
    """
    A client without a transport.

    @ivar due: When it is forgotten.
    @ivar stored: The number of the message that was sent last when the session was stored.
    @ivar size: Of the messages that wait for it.
    """

    __slots__ = ("due", "size", "stored")

    def __init__(self, due: float, stored: int, size: int) -> None:
        self.due = due
        self.stored = stored
        self.size = size


class Keeping:
    """
    The sessions of a server.

    Without a durability a session is stored as a whole when its connection is lost. With one it is recorded while it
    goes on, and no two servers hold it at a time: every second and at the end (C{"handover"}), or before anything that
    was received or is sent has an effect (C{"always"}).

    @ivar dropped: How many sessions have become useless.
    @ivar failures: How often the storage failed.
    """

    _log = Logger()

    def __init__(
        self, provider: Any, durability: Durability | None, expirationTime: float, limits: Limits, clock: IReactorTime
    ) -> None:
        """
        @param expirationTime: Seconds for which a connection is at hand after its transport is gone.
        """
        if durability not in (None, "handover", "always"):
            raise ValueError(f"sessionDurability must be 'handover', 'always' or None, not {durability!r}")
        checkSessionStorage(provider)
        if durability is not None:
            _checkRecords("sessionStorageProvider", provider)
        self.dropped = 0
        self.failures = 0
        self._provider = provider
        self._durability = durability
        self._expirationTime = expirationTime
        self._limits = limits
        self._clock = clock
        self._serverId = str(uuid4())
        self._known: dict[str, Connection] = {}
        # Those without a transport; the first one is due first.
        self._away: OrderedDict[Connection, _Away] = OrderedDict()
        self._awayBytes = 0
        self._dropped: OrderedDict[str, None] = OrderedDict()
        self._expiry: IDelayedCall | None = None
        self._tick: IDelayedCall | None = None
        self._storing: set[Deferred[Any]] = set()
        # By the id of the session: who asks for it while somebody else does has to wait.
        self._searches: dict[str, DeferredLock] = {}
        self._isClosed = False
        # When a storage goes away, it does so for all at a time.
        self._notices = {what: RareNotice(self._log, clock) for what in ("stored", "recorded", "found")}
        self._crowded = RareNotice(self._log, clock)

    # Figures

    @property
    def atHand(self) -> int:
        """How many sessions have their connection here, with or without a transport."""
        return len(self._known)

    @property
    def away(self) -> int:
        """How many of those have no transport."""
        return len(self._away)

    def measure(self) -> tuple[int, int]:
        """The calls that are being answered, and the bytes that wait for those who are away. Looks at each session."""
        return sum(connection.runningCalls for connection in self._known.values()), self._awayBytes

    # At hand

    def known(self, id: str) -> Connection | None:
        """The connection of a session."""
        return self._known.get(id)

    def connected(self, connection: Connection) -> None:
        """A connection has its session, and a transport."""
        assert connection.session is not None
        self._known[connection.session.id] = connection
        self._isBack(connection)
        if connection.recorder is not None and self._tick is None and not self._isClosed:
            self._tick = self._clock.callLater(RECORDING_INTERVAL, self._recordAll)

    def lost(self, connection: Connection) -> None:
        """Its transport is gone."""
        session = connection.session
        if session is None or self._known.get(session.id) is not connection:
            return
        if connection.recorder is not None:
            self.watch(connection.recorder.record())
        else:
            self._store(connection.application, session)
        due = self._clock.seconds() + self._expirationTime
        self._away[connection] = _Away(due, session.latestBufferedMessageId, session.bufferBytes)
        self._awayBytes += session.bufferBytes
        self._makeRoom()
        if self._expiry is None:
            self._expiry = self._clock.callLater(self._expirationTime, self._expire)

    def buffered(self, connection: Connection) -> None:
        """Something more waits for a client that is away."""
        away, session = self._away.get(connection), connection.session
        if away is not None and session is not None:
            self._awayBytes += session.bufferBytes - away.size
            away.size = session.bufferBytes
            self._makeRoom()

    def _makeRoom(self) -> None:
        limits = self._limits
        while len(self._away) > limits.sessions or (self._awayBytes > limits.awayBytes and self._away):
            limit = "sessions" if len(self._away) > limits.sessions else "awayBytes"
            connection = next(iter(self._away))
            self._crowded.warn("{connection} is forgotten: {limit} is reached", connection=connection, limit=limit)
            self._forget(connection)

    def _isBack(self, connection: Connection) -> _Away | None:
        away = self._away.pop(connection, None)
        if away is not None:
            self._awayBytes -= away.size
        return away

    def drop(self, connection: Connection) -> None:
        """A session has become useless: who asks for it is told that there is none."""
        self.dropped += 1
        if connection.session is not None:
            self._dropped[connection.session.id] = None
            if len(self._dropped) > self._limits.sessions:
                self._dropped.popitem(last=False)
        recorder, connection.recorder = connection.recorder, None
        if recorder is not None:
            self.watch(recorder.discard())
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        away = self._isBack(connection)
        session = connection.session
        if session is not None and self._known.get(session.id) is connection:
            del self._known[session.id]
            if (
                away is not None
                and away.stored != session.latestBufferedMessageId
                and self._durability is None
                and session.id not in self._dropped
            ):
                # Once more: what it was sent meanwhile waits for it.
                self._store(connection.application, session)
        recorder, connection.recorder = connection.recorder, None
        if recorder is not None:
            self.watch(recorder.release())
        connection.over()

    def _expire(self) -> None:
        self._expiry = None
        now = self._clock.seconds()
        while self._away:
            connection, away = next(iter(self._away.items()))
            if away.due > now:
                self._expiry = self._clock.callLater(away.due - now, self._expire)
                return
            self._forget(connection)

    def close(self) -> Deferred[None]:
        """
        Forget all, when what was recorded as received is worked on; fires when everything is stored, and nobody waits
        for the storage any more.
        """
        self._isClosed = True
        for connection in list(self._known.values()):
            settling = connection.settle()
            if settling is None:
                self._forget(connection)
            else:
                self.watch(settling.addCallback(self._settled, connection))
        for call in (self._expiry, self._tick):
            if call is not None:
                call.cancel()
        self._expiry = self._tick = None
        return self._allStored()

    def _settled(self, _: object, connection: Connection) -> None:
        self._forget(connection)

    def _allStored(self) -> Deferred[None]:
        # What is done may lead to something more: who is let in too late gives the session back.
        if not self._storing:
            return succeed(None)
        return DeferredList(list(self._storing)).addCallback(lambda _: self._allStored())

    # In the storage

    def check(self, applications: Iterable[Application]) -> None:
        """
        Look at the storages that applications have for themselves.

        @raise TypeError: One cannot do what our durability needs.
        """
        for application in applications:
            storage = application.sessionStorageProvider
            if self._durability is not None and storage is not None:
                _checkRecords(f"sessionStorageProvider of application {application.name!r}", storage)

    def _storageOf(self, application: Application) -> Any:
        return application.sessionStorageProvider or self._provider

    def _store(self, application: Application, session: Session) -> None:
        storage = self._storageOf(application)
        storing = maybeDeferred(storage.set, session.id, session)
        setInactive = getattr(storage, "setInactive", None)
        if setInactive is not None:
            storing.addCallback(lambda _: setInactive(session.id))
        self.watch(storing.addErrback(self._unstored))

    def _unstored(self, failure: Failure) -> None:
        self.failures += 1
        if failure.check(StorageUnavailable):
            self._tellAway("stored", failure)
        else:
            self._log.failure("a session could not be stored", failure=failure)

    def _tellAway(self, what: str, failure: Failure) -> None:
        self._notices[what].warn("a session could not be {what}: {reason}", what=what, reason=failure.getErrorMessage())

    def watch(self, storing: Deferred[Any] | None) -> None:
        """Have L{close} wait for something; its result is of no use afterwards."""
        if storing is not None and (not storing.called or storing.paused):
            self._storing.add(storing)
            storing.addBoth(lambda _: self._storing.discard(storing))

    def find(
        self,
        connection: Connection,
        application: Application,
        id: str,
        isOnly: bool,
        found: Callable[[Session | None], Deferred[None]],
    ) -> Deferred[None]:
        """
        Look for a session that is stored. If several do for the same one, each has to be done before the next begins:
        no two connections are to have it.

        @param isOnly: Whether no other application is served: then sessions that do not say where they belong to, as
            npm's servers store them, can only belong to this one.
        @param found: Called with it; with L{None} if there is none, or it belongs to another application, or it is at
            hand by now. It fires when it has decided.
        @return: Fires then; fails as C{found} does.
        """
        search = self._searches.setdefault(id, DeferredLock())

        def done(result: Any) -> Any:
            if not search.locked and self._searches.get(id) is search:
                del self._searches[id]
            return result

        return search.run(lambda: self._ask(connection, application, id, isOnly).addCallback(found)).addBoth(done)

    def _ask(self, connection: Connection, application: Application, id: str, isOnly: bool) -> Deferred[Session | None]:
        if id in self._dropped or id in self._known:
            return succeed(None)
        storage = self._storageOf(application)
        mayBind = isOnly or application.sessionStorageProvider is not None
        if self._durability is None:
            found = maybeDeferred(storage.get, id)
        else:
            found = maybeDeferred(storage.take, id, self._serverId)
        found.addCallback(self._found, connection, application, mayBind)
        return found.addErrback(self._unread)

    def _found(self, found: Any, connection: Connection, application: Application, mayBind: bool) -> Session | None:
        if not found:
            return None
        epoch = None
        session = found
        if self._durability is not None:
            session, epoch = found
            self._startRecorder(connection, application, session, epoch)
        if not isinstance(session, Session):
            raise TypeError(f"the session storage gave a {type(session).__name__} for a session")
        if session.application is None and mayBind:
            session.application = application.name
        if session.application != application.name:
            self.abandon(connection)
            return None
        return session

    def _unread(self, failure: Failure) -> None:
        self.failures += 1
        if failure.check(StorageUnavailable):
            # Not the same as no session: who was told that would give up what it has.
            self._tellAway("found", failure)
            failure.raiseException()
        self._log.failure("the session storage could not be asked", failure=failure)

    # Recording

    def startRecording(self, connection: Connection, session: Session) -> Deferred[None] | None:
        """
        Record a new session.

        @return: L{None} if nobody has to wait. It fails if that is not possible.
        """
        if self._durability is None:
            return None
        application = connection.application
        storage = self._storageOf(application)
        stored: Deferred[Any] = maybeDeferred(storage.set, session.id, session)
        stored.addCallback(lambda _: storage.take(session.id, self._serverId))

        def taken(found: Any) -> None:
            if not found:
                raise SessionTaken("a new session was not in the storage")
            self._startRecorder(connection, application, session, found[1])

        return stored.addErrback(self._unbegun).addCallback(taken)

    def _unbegun(self, failure: Failure) -> NoReturn:
        self.failures += 1
        failure.raiseException()

    def _startRecorder(self, connection: Connection, application: Application, session: Session, epoch: Any) -> None:
        def failed(failure: Failure) -> None:
            self._unrecorded(failure, connection, session)

        isEager = self._durability == "always"
        connection.recorder = Recorder(self._storageOf(application), session, epoch, isEager, failed)

    def _unrecorded(self, failure: Failure, connection: Connection, session: Session) -> None:
        """The session is not ours any more; or it would be lost if this server were killed, which is as bad."""
        if failure.check(SessionTaken):
            self._log.info("{connection}: another server has taken the session", connection=connection)
        elif failure.check(StorageUnavailable):
            self.failures += 1
            self._tellAway("recorded", failure)
        else:
            self.failures += 1
            self._log.failure("a session could not be recorded", failure=failure)
        connection.recorder = None
        if self._known.get(session.id) is connection:
            self._forget(connection)
        connection.lose("its session is not held any more")

    def abandon(self, connection: Connection) -> None:
        """The session was taken, and nobody is there for it."""
        recorder, connection.recorder = connection.recorder, None
        if recorder is not None:
            self.watch(recorder.release())

    def isOurs(self, connection: Connection) -> Deferred[bool]:
        """
        Whether no other server has taken the session of a connection that is at hand. If not, all that has happened to
        it is recorded when this fires: what a client is told that we have received, it does not send again.
        """
        recorder = connection.recorder
        if recorder is None:
            return succeed(True)
        recording = recorder.record()
        if recording is not None:
            return recording.addCallback(lambda _: self.isOurs(connection))
        return recorder.verify().addCallback(self._isSettled, recorder, connection)

    def _isSettled(self, isOurs: bool, recorder: Recorder, connection: Connection) -> bool | Deferred[bool]:
        recording = recorder.record() if isOurs else None
        return isOurs if recording is None else recording.addCallback(lambda _: self.isOurs(connection))

    def _recordAll(self) -> None:
        self._tick = None
        isNeeded = False
        for connection in list(self._known.values()):
            if connection.recorder is not None:
                isNeeded = True
                self.watch(connection.recorder.record())
        if isNeeded and not self._isClosed:
            self._tick = self._clock.callLater(RECORDING_INTERVAL, self._recordAll)


def _checkRecords(what: str, provider: Any) -> None:
    for name in ("take", "record", "release"):
        if not callable(getattr(provider, name, None)):
            raise TypeError(f"sessionDurability: {what} has no method {name!r}: {type(provider).__name__}")
