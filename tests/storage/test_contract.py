"""The contract of session storages, kept by each of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock, deferLater

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp.session import Session
from jetjstp.storage.memory import SimpleSessionStorageProvider
from jetjstp.storage.redis import RedisSessionStorage
from jetjstp.storage.sqlite import SqliteSessionStorage
from jetjstp.testing import storages
from tests.storage.redisserver import RedisServer, requireRedis

reactor = cast(Any, globalReactor)


class MemoryContractTests(storages.SessionStorageContract):
    """L{SimpleSessionStorageProvider}."""

    storage: Any = None

    async def open(self) -> Any:
        if self.storage is None:
            self.clock = Clock()
            return SimpleSessionStorageProvider(self.lifetime, reactor=self.clock)
        return self.storage

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


class SqliteContractTests(storages.SessionStorageContract):
    """L{SqliteSessionStorage}."""

    path = ""
    now = 1e9

    async def open(self) -> Any:
        self.path = self.path or self.mktemp()
        storage = SqliteSessionStorage(self.path, inactiveSessionLifetime=self.lifetime, now=lambda: self.now)
        self.addCleanup(storage.close)
        return storage

    async def wait(self, seconds: float) -> None:
        self.now += seconds

    async def test_afterClose(self) -> None:
        """What is asked of a storage that is closed fails."""
        await closedStorageFails(self)

    async def test_stays(self) -> None:
        """What was stored is there for the next who opens the file, and nobody else may read it."""
        await self.ask("set", "a", Session("a"))
        await self.ask("close")
        self.storage = await self.open()
        self.assertIsNotNone(await self.text())
        self.assertEqual(Path(self.path).stat().st_mode & 0o777, 0o600)


class RedisContractTests(storages.SessionStorageContract):
    """L{RedisSessionStorage}, with a real server, whose clock nobody can advance."""

    lifetime = 0.3
    server: RedisServer | None = None

    async def open(self) -> Any:
        requireRedis()
        if self.server is None:
            self.server = RedisServer()
            self.addCleanup(self.server.stop)
            self.server.start()
        url = f"unix://{self.server.path}?prefix=test:"
        storage = RedisSessionStorage(url, inactiveSessionLifetime=self.lifetime)
        self.addCleanup(storage.close)
        return storage

    async def wait(self, seconds: float) -> None:
        await deferLater(reactor, seconds)

    async def test_afterClose(self) -> None:
        """What is asked of a storage that is closed fails."""
        await closedStorageFails(self)


async def closedStorageFails(test: storages.SessionStorageContract) -> None:
    """Ask everything of a storage that is closed, one that never was opened too."""
    for storage in [test.storage, await test.open()]:
        await maybeDeferred(storage.close)
        requests: list[tuple[str, list[Any]]] = [
            ("start", []),
            ("get", ["a"]),
            ("set", ["a", Session("a")]),
            ("setInactive", ["a"]),
            ("take", ["a", "server"]),
            ("record", ["a", 1, []]),
            ("release", ["a", 1]),
            ("delete", ["a", 1]),
        ]
        for name, arguments in requests:
            error = await test.refused(maybeDeferred(getattr(storage, name), *arguments), StorageUnavailable)
            test.assertIn("closed", error)
