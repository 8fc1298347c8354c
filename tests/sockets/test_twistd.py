"""
C{twistd jet} as a user runs it: child processes and their last words.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IProcessTransport, IReactorCore, IReactorProcess, IReactorTCP
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from jetjstp import __version__
from jetjstp.framing import LengthPrefixed
from jetjstp.policies.passwords import hashPassword


class AllOfReactor(IReactorCore, IReactorProcess, IReactorTCP):
    """What these tests need of the reactor."""


reactor = cast(AllOfReactor, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

TWISTD = "from twisted.scripts.twistd import run; run()"

LOOPBACK = "tcp:0:interface=127.0.0.1"

LATE_ENDPOINT = """
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer


def refuse():
    raise CannotListenError("", "late", OSError(98, "Address already in use"))


@implementer(IStreamServerEndpoint)
class Late:
    def __init__(self, reactor):
        self.reactor = reactor

    def listen(self, factory):
        return deferLater(self.reactor, 0.1, refuse)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class Parser:
    prefix = "late"

    def parseStreamServer(self, reactor, *args, **kwargs):
        return Late(reactor)


late = Parser()
"""
"""A plugin with an endpoint that finds out only after a while that it cannot listen."""


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


class TwistdTests(TestCase):
    """C{twistd -n jet}."""

    timeout = 60

    def setUp(self) -> None:
        """Every test has its folder, in which its children run."""
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir(parents=True)

    def twistd(self, *arguments: str) -> Child:
        """Run twistd with arguments."""
        child = Child()
        paths = [str(self.folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        transport = reactor.spawnProcess(
            child,
            sys.executable,
            [sys.executable, "-c", TWISTD, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            path=str(self.folder),
        )
        self.addCleanup(self.end, child, transport)
        return child

    async def end(self, child: Child, transport: IProcessTransport) -> None:
        """See to it that a child is gone."""
        if not child.ended.called:
            transport.signalProcess("KILL")
            await child.ended

    def jet(self, *arguments: str) -> Child:
        """Run twistd jet in the foreground."""
        return self.twistd("-n", "--pidfile=", "jet", *arguments)

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

    async def test_serves(self) -> None:
        """It says where it listens and who may come in, serves there, and stops in order when it is told to."""
        users = {"joe": {"password": hashPassword("s3cret"), "auth": {"fetchGroups": ["staff"]}}}
        self.write("users.json", json.dumps(users))
        child = self.jet("--listen", LOOPBACK, "--listen-websocket", LOOPBACK, "--auth-policy", "users:users.json")
        port = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(TCP\)"))
        await child.find(r"listening on 127\.0\.0\.1:(\d+) \(WebSocket\)")
        await child.find(r"(logins are checked by the policy 'users')")
        answers = await self.ask(
            port,
            {"id": 1, "method": "info"},
            {"id": 2, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}},
            {"id": 3, "method": "authenticate", "params": {"user": "joe", "password": "wrong"}},
        )
        self.assertEqual([answer["id"] for answer in answers], [1, 2, 3])
        self.assertEqual(answers[0]["result"]["name"], "jetjstp")
        self.assertEqual(answers[1]["result"], {"fetchGroups": ["staff"]})
        self.assertEqual(answers[2]["error"]["data"], {"invalidPassword": True})
        # Twisted ends as the signal would have ended it, after it has stopped everything.
        cast(IProcessTransport, child.transport).signalProcess("TERM")
        self.assertEqual(await child.ended, (None, 15))
        self.assertIn("Server Shut Down.", child.output)
        self.assertEqual(child.errors, "")
        self.assertNotIn("Traceback", child.output)

    async def test_portTaken(self) -> None:
        """A port that is taken is named, and nothing stays behind: no socket of another listener, no PID file."""
        taken = f"tcp:{self.takenPort()}:interface=127.0.0.1"
        alone, second, webSocket, daemonized = (
            self.jet("--listen", taken),
            self.twistd("-n", "jet", "--listen", "unix:jet.sock", "--listen", LOOPBACK, "--listen", taken),
            self.jet("--listen", LOOPBACK, "--listen-websocket", taken),
            self.twistd("--pidfile=other.pid", "jet", "--listen", taken),
        )
        for child in (alone, second):
            await self.assertRefused(child, f"--listen {taken}: ", "in use", "choose another port")
        await self.assertRefused(webSocket, f"--listen-websocket {taken}: ", "in use", "choose another port")
        # In the background it is the parent that speaks; only the beginning of the message reaches it.
        await daemonized.ended
        self.assertIn(f"--listen {taken}: ", daemonized.errors)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["twistd.log"])

    async def test_usersFile(self) -> None:
        """A users file that is not there or not readable is named, with the place of the mistake."""
        self.write("users.json", '{"joe": {\n  "password": "s3cret",,\n}}')
        self.write("users.toml", '[joe]\npassword = "s3cret\n')
        self.write("shape.json", '{"joe": {"pasword": "s3cret"}}')
        await gatherResults(
            [
                Deferred.fromCoroutine(self.refused(["--auth-policy", f"users:{name}"], "--auth-policy", name, *words))
                for name, *words in (
                    ("missing.json", "does not exist", "create it"),
                    ("users.json", "not JSON", "line 2"),
                    ("users.toml", "not TOML", "line 2"),
                    ("shape.json", "'joe'", "'pasword'", "looks like this"),
                )
            ],
            consumeErrors=True,
        )

    async def test_options(self) -> None:
        """Options that are unknown, contradict each other or would let everybody in are refused with the remedy."""
        await gatherResults(
            [
                Deferred.fromCoroutine(self.refused(arguments, *words))
                for arguments, words in (
                    (["--anonymus"], ["--anonymus", "did you mean --anonymous?"]),
                    (["--listen", "tcp:0"], ["--listen tcp:0", "--auth-policy", "--anonymous"]),
                    (["--listen-websocket", "tcp:0"], ["--listen-websocket tcp:0", "--auth-policy", "--anonymous"]),
                    (["--listen", "none", "--listen-websocket", "none"], ["--listen none", "drop one"]),
                    (["--ws-ping", "5000"], ["--ws-ping", "did you mean 5.0?"]),
                )
            ],
            consumeErrors=True,
        )

    async def test_late(self) -> None:
        """An endpoint that fails only after a while ends the process with the same last line and status."""
        self.write("twisted/plugins/late_endpoint.py", LATE_ENDPOINT)
        child = self.twistd("-n", "jet", "--listen", LOOPBACK, "--listen", "late:x", "--anonymous")
        await self.assertRefused(child, "--listen late:x: ", "in use", "choose another port")
        self.assertIn("Server Shut Down.", child.output)
        self.assertFalse((self.folder / "twistd.pid").exists())

    async def test_information(self) -> None:
        """What only asks for information is answered with success, and nothing is started."""
        children = [self.jet(option) for option in ("--version", "--help-auth-policy", "--help")]
        for child, answer in zip(
            children, (f"jetjstp {__version__.public()}\n", "users:FILE", "--listen-websocket"), strict=True
        ):
            self.assertEqual(await child.ended, (0, None))
            self.assertIn(answer, child.output)
            self.assertEqual(child.errors, "")
