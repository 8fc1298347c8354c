"""
The file of L{jetjstp.storage.sqlite}: tables and statements. All of it blocks.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp.errors import SessionTaken
from jetjstp.storage.records import Acknowledge, Change, Delete, Keep, Put, Receive, Snapshot

__all__ = ["SessionFile"]

APPLICATION_ID = 0x6A737470
"""What the header of our files says: "jstp"."""

SCHEMA_VERSION = 1

TOUCH_EVERY = 3600.0
"""Seconds by which a record may let the deadline of an active session lag behind: not each has to write it."""

SLICE = 1000
"""How many sessions are dropped in one transaction."""

# The position of a value is its rowid: a new one is greater than all.
SCHEMA = """
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    identity TEXT NOT NULL,
    delivered INTEGER NOT NULL,
    received INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    epoch INTEGER,
    server TEXT,
    isActive INTEGER NOT NULL,
    deadline REAL NOT NULL
);
CREATE INDEX sessionsByDeadline ON sessions (isActive, deadline);
CREATE TABLE messages (
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (session, number)
) WITHOUT ROWID;
CREATE TABLE data (
    position INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    name BLOB NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (session, name)
);
CREATE TABLE counters (sessions INTEGER NOT NULL, epochs INTEGER NOT NULL);
INSERT INTO counters VALUES (0, 0);
CREATE TRIGGER sessionAdded AFTER INSERT ON sessions BEGIN
    UPDATE counters SET sessions = sessions + 1;
END;
CREATE TRIGGER sessionDropped AFTER DELETE ON sessions BEGIN
    UPDATE counters SET sessions = sessions - 1;
    DELETE FROM messages WHERE session = OLD.key;
    DELETE FROM data WHERE session = OLD.key;
END;
"""


class SessionFile:
    """
    An open file. All methods but L{close} belong into a L{transaction}, which is done as a whole or not at all; each
    method in it, too. They raise C{sqlite3.Error} if the file is in the way.
    """

    def __init__(self, path: str, synchronous: str, patience: float, lifetimes: tuple[float, float]) -> None:
        """
        Open the file, and make it if there is none, for nobody else to read.

        @param path: Absolute.
        @param synchronous: What the pragma of this name says.
        @param patience: Seconds for which another process may have the file locked.
        @param lifetimes: Seconds for which a session is kept that is inactive, and one that is active but not used.
        @raise StorageUnavailable: The file is of no use. It is left as it was.
        """
        self._lifetime, self._abandonedLifetime = lifetimes
        self._path = path
        _checkKind(path)
        self._identities: list[tuple[int, int] | None] = []
        self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        deadline = time.monotonic() + patience
        while True:
            try:
                self._prepare(synchronous)
                self._identities = self._present()
                return
            except BaseException as error:
                # Who makes the log, or takes it away, locks the others out, and SQLite does not wait for that.
                if not (isinstance(error, sqlite3.OperationalError) and "locked" in str(error)) or (
                    time.monotonic() > deadline
                ):
                    self._db.close()
                    raise
            time.sleep(0.005)

    def _prepare(self, synchronous: str) -> None:
        if self._isNew():
            with self.transaction():
                if self._isNew():  # still: there may be two of us
                    for statement in _statements(SCHEMA):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        [version] = self._db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise StorageUnavailable(
                f"its sessions are stored in version {version}, and this program knows version {SCHEMA_VERSION} only; "
                "use the program that wrote it, or name another file"
            )
        [verdict] = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            reason = verdict.splitlines()[-1]
            raise StorageUnavailable(f"it is damaged ({reason}); restore it from a backup, or name another file")
        [mode] = self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StorageUnavailable("it cannot be shared where it is; name a file on a local disk")
        self._db.execute(f"PRAGMA synchronous = {synchronous}")
        with self.transaction():  # whether it can be written
            pass

    def _isNew(self) -> bool:
        """Whether there is nothing in it yet."""
        # In this order: somebody else may just be making both, in one transaction.
        [tables] = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        [kind] = self._db.execute("PRAGMA application_id").fetchone()
        if kind != APPLICATION_ID and (kind or tables):
            raise StorageUnavailable("it is a data base of another program; name another file")
        return not tables

    @property
    def isReplaced(self) -> bool:
        """Whether there is another file by now where this one was, or none: SQLite would not notice."""
        return self._identities != self._present()

    def _present(self) -> list[tuple[int, int] | None]:
        return [_identity(path) for path in (self._path, f"{self._path}-wal")]

    @property
    def inTransaction(self) -> bool:
        """Whether the transaction that was begun is still there: what is out of memory ends it."""
        return self._db.in_transaction

    def close(self) -> None:
        """Close it."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside, if it ends without an exception; written for good when it has ended."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _step(self) -> Iterator[None]:
        self._db.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # not if the disk is full
                self._db.execute("ROLLBACK TO step")
                self._db.execute("RELEASE step")
            raise
        self._db.execute("RELEASE step")

    # Whole sessions

    def get(self, id: bytes, now: float) -> Snapshot | None:
        """A session, active from now on."""
        found = self._db.execute("SELECT key, isActive, deadline FROM sessions WHERE id = ?", (id,)).fetchone()
        if found is None:
            return None
        key, isActive, deadline = found
        with self._step():
            if deadline <= now:
                self._db.execute("DELETE FROM sessions WHERE key = ?", (key,))
                return None
            if not isActive or deadline < now + self._abandonedLifetime - TOUCH_EVERY:
                self._rest(key, True, now)
            return self._read(key)

    def _read(self, key: int) -> Snapshot:
        row = self._db.execute("SELECT identity, delivered, received, latest FROM sessions WHERE key = ?", (key,))
        buffer = self._db.execute("SELECT number, text FROM messages WHERE session = ? ORDER BY number", (key,))
        data = self._db.execute("SELECT name, value FROM data WHERE session = ? ORDER BY position", (key,))
        identity, delivered, received, latest = row.fetchone()
        return Snapshot(identity, delivered, received, latest, buffer.fetchall(), data.fetchall())

    def _rest(self, key: int, isActive: bool, now: float) -> None:
        deadline = now + (self._abandonedLifetime if isActive else self._lifetime)
        self._db.execute("UPDATE sessions SET isActive = ?, deadline = ? WHERE key = ?", (isActive, deadline, key))

    def set(self, id: bytes, snapshot: Snapshot, now: float, room: int) -> int:
        """
        Keep a session.

        @param room: For how many sessions there is room.
        @return: How many were dropped for want of it.
        """
        with self._step():
            self._db.execute("DELETE FROM sessions WHERE id = ?", (id,))
            cursor = self._db.execute(
                "INSERT INTO sessions (id, identity, delivered, received, latest, isActive, deadline) "
                "VALUES (?, ?, ?, ?, ?, 1, ?)",
                (id, *snapshot[:4], now + self._abandonedLifetime),
            )
            key = cursor.lastrowid
            self._db.executemany("INSERT INTO messages VALUES (?, ?, ?)", [(key, *each) for each in snapshot.buffer])
            self._db.executemany(
                "INSERT INTO data (session, name, value) VALUES (?, ?, ?)", [(key, *each) for each in snapshot.data]
            )
            [kept] = self._db.execute("SELECT sessions FROM counters").fetchone()
            if kept <= room:
                return 0
            return self._db.execute(
                "DELETE FROM sessions WHERE key IN "
                "(SELECT key FROM sessions WHERE key != ? ORDER BY isActive, deadline, key LIMIT ?)",
                (key, min(kept - room, SLICE)),
            ).rowcount

    def setInactive(self, id: bytes, now: float) -> None:
        """Let a session expire, if there is one."""
        self._db.execute(
            "UPDATE sessions SET isActive = 0, deadline = ? WHERE id = ?",
            (now + self._lifetime, id),
        )

    def expire(self, now: float) -> int:
        """Drop a slice of the sessions that are over; returns how many that were."""
        return self._db.execute(
            "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions "
            "WHERE isActive IN (0, 1) AND deadline <= ? LIMIT ?)",
            (now, SLICE),
        ).rowcount

    # Step by step

    def take(self, id: bytes, server: str, now: float) -> tuple[Snapshot, int] | None:
        """Give a session to a server, with an epoch that never was."""
        with self._step():
            snapshot = self.get(id, now)
            if snapshot is None:
                return None
            self._db.execute("UPDATE counters SET epochs = epochs + 1")
            [epoch] = self._db.execute("SELECT epochs FROM counters").fetchone()
            self._db.execute("UPDATE sessions SET epoch = ?, server = ? WHERE id = ?", (epoch, server, id))
            return snapshot, epoch

    def record(self, id: bytes, epoch: int, changes: list[Change], now: float) -> None:
        """Apply what has happened to a session, for the one who has it."""
        key, isActive, deadline, received, latest, delivered = self._held(id, epoch)
        with self._step():
            if isActive and deadline < now + self._abandonedLifetime - TOUCH_EVERY:
                self._rest(key, True, now)
            before = (received, latest, delivered)
            for change in changes:
                match change:
                    case Receive(upTo):
                        received = max(received, upTo)
                    case Keep(number, text):
                        latest = number
                        self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", (key, abs(number), text))
                    case Acknowledge(upTo):
                        delivered = upTo
                        self._db.execute("DELETE FROM messages WHERE session = ? AND number <= ?", (key, upTo))
                    case Put(name, value):
                        self._db.execute(
                            "INSERT INTO data (session, name, value) VALUES (?, ?, ?) "
                            "ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
                            (key, name, value),
                        )
                    case Delete(name):
                        self._db.execute("DELETE FROM data WHERE session = ? AND name = ?", (key, name))
            if (received, latest, delivered) != before:
                self._db.execute(
                    "UPDATE sessions SET received = ?, latest = ?, delivered = ? WHERE key = ?",
                    (received, latest, delivered, key),
                )

    def release(self, id: bytes, epoch: int, now: float) -> None:
        """Let a session expire, for the one who has it."""
        key = self._held(id, epoch)[0]
        with self._step():
            self._db.execute("UPDATE sessions SET epoch = NULL WHERE key = ?", (key,))
            self._rest(key, False, now)

    def delete(self, id: bytes, epoch: int) -> None:
        """Drop a session, for the one who has it."""
        key = self._held(id, epoch)[0]
        with self._step():
            self._db.execute("DELETE FROM sessions WHERE key = ?", (key,))

    def _held(self, id: bytes, epoch: int) -> tuple[int, int, float, int, int, int]:
        found = self._db.execute(
            "SELECT epoch, server, key, isActive, deadline, received, latest, delivered FROM sessions WHERE id = ?",
            (id,),
        ).fetchone()
        if found is None:
            raise SessionTaken("the session is not kept any more")
        if found[0] is None:
            raise SessionTaken("the session was released, or replaced")
        if found[0] != epoch:
            raise SessionTaken(f"the session was taken by {found[1]}")
        held: tuple[int, int, float, int, int, int] = found[2:]
        return held


def _checkKind(path: str) -> None:
    # An existing file is not opened here: to close it again would take away the locks of others in this process.
    try:
        # Who knows the id of a session may restore it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise StorageUnavailable("there is no such folder; create it, or name another file") from None
    except OSError as error:
        raise StorageUnavailable(f"it cannot be created ({error.strerror}); name another file") from None
    if not os.path.isfile(path):
        raise StorageUnavailable("it is not a file; name a file")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _statements(script: str) -> Iterator[str]:
    """The single statements: executescript() would end our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
