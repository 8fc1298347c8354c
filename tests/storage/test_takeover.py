"""Servers that are killed, or freeze, and others on the same storage that take over."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from jetjstp import jstp
from tests.interop.processes import ChildProcess
from tests.storage.redisserver import RedisServer, requireRedis

reactor = cast(Any, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

KILLS = 4


class Taking(TestCase):
    """
    For subclasses that have L{storage}: several servers, and a client that counts.

    @ivar outcomes: By its number, what became of a call: the result, or the exception.
    @ivar echoes: The events that the client got, one for each that it sent.
    """

    timeout = 120

    storage = ""

    def setUp(self) -> None:
        """Nobody is there yet."""
        # Not in trial's folder: the path of a socket has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="jetjstp-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = ""
        self.processes: list[ChildProcess] = []
        self.connection: jstp.Connection | None = None
        self.attempt: IDelayedCall | None = None
        self.sent = 0
        self.outcomes: dict[int, Any] = {}
        self.echoes: list[int] = []
        self.lost: list[Any] = []

    async def tearDown(self) -> None:  # type: ignore[override]  # trial waits for it
        """First the client: it would look for its server."""
        if self.connection is not None:
            await self.connection.close()
        if self.attempt is not None and self.attempt.active():
            self.attempt.cancel()
        for process in self.processes:
            await process.kill()

    async def serve(self) -> tuple[str, ChildProcess]:
        """Start a server; its address and its process."""
        socket = str(self.folder / f"{len(self.processes)}.sock")
        arguments = [self.storage, socket, str(self.folder / "log"), f"server{len(self.processes)}"]
        command = [sys.executable, "-m", "tests.storage.takingserver", *arguments]
        process = ChildProcess(reactor, command, PYTHONPATH=str(ROOT))
        self.processes.append(process)
        self.assertEqual(await process.nextLine(), "ready")
        return f"unix:{socket}", process

    async def connect(self) -> jstp.Connection:
        """The client; when it has lost its connection it goes to L{address}."""

        def reconnector(connection: jstp.Connection, reconnect: Any) -> None:
            self.attempt = reactor.callLater(0.02, reconnect, self.address)

        mine = jstp.Application("client", {}, {"i": {"echo": lambda connection, number: self.echoes.append(number)}})
        connection = await jstp.net.connect("app", jstp.Client(mine, reconnector=reconnector), self.address)
        self.connection = connection
        connection.on("sessionLost", self.lost.append)
        return connection

    def send(self, connection: jstp.Connection) -> None:
        """Send a call and an event."""
        number = self.sent
        self.sent += 1
        calling = connection.callMethod("i", "double", [number])
        calling.addCallbacks(lambda results: results[0], lambda failure: failure.value)
        calling.addCallback(lambda outcome: self.outcomes.__setitem__(number, outcome))
        connection.emitRemoteEvent("i", "say", [number])

    async def until(self, condition: Any) -> None:
        """Wait until something is true."""
        while not condition():
            await deferLater(reactor, 0.01)

    def logged(self, what: str) -> list[int]:
        """The numbers of the calls that have run, or of the events that were heard, on any server, in order."""
        lines = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        return [int(number) for kind, number, _ in lines if kind == what]

    def assertAccounted(self) -> None:
        """No call ran twice, each has its answer or is lost; no event came twice or out of order."""
        calls, events = self.logged("call"), self.logged("event")
        self.assertEqual(self.lost, [])
        self.assertEqual(sorted(self.outcomes), list(range(self.sent)))
        self.assertEqual(len(calls), len(set(calls)), "a call has run twice")
        for number, outcome in self.outcomes.items():
            if isinstance(outcome, Exception):
                self.assertIsInstance(outcome, jstp.CallbackLost)
            else:
                self.assertEqual(outcome, 2 * number)
                self.assertIn(number, calls)
        self.assertEqual(events, sorted(set(events)))
        self.assertEqual(self.echoes, sorted(set(self.echoes)))
        self.assertLessEqual(set(self.echoes), set(events))

    async def killed(self) -> None:
        """One server after the other is killed at a random moment, while a client calls and emits all the time."""
        self.address, process = await self.serve()
        connection = await self.connect()
        for _ in range(KILLS):
            following = await self.serve()
            answered = len(self.outcomes)
            end = reactor.seconds() + random.uniform(0.05, 0.3)
            while reactor.seconds() < end or len(self.outcomes) == answered:
                self.send(connection)
                await deferLater(reactor, random.choice([0, 0, 0.001, 0.005]))
            self.address = following[0]
            await process.kill()
            process = following[1]
            for _ in range(10):
                self.send(connection)
            await self.until(lambda: connection.handshakeDone)
        self.send(connection)
        await self.until(lambda: len(self.outcomes) == self.sent)
        [last] = await connection.callMethod("i", "last")
        self.assertAccounted()
        # What was sent to the last server is all there: nothing has happened to it.
        self.assertEqual((last, self.outcomes[last]), (self.sent - 1, 2 * last))
        self.assertEqual(self.echoes[-1], last)
        answered = sum(not isinstance(outcome, Exception) for outcome in self.outcomes.values())
        self.assertGreater(answered, self.sent / 2)

    async def frozen(self) -> None:
        """A server that was frozen while another took over does nothing more for the session when it wakes up."""
        self.address, process = await self.serve()
        connection = await self.connect()
        self.send(connection)
        await self.until(lambda: len(self.outcomes) == len(self.echoes) == 1)
        other, _ = await self.serve()
        await deferLater(reactor, 0.1)  # in the midst of writing to a file it would keep it from the other
        cast(Any, process).transport.signalProcess(signal.SIGSTOP)
        for _ in range(10):
            self.send(connection)  # to be read when it wakes up
        await deferLater(reactor, 0.1)
        self.assertEqual(self.logged("call"), [0])
        await jstp.net.reconnect(connection, other)
        self.send(connection)
        await self.until(lambda: len(self.outcomes) == len(self.echoes) == 12)
        cast(Any, process).transport.signalProcess(signal.SIGCONT)
        self.assertEqual(await process.nextLine(), "taken")
        self.send(connection)
        await self.until(lambda: len(self.outcomes) == len(self.echoes) == 13)
        self.assertAccounted()
        self.assertEqual(self.logged("call"), list(range(13)))
        self.assertFalse([each for each in self.outcomes.values() if isinstance(each, Exception)])


class SqliteTakeoverTests(Taking):
    """With C{sqlite:}."""

    def setUp(self) -> None:
        """A file."""
        super().setUp()
        self.storage = f"sqlite:{self.folder / 'sessions.sqlite'}"

    async def test_killed(self) -> None:
        """Of servers that are killed under load, another one on the same file takes over all that was promised."""
        await self.killed()

    async def test_frozen(self) -> None:
        """A server that wakes up is fenced off."""
        await self.frozen()


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
        await self.killed()

    async def test_frozen(self) -> None:
        """A server that wakes up is fenced off."""
        await self.frozen()
