"""Tests of a server whose session storage is away."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jstp
from jetjstp.interfaces import StorageUnavailable
from jetjstp.testing import MemoryServer


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
