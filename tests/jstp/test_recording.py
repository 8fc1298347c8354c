"""Tests of L{jetjstp.jstp.recording}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.recording import Recorder
from jetjstp.jstp.session import Entry, Received, Sent, Session
from jetjstp.storage.memory import SimpleSessionStorageProvider
from tests.jstp.pairs import Pair


class Storage:
    """Notes what is recorded; answers when the test wants it to."""

    def __init__(self) -> None:
        self.records: list[list[Entry]] = []
        self.pending: list[Deferred[None]] = []
        self.isSlow = False
        self.failure: Exception | None = None
        self.released = 0

    def record(self, id: str, epoch: int, entries: list[Entry]) -> Deferred[None] | None:
        self.records.append(entries)
        if self.failure is not None:
            raise self.failure
        if self.isSlow:
            self.pending.append(Deferred())
            return self.pending[-1]
        return None

    def release(self, id: str, epoch: int) -> None:
        self.released += 1


class RecorderTests(SynchronousTestCase):
    """One session, step by step."""

    def setUp(self) -> None:
        """A session that is recorded."""
        self.storage = Storage()
        self.session = Session("id")
        self.failures: list[Failure] = []
        self.recorder = Recorder(self.storage, self.session, 7, True, self.failures.append)
        self.done: list[Any] = []

    def record(self, number: int) -> Any:
        """Change something, and record it."""
        self.session.receive(number)
        recording = self.recorder.record()
        if recording is not None:
            recording.addCallback(self.done.append)
        return recording

    def test_synchronous(self) -> None:
        """Nobody has to wait for a storage that is quick, nor if nothing has changed."""
        self.assertIsNone(self.record(1))
        self.assertIsNone(self.recorder.record())
        self.assertEqual(self.storage.records, [[Received(1)]])

    def test_oneAfterTheOther(self) -> None:
        """The next record is not begun before the one before it is done."""
        self.storage.isSlow = True
        self.record(1)
        self.record(2)
        self.record(3)
        self.assertEqual(self.storage.records, [[Received(1)]])
        for number in (0, 1, 2):
            self.assertEqual(len(self.done), number)
            self.storage.pending[number].callback(None)
        self.assertEqual(self.done, [True, True, True])
        self.assertEqual(self.storage.records, [[Received(1)], [Received(2)], [Received(3)]])

    def test_stillUnderWay(self) -> None:
        """Who records when nothing has changed since waits for what is under way all the same."""
        self.storage.isSlow = True
        self.record(1)
        again = self.recorder.record()
        assert again is not None
        self.assertNoResult(again)
        self.storage.pending[0].callback(None)
        self.assertTrue(self.successResultOf(again))
        self.assertIsNone(self.recorder.record())

    def test_fails(self) -> None:
        """A failure is told once; nothing is recorded any more."""
        self.storage.failure = SessionTaken("by another")
        self.assertIsNone(self.record(1))
        self.assertTrue(self.recorder.hasFailed)
        self.assertIsNone(self.record(2))
        self.assertEqual(len(self.failures), 1)
        self.assertEqual(len(self.storage.records), 1)
        self.assertFalse(self.successResultOf(self.recorder.verify()))

    def test_failsLater(self) -> None:
        """What waits behind a record that fails is not recorded, and is told so."""
        self.storage.isSlow = True
        self.record(1)
        self.record(2)
        self.storage.pending[0].errback(OSError("disk"))
        self.assertEqual(self.done, [False, False])
        self.assertEqual(len(self.storage.records), 1)
        self.assertEqual(len(self.failures), 1)

    def test_verify(self) -> None:
        """An empty record shows whether the session is still ours."""
        self.assertTrue(self.successResultOf(self.recorder.verify()))
        self.storage.failure = SessionTaken("by another")
        self.assertFalse(self.successResultOf(self.recorder.verify()))
        self.assertEqual(len(self.failures), 1)

    def test_release(self) -> None:
        """The rest is recorded before the session is released."""
        self.storage.isSlow = True
        self.session.keep(-1, b"{ping:[-1]}")
        released = self.recorder.release()
        self.assertEqual((self.storage.records, self.storage.released), ([[Sent(-1, "{ping:[-1]}")]], 0))
        self.storage.pending[0].callback(None)
        self.successResultOf(released)
        self.assertEqual(self.storage.released, 1)

    def test_releaseFailed(self) -> None:
        """What is not ours is not released."""
        self.storage.failure = SessionTaken("by another")
        self.record(1)
        self.successResultOf(self.recorder.release())
        self.assertEqual(self.storage.released, 0)


class SlowMemory(SimpleSessionStorageProvider):
    """Records when the test wants it to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.isSlow = False
        self.pending: list[Deferred[None]] = []

    def record(self, id: str, epoch: int, entries: Any) -> Any:
        super().record(id, epoch, entries)
        if not self.isSlow:
            return None
        self.pending.append(Deferred())
        return self.pending[-1]

    def proceed(self) -> None:
        """Be done with what is being recorded."""
        pending, self.pending = self.pending, []
        for each in pending:
            each.callback(None)


class DurabilityTests(SynchronousTestCase):
    """A server that records everything before it has an effect."""

    def setUp(self) -> None:
        """Connect."""
        self.heard: list[Any] = []
        events = {"i": {"e": lambda connection, value: self.heard.append(value)}}
        self.told: list[Any] = []
        clientEvents = {"i": {"e": lambda connection, value: self.told.append(value)}}
        self.storage = SlowMemory()
        self.pair = Pair(
            Application("app", {}, events),
            Application("client", {}, clientEvents),
            sessionDurability="always",
            sessionStorageProvider=self.storage,
        )
        self.storage._reactor = self.pair.clock
        self.pair.connect()
        self.storage.isSlow = True

    def test_receivedBeforeDispatched(self) -> None:
        """A message has no effect before it is recorded as received."""
        self.pair.connection.emitRemoteEvent("i", "e", [1])
        self.pair.settle()
        self.assertEqual(self.heard, [])
        self.storage.proceed()
        self.assertEqual(self.heard, [1])

    def test_sentBeforeWritten(self) -> None:
        """A message is not written before it is recorded as sent."""
        self.pair.served.emitRemoteEvent("i", "e", [1])
        self.pair.settle()
        self.assertEqual(self.told, [])
        self.storage.proceed()
        self.pair.settle()
        self.assertEqual(self.told, [1])

    def test_writtenThoughThereIsMore(self) -> None:
        """What is recorded is written, even if something new has come up each time."""
        for number in range(5):
            self.pair.served.emitRemoteEvent("i", "e", [number])
            self.storage.proceed()
            self.pair.served.emitRemoteEvent("i", "e", [number + 100])
            self.pair.settle()
        self.assertEqual(self.told, [0, 100, 1, 101, 2, 102, 3])

    def test_lostWhileRecording(self) -> None:
        """What is being recorded as received when the connection is lost is worked on, once: it is not sent again."""
        self.pair.connection.emitRemoteEvent("i", "e", [1])
        self.pair.connection.emitRemoteEvent("i", "e", [2])
        self.pair.settle()
        self.pair.cut()
        self.pair.wait(2.0)
        self.storage.proceed()
        for _ in range(5):
            self.pair.settle()
            self.storage.proceed()
        self.assertEqual(self.heard, [1, 2])

    def test_taken(self) -> None:
        """When another server has taken the session, what is received has no effect any more."""
        session = self.pair.served.session
        self.storage.isSlow = False
        self.storage.take(session.id, "another")
        self.pair.isServerAway = True
        self.pair.connection.emitRemoteEvent("i", "e", [1])
        self.pair.settle()
        self.assertEqual(self.heard, [])
        self.assertTrue(self.pair.served.isOver)
        self.assertFalse(self.pair.connection.isConnected)

    def test_failsWhileRecording(self) -> None:
        """When it turns out that nothing can be recorded, what waited for that has no effect, and is not written."""
        self.pair.connection.emitRemoteEvent("i", "e", [1])
        self.pair.settle()
        self.pair.isServerAway = True
        self.storage.pending.pop().errback(OSError("disk"))
        self.pair.settle()
        self.assertEqual((self.heard, self.told), ([], []))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class FailingTests(SynchronousTestCase):
    """A storage that fails at once."""

    def test_failedDeferred(self) -> None:
        """A Deferred that has failed already is as good as an exception."""
        storage = Storage()
        failures: list[Failure] = []
        storage.record = lambda id, epoch, entries: fail(OSError("disk"))  # type: ignore[method-assign]
        session = Session("id")
        recorder = Recorder(storage, session, 1, False, failures.append)
        session.receive(1)
        self.assertIsNone(recorder.record())
        self.assertEqual((recorder.hasFailed, len(failures)), (True, 1))
