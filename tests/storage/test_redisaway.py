"""Servers under load whose Redis goes away, comes back with all it had, or with nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from jetjstp import jstp
from jetjstp.storage import redisconnection
from jetjstp.storage.redis import RedisSessionStorage
from tests.storage.accounting import Caller, Logged
from tests.storage.redisserver import RedisServer, requireRedis

reactor = cast(Any, globalReactor)


class AwayTests(TestCase):
    """A server that records in Redis, and clients that call and emit all the time."""

    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        """All are there."""
        requireRedis()
        self.patch(redisconnection, "LONGEST_WAIT", 0.2)
        self.folder = Path(tempfile.mkdtemp(prefix="jetjstp-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.redis = RedisServer("--appendonly", "yes", "--appendfsync", "always")
        self.addCleanup(self.redis.stop)
        self.redis.start()
        self.log: list[Logged] = []
        self.storage = RedisSessionStorage(f"unix://{self.redis.path}", patience=0.5)
        self.addCleanup(self.storage.close)
        self.server = jstp.net.createServer(
            [jstp.Application("app", {"i": {"double": self.double}}, {"i": {"say": self.say}})],
            sessionStorageProvider=self.storage,
            sessionDurability="always",
        )
        self.addCleanup(self.server.close)
        address = f"unix:{self.folder / 'socket'}"
        await self.server.listen(address)
        self.callers = [Caller(reactor, index, lambda: address) for index in range(3)]
        for caller in self.callers:
            self.addCleanup(caller.close)
            await caller.connect()

    def double(self, connection: jstp.Connection, number: int) -> int:
        """A call."""
        self.log.append(Logged("call", number, "server"))
        return 2 * number

    def say(self, connection: jstp.Connection, number: int) -> None:
        """An event, with its echo."""
        self.log.append(Logged("event", number, "server"))
        connection.emitRemoteEvent("i", "echo", [number])

    async def load(self, seconds: float) -> None:
        """All clients are busy, apart from those that have lost their session and wait for another one."""
        end = reactor.seconds() + seconds
        while reactor.seconds() < end:
            for caller in self.callers:
                if caller.connection.session is not None:
                    caller.send()
            await deferLater(reactor, 0.002)

    async def settle(self) -> None:
        """All clients are back, and what they have sent has an end."""
        while not all(caller.connection.handshakeDone for caller in self.callers):
            await deferLater(reactor, 0.01)
        for caller in self.callers:
            caller.send()
        while not all(caller.isIdle and caller.echoes[-1:] == [caller.last] for caller in self.callers):
            await deferLater(reactor, 0.01)

    def told(self, events: Sequence[Any]) -> list[str]:
        """What was logged of the storage; nothing with a traceback."""
        self.assertEqual([event for event in events if "log_failure" in event], [])
        names = ("jetjstp.jstp.keeping.Keeping", "jetjstp.storage.redisconnection.RedisConnection")
        told = [formatEvent(event) or "" for event in events if event["log_namespace"] in names]
        self.assertLess(len(told), 10, told)
        return told

    async def test_back(self) -> None:
        """
        While it is away nothing is done and nothing promised: clients lose their connections, and keep their sessions.
        When it is back with all it had, they go on under the same promise.
        """
        await self.load(0.1)
        with capturedLogs() as events:
            self.redis.kill()
            await self.load(1.0)
            before = len(self.log)
            await self.load(0.2)
            self.assertEqual(len(self.log), before)
            self.redis.start()
            await self.settle()
        told = " ".join(self.told(events))
        self.assertIn("could not be recorded", told)
        self.assertIn("connected again", told)
        for caller in self.callers:
            self.assertEqual(caller.lost, [])
            caller.checkCalls(self, self.log)
            events_ = [number for number, _ in caller.mine(self.log, "event")]
            self.assertEqual(events_, sorted(set(events_)))
            self.assertEqual(caller.echoes, sorted(set(caller.echoes)))

    async def test_backWithNothing(self) -> None:
        """If it comes back with nothing, clients are told that their sessions are gone, and begin new ones."""
        await self.load(0.1)
        with capturedLogs() as events:
            self.redis.kill()
            shutil.rmtree(self.redis.folder / "appendonlydir")
            self.redis.start()
            await self.load(0.2)
            await self.settle()
        self.assertIn("connected again", " ".join(self.told(events)))
        for caller in self.callers:
            self.assertEqual([error.code for error in caller.lost], [jstp.ERR_AUTH_FAILED])
            caller.checkCalls(self, self.log)

    async def test_short(self) -> None:
        """Who has nothing to record while it is away does not notice, though it is verified later."""
        idle = self.callers.pop()
        self.redis.kill()
        await self.load(0.1)
        self.redis.start()
        await self.settle()
        self.assertTrue(idle.connection.isConnected)
        idle.send()
        while not idle.isIdle:
            await deferLater(reactor, 0.01)
        self.assertEqual((idle.answered, idle.lost), (1, []))
