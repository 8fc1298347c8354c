"""Tests of a server whose session storage is away."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jstp
from jetjstp.interfaces import StorageUnavailable
from jetjstp.testing import MemoryServer
from tests.jstp.clientends import StreamClient
from tests.jstp.clusters import DurabilityTestCase


class Storage(jstp.SimpleSessionStorageProvider):
    """One that can be away."""

    isAway = False

    def get(self, id: str) -> Any:
        """As ever, or not at all."""
        if self.isAway:
            raise StorageUnavailable("nobody answers")
        return super().get(id)


class UnavailableTests(SynchronousTestCase):
    """What becomes of clients that come back meanwhile."""

    def setUp(self) -> None:
        """A server, which is started anew with the same storage, and a client with a session."""
        self.storage: Storage | None = None
        self.memory = MemoryServer(self.makeServer)
        self.connection = self.successResultOf(self.memory.connect("sums"))
        self.session = self.connection.session
        self.lost: list[Any] = []
        self.connection.on("sessionLost", self.lost.append)

    def makeServer(self, clock: Clock) -> jstp.Server:
        """As a program would."""
        if self.storage is None:
            self.storage = Storage(reactor=clock)
        sums = jstp.Application("sums", {"calc": {"add": lambda connection, a, b: a + b}})
        return jstp.net.createServer([sums], sessionStorageProvider=self.storage, reactor=clock)

    def test_keepsTrying(self) -> None:
        """A client whose session cannot be looked for keeps it, and what it has asked, until the storage is back."""
        storage = self.storage
        assert storage is not None
        self.memory.stop()
        storage.isAway = True
        self.memory.start()
        adding: Deferred[list[Any]] = self.connection.callMethod("calc", "add", [1, 2])
        for _ in range(20):
            self.memory.clock.advance(1)
        self.assertNoResult(adding)
        self.assertFalse(self.connection.isConnected)
        storage.isAway = False
        for _ in range(40):
            self.memory.clock.advance(1)
        self.assertEqual(self.successResultOf(adding), [3])
        self.assertIs(self.connection.session, self.session)
        self.assertEqual(self.lost, [])

    def test_newcomers(self) -> None:
        """Who has no session yet does not need the storage to come in."""
        assert self.storage is not None
        self.storage.isAway = True
        self.successResultOf(self.memory.connect("sums"))


class LoggingTests(DurabilityTestCase):
    """What is logged when a storage goes away that many clients need."""

    def test_oneLine(self) -> None:
        """However many sessions cannot be recorded, stored or found then, it is one line each, without a traceback."""
        for mode, words in ((None, "stored"), ("handover", "recorded"), ("always", "recorded")):
            away = Away(reactor=self.clock)
            server = self.serve("one", away, mode)
            clients = [StreamClient(server.factory) for _ in range(3)]
            ids = [client.open() for client in clients]
            away.isAway = True
            with capturedLogs() as events:
                for client in clients:
                    client.say("{ping:[1]}")
                self.clock.advance(1)
                for client in clients:
                    client.disconnect()
                for id in ids if mode else ():
                    StreamClient(server.factory).say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            told = [formatEvent(event) or "" for event in events if event["log_namespace"].endswith("Keeping")]
            self.assertEqual([event["log_level"].name for event in events if "log_failure" in event], [])
            self.assertEqual(len(told), 2 if mode else 1, told)
            self.assertIn(words, told[0])
            self.assertIn("nobody answers", told[0])
            for id in ids:
                self.assertNotIn(id, " ".join(told))
            self.clock.advance(10)
            away.close()


class Away(jstp.SimpleSessionStorageProvider):
    """One that can do nothing when it is away."""

    isAway = False

    def _check(self) -> None:
        if self.isAway:
            raise StorageUnavailable("nobody answers")

    def set(self, id: str, session: jstp.Session) -> None:
        self._check()
        super().set(id, session)

    def take(self, id: str, server: str) -> Any:
        self._check()
        return super().take(id, server)

    def record(self, id: str, epoch: int, entries: Any) -> None:
        self._check()
        super().record(id, epoch, entries)

    def release(self, id: str, epoch: int) -> None:
        self._check()
        super().release(id, epoch)
