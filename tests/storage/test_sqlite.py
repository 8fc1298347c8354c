"""Tests of L{jetjstp.storage.sqlite}: the file, its thread, and several who use it."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.session import Entry, Received, Sent, Session, Stored
from jetjstp.storage import sqlite
from jetjstp.storage.sqlite import SqliteSessionStorage
from jetjstp.testing.storages import fullSession

reactor = cast(Any, globalReactor)

DAY = 86400.0


class SqliteTestCase(TestCase):
    """Has a file."""

    timeout = 60

    def setUp(self) -> None:
        """A folder with nothing in it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "sessions.sqlite"
        self.now = 1e9

    def open(self, **settings: Any) -> SqliteSessionStorage:
        """A storage in the file."""
        storage = SqliteSessionStorage(self.path, now=lambda: self.now, **settings)
        self.addCleanup(storage.close)
        return storage

    async def refused(self, storage: SqliteSessionStorage, asked: Deferred[Any] | None = None) -> str:
        """The error, of C{start} if not of something else: one line that names the file."""
        try:
            await (asked or storage.start())
        except StorageUnavailable as error:
            self.assertIn(str(self.path), str(error))
            self.assertNotIn("\n", str(error))
            return str(error)
        self.fail("it was not refused")


class FileTests(SqliteTestCase):
    """Which files will do."""

    async def test_otherKinds(self) -> None:
        """A file of another kind is refused by name, and stays as it is."""
        other = self.path.with_name("other.sqlite")
        db = sqlite3.connect(other)
        db.execute("CREATE TABLE notes (text)")
        db.commit()
        db.close()
        empty = self.path.with_name("empty.sqlite")
        db = sqlite3.connect(empty)
        db.execute("PRAGMA application_id = 1")
        db.close()
        for content, words in [
            (b"[users]\n", "not a database"),
            (b"\0" * 5000, "not a database"),
            (b"SQLite format 3\0" + b"x" * 5000, "not a database"),
            (other.read_bytes(), "another program"),
            (empty.read_bytes(), "another program"),
        ]:
            self.path.write_bytes(content)
            storage = self.open()
            for asked in [None, storage.set("a", Session("a")), storage.get("a")]:
                self.assertIn(words, await self.refused(storage, asked))
            await storage.close()
            self.assertEqual(self.path.read_bytes(), content)
            self.assertEqual([path.name for path in self.path.parent.glob("sessions.sqlite*")], [self.path.name])

    async def test_newerVersion(self) -> None:
        """A file of a later version of ours is refused, and stays as it is."""
        await self.open().start()
        db = sqlite3.connect(self.path)
        db.execute("PRAGMA user_version = 2")
        db.close()
        self.assertIn("version 2", await self.refused(self.open()))

    async def test_readOnly(self) -> None:
        """A file that cannot be written is refused with the remedy, by one who may not write in its folder, too."""
        await self.open().set("a", Session("a"))
        for reason in ("attempt to write a readonly database", "unable to open database file"):
            storage = self.open()

            def refuse(*args: Any, reason: str = reason) -> Any:
                raise sqlite3.OperationalError(reason)

            self.patch(sqlite, "SessionFile", refuse)
            self.assertIn(f"{reason}; let this user write it, and in its folder", await self.refused(storage))

    async def test_emptyFile(self) -> None:
        """An empty file will do: there is nothing in it to lose."""
        self.path.touch()
        await self.open().set("a", Session("a"))

    async def test_places(self) -> None:
        """A folder that is not there, and what is no file, are told by name with the remedy."""
        good = self.path
        for path, words in [
            (good.parent / "missing" / "file", "no such folder"),
            (good.parent, "not a file"),
            (good.parent / ("x" * 300), "cannot be created"),
        ]:
            self.path = path
            self.assertIn(words, await self.refused(self.open()))
            self.assertIn("name", await self.refused(self.open()))

    async def test_repaired(self) -> None:
        """The file is tried again at the next request."""
        self.path.write_text("something else")
        storage = self.open()
        await self.refused(storage)
        self.path.unlink()
        await storage.set("a", Session("a"))
        self.assertIsNotNone(await storage.get("a"))

    async def test_replaced(self) -> None:
        """
        If the file is taken away, or another is put in its place, nothing is recorded where nobody will find it: that
        is said once, and then the file that is there now is used.
        """
        for isReplaced in (False, True):
            self.path = self.path.with_name(f"{isReplaced}.sqlite")
            storage, other = self.open(), self.open()
            await storage.set("a", Session("a"))
            _, epoch = cast(Any, await storage.take("a", "server"))
            for name in self.path.parent.glob(f"{self.path.name}*"):
                name.rename(name.with_name(f"old-{name.name}"))
            if isReplaced:
                await other.set("b", Session("b"))
            self.assertIn("replaced", await self.refused(storage, storage.record("a", epoch, [Received(1)])))
            with self.assertRaises(SessionTaken):
                await storage.record("a", epoch, [Received(1)])
            await storage.set("c", Session("c"))
            self.assertIsNotNone(await other.get("c"))
            self.assertEqual(await storage.get("b") is not None, isReplaced)

    async def test_oneTooMany(self) -> None:
        """What the file cannot hold is refused by itself: the file is not blamed, nor is what was asked with it."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        db = cast(Any, storage)._file._db
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        entries: list[Entry] = [Received(7), Stored("large", "x" * 100_000)]
        asked = [storage.record("a", epoch, each) for each in ([Received(5)], entries, [Received(6)])]
        outcomes = await DeferredList(asked, consumeErrors=True)
        self.assertEqual([isDone for isDone, _ in outcomes], [True, False, True])
        error = cast(Any, outcomes[1][1]).value
        self.assertIsInstance(error, ValueError)
        self.assertIn("too big", str(error))
        self.assertEqual(cast(Any, await storage.get("a")).receivedCount, 6)
        self.assertIs(cast(Any, storage)._file._db, db)

    async def filled(self) -> bytearray:
        """The content of a file with many sessions."""
        storage = self.open()
        await gatherResults([storage.set(str(number), fullSession()) for number in range(300)])
        await storage.close()
        return bytearray(self.path.read_bytes())

    async def test_damaged(self) -> None:
        """A damaged file is refused by name wherever the damage is, and stays as it is."""
        good = await self.filled()
        pages = len(good) // 4096
        self.assertGreater(pages, 20)
        for damage in [range(100, 4096), range(4096, 8192), range(4096 * (pages // 2), len(good))]:
            bad = bytearray(good)
            bad[damage.start : damage.stop] = os.urandom(len(damage))
            self.path.write_bytes(bad)
            self.assertIn("name another file", await self.refused(self.open()))
            self.assertEqual(self.path.read_bytes(), bytes(bad))
        self.path.write_bytes(good[: len(good) // 2])
        await self.refused(self.open())
        self.assertEqual(self.path.read_bytes(), bytes(good[: len(good) // 2]))

    async def test_damagedLater(self) -> None:
        """What is damaged while it is in use is refused from then on, and is not made worse."""
        good = await self.filled()
        storage = self.open()
        await storage.start()
        cast(Any, storage)._file._db.execute("PRAGMA shrink_memory")  # what it has read it need not read again
        bad = good[:4096] + os.urandom(len(good) - 4096)
        self.path.write_bytes(bad)
        answers: Any = await DeferredList([storage.get(str(number)) for number in range(300)], consumeErrors=True)
        errors = [answer for isDone, answer in answers if not isDone]
        self.assertEqual(len(errors), 300)
        for error in errors:
            self.assertIn(str(self.path), error.getErrorMessage())
        await self.refused(storage, storage.set("a", Session("a")))
        self.assertEqual(self.path.read_bytes(), bytes(bad))

    async def test_damagedLog(self) -> None:
        """
        If the end of the log is missing or damaged, as after a power failure, there is what was recorded before that,
        each record as a whole.
        """
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        for number in range(1, 31):
            await storage.record("a", epoch, [Received(number), Stored(str(number), "x" * 500), Sent(number, "{}")])
        good, log = (self.path.with_name(f"{self.path.name}{end}").read_bytes() for end in ("", "-wal"))
        self.assertGreater(len(log), 100_000)
        counts = []
        for turn, cut in enumerate(range(len(log), 0, -len(log) // 23)):
            bad = log[:cut] if turn % 2 else log[:cut] + os.urandom(200) + log[cut + 200 :]
            self.path = self.path.with_name(f"{turn}.sqlite")
            self.path.write_bytes(good)
            self.path.with_name(f"{self.path.name}-wal").write_bytes(bad)
            other = self.open()
            found = await other.get("a")
            if found is not None:
                counts.append(found.receivedCount)
                self.assertEqual(len(found), found.receivedCount)
                self.assertEqual(found.latestBufferedMessageId, found.receivedCount)
                self.assertEqual(found.buffered, found.receivedCount)
            await other.set("b", Session("b"))
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.assertEqual(counts[0], 30)
        self.assertGreater(len(set(counts)), 10)

    async def test_secret(self) -> None:
        """Whatever the mask of the process is, nobody else may read the file, nor what is beside it."""
        self.addCleanup(os.umask, os.umask(0))
        await self.open().set("a", Session("a"))
        files = {path.name: path.stat().st_mode & 0o777 for path in self.path.parent.iterdir()}
        self.assertEqual(files, {f"sessions.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")})

    async def test_fullDisk(self) -> None:
        """If the disk is full, what was asked fails as a whole; it goes on when there is room."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        db = cast(Any, storage)._file._db
        db.execute("PRAGMA max_page_count = 20")
        entries: list[Entry] = [Received(5), Stored("large", "x" * 1_000_000)]
        error = await self.refused(storage, storage.record("a", epoch, entries))
        self.assertIn("full; make room", error)
        self.assertEqual(cast(Any, await storage.get("a")).receivedCount, 0)
        db.execute("PRAGMA max_page_count = 100000")
        await storage.record("a", epoch, entries)
        self.assertEqual(cast(Any, await storage.get("a")).receivedCount, 5)


class SharingTests(SqliteTestCase):
    """Several who use the file at a time."""

    async def test_waits(self) -> None:
        """Who finds the file locked waits; the reactor does not."""
        storage = self.open()
        await storage.start()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        setting = storage.set("a", Session("a"))
        await deferLater(reactor, 0.1)
        self.assertFalse(setting.called)
        other.execute("COMMIT")
        await setting

    async def test_locked(self) -> None:
        """If it is locked for too long, that is what is said; later it goes on."""
        storage = self.open(patience=0.05)
        await storage.start()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertIn("another process", await self.refused(storage, storage.set("a", Session("a"))))
        other.execute("COMMIT")
        await storage.set("a", Session("a"))

    async def test_openedAtOnce(self) -> None:
        """Several may make the file, and close it, at the same time: it is made once."""
        for turn in range(20):
            self.path = self.path.with_name(f"{turn}.sqlite")
            storages = [self.open() for _ in range(5)]
            await gatherResults([storage.set(str(number), Session("a")) for number, storage in enumerate(storages)])
            for number in range(5):
                self.assertIsNotNone(await storages[0].get(str(number)))
            await gatherResults([storage.close() for storage in storages])


class ThreadTests(SqliteTestCase):
    """What is written together, and who is told."""

    async def test_groups(self) -> None:
        """What is asked while something is written has one commit; all are told in order, in the reactor."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        commits: list[str] = []
        told: list[int] = []
        threads = set()
        db = cast(Any, storage)._file._db
        db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)

        def tell(_: None, number: int) -> None:
            told.append(number)
            threads.add(threading.current_thread())

        recording = []
        for number in range(1, 501):
            asked = storage.record("a", epoch, [Received(number)])
            recording.append(asked.addCallback(tell, number))
        await gatherResults(recording)
        db.set_trace_callback(None)
        self.assertLess(len(commits), 50)
        self.assertEqual(told, list(range(1, 501)))
        self.assertEqual(threads, {threading.current_thread()})

    async def test_groupsAreBounded(self) -> None:
        """A commit is not put off for ever, however much is asked."""
        self.patch(sqlite, "LARGEST_GROUP", 3)
        storage = self.open()
        await gatherResults([storage.set(str(number), Session("a")) for number in range(10)])
        self.assertIsNotNone(await storage.get("9"))

    async def test_oneFails(self) -> None:
        """What fails in a group harms no other in it."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        asked = [storage.record("a", epoch + number % 2, [Received(number)]) for number in range(1, 21)]
        outcomes = [isDone for isDone, _ in await DeferredList(asked, consumeErrors=True)]
        self.assertEqual(outcomes, [number % 2 == 0 for number in range(1, 21)])
        self.assertEqual(cast(Any, await storage.get("a")).receivedCount, 20)

    async def test_threadEnds(self) -> None:
        """When it is closed, its thread has ended, and other programs find everything in the one file."""
        storage = self.open()
        await storage.set("a", Session("a"))
        await storage.close()
        self.assertNotIn("session storage", [thread.name for thread in threading.enumerate()])
        self.assertEqual([path.name for path in self.path.parent.iterdir()], [self.path.name])


class RoomTests(SqliteTestCase):
    """Time and the number of sessions."""

    def count(self) -> int:
        """How many sessions are in the file, those that are over included."""
        db = sqlite3.connect(self.path)
        try:
            counts = db.execute("SELECT (SELECT count(*) FROM sessions), (SELECT sessions FROM counters)").fetchone()
            self.assertEqual(counts[0], counts[1])
            for table in ("messages", "data"):
                query = f"SELECT count(*) FROM {table} WHERE session NOT IN (SELECT key FROM sessions)"
                self.assertEqual(db.execute(query).fetchone(), (0,), table)
            return int(counts[0])
        finally:
            db.close()

    async def test_oldestInactive(self) -> None:
        """When there is no more room, the session is dropped that has been inactive for longest; that is said once."""
        storage = self.open(maxSessions=3)
        for id in "abc":
            await storage.set(id, fullSession())
            self.now += 1
        for id in "bac":
            await storage.setInactive(id)
            self.now += 1
        for id in "de":
            await storage.set(id, fullSession())
        self.assertEqual([bool(await storage.get(id)) for id in "abcde"], [False, False, True, True, True])
        self.assertEqual(self.count(), 3)

    async def test_leastUsed(self) -> None:
        """If all are active, the one is dropped that was not used for longest."""
        storage = self.open(maxSessions=2)
        for id in "ab":
            await storage.set(id, Session(id))
            self.now += 2 * 3600
        _, epoch = cast(Any, await storage.take("a", "server"))
        await storage.record("a", epoch, [])
        await storage.set("c", Session("c"))
        self.assertEqual([bool(await storage.get(id)) for id in "abc"], [True, False, True])
        await storage.set("c", Session("c"))
        self.assertIsNotNone(await storage.get("a"))

    async def test_purged(self) -> None:
        """The room of sessions that are over is given back, in slices, also of those that nobody has released."""
        self.patch(sqlite, "SLICE", 10)
        self.patch(sys.modules["jetjstp.storage.sqlitefile"], "SLICE", 10)
        storage = self.open(purgeInterval=0.05)
        await gatherResults([storage.set(str(number), fullSession()) for number in range(50)])
        await gatherResults([storage.setInactive(str(number)) for number in range(35)])
        _, epoch = cast(Any, await storage.take("49", "server"))
        await self.dropped(15, DAY)
        self.now += 28 * DAY
        await storage.record("49", epoch, [])
        await self.dropped(1, DAY)
        self.assertIsNotNone(await storage.get("49"))

    async def dropped(self, left: int, seconds: float) -> None:
        """Let time pass, and wait until so many sessions are left."""
        self.now += seconds
        deadline = time.monotonic() + 20
        while self.count() != left:
            self.assertLess(time.monotonic(), deadline, f"{self.count()} are left")
            await deferLater(reactor, 0.02)


class SettingsTests(SynchronousTestCase):
    """What the storage is made of."""

    def test_refused(self) -> None:
        """Values that mean nothing are refused by name; so are times that can only be milliseconds."""
        for name, values in {
            "inactiveSessionLifetime": [0, "5", 1e10],
            "abandonedSessionLifetime": [-1, None],
            "purgeInterval": [0, 3_600_000],
            "maxSessions": [0, "many"],
            "synchronous": ["off", None],
            "patience": [0, 5000],
        }.items():
            for value in cast("list[Any]", values):
                error = self.assertRaises((TypeError, ValueError), SqliteSessionStorage, "file", **{name: value})
                self.assertIn(name, str(error))
        for path in ["", "a\0b", "a\ud800"]:
            self.assertRaises(ValueError, SqliteSessionStorage, path)

    def test_repr(self) -> None:
        """It says which file; that of a name which SQLite knows otherwise is a file, too."""
        self.assertIn(f"{os.getcwd()}/:memory:", repr(SqliteSessionStorage(":memory:")))
        self.assertIn(os.path.expanduser("~/sessions"), repr(SqliteSessionStorage("~/sessions")))
