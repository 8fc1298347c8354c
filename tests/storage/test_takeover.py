"""
Processes that are killed, stopped or frozen under load, and others on the same
storage that take over: of each call and event, in both directions, it is known
what became of it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from jetjstp import jstp
from tests.interop.processes import ChildProcess
from tests.storage.accounting import Caller, readLog
from tests.storage.redisserver import RedisServer, requireRedis

reactor = cast(Any, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

KILLS = 3

CLIENTS = 3

INTERVAL = 0.2
"""Seconds between records with "handover", where that is looked at."""

SEED_VARIABLE = "JETJSTP_SEED"


class Taking(TestCase):
    """For subclasses that have L{storage}: several servers, and clients that account for everything."""

    timeout = 120

    storage = ""

    def setUp(self) -> None:
        """Nobody is there yet."""
        # Not in trial's folder: the path of a socket has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="jetjstp-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = ""
        self.processes: list[ChildProcess] = []
        self.callers: list[Caller] = []

    async def tearDown(self) -> None:  # type: ignore[override]  # trial waits for it
        """First the clients: they would look for their server."""
        for caller in self.callers:
            await caller.close()
        for process in self.processes:
            await process.kill()

    async def serve(self, *options: str) -> tuple[str, ChildProcess]:
        """Start a server; its address and its process."""
        socket = str(self.folder / f"{len(self.processes)}.sock")
        arguments = [self.storage, socket, str(self.folder / "log"), f"server{len(self.processes)}", *options]
        command = [sys.executable, "-m", "tests.storage.takingserver", *arguments]
        process = ChildProcess(reactor, command, PYTHONPATH=str(ROOT))
        self.processes.append(process)
        self.assertEqual(await process.nextLine(), "ready")
        return f"unix:{socket}", process

    async def serveAll(self, count: int, *options: str) -> list[tuple[str, ChildProcess]]:
        """Start several, one after the other: on a busy machine each has its time limit."""
        served = [await self.serve(*options) for _ in range(count)]
        self.address = served[0][0]
        return served

    async def connect(self, count: int) -> list[Caller]:
        """Clients; when they have lost their connection they go to L{address}."""
        self.callers = [Caller(reactor, index, lambda: self.address) for index in range(count)]
        await gatherResults([Deferred.fromCoroutine(caller.connect()) for caller in self.callers])
        return self.callers

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true."""
        while not condition():
            await deferLater(reactor, 0.01)

    async def load(self, chance: random.Random, seconds: float) -> None:
        """All clients call and emit for so long, and until each of them has got an answer."""
        answered = [caller.answered for caller in self.callers]
        end = reactor.seconds() + seconds
        while reactor.seconds() < end or any(
            caller.answered == before for caller, before in zip(self.callers, answered, strict=True)
        ):
            chance.choice(self.callers).send()
            await deferLater(reactor, chance.choice([0, 0, 0.001, 0.004]))

    async def settle(self) -> None:
        """All clients are connected, and say something more; then all that was sent has an end."""
        await self.until(lambda: all(caller.connection.handshakeDone for caller in self.callers))
        for caller in self.callers:
            caller.send()
        await self.until(lambda: all(caller.isIdle and caller.echoes[-1:] == [caller.last] for caller in self.callers))
        # What the server has asked last may still be on its way.
        await deferLater(reactor, 0.05)

    async def atRandom(self, test: Callable[[random.Random], Awaitable[None]]) -> None:
        """Run a test that leaves much to chance; if it fails, it says with which, for C{JETJSTP_SEED}."""
        seed = int(os.environ.get(SEED_VARIABLE, random.randrange(2**32)))
        try:
            await test(random.Random(seed))
        except AssertionError as error:
            raise self.failureException(f"{SEED_VARIABLE}={seed}: {error}") from error

    async def killed(self, chance: random.Random) -> None:
        """One server after the other is killed at a random moment, while all clients call and emit all the time."""
        (_, process), *others = await self.serveAll(KILLS + 1)
        callers = await self.connect(CLIENTS)
        for following in others:
            await self.load(chance, chance.uniform(0.02, 0.25))
            self.address = following[0]
            await process.kill()
            process = following[1]
            for caller in callers:
                for _ in range(chance.randrange(10)):
                    caller.send()
            await self.until(lambda: all(caller.connection.handshakeDone for caller in callers))
        await self.settle()
        log = readLog(self.folder / "log")
        for caller in callers:
            caller.check(self, log)
            # In the session is what the last message has put there.
            self.assertEqual(await caller.connection.callMethod("i", "last"), [caller.last])
        self.assertEqual(len({server for _, _, server in log}), KILLS + 1)
        self.assertGreater(sum(caller.answered for caller in callers), sum(caller.sent for caller in callers) / 2)

    async def frozen(self) -> None:
        """A server that was frozen while another took over does nothing more for the session when it wakes up."""
        (_, process), (other, _) = await self.serveAll(2)
        [caller] = await self.connect(1)
        caller.send()
        await self.settle()
        await deferLater(reactor, 0.1)  # in the midst of writing to a file it would keep it from the other
        cast(Any, process).transport.signalProcess(signal.SIGSTOP)
        for _ in range(10):
            caller.send()  # to be read when it wakes up
        await deferLater(reactor, 0.1)
        self.assertEqual(len(readLog(self.folder / "log")), 5)  # with the answer to its own call
        self.address = other
        await jstp.net.reconnect(caller.connection, other)
        await self.settle()
        cast(Any, process).transport.signalProcess(signal.SIGCONT)
        self.assertEqual(await process.nextLine(), "taken")
        await self.settle()
        log = readLog(self.folder / "log")
        caller.checkComplete(self, log)
        self.assertEqual(caller.answered, caller.sent)
        self.assertEqual([number for number, _ in caller.mine(log, "call")], caller.numbers())

    async def stopped(self, durability: str) -> None:
        """A server that is stopped in order under load leaves everything to the next one."""
        (_, process), (following, _) = await self.serveAll(2, durability)
        callers = await self.connect(2)
        await self.load(random.Random(), 0.1)
        if durability != "None":  # else the sessions are stored only when the clients have gone
            self.address = following
        await process.leave()
        self.address = following
        self.assertEqual(process.errors, "")
        await self.settle()
        log = readLog(self.folder / "log")
        for caller in callers:
            caller.checkComplete(self, log)

    async def killedBetweenRecords(self, chance: random.Random) -> None:
        """
        With "handover" a server that is killed takes with it what it has not recorded: at most what has happened since
        the last time. All else is kept as ever, and who calls is told in any case.
        """
        options = ("handover", str(INTERVAL))
        (_, process), (following, _) = await self.serveAll(2, *options)
        callers = await self.connect(2)
        await self.load(chance, 4 * INTERVAL + chance.uniform(0, INTERVAL))
        self.address = following
        killed = reactor.seconds()
        await process.kill()
        await self.settle()
        log = readLog(self.folder / "log")
        for caller in callers:
            self.assertEqual(caller.lost, [])
            self.assertEqual(sorted(caller.outcomes), caller.numbers())
            recorded = [number for number, time in caller.times.items() if time < killed - 2.5 * INTERVAL]
            after = [number for number, time in caller.times.items() if time > killed]
            self.assertGreater(len(recorded), 10)
            for what in ("call", "event"):
                ran = [number for number, _ in caller.mine(log, what)]
                for number in [*recorded, *after]:
                    self.assertEqual(ran.count(number), 1, f"{what} {number}")
            for number in [*recorded, *after]:
                self.assertEqual(caller.outcomes[number], 2 * number)
                self.assertEqual(caller.echoes.count(number), 1)


class SqliteTakeoverTests(Taking):
    """With C{sqlite:}."""

    def setUp(self) -> None:
        """A file."""
        super().setUp()
        self.storage = f"sqlite:{self.folder / 'sessions.sqlite'}"

    async def test_killed(self) -> None:
        """Of servers that are killed under load, another one on the same file takes over all that was promised."""
        await self.atRandom(self.killed)

    async def test_killedBetweenRecords(self) -> None:
        """With "handover" it takes over all but what the last moment has brought."""
        await self.atRandom(self.killedBetweenRecords)

    async def test_frozen(self) -> None:
        """A server that wakes up is fenced off."""
        await self.frozen()

    async def test_stopped(self) -> None:
        """With "always", nothing is missing after a server that was stopped."""
        await self.stopped("always")

    async def test_stoppedWithHandover(self) -> None:
        """Nor with "handover"."""
        await self.stopped("handover")

    async def test_stoppedWithout(self) -> None:
        """Nor without a durability."""
        await self.stopped("None")


class RedisTakeoverTests(Taking):
    """With C{redis:}."""

    def setUp(self) -> None:
        """A Redis server."""
        super().setUp()
        requireRedis()
        redis = RedisServer()
        self.addCleanup(redis.stop)
        redis.start()
        self.storage = f"redis:unix://{redis.path}"

    async def test_killed(self) -> None:
        """Of servers that are killed under load, another one on the same Redis takes over all that was promised."""
        await self.atRandom(self.killed)

    async def test_frozen(self) -> None:
        """A server that wakes up is fenced off."""
        await self.frozen()

    async def test_stopped(self) -> None:
        """With "always", nothing is missing after a server that was stopped."""
        await self.stopped("always")
