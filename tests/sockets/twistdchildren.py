"""
C{twistd} as a user runs it: child processes and their last words.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IProcessTransport, IReactorCore, IReactorProcess, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from jetjstp.framing import LengthPrefixed

__all__ = ["LOOPBACK", "TWISTD", "Child", "TwistdTestCase", "reactor"]


class AllOfReactor(IReactorCore, IReactorProcess, IReactorTCP, IReactorTime):
    """What these tests need of the reactor."""


reactor = cast(AllOfReactor, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

TWISTD = "from twisted.scripts.twistd import run; run()"

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Child(ProcessProtocol):
    """
    A child process.

    @ivar ended: Fires with how it ended, as C{(status, signal)}.
    """

    def __init__(self) -> None:
        self.output = ""
        self.errors = ""
        self.ended: Deferred[tuple[int | None, int | None]] = Deferred()
        self._wanted: list[tuple[str, Deferred[str]]] = []

    def outReceived(self, data: bytes) -> None:
        """Keep it, and look whether somebody waits for it."""
        self.output += data.decode("utf-8")
        for wanted in self._wanted[:]:
            match = re.search(wanted[0], self.output)
            if match:
                self._wanted.remove(wanted)
                wanted[1].callback(match[1])

    def errReceived(self, data: bytes) -> None:
        """Keep it."""
        self.errors += data.decode("utf-8")

    def processEnded(self, reason: Failure) -> None:
        """Nothing more will come."""
        for _, found in self._wanted:
            found.errback(AssertionError(f"ended with {self.output}{self.errors}"))
        value = cast(Any, reason.value)
        self.ended.callback((value.exitCode, value.signal))

    def find(self, pattern: str) -> Deferred[str]:
        """The first group of a pattern, as soon as the output has it."""
        match = re.search(pattern, self.output)
        found: Deferred[str] = Deferred()
        if match:
            found.callback(match[1])
        else:
            self._wanted.append((pattern, found))
        return found


class Answers(Protocol):
    """Sends requests to a daemon and collects as many answers."""

    def __init__(self, requests: Sequence[dict[str, Any]]) -> None:
        self._requests = requests
        self._framing = LengthPrefixed(1_000_000)
        self._answers: list[Any] = []
        self.complete: Deferred[list[Any]] = Deferred()

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        for request in self._requests:
            self.transport.write(LengthPrefixed.pack(json.dumps(request).encode("utf-8")))

    def dataReceived(self, data: bytes) -> None:
        """Collect."""
        self._answers += [json.loads(message) for message in self._framing.feed(data)]
        if len(self._answers) == len(self._requests) and not self.complete.called:
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Hand over what came."""
        self.complete.callback(self._answers)


class TwistdTestCase(TestCase):
    """Tests of what C{twistd} runs."""

    timeout = 60

    def setUp(self) -> None:
        """Every test has its folder, in which its children run."""
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir(parents=True)

    def twistd(
        self,
        *arguments: str,
        program: str = TWISTD,
        environment: Mapping[str, str] | None = None,
        files: Mapping[int, int | str] | None = None,
        isOnTerminal: bool = False,
    ) -> Child:
        """
        Run twistd with arguments.

        @param program: What runs it, for children that have something to be done before.
        @param files: File descriptors of the child, if it needs others than the usual ones.
        @param isOnTerminal: Whether it runs on a terminal of its own, instead of having pipes.
        """
        child = Child()
        paths = [str(self.folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        transport = reactor.spawnProcess(
            child,
            sys.executable,
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})},
            path=str(self.folder),
            childFDs=files,
            usePTY=isOnTerminal,
        )
        self.addCleanup(self.end, child, transport)
        return child

    async def end(self, child: Child, transport: IProcessTransport) -> None:
        """See to it that a child is gone."""
        if not child.ended.called:
            transport.signalProcess("KILL")
            await child.ended

    def jet(self, *arguments: str, **more: Any) -> Child:
        """Run twistd jet in the foreground."""
        return self.twistd("-n", "--pidfile=", "jet", *arguments, **more)

    def signal(self, child: Child, name: str) -> None:
        """Send a signal to a child."""
        cast(IProcessTransport, child.transport).signalProcess(name)

    async def stop(self, child: Child) -> None:
        """Stop a child as systemd does, and see that it ends in order."""
        self.signal(child, "TERM")
        # Twisted ends as the signal would have ended it, after it has stopped everything.
        self.assertEqual(await child.ended, (None, 15), child.output + child.errors)
        self.assertIn("stopped: ", child.output)
        self.assertEqual(child.errors, "")
        self.assertNotIn("Traceback", child.output)

    async def refused(self, arguments: Sequence[str], *words: str) -> Child:
        """Run twistd jet, which says in one last line why it will not."""
        child = self.jet(*arguments)
        await self.assertRefused(child, *words)
        return child

    async def assertRefused(self, child: Child, *words: str) -> None:
        """A child ends with status 1, and its last line has all of the words."""
        self.assertEqual(await child.ended, (1, None), child.output + child.errors)
        last = child.errors.splitlines()[-1]
        for word in words:
            self.assertIn(word, last)
        self.assertNotIn("Traceback", child.output + child.errors)
        self.assertNotIn("\n  File", child.output + child.errors)

    def write(self, name: str, text: str) -> None:
        """Write a file into the folder of the test."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def takenPort(self) -> int:
        """A port that somebody listens on."""
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        return cast(int, taken.getsockname()[1])

    async def ask(self, port: int, *requests: dict[str, Any]) -> list[Any]:
        """What a daemon answers."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        answers = Answers(requests)
        await endpoint.connect(Factory.forProtocol(lambda: answers))
        return await answers.complete
